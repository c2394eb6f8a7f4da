internal import Diagnostics
internal import LuaHost
internal import Tensors

extension TensorType {
  static let views: [Method<Tensor>] = [
    Method(
      "reshape", "(shape: integer[]) -> tensor",
      doc: "The same elements in another shape; one size may be -1. A view where possible.",
      example: "print(table.concat(tensor.zeros{2, 6}:reshape{3, -1}:shape(), \" \"))  --> 3 4"
    ) { tensor, call in [try tensor.reshaped(call.integersOrRest(1))] },
    Method(
      "permute", "(axes: integer[]) -> tensor",
      doc: "A view with the axes in another order.",
      example:
        "print(table.concat(tensor.zeros{2, 3, 4}:permute{3, 1, 2}:shape(), \" \"))  --> 4 2 3"
    ) { tensor, call in
      let axes = try call.integersOrRest(1)
      let order = try axes.map { try Indexing.axis($0, shape: tensor.shape) }
      guard Set(order).count == tensor.rank, order.count == tensor.rank else {
        throw KilpiError(
          "\(ErrorText.shape(axes)) does not name each of the \(tensor.rank) axes once")
      }
      return [try tensor.permuted(order)]
    },
    Method(
      "transpose", "([a: integer, b: integer]) -> tensor",
      doc: "A view with two axes exchanged, the last two unless given.",
      example: "print(table.concat(tensor.zeros{2, 3}:transpose(1, 2):shape(), \" \"))  --> 3 2"
    ) { tensor, call in
      [
        try tensor.transposed(
          call.axis(1, shape: tensor.shape, default: -2),
          call.axis(2, shape: tensor.shape, default: -1))
      ]
    },
    Method(
      "squeeze", "([axis: integer]) -> tensor",
      doc: "A view without the axis if its size is 1; without all such axes when none is named.",
      example: "print(tensor.zeros{1, 3, 1}:squeeze():ndim())  --> 1"
    ) { tensor, call in
      [try tensor.squeezed(call.isNone(1) ? nil : call.axis(1, shape: tensor.shape))]
    },
    Method(
      "unsqueeze", "(axis: integer) -> tensor",
      doc: "A view with a new axis of size 1, which gets the number `axis`.",
      example: "print(table.concat(tensor.zeros{2, 3}:unsqueeze(2):shape(), \" \"))  --> 2 1 3"
    ) { tensor, call in [try tensor.unsqueezed(call.place(1, shape: tensor.shape))] },
    Method(
      "expand", "(shape: integer[]) -> tensor",
      doc:
        "A view stretched to the shape: axes of size 1 and new ones in front repeat; -1 keeps a size.",
      example: "print(tensor.ones{1, 3}:expand{4, -1}:sum():item())  --> 12.0"
    ) { tensor, call in
      var target = try call.integersOrRest(1)
      let missing = target.count - tensor.rank
      for axis in target.indices where target[axis] == -1 && axis >= missing && missing >= 0 {
        target[axis] = tensor.shape[axis - missing]
      }
      return [try tensor.expanded(target)]
    },
    Method(
      "flatten", "([first: integer [, last: integer]]) -> tensor",
      doc: "The axes from `first` to `last` (all unless given) merged into one.",
      example: "print(table.concat(tensor.zeros{2, 3, 4}:flatten(2):shape(), \" \"))  --> 2 12"
    ) { tensor, call in
      if tensor.rank == 0 { return [try tensor.reshaped([1])] }
      let first = try call.axis(1, shape: tensor.shape, default: 0)
      let last = try call.axis(2, shape: tensor.shape, default: -1)
      guard first <= last else {
        throw KilpiError("axis \(first + 1) comes after axis \(last + 1)")
      }
      return [try tensor.flattened(from: first, to: last)]
    },
    Method(
      "flip", "(axes: integer[]) -> tensor", doc: "A view that runs backwards along the axes.",
      example: "print(tensor.from{1, 2, 3}:flip{1}[1]:item())  --> 3.0"
    ) { tensor, call in
      let axes = try call.integersOrRest(1).map { try Indexing.axis($0, shape: tensor.shape) }
      return [try tensor.flipped(axes)]
    },
  ]

  static let placing: [Method<Tensor>] = [
    Method(
      "narrow", "(axis: integer, first: integer, length: integer) -> tensor",
      doc: "A view of `length` entries along an axis, beginning with entry `first`.",
      example: "print(tensor.arange(1, 5):narrow(1, 2, 3):sum():item())  --> 9.0"
    ) { tensor, call in
      let axis = try call.axis(1, shape: tensor.shape)
      let count = tensor.shape[axis]
      let (given, length) = (try call.integer(2), try call.integer(3))
      // One past the end is a place for an empty view.
      let first =
        given == count + 1 && length == 0 ? count : try Indexing.index(given, count: count)
      guard length >= 0, length <= count - first else {
        throw KilpiError(
          "\(length) entries from \(given) on do not fit the \(count) of axis \(axis + 1)")
      }
      return [try tensor.narrowed(axis, start: first, length: length)]
    },
    Method(
      "index_select", "(axis: integer, indices: tensor|integer[]) -> tensor",
      doc: "The entries along an axis that the indices name, which may repeat.",
      example: "print(tensor.from{5, 6, 7}:index_select(1, {3, 1, 3})[1]:item())  --> 7.0"
    ) { tensor, call in
      let axis = try call.axis(1, shape: tensor.shape)
      let indices = try call.tensor(2, dtype: .int64)
      guard indices.rank == 1 else {
        throw KilpiError("indices have shape \(ErrorText.shape(indices.shape)), one axis is needed")
      }
      return [try tensor.indexSelected(axis, indices.indices(below: tensor.shape[axis]))]
    },
    Method(
      "gather", "(axis: integer, indices: tensor) -> tensor",
      doc: """
        Per position, the entry along an axis that `indices` names there; `indices` has the tensor's \
        sizes but for that axis.
        """,
      example: """
        local t = tensor.from{{1, 2}, {3, 4}}
        print(t:gather(2, {{2}, {1}}):sum():item())  --> 5.0
        """
    ) { tensor, call in
      let axis = try call.axis(1, shape: tensor.shape)
      let indices = try call.tensor(2, dtype: .int64)
      var expected = tensor.shape
      if indices.rank == tensor.rank { expected[axis] = indices.shape[axis] }
      guard indices.shape == expected else {
        throw KilpiError(
          "indices have shape \(ErrorText.shape(indices.shape)), which differs from "
            + "\(ErrorText.shape(tensor.shape)) beyond axis \(axis + 1)")
      }
      return [try tensor.gathered(axis, indices.indices(below: tensor.shape[axis]))]
    },
    Method(
      "pad", "(axis: integer, before: integer, after: integer [, options]) -> tensor",
      doc: "A copy with entries of one value added before and after along an axis.",
      options: [.number("value", default: 0, "the value of the new entries")],
      example:
        "print(table.concat(tensor.ones{2}:pad(1, 1, 2):to_table(), \" \"))  --> 0.0 1.0 1.0 0.0 0.0"
    ) { tensor, call in
      let axis = try call.axis(1, shape: tensor.shape)
      let options = try call.options(4)
      return [
        try tensor.padded(
          [(axis: axis, before: call.size(2), after: call.size(3))],
          value: options.number("value"), integer: options.value("value").int.map { Int64($0) })
      ]
    },
    Method(
      "split", "(size: integer [, axis: integer]) -> tensor[]",
      doc:
        "Views of `size` entries each along an axis (the first unless given); the last may be shorter.",
      example: "print(#tensor.zeros{5, 2}:split(2))  --> 3"
    ) { tensor, call in
      let size = try call.integer(1)
      guard size > 0 else { throw KilpiError("the size \(size) is not positive") }
      return [try tensor.split(size, axis: call.axis(2, shape: tensor.shape, default: 0))]
    },
  ]
}

extension Call {
  /// Where a new axis goes in a tensor of `shape`, 0-based; the first place when not given.
  func place(_ index: Int, shape: [Int]) throws -> Int {
    let given = try integer(index, default: 1)
    let places = shape.count + 1
    if given >= 1, given <= places { return given - 1 }
    if given < 0, given >= -places { return places + given }
    throw KilpiError(
      "there is no place \(given) for a new axis in \(ErrorText.shape(shape))",
      advice: "places are 1 … \(places), -1 is behind the last")
  }
}

extension Tensor {
  /// 0-based indices from the 1-based ones in this tensor, which must be int64.
  func indices(below count: Int) throws -> Tensor {
    guard dtype == .int64 else {
      throw KilpiError(
        "indices are \(dtype.rawValue), int64 is needed", advice: "convert with :to(\"int64\")")
    }
    return try zeroBased(count: count)
  }
}
