import Kernels
import TestSupport
import Tensors
import Testing

/// A fused form and the composition it stands for.
struct FusedCase: Sendable, CustomTestStringConvertible {
  let name: String
  let shapes: [[Int]]
  let fused: @Sendable ([Tensor]) throws -> Tensor
  let composed: @Sendable ([Tensor]) throws -> Tensor
  var testDescription: String { name }
}

@Suite("fused forms")
struct FusedTests {
  private static func linear(_ activation: Activation) -> FusedCase {
    FusedCase(name: "linear, \(activation.rawValue)", shapes: [[3, 37, 24], [50, 24], [50]]) {
      try Tensor.linear($0[0], weight: $0[1], bias: $0[2], activation: activation)
    } composed: {
      let y = try $0[0].matmul($0[1].transposed()) + $0[2]
      switch activation {
      case .none: return y
      case .relu: return try y.relu()
      case .quickGELU: return try y * (y * 1.702).sigmoid()
      case .gelu: return try y.gelu()
      case .tanhGELU:
        let inner = try (y + y * y * y * 0.044715) * (2 / Double.pi).squareRoot()
        return try y * 0.5 * (inner.tanh() + 1)
      }
    }
  }

  private static func attention(causal: Bool) -> FusedCase {
    FusedCase(name: "attention\(causal ? ", causal" : "")", shapes: [[3, 19, 3 * 32]]) {
      try Tensor.attention($0[0], heads: 4, isCausal: causal)
    } composed: {
      let parts = try $0[0].reshaped([3, 19, 3, 4, 8]).permuted([2, 0, 3, 1, 4])
      let (q, k, v) = (try parts.selected(0, 0), try parts.selected(0, 1), try parts.selected(0, 2))
      var scores = try q.matmul(k, transposeB: true) * (1 / 8.0.squareRoot())
      if causal {
        let rows = try Tensor((0..<19).map { Int64($0) }, shape: [19, 1])
        let columns = try Tensor((0..<19).map { Int64($0) }, shape: [1, 19])
        let masked = try Tensor.scalar(-.infinity, scores.dtype)
        scores = try Tensor.select(columns.lessEqual(rows), scores, masked)
      }
      return try scores.softmax().matmul(v).permuted([0, 2, 1, 3]).reshaped([3, 19, 32])
    }
  }

  static let rows: [FusedCase] =
    Activation.allCases.map { linear($0) } + [
      attention(causal: false), attention(causal: true),
      FusedCase(name: "layer norm", shapes: [[7, 41], [41], [41]]) {
        try Tensor.layerNorm($0[0], weight: $0[1], bias: $0[2], epsilon: 1e-5)
      } composed: {
        let centred = try $0[0] - $0[0].mean(axes: [-1], keepDimensions: true)
        let variance = try centred.square().mean(axes: [-1], keepDimensions: true)
        return try centred * (variance + 1e-5).rsqrt() * $0[1] + $0[2]
      },
      FusedCase(name: "cross-entropy", shapes: [[6, 43]]) {
        try Tensor.crossEntropy(logits: $0[0], labels: labels(), reduction: .none)
      } composed: {
        try -$0[0].logSoftmax().gathered(1, labels().reshaped([6, 1])).reshaped([6])
      },
      FusedCase(name: "softmax", shapes: [[6, 43]]) {
        try $0[0].softmax()
      } composed: {
        let powers = try $0[0].exp()
        return try powers / powers.sum(axes: [-1], keepDimensions: true)
      },
      FusedCase(name: "log softmax", shapes: [[6, 43]]) {
        try $0[0].logSoftmax()
      } composed: {
        try $0[0] - $0[0].logSumExp(axes: [-1], keepDimensions: true)
      },
      FusedCase(name: "normalized", shapes: [[6, 43]]) {
        try $0[0].normalized()
      } composed: {
        try $0[0] / $0[0].square().sum(axes: [-1], keepDimensions: true).sqrt()
      },
      FusedCase(name: "embedding", shapes: [[9, 8]]) {
        try Tensor.embedding($0[0], ids: labels())
      } composed: {
        try Tensor.stacked(labels().integers().map { [x = $0] id in try x[0].selected(0, Int(id)) })
      },
      FusedCase(name: "quick gelu", shapes: [[5, 37]]) {
        try $0[0].quickGELU()
      } composed: {
        try $0[0] * ($0[0] * 1.702).sigmoid()
      },
    ]

  @Sendable private static func labels() throws -> Tensor {
    try Tensor([2, 0, 7, 2, 5, 1] as [Int64], shape: [6])
  }

  @Test("agree with their composition, gradients too", arguments: rows)
  func agree(_ row: FusedCase) throws {
    for dtype in [DType.float64, .float32] {
      var stream = RandomSource(seed: 21).stream(.script)
      let inputs = try row.shapes.map { try Input.any($0).make(&stream, dtype) }
      var found: [[Tensor]] = []
      for run in [row.fused, row.composed] {
        let leaves = try inputs.map { try $0.detached().setRequiresGradient(true) }
        let result = try run(leaves)
        var seeds = RandomSource(seed: 22).stream(.script)
        let seed = try Tensor.randomNormal(result.shape, stream: &seeds, dtype: dtype)
        found.append([result] + (try Tensor.gradients(of: result, with: leaves, seed: seed)))
      }
      for (index, (fused, composed)) in zip(found[0], found[1]).enumerated() {
        let largest = try composed.abs().max().item()
        let tolerance = (dtype == .float64 ? 1e-12 : 2e-6) * largest
        let problem = try mismatch(fused, composed, rtol: 0, atol: tolerance)
        #expect(problem == nil, "\(dtype), \(index == 0 ? "value" : "gradient \(index)")")
      }
    }
  }

  @Test(
    "mlp gives the bits of its two linear layers, whichever gradients are asked for",
    arguments: Activation.allCases)
  func mlpBits(_ activation: Activation) throws {
    let shapes = [[3, 19, 24], [50, 24], [50], [20, 50], [20]]
    for (dtype, precision) in [
      (DType.float64, ProductPrecision.float32), (.float32, .float32), (.float32, .bfloat16),
    ] {
      var stream = RandomSource(seed: 23).stream(.script)
      let inputs = try shapes.map { try Tensor.randomNormal($0, stream: &stream, dtype: dtype) }
      for wanted in [[0, 1, 2, 3, 4], [0], [3], [1, 4], [2, 3], [0, 3]] {
        var found: [[Tensor]] = []
        for isFused in [true, false] {
          let t = try inputs.enumerated().map {
            try $1.detached().setRequiresGradient(wanted.contains($0))
          }
          func linear(_ x: Tensor, _ first: Int, _ activation: Activation) throws -> Tensor {
            try Tensor.linear(
              x, weight: t[first], bias: t[first + 1], activation: activation, precision: precision)
          }
          let y =
            isFused
            ? try Tensor.mlp(
              t[0], expand: (t[1], t[2]), contract: (t[3], t[4]), activation: activation,
              precision: precision)
            : try linear(linear(t[0], 1, activation), 3, .none)
          let gradients = try Tensor.gradients(
            of: y.square().sum(), with: wanted.map { t[$0] })
          found.append([y] + gradients)
        }
        for (a, b) in zip(found[0], found[1]) {
          #expect(try a.doubles() == b.doubles(), "\(dtype), \(precision), \(wanted)")
        }
      }
    }
  }
}
