internal import Diagnostics
public import Kernels
internal import Networks
internal import Tensors

extension ClipModel {
  /// A model with random weights, drawn as OpenAI's CLIP draws them.
  ///
  /// Normal with deviation 0.02 for tokens, 0.01 for text positions, `W^-½` for projections, class
  /// token and image positions, `W^-½` for attention input, `W^-½·(2L)^-½` for the two outputs of a
  /// block and `(2W)^-½` for the MLP's first layer; norms 1 (the last of a residual block's 0), biases
  /// 0, `logit_scale = ln(1/0.07)`; SigLIP's scale starts at 10, its bias at −10.
  /// Every weight has a stream of its own, so a weight does not depend on the others' shapes.
  public static func random(
    _ configuration: ClipConfiguration, seed: UInt64, precision: ProductPrecision = .float32
  ) throws -> ClipModel {
    let configuration = try configuration.validated()
    let source = RandomSource(seed: seed)
    var parameters = ParameterList()
    for (index, (name, shape)) in configuration.weightShapes.enumerated() {
      let tower = name.hasPrefix("visual.") ? configuration.vision : configuration.text
      if name == "logit_scale" {
        let isSigmoid = configuration.score == .sigmoid
        parameters.set(
          name, try Tensor.scalar(isSigmoid ? 2.302585092994046 : 2.6592600369327783))
      } else if name == "logit_bias" {
        parameters.set(name, try Tensor.scalar(-10))
      } else if let deviation = deviation(
        of: name, tower, shape: shape, isResidual: configuration.residualBlocks != nil)
      {
        var stream = source.stream(.initialization, sample: UInt64(index))
        let values = try Tensor.randomNormal(shape, stream: &stream)
        parameters.set(name, try values * deviation)
      } else {
        let isZero = ["bias", ".running_mean", "bn3.weight"].contains { name.hasSuffix($0) }
        let isStem = name == "visual.bn3.weight"
        parameters.set(name, try Tensor.full(shape, isZero && !isStem ? 0 : 1))
      }
    }
    return try ClipModel(
      configuration, parameters: parameters, origin: "random, seed \(seed)", precision: precision)
  }

  /// Deviation of a weight's start; nil for norms and biases.
  private static func deviation(
    of name: String, _ tower: ClipConfiguration.Tower, shape: [Int], isResidual: Bool
  ) -> Double? {
    let width = Double(tower.width)
    let residual = Double(2 * Swift.max(tower.layers, 1)).squareRoot()
    if name.hasSuffix("bias") || name.contains("ln_") || name.contains(".ln.") { return nil }
    if name.hasPrefix("visual.attnpool.") { return 1 / Double(shape[shape.count - 1]).squareRoot() }
    if name.hasPrefix("visual."), isResidual {
      // Convolutions keep the variance through a rectifier: √(2 / (C·k²)).
      return shape.count == 4 ? (2 / Double(shape.dropFirst().reduce(1, *))).squareRoot() : nil
    }
    if name == "token_embedding.weight" { return 0.02 }
    if name == "positional_embedding" { return 0.01 }
    if name.hasSuffix("out_proj.weight") || name.hasSuffix("c_proj.weight") {
      return 1 / (width.squareRoot() * residual)
    }
    if name.hasSuffix("c_fc.weight") { return 1 / (2 * width).squareRoot() }
    if name == "visual.conv1.weight" {
      return 1 / Double(shape.dropFirst().reduce(1, *)).squareRoot()
    }
    return 1 / width.squareRoot()
  }
}
