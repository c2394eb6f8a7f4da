internal import Diagnostics
public import Kernels
public import Tensors

/// A linear layer, `activation(x · Wᵀ + b)`.
public struct Linear {
  /// `W`, `[out, in]`.
  let weight: Tensor
  /// `b`, `[out]`.
  let bias: Tensor
  /// How the operands of the products are rounded.
  let precision: ProductPrecision

  /// Takes `W` and `b`.
  public init(weight: Tensor, bias: Tensor, precision: ProductPrecision = .float32) {
    self.weight = weight
    self.bias = bias
    self.precision = precision
  }

  /// Takes `<name>.weight` and `<name>.bias` from a list.
  ///
  /// - Throws: `KilpiError` when one is missing.
  public init(
    _ parameters: ParameterList, _ name: String, separator: String = ".",
    precision: ProductPrecision = .float32
  ) throws {
    weight = try parameters.required(name + separator + "weight")
    bias = try parameters.required(name + separator + "bias")
    self.precision = precision
  }

  /// `[…, in]` to `[…, out]`.
  public func callAsFunction(_ x: Tensor, activation: Activation = .none) throws -> Tensor {
    try Tensor.linear(
      x, weight: weight, bias: bias, activation: activation, precision: precision)
  }

  /// The layer of `count` outputs from `first` on, whose weights are views of these.
  func outputs(from first: Int, _ count: Int) throws -> Linear {
    Linear(
      weight: try weight.narrowed(0, start: first, length: count),
      bias: try bias.narrowed(0, start: first, length: count), precision: precision)
  }

  func mapped(_ transform: (Tensor) throws -> Tensor) rethrows -> Linear {
    Linear(weight: try transform(weight), bias: try transform(bias), precision: precision)
  }
}

/// `(x − mean) / √(variance + epsilon) · W + b` over the last axis (arXiv:1607.06450).
public struct LayerNorm {
  /// `W`, `[n]`.
  var weight: Tensor
  /// `b`, `[n]`.
  var bias: Tensor
  /// Added to the variance.
  var epsilon: Double

  /// Takes `<name>.weight` and `<name>.bias` from a list.
  ///
  /// - Throws: `KilpiError` when one is missing.
  public init(_ parameters: ParameterList, _ name: String, epsilon: Double) throws {
    weight = try parameters.required(name + ".weight")
    bias = try parameters.required(name + ".bias")
    self.epsilon = epsilon
  }

  /// `[…, n]` to `[…, n]`.
  public func callAsFunction(_ x: Tensor) throws -> Tensor {
    try Tensor.layerNorm(x, weight: weight, bias: bias, epsilon: epsilon)
  }

  func mapped(_ transform: (Tensor) throws -> Tensor) rethrows -> LayerNorm {
    var norm = self
    norm.weight = try transform(weight)
    norm.bias = try transform(bias)
    return norm
  }
}

/// A table with a row for each id, or for each place.
public struct Embedding {
  /// `[entries, width]`.
  public let table: Tensor

  /// Takes the table of a name from a list.
  ///
  /// - Throws: `KilpiError` when it is missing.
  public init(_ parameters: ParameterList, _ name: String) throws {
    table = try parameters.required(name)
  }

  /// Rows for int64 ids of any shape: `[…ids, width]`.
  public func callAsFunction(_ ids: Tensor) throws -> Tensor {
    try Tensor.embedding(table, ids: ids)
  }

  /// The first rows, `[count, width]`: those of the places of a sequence.
  public func first(_ count: Int) throws -> Tensor {
    try table.narrowed(0, start: 0, length: count)
  }
}

/// Multi-head attention with its layers: `output(softmax(Q·Kᵀ/√d + mask) V)`.
public struct Attention {
  /// Queries, keys and values side by side, `[N, T, W]` to `[N, T, 3·W]`.
  let input: Linear
  /// Behind the heads, `[…, W]` to `[…, W]`.
  public let output: Linear
  /// Number of heads; divides `W`.
  public let heads: Int
  /// True when a token sees itself and those before it only.
  let isCausal: Bool

  /// Joins the layers.
  public init(input: Linear, output: Linear, heads: Int, isCausal: Bool = false) {
    self.input = input
    self.output = output
    self.heads = heads
    self.isCausal = isCausal
  }

  /// Takes the layers from a list, by the names of OpenAI's CLIP.
  ///
  /// - Throws: `KilpiError` when a weight is missing.
  public init(
    _ parameters: ParameterList, prefix: String, heads: Int, isCausal: Bool = false,
    precision: ProductPrecision = .float32
  ) throws {
    self.init(
      input: try Linear(parameters, prefix + "in_proj", separator: "_", precision: precision),
      output: try Linear(parameters, prefix + "out_proj", precision: precision), heads: heads,
      isCausal: isCausal)
  }

  /// All tokens of `[N, T, W]` among each other.
  public func callAsFunction(_ x: Tensor) throws -> Tensor {
    try output(Tensor.attention(input(x), heads: heads, isCausal: isCausal))
  }

  /// The part of `input` that makes queries.
  public func queries() throws -> Linear {
    try input.outputs(from: 0, input.bias.count / 3)
  }

  /// The part of `input` that makes keys and values side by side.
  public func memory() throws -> Linear {
    let width = input.bias.count / 3
    return try input.outputs(from: width, 2 * width)
  }

  func mapped(_ transform: (Tensor) throws -> Tensor) rethrows -> Attention {
    Attention(
      input: try input.mapped(transform), output: try output.mapped(transform), heads: heads,
      isCausal: isCausal)
  }
}

/// `contract(activation(expand(x)))`, the network of a transformer block.
public struct MultilayerPerceptron {
  /// `[…, W]` to `[…, hidden]`.
  var expand: Linear
  /// `[…, hidden]` to `[…, W]`.
  var contract: Linear
  /// Between the two.
  var activation: Activation

  /// Takes the layers from a list, by the names of OpenAI's CLIP.
  ///
  /// - Throws: `KilpiError` when a weight is missing.
  public init(
    _ parameters: ParameterList, prefix: String, activation: Activation,
    precision: ProductPrecision = .float32
  ) throws {
    expand = try Linear(parameters, prefix + "c_fc", precision: precision)
    contract = try Linear(parameters, prefix + "c_proj", precision: precision)
    self.activation = activation
  }

  /// `[…, W]` to `[…, W]`.
  public func callAsFunction(_ x: Tensor) throws -> Tensor {
    try Tensor.mlp(
      x, expand: (expand.weight, expand.bias), contract: (contract.weight, contract.bias),
      activation: activation, precision: expand.precision)
  }

  func mapped(_ transform: (Tensor) throws -> Tensor) rethrows -> MultilayerPerceptron {
    var network = self
    network.expand = try expand.mapped(transform)
    network.contract = try contract.mapped(transform)
    return network
  }
}
