internal import CKernels
internal import Diagnostics

extension Tensor {
  /// Entries along an axis in ascending (or descending) order, and where they stood; stable.
  ///
  /// NaN counts as the largest, as it does for `max` and `argmax`: last ascending, first descending.
  public func sorted(
    axis: Int = -1, descending: Bool = false
  ) throws -> (values: Tensor, indices: Tensor) {
    let axis = try Shape.axis(axis, of: shape)
    return try ordered(axis, keep: shape[axis], descending: descending)
  }

  /// The `k` largest (or smallest) entries along an axis, best first, and where they stood; NaN counts
  /// as the largest.
  public func topK(
    _ k: Int, axis: Int = -1, largest: Bool = true
  ) throws -> (values: Tensor, indices: Tensor) {
    let axis = try Shape.axis(axis, of: shape)
    guard (0...shape[axis]).contains(k) else {
      throw KilpiError("k is \(k), the axis has \(shape[axis]) entries")
    }
    return try ordered(axis, keep: k, descending: largest)
  }

  private func ordered(
    _ axis: Int, keep: Int, descending: Bool
  ) throws -> (values: Tensor, indices: Tensor) {
    let n = shape[axis]
    let moved = try detached().transposed(axis, rank - 1)
    // The order of a run with its copy while merging, and what is kept of all runs.
    let places = n.multipliedClamped(by: 2).addingClamped(
      n == 0 ? 0 : (count / n).multipliedClamped(by: keep))
    let indices = try MemoryReservation.holding(places, of: Int64.self) {
      // int64 as it is: float64 holds integers up to 2⁵³ only.
      dtype == .int64
        ? try Self.order(moved.integers(), n, keep: keep, descending: descending)
        : try Self.order(moved.doubles(), n, keep: keep, descending: descending)
    }
    let picks = try Tensor(indices, shape: Array(moved.shape.dropLast()) + [keep])
      .transposed(axis, rank - 1).ordered()
    return (try gathered(axis, picks), picks)
  }

  /// The order of each run of `n` values, cut to `keep`; what does not equal itself (NaN) is the largest.
  private static func order<Value: Comparable>(
    _ values: [Value], _ n: Int, keep: Int, descending: Bool
  ) throws -> [Int64] {
    var indices: [Int64] = []
    indices.reserveCapacity(n == 0 ? 0 : values.count / n * keep)
    try values.withUnsafeBufferPointer { values in
      for start in stride(from: 0, to: values.count, by: Swift.max(n, 1)) {
        let order = try MergeSort.order(n) { left, right in
          let (a, b) = (values[start + Int(left)], values[start + Int(right)])
          if a == b { return left < right }
          // NaN is the largest value, as in PyTorch.
          let (isLeftNaN, isRightNaN) = (a != a, b != b)
          if isLeftNaN || isRightNaN {
            return isLeftNaN == isRightNaN ? left < right : descending ? isLeftNaN : isRightNaN
          }
          return descending ? a > b : a < b
        }
        indices.append(contentsOf: order.prefix(keep))
      }
    }
    return indices
  }

  /// Running sum along an axis; int64 wraps.
  ///
  /// Gradient: the running sum from the end.
  public func cumulativeSum(axis: Int) throws -> Tensor {
    try cumulated(axis, reverse: false)
  }

  private func cumulated(_ axis: Int, reverse: Bool) throws -> Tensor {
    let axis = try Shape.axis(axis, of: shape)
    let source = try ordered()
    let result = try Tensor(uninitialized: shape, dtype)
    let (outer, inner) = (shape[..<axis].reduce(1, *), shape[(axis + 1)...].reduce(1, *))
    keeping(source) {
      kilpi_cumulate(dtype.code, source.raw, result.raw, outer, shape[axis], inner, reverse)
    }
    return Tensor.record("cumsum", result, from: [self]) { g, _ in
      [try g.cumulated(axis, reverse: !reverse)]
    }
  }
}

/// Sorting in pieces that are merged, with looks at the interrupt flag between them.
enum MergeSort {
  /// Entries sorted, or merged, between two looks.
  private static let piece = 1 << 15

  /// The numbers `0 ..< count` in the order of `precedes`, which must leave none of them equal.
  ///
  /// - Throws: `KilpiError` on interrupt.
  static func order(
    _ count: Int, by precedes: (Int64, Int64) -> Bool
  ) throws -> [Int64] {
    try Interrupts.poll()
    var order = (0..<Int64(count)).map { $0 }
    guard count > piece else {
      order.sort(by: precedes)
      return order
    }
    for start in stride(from: 0, to: count, by: piece) {
      try Interrupts.poll()
      order[start..<min(start + piece, count)].sort(by: precedes)
    }
    var merged = [Int64](repeating: 0, count: count)
    var width = piece
    while width < count {
      try order.withUnsafeBufferPointer { from in
        try merged.withUnsafeMutableBufferPointer { into in
          for start in stride(from: 0, to: count, by: 2 * width) {
            let middle = min(start + width, count)
            try merge(
              from, start..<middle, middle..<min(middle + width, count), into: into, by: precedes)
          }
        }
      }
      swap(&order, &merged)
      width *= 2
    }
    return order
  }

  /// Merges two neighbouring sorted ranges of `from` to the same places of `into`.
  private static func merge(
    _ from: UnsafeBufferPointer<Int64>, _ left: Range<Int>, _ right: Range<Int>,
    into: UnsafeMutableBufferPointer<Int64>, by precedes: (Int64, Int64) -> Bool
  ) throws {
    var (a, b) = (left.lowerBound, right.lowerBound)
    for place in left.lowerBound..<right.upperBound {
      if place & (piece - 1) == 0 { try Interrupts.poll() }
      if b == right.upperBound || a < left.upperBound && !precedes(from[b], from[a]) {
        into[place] = from[a]
        a += 1
      } else {
        into[place] = from[b]
        b += 1
      }
    }
  }
}
