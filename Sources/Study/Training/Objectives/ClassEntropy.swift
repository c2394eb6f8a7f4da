package import Attacks
internal import ClipModels
internal import Diagnostics
internal import Tensors

/// Cross-entropy of clean images over the prompts of all classes, `clean-ce`.
package struct CleanEntropy: TrainingObjective {
  package init() {}

  package var name: String { "clean-ce" }
  package var summary: String { "cross-entropy of clean images over all classes" }
  package var features: [Feature] { [.images, .classes] }
  package static var parameters: [Parameter<CleanEntropy>] { [] }

  package func publish(_ plan: inout TrainingPlan) { plan.publishVisual(rate: 1e-4, batch: 128) }

  package func terms(_ batch: ObjectiveBatch) throws -> [LossTerm] {
    [LossTerm("clean", try batch.classEntropy(.images))]
  }
}

/// Text-guided contrastive adversarial training, `tecoa` (arXiv:2212.07016): `CE(s·I'·T_Cᵀ, y)`, the
/// text tower frozen.
package struct TextGuidedEntropy: TrainingObjective {
  package init() {}

  package var name: String { "tecoa" }
  package var summary: String {
    "cross-entropy of adversarial images over all classes (TeCoA, arXiv:2212.07016)"
  }
  package var features: [Feature] { [.images.adversarial, .classes] }
  package static var parameters: [Parameter<TextGuidedEntropy>] { [] }

  package func publish(_ plan: inout TrainingPlan) { plan.publishVisual(rate: 1e-5, batch: 256) }

  package func terms(_ batch: ObjectiveBatch) throws -> [LossTerm] {
    [LossTerm("image", try batch.classEntropy(.images.adversarial))]
  }
}

/// TeCoA's loss with FARE's settings and a scale of 100, `tecoa-fare` (arXiv:2402.12336's release).
package struct EmbeddingEntropy: TrainingObjective {
  private static let scale = 100.0

  package init() {}

  package var name: String { "tecoa-fare" }
  package var summary: String { "tecoa with FARE's settings and a scale of 100" }
  package var features: [Feature] { [.images.adversarial, .classes] }
  package static var parameters: [Parameter<EmbeddingEntropy>] { [] }

  package func publish(_ plan: inout TrainingPlan) {
    plan.publishEmbedding(.visual)
    plan.configuration.steps = 20_000
    plan.imageAttack = ProjectedGradientDescent(steps: 10, step: 1.0 / 255, momentum: 0.9)
  }

  /// Cosines times 100, whatever the model's own scale is.
  package func imageTarget(_ step: AdversaryStep) throws -> AdversaryTarget {
    guard let classifier = step.classifier, let labels = step.batch.labels else {
      return try step.classEntropy()
    }
    let rows = step.batch.rows
    let model = step.model
    let classes = try classifier.textFeatures()
    return AdversaryTarget(
      .classifier(
        Classifier { try model.encodeImage($0).matmul(classes, transposeB: true) * Self.scale },
        labels: try Tensor(labels[rows].map { Int64($0) }, shape: [rows.count])))
  }

  package func terms(_ batch: ObjectiveBatch) throws -> [LossTerm] {
    let logits = try batch.unit(.images.adversarial).matmul(batch.unit(.classes), transposeB: true)
    return [
      LossTerm(
        "image",
        try Tensor.crossEntropy(logits: logits * Self.scale, labels: batch.requiredLabels()))
    ]
  }
}

/// TRADES over the classes, `trades` (arXiv:1901.08573).
///
/// `CE(Z(x), y) + β·KL(p(x) ‖ p(x'))`, `p(x)` with
/// its gradient. The inner attack increases the same divergence from a point beside the clean image.
package struct TradeOff: TrainingObjective {
  /// Weight of the divergence.
  package var beta = 6.0

  package init() {}

  package var name: String { "trades" }
  package var summary: String {
    "cross-entropy of clean images and the divergence of adversarial ones (TRADES, arXiv:1901.08573)"
  }
  package var features: [Feature] { [.images, .images.adversarial, .classes] }

  package static var parameters: [Parameter<TradeOff>] {
    [Parameter("beta", \.beta, .within(0...1e6), "weight of the divergence")]
  }

  package func publish(_ plan: inout TrainingPlan) {
    plan.publishVisual(rate: 1e-5, batch: 256)
    plan.imageAttack = ProjectedGradientDescent(steps: 10, step: 1.0 / 255)
  }

  package func imageTarget(_ step: AdversaryStep) throws -> AdversaryTarget {
    guard let classifier = step.classifier else { return try step.classEntropy() }
    let images = step.images
    let clean = try Tensor.withoutGradients { try classifier.stepLogits(images) }
    let noise = try Tensor.concatenated(
      (0..<images.shape[0]).mapped { place in
        var stream = step.stream(place)
        return try Tensor.randomNormal(
          [1] + images.shape.dropFirst(), stream: &stream, dtype: images.dtype)
      })
    return AdversaryTarget(
      .loss { moved, rows, _ in
        try Tensor.klDivergence(
          logits: clean.rows(rows), classifier.stepLogits(moved), reduction: .none)
      }, start: try images + noise * 0.001)
  }

  package func terms(_ batch: ObjectiveBatch) throws -> [LossTerm] {
    let (clean, moved) = (
      try batch.classLogits(.images), try batch.classLogits(.images.adversarial)
    )
    return [
      LossTerm("clean", try Tensor.crossEntropy(logits: clean, labels: batch.requiredLabels())),
      LossTerm("image", weight: beta, try Tensor.klDivergence(logits: clean, moved)),
    ]
  }
}
