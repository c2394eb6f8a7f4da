import TestSupport
import Tensors
import Testing

private let inf = Double.infinity
private let nan = Double.nan

/// What an operation gives at the edges of its domain, and the gradient of its sum there.
struct SpecialCase: Sendable, CustomTestStringConvertible {
  let name: String
  let input: [Double]
  var shape: [Int]
  let values: [Double]
  let gradient: [Double]?
  /// For numbers that float32 does not hold.
  let dtypes: [DType]
  let run: @Sendable (Tensor) throws -> Tensor
  var testDescription: String { "\(name) of \(input)" }

  init(
    _ name: String, _ input: [Double], gives values: [Double], gradient: [Double]? = nil,
    shape: [Int]? = nil, double: Bool = false,
    _ run: @escaping @Sendable (Tensor) throws -> Tensor
  ) {
    dtypes = double ? [.float64] : [.float64, .float32]
    (self.name, self.input, self.values, self.gradient) = (name, input, values, gradient)
    self.shape = shape ?? [input.count]
    self.run = run
  }
}

@Suite("special values")
struct SpecialValueTests {
  static let rows: [SpecialCase] = [
    SpecialCase("exp", [0, 1000, -1000, inf, -inf, nan], gives: [1, inf, 0, inf, 0, nan]) {
      try $0.exp()
    },
    SpecialCase("log", [1, 0, inf, nan], gives: [0, -inf, inf, nan]) { try $0.log() },
    SpecialCase("log of negatives", [-1], gives: [nan]) { try $0.log() },
    SpecialCase("sqrt", [0, 4, inf, nan], gives: [0, 2, inf, nan]) { try $0.sqrt() },
    SpecialCase("rsqrt", [0, 4, inf], gives: [inf, 0.5, 0]) { try $0.rsqrt() },
    SpecialCase(
      "tanh", [0, 100, -100, inf, -inf, nan], gives: [0, 1, -1, 1, -1, nan],
      gradient: [1, 0, 0, 0, 0, nan]
    ) { try $0.tanh() },
    SpecialCase(
      "sigmoid", [0, 1000, -1000, inf, -inf, nan], gives: [0.5, 1, 0, 1, 0, nan],
      gradient: [0.25, 0, 0, 0, 0, nan]
    ) { try $0.sigmoid() },
    SpecialCase(
      "softplus", [1000, -1000, inf, -inf, nan], gives: [1000, 0, inf, 0, nan],
      gradient: [1, 0, 1, 0, nan]
    ) { try $0.softplus() },
    SpecialCase(
      "gelu", [0, 1e4, -1e4, 1e30, -1e30, nan], gives: [0, 1e4, 0, 1e30, 0, nan],
      gradient: [0.5, 1, 0, 1, 0, nan]
    ) { try $0.gelu() },
    SpecialCase(
      "quick gelu", [0, 1e4, -1e4, 1e30, -1e30, nan], gives: [0, 1e4, 0, 1e30, 0, nan],
      gradient: [0.5, 1, 0, 1, 0, nan]
    ) { try $0.quickGELU() },
    SpecialCase("tanh gelu at infinity", [inf, -inf], gives: [inf, 0]) { try $0.tanhGELU() },
    SpecialCase("gelu at infinity", [inf, -inf], gives: [inf, 0]) { try $0.gelu() },
    SpecialCase("quick gelu at infinity", [inf, -inf], gives: [inf, 0]) { try $0.quickGELU() },
    SpecialCase(
      "relu", [0, -1, 3, inf, -inf, nan], gives: [0, 0, 3, inf, 0, nan],
      gradient: [0, 0, 1, 1, 0, 0]
    ) { try $0.relu() },
    SpecialCase("abs", [0, -1, -inf, nan], gives: [0, 1, inf, nan], gradient: [0, -1, -1, 0]) {
      try $0.abs()
    },
    SpecialCase("sign", [0, -2, inf, nan], gives: [0, -1, 1, nan], gradient: [0, 0, 0, 0]) {
      try $0.sign()
    },
    SpecialCase("round", [0.5, 1.5, 2.5, -0.5, 1e30], gives: [0, 2, 2, -0.0, 1e30]) {
      try $0.round()
    },
    SpecialCase(
      "clamp", [-inf, inf, nan, 1, 0], gives: [0, 1, nan, 1, 0],
      gradient: [0, 0, 0, 1, 1]
    ) { try $0.clamped(0, 1) },
    SpecialCase("softmax", [1, 1, 1, 1], gives: [0.25, 0.25, 0.25, 0.25], gradient: [0, 0, 0, 0]) {
      try $0.softmax()
    },
    SpecialCase("softmax of large", [1000, 0, -1000], gives: [1, 0, 0], gradient: [0, 0, 0]) {
      try $0.softmax()
    },
    SpecialCase("softmax, masked", [0, -inf, 0], gives: [0.5, 0, 0.5], gradient: [0, 0, 0]) {
      try $0.softmax()
    },
    SpecialCase("softmax of a masked row", [-inf, -inf], gives: [0, 0], gradient: [0, 0]) {
      try $0.softmax()
    },
    SpecialCase("softmax with NaN", [nan, 0], gives: [nan, nan]) { try $0.softmax() },
    SpecialCase("log softmax of large", [1000, 0], gives: [0, -1000], gradient: [-1, 1]) {
      try $0.logSoftmax()
    },
    SpecialCase("log softmax, masked", [0, -inf], gives: [0, -inf]) { try $0.logSoftmax() },
    SpecialCase("log softmax of a masked row", [-inf, -inf], gives: [-inf, -inf]) {
      try $0.logSoftmax()
    },
    SpecialCase("log-sum-exp of large", [1000, -1000], gives: [1000], gradient: [1, 0]) {
      try $0.logSumExp(axes: [0], keepDimensions: true)
    },
    SpecialCase(
      "log-sum-exp of small", [-1000, -1000], gives: [-999.3068528194400547],
      gradient: [0.5, 0.5]
    ) { try $0.logSumExp(axes: [0], keepDimensions: true) },
    SpecialCase("log-sum-exp, masked", [0, -inf], gives: [0], gradient: [1, 0]) {
      try $0.logSumExp(axes: [0], keepDimensions: true)
    },
    SpecialCase("log-sum-exp of a masked row", [-inf, -inf], gives: [-inf], gradient: [0, 0]) {
      try $0.logSumExp(axes: [0], keepDimensions: true)
    },
    SpecialCase("log-sum-exp with infinity", [inf, 0], gives: [inf]) {
      try $0.logSumExp(axes: [0], keepDimensions: true)
    },
    SpecialCase("norm at zero", [0, 0, 0], gives: [0], gradient: [0, 0, 0]) {
      try $0.norm(axes: [0], keepDimensions: true)
    },
    SpecialCase("norm of small", [3e-30, 4e-30], gives: [5e-30], gradient: [0.6, 0.8]) {
      try $0.norm(axes: [0], keepDimensions: true)
    },
    SpecialCase("norm of large", [3e30, 4e30], gives: [5e30], gradient: [0.6, 0.8]) {
      try $0.norm(axes: [0], keepDimensions: true)
    },
    SpecialCase("normalize zero", [0, 0], gives: [0, 0], gradient: [0, 0]) { try $0.normalized() },
    SpecialCase("normalize small", [3e-30, 4e-30], gives: [0.6, 0.8]) { try $0.normalized() },
    SpecialCase("normalize large", [3e30, 4e30], gives: [0.6, 0.8]) { try $0.normalized() },
    SpecialCase("standard deviation of equals", [2, 2, 2], gives: [0]) {
      try $0.standardDeviation(axes: [0], keepDimensions: true)
    },
    SpecialCase("variance of one", [2], gives: [nan]) {
      try $0.variance(axes: [0], keepDimensions: true)
    },
    SpecialCase("layer norm of equals", [2, 2], gives: [0, 0], gradient: [0, 0]) {
      try Tensor.layerNorm(
        $0, weight: Tensor.ones([2], $0.dtype), bias: Tensor.zeros([2], $0.dtype))
    },
    SpecialCase("max of equals", [1, 3, 3], gives: [3], gradient: [0, 1, 0]) {
      try $0.max().reshaped([1])
    },
    SpecialCase("min with NaN", [1, nan, 0], gives: [nan]) { try $0.min().reshaped([1]) },
    SpecialCase("max with NaN", [nan, 5], gives: [nan]) { try $0.max().reshaped([1]) },
    SpecialCase("argmax of equals", [1, 3, 3], gives: [1]) { try $0.argmax().reshaped([1]) },
    SpecialCase("argmax with NaN", [1, nan, 3], gives: [1]) { try $0.argmax().reshaped([1]) },
    SpecialCase("sort with NaN", [nan, 2, -inf, inf], gives: [-inf, 2, inf, nan]) {
      try $0.sorted().values
    },
    SpecialCase("descending with NaN", [nan, 2, -inf, inf], gives: [nan, inf, 2, -inf]) {
      try $0.sorted(descending: true).values
    },
    SpecialCase("sort of equals is stable", [1, 0, 1, 0], gives: [1, 3, 0, 2]) {
      try $0.sorted().indices
    },
    SpecialCase("power of zero", [0, 0], gives: [1, 1], gradient: [0, 0]) { try $0.pow(0) },
    SpecialCase("zero to powers", [0, 0], gives: [0, 0], gradient: [0, 0]) { try $0.pow(2) },
    SpecialCase("minimum with NaN", [nan, 1], gives: [nan, 1]) {
      try $0.minimum(Tensor.scalar(2, $0.dtype))
    },
    SpecialCase("maximum with NaN", [3, 1], gives: [nan, nan]) {
      try $0.maximum(Tensor.scalar(.nan, $0.dtype))
    },
    SpecialCase("ties go to the first", [2, 1], gives: [2, 2], gradient: [1, 0]) {
      try $0.maximum(Tensor.scalar(2, $0.dtype))
    },
    SpecialCase("product with zeros", [0, 3, 0], gives: [0], gradient: [0, 0, 0]) {
      try $0.product(axes: [0], keepDimensions: true)
    },
    SpecialCase("product with one zero", [0, 3, 2], gives: [0], gradient: [6, 0, 0]) {
      try $0.product(axes: [0], keepDimensions: true)
    },
    SpecialCase("mean of nothing", [], gives: [nan], shape: [0]) { try $0.mean().reshaped([1]) },
    SpecialCase("sum of nothing", [], gives: [0], shape: [0]) { try $0.sum().reshaped([1]) },
    SpecialCase(
      "cross-entropy of large", [1000, -1000], gives: [2000], gradient: [1, -1],
      shape: [1, 2]
    ) {
      try Tensor.crossEntropy(
        logits: $0, labels: Tensor([1] as [Int64], shape: [1]), reduction: .none)
    },
    SpecialCase(
      "cross-entropy, masked class", [0, -inf], gives: [0], gradient: [0, 0],
      shape: [1, 2]
    ) {
      try Tensor.crossEntropy(
        logits: $0, labels: Tensor([0] as [Int64], shape: [1]), reduction: .none)
    },
    SpecialCase(
      "divergence with a probability of zero", [0, 1], gives: [0.6931471805599453],
      shape: [1, 2]
    ) {
      try Tensor.klDivergence($0, Tensor.full([1, 2], 0.5, $0.dtype), reduction: .none)
    },
    // Values of torch.remainder and torch.floor_divide (PyTorch 2.13).
    SpecialCase(
      "remainder beside a huge quotient", [1e17, 1e18, 1e20, 0x1p60],
      gives: [5, 1, 2, 1], gradient: [1, 1, 1, 1], double: true
    ) {
      try $0.remainder(Tensor.scalar(7, $0.dtype))
    },
    SpecialCase(
      "remainder beside a quotient that float32 rounds", [1e8, 33_554_430], gives: [1, 0],
      gradient: [1, 1]
    ) {
      try $0.remainder(Tensor.scalar(3, $0.dtype))
    },
    SpecialCase(
      "remainder beside infinity", [-7, 7, 0, inf, nan], gives: [inf, 7, 0, nan, nan]
    ) {
      try $0.remainder(Tensor.scalar(inf, $0.dtype))
    },
    SpecialCase(
      "remainder with the divisor's sign", [-7, 7, -8, 8, 0], gives: [-3, -1, 0, 0, 0]
    ) {
      try $0.remainder(Tensor.scalar(-4, $0.dtype))
    },
    SpecialCase("remainder of zero", [1, 0, -1], gives: [nan, nan, nan]) {
      try $0.remainder(Tensor.scalar(0, $0.dtype))
    },
    SpecialCase(
      "floor division beside infinity", [-7, 7, 0, inf], gives: [-1, 0, 0, nan],
      gradient: [0, 0, 0, 0]
    ) {
      try $0.floorDivided(by: Tensor.scalar(inf, $0.dtype))
    },
    SpecialCase("floor division by zero", [1, 0, -1], gives: [inf, nan, -inf]) {
      try $0.floorDivided(by: Tensor.scalar(0, $0.dtype))
    },
    SpecialCase(
      "floor division goes with its remainder", [1, 0x1p-1074, -0x1p-1074, 1e308],
      gives: [9, 0, -1, inf], double: true
    ) {
      try $0.floorDivided(by: Tensor([0.1, 2, 2, 1e-10] as [Double], shape: [4]))
    },
    SpecialCase(
      "conversion at the ends", [-0x1p63, 0x1p62, -0.9, -2.9],
      gives: [-0x1p63, 0x1p62, 0, -2]
    ) {
      try $0.converted(to: .int64)
    },
  ]

  @Test("value and gradient", arguments: rows)
  func special(_ row: SpecialCase) throws {
    for dtype in row.dtypes {
      let input = try Tensor(row.input, shape: row.shape).converted(to: dtype)
      if row.gradient != nil { try input.setRequiresGradient(true) }
      let result = try row.run(input)
      let tolerance = dtype == .float64 ? 1e-14 : 1e-6
      let problem = mismatch(
        try result.doubles(), row.values, rtol: tolerance, atol: tolerance * 1e-30)
      #expect(problem == nil, "\(dtype)")
      guard let expected = row.gradient else { continue }
      // Softmax rows are weighted, since their sum is constant.
      let gradient = try Tensor.gradients(of: result.sum(), with: [input])[0]
      let wrong = mismatch(try gradient.doubles(), expected, rtol: tolerance, atol: tolerance)
      #expect(wrong == nil, "gradient, \(dtype)")
    }
  }

  @Test("a causal mask leaves the first token alone, whatever the others are")
  func causalAttention() throws {
    var values = [Double](repeating: 0, count: 12)
    values[6...] = [.infinity, .nan, 1, 1, 1, 1]
    let qkv = try Tensor(values, shape: [1, 2, 6])
    let result = try Tensor.attention(qkv, heads: 1, isCausal: true).doubles()
    #expect(Array(result[..<2]) == [0, 0])
  }
}
