internal import Diagnostics
internal import Networks
internal import Tensors

/// The image encoder: patches, class token, positions, blocks, projection of the class token.
struct VisionTower {
  private let configuration: ClipConfiguration
  private let patchWeight: Tensor
  private let classToken: Tensor
  private let positions: Tensor
  private let normBefore: (weight: Tensor, bias: Tensor)
  private let normAfter: (weight: Tensor, bias: Tensor)
  private let projection: Tensor
  private let blocks: [TransformerBlock]

  init(_ configuration: ClipConfiguration, _ parameters: ParameterList) throws {
    self.configuration = configuration
    patchWeight = try parameters.required("visual.conv1.weight")
    classToken = try parameters.required("visual.class_embedding")
    positions = try parameters.required("visual.positional_embedding")
    normBefore = (
      try parameters.required("visual.ln_pre.weight"), try parameters.required("visual.ln_pre.bias")
    )
    normAfter = (
      try parameters.required("visual.ln_post.weight"),
      try parameters.required("visual.ln_post.bias")
    )
    projection = try parameters.required("visual.proj")
    let tower = configuration.vision
    blocks = try (0..<tower.layers).map { index in
      try TransformerBlock(
        parameters, prefix: "visual.transformer.resblocks.\(index).", heads: tower.heads,
        activation: tower.activation, epsilon: tower.epsilon, isCausal: false)
    }
  }

  /// `[N, 3, H, W]` in [0, 1] to raw features `[N, D]`.
  func callAsFunction(_ images: Tensor, observe: ((String, Tensor) -> Void)? = nil) throws -> Tensor
  {
    let width = configuration.vision.width
    let samples = images.shape[0]
    let sized = try InputStage(side: configuration.imageSize)(images)
    // Normalisation rides on the patch copy: (x − mean)/deviation = x · factor + offset.
    let factor = configuration.deviation.map { 1 / $0 }
    let offset = zip(configuration.mean, factor).map { -$0 * $1 }
    let patches = try Tensor.patches(
      of: sized, size: configuration.patchSize, factor: factor, offset: offset)
    let embedded = try Tensor.linear(patches, weight: patchWeight.reshaped([width, -1]))
    let start = try classToken.reshaped([1, 1, width]).expanded([samples, 1, width])
    var x = try Tensor.concatenated([start, embedded], axis: 1) + positions
    let epsilon = configuration.vision.epsilon
    x = try Tensor.layerNorm(x, weight: normBefore.weight, bias: normBefore.bias, epsilon: epsilon)
    observe?("visual.ln_pre", x)
    for (index, block) in blocks.enumerated() {
      x = try block(x)
      observe?("visual.block.\(index)", x)
    }
    let token = try x.selected(1, 0)
    let normed = try Tensor.layerNorm(
      token, weight: normAfter.weight, bias: normAfter.bias, epsilon: epsilon)
    return try normed.matmul(projection)
  }

  static func shapes(_ c: ClipConfiguration) -> [(name: String, shape: [Int])] {
    let width = c.vision.width
    var shapes: [(name: String, shape: [Int])] = [
      ("visual.class_embedding", [width]),
      ("visual.positional_embedding", [c.patchCount + 1, width]),
      ("visual.proj", [width, c.embedding]),
      ("visual.conv1.weight", [width, 3, c.patchSize, c.patchSize]),
      ("visual.ln_pre.weight", [width]), ("visual.ln_pre.bias", [width]),
    ]
    for layer in 0..<c.vision.layers {
      shapes += TransformerBlock.shapes(width: width, hidden: c.vision.hidden).map {
        ("visual.transformer.resblocks.\(layer)." + $0.name, $0.shape)
      }
    }
    return shapes + [("visual.ln_post.weight", [width]), ("visual.ln_post.bias", [width])]
  }
}

/// The text encoder: tokens, positions, causal blocks, projection of the feature at the end token.
struct TextTower {
  private let configuration: ClipConfiguration
  private let tokens: Tensor
  private let positions: Tensor
  private let norm: (weight: Tensor, bias: Tensor)
  private let projection: Tensor
  private let blocks: [TransformerBlock]

  init(_ configuration: ClipConfiguration, _ parameters: ParameterList) throws {
    self.configuration = configuration
    tokens = try parameters.required("token_embedding.weight")
    positions = try parameters.required("positional_embedding")
    norm = (
      try parameters.required("ln_final.weight"), try parameters.required("ln_final.bias")
    )
    projection = try parameters.required("text_projection")
    let tower = configuration.text
    blocks = try (0..<tower.layers).map { index in
      try TransformerBlock(
        parameters, prefix: "transformer.resblocks.\(index).", heads: tower.heads,
        activation: tower.activation, epsilon: tower.epsilon, isCausal: true)
    }
  }

  /// `[N, L]` int64 ids to raw features `[N, D]`.
  ///
  /// The mask is causal, so what follows the end token changes nothing: sequences are cut at the
  /// batch's last end token.
  func callAsFunction(
    _ ids: Tensor, observe: ((String, Tensor) -> Void)? = nil
  ) throws -> Tensor {
    guard ids.rank == 2, ids.dtype == .int64, ids.shape[1] <= configuration.context else {
      throw KilpiError(
        "", "token ids have shape \(ids.shape), [N, L] with L at most \(configuration.context) "
          + "is needed")
    }
    let (samples, length) = (ids.shape[0], ids.shape[1])
    let values = try ids.integers()
    let ends = try (0..<samples).map { row in
      try endPosition(values[row * length..<(row + 1) * length], row: row)
    }
    let kept = (ends.max() ?? 0) + 1
    let cut = try ids.narrowed(1, start: 0, length: kept)
    var x = try Tensor.embedding(tokens, ids: cut)
      + positions.narrowed(0, start: 0, length: kept)
    for (index, block) in blocks.enumerated() {
      x = try block(x)
      observe?("text.block.\(index)", x)
    }
    let width = configuration.text.width
    let rows = try Tensor(
      ends.enumerated().map { Int64($0 * kept + $1) }, shape: [samples])
    let picked = try x.reshaped([samples * kept, width]).indexSelected(0, rows)
    let normed = try Tensor.layerNorm(
      picked, weight: norm.weight, bias: norm.bias, epsilon: configuration.text.epsilon)
    return try normed.matmul(projection)
  }

  /// Where a row's feature stands: the first end token, or the largest id in old configurations.
  private func endPosition(_ row: ArraySlice<Int64>, row number: Int) throws -> Int {
    let found: Int?
    if let end = configuration.endToken {
      found = row.firstIndex(of: Int64(end))
    } else {
      found = row.max().flatMap { row.firstIndex(of: $0) }
    }
    guard let found else {
      throw KilpiError(
        "", "row \(number + 1) of the token ids has no end token \(configuration.endToken ?? 0)",
        advice: "make ids with clip.tokenize")
    }
    return found - row.startIndex
  }

  static func shapes(_ c: ClipConfiguration) -> [(name: String, shape: [Int])] {
    let width = c.text.width
    var shapes: [(name: String, shape: [Int])] = [
      ("positional_embedding", [c.context, width]), ("text_projection", [width, c.embedding]),
    ]
    for layer in 0..<c.text.layers {
      shapes += TransformerBlock.shapes(width: width, hidden: c.text.hidden).map {
        ("transformer.resblocks.\(layer)." + $0.name, $0.shape)
      }
    }
    return shapes + [
      ("token_embedding.weight", [c.vocabulary, width]), ("ln_final.weight", [width]),
      ("ln_final.bias", [width]),
    ]
  }
}
