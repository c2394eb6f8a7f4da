internal import Diagnostics
public import Kernels
public import Networks
public import Tensors

/// A dual encoder: an image encoder and a text encoder into one space, and a score of pairs
/// (CLIP, arXiv:2103.00020; SigLIP, arXiv:2303.15343).
///
/// `logits = exp(logit_scale) · I · Tᵀ (+ logit_bias)`, `I` and `T` the L2-normalised features. Images
/// are `[N, 3, H, W]` in `[0, 1]` at their own size: resizing and normalisation are part of the graph.
/// Attacks and trainers know `encodeImage`, `encodeText`, `logits` and `configuration.score`, nothing
/// of what is inside.
public final class ClipModel {
  /// The architecture.
  public let configuration: ClipConfiguration
  /// The weights, under the names of OpenAI's and open_clip's checkpoints.
  public let parameters: ParameterList
  /// Where the weights came from, for records; "random" for a fresh model.
  public var origin: String
  /// The folder that its files lie in; nil for a model that came from none.
  public var folder: String?
  /// Text to ids; nil when the model's vocabulary has no tokenizer at hand.
  public var tokenizer: (any TextTokenizer)?
  /// True: texts longer than the context are cut, keeping the end token; else they are an error.
  ///
  /// A property of this view of the weights: views made from it (`frozen`, `judge`) share it.
  public private(set) var truncatesTexts = false
  /// Why it has none, where its files name one that is not there or is not followed.
  var tokenizerAbsence: KilpiError?
  /// True: blocks keep their input alone and compute the rest again for gradients, for less memory.
  public var recomputesActivations = false
  /// How the transformer blocks' products round their operands, forward and backward.
  ///
  /// The patch embedding, where a perturbation of 1/255 is of the size of one bfloat16 step, norms, attention's inner
  /// products, projections, scores and residual networks stay float32.
  public let precision: ProductPrecision
  private let vision: any ImageEncoder
  private let text: any TextEncoder
  private let scale: Tensor
  private let bias: Tensor?

  /// Puts weights into an architecture.
  ///
  /// - Throws: `KilpiError` listing what is missing or mis-shaped.
  public init(
    _ configuration: ClipConfiguration, parameters: ParameterList, origin: String,
    precision: ProductPrecision = .float32
  ) throws {
    self.configuration = try configuration.validated()
    for (name, shape) in configuration.weightShapes {
      guard let tensor = parameters[name] else {
        throw KilpiError("the model has no weight '\(name)'")
      }
      guard tensor.shape == shape else {
        throw KilpiError("the weight '\(name)' is \(tensor.shape), \(shape) is needed")
      }
    }
    self.parameters = parameters
    self.origin = origin
    self.precision = precision
    vision =
      configuration.residualBlocks == nil
      ? try VisionTransformer(configuration, parameters, precision)
      : try ResidualNetwork(configuration, parameters)
    text = try TextTransformer(configuration, parameters, precision)
    scale = try parameters.required("logit_scale")
    bias = configuration.score == .sigmoid ? try parameters.required("logit_bias") : nil
    tokenizer = try Self.standardTokenizer(for: configuration)
  }

  /// CLIP's own tokenizer for a model whose vocabulary has room for it (of a sigmoid score: exactly
  /// that room, since larger ones belong to other tokenizers); SigLIP's comes with its files.
  static func standardTokenizer(
    for configuration: ClipConfiguration
  ) throws -> (any TextTokenizer)? {
    let standard = try BytePairTokenizer.standard()
    let fits =
      configuration.score == .softmax
      ? configuration.vocabulary >= standard.vocabularySize
      : configuration.vocabulary == standard.vocabularySize
    return fits ? standard : nil
  }

  /// True for statistics that are kept beside the weights and never trained: those of batch norms.
  public static func isBuffer(_ name: String) -> Bool {
    name.hasSuffix(".running_mean") || name.hasSuffix(".running_var")
  }

  /// Grows whenever a weight that texts pass through is written.
  var textVersion: Int {
    parameters.entries.reduce(0) { $0 + ($1.name.hasPrefix("visual.") ? 0 : $1.tensor.version) }
  }

  /// The logarithm of the scale, a weight.
  public var logitScale: Tensor { scale }

  /// Features of images, `[N, D]`, L2-normalised by default.
  ///
  /// - Parameter observe: receives the output of every block, for comparisons with references.
  /// - Throws: `KilpiError` unless the images are `[N, 3, H, W]`.
  public func encodeImage(
    _ images: Tensor, normalize: Bool = true, observe: ((String, Tensor) -> Void)? = nil
  ) throws -> Tensor {
    try check(images)
    ForwardMeter.add(images.shape[0])
    let features = try vision(
      images.converted(to: scale.dtype),
      options: EncodingOptions(observe: observe, recomputes: recomputesActivations))
    return normalize ? try features.normalized() : features
  }

  /// Raw features `[N, D]` and those of the patches `[N, T, D]`: the tokens behind the last norm and the
  /// projection, without the class token.
  ///
  /// - Throws: `KilpiError` for an image tower without patches.
  public func encodePatches(_ images: Tensor) throws -> (features: Tensor, patches: Tensor) {
    guard let vision = vision as? VisionTransformer else {
      throw KilpiError("the image tower is no vision transformer: it has no patches")
    }
    try check(images)
    ForwardMeter.add(images.shape[0])
    return try vision.patches(
      images.converted(to: scale.dtype), options: EncodingOptions(recomputes: recomputesActivations)
    )
  }

  private func check(_ images: Tensor) throws {
    guard images.rank == 4, images.shape[1] == 3, images.shape[2] > 0, images.shape[3] > 0 else {
      throw KilpiError(
        "images have shape \(images.shape), [N, 3, H, W] is needed",
        advice: images.rank == 3 ? "unsqueeze(1) makes a batch of one" : "RGB, batch first")
    }
  }

  /// Features of token ids `[N, L]`, `[N, D]`; equal rows are encoded once.
  public func encodeText(
    ids: Tensor, normalize: Bool = true, observe: ((String, Tensor) -> Void)? = nil
  ) throws -> Tensor {
    guard ids.rank == 2, ids.dtype == .int64 else {
      throw KilpiError("token ids have shape \(ids.shape), int64 [N, L] is needed")
    }
    let options = EncodingOptions(observe: observe, recomputes: recomputesActivations)
    let length = ids.shape[1]
    let values = try ids.integers()
    var places: [ArraySlice<Int64>: Int] = [:]
    var unique: [Int64] = []
    let rows = (0..<ids.shape[0]).map { row -> Int64 in
      let sequence = values[row * length..<(row + 1) * length]
      if let place = places[sequence] { return Int64(place) }
      unique.append(Int64(row))
      places[sequence] = unique.count - 1
      return Int64(unique.count - 1)
    }
    ForwardMeter.add(unique.count)
    if unique.count == rows.count {
      let features = try text(ids, options: options)
      return normalize ? try features.normalized() : features
    }
    let once = try ids.indexSelected(0, Tensor(unique, shape: [unique.count]))
    var features = try text(once, options: options)
    if normalize { features = try features.normalized() }
    return try features.indexSelected(0, Tensor(rows, shape: [rows.count]))
  }

  /// Features of texts, `[N, D]`.
  ///
  /// - Throws: `KilpiError` when a text is longer than the context, unless `truncatesTexts`.
  public func encodeText(_ texts: [String], normalize: Bool = true) throws -> Tensor {
    try encodeText(ids: tokenize(texts), normalize: normalize)
  }

  /// Token ids `[N, context]`, int64.
  ///
  /// - Parameter truncate: whether long texts are cut; nil: `truncatesTexts`.
  /// - Throws: `KilpiError` when a text is too long and is not to be cut.
  public func tokenize(_ texts: [String], truncate: Bool? = nil) throws -> Tensor {
    let tokenizer = try requiredTokenizer()
    let truncate = truncate ?? truncatesTexts
    return try Tensor.rows(texts, width: configuration.context) {
      try tokenizer.encode($0, context: configuration.context, truncate: truncate)
    }
  }

  private func requiredTokenizer() throws -> any TextTokenizer {
    if let tokenizer { return tokenizer }
    if let tokenizerAbsence {
      throw KilpiError(
        "the model has no tokenizer: \(tokenizerAbsence.problem)", advice: tokenizerAbsence.advice)
    }
    throw KilpiError(
      "the model has no tokenizer for its \(configuration.vocabulary) tokens",
      advice: configuration.score == .sigmoid
        ? "load it from a folder with spiece.model or tokenizer.json, or pass token ids"
        : "pass token ids")
  }

  /// The same weights, with long texts cut or refused.
  public func truncatingTexts(_ truncates: Bool) throws -> ClipModel {
    if truncates == truncatesTexts { return self }
    let other = try mapped { $0 }
    other.truncatesTexts = truncates
    return other
  }

  /// Checks before long work that texts fit the context, unless they are cut.
  ///
  /// - Parameter name: says which text it is, such as `the caption of sample 3 (id '17')`.
  /// - Throws: `KilpiError` for the first that is too long.
  public func checkFit(_ texts: [String], name: (Int) -> String) throws {
    if truncatesTexts { return }
    let tokenizer = try requiredTokenizer()
    for (index, text) in texts.enumerated() {
      // Most texts are short: cleaned plain text has no more tokens than bytes.
      let isPlain =
        text.utf8.count + 2 <= configuration.context && text.utf8.allSatisfy { $0 < 0x80 }
      if isPlain { continue }
      let count = try tokenizer.plainIDs(of: text).count + tokenizer.specialCount
      if count > configuration.context {
        let excerpt = text.count <= 40 ? text : text.prefix(39) + "…"
        throw KilpiError(
          "\(name(index)) has \(count) tokens, the context holds \(configuration.context): "
            + "'\(excerpt)'", advice: "shorten it, or pass truncate = true to cut it")
      }
    }
  }

  /// `exp(logit_scale) · I · Tᵀ (+ logit_bias)` for normalised features.
  public func logits(images: Tensor, texts: Tensor) throws -> Tensor {
    let scaled = try images.matmul(texts, transposeB: true) * scale.exp()
    return try bias.map { try scaled + $0 } ?? scaled
  }

  /// The same model on the same storage whose weights record no gradient: what attacks run on.
  ///
  /// Weights that are trained in place are seen by both.
  public func frozen() throws -> ClipModel { try mapped { $0.detached() } }

  /// A model with weights of its own.
  public func copy() throws -> ClipModel { try mapped { try $0.detached().cloned() } }

  /// A copy in another precision, for checks in float64.
  public func converted(to dtype: DType) throws -> ClipModel {
    try mapped { try $0.detached().converted(to: dtype) }
  }

  /// The same weights in float32: what every verdict on an attacked image is made with.
  public func judge() throws -> ClipModel {
    precision == .float32 ? self : try with(precision: .float32)
  }

  /// The same weights with other products: a model in bfloat16 and its float32 judge share storage.
  public func with(precision: ProductPrecision) throws -> ClipModel {
    try mapped(precision) { $0 }
  }

  /// The same model with other tensors in place of some weights; the rest share their storage.
  public func replacing(_ weights: [String: Tensor]) throws -> ClipModel {
    let other = try mapped(parameters.mapped { weights[$0] ?? $1 }, precision)
    other.recomputesActivations = recomputesActivations
    return other
  }

  private func mapped(
    _ precision: ProductPrecision? = nil, _ transform: (Tensor) throws -> Tensor
  ) throws -> ClipModel {
    try mapped(parameters.mapped { try transform($1) }, precision ?? self.precision)
  }

  private func mapped(
    _ parameters: ParameterList, _ precision: ProductPrecision
  ) throws -> ClipModel {
    let other = try ClipModel(
      configuration, parameters: parameters, origin: origin, precision: precision)
    other.folder = folder
    other.tokenizer = tokenizer
    other.truncatesTexts = truncatesTexts
    other.tokenizerAbsence = tokenizerAbsence
    return other
  }
}
