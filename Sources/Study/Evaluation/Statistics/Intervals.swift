internal import Glibc

/// A share of samples with what is known about it.
package struct Proportion: Equatable, Sendable {
  /// Samples for which the statement holds.
  package let count: Int
  /// Samples that were looked at.
  package let total: Int

  package init(_ count: Int, of total: Int) {
    self.count = count
    self.total = total
  }

  /// The share of true flags.
  package init(_ flags: [Bool]) { self.init(flags.lazy.filter { $0 }.count, of: flags.count) }

  /// `count / total`; nil when nothing was looked at.
  package var value: Double? { total > 0 ? Double(count) / Double(total) : nil }

  /// The standard normal quantile of 95 % intervals.
  package static let normalQuantile = 1.959964

  /// The Wilson interval at 95 %; nil when nothing was looked at.
  ///
  /// `(p + z²/2n ± z·√(p(1−p)/n + z²/4n²)) / (1 + z²/n)`, `z = 1.959964`; within `0 ... 1`, and
  /// exactly 0 or 1 at its end when no or all samples count.
  package var wilson: ClosedRange<Double>? {
    guard total > 0, (0...total).contains(count) else { return nil }
    let (n, z) = (Double(total), Self.normalQuantile)
    let p = Double(count) / n
    let middle = p + z * z / (2 * n)
    let half = z * (p * (1 - p) / n + z * z / (4 * n * n)).squareRoot()
    let scale = 1 + z * z / n
    let low = count == 0 ? 0 : max(0, (middle - half) / scale)
    let high = count == total ? 1 : min(1, (middle + half) / scale)
    return low...high
  }
}

/// Numbers that go with differences between shares.
package enum PairedTests {
  /// McNemar's exact two-sided p-value: how likely a split at least as uneven is when each of the
  /// samples on which two classifiers differ falls to either side with probability 1/2.
  ///
  /// `min(1, 2 · Σ_{i ≤ min(b, c)} C(b + c, i) / 2^(b+c))`, summed through logarithms, so that it
  /// holds for any count.
  ///
  /// - Parameters:
  ///   - lost: samples right before and wrong after.
  ///   - gained: samples wrong before and right after.
  package static func mcNemar(lost: Int, gained: Int) -> Double {
    let n = lost + gained
    guard n > 0, lost >= 0, gained >= 0 else { return 1 }
    let logTotal = lgamma(Double(n) + 1) - Double(n) * log(2.0)
    var sum = 0.0
    for i in 0...min(lost, gained) {
      sum += exp(logTotal - lgamma(Double(i) + 1) - lgamma(Double(n - i) + 1))
    }
    return min(1, 2 * sum)
  }

  /// Holm's step-down correction: the p-values that keep the chance of any false difference among all
  /// tests at the level.
  ///
  /// The i-th smallest of m becomes `max(the one before, min(1, (m − i + 1) · p))`.
  package static func holm(_ values: [Double]) -> [Double] {
    var corrected = values
    var last = 0.0
    for (place, index) in values.indices.sorted(by: { (values[$0], $0) < (values[$1], $1) })
      .enumerated()
    {
      last = max(last, min(1, Double(values.count - place) * values[index]))
      corrected[index] = last
    }
    return corrected
  }
}
