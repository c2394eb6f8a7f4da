import AttackPlans
import ClipModels
import Datasets
import Diagnostics
import Files
import Tensors
import TestSupport

@testable import Attacks
@testable import Evaluation

/// A data set and classifiers whose every verdict is known.
///
/// Sample `i` is a 2 x 2 image. Its red pixels say what the classifier makes of it: the class
/// (0 … 3, in quarters), whether it is wrong when clean, the group that image attack "a" breaks, and
/// whether adversarial prompts turn its verdict round. A mark in the first green pixel (which attacks
/// set) makes it wrong.
enum HandMade {
  struct Sample {
    var label = 0
    var isWrong = false
    var group = 0
    var isTurnedByText = false
  }

  static func data(_ samples: [Sample], onLevels: Bool = false) throws -> Dataset {
    var values: [Float] = []
    // Quarters, or the 8-bit levels nearest to them.
    func quarters(_ number: Int) -> Float {
      onLevels ? (Float(number) / 4 * 255).rounded() / 255 : Float(number) / 4
    }
    for (number, sample) in samples.enumerated() {
      values += [quarters(sample.label), sample.isWrong ? 1 : 0, quarters(sample.group)]
      values += [sample.isTurnedByText ? 1 : 0]
      // The first blue pixel is the sample's number.
      values += [0, 0, 0, 0, Float(number) / 255, 0, 0, 0]
    }
    return try MemoryDataset.make(
      images: Tensor(values, shape: [samples.count, 3, 2, 2]), labels: samples.map(\.label),
      classNames: ["red", "green", "blue", "grey"],
      ids: samples.indices.map { "sample-\($0)" }, name: "handmade")
  }

  /// A model that takes some samples, by their numbers, otherwise than the pixels say.
  struct Variant {
    var wrong: Set<Int>?
    var turned: Set<Int>?
    /// Marks do not break these.
    var hardened: Set<Int> = []
  }

  /// Logits that follow the pixels' instructions.
  static func classifier(
    adversarialText: Bool = false, _ variant: Variant = Variant()
  ) -> Classifier {
    Classifier { images in
      let values = try images.detached().floats()
      var logits: [Float] = []
      for row in 0..<images.shape[0] {
        let pixels = values[row * 12..<(row + 1) * 12].map { $0 }
        let label = Int((pixels[0] * 4).rounded())
        let number = Int((pixels[8] * 255).rounded())
        var isWrong = variant.wrong?.contains(number) ?? (pixels[1] > 0.5)
        let isTurned = variant.turned?.contains(number) ?? (pixels[3] > 0.5)
        if adversarialText, isTurned { isWrong.toggle() }
        if pixels[4] > 0.02, !variant.hardened.contains(number) { isWrong = true }
        let top = isWrong ? (label + 1) % 4 : label
        logits += (0..<4).map { $0 == top ? 2 : $0 == label ? 1 : -1 }
      }
      return try Tensor(logits, shape: [images.shape[0], 4])
    }
  }

  /// Marks every image of one group that is still right; `step` is how far the mark goes.
  struct Marking: ImageAttack {
    static var parameters: [Parameter<Self>] {
      [Parameter("cost", \.cost, 0...1_000_000, "passes that it plans")]
    }
    var name: String
    var groups: Set<Int>
    var step: Float = 0.03
    var cost = 20
    var flag: AttackFlag.Kind?

    func plannedCost(_ settings: AttackSettings) -> AttackCost {
      AttackCost(forwards: cost, backwards: cost)
    }

    func run(
      _ classifier: Classifier, images: Tensor, criterion: Criterion,
      settings: AttackSettings
    ) throws -> AttackResult {
      func top(_ images: Tensor) throws -> [Int] {
        try classifier(images).argmax(axis: 1).integers().map { Int($0) }
      }
      let clean = try top(images)
      var values = try images.floats()
      for row in 0..<images.shape[0] {
        let isRight = clean[row] == criterion.labels[row]
        guard isRight || settings.search.attacksAll else { continue }
        if groups.contains(Int((values[row * 12 + 2] * 4).rounded())) {
          values[row * 12 + 4] += step
        }
      }
      let moved = try Tensor(values, shape: images.shape)
      var report = AttackReport(
        budget: settings.threat.budget, distance: try Distances(from: images, to: moved))
      report.isJudged = true
      report.labels = criterion.labels
      report.prediction = try top(moved)
      report.cleanPrediction = clean
      report.cleanCorrect = zip(clean, criterion.labels).map { $0 == $1 }
      report.success = zip(report.prediction, criterion.labels).map { $0 != $1 }
      report.margin = report.success.map { $0 ? 1 : -1 }
      report.loss = report.margin
      if case .classes(let targets)? = criterion.targets { report.targets = targets }
      report.forwards = clean.map { _ in 3 }
      report.backwards = clean.map { _ in 2 }
      if let flag { report.flags = [AttackFlag(flag, "by hand")] }
      return AttackResult(images: moved, report: report)
    }
  }

  static func image(
    _ name: String, _ groups: Set<Int>, step: Float = 0.03, cost: Int = 20,
    flag: AttackFlag.Kind? = nil
  ) throws -> ImageAttackSpecification {
    ImageAttackSpecification(
      name: name,
      attack: Marking(name: name, groups: groups, step: step, cost: cost, flag: flag),
      settings: AttackSettings(budget: try Budget(.linf, 8.0 / 255)))
  }

  /// A tiny CLIP that carries prompts; what it computes is not looked at in hand-made rows.
  static func clip(seed: UInt64 = 1) throws -> ClipModel {
    try ClipModel.random(
      ClipConfiguration(
        embedding: 8, imageSize: 8, patchSize: 4, vision: .init(width: 8, layers: 1, heads: 2),
        text: .init(width: 8, layers: 1, heads: 2)), seed: seed)
  }

  /// The hand-made classifier as a subject with prompts.
  static func subject(_ variant: Variant = Variant()) throws -> EvaluationSubject {
    let zeroShot = try ZeroShotClassifier(
      clip(), classNames: ["red", "green", "blue", "grey"], templates: ["a {c} dot"])
    var subject = try EvaluationSubject(zeroShot, name: "handmade")
    subject.classifier = classifier(variant)
    subject.reprompted = { _ in classifier(adversarialText: true, variant) }
    return subject
  }

  /// Puts an x behind every word; the encoder is made up.
  static func text(_ name: String = "x") -> TextAttackSpecification {
    TextAttackSpecification(name: name, record: ["adds an x"]) { classifier, _ in
      var attack = TextAttack()
      attack.sources = [CandidateSource("x", substitutes: { [$0 + "x"] })]
      attack.scope = .prompt
      return try attack.perturb(classifier.prompts.map { TextPrompt($0) }) { texts in
        try Tensor(
          texts.flatMap { text in
            (0..<4).map { Float(SampleID.number(of: "\($0)" + text) % 1000) / 1000 }
          }, shape: [texts.count, 4])
      }
    }
  }
}
