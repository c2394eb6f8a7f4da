internal import CKernels
internal import Diagnostics

extension Tensor {
  /// The same elements in another shape; one size may be −1.
  ///
  /// A view where strides allow it.
  public func reshaped(_ sizes: [Int]) throws -> Tensor {
    var target = sizes
    guard sizes.allSatisfy({ $0 >= -1 }), sizes.filter({ $0 == -1 }).count <= 1 else {
      throw KilpiError(
        "\(Shape.describe(sizes)) is no shape", advice: "sizes are 0 or more, one may be -1")
    }
    if let unknown = sizes.firstIndex(of: -1) {
      target[unknown] = 1
      let rest = try Shape.count(target)
      guard rest > 0, count % rest == 0 else {
        throw KilpiError("\(count) elements do not fit the shape \(Shape.describe(sizes))")
      }
      target[unknown] = count / rest
    }
    guard try Shape.count(target) == count else {
      throw KilpiError(
        "\(Shape.describe(shape)) has \(count) elements, \(Shape.describe(target)) "
          + "has \(try Shape.count(target))")
    }
    if target == shape { return self }
    let original = shape
    let source = try ordered()
    let result = source.view(shape: target, strides: Shape.contiguousStrides(target))
    return Tensor.record("reshape", result, from: [self]) { g, _ in [try g.reshaped(original)] }
  }

  /// A view with axes in another order: axis `i` of the result is axis `order[i]` of this tensor.
  public func permuted(_ order: [Int]) throws -> Tensor {
    let axes = try order.map { try Shape.axis($0, of: shape) }
    guard axes.count == rank, Set(axes).count == rank else {
      throw KilpiError("\(Shape.describe(order)) does not name each of the \(rank) axes once")
    }
    let result = view(shape: axes.map { shape[$0] }, strides: axes.map { strides[$0] })
    var inverse = [Int](repeating: 0, count: rank)
    for (position, axis) in axes.enumerated() { inverse[axis] = position }
    return Tensor.record("permute", result, from: [self]) { [inverse] g, _ in
      [try g.permuted(inverse)]
    }
  }

  /// A view with two axes exchanged.
  public func transposed(_ first: Int = -2, _ second: Int = -1) throws -> Tensor {
    let (a, b) = (try Shape.axis(first, of: shape), try Shape.axis(second, of: shape))
    var order = Array(0..<rank)
    order.swapAt(a, b)
    return try permuted(order)
  }

  /// A view without an axis of size 1; without any such axis when none is named.
  public func squeezed(_ axis: Int? = nil) throws -> Tensor {
    var target = shape
    if let axis {
      let index = try Shape.axis(axis, of: shape)
      guard shape[index] == 1 else { return self }
      target.remove(at: index)
    } else {
      target.removeAll { $0 == 1 }
    }
    return try reshaped(target)
  }

  /// A view with a new axis of size 1 at `axis`, from 0 to the rank, or negative from the end.
  public func unsqueezed(_ axis: Int) throws -> Tensor {
    let index = axis < 0 ? axis + rank + 1 : axis
    guard (0...rank).contains(index) else {
      throw KilpiError("there is no place \(axis) for an axis in \(Shape.describe(shape))")
    }
    let result = view(
      shape: Array(shape[..<index]) + [1] + shape[index...],
      strides: Array(strides[..<index]) + [1] + strides[index...])
    let original = shape
    return Tensor.record("unsqueeze", result, from: [self]) { g, _ in [try g.reshaped(original)] }
  }

  /// A view stretched to `target`: axes of size 1, and new ones in front, repeat without a copy.
  public func expanded(_ target: [Int]) throws -> Tensor {
    if target == shape { return self }
    guard target.count >= rank, (try? Shape.broadcast(shape, target)) == target else {
      throw KilpiError("\(Shape.describe(shape)) does not stretch to \(Shape.describe(target))")
    }
    _ = try Shape.count(target)
    let result = view(
      shape: target, strides: Shape.broadcastStrides(shape, strides, to: target))
    return Tensor.record("expand", result, from: [self]) { g, _ in [g] }
  }

  /// A view (or copy) with the axes `from ... to` merged into one.
  public func flattened(from: Int = 0, to: Int = -1) throws -> Tensor {
    if rank == 0 { return try reshaped([1]) }
    let (first, last) = (try Shape.axis(from, of: shape), try Shape.axis(to, of: shape))
    guard first <= last else { throw KilpiError("axis \(from) comes after axis \(to)") }
    let merged = shape[first...last].reduce(1, *)
    return try reshaped(Array(shape[..<first]) + [merged] + shape[(last + 1)...])
  }

  /// A view of `length` entries from `start` on, along one axis.
  public func narrowed(_ axis: Int, start: Int, length: Int) throws -> Tensor {
    let axis = try Shape.axis(axis, of: shape)
    guard start >= 0, length >= 0, start <= shape[axis], length <= shape[axis] - start else {
      throw KilpiError(
        "entries \(start) to \(start &+ length) lie outside the \(shape[axis]) of axis \(axis)")
    }
    var target = shape
    target[axis] = length
    let result = view(shape: target, strides: strides, offset: offset + start * strides[axis])
    let (original, type) = (shape, dtype)
    return Tensor.record("narrow", result, from: [self]) { g, _ in
      let whole = try Tensor.zeros(original, type)
      let part = try whole.narrowed(axis, start: start, length: length)
      part.scatter(from: try g.ordered())
      return [whole]
    }
  }

  /// A view of one entry along an axis, without that axis.
  public func selected(_ axis: Int, _ index: Int) throws -> Tensor {
    let axis = try Shape.axis(axis, of: shape)
    let resolved = index < 0 ? index + shape[axis] : index
    guard (0..<shape[axis]).contains(resolved) else {
      throw KilpiError("entry \(index) lies outside the \(shape[axis]) of axis \(axis)")
    }
    var target = shape
    target.remove(at: axis)
    return try narrowed(axis, start: resolved, length: 1).reshapedView(target, without: axis)
  }

  /// Drops an axis of size 1 by its strides, which never copies.
  private func reshapedView(_ target: [Int], without axis: Int) throws -> Tensor {
    var steps = strides
    steps.remove(at: axis)
    let original = shape
    return Tensor.record("select", view(shape: target, strides: steps), from: [self]) { g, _ in
      [try g.reshaped(original)]
    }
  }

  /// A view that runs backwards along the given axes.
  public func flipped(_ axes: [Int]) throws -> Tensor {
    let resolved = try axes.map { try Shape.axis($0, of: shape) }
    var steps = strides
    var start = offset
    for axis in Set(resolved) where shape[axis] > 0 {
      start += (shape[axis] - 1) * strides[axis]
      steps[axis] = -strides[axis]
    }
    let result = view(shape: shape, strides: steps, offset: start)
    return Tensor.record("flip", result, from: [self]) { g, _ in [try g.flipped(resolved)] }
  }

  /// A copy with `before` and `after` entries of `value` added along axes.
  public func padded(
    _ amounts: [(axis: Int, before: Int, after: Int)], value: Double = 0, integer: Int64? = nil
  ) throws -> Tensor {
    var target = shape
    var starts = [Int](repeating: 0, count: rank)
    for amount in amounts {
      let axis = try Shape.axis(amount.axis, of: shape)
      guard amount.before >= 0, amount.after >= 0, amount.before <= 1 << 40, amount.after <= 1 << 40
      else {
        throw KilpiError("padding of \(amount.before) and \(amount.after) is out of range")
      }
      target[axis] += amount.before + amount.after
      starts[axis] += amount.before
    }
    let exact = dtype == .int64 ? integer : nil
    let result =
      try exact.map { try Tensor.full(target, integer: $0) } ?? Tensor.full(target, value, dtype)
    var inner = result
    for axis in shape.indices {
      inner = try inner.narrowed(axis, start: starts[axis], length: shape[axis])
    }
    inner.scatter(from: try ordered())
    let (sizes, offsets) = (shape, starts)
    return Tensor.record("pad", result, from: [self]) { g, _ in
      var part = g
      for axis in sizes.indices {
        part = try part.narrowed(axis, start: offsets[axis], length: sizes[axis])
      }
      return [part]
    }
  }
}
