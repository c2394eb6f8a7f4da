package import Tensors

/// Which form of a model looks at images.
package enum ModelPass: Sendable {
  /// A step of a search, which differentiates it; in the precision that the model was given.
  case step
  /// Whatever decides, in float32.
  case judge
}

/// A function of images `[N, C, H, W]` in `[0, 1]`, in two forms: searches differentiate `step`, every
/// reported number comes from `judge`.
///
/// They differ for models whose steps are less precise than their verdicts, such as bfloat16 ones.
package struct PixelFunction {
  /// What searches differentiate.
  package let step: (_ images: Tensor) throws -> Tensor
  /// What decides.
  package let judge: (_ images: Tensor) throws -> Tensor
  /// The forms differ: what a step seems to solve is looked at again.
  package let hasTwoForms: Bool

  /// A function that is the same in steps and verdicts.
  package init(_ function: @escaping (_ images: Tensor) throws -> Tensor) {
    (step, judge, hasTwoForms) = (function, function, false)
  }

  /// A function with a form for steps and one that decides.
  package init(
    step: @escaping (_ images: Tensor) throws -> Tensor,
    judge: @escaping (_ images: Tensor) throws -> Tensor
  ) {
    (self.step, self.judge, hasTwoForms) = (step, judge, true)
  }

  /// The form of a pass.
  package subscript(pass: ModelPass) -> (_ images: Tensor) throws -> Tensor {
    pass == .step ? step : judge
  }

  /// What decides.
  package func callAsFunction(_ images: Tensor) throws -> Tensor { try judge(images) }

  /// Both forms followed by another function.
  package func map(_ transform: @escaping (Tensor) throws -> Tensor) -> PixelFunction {
    guard hasTwoForms else { return PixelFunction { [step] in try transform(step($0)) } }
    return PixelFunction(
      step: { [step] in try transform(step($0)) }, judge: { [judge] in try transform(judge($0)) })
  }
}

/// Images to class scores: `[N, C, H, W]` in `[0, 1]` to logits `[N, classes]`.
package typealias Classifier = PixelFunction
