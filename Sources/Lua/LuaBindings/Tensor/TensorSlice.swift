internal import Diagnostics
internal import LuaHost
internal import Tensors

/// `t[i]`, `t[{ {first, last}, j }]`, `t[indices]`, and assignments to them.
enum TensorSlice {
  /// The part of a tensor that a key names; a view but for a tensor of indices.
  static func view(of tensor: Tensor, key: LuaValue) throws -> Tensor {
    do {
      return try part(of: tensor, key: key)
    } catch let error as KilpiError {
      throw error.named("index")
    }
  }

  private static func part(of tensor: Tensor, key: LuaValue) throws -> Tensor {
    if let index = key.int { return try entry(index, of: tensor, axis: 0) }
    if let indices = key.object(as: Tensor.self) {
      guard tensor.rank > 0, indices.rank == 1 else {
        throw KilpiError("indices have shape \(ErrorText.shape(indices.shape)), one axis is needed")
      }
      return try tensor.indexSelected(0, indices.indices(below: tensor.shape[0]))
    }
    guard let table = key.table else {
      throw KilpiError(
        "a \(key.typeName) is no index", advice: "write t[i] or t[{ {first, last}, j }]")
    }
    let parts = try table.array()
    guard parts.count <= tensor.rank else {
      throw KilpiError("\(parts.count) indices are too many for \(ErrorText.shape(tensor.shape))")
    }
    var result = tensor
    var axis = 0
    for part in parts {
      if let index = part.int {
        result = try entry(index, of: result, axis: axis)
        continue
      }
      guard let range = try part.table?.array() else {
        throw KilpiError(
          "a \(part.typeName) is no index", advice: "write t[i] or t[{ {first, last}, j }]")
      }
      result = try entries(range, of: result, axis: axis)
      axis += 1
    }
    return result
  }

  private static func entry(_ index: Int, of tensor: Tensor, axis: Int) throws -> Tensor {
    guard axis < tensor.rank else {
      throw KilpiError("a tensor without axes has no entry \(index)", advice: "use item()")
    }
    return try tensor.selected(axis, Indexing.index(index, count: tensor.shape[axis]))
  }

  /// `{}` is the whole axis, `{first, last}` a range with both ends.
  private static func entries(_ range: [LuaValue], of tensor: Tensor, axis: Int) throws -> Tensor {
    if range.isEmpty { return tensor }
    guard range.count == 2, let first = range[0].int, let last = range[1].int else {
      throw KilpiError("a range is {first, last}, or {} for a whole axis")
    }
    let bounds = try Indexing.range(first, last, count: tensor.shape[axis])
    return try tensor.narrowed(axis, start: bounds.lowerBound, length: bounds.count)
  }

  /// `t[key] = value`: a number, a tensor or nested tables, written through to the storage.
  static func assign(_ call: Call) throws {
    let tensor = try call.handle(1, as: Tensor.self)
    guard call.value(2).object(as: Tensor.self) == nil else {
      throw KilpiError(
        "a tensor of indices cannot be assigned to", advice: "use a range", in: "index")
    }
    guard !(tensor.requiresGradient && GradientMode.isRecording) else {
      throw KilpiError(
        "a tensor that records gradients cannot be changed in place",
        advice: "use tensor.no_grad, or build a new tensor", in: "index")
    }
    let target = try view(of: tensor, key: call.value(2))
    let value = try call.tensor(3, dtype: tensor.dtype)
    do {
      try target.assign(value)
    } catch let error as KilpiError {
      throw error.named("index")
    }
  }
}
