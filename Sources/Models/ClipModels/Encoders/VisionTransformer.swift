internal import Diagnostics
internal import Kernels
internal import Networks
internal import Tensors

/// A vision transformer: patches, positions, blocks, pooling, projection.
///
/// `ImageStyle` says which of the optional components there are: CLIP has a class token and a norm
/// before the blocks; SigLIP has neither, but a bias in the patches and attention pooling.
struct VisionTransformer: ImageEncoder {
  private let configuration: ClipConfiguration
  private let patches: Tensor
  private let patchBias: Tensor?
  private let classToken: Tensor?
  private let positions: Tensor
  private let normBefore: LayerNorm?
  private let normAfter: LayerNorm
  private let pool: AttentionPooling?
  private let projection: Tensor?
  private let blocks: [TransformerBlock]

  init(
    _ configuration: ClipConfiguration, _ parameters: ParameterList, _ precision: ProductPrecision
  ) throws {
    let (style, tower) = (configuration.imageStyle, configuration.vision)
    self.configuration = configuration
    func norm(_ name: String) throws -> LayerNorm {
      try LayerNorm(parameters, "visual." + name, epsilon: tower.epsilon)
    }
    patches = try parameters.required("visual.conv1.weight")
    patchBias = style.hasPatchBias ? try parameters.required("visual.conv1.bias") : nil
    classToken = style.hasClassToken ? try parameters.required("visual.class_embedding") : nil
    positions = try parameters.required("visual.positional_embedding")
    normBefore = style.hasNormBefore ? try norm("ln_pre") : nil
    normAfter = try norm("ln_post")
    pool = style.pooling == .attention ? try AttentionPooling(parameters, tower) : nil
    projection = style.hasProjection ? try parameters.required("visual.proj") : nil
    blocks = try (0..<tower.layers).map { index in
      try TransformerBlock(
        parameters, prefix: "visual.transformer.resblocks.\(index).", heads: tower.heads,
        activation: tower.activation, epsilon: tower.epsilon, isCausal: false, precision: precision)
    }
  }

  func callAsFunction(_ images: Tensor, options: EncodingOptions) throws -> Tensor {
    let observe = options.observe
    let samples = images.shape[0]
    var x = try embedded(images, observe)
    // Behind the last block only the class token is read; an observer sees all of it.
    let readsOneToken = configuration.imageStyle.pooling == .token && observe == nil
    for (index, block) in blocks.enumerated() where !(readsOneToken && index == blocks.count - 1) {
      x = try options.recomputes ? block.recomputed(x) : block(x)
      observe?("visual.block.\(index)", x)
    }
    let pooled: Tensor
    if readsOneToken, let last = blocks.last {
      pooled = try normAfter(last(x, tokenAt: Array(repeating: 0, count: samples)))
    } else {
      pooled = try self.pooled(x)
    }
    return try projected(pooled)
  }

  /// Features of images, and those of their patches: `[N, D]` and `[N, T, D]`.
  func patches(
    _ images: Tensor, options: EncodingOptions
  ) throws -> (features: Tensor, patches: Tensor) {
    var x = try embedded(images, nil)
    for block in blocks { x = try options.recomputes ? block.recomputed(x) : block(x) }
    let first = configuration.imageStyle.hasClassToken ? 1 : 0
    let tokens = try normAfter(x).narrowed(1, start: first, length: x.shape[1] - first)
    return (try projected(pooled(x)), try projected(tokens))
  }

  private func projected(_ x: Tensor) throws -> Tensor {
    try projection.map { try x.matmul($0) } ?? x
  }

  /// Patches with positions, `[N, T, W]`.
  private func embedded(_ images: Tensor, _ observe: BlockObserver?) throws -> Tensor {
    let width = configuration.vision.width
    let samples = images.shape[0]
    let sized = try InputStage(side: configuration.imageSize)(images)
    // Normalisation rides on the patch copy: (x − mean)/deviation = x · factor + offset.
    let factor = configuration.deviation.map { 1 / $0 }
    let offset = zip(configuration.mean, factor).map { -$0 * $1 }
    let rows = try Tensor.patches(
      of: sized, size: configuration.patchSize, factor: factor, offset: offset)
    var x = try Tensor.linear(rows, weight: patches.reshaped([width, -1]), bias: patchBias)
    if let classToken {
      let start = try classToken.reshaped([1, 1, width]).expanded([samples, 1, width])
      x = try Tensor.concatenated([start, x], axis: 1)
    }
    x = try x + positions
    if let normBefore {
      x = try normBefore(x)
      observe?("visual.ln_pre", x)
    }
    return x
  }

  /// `[N, T, W]` to `[N, W]`, with the norm after the blocks where the style has it.
  private func pooled(_ x: Tensor) throws -> Tensor {
    let style = configuration.imageStyle
    switch style.pooling {
    case .token: return try normAfter(x.selected(1, 0))
    case .average:
      let first = style.hasClassToken ? 1 : 0
      let tokens = try (style.poolsBeforeNorm ? x : normAfter(x))
        .narrowed(1, start: first, length: x.shape[1] - first)
      let mean = try tokens.mean(axes: [1])
      return style.poolsBeforeNorm ? try normAfter(mean) : mean
    case .attention:
      guard let pool else { throw KilpiError("the model has no pooling head") }
      return try pool(normAfter(x))
    }
  }

  static func shapes(_ c: ClipConfiguration) -> [WeightShape] {
    let (width, style) = (c.vision.width, c.imageStyle)
    func norm(_ name: String) -> [WeightShape] {
      [("visual.\(name).weight", [width]), ("visual.\(name).bias", [width])]
    }
    var shapes: [WeightShape] = style.hasClassToken ? [("visual.class_embedding", [width])] : []
    shapes.append(
      ("visual.positional_embedding", [c.patchCount + (style.hasClassToken ? 1 : 0), width]))
    if style.hasProjection { shapes.append(("visual.proj", [width, c.embedding])) }
    shapes.append(("visual.conv1.weight", [width, 3, c.patchSize, c.patchSize]))
    if style.hasPatchBias { shapes.append(("visual.conv1.bias", [width])) }
    if style.hasNormBefore { shapes += norm("ln_pre") }
    for layer in 0..<c.vision.layers {
      shapes += TransformerBlock.shapes(width: width, hidden: c.vision.hidden).map {
        ("visual.transformer.resblocks.\(layer)." + $0.name, $0.shape)
      }
    }
    shapes += norm("ln_post")
    return shapes + (style.pooling == .attention ? AttentionPooling.shapes(c.vision) : [])
  }
}

/// SigLIP's pooling head: one learnt query attends over all tokens, then a residual MLP
/// (arXiv:2205.01917 calls it MAP, arXiv:2303.15343 uses it).
struct AttentionPooling {
  private static let prefix = "visual.attn_pool."
  private let probe: Tensor
  private let attention: Attention
  private let norm: LayerNorm
  private let network: MultilayerPerceptron

  init(_ parameters: ParameterList, _ tower: ClipConfiguration.Tower) throws {
    probe = try parameters.required(Self.prefix + "probe")
    attention = try Attention(parameters, prefix: Self.prefix + "attn.", heads: tower.heads)
    norm = try LayerNorm(parameters, Self.prefix + "ln", epsilon: tower.epsilon)
    network = try MultilayerPerceptron(
      parameters, prefix: Self.prefix + "mlp.", activation: tower.activation)
  }

  /// `[N, T, W]` to `[N, W]`.
  func callAsFunction(_ x: Tensor) throws -> Tensor {
    let (samples, width) = (x.shape[0], x.shape[2])
    let query = try attention.queries()(probe.reshaped([1, width])).expanded([samples, width])
    let attended = try Tensor.pooledAttention(
      query, memory: attention.memory()(x), heads: attention.heads)
    let pooled = try attention.output(attended)
    return try pooled + network(norm(pooled))
  }

  static func shapes(_ tower: ClipConfiguration.Tower) -> [WeightShape] {
    let (width, hidden) = (tower.width, tower.hidden)
    return [
      ("probe", [1, 1, width]), ("attn.in_proj_weight", [3 * width, width]),
      ("attn.in_proj_bias", [3 * width]), ("attn.out_proj.weight", [width, width]),
      ("attn.out_proj.bias", [width]), ("ln.weight", [width]), ("ln.bias", [width]),
      ("mlp.c_fc.weight", [hidden, width]), ("mlp.c_fc.bias", [hidden]),
      ("mlp.c_proj.weight", [width, hidden]), ("mlp.c_proj.bias", [width]),
    ].map { (prefix + $0.0, $0.1) }
  }
}
