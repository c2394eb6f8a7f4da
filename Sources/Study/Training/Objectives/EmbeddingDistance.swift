internal import AttackPlans
package import Attacks
internal import ClipModels
internal import Tensors

/// Unsupervised adversarial fine-tuning of the image tower, `fare` (arXiv:2402.12336).
///
/// `(1 − w)·mean_i ‖f(x'_i) − f₀(x_i)‖² + w·mean_i ‖f(x_i) − f₀(x_i)‖²`, features as the encoder gives
/// them. No labels, no texts.
package struct EmbeddingDistance: TrainingObjective {
  /// What adversarial features are drawn to.
  package enum Anchor: String, Sendable, CaseIterable {
    /// The clean features of the model that the run began with.
    case original
    /// The clean features of the model as it is now, constants.
    case own = "trades"
  }

  /// Weight of the clean term.
  package var cleanWeight = 0.0
  /// What adversarial features are drawn to.
  package var anchor = Anchor.original

  package init() {}

  package var name: String { "fare" }
  package var summary: String {
    "embeddings of adversarial images stay at those of clean ones before (FARE, arXiv:2402.12336)"
  }
  package var features: [Feature] {
    let clean = cleanWeight != 0 || anchor == .own ? [Feature.images.raw] : []
    return clean + [.images.adversarial.raw, .images.original.raw]
  }

  package static var parameters: [Parameter<EmbeddingDistance>] {
    [
      Parameter("clean_weight", \.cleanWeight, .within(0...1), "share of the clean term"),
      Parameter("anchor", \.anchor, "what adversarial embeddings are drawn to"),
    ]
  }

  package func publish(_ plan: inout TrainingPlan) {
    plan.publishEmbedding(.visual)
    plan.configuration.steps = 20_000
    plan.imageAttack = ProjectedGradientDescent(steps: 10, step: 1.0 / 255, momentum: 0.9)
  }

  package func imageTarget(_ step: AdversaryStep) throws -> AdversaryTarget {
    let model = anchor == .own ? step.model : step.original
    let images = step.images
    let clean = try Tensor.withoutGradients { try model.encodeImage(images, normalize: false) }
    return step.squaredDistance(to: clean)
  }

  package func terms(_ batch: ObjectiveBatch) throws -> [LossTerm] {
    let original = try batch.raw(.images.original)
    let aim = anchor == .own ? try batch.raw(.images).detached() : original
    var terms = [
      LossTerm(
        "image", weight: 1 - cleanWeight, try batch.squaredDistance(.images.adversarial, aim))
    ]
    if cleanWeight != 0 {
      terms.append(
        LossTerm("clean", weight: cleanWeight, try batch.squaredDistance(.images, original)))
    }
    return terms
  }
}

/// The same for the text tower, `leaf` (arXiv:2506.03355): `mean_i ‖g(t'_i) − g₀(t_i)‖²`, texts attacked
/// by edits of characters that move the features furthest from `g₀(t)`.
package struct TextEmbeddingDistance: TrainingObjective {
  package init() {}

  package var name: String { "leaf" }
  package var summary: String {
    "embeddings of adversarial texts stay at those of clean ones before (LEAF, arXiv:2506.03355)"
  }
  package var features: [Feature] { [.texts.adversarial.raw, .texts.original.raw] }
  package static var parameters: [Parameter<TextEmbeddingDistance>] { [] }

  package func publish(_ plan: inout TrainingPlan) {
    plan.publishEmbedding(.text)
    plan.configuration.epochs = 30
    plan.textMethod = .char
  }

  package func textTarget(_ step: AdversaryStep) throws -> TextAdversaryTarget {
    let (model, original) = (step.model, step.original)
    return TextAdversaryTarget(
      { try model.encodeText($0, normalize: false) },
      awayFrom: { try original.encodeText($0, normalize: false) })
  }

  package func terms(_ batch: ObjectiveBatch) throws -> [LossTerm] {
    [
      LossTerm(
        "text", try batch.squaredDistance(.texts.adversarial, batch.raw(.texts.original)))
    ]
  }
}
