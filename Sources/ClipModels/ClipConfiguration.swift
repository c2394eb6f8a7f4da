internal import Diagnostics
public import Tensors

/// Everything that fixes a CLIP's architecture: sizes, activation, normalisation.
public struct ClipConfiguration: Equatable, Sendable {
  /// Sizes of one transformer tower.
  public struct Tower: Equatable, Sendable {
    /// Width of the residual stream.
    public var width: Int
    /// Number of blocks.
    public var layers: Int
    /// Attention heads; divides `width`.
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

  /// Size of the joint embedding.
  public var embedding: Int
  /// Side of the model's input images.
  public var imageSize: Int
  /// Side of a patch; divides nothing in particular: a rest of the image is not seen.
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
  /// Mean of the pixels, per channel.
  public var mean = [0.48145466, 0.4578275, 0.40821073]
  /// Standard deviation of the pixels, per channel.
  public var deviation = [0.26862954, 0.26130258, 0.27577711]

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
      if !condition { throw KilpiError("", "configuration: " + problem) }
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
      try check(
        tower.heads > 0 && tower.width % tower.heads == 0,
        "\(tower.heads) \(name) heads do not divide the width \(tower.width)")
      try check((1...1_048_576).contains(tower.hidden), "\(name) MLP width is out of range")
    }
    try check(
      mean.count == 3 && deviation.count == 3 && deviation.allSatisfy { $0 > 0 },
      "mean and standard deviation need three channels")
    return self
  }

  /// Architectures that can be built by name, as open_clip names them.
  public static let named: [(name: String, configuration: ClipConfiguration)] = {
    func vit(
      _ size: Int, _ patch: Int, _ width: Int, _ layers: Int, _ embedding: Int, text: Int,
      textLayers: Int = 12, activation: Activation, headWidth: Int = 64
    ) -> ClipConfiguration {
      ClipConfiguration(
        embedding: embedding, imageSize: size, patchSize: patch,
        vision: Tower(
          width: width, layers: layers, heads: width / headWidth, activation: activation),
        text: Tower(
          width: text, layers: textLayers, heads: text / 64, activation: activation))
    }
    return [
      ("ViT-B-32", vit(224, 32, 768, 12, 512, text: 512, activation: .gelu)),
      ("ViT-B-32-quickgelu", vit(224, 32, 768, 12, 512, text: 512, activation: .quickGELU)),
      ("ViT-B-16", vit(224, 16, 768, 12, 512, text: 512, activation: .gelu)),
      ("ViT-B-16-quickgelu", vit(224, 16, 768, 12, 512, text: 512, activation: .quickGELU)),
      ("ViT-L-14", vit(224, 14, 1024, 24, 768, text: 768, activation: .gelu)),
      ("ViT-L-14-quickgelu", vit(224, 14, 1024, 24, 768, text: 768, activation: .quickGELU)),
      ("ViT-L-14-336", vit(336, 14, 1024, 24, 768, text: 768, activation: .gelu)),
      (
        "ViT-H-14",
        vit(
          224, 14, 1280, 32, 1024, text: 1024, textLayers: 24, activation: .gelu, headWidth: 80)
      ),
    ]
  }()
}
