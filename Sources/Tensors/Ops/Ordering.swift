internal import CKernels
internal import Diagnostics

extension Tensor {
  /// Entries along an axis in ascending (or descending) order, and where they stood; stable, NaN last.
  public func sorted(
    axis: Int = -1, descending: Bool = false
  ) throws -> (values: Tensor, indices: Tensor) {
    let axis = try Shape.axis(axis, of: shape)
    return try ordered(axis, keep: shape[axis], descending: descending)
  }

  /// The `k` largest (or smallest) entries along an axis, best first, and where they stood.
  public func topK(
    _ k: Int, axis: Int = -1, largest: Bool = true
  ) throws -> (values: Tensor, indices: Tensor) {
    let axis = try Shape.axis(axis, of: shape)
    guard (0...shape[axis]).contains(k) else {
      throw KilpiError("", "k is \(k), the axis has \(shape[axis]) entries")
    }
    return try ordered(axis, keep: k, descending: largest)
  }

  private func ordered(
    _ axis: Int, keep: Int, descending: Bool
  ) throws -> (values: Tensor, indices: Tensor) {
    let n = shape[axis]
    let moved = try detached().transposed(axis, rank - 1)
    let values = try moved.doubles()
    var indices: [Int64] = []
    indices.reserveCapacity(values.count)
    for start in stride(from: 0, to: values.count, by: Swift.max(n, 1)) {
      try Interrupts.poll()
      let order = (0..<n).sorted { left, right in
        let (a, b) = (values[start + left], values[start + right])
        if a.isNaN || b.isNaN { return a.isNaN == b.isNaN ? left < right : b.isNaN }
        if a == b { return left < right }
        return descending ? a > b : a < b
      }
      indices.append(contentsOf: order.prefix(keep).map { Int64($0) })
    }
    let picks = try Tensor(indices, shape: Array(moved.shape.dropLast()) + [keep])
      .transposed(axis, rank - 1).ordered()
    return (try gathered(axis, picks), picks)
  }

  /// Running sum along an axis. Gradient: the running sum from the end.
  public func cumulativeSum(axis: Int) throws -> Tensor {
    try cumulated(axis, reverse: false)
  }

  private func cumulated(_ axis: Int, reverse: Bool) throws -> Tensor {
    let axis = try Shape.axis(axis, of: shape)
    guard dtype.isFloatingPoint else { throw unsupported(dtype) }
    let source = try ordered()
    let result = try Tensor(uninitialized: shape, dtype)
    let (outer, inner) = (shape[..<axis].reduce(1, *), shape[(axis + 1)...].reduce(1, *))
    keeping(source) {
      if dtype == .float32 {
        kilpi_cumulate_f32(source.f32, result.f32, outer, shape[axis], inner, reverse)
      } else {
        kilpi_cumulate_f64(source.f64, result.f64, outer, shape[axis], inner, reverse)
      }
    }
    return Tensor.record("cumsum", result, from: [self]) { g, _ in
      [try g.cumulated(axis, reverse: !reverse)]
    }
  }
}
