internal import Diagnostics
public import Kernels
public import Tensors

/// One pre-norm residual block: `x + attention(norm(x))`, then `x + mlp(norm(x))`.
///
/// Weights keep the names of OpenAI's CLIP: `ln_1`, `attn.in_proj` (queries, keys and values as one
/// `[3·W, W]` matrix), `attn.out_proj`, `ln_2`, `mlp.c_fc`, `mlp.c_proj`.
public struct TransformerBlock {
  let norm1: (weight: Tensor, bias: Tensor)
  let input: (weight: Tensor, bias: Tensor)
  let output: (weight: Tensor, bias: Tensor)
  let norm2: (weight: Tensor, bias: Tensor)
  let expand: (weight: Tensor, bias: Tensor)
  let contract: (weight: Tensor, bias: Tensor)
  let heads: Int
  let activation: Activation
  let epsilon: Double
  let isCausal: Bool
  let precision: ProductPrecision

  /// Takes the block's weights from a list.
  ///
  /// - Throws: `KilpiError` when one is missing.
  public init(
    _ parameters: ParameterList, prefix: String, heads: Int, activation: Activation,
    epsilon: Double, isCausal: Bool, precision: ProductPrecision = .float32
  ) throws {
    func pair(_ name: String, _ separator: String = ".") throws -> (weight: Tensor, bias: Tensor) {
      (
        try parameters.required(prefix + name + separator + "weight"),
        try parameters.required(prefix + name + separator + "bias")
      )
    }
    norm1 = try pair("ln_1")
    input = try pair("attn.in_proj", "_")
    output = try pair("attn.out_proj")
    norm2 = try pair("ln_2")
    expand = try pair("mlp.c_fc")
    contract = try pair("mlp.c_proj")
    self.heads = heads
    self.activation = activation
    self.epsilon = epsilon
    self.isCausal = isCausal
    self.precision = precision
  }

  private init(_ other: TransformerBlock, tensors t: [Tensor]) {
    norm1 = (t[0], t[1])
    input = (t[2], t[3])
    output = (t[4], t[5])
    norm2 = (t[6], t[7])
    expand = (t[8], t[9])
    contract = (t[10], t[11])
    heads = other.heads
    activation = other.activation
    epsilon = other.epsilon
    isCausal = other.isCausal
    precision = other.precision
  }

  private var tensors: [Tensor] {
    [norm1, input, output, norm2, expand, contract].flatMap { [$0.weight, $0.bias] }
  }

  private func linear(_ x: Tensor, _ layer: (weight: Tensor, bias: Tensor)) throws -> Tensor {
    try Tensor.linear(x, weight: layer.weight, bias: layer.bias, precision: precision)
  }

  /// What follows attention: residual, norm, MLP, residual.
  private func rest(_ x: Tensor, attended: Tensor) throws -> Tensor {
    let x = try x + linear(attended, output)
    return try x
      + Tensor.mlp(
        Tensor.layerNorm(x, weight: norm2.weight, bias: norm2.bias, epsilon: epsilon),
        expand: expand, contract: contract, activation: activation, precision: precision)
  }

  /// Runs the block on `[N, T, W]` and keeps its input alone for the gradient.
  public func recomputed(_ x: Tensor) throws -> Tensor {
    try Tensor.recomputed([x] + tensors) { inputs in
      try TransformerBlock(self, tensors: Array(inputs.dropFirst()))(inputs[0])
    }
  }

  /// Runs the block on `[N, T, W]`.
  public func callAsFunction(_ x: Tensor) throws -> Tensor {
    let normed = try Tensor.layerNorm(
      x, weight: norm1.weight, bias: norm1.bias, epsilon: epsilon)
    let qkv = try linear(normed, input)
    return try rest(x, attended: Tensor.attention(qkv, heads: heads, isCausal: isCausal))
  }

  /// Runs the block for one token of each sample, `[N, T, W]` to `[N, W]`: what the last block has to
  /// do where one token's feature alone is read behind it.
  ///
  /// Exact: keys and values of all tokens, but queries, output projection and MLP of one.
  ///
  /// - Parameters:
  ///   - places: the token's place in each sample; with a causal mask it sees no later one.
  public func callAsFunction(_ x: Tensor, tokenAt places: [Int]) throws -> Tensor {
    let (samples, tokens, width) = (x.shape[0], x.shape[1], x.shape[2])
    let rows = try Tensor(
      places.enumerated().map { Int64($0 * tokens + $1) }, shape: [samples])
    func picked(_ x: Tensor) throws -> Tensor {
      try x.reshaped([samples * tokens, width]).indexSelected(0, rows)
    }
    func part(_ first: Int, _ count: Int) throws -> (weight: Tensor, bias: Tensor) {
      (
        try input.weight.narrowed(0, start: first * width, length: count * width),
        try input.bias.narrowed(0, start: first * width, length: count * width)
      )
    }
    let normed = try Tensor.layerNorm(
      x, weight: norm1.weight, bias: norm1.bias, epsilon: epsilon)
    let attended = try Tensor.pooledAttention(
      linear(picked(normed), part(0, 1)), memory: linear(normed, part(1, 2)), heads: heads,
      lengths: isCausal ? places.map { $0 + 1 } : nil)
    return try rest(picked(x), attended: attended)
  }

  /// Names and shapes of a block's weights.
  public static func shapes(width: Int, hidden: Int) -> [(name: String, shape: [Int])] {
    [
      ("attn.in_proj_weight", [3 * width, width]), ("attn.in_proj_bias", [3 * width]),
      ("attn.out_proj.weight", [width, width]), ("attn.out_proj.bias", [width]),
      ("ln_1.weight", [width]), ("ln_1.bias", [width]),
      ("mlp.c_fc.weight", [hidden, width]), ("mlp.c_fc.bias", [hidden]),
      ("mlp.c_proj.weight", [width, hidden]), ("mlp.c_proj.bias", [width]),
      ("ln_2.weight", [width]), ("ln_2.bias", [width]),
    ]
  }
}
