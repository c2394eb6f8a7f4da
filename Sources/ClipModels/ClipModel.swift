internal import Diagnostics
public import Networks
public import Tensors

/// A CLIP: an image encoder and a text encoder into one space, and a trained scale (arXiv:2103.00020).
///
/// `logits = exp(logit_scale) · I · Tᵀ`, `I` and `T` the L2-normalised features. Images are
/// `[N, 3, H, W]` in `[0, 1]` at their own size: resizing and normalisation are part of the graph.
public final class ClipModel {
  /// The architecture.
  public let configuration: ClipConfiguration
  /// The weights, under the names of OpenAI's and open_clip's checkpoints.
  public let parameters: ParameterList
  /// Where the weights came from, for records; "random" for a fresh model.
  public var origin: String
  private let vision: VisionTower
  private let text: TextTower
  private let scale: Tensor

  /// Puts weights into an architecture.
  ///
  /// - Throws: `KilpiError` listing what is missing or mis-shaped.
  public init(
    _ configuration: ClipConfiguration, parameters: ParameterList, origin: String
  ) throws {
    self.configuration = try configuration.validated()
    for (name, shape) in Self.shapes(configuration) {
      guard let tensor = parameters[name] else {
        throw KilpiError("", "the model has no weight '\(name)'")
      }
      guard tensor.shape == shape else {
        throw KilpiError("", "the weight '\(name)' is \(tensor.shape), \(shape) is needed")
      }
    }
    self.parameters = parameters
    self.origin = origin
    vision = try VisionTower(configuration, parameters)
    text = try TextTower(configuration, parameters)
    scale = try parameters.required("logit_scale")
  }

  /// Names and shapes of all weights, in definition order.
  public static func shapes(_ c: ClipConfiguration) -> [(name: String, shape: [Int])] {
    [("logit_scale", [])] + VisionTower.shapes(c) + TextTower.shapes(c)
  }

  /// The logarithm of the scale, a weight.
  public var logitScale: Tensor { scale }

  /// Features of images, `[N, D]`, L2-normalised unless told otherwise.
  ///
  /// - Parameter observe: receives the output of every block, for comparisons with references.
  /// - Throws: `KilpiError` unless the images are `[N, 3, H, W]`.
  public func encodeImage(
    _ images: Tensor, normalize: Bool = true, observe: ((String, Tensor) -> Void)? = nil
  ) throws -> Tensor {
    guard images.rank == 4, images.shape[1] == 3, images.shape[2] > 0, images.shape[3] > 0 else {
      throw KilpiError(
        "", "images have shape \(images.shape), [N, 3, H, W] is needed",
        advice: images.rank == 3 ? "unsqueeze(1) makes a batch of one" : "RGB, batch first")
    }
    let features = try vision(images.converted(to: scale.dtype), observe: observe)
    return normalize ? try features.normalized() : features
  }

  /// Features of token ids `[N, L]`, `[N, D]`; equal rows are encoded once.
  public func encodeText(
    ids: Tensor, normalize: Bool = true, observe: ((String, Tensor) -> Void)? = nil
  ) throws -> Tensor {
    guard ids.rank == 2, ids.dtype == .int64 else {
      throw KilpiError("", "token ids have shape \(ids.shape), int64 [N, L] is needed")
    }
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
    if unique.count == rows.count {
      let features = try text(ids, observe: observe)
      return normalize ? try features.normalized() : features
    }
    let once = try ids.indexSelected(0, Tensor(unique, shape: [unique.count]))
    var features = try text(once, observe: observe)
    if normalize { features = try features.normalized() }
    return try features.indexSelected(0, Tensor(rows, shape: [rows.count]))
  }

  /// Features of texts, `[N, D]`.
  ///
  /// - Throws: `KilpiError` when a text is longer than the context.
  public func encodeText(_ texts: [String], normalize: Bool = true) throws -> Tensor {
    try encodeText(ids: tokenize(texts), normalize: normalize)
  }

  /// Token ids `[N, context]`, int64.
  public func tokenize(_ texts: [String]) throws -> Tensor {
    let tokenizer = try BytePairTokenizer.standard()
    guard configuration.vocabulary >= tokenizer.vocabularySize else {
      throw KilpiError(
        "", "the model knows \(configuration.vocabulary) tokens, the tokenizer makes "
          + "\(tokenizer.vocabularySize)", advice: "pass token ids")
    }
    var ids: [Int64] = []
    for text in texts {
      let encoded = try tokenizer.encode(text, context: configuration.context)
      ids.append(contentsOf: encoded.map { Int64($0) })
    }
    return try Tensor(ids, shape: [texts.count, configuration.context])
  }

  /// `exp(logit_scale) · I · Tᵀ` for normalised features.
  public func logits(images: Tensor, texts: Tensor) throws -> Tensor {
    try images.matmul(texts, transposeB: true) * scale.exp()
  }

  /// The same model on the same storage whose weights record no gradient: what attacks run on.
  ///
  /// Weights that are trained in place are seen by both.
  public func frozen() throws -> ClipModel {
    try ClipModel(
      configuration, parameters: parameters.mapped { $1.detached() }, origin: origin)
  }

  /// A model with weights of its own.
  public func copy() throws -> ClipModel {
    try ClipModel(
      configuration, parameters: parameters.mapped { try $1.detached().cloned() }, origin: origin)
  }

  /// A copy in another precision, for checks in float64.
  public func converted(to dtype: DType) throws -> ClipModel {
    try ClipModel(
      configuration, parameters: parameters.mapped { try $1.detached().converted(to: dtype) },
      origin: origin)
  }
}
