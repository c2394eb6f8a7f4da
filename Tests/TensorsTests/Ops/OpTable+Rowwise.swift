import Glibc
import Tensors

extension OpTable {
  private static let rowShapes: [[[Int]]] = [[[0, 3]], [[2, 0]], [[1, 40]], [[19]]]

  private static func row(
    _ name: String, _ run: @escaping @Sendable (Tensor, Int) throws -> Tensor,
    _ line: @escaping @Sendable ([Double]) -> [Double]
  ) -> [OpCase] {
    [
      OpCase(name, "last axis", [.any([3, 5])], { try run($0[0], -1) }) {
        $0[0].lines($0[0].shape.count - 1, line)
      }.with {
        $0.otherShapes = rowShapes
        $0.valueShapes = [[[2, 1]]]
      },
      OpCase(name, "first axis", [.any([4, 3])], { try run($0[0], 0) }) {
        $0[0].lines(0, line)
      }.with { $0.isFlatWhenRepeated = true },
      OpCase(name, "middle axis", [.any([2, 3, 2])], { try run($0[0], 1) }) {
        $0[0].lines(1, line)
      },
    ]
  }

  /// Functions of rows.
  static let rowwise: [OpCase] =
    row("softmax", { try $0.softmax(axis: $1) }, softmax)
    + row("logSoftmax", { try $0.logSoftmax(axis: $1) }) { line in
      line.map { $0 - TensorsTests.logSumExp(line) }
    }
    + row("normalized", { try $0.normalized(axis: $1) }) { line in
      let norm = line.map { $0 * $0 }.reduce(0, +).squareRoot()
      return line.map { $0 / norm }
    }
    + [
      OpCase("layerNorm", "", [.any([3, 5]), .any([5]), .any([5])]) {
        try Tensor.layerNorm($0[0], weight: $0[1], bias: $0[2], epsilon: 0.01)
      } expected: { inputs in
        let normal = inputs[0].lines(inputs[0].shape.count - 1) { line in
          let mean = line.reduce(0, +) / Double(line.count)
          let scale = (TensorsTests.variance(line, correction: 0) + 0.01).squareRoot()
          return line.map { ($0 - mean) / scale }
        }
        return Reference.combine(normal, inputs[1]) { $0 * $1 }.adding(inputs[2])
      }.with {
        $0.otherShapes = [
          [[5], [5], [5]], [[2, 2, 19], [19], [19]], [[0, 3], [3], [3]],
        ]
        $0.valueShapes = [[[2, 1], [1], [1]]]
      }
    ]

  private static func matrixProduct(_ a: Reference, _ b: Reference) -> Reference {
    let (ra, rb) = (a.shape.count, b.shape.count)
    let batch = Reference.combine(
      Reference(Array(a.shape.dropLast(2))) { _ in 0 },
      Reference(Array(b.shape.dropLast(2))) { _ in 0 }
    ) { $0 + $1 }.shape
    let (m, k, n) = (a.shape[ra - 2], a.shape[ra - 1], b.shape[rb - 1])
    return Reference(batch + [m, n]) { index in
      let outer = index.dropLast(2)
      return (0..<k).reduce(0.0) { total, i in
        total + at(a, outer, index[index.count - 2], i) * at(b, outer, i, index[index.count - 1])
      }
    }
  }

  /// An element of a matrix of a batch that broadcasts.
  private static func at(_ x: Reference, _ outer: ArraySlice<Int>, _ i: Int, _ j: Int) -> Double {
    let batch = x.shape.dropLast(2)
    let own = zip(outer.suffix(batch.count), batch).map { $1 == 1 ? 0 : $0 }
    return x[own + [i, j]]
  }

  private static func linear(_ activation: Activation, bias: Bool) -> OpCase {
    let inputs: [Input] = [.any([4, 3]), .any([5, 3])] + (bias ? [.any([5])] : [])
    return OpCase("linear", "\(activation.rawValue)\(bias ? ", bias" : "")", inputs) {
      try Tensor.linear(
        $0[0], weight: $0[1], bias: bias ? $0[2] : nil, activation: activation)
    } expected: { inputs in
      let flat = Reference(
        [inputs[0].shape.dropLast().reduce(1, *), inputs[0].shape[inputs[0].shape.count - 1]],
        inputs[0].values)
      let weight = Reference([inputs[1].shape[1], inputs[1].shape[0]]) {
        inputs[1][[$0[1], $0[0]]]
      }
      var y = matrixProduct(flat, weight)
      if bias { y = y.adding(inputs[2]) }
      switch activation {
      case .none: break
      case .quickGELU: y = y.map { $0 * sigmoid(1.702 * $0) }
      case .gelu: y = y.map(gelu)
      case .tanhGELU: y = y.map(tanhGELU)
      case .relu: y = y.map { max($0, 0) }
      }
      return Reference(inputs[0].shape.dropLast() + [weight.shape[1]], y.values)
    }.with { row in
      let third = bias ? [[5]] : []
      row.otherShapes =
        [[[3], [5, 3]], [[2, 2, 3], [5, 3]], [[0, 3], [5, 3]], [[1, 1], [5, 1]]].map { $0 + third }
    }
  }

  private static func mlp(_ activation: Activation) -> OpCase {
    let shapes = [[4, 3], [5, 3], [5], [2, 5], [2]]
    return OpCase("mlp", activation.rawValue, shapes.map { .any($0) }) {
      try Tensor.mlp(
        $0[0], expand: ($0[1], $0[2]), contract: ($0[3], $0[4]), activation: activation)
    } expected: { inputs in
      func layer(_ x: Reference, _ first: Int) -> Reference {
        let (weight, width) = (inputs[first], inputs[first].shape[1])
        let transposed = Reference([width, weight.shape[0]]) { weight[[$0[1], $0[0]]] }
        return matrixProduct(Reference([x.values.count / width, width], x.values), transposed)
          .adding(inputs[first + 1])
      }
      let hidden = layer(inputs[0], 1).map {
        activation == .gelu ? gelu($0) : $0 * sigmoid(1.702 * $0)
      }
      let y = layer(hidden, 3)
      return Reference(inputs[0].shape.dropLast() + [inputs[3].shape[0]], y.values)
    }.with { row in
      row.otherShapes = [
        [[2, 2, 3], [5, 3], [5], [4, 5], [4]], [[3], [1, 3], [1], [1, 1], [1]],
      ]
    }
  }

  private static func attention(causal: Bool) -> OpCase {
    OpCase("attention", causal ? "causal" : "all tokens", [.any([2, 4, 12])]) {
      try Tensor.attention($0[0], heads: 2, isCausal: causal)
    } expected: { inputs in
      let qkv = inputs[0]
      let (samples, tokens, width) = (qkv.shape[0], qkv.shape[1], qkv.shape[2] / 3)
      let size = width / 2
      return Reference([samples, tokens, width]) { index in
        let (sample, query, column) = (index[0], index[1], index[2])
        let head = column / size
        let last = causal ? query : tokens - 1
        let scores = (0...last).map { key in
          (0..<size).reduce(0.0) {
            $0 + qkv[[sample, query, head * size + $1]]
              * qkv[[sample, key, width + head * size + $1]]
          } / Double(size).squareRoot()
        }
        return zip(softmax(scores), 0...last).reduce(0.0) {
          $0 + $1.0 * qkv[[sample, $1.1, 2 * width + column]]
        }
      }
    }.with { $0.otherShapes = [[[1, 1, 6]], [[0, 3, 12]], [[3, 7, 24]]] }
  }

  private static func pooledAttention(lengths: [Int]?) -> OpCase {
    OpCase(
      "pooledAttention", lengths == nil ? "all tokens" : "own lengths",
      [.any([3, 6]), .any([3, 4, 12])]
    ) { inputs in
      try Tensor.pooledAttention(inputs[0], memory: inputs[1], heads: 2, lengths: lengths)
    } expected: { inputs in
      let (queries, memory) = (inputs[0], inputs[1])
      let (width, tokens) = (queries.shape[1], memory.shape[1])
      let size = width / 2
      return Reference(queries.shape) { index in
        let (sample, column) = (index[0], index[1])
        let head = column / size
        let keys = 0..<(lengths?[sample] ?? tokens)
        let scores = keys.map { key in
          (0..<size).reduce(0.0) {
            $0 + queries[[sample, head * size + $1]] * memory[[sample, key, head * size + $1]]
          } / Double(size).squareRoot()
        }
        return zip(softmax(scores), keys).reduce(0.0) {
          $0 + $1.0 * memory[[sample, $1.1, width + column]]
        }
      }
    }.with {
      if lengths == nil { $0.otherShapes = [[[1, 2], [1, 1, 4]], [[0, 4], [0, 3, 8]]] }
    }
  }

  /// Matrix products and what is fused with them.
  static let products: [OpCase] =
    [
      OpCase("matmul", "", [.any([3, 4]), .any([4, 2])]) {
        try $0[0].matmul($0[1])
      } expected: {
        matrixProduct($0[0], $0[1])
      }.with {
        $0.otherShapes = [
          [[1, 1], [1, 1]], [[0, 3], [3, 2]], [[2, 0], [0, 3]], [[2, 3], [3, 0]],
          [[2, 3, 4], [4, 2]], [[2, 3, 4], [2, 4, 2]], [[3, 4], [2, 4, 2]],
          [[2, 1, 3, 4], [3, 4, 2]], [[1, 4], [4, 1]], [[0, 2, 3], [3, 2]],
        ]
      },
      OpCase("matmul", "second transposed", [.any([3, 4]), .any([2, 4])]) {
        try $0[0].matmul($0[1], transposeB: true)
      } expected: { inputs in
        let rank = inputs[1].shape.count
        let swapped = Array(inputs[1].shape.dropLast(2)) + inputs[1].shape.suffix(2).reversed()
        let other = Reference(swapped) {
          inputs[1][$0.dropLast(2) + [$0[rank - 1], $0[rank - 2]]]
        }
        return matrixProduct(inputs[0], other)
      }.with { $0.otherShapes = [[[2, 3, 4], [2, 2, 4]]] },
      OpCase("matmul", "with itself", [.any([3, 3]), .any([3, 3])]) {
        try $0[0].matmul($0[1])
      } expected: {
        matrixProduct($0[0], $0[1])
      }.twice,
      OpCase("matmul", "panels", [.any([300, 33]), .any([33, 40])]) {
        try $0[0].matmul($0[1])
      } expected: {
        matrixProduct($0[0], $0[1])
      }.plain,
      attention(causal: false), attention(causal: true), pooledAttention(lengths: nil),
      pooledAttention(lengths: [1, 4, 2]), mlp(.quickGELU), mlp(.gelu),
    ] + Activation.allCases.flatMap { [linear($0, bias: true), linear($0, bias: false)] }

  private static let labels: [Int64] = [2, 0, 1, 2, 4]

  private static func crossEntropy(_ reduction: Reduction) -> OpCase {
    OpCase("crossEntropy", reduction.rawValue, [.any([5, 6])]) {
      let truth = try Tensor(Array(labels.prefix($0[0].shape[0])), shape: [$0[0].shape[0]])
      return try Tensor.crossEntropy(logits: $0[0], labels: truth, reduction: reduction)
    } expected: { inputs in
      let losses = zip(inputs[0].rows, labels).map {
        TensorsTests.logSumExp($0) - $0[Int($1)]
      }
      return reduce(losses, reduction)
    }.with { $0.otherShapes = reduction == .mean ? [[[1, 3]]] : [[[1, 3]], [[0, 3]]] }
  }

  private static func reduce(_ losses: [Double], _ reduction: Reduction) -> Reference {
    let total = losses.reduce(0, +)
    switch reduction {
    case .none: return Reference([losses.count], losses)
    case .sum: return Reference([], [total])
    case .mean: return Reference([], [total / Double(losses.count)])
    }
  }

  private static func divergence(_ reduction: Reduction) -> [OpCase] {
    [
      OpCase("klDivergence", "logits, \(reduction.rawValue)", [.any([3, 4]), .any([3, 4])]) {
        try Tensor.klDivergence(logits: $0[0], $0[1], reduction: reduction)
      } expected: { inputs in
        reduce(
          zip(inputs[0].rows, inputs[1].rows).map { a, b in
            zip(softmax(a), softmax(b)).map { $0 * (log($0) - log($1)) }.reduce(0, +)
          }, reduction)
      },
      OpCase(
        "klDivergence", "probabilities, \(reduction.rawValue)",
        [.positive([3, 4]), .positive([3, 4])]
      ) {
        try Tensor.klDivergence($0[0], $0[1], reduction: reduction)
      } expected: { inputs in
        reduce(
          zip(inputs[0].rows, inputs[1].rows).map { a, b in
            zip(a, b).map { $0 * (log($0) - log($1)) }.reduce(0, +)
          }, reduction)
      },
    ]
  }

  /// Losses, with each way of combining samples.
  static let losses: [OpCase] = Reduction.allCases.flatMap { reduction in
    [
      crossEntropy(reduction),
      OpCase("meanSquaredError", reduction.rawValue, [.any([3, 4]), .any([3, 4])]) {
        try Tensor.meanSquaredError($0[0], $0[1], reduction: reduction)
      } expected: { inputs in
        let squares = Reference.combine(inputs[0], inputs[1]) { ($0 - $1) * ($0 - $1) }
        return reduction == .none ? squares : reduce(squares.values, reduction)
      },
    ] + divergence(reduction)
  }
}
