internal import Diagnostics
internal import LuaHost
internal import Tensors

extension TensorType {
  static let reading: [Method<Tensor>] = [
    Method(
      "shape", "() -> integer[]", doc: "The sizes of the axes as a table.",
      example: "print(table.concat(tensor.zeros{2, 3}:shape(), \" \"))  --> 2 3"
    ) { tensor, _ in [tensor.shape] },
    Method(
      "size", "([axis: integer]) -> integer|integer[]",
      doc: "The size of one axis; without an axis the same as `shape`.",
      example: "print(tensor.zeros{2, 3}:size(-1))  --> 3"
    ) { tensor, call in
      if call.isNone(1) { return [tensor.shape] }
      return [tensor.shape[try call.axis(1, shape: tensor.shape)]]
    },
    Method(
      "ndim", "() -> integer", doc: "The number of axes.",
      example: "print(tensor.zeros{2, 3}:ndim())  --> 2"
    ) { tensor, _ in [tensor.rank] },
    Method(
      "numel", "() -> integer", doc: "The number of elements.",
      example: "print(tensor.zeros{2, 3}:numel())  --> 6"
    ) { tensor, _ in [tensor.count] },
    Method(
      "dtype", "() -> string", doc: "The element type: float32, float64 or int64.",
      example: "print(tensor.zeros{2}:dtype())  --> float32"
    ) { tensor, _ in [tensor.dtype.rawValue] },
    Method(
      "item", "() -> number", doc: "The number in a tensor of one element.",
      example: "print(tensor.from{{2.5}}:item())  --> 2.5"
    ) { tensor, _ in
      if tensor.dtype == .int64, tensor.count == 1 { return [try tensor.integers()[0]] }
      return [try tensor.item()]
    },
    Method(
      "to_table", "() -> table", doc: "The elements as nested tables; a number without axes.",
      example: "print(tensor.from{{1, 2}, {3, 4}}:to_table()[2][1])  --> 3.0"
    ) { tensor, _ in [NestedElements(tensor: tensor)] },
    Method(
      "to", "(dtype: string) -> tensor",
      doc: "The same values as another element type; fractions are cut towards zero for int64.",
      example: "print(tensor.from{1.7}:to(\"int64\"):item())  --> 1"
    ) { tensor, call in
      let name = try call.string(1)
      guard let dtype = DType(rawValue: name) else {
        let known = DType.allCases.map(\.rawValue)
        let near = NearestName.suggestion(for: name, among: known)
        throw KilpiError(
          "there is no element type '\(ErrorText.clipped(name))'",
          advice: near.map { "did you mean '\($0)'?" } ?? "there are "
            + known.joined(separator: ", "))
      }
      return [try tensor.converted(to: dtype)]
    },
    Method(
      "clone", "() -> tensor", doc: "A copy with storage of its own; gradients pass through.",
      example: """
        local a = tensor.zeros{2}
        local b = a:clone()
        b[1] = 5
        print(a[1]:item(), b[1]:item())  --> 0.0\t5.0
        """
    ) { tensor, _ in [try tensor.cloned()] },
    Method(
      "contiguous", "() -> tensor", doc: "This tensor, or a copy when its elements lie with gaps.",
      example: "print(tensor.zeros{2, 3}:transpose(1, 2):contiguous():is_view())  --> false"
    ) { tensor, _ in [try tensor.contiguous()] },
    Method(
      "is_view", "() -> boolean", doc: "Whether the tensor shows a part of another's storage.",
      example: "print(tensor.zeros{2, 3}[1]:is_view())  --> true"
    ) { tensor, _ in [tensor.isView] },
    Method(
      "show", "()", doc: "Shows an image tensor, or a batch as a grid; the same as `image.show`.",
      example: "tensor.zeros{3, 28, 28}:show()  --> <image 3x28x28>"
    ) { tensor, call in
      try call.state.show(tensor)
      return []
    },
  ]
}
