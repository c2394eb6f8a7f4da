package import AttackPlans
package import Attacks
internal import ClipModels
internal import Diagnostics
package import Files
package import Tensors

/// A method of training: what its loss reads, whom its adversary attacks, the loss, and the settings of
/// its publication.
///
/// To add one is to add its file, its row of `TrainingObjectives.all` and its row of the reference test.
/// The session does the rest and knows none of them: batches, adversaries, encoding in parts and
/// processes, gradients, clipping, the update, files.
///
/// Definitions: docs/methods/training.md, section 5.1.
package protocol TrainingObjective: Parameterized {
  /// Its name in scripts and records.
  var name: String { get }
  /// One sentence for help.
  var summary: String { get }
  /// What the loss reads, in the order in which one forward encodes what stands beside each other.
  /// Adversarial features ask for the attacks.
  var features: [Feature] { get }
  /// Only data with labels has what it reads.
  var needsLabels: Bool { get }
  /// The loss compares the pairs of a batch, so that `targets` and the floor have a meaning.
  var comparesPairs: Bool { get }
  /// What records say of it beside its name.
  var record: [JSONValue.Member] { get }
  /// It reads what the model that the run began with makes of inputs.
  var readsOriginal: Bool { get }
  /// Puts in what its publication trains with.
  func publish(_ plan: inout TrainingPlan)
  /// What the inner attack on images increases.
  func imageTarget(_ step: AdversaryStep) throws -> AdversaryTarget
  /// What the inner attack on texts sees.
  func textTarget(_ step: AdversaryStep) throws -> TextAdversaryTarget
  /// The terms of the loss, scalars each, with their weights.
  func terms(_ batch: ObjectiveBatch) throws -> [LossTerm]
}

extension TrainingObjective {
  package var needsLabels: Bool { features.contains { $0.source == .classes } }
  package var comparesPairs: Bool { false }
  package var record: [JSONValue.Member] { recordedParameters }
  /// It attacks images.
  package var attacksImages: Bool {
    features.contains { $0.source == .images && $0.isAdversarial }
  }
  /// It attacks texts.
  package var attacksTexts: Bool { features.contains { $0.source == .texts && $0.isAdversarial } }
  package var readsOriginal: Bool { features.contains { $0.isOriginal } }

  /// Cross-entropy over the prompts of all classes; of captions, over the texts of the batch.
  package func imageTarget(_ step: AdversaryStep) throws -> AdversaryTarget {
    try step.classEntropy()
  }

  /// The model's own encoder, normalised.
  package func textTarget(_ step: AdversaryStep) throws -> TextAdversaryTarget {
    let model = step.model
    return TextAdversaryTarget { try model.encodeText($0) }
  }
}

/// One term of a loss.
package struct LossTerm {
  /// Its column in records is `loss_NAME`.
  package let name: String
  package var weight = 1.0
  /// A scalar with its tape.
  package let value: Tensor

  package init(_ name: String, weight: Double = 1, _ value: Tensor) {
    (self.name, self.weight, self.value) = (name, weight, value)
  }
}

/// Everything that a publication fixes beside its loss; options of a run win over it.
package struct TrainingPlan {
  /// Optimiser, schedule, trained weights and the like.
  package var configuration = TrainingConfiguration()
  /// The inner attack on images.
  package var imageAttack = ProjectedGradientDescent(steps: 10)
  /// Its budget in L∞.
  package var epsilon = 1.0 / 255
  /// Which of its points it returns.
  package var keep = Keep.last
  /// The method of the inner attack on texts.
  package var textMethod: TextAttackMethod?

  package init() {}

  /// Kilpi's own settings for short runs of small models, whatever the method.
  package mutating func makeSmall() {
    let (trainable, targets) = (configuration.trainable, configuration.targets)
    configuration = TrainingConfiguration()
    (configuration.trainable, configuration.targets) = (trainable, targets)
    configuration.epochs = 10
    imageAttack.steps = 3
    imageAttack.step = nil
  }

  /// SGD as image-tower baselines are published with: momentum 0.9, no decay, cosine after 1,000 steps
  /// of warm-up, no clipping, two steps of PGD (arXiv:2212.07016, arXiv:2410.21802).
  mutating func publishVisual(rate: Double, batch: Int, epochs: Int = 10) {
    configuration.optimizer = .sgd(rate: rate)
    configuration.batch = batch
    configuration.epochs = epochs
    configuration.trainable = .visual
    configuration.warmup = 1000
    configuration.clipNorm = nil
    imageAttack = ProjectedGradientDescent(steps: 2, step: 1.0 / 255)
  }

  /// AdamW as FARE and LEAF have it: rate 1e-5, decay 1e-4, PyTorch's moments, cosine after 1,400 steps
  /// of warm-up.
  mutating func publishEmbedding(_ trainable: TrainableSelection) {
    configuration.optimizer.learningRate = 1e-5
    configuration.optimizer.betas = [0.9, 0.999]
    configuration.optimizer.epsilon = 1e-8
    configuration.optimizer.weightDecay = 1e-4
    configuration.batch = 128
    configuration.trainable = trainable
    configuration.warmup = 1400
    configuration.clipNorm = nil
  }
}

/// What an inner attack on images increases, and where it starts.
package struct AdversaryTarget {
  package enum Kind {
    /// The attack's own loss of a classifier's logits.
    case classifier(Classifier, labels: Tensor)
    /// A loss of the images themselves, one value each.
    case loss(SampleLoss)
  }

  package let kind: Kind
  /// Where it starts, in place of a random point of the ball; nil for the attack's own start.
  package var start: Tensor?

  package init(_ kind: Kind, start: Tensor? = nil) { (self.kind, self.start) = (kind, start) }
}

/// The methods by name.
package enum TrainingObjectives {
  /// Every method; a new one is one more row.
  package static var all: [any TrainingObjective] {
    [
      MultimodalContrastive(), MultimodalContrastive(.image), MultimodalContrastive(.text),
      PlainContrastive(isBaseline: true), CleanEntropy(), AdversarialContrastive(),
      TextGuidedEntropy(),
      EmbeddingDistance(), GuidedByPretraining(), AttentionGuided(),
      AttentionGuided(isComplementary: true),
      TradeOff(), TextEmbeddingDistance(), EmbeddingEntropy(),
    ]
  }

  /// The method of a name; nil for none.
  package static func named(_ name: String) -> (any TrainingObjective)? {
    all.first { $0.name == name }
  }
}
