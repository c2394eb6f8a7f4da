internal import Diagnostics

extension Tensor {
  /// Tensors one after another along an existing axis; the other sizes must agree.
  public static func concatenated(_ parts: [Tensor], axis: Int = 0) throws -> Tensor {
    guard let first = parts.first else { throw KilpiError("the list of tensors is empty") }
    let axis = try Shape.axis(axis, of: first.shape)
    var target = first.shape
    target[axis] = 0
    for (index, part) in parts.enumerated() {
      var expected = first.shape
      if part.rank == first.rank { expected[axis] = part.shape[axis] }
      guard part.shape == expected, part.dtype == first.dtype else {
        throw KilpiError(
          "tensor \(index + 1) is \(part.dtype.rawValue) \(Shape.describe(part.shape)), tensor 1 is "
            + "\(first.dtype.rawValue) \(Shape.describe(first.shape))",
          advice: "all sizes but that of the joined axis must agree")
      }
      target[axis] += part.shape[axis]
    }
    let result = try Tensor(uninitialized: target, first.dtype)
    var start = 0
    for part in parts {
      let place = try result.narrowed(axis, start: start, length: part.shape[axis])
      place.scatter(from: try part.ordered())
      start += part.shape[axis]
    }
    let lengths = parts.map { $0.shape[axis] }
    return record("cat", result, from: parts) { g, needs in
      var start = 0
      return try lengths.indices.map { index in
        defer { start += lengths[index] }
        return needs[index] ? try g.narrowed(axis, start: start, length: lengths[index]) : nil
      }
    }
  }

  /// Tensors of one shape along a new axis.
  public static func stacked(_ parts: [Tensor], axis: Int = 0) throws -> Tensor {
    guard let first = parts.first else { throw KilpiError("the list of tensors is empty") }
    for (index, part) in parts.enumerated() where part.shape != first.shape {
      throw KilpiError(
        "tensor \(index + 1) is \(Shape.describe(part.shape)), tensor 1 is "
          + Shape.describe(first.shape))
    }
    return try concatenated(parts.map { try $0.unsqueezed(axis) }, axis: axis)
  }

  /// Views of `size` entries each along an axis; the last may be shorter.
  public func split(_ size: Int, axis: Int = 0) throws -> [Tensor] {
    let axis = try Shape.axis(axis, of: shape)
    guard size > 0 else { throw KilpiError("the size \(size) is not positive") }
    return try (0..<shape[axis].parts(of: size)).mapped(bytes: 512) { part in
      let start = part * size
      return try narrowed(axis, start: start, length: Swift.min(size, shape[axis] - start))
    }
  }
}
