internal import CKernels
internal import Diagnostics

extension Tensor {
  /// Resolved axes in ascending order; all when nil.
  private func resolved(_ axes: [Int]?) throws -> [Int] {
    guard let axes else { return Array(0..<rank) }
    let indices = try axes.map { try Shape.axis($0, of: shape) }
    guard Set(indices).count == indices.count else {
      throw KilpiError("an axis is named twice in \(Shape.describe(axes))")
    }
    return indices.sorted()
  }

  private func reducedShape(_ axes: [Int], keep: Bool) -> [Int] {
    if keep { return shape.indices.map { axes.contains($0) ? 1 : shape[$0] } }
    return shape.indices.filter { !axes.contains($0) }.map { shape[$0] }
  }

  /// Folds over axes without recording.
  private func folded(_ op: kilpi_reduction, _ axes: [Int], keep: Bool) throws -> Tensor {
    let target = reducedShape(axes, keep: keep)
    // Neighbouring axes fold in place as [outer, n, inner]; others are moved to the end first.
    let neighbours = axes.isEmpty || axes == Array(axes[0]...axes[axes.count - 1])
    let source: Tensor
    var (outer, n, inner) = (1, 1, 1)
    if neighbours {
      source = try ordered()
      for axis in shape.indices {
        if axes.contains(axis) {
          n *= shape[axis]
        } else if let first = axes.first, axis > first {
          inner *= shape[axis]
        } else {
          outer *= shape[axis]
        }
      }
    } else {
      let kept = shape.indices.filter { !axes.contains($0) }
      source = try detached().permuted(kept + axes).ordered()
      outer = kept.map { shape[$0] }.reduce(1, *)
      n = axes.map { shape[$0] }.reduce(1, *)
    }
    let result = try Tensor(uninitialized: target, dtype)
    if n == 0, outer * inner > 0, op == KILPI_MAX || op == KILPI_MIN {
      throw KilpiError("\(Shape.describe(shape)) has no entries to compare")
    }
    keeping(source) {
      kilpi_reduce(dtype.code, op, source.raw, result.raw, outer, n, inner)
    }
    return result
  }

  /// Sum over axes (all when nil); accumulated in float64.
  public func sum(axes: [Int]? = nil, keepDimensions: Bool = false) throws -> Tensor {
    let axes = try resolved(axes)
    let result = try folded(KILPI_SUM, axes, keep: keepDimensions)
    let (original, kept) = (shape, reducedShape(axes, keep: true))
    return Tensor.record("sum", result, from: [self]) { g, _ in
      [try g.reshaped(kept).expanded(original)]
    }
  }

  /// Mean over axes (all when nil).
  public func mean(axes: [Int]? = nil, keepDimensions: Bool = false) throws -> Tensor {
    let count = try resolved(axes).map { shape[$0] }.reduce(1, *)
    guard dtype == .int64 else {
      return try sum(axes: axes, keepDimensions: keepDimensions) / Double(count)
    }
    // float32 holds integers up to 2²⁴ only: rounded once, at the end.
    let wide = try converted(to: .float64).sum(axes: axes, keepDimensions: keepDimensions)
    return try (wide / Double(count)).converted(to: .float32)
  }

  /// Variance over axes, `Σ(x − mean)² / (n − correction)`; correction 1 by default, as in PyTorch.
  public func variance(
    axes: [Int]? = nil, keepDimensions: Bool = false, correction: Int = 1
  ) throws -> Tensor {
    if dtype == .int64 {
      return try converted(to: .float64).variance(
        axes: axes, keepDimensions: keepDimensions, correction: correction
      ).converted(to: .float32)
    }
    let count = try resolved(axes).map { shape[$0] }.reduce(1, *)
    let centred = try self - mean(axes: axes, keepDimensions: true)
    let total = try centred.square().sum(axes: axes, keepDimensions: keepDimensions)
    return try total / Double(Swift.max(count - correction, 0))
  }

  /// Standard deviation over axes: the root of `variance`.
  public func standardDeviation(
    axes: [Int]? = nil, keepDimensions: Bool = false, correction: Int = 1
  ) throws -> Tensor {
    try variance(axes: axes, keepDimensions: keepDimensions, correction: correction).sqrt()
  }

  /// Euclidean norm over axes.
  ///
  /// Gradient: `x / norm`, 0 where the norm is 0.
  public func norm(axes: [Int]? = nil, keepDimensions: Bool = false) throws -> Tensor {
    guard dtype.isFloatingPoint else { throw unsupported(dtype) }
    let axes = try resolved(axes)
    // Squares of 1e-30 vanish in float32: sum them in float64.
    let wide = try detached().converted(to: .float64)
    let root = try wide.square().folded(KILPI_SUM, axes, keep: keepDimensions).sqrt()
    let result = try root.converted(to: dtype)
    guard Tensor.willRecord([self]) else { return result }
    let (x, n) = (Saved(self), Saved(result))
    let kept = reducedShape(axes, keep: true)
    return Tensor.record("norm", result, from: [self]) { g, _ in
      let norm = try n.value().reshaped(kept)
      let zero = try Tensor.scalar(0, norm.dtype)
      let slope = try x.value() / norm
      let flat = try norm.equal(zero).expanded(slope.shape)
      return [try g.reshaped(kept) * Tensor.select(flat, zero, slope)]
    }
  }

  /// `log Σ eˣ` over axes, computed around the maximum, which cannot overflow.
  ///
  /// Gradient: softmax, 0 where all entries are −∞.
  public func logSumExp(axes: [Int]? = nil, keepDimensions: Bool = false) throws -> Tensor {
    let axes = try resolved(axes)
    let kept = reducedShape(axes, keep: true)
    let peak = try folded(KILPI_MAX, axes, keep: true)
    // Infinities are bounded, since their difference is not a number.
    let most = Double(Float.greatestFiniteMagnitude)
    let bounded = try peak.clamped(-most, most)
    let total = try (detached() - bounded).exp().sum(axes: axes, keepDimensions: true)
    let result = try (total.log() + bounded).reshaped(reducedShape(axes, keep: keepDimensions))
    guard Tensor.willRecord([self]) else { return result }
    let x = Saved(self)
    return Tensor.record("logsumexp", result, from: [self]) { g, _ in
      // The total is 1 at least, but for a row of −∞.
      let share = try g.reshaped(kept) / total.maximum(Tensor.scalar(1, total.dtype))
      return [try (x.value() - bounded).exp() * share]
    }
  }

  /// Product over axes (all when nil).
  public func product(axes: [Int]? = nil, keepDimensions: Bool = false) throws -> Tensor {
    let axes = try resolved(axes)
    let result = try folded(KILPI_PRODUCT, axes, keep: keepDimensions)
    guard Tensor.willRecord([self]) else { return result }
    let x = Saved(self)
    let kept = reducedShape(axes, keep: true)
    return Tensor.record("prod", result, from: [self]) { g, _ in
      let x = try x.value()
      return [try g.reshaped(kept) * x.productOfOthers(axes)]
    }
  }

  /// For each element, the product of the others along `axes`: by prefixes and suffixes, so that
  /// zeros do no harm.
  private func productOfOthers(_ axes: [Int]) throws -> Tensor {
    let kept = shape.indices.filter { !axes.contains($0) }
    let moved = try permuted(kept + axes)
    let n = axes.map { shape[$0] }.reduce(1, *)
    let values = try moved.doubles()
    var others = [Double](repeating: 1, count: values.count)
    for start in stride(from: 0, to: values.count, by: Swift.max(n, 1)) {
      var (before, after) = (1.0, 1.0)
      for i in 0..<n {
        others[start + i] *= before
        before *= values[start + i]
        others[start + n - 1 - i] *= after
        after *= values[start + n - 1 - i]
      }
    }
    var inverse = [Int](repeating: 0, count: rank)
    for (position, axis) in (kept + axes).enumerated() { inverse[axis] = position }
    return try Tensor(others, shape: moved.shape).converted(to: dtype).permuted(inverse)
  }

  /// Index of the first largest (or smallest) entry along an axis (int64), of all elements when nil.
  public func argmax(axis: Int? = nil, keepDimensions: Bool = false, smallest: Bool = false) throws
    -> Tensor
  {
    guard let axis else {
      guard count > 0 else { throw KilpiError("the tensor is empty") }
      return try reshaped([count]).argmax(axis: 0, smallest: smallest)
    }
    let index = try Shape.axis(axis, of: shape)
    guard
      shape[index] > 0
        || count == 0 && shape.enumerated().contains(where: { $0 != index && $1 == 0 })
    else { throw KilpiError("axis \(axis) of \(Shape.describe(shape)) is empty") }
    let moved = try detached().transposed(index, rank - 1).ordered()
    let outer = moved.shape.dropLast().reduce(1, *)
    let result = try Tensor(uninitialized: Array(moved.shape.dropLast()) + [1], .int64)
    keeping(moved) {
      kilpi_argmax(dtype.code, moved.raw, result.i64, outer, shape[index], smallest)
    }
    let kept = try result.transposed(index, rank - 1)
    return keepDimensions ? kept : try kept.squeezed(index)
  }

  /// Largest entry along an axis and its index.
  ///
  /// The gradient goes to the first largest.
  public func max(axis: Int, keepDimensions: Bool = false) throws -> (
    values: Tensor, indices: Tensor
  ) {
    try extreme(axis, keepDimensions, smallest: false)
  }

  /// Smallest entry along an axis and its index.
  ///
  /// The gradient goes to the first smallest.
  public func min(axis: Int, keepDimensions: Bool = false) throws -> (
    values: Tensor, indices: Tensor
  ) {
    try extreme(axis, keepDimensions, smallest: true)
  }

  private func extreme(
    _ axis: Int, _ keep: Bool, smallest: Bool
  ) throws -> (values: Tensor, indices: Tensor) {
    let indices = try argmax(axis: axis, keepDimensions: true, smallest: smallest)
    let values = try gathered(axis, indices)
    return keep ? (values, indices) : (try values.squeezed(axis), try indices.squeezed(axis))
  }

  /// Largest of all elements.
  public func max() throws -> Tensor { try reshaped([count]).nonEmpty().max(axis: 0).values }
  /// Smallest of all elements.
  public func min() throws -> Tensor { try reshaped([count]).nonEmpty().min(axis: 0).values }

  private func nonEmpty() throws -> Tensor {
    guard count > 0 else { throw KilpiError("the tensor is empty") }
    return self
  }
}
