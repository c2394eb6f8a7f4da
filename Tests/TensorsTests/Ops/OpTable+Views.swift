import Tensors

extension OpTable {
  private static func row(
    _ name: String, _ detail: String = "", _ shape: [Int],
    _ run: @escaping @Sendable (Tensor) throws -> Tensor,
    _ expected: @escaping @Sendable (Reference) -> Reference
  ) -> OpCase {
    OpCase(name, detail, [.any(shape)], { try run($0[0]) }, expected: { expected($0[0]) })
  }

  private static func reshaped(_ shape: [Int]) -> @Sendable (Reference) -> Reference {
    { Reference(shape, $0.values) }
  }

  /// Other shapes and strides of the same elements.
  static let views: [OpCase] = [
    row("reshaped", "", [3, 4], { try $0.reshaped([2, 6]) }, reshaped([2, 6])),
    row(
      "reshaped", "one size unknown", [3, 4], { try $0.reshaped([2, -1, 3]) }, reshaped([2, 2, 3])),
    row("reshaped", "same", [3, 4], { try $0.reshaped([3, 4]) }, reshaped([3, 4])),
    row("reshaped", "no axes", [1, 1], { try $0.reshaped([]) }, reshaped([])),
    row("reshaped", "empty", [2, 0], { try $0.reshaped([0, 5]) }, reshaped([0, 5])),
    row("permuted", "", [2, 3, 4], { try $0.permuted([2, 0, -2]) }) { x in
      Reference([4, 2, 3]) { x[[$0[1], $0[2], $0[0]]] }
    },
    row("permuted", "no axes", [], { try $0.permuted([]) }, reshaped([])),
    row("transposed", "", [2, 3], { try $0.transposed() }) { x in
      Reference([3, 2]) { x[[$0[1], $0[0]]] }
    },
    row("transposed", "first and last", [2, 3, 4], { try $0.transposed(0, 2) }) { x in
      Reference([4, 3, 2]) { x[[$0[2], $0[1], $0[0]]] }
    },
    row("transposed", "empty", [0, 3], { try $0.transposed() }, reshaped([3, 0])),
    row("squeezed", "", [2, 1, 3, 1], { try $0.squeezed() }, reshaped([2, 3])),
    row("squeezed", "one axis", [2, 1, 3, 1], { try $0.squeezed(1) }, reshaped([2, 3, 1])),
    row("squeezed", "a longer axis", [2, 1], { try $0.squeezed(0) }, reshaped([2, 1])),
    row("unsqueezed", "in front", [2, 3], { try $0.unsqueezed(0) }, reshaped([1, 2, 3])),
    row("unsqueezed", "at the end", [2, 3], { try $0.unsqueezed(-1) }, reshaped([2, 3, 1])),
    row("unsqueezed", "between", [2, 3], { try $0.unsqueezed(1) }, reshaped([2, 1, 3])),
    row("expanded", "", [2, 1], { try $0.expanded([3, 2, 4]) }) { x in
      Reference([3, 2, 4]) { x[[$0[1], 0]] }
    },
    row(
      "expanded", "to none", [1, 2], { try $0.expanded([0, 2]) }, { _ in Reference([0, 2], []) }),
    row("flattened", "", [2, 3, 4], { try $0.flattened() }, reshaped([24])),
    row("flattened", "the last two", [2, 3, 4], { try $0.flattened(from: 1) }, reshaped([2, 12])),
    row("flattened", "the first two", [2, 3, 4], { try $0.flattened(to: 1) }, reshaped([6, 4])),
    row("flattened", "no axes", [], { try $0.flattened() }, reshaped([1])),
    row("narrowed", "", [3, 5], { try $0.narrowed(1, start: 1, length: 3) }) { x in
      Reference([3, 3]) { x[[$0[0], $0[1] + 1]] }
    },
    row("narrowed", "the first axis", [3, 5], { try $0.narrowed(0, start: 2, length: 1) }) { x in
      Reference([1, 5]) { x[[2, $0[1]]] }
    },
    row("narrowed", "to none", [3, 5], { try $0.narrowed(-1, start: 5, length: 0) }) { _ in
      Reference([3, 0], [])
    },
    row("selected", "", [3, 5], { try $0.selected(0, 1) }) { x in Reference([5]) { x[[1, $0[0]]] }
    },
    row("selected", "from the end", [3, 5], { try $0.selected(1, -1) }) { x in
      Reference([3]) { x[[$0[0], 4]] }
    },
    row("flipped", "one axis", [3, 5], { try $0.flipped([1]) }) { x in
      Reference([3, 5]) { x[[$0[0], 4 - $0[1]]] }
    },
    row("flipped", "all axes", [3, 5], { try $0.flipped([0, -1]) }) { x in
      Reference([3, 5]) { x[[2 - $0[0], 4 - $0[1]]] }
    },
    row("flipped", "empty", [0, 2], { try $0.flipped([0, 1]) }, reshaped([0, 2])),
    row("padded", "", [2, 3], { try $0.padded([(0, 1, 0), (-1, 2, 1)], value: 0.5) }) { x in
      Reference([3, 6]) {
        $0[0] >= 1 && (2..<5).contains($0[1]) ? x[[$0[0] - 1, $0[1] - 2]] : 0.5
      }
    },
    row("padded", "by nothing", [2, 3], { try $0.padded([]) }, reshaped([2, 3])),
    row("split", "a full part", [5, 2], { try $0.split(2)[1] }) { x in
      Reference([2, 2]) { x[[$0[0] + 2, $0[1]]] }
    },
    row("split", "the rest", [2, 5], { try $0.split(3, axis: 1)[1] }) { x in
      Reference([2, 2]) { x[[$0[0], $0[1] + 3]] }
    },
  ]

  /// Rows and elements by index; an index that repeats adds its gradients up.
  static let indexing: [OpCase] = [
    row("indexSelected", "first axis", [3, 4]) {
      try $0.indexSelected(0, Tensor([2, 0, 2, 1, 2] as [Int64], shape: [5]))
    } _: { x in
      Reference([5, 4]) { x[[[2, 0, 2, 1, 2][$0[0]], $0[1]]] }
    },
    row("indexSelected", "last axis", [2, 4]) {
      try $0.indexSelected(-1, Tensor([3, 3, 1] as [Int64], shape: [3]))
    } _: { x in
      Reference([2, 3]) { x[[$0[0], [3, 3, 1][$0[1]]]] }
    },
    row("indexSelected", "middle axis", [2, 3, 2]) {
      try $0.indexSelected(1, Tensor([2, 0] as [Int64], shape: [2]))
    } _: { x in
      Reference([2, 2, 2]) { x[[$0[0], [2, 0][$0[1]], $0[2]]] }
    },
    row("indexSelected", "none", [2, 3]) {
      try $0.indexSelected(0, Tensor([] as [Int64], shape: [0]))
    } _: { _ in
      Reference([0, 3], [])
    },
    row("gathered", "last axis", [2, 4]) {
      try $0.gathered(1, Tensor([3, 0, 3, 1, 1, 2] as [Int64], shape: [2, 3]))
    } _: { x in
      Reference([2, 3]) { x[[$0[0], [[3, 0, 3], [1, 1, 2]][$0[0]][$0[1]]]] }
    },
    row("gathered", "first axis", [3, 2]) {
      try $0.gathered(0, Tensor([2, 0, 2, 2] as [Int64], shape: [2, 2]))
    } _: { x in
      Reference([2, 2]) { x[[[[2, 0], [2, 2]][$0[0]][$0[1]], $0[1]]] }
    },
    row("embedding", "", [4, 3]) {
      try Tensor.embedding($0, ids: Tensor([1, 3, 1, 0] as [Int64], shape: [2, 2]))
    } _: { x in
      Reference([2, 2, 3]) { x[[[[1, 3], [1, 0]][$0[0]][$0[1]], $0[2]]] }
    },
    patches("with a rest", [2, 2, 5, 7]), patches("whole", [1, 2, 4, 2]),
    patches("smaller than a patch", [1, 2, 1, 4]).plain,
  ]

  private static func patches(_ detail: String, _ shape: [Int]) -> OpCase {
    row("patches", detail, shape) {
      try Tensor.patches(of: $0, size: 2, factor: [2, -3], offset: [0.5, 1])
    } _: { x in
      let columns = x.shape[3] / 2
      return Reference([x.shape[0], x.shape[2] / 2 * columns, 8]) { index in
        let (patch, place) = (index[1], index[2])
        let (channel, y, column) = (place / 4, place / 2 % 2, place % 2)
        let pixel = x[[index[0], channel, patch / columns * 2 + y, patch % columns * 2 + column]]
        return pixel * [2, -3][channel] + [0.5, 1][channel]
      }
    }
  }

  /// Several tensors as one.
  static let joining: [OpCase] = [
    OpCase("concatenated", "first axis", [.any([2, 3]), .any([1, 3])]) {
      try Tensor.concatenated($0)
    } expected: { inputs in
      Reference([inputs[0].shape[0] + inputs[1].shape[0], 3], inputs[0].values + inputs[1].values)
    }.with { $0.otherShapes = [[[0, 3], [2, 3]], [[0, 3], [0, 3]]] },
    OpCase("concatenated", "last axis", [.any([2, 1]), .any([2, 3])]) {
      try Tensor.concatenated($0, axis: -1)
    } expected: { inputs in
      Reference([2, 4]) {
        $0[1] < 1 ? inputs[0][$0] : inputs[1][[$0[0], $0[1] - 1]]
      }
    },
    OpCase("concatenated", "a tensor with itself", [.any([2, 3]), .any([2, 3])]) {
      try Tensor.concatenated($0)
    } expected: { inputs in
      Reference([4, 3], inputs[0].values + inputs[1].values)
    }.twice,
    OpCase("stacked", "new first axis", [.any([2, 3]), .any([2, 3])]) {
      try Tensor.stacked($0)
    } expected: { inputs in
      Reference([2, 2, 3], inputs[0].values + inputs[1].values)
    }.twice,
    OpCase("stacked", "new last axis", [.any([2, 3]), .any([2, 3])]) {
      try Tensor.stacked($0, axis: -1)
    } expected: { inputs in
      Reference([2, 3, 2]) { inputs[$0[2]][Array($0.dropLast())] }
    },
  ]
}
