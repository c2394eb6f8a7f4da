internal import Diagnostics
internal import Tensors

extension ClipConfiguration {
  /// The architecture that a file's shapes tell: widths, layers, patch, grid, context, vocabulary.
  ///
  /// What shapes cannot tell: the activation, which is given; the number of heads, which is a 64th of
  /// the width except for the published towers with wider heads (H: 80, g: 88, bigG: 104).
  static func inferred(_ reader: WeightReader, activation: Activation) throws -> ClipConfiguration {
    func size(_ name: String, _ axis: Int) throws -> Int {
      guard let shape = try reader.shape(of: name) else {
        throw KilpiError("the weights lack '\(reader.layout.place(name).keys[0])'")
      }
      let place = axis < 0 ? shape.count + axis : axis
      guard shape.indices.contains(place) else {
        throw KilpiError("'\(reader.layout.place(name).keys[0])' has shape \(shape)")
      }
      guard shape[place] <= 1 << 24 else {
        throw KilpiError(
          "'\(reader.layout.place(name).keys[0])' has shape \(shape), too large for a model")
      }
      return shape[place]
    }
    func side(_ count: Int) -> Int { Int(clamped: Double(max(count, 0)).squareRoot().rounded()) }
    func block(_ prefix: String) -> (Int) -> String {
      { "\(prefix)transformer.resblocks.\($0).ln_1.weight" }
    }
    let textLayers = reader.count(block(""))
    func checked(_ width: Int, _ headWidth: Int) throws -> Int {
      guard width % headWidth == 0 else {
        throw KilpiError(
          "a width of \(width) does not tell the number of heads",
          advice: "put its configuration beside it, or pass base")
      }
      return width / headWidth
    }
    let textWidth = try size("ln_final.weight", 0)
    let text = Tower(
      width: textWidth, layers: textLayers, heads: try checked(textWidth, 64),
      hidden: textLayers > 0 ? try size("transformer.resblocks.0.mlp.c_fc.weight", 0) : nil,
      activation: activation)
    var result = ClipConfiguration(
      embedding: try size("text_projection", -1), imageSize: 32, patchSize: 32,
      vision: Tower(width: 64, layers: 0, heads: 1), text: text,
      context: try size("positional_embedding", 0),
      vocabulary: try size("token_embedding.weight", 0), endToken: nil)
    if try reader.shape(of: "visual.layer1.0.conv1.weight") != nil {
      let blocks = (1...4).map { stage in
        reader.count { "visual.layer\(stage).\($0).conv1.weight" }
      }
      let width = try size("visual.layer1.0.conv1.weight", 0)
      result.residualBlocks = blocks
      result.vision = Tower(
        width: width, layers: 4, heads: try checked(width, 2), activation: activation)
      result.imageSize = 32 * side(try size("visual.attnpool.positional_embedding", 0) - 1)
    } else {
      let width = try size("visual.conv1.weight", 0)
      let layers = reader.count(block("visual."))
      let headWidth = [1280: 80, 1408: 88, 1664: 104][width] ?? 64
      result.patchSize = try size("visual.conv1.weight", -1)
      result.vision = Tower(
        width: width, layers: layers, heads: try checked(width, headWidth),
        hidden: layers > 0 ? try size("visual.transformer.resblocks.0.mlp.c_fc.weight", 0) : nil,
        activation: activation)
      result.imageSize =
        result.patchSize * side(try size("visual.positional_embedding", 0) - 1)
      result.imageStyle.hasNormBefore = try reader.shape(of: "visual.ln_pre.weight") != nil
    }
    return try result.validated()
  }
}
