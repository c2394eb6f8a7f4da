package import Attacks
internal import ClipModels
internal import Tensors

/// Pre-trained model guided adversarial fine-tuning, `pmg-aft` (arXiv:2401.04350):
/// `CE(Z(x'), y) + w_p·KL(p₀(x') ‖ p(x')) + w_c·KL(p(x) ‖ p(x'))`, `p = softmax(Z)`, `p₀` of the model that
/// the run began with; means over the batch, the clean branch with its gradient.
package struct GuidedByPretraining: TrainingObjective {
  /// Weight of the divergence from the model before.
  package var pretrainedWeight = 1.0
  /// Weight of the divergence from clean images.
  package var cleanWeight = 1.0
  /// As the released code computes it: divergences summed over the batch, every temperature 1.
  package var isAsReleased = false

  package init() {}

  package var name: String { "pmg-aft" }
  package var summary: String {
    "tecoa held to the model before and to clean images (PMG-AFT, arXiv:2401.04350)"
  }
  package var features: [Feature] {
    [.images, .images.adversarial, .images.adversarial.original, .classes, .classes.original]
  }

  package static var parameters: [Parameter<GuidedByPretraining>] {
    [
      Parameter(
        "pretrained_weight", \.pretrainedWeight, .within(0...1e6),
        "weight of the divergence from the model before"),
      Parameter(
        "clean_weight", \.cleanWeight, .within(0...1e6),
        "weight of the divergence from clean images"),
      Parameter(
        "as_released", \.isAsReleased,
        "divergences are summed over the batch and the logit scale is 1, as in the released code"),
    ]
  }

  package func publish(_ plan: inout TrainingPlan) { plan.publishVisual(rate: 5e-5, batch: 256) }

  /// The released code forgets the temperature in its attacks, too.
  package func imageTarget(_ step: AdversaryStep) throws -> AdversaryTarget {
    guard isAsReleased, let classifier = step.classifier, let labels = step.batch.labels else {
      return try step.classEntropy()
    }
    let (model, rows) = (step.model, step.batch.rows)
    let classes = try classifier.textFeatures()
    return AdversaryTarget(
      .classifier(
        Classifier { try model.encodeImage($0).matmul(classes, transposeB: true) },
        labels: try Tensor(labels[rows].map { Int64($0) }, shape: [rows.count])))
  }

  package func terms(_ batch: ObjectiveBatch) throws -> [LossTerm] {
    func logits(_ images: Feature) throws -> Tensor {
      guard isAsReleased else { return try batch.classLogits(images) }
      let classes = try batch.unit(images.isOriginal ? .classes.original : .classes)
      return try batch.unit(images).matmul(classes, transposeB: true)
    }
    let moved = try logits(.images.adversarial)
    let reduction: Reduction = isAsReleased ? .sum : .mean
    return [
      LossTerm("image", try Tensor.crossEntropy(logits: moved, labels: batch.requiredLabels())),
      LossTerm(
        "pretrained", weight: pretrainedWeight,
        try Tensor.klDivergence(
          logits: logits(.images.adversarial.original), moved, reduction: reduction)),
      LossTerm(
        "clean", weight: cleanWeight,
        try Tensor.klDivergence(logits: logits(.images), moved, reduction: reduction)),
    ]
  }
}
