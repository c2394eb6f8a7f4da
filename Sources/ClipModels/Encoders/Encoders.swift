internal import Tensors

/// Receives the output of every block, for comparisons with references.
typealias BlockObserver = (String, Tensor) -> Void

/// The image half of a dual encoder.
protocol ImageEncoder {
  /// `[N, 3, H, W]` in [0, 1] to raw features `[N, D]`.
  func callAsFunction(_ images: Tensor, observe: BlockObserver?) throws -> Tensor
}

/// The text half of a dual encoder.
protocol TextEncoder {
  /// `[N, L]` int64 ids to raw features `[N, D]`.
  func callAsFunction(_ ids: Tensor, observe: BlockObserver?) throws -> Tensor
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
