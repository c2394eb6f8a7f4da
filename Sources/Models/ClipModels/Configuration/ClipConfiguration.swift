internal import Diagnostics
public import Tensors

/// Everything that fixes a CLIP's architecture: sizes, activation, normalisation.
public struct ClipConfiguration: Equatable, Sendable {
  /// Sizes of one tower.
  public struct Tower: Equatable, Sendable {
    /// Width of the residual stream.
    public var width: Int
    /// Number of blocks.
    public var layers: Int
    /// Attention heads; divides `width` (of a residual network: `32 · width`).
    public var heads: Int
    /// Hidden width of the blocks' MLPs.
    public var hidden: Int
    /// Activation of the MLPs; taken from the configuration, never guessed.
    public var activation: Activation
    /// Added to the variance in layer norms.
    public var epsilon: Double

    /// Describes a tower; the hidden width is four times the width unless given.
    public init(
      width: Int, layers: Int, heads: Int, hidden: Int? = nil,
      activation: Activation = .quickGELU, epsilon: Double = 1e-5
    ) {
      self.width = width
      self.layers = layers
      self.heads = heads
      self.hidden = hidden ?? 4 * width
      self.activation = activation
      self.epsilon = epsilon
    }
  }

  /// What a vision transformer has beside its blocks.
  public struct ImageStyle: Equatable, Sendable {
    /// Which token, or what of all tokens, becomes the feature.
    public enum Pooling: String, Sendable {
      /// The class token.
      case token
      /// The mean of the patches.
      case average
      /// A learnt query over all tokens and a residual MLP (SigLIP).
      case attention
    }

    /// A learnt token before the patches.
    public var hasClassToken = true
    /// A bias in the patch embedding.
    public var hasPatchBias = false
    /// A layer norm before the blocks.
    public var hasNormBefore = true
    /// Where the feature comes from.
    public var pooling = Pooling.token
    /// With `.average`: the mean first, then the norm.
    public var poolsBeforeNorm = false
    /// A projection to the joint embedding.
    public var hasProjection = true

    /// OpenAI's and most of open_clip's transformers.
    public static let clip = ImageStyle()
    /// SigLIP's.
    public static let siglip = ImageStyle(
      hasClassToken: false, hasPatchBias: true, hasNormBefore: false, pooling: .attention,
      hasProjection: false)
  }

  /// What a text transformer has beside its blocks.
  public struct TextStyle: Equatable, Sendable {
    /// Whose feature is the text's.
    public enum Pooling: String, Sendable {
      /// The end token's.
      case end
      /// The last place's, padding or not (SigLIP).
      case last
      /// The first place's.
      case first
    }

    /// Each token sees itself and those before it only.
    public var isCausal = true
    /// Whose feature is the text's.
    public var pooling = Pooling.end
    /// A bias in the projection.
    public var hasProjectionBias = false

    /// OpenAI's and most of open_clip's transformers.
    public static let clip = TextStyle()
    /// SigLIP's.
    public static let siglip = TextStyle(
      isCausal: false, pooling: .last, hasProjectionBias: true)
  }

  /// How similarities become a loss.
  public enum Score: String, Sendable {
    /// `exp(s)·I·Tᵀ`, softmax over rows and columns (CLIP).
    case softmax
    /// `exp(s)·I·Tᵀ + b`, a sigmoid for each pair (SigLIP, arXiv:2303.15343).
    case sigmoid
  }

  /// Size of the joint embedding.
  public var embedding: Int
  /// Side of the model's input images.
  public var imageSize: Int
  /// Side of a patch; divides nothing in particular: a rest of the image is not seen.
  ///
  /// A residual network has none: 32, the pixels that one place of its last map stands for.
  public var patchSize: Int
  /// The image tower.
  public var vision: Tower
  /// The text tower.
  public var text: Tower
  /// Longest token sequence.
  public var context: Int
  /// Number of token ids.
  public var vocabulary: Int
  /// The end token, whose position holds the text's feature; nil means the largest id in the text
  /// (the historical value 2 of Hugging Face configurations).
  public var endToken: Int?
  /// Blocks in each of the four stages of a residual network; nil for a vision transformer.
  public var residualBlocks: [Int]?
  /// Optional components of the vision transformer.
  public var imageStyle = ImageStyle.clip
  /// Optional components of the text transformer.
  public var textStyle = TextStyle.clip
  /// How similarities become a loss.
  public var score = Score.softmax
  /// Mean of the pixels, per channel.
  public var mean = ClipConfiguration.openAIMean
  /// Standard deviation of the pixels, per channel.
  public var deviation = ClipConfiguration.openAIDeviation

  static let openAIMean = [0.48145466, 0.4578275, 0.40821073]
  static let openAIDeviation = [0.26862954, 0.26130258, 0.27577711]

  /// Describes a model.
  public init(
    embedding: Int, imageSize: Int, patchSize: Int, vision: Tower, text: Tower,
    context: Int = 77, vocabulary: Int = 49408, endToken: Int? = 49407
  ) {
    self.embedding = embedding
    self.imageSize = imageSize
    self.patchSize = patchSize
    self.vision = vision
    self.text = text
    self.context = context
    self.vocabulary = vocabulary
    self.endToken = endToken
  }

  /// Patches an image gives.
  public var patchCount: Int { (imageSize / patchSize) * (imageSize / patchSize) }

  /// Checks that the sizes make a model.
  ///
  /// - Throws: `KilpiError` naming the field and its value.
  public func validated() throws -> ClipConfiguration {
    func check(_ condition: Bool, _ problem: String) throws {
      if !condition { throw KilpiError("configuration: " + problem) }
    }
    try check((1...65536).contains(embedding), "the embedding size \(embedding) is out of range")
    try check(
      (1...8192).contains(patchSize) && (patchSize...8192).contains(imageSize),
      "image size \(imageSize) with patch size \(patchSize) is out of range")
    try check((2...65536).contains(context), "the context length \(context) is out of range")
    try check((1...4_000_000).contains(vocabulary), "the vocabulary \(vocabulary) is out of range")
    for (name, tower) in [("vision", vision), ("text", text)] {
      try check((1...65536).contains(tower.width), "\(name) width \(tower.width) is out of range")
      try check((0...1024).contains(tower.layers), "\(name) layers \(tower.layers) is out of range")
      let width = name == "vision" && residualBlocks != nil ? 32 * tower.width : tower.width
      try check(
        tower.heads > 0 && width % tower.heads == 0,
        "\(tower.heads) \(name) heads do not divide the width \(width)")
      try check((1...1_048_576).contains(tower.hidden), "\(name) MLP width is out of range")
      try check(
        tower.epsilon > 0 && tower.epsilon < 1,
        "the epsilon \(tower.epsilon) of the \(name) norms is outside 0 … 1")
    }
    if let residualBlocks {
      try check(
        residualBlocks.count == 4 && residualBlocks.allSatisfy { (1...256).contains($0) },
        "a residual network needs four stages of 1 … 256 blocks")
      try check(
        imageSize % 32 == 0 && vision.width % 2 == 0,
        "a residual network needs an image size that 32 divides and an even width")
    } else {
      try check(
        imageStyle.hasProjection || embedding == vision.width,
        "without a projection the embedding size \(embedding) must be the vision width "
          + "\(vision.width)")
      try check(
        imageStyle.pooling != .token || imageStyle.hasClassToken,
        "pooling by the class token needs one")
    }
    try check(
      mean.count == 3 && deviation.count == 3
        && (mean + deviation).allSatisfy { $0.magnitude < 1000 }
        && deviation.allSatisfy { $0 > 1e-6 },
      "mean and standard deviation need three channels of sensible size")
    try check(
      endToken.map { (0..<vocabulary).contains($0) } ?? true,
      "the end token \(endToken ?? 0) is outside the vocabulary of \(vocabulary)")
    return self
  }
}
