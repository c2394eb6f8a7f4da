internal import AttackPlans
package import Attacks
package import Files
internal import Networks

/// Weights of the four possible terms of the loss.
package struct TermWeights: Equatable, Sendable {
  /// Of `2Φ(s·I'·Tᵀ)`.
  package var image = 0.5
  /// Of `2Φ(s·I·T'ᵀ)`.
  package var text = 0.5
  /// Of `2Φ(s·I·Tᵀ)`; not part of the published method.
  package var clean = 0.0
  /// Of `2Φ(s·I'·T'ᵀ)`; not part of the published method.
  package var bothAdversarial = 0.0

  /// The published weights.
  package init() {}
}

extension TermWeights: Parameterized {
  package static var parameters: [Parameter<TermWeights>] {
    [
      Parameter("image", \.image, .finite, "of the term with adversarial images"),
      Parameter("text", \.text, .finite, "of the term with adversarial texts"),
      Parameter("clean", \.clean, .finite, "of a clean term; not in the published method"),
      Parameter(
        "advadv", \.bothAdversarial, .finite,
        "of a term with both adversarial; not in the published method"),
    ]
  }
}

/// Multimodal contrastive adversarial training (arXiv:2404.19287) and its two halves:
/// `w_img·2Φ(s·I'·Tᵀ) + w_txt·2Φ(s·I·T'ᵀ)`.
///
/// Features of both encoders get gradients from both terms; attacked inputs are constants.
package struct MultimodalContrastive: TrainingObjective {
  /// Which of the terms there are.
  package enum Sides: String, Sendable { case both, image, text }

  package let sides: Sides
  /// Weights of the terms.
  package var weights = TermWeights()
  /// The loss that the inner attack on images increases.
  package var innerLoss = AdversarialContrastive.Loss.classEntropy

  package init(_ sides: Sides = .both) { self.sides = sides }

  package var name: String {
    switch sides {
    case .both: return "mmcoa"
    case .image: return "image-only"
    case .text: return "text-only"
    }
  }

  package var summary: String {
    switch sides {
    case .both:
      return "adversarial images against clean texts and clean images against adversarial texts"
    case .image: return "the first term of mmcoa alone"
    case .text: return "the second term of mmcoa alone"
    }
  }

  package var comparesPairs: Bool { true }

  package static var parameters: [Parameter<MultimodalContrastive>] {
    [Parameter("inner_loss", \.innerLoss, "what the inner attack on images increases")]
  }

  package var record: [JSONValue.Member] {
    recordedParameters + [.init("weights", .object(weights.recordedParameters))]
  }

  /// The terms that there are, each with its two features.
  private var pairs: [(name: String, weight: Double, images: Feature, texts: Feature)] {
    var all: [(name: String, weight: Double, images: Feature, texts: Feature)] = []
    if sides != .text { all.append(("image", weights.image, .images.adversarial, .texts)) }
    if sides != .image { all.append(("text", weights.text, .images, .texts.adversarial)) }
    if sides == .both {
      all.append(
        ("advadv", weights.bothAdversarial, .images.adversarial, .texts.adversarial))
    }
    all.append(("clean", weights.clean, .images, .texts))
    return all.filter { $0.weight != 0 }
  }

  package var features: [Feature] {
    let used = Set(pairs.flatMap { [$0.images, $0.texts] })
    return [.images, .images.adversarial, .texts, .texts.adversarial].filter(used.contains)
  }

  /// The names of the weights that it has a term for.
  package var weightNames: Set<String> {
    switch sides {
    case .both: return ["image", "text", "clean", "advadv"]
    case .image: return ["image", "clean"]
    case .text: return ["text", "clean"]
    }
  }

  /// The preset `paper`.
  package func publish(_ plan: inout TrainingPlan) {
    plan.configuration.optimizer.learningRate = 1e-6
    plan.configuration.optimizer.weightDecay = 0.2
    plan.configuration.schedule = .constant
    plan.configuration.warmup = 0
    plan.configuration.clipNorm = nil
    plan.configuration.batch = 256
    plan.configuration.epochs = 30
    plan.configuration.trainable = .both
    plan.configuration.targets = .label
    plan.imageAttack = ProjectedGradientDescent(steps: 10)
    plan.keep = .best
  }

  package func imageTarget(_ step: AdversaryStep) throws -> AdversaryTarget {
    try innerLoss == .inBatch ? step.inBatch(step.targets) : step.classEntropy()
  }

  package func terms(_ batch: ObjectiveBatch) throws -> [LossTerm] {
    try pairs.map { pair in
      LossTerm(
        pair.name, weight: 2 * pair.weight, try batch.contrast(pair.images, pair.texts))
    }
  }
}
