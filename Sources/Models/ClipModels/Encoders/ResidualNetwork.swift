internal import Diagnostics
internal import Networks
internal import Tensors

/// CLIP's residual network: three convolutions and a pool, four stages of bottlenecks with average
/// pools in place of strides, attention pooling (arXiv:2103.00020, section 2.4).
///
/// Batch norms use their running statistics, in attacks and in training alike: robust fine-tuning
/// keeps them, and a sample's features do not depend on its batch. They are folded into the
/// convolution before them, `W' = W·γ/√(σ² + ε)`, `b' = β − μ·γ/√(σ² + ε)`, inside the graph, so that
/// gradients reach `γ`, `β` and `W`.
struct ResidualNetwork: ImageEncoder {
  private static let epsilon = 1e-5
  private static let expansion = 4

  private let configuration: ClipConfiguration
  private let parameters: ParameterList
  private let head: SpatialAttentionPooling

  init(_ configuration: ClipConfiguration, _ parameters: ParameterList) throws {
    self.configuration = configuration
    self.parameters = parameters
    head = try SpatialAttentionPooling(parameters, heads: configuration.vision.heads)
  }

  func callAsFunction(_ images: Tensor, options: EncodingOptions) throws -> Tensor {
    let observe = options.observe
    let sized = try InputStage(side: configuration.imageSize)(images)
    func channels(_ values: [Double]) throws -> Tensor {
      try Tensor(values, shape: [3, 1, 1]).converted(to: images.dtype)
    }
    var x = try (sized - channels(configuration.mean)) / channels(configuration.deviation)
    x = try convolved(x, "conv1", "bn1", stride: 2, padding: 1).relu()
    x = try convolved(x, "conv2", "bn2", padding: 1).relu()
    x = try convolved(x, "conv3", "bn3", padding: 1).relu()
    x = try pooled(x)
    observe?("visual.stem", x)
    for (stage, blocks) in (configuration.residualBlocks ?? []).enumerated() {
      for block in 0..<blocks {
        let isHalved = stage > 0 && block == 0
        x = try run("layer\(stage + 1).\(block).", x, isHalved: isHalved, options)
      }
      observe?("visual.block.\(stage)", x)
    }
    return try head(x)
  }

  /// One bottleneck; with `recomputes` it keeps its input alone for the gradient.
  private func run(
    _ prefix: String, _ x: Tensor, isHalved: Bool, _ options: EncodingOptions
  ) throws -> Tensor {
    guard options.recomputes else { return try bottleneck(x, prefix, isHalved: isHalved) }
    let own = parameters.entries.filter { $0.name.hasPrefix("visual." + prefix) }
    return try Tensor.recomputed([x] + own.map(\.tensor)) { inputs in
      var weights = ParameterList()
      for (entry, tensor) in zip(own, inputs.dropFirst()) { weights.set(entry.name, tensor) }
      return try ResidualNetwork(self, weights).bottleneck(inputs[0], prefix, isHalved: isHalved)
    }
  }

  /// The same network with other weights for some blocks.
  private init(_ other: ResidualNetwork, _ parameters: ParameterList) {
    configuration = other.configuration
    self.parameters = parameters
    head = other.head
  }

  private func bottleneck(_ x: Tensor, _ prefix: String, isHalved: Bool) throws -> Tensor {
    var y = try convolved(x, prefix + "conv1", prefix + "bn1").relu()
    y = try convolved(y, prefix + "conv2", prefix + "bn2", padding: 1).relu()
    if isHalved { y = try pooled(y) }
    y = try convolved(y, prefix + "conv3", prefix + "bn3")
    var identity = x
    if parameters["visual.\(prefix)downsample.0.weight"] != nil {
      identity = try convolved(
        isHalved ? pooled(x) : x, prefix + "downsample.0", prefix + "downsample.1")
    }
    return try (y + identity).relu()
  }

  /// A convolution with its batch norm folded in.
  private func convolved(
    _ x: Tensor, _ convolution: String, _ norm: String, stride: Int = 1, padding: Int = 0
  ) throws -> Tensor {
    func part(_ name: String) throws -> Tensor { try parameters.required("visual." + name) }
    let weight = try part(convolution + ".weight")
    let factor =
      try part(norm + ".weight") * (part(norm + ".running_var") + Self.epsilon).rsqrt()
    let bias = try part(norm + ".bias") - part(norm + ".running_mean") * factor
    return try Tensor.convolution(
      x, weight: weight * factor.reshaped([factor.count, 1, 1, 1]), bias: bias, stride: stride,
      padding: padding)
  }

  /// Means over squares of two pixels; a last odd row or column is left out.
  private func pooled(_ x: Tensor) throws -> Tensor {
    let (height, width) = (x.shape[2] / 2, x.shape[3] / 2)
    let even = try x.narrowed(2, start: 0, length: 2 * height)
      .narrowed(3, start: 0, length: 2 * width)
    return try even.reshaped([x.shape[0], x.shape[1], height, 2, width, 2]).mean(axes: [3, 5])
  }

  static func shapes(_ c: ClipConfiguration) -> [WeightShape] {
    let width = c.vision.width
    var shapes: [WeightShape] = []
    func convolution(_ name: String, _ norm: String, _ input: Int, _ output: Int, _ side: Int) {
      shapes.append(("visual.\(name).weight", [output, input, side, side]))
      for part in ["weight", "bias", "running_mean", "running_var"] {
        shapes.append(("visual.\(norm).\(part)", [output]))
      }
    }
    convolution("conv1", "bn1", 3, width / 2, 3)
    convolution("conv2", "bn2", width / 2, width / 2, 3)
    convolution("conv3", "bn3", width / 2, width, 3)
    var input = width
    for (stage, blocks) in (c.residualBlocks ?? []).enumerated() {
      let planes = width << stage
      for block in 0..<blocks {
        let prefix = "layer\(stage + 1).\(block)."
        convolution(prefix + "conv1", prefix + "bn1", input, planes, 1)
        convolution(prefix + "conv2", prefix + "bn2", planes, planes, 3)
        convolution(prefix + "conv3", prefix + "bn3", planes, planes * expansion, 1)
        if block == 0 {
          convolution(
            prefix + "downsample.0", prefix + "downsample.1", input, planes * expansion, 1)
        }
        input = planes * expansion
      }
    }
    let side = c.imageSize / 32
    shapes.append(("visual.attnpool.positional_embedding", [side * side + 1, input]))
    for name in ["k_proj", "q_proj", "v_proj"] {
      shapes.append(("visual.attnpool.\(name).weight", [input, input]))
      shapes.append(("visual.attnpool.\(name).bias", [input]))
    }
    shapes.append(("visual.attnpool.c_proj.weight", [c.embedding, input]))
    shapes.append(("visual.attnpool.c_proj.bias", [c.embedding]))
    return shapes
  }
}

/// The residual network's head: the mean over all places asks, the places and the mean answer.
private struct SpatialAttentionPooling {
  private let positions: Tensor
  private let queries: Linear
  private let keys: Linear
  private let values: Linear
  private let output: Linear
  private let heads: Int

  init(_ parameters: ParameterList, heads: Int) throws {
    let prefix = "visual.attnpool."
    positions = try parameters.required(prefix + "positional_embedding")
    queries = try Linear(parameters, prefix + "q_proj")
    keys = try Linear(parameters, prefix + "k_proj")
    values = try Linear(parameters, prefix + "v_proj")
    output = try Linear(parameters, prefix + "c_proj")
    self.heads = heads
  }

  /// `[N, C, H, W]` to `[N, D]`.
  func callAsFunction(_ x: Tensor) throws -> Tensor {
    let (samples, channels) = (x.shape[0], x.shape[1])
    let places = try x.reshaped([samples, channels, -1]).permuted([0, 2, 1])
    let mean = try places.mean(axes: [1], keepDimensions: true)
    let tokens = try Tensor.concatenated([mean, places], axis: 1) + positions
    let memory = try Tensor.concatenated([keys(tokens), values(tokens)], axis: 2)
    let attended = try Tensor.pooledAttention(
      queries(tokens.selected(1, 0)), memory: memory, heads: heads)
    return try output(attended)
  }
}
