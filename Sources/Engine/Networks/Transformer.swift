internal import Diagnostics
public import Kernels
public import Tensors

/// One pre-norm residual block: `x + attention(norm(x))`, then `x + mlp(norm(x))`.
///
/// Weights keep the names of OpenAI's CLIP: `ln_1`, `attn.in_proj` (queries, keys and values as one
/// `[3·W, W]` matrix), `attn.out_proj`, `ln_2`, `mlp.c_fc`, `mlp.c_proj`.
public struct TransformerBlock {
  var norm1: LayerNorm
  var attention: Attention
  var norm2: LayerNorm
  var network: MultilayerPerceptron

  /// Takes the block's weights from a list.
  ///
  /// - Throws: `KilpiError` when one is missing.
  public init(
    _ parameters: ParameterList, prefix: String, heads: Int, activation: Activation,
    epsilon: Double, isCausal: Bool, precision: ProductPrecision = .float32
  ) throws {
    norm1 = try LayerNorm(parameters, prefix + "ln_1", epsilon: epsilon)
    attention = try Attention(
      parameters, prefix: prefix + "attn.", heads: heads, isCausal: isCausal, precision: precision)
    norm2 = try LayerNorm(parameters, prefix + "ln_2", epsilon: epsilon)
    network = try MultilayerPerceptron(
      parameters, prefix: prefix + "mlp.", activation: activation, precision: precision)
  }

  /// The block with other weights; `transform` sees each of them once.
  private func mapped(_ transform: (Tensor) throws -> Tensor) rethrows -> TransformerBlock {
    var block = self
    block.norm1 = try norm1.mapped(transform)
    block.attention = try attention.mapped(transform)
    block.norm2 = try norm2.mapped(transform)
    block.network = try network.mapped(transform)
    return block
  }

  /// Runs the block on `[N, T, W]` and keeps its input alone for the gradient.
  public func recomputed(_ x: Tensor) throws -> Tensor {
    var weights: [Tensor] = []
    _ = mapped {
      weights.append($0)
      return $0
    }
    return try Tensor.recomputed([x] + weights) { inputs in
      var rest = inputs.dropFirst()
      let block = mapped { rest.popFirst() ?? $0 }
      return try block(inputs[0])
    }
  }

  /// What follows attention: norm, network, residual.
  private func rest(_ x: Tensor) throws -> Tensor { try x + network(norm2(x)) }

  /// Runs the block on `[N, T, W]`.
  public func callAsFunction(_ x: Tensor) throws -> Tensor {
    try rest(x + attention(norm1(x)))
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
    let normed = try norm1(x)
    let one = try picked(normed)
    let attended = try Tensor.pooledAttention(
      attention.queries()(one), memory: attention.memory()(normed), heads: attention.heads,
      lengths: attention.isCausal ? places.map { $0 + 1 } : nil)
    return try rest(picked(x) + attention.output(attended))
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
