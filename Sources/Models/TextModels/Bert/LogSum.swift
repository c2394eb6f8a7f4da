internal import Glibc

/// `log Σ exp`, kept apart so that only this file needs the C library.
enum LogSum {
  /// `log Σ exp(values)`, around the largest.
  static func of(_ values: ArraySlice<Double>) -> Double {
    let top = values.max() ?? 0
    var sum = 0.0
    for value in values { sum += exp(value - top) }
    return top + log(sum)
  }
}
