internal import Diagnostics
internal import Kernels
internal import Networks
internal import Tensors

/// A text transformer: tokens, positions, blocks, the feature of one token, projection.
///
/// CLIP's is causal and reads the end token; SigLIP's sees all tokens and reads the last.
struct TextTransformer: TextEncoder {
  private let configuration: ClipConfiguration
  private let tokens: Embedding
  private let positions: Embedding
  private let norm: LayerNorm
  private let projection: Tensor
  private let projectionBias: Tensor?
  private let blocks: [TransformerBlock]

  init(
    _ configuration: ClipConfiguration, _ parameters: ParameterList, _ precision: ProductPrecision
  ) throws {
    self.configuration = configuration
    tokens = try Embedding(parameters, "token_embedding.weight")
    positions = try Embedding(parameters, "positional_embedding")
    norm = try LayerNorm(parameters, "ln_final", epsilon: configuration.text.epsilon)
    projection = try parameters.required("text_projection")
    projectionBias =
      configuration.textStyle.hasProjectionBias
      ? try parameters.required("text_projection_bias") : nil
    let (tower, isCausal) = (configuration.text, configuration.textStyle.isCausal)
    blocks = try (0..<tower.layers).map { index in
      try TransformerBlock(
        parameters, prefix: "transformer.resblocks.\(index).", heads: tower.heads,
        activation: tower.activation, epsilon: tower.epsilon, isCausal: isCausal,
        precision: precision)
    }
  }

  /// With a causal mask what follows the feature's token changes nothing: sequences are cut at the
  /// batch's last such token.
  func callAsFunction(_ ids: Tensor, options: EncodingOptions) throws -> Tensor {
    let observe = options.observe
    let style = configuration.textStyle
    guard ids.rank == 2, ids.dtype == .int64, ids.shape[1] <= configuration.context,
      ids.shape[1] > 0
    else {
      throw KilpiError(
        "token ids have shape \(ids.shape), [N, L] with L at most \(configuration.context) "
          + "is needed")
    }
    let (samples, length) = (ids.shape[0], ids.shape[1])
    guard style.isCausal || length == configuration.context else {
      throw KilpiError(
        "token ids have \(length) places a row, this model needs \(configuration.context)",
        advice: "its attention sees the padding: make ids with model:tokenize")
    }
    let values = try ids.integers()
    let places = try (0..<samples).map { row in
      try place(values[row * length..<(row + 1) * length], row: row)
    }
    let isIndependent = ProductKernels.areOwn && tokens.table.dtype == .float32
    if BLAS.isDeterministic, !isIndependent, style.isCausal, observe == nil, Set(places).count > 1 {
      return try byLength(ids, places, options)
    }
    let kept = style.isCausal ? (places.max() ?? 0) + 1 : length
    let cut = try ids.narrowed(1, start: 0, length: kept)
    var x = try tokens(cut) + positions.first(kept)
    // Behind the last block one token a text is read; an observer sees all of it.
    let last = observe == nil ? blocks.last : nil
    for (index, block) in blocks.enumerated() where last == nil || index < blocks.count - 1 {
      x = try options.recomputes ? block.recomputed(x) : block(x)
      observe?("text.block.\(index)", x)
    }
    let picked: Tensor
    if let last {
      picked = try last(x, tokenAt: places)
    } else {
      let rows = try Tensor(
        places.enumerated().map { Int64($0 * kept + $1) }, shape: [samples])
      picked = try x.reshaped([samples * kept, configuration.text.width]).indexSelected(0, rows)
    }
    let features = try norm(picked).matmul(projection)
    return try projectionBias.map { try features + $0 } ?? features
  }

  /// Texts of one length at a time: OpenBLAS's sums over the batch's length have other last bits than
  /// those over a text's own, unlike Kilpi's products.
  private func byLength(
    _ ids: Tensor, _ places: [Int], _ options: EncodingOptions
  ) throws -> Tensor {
    func indices(_ rows: [Int]) throws -> Tensor {
      try Tensor(rows.map { Int64($0) }, shape: [rows.count])
    }
    let groups = Dictionary(grouping: places.indices) { places[$0] }.sorted { $0.key < $1.key }
    let features = try groups.map { _, rows in
      try self(ids.indexSelected(0, indices(rows)), options: options)
    }
    var order = [Int](repeating: 0, count: places.count)
    for (position, row) in groups.flatMap(\.value).enumerated() { order[row] = position }
    return try Tensor.concatenated(features).indexSelected(0, indices(order))
  }

  /// Where a row's feature stands.
  private func place(_ row: ArraySlice<Int64>, row number: Int) throws -> Int {
    switch configuration.textStyle.pooling {
    case .first: return 0
    case .last: return row.count - 1
    case .end: break
    }
    let found: Int?
    if let end = configuration.endToken {
      found = row.firstIndex(of: Int64(end))
    } else {
      found = row.max().flatMap { row.firstIndex(of: $0) }
    }
    guard let found else {
      throw KilpiError(
        "row \(number + 1) of the token ids has no end token \(configuration.endToken ?? 0)",
        advice: "make ids with clip.tokenize")
    }
    return found - row.startIndex
  }

  static func shapes(_ c: ClipConfiguration) -> [WeightShape] {
    let width = c.text.width
    var shapes: [WeightShape] = [
      ("positional_embedding", [c.context, width]), ("text_projection", [width, c.embedding]),
    ]
    if c.textStyle.hasProjectionBias { shapes.append(("text_projection_bias", [c.embedding])) }
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
