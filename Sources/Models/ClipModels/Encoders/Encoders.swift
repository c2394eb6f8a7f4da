internal import Tensors

/// Receives the output of every block, for comparisons with references.
typealias BlockObserver = (String, Tensor) -> Void

/// What an encoder does beside encoding.
struct EncodingOptions {
  /// Receives the output of every block.
  var observe: BlockObserver?
  /// Blocks keep their input alone and compute the rest again for the gradient.
  var recomputes = false
}

/// The image half of a dual encoder.
protocol ImageEncoder {
  /// `[N, 3, H, W]` in [0, 1] to raw features `[N, D]`.
  func callAsFunction(_ images: Tensor, options: EncodingOptions) throws -> Tensor
}

/// The text half of a dual encoder.
protocol TextEncoder {
  /// `[N, L]` int64 ids to raw features `[N, D]`.
  func callAsFunction(_ ids: Tensor, options: EncodingOptions) throws -> Tensor
}

/// A weight's name and shape.
typealias WeightShape = (name: String, shape: [Int])

extension ClipConfiguration {
  /// Names and shapes of all weights, in definition order; names are those of OpenAI's and
  /// open_clip's checkpoints.
  var weightShapes: [WeightShape] {
    let score: [WeightShape] =
      [("logit_scale", [])] + (self.score == .sigmoid ? [("logit_bias", [])] : [])
    let image =
      residualBlocks == nil
      ? VisionTransformer.shapes(self) : ResidualNetwork.shapes(self)
    return score + image + TextTransformer.shapes(self)
  }
}
