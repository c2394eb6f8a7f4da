package import Attacks
internal import ClipModels

/// Contrastive training on clean pairs, `Φ(s·I·Tᵀ)` (arXiv:2103.00020): `contrastive` from anything, and
/// `clean` as a fine-tuning baseline (arXiv:2410.21802's FT-clean).
package struct PlainContrastive: TrainingObjective {
  let isBaseline: Bool

  package init(isBaseline: Bool = false) { self.isBaseline = isBaseline }

  package var name: String { isBaseline ? "clean" : "contrastive" }
  package var summary: String { "the contrastive loss of clean pairs, no attack" }
  package var features: [Feature] { [.images, .texts] }
  package var comparesPairs: Bool { true }
  package static var parameters: [Parameter<PlainContrastive>] { [] }

  package func publish(_ plan: inout TrainingPlan) {
    if isBaseline { plan.publishVisual(rate: 1e-4, batch: 128) }
  }

  package func terms(_ batch: ObjectiveBatch) throws -> [LossTerm] {
    [LossTerm("clean", try batch.contrast(.images, .texts))]
  }
}

/// Adversarial images against clean texts, `adversarial`: `Φ(s·I'·Tᵀ)` in the batch, or
/// `CE(s·I'·T_Cᵀ, y)` over all classes.
///
/// On images with captions the inner attack follows the loss of the batch too, as caption-driven
/// adversarial training does (AdvFLYP, arXiv:2604.11576).
package struct AdversarialContrastive: TrainingObjective {
  /// What the loss compares.
  package enum Loss: String, Sendable, CaseIterable {
    /// The pairs of a batch.
    case inBatch = "infonce"
    /// Images with the prompts of all classes.
    case classEntropy = "ce"
  }

  /// The loss that is trained on.
  package var loss = Loss.inBatch
  /// The loss that the inner attack increases; nil: of classes where there are any, else the batch's.
  package var innerLoss: Loss?

  package init() {}

  package var name: String { "adversarial" }
  package var summary: String {
    "adversarial images against clean texts: the batch's pairs, or the classes with loss = \"ce\""
  }
  package var features: [Feature] {
    [.images.adversarial, loss == .inBatch ? .texts : .classes]
  }
  package var comparesPairs: Bool { loss == .inBatch }

  package static var parameters: [Parameter<AdversarialContrastive>] {
    [
      Parameter("loss", \.loss, "what is trained on: pairs of the batch, or all classes"),
      Parameter(
        "inner_loss", \.innerLoss, "what the inner attack on images increases",
        absent: "ce; infonce on captions"),
    ]
  }

  package func publish(_ plan: inout TrainingPlan) { plan.publishVisual(rate: 1e-4, batch: 128) }

  package func imageTarget(_ step: AdversaryStep) throws -> AdversaryTarget {
    let isInBatch = innerLoss.map { $0 == .inBatch } ?? (step.batch.labels == nil)
    return try isInBatch ? step.inBatch(step.targets) : step.classEntropy()
  }

  package func terms(_ batch: ObjectiveBatch) throws -> [LossTerm] {
    switch loss {
    case .inBatch: return [LossTerm("image", try batch.contrast(.images.adversarial, .texts))]
    case .classEntropy: return [LossTerm("image", try batch.classEntropy(.images.adversarial))]
    }
  }
}
