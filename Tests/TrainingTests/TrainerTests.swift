@testable import AttackPlans
import Attacks
import ClipModels
import Datasets
import Diagnostics
import Files
import Networks
import Tensors
import TestSupport
import Testing

@testable import Training

/// A CLIP of 16 pixels and one block, and eight images of two classes.
enum TinyTraining {
  static func model(seed: UInt64 = 3) throws -> ClipModel {
    try ClipModel.random(
      ClipConfiguration(
        embedding: 6, imageSize: 8, patchSize: 4,
        vision: .init(width: 8, layers: 1, heads: 2), text: .init(width: 4, layers: 1, heads: 1)),
      seed: seed)
  }

  static func data() throws -> Dataset {
    var stream = RandomSource(seed: 5).stream(.script)
    let images = try Tensor.random([8, 3, 8, 8], stream: &stream) * 0.8 + 0.1
    return try MemoryDataset.make(
      images: images, labels: [0, 1, 0, 1, 1, 0, 0, 1], captions: nil,
      classNames: ["cat", "dog"], templates: [], ids: nil, name: "tiny")
  }

  static func captions() throws -> Dataset {
    var stream = RandomSource(seed: 6).stream(.script)
    let images = try Tensor.random([4, 3, 8, 8], stream: &stream)
    return try MemoryDataset.make(
      images: images, labels: nil,
      captions: [["a cat"], ["a dog"], ["a cat"], ["a red bus", "a bus"]],
      classNames: [], templates: [], ids: nil, name: "captions")
  }

  static func trainer(_ method: Method, epsilon: Double = 0.1, words: Int = 1) throws
    -> Trainer
  {
    try trainer(method.objective, epsilon: epsilon, words: words)
  }

  static func trainer(
    _ objective: any TrainingObjective, epsilon: Double = 0.1, words: Int = 1
  ) throws -> Trainer {
    var configuration = TrainingConfiguration()
    configuration.steps = 4
    configuration.batch = 4
    configuration.optimizer.learningRate = 1e-2
    configuration.warmup = 0
    configuration.seed = 11
    var trainer = Trainer(objective, configuration)
    let settings = AttackSettings(budget: try Budget(.linf, epsilon), seed: 2)
    trainer.imageAttack =
      ImageAttackSpecification(
        name: "pgd", attack: ProjectedGradientDescent(steps: 2), settings: settings
      ).trainer
    trainer.textAttack = { _, texts, _ in
      texts.map { words == 0 ? $0.text : $0.text.replacing("a", with: "o") }
    }
    return trainer
  }

  /// Methods that most tests train with.
  enum Method: String, Sendable, CaseIterable {
    case contrastive, clean, mmcoa
    case imageOnly = "image-only"
    case textOnly = "text-only"

    var objective: any TrainingObjective {
      TrainingObjectives.named(rawValue) ?? PlainContrastive()
    }
  }

  static func weights(_ model: ClipModel) throws -> [[Float]] {
    try model.parameters.entries.map { try $0.tensor.floats() }
  }
}

@Suite struct TrainerTests {
  /// I27, B33: the gradient of a step equals finite differences of the loss at the fixed
  /// adversarial batch, in random weight directions.
  ///
  /// A leaked attack gradient would add to it.
  @Test(arguments: TrainingObjectives.all.map(\.name))
  func gradientIsThatOfTheLoss(method: String) throws {
    let objective = try #require(TrainingObjectives.named(method))
    var trainer = try TinyTraining.trainer(objective)
    trainer.configuration.clipNorm = nil
    func session() throws -> TrainingSession {
      let session = try TrainingSession(
        trainer, model: TinyTraining.model().converted(to: .float64), data: TinyTraining.data())
      // Away from where the run began: distances from there have no slope at 0.
      var stream = RandomSource(seed: 9).stream(.script)
      try Tensor.withoutGradients {
        for (_, weight) in session.optimizer.parameters {
          try weight.assign(
            weight + Tensor.randomNormal(weight.shape, stream: &stream, dtype: .float64) * 0.02)
        }
      }
      return session
    }
    let first = try session()
    let batch = try first.schedule.batch(step: 0, order: Array(0..<8))
    if objective.attacksImages {
      let images = try first.attackImages(batch)
      #expect(!images.requiresGradient)
      #expect(try images.floats() != batch.images.floats(), "the attack must move the images")
      trainer.imageAttack = { _, _, _, _ in images }
    }
    if objective.attacksTexts {
      let unique = Dictionary(
        zip(batch.texts, try first.attackTexts(batch)), uniquingKeysWith: { a, _ in a })
      trainer.textAttack = { _, texts, _ in texts.map { unique[$0.text] ?? $0.text } }
    }
    #expect(first.model.parameters.entries.allSatisfy { $0.tensor.gradient == nil })
    let session = try session()
    func loss() throws -> Tensor { try StepFeatures(session, batch).loss().loss }
    let trained = session.optimizer.parameters.map(\.tensor)
    let gradients = try Tensor.gradients(of: loss(), with: trained)
    var norm = 0.0
    for gradient in gradients { norm += try gradient.square().sum().item() }

    var stream = RandomSource(seed: 8).stream(.script)
    var worst = 0.0
    for _ in 0..<(objective.comparesPairs ? 40 : 8) {
      let directions = try trained.map {
        try Tensor.randomNormal($0.shape, stream: &stream, dtype: .float64)
      }
      var analytic = 0.0
      for (gradient, direction) in zip(gradients, directions) {
        analytic += try (gradient * direction).sum().item()
      }
      let starts = try trained.map { try $0.detached().cloned() }
      func value(_ t: Double) throws -> Double {
        try Tensor.withoutGradients {
          for (weight, (start, direction)) in zip(trained, zip(starts, directions)) {
            try weight.assign(start + direction * t)
          }
          return try loss().item()
        }
      }
      let h = 2e-6
      let numeric =
        try (8 * (value(h) - value(-h)) - (value(2 * h) - value(-2 * h))) / (12 * h)
      _ = try value(0)
      worst = max(worst, abs(numeric - analytic) / max(abs(numeric), abs(analytic), 1e-3))
    }
    #expect(worst < 1e-6, "worst relative error \(worst)")

    // What the step itself used: its recorded norm is that of the same gradient.
    let row = try session.oneStep(batch, epoch: 0)
    let recorded = try #require(row.first { $0.key == "gradient_norm" }?.value.double)
    #expect(abs(recorded - norm.squareRoot()) < 1e-9 * recorded)
  }

  /// I29: without a budget, adversarial training is clean training, bit for bit.
  @Test(arguments: [
    ("image-only", "clean"), ("text-only", "clean"), ("adversarial", "clean"),
    ("tecoa", "clean-ce"),
  ]) func zeroBudgetIsCleanTraining(method: String, other: String) throws {
    let model = try TinyTraining.model()
    var clean = try TinyTraining.trainer(#require(TrainingObjectives.named(other)))
    clean.configuration.steps = 20
    var adversarial = try TinyTraining.trainer(
      #require(TrainingObjectives.named(method)), epsilon: 0, words: 0)
    adversarial.configuration.steps = 20
    let data = try TinyTraining.data()
    let a = try clean.run(model, data: data)
    let b = try adversarial.run(model, data: data)
    #expect(try TinyTraining.weights(a.model) == TinyTraining.weights(b.model))
    #expect(try TinyTraining.weights(a.model) != TinyTraining.weights(model))
  }

  /// The same for both terms: with weight 0.5 each they add up to twice the clean loss.
  @Test func zeroBudgetDoublesTheLoss() throws {
    let model = try TinyTraining.model()
    let data = try TinyTraining.data()
    var both = try TinyTraining.trainer(.mmcoa, epsilon: 0, words: 0)
    both.configuration.steps = 1
    var clean = try TinyTraining.trainer(.clean)
    clean.configuration.steps = 1
    func loss(_ trainer: Trainer) throws -> Double {
      try #require(
        trainer.run(model, data: data).history[0].first { $0.key == "loss" }?.value.double)
    }
    let (a, b) = (try loss(both), try loss(clean))
    #expect(abs(a - 2 * b) < 1e-5 * a)
  }

  @Test func trainingLowersTheLossAndLeavesTheModelAlone() throws {
    let model = try TinyTraining.model()
    let before = try TinyTraining.weights(model)
    var trainer = try TinyTraining.trainer(.mmcoa)
    trainer.configuration.steps = 60
    let result = try trainer.run(model, data: TinyTraining.data())
    let losses = result.history.compactMap { row in row.first { $0.key == "loss" }?.value.double }
    #expect(losses.count == 60)
    let (first, last) = (losses.prefix(5).reduce(0, +), losses.suffix(5).reduce(0, +))
    #expect(last < first, "\(first / 5) before, \(last / 5) after")
    #expect(try TinyTraining.weights(model) == before)
    #expect(result.model.parameters.entries.allSatisfy { !$0.tensor.requiresGradient })
  }

  @Test func trainsOnCaptions() throws {
    var trainer = try TinyTraining.trainer(.mmcoa)
    trainer.configuration.steps = 3
    let result = try trainer.run(TinyTraining.model(), data: TinyTraining.captions())
    #expect(result.history.count == 3)
  }

  static let selections: [(TrainableSelection, @Sendable (String) -> Bool)] = [
    (.visual, { $0.hasPrefix("visual.") }), (.text, { !$0.hasPrefix("visual.") }),
    (.biasNorm, { $0.hasSuffix("bias") || $0.contains("ln_") }),
  ]

  @Test(arguments: selections.indices) func trainsTheSelectionAlone(index: Int) throws {
    let (selection, isTrained) = Self.selections[index]
    let model = try TinyTraining.model()
    var trainer = try TinyTraining.trainer(.clean)
    trainer.configuration.trainable = selection
    trainer.configuration.clampsScale = false
    let result = try trainer.run(model, data: TinyTraining.data())
    for (name, before) in model.parameters.entries {
      let after = try result.model.parameters.required(name)
      let changed = try before.floats() != after.floats()
      if !isTrained(name) { #expect(!changed, "\(name) must not move") }
    }
    #expect(try TinyTraining.weights(result.model) != TinyTraining.weights(model))
  }

  @Test func sameSeedSameWeights() throws {
    let model = try TinyTraining.model()
    let data = try TinyTraining.data()
    let runs = try (0..<2).map { _ in
      try TinyTraining.weights(TinyTraining.trainer(.mmcoa).run(model, data: data).model)
    }
    #expect(runs[0] == runs[1])
    var other = try TinyTraining.trainer(.mmcoa)
    other.configuration.seed = 12
    #expect(try TinyTraining.weights(other.run(model, data: data).model) != runs[0])
  }

  @Test func aCallbackEndsTheRun() throws {
    var trainer = try TinyTraining.trainer(.clean)
    trainer.onStep = { row in row.first { $0.key == "step" }?.value.int != 2 }
    let result = try trainer.run(TinyTraining.model(), data: TinyTraining.data())
    #expect(result.steps == 2 && result.history.count == 2)
  }

  @Test func aThrowingCallbackStopsTheRun() throws {
    var trainer = try TinyTraining.trainer(.clean)
    trainer.onStep = { _ in throw KilpiError("enough") }
    #expect(throws: KilpiError.self) {
      try trainer.run(TinyTraining.model(), data: TinyTraining.data())
    }
  }
}
