internal import Tensors

extension ClipConfiguration {
  /// Architectures that can be built by name, as open_clip names them.
  public static let named: [(name: String, configuration: ClipConfiguration)] =
    [("tiny", tiny)] + transformers + residualNetworks + siglips

  /// For examples and tests: 16 pixels, one block a tower.
  private static let tiny = ClipConfiguration(
    embedding: 8, imageSize: 16, patchSize: 8, vision: Tower(width: 16, layers: 1, heads: 2),
    text: Tower(width: 8, layers: 1, heads: 1))

  /// With exact GELU, and with OpenAI's quick-GELU.
  private static let transformers = [
    vit("ViT-B-32", 224, 32, 768, 12, 512, text: 512),
    vit("ViT-B-16", 224, 16, 768, 12, 512, text: 512),
    vit("ViT-L-14", 224, 14, 1024, 24, 768, text: 768),
    vit("ViT-L-14-336", 336, 14, 1024, 24, 768, text: 768),
    vit("ViT-H-14", 224, 14, 1280, 32, 1024, text: 1024, textLayers: 24, headWidth: 80),
  ].flatMap(withQuickGELU)

  private static let residualNetworks = [
    residual("RN50", 224, 64, [3, 4, 6, 3], 1024, text: 512),
    residual("RN101", 224, 64, [3, 4, 23, 3], 512, text: 512),
    residual("RN50x4", 288, 80, [4, 6, 10, 6], 640, text: 640),
    residual("RN50x16", 384, 96, [6, 8, 18, 8], 768, text: 768),
    residual("RN50x64", 448, 128, [3, 15, 36, 10], 1024, text: 1024),
  ].flatMap(withQuickGELU)

  private static let siglips = [
    siglip("ViT-B-16-SigLIP", 224, 16, 768, 12, heads: 12),
    siglip("ViT-B-16-SigLIP-256", 256, 16, 768, 12, heads: 12),
    siglip("ViT-L-16-SigLIP-256", 256, 16, 1024, 24, heads: 16),
    siglip("ViT-SO400M-14-SigLIP", 224, 14, 1152, 27, heads: 16, hidden: 4304, context: 16),
    siglip("ViT-SO400M-14-SigLIP-384", 384, 14, 1152, 27, heads: 16, hidden: 4304),
  ]

  private typealias Named = (name: String, configuration: ClipConfiguration)

  private static func withQuickGELU(_ entry: Named) -> [Named] {
    var quick = entry.configuration
    quick.vision.activation = .quickGELU
    quick.text.activation = .quickGELU
    return [entry, (entry.name + "-quickgelu", quick)]
  }

  private static func vit(
    _ name: String, _ size: Int, _ patch: Int, _ width: Int, _ layers: Int, _ embedding: Int,
    text: Int, textLayers: Int = 12, headWidth: Int = 64
  ) -> Named {
    (
      name,
      ClipConfiguration(
        embedding: embedding, imageSize: size, patchSize: patch,
        vision: Tower(width: width, layers: layers, heads: width / headWidth, activation: .gelu),
        text: Tower(width: text, layers: textLayers, heads: text / 64, activation: .gelu))
    )
  }

  private static func residual(
    _ name: String, _ size: Int, _ width: Int, _ blocks: [Int], _ embedding: Int, text: Int
  ) -> Named {
    var result = ClipConfiguration(
      embedding: embedding, imageSize: size, patchSize: 32,
      vision: Tower(width: width, layers: 4, heads: width / 2, activation: .gelu),
      text: Tower(width: text, layers: 12, heads: text / 64, activation: .gelu))
    result.residualBlocks = blocks
    return (name, result)
  }

  /// As Hugging Face's SigLIP: the tanh approximation of GELU in both towers, mean and deviation ½.
  private static func siglip(
    _ name: String, _ size: Int, _ patch: Int, _ width: Int, _ layers: Int, heads: Int,
    hidden: Int? = nil, context: Int = 64
  ) -> Named {
    let tower = Tower(
      width: width, layers: layers, heads: heads, hidden: hidden, activation: .tanhGELU,
      epsilon: 1e-6)
    var result = ClipConfiguration(
      embedding: width, imageSize: size, patchSize: patch, vision: tower, text: tower,
      context: context, vocabulary: 32000, endToken: nil)
    result.imageStyle = .siglip
    result.textStyle = .siglip
    result.score = .sigmoid
    result.mean = [0.5, 0.5, 0.5]
    result.deviation = [0.5, 0.5, 0.5]
    return (name, result)
  }
}
