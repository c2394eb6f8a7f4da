import AttackPlans
import Attacks
import Diagnostics
import Files
import TestSupport
import Testing

@testable import Evaluation

/// Sets of image attacks: order, who is attacked, what rows count, what is planned.
@Suite("sets of attacks") struct SurvivorTests {
  /// Samples 0, 1 wrong when clean; 2 … 6 in group 1; 7 … 9 in group 2.
  private static func report(
    batch: Int = 4, _ change: (inout RobustnessEvaluation) throws -> Void = { _ in }
  ) throws -> RobustnessReport {
    var evaluation = RobustnessEvaluation()
    evaluation.batch = batch
    evaluation.images = [
      try HandMade.image("dear", [1, 2], cost: 50), try HandMade.image("cheap", [1], cost: 5),
    ]
    try change(&evaluation)
    return try evaluation.run(
      EvaluationSubject(name: "f", classifier: HandMade.classifier()),
      data: HandMade.data(RobustnessTests.samples()))
  }

  @Test("the cheapest runs first, the next on what it left", arguments: [1, 4, 64])
  func survivors(_ batch: Int) throws {
    let report = try Self.report(batch: batch)
    #expect(
      report.scenarios.map(\.label) == ["clean", "image/cheap", "image/dear", "worst"])
    let (cheap, dear) = (report.scenarios[1], report.scenarios[2])
    #expect(cheap.accuracy.count == 3 && !cheap.isOnSurvivors && cheap.attackedCount == 8)
    #expect(dear.accuracy.count == 0 && dear.isOnSurvivors && dear.attackedCount == 3)
    for (index, sample) in dear.samples.enumerated() {
      let isSkipped = (2..<7).contains(index)
      #expect(sample.wasBrokenBefore == isSkipped)
      #expect(
        sample.flags
          == (isSkipped ? ["broken_before:image/cheap"] : index < 2 ? ["not_attacked"] : []))
      #expect((sample.prediction == nil) == isSkipped && (sample.linf == nil) == isSkipped)
      #expect((sample.forwards == nil) == isSkipped)
    }
    #expect(dear.forwards == 15 && dear.backwards == 10)
    #expect(report.scenario("worst")?.samples[2].flags == ["broken_by:image/cheap"])
    #expect(report.scenario("worst")?.samples[8].flags == ["broken_by:image/dear"])
    #expect(report.table().contains("+ dear"))
    #expect(dear.follows == ["image/cheap"] && cheap.follows.isEmpty)
    #expect(report.scenarios.first?.attackedCount == 0)
    #expect(report.scenarios.last?.attackedCount == 0)
    #expect(
      report.table(width: 200).contains(
        "(image/dear: on 3 of 10 samples; 2 were wrong when clean, 5 broken before)"))
  }

  @Test("each attack on all samples, when asked for: its own accuracy, in the given order")
  func each() throws {
    let report = try Self.report { $0.attacksEach = true }
    #expect(report.scenarios.map(\.label) == ["clean", "image/dear", "image/cheap", "worst"])
    #expect(report.scenario("image/dear")?.accuracy.count == 0)
    #expect(report.scenario("image/cheap")?.accuracy.count == 3)
    #expect(report.scenarios.map(\.attackedCount) == [0, 8, 8, 0])
    #expect(report.scenarios.allSatisfy { !$0.isOnSurvivors })
    // A sample of the set is counted in every row, whether it was attacked or not.
    #expect(report.scenarios.allSatisfy { $0.samples.count == 10 })
    #expect(
      try Self.report { ($0.attacksEach, $0.attacksAll) = (true, true) }
        .scenarios.map(\.attackedCount) == [0, 10, 10, 0])
    // The worst over the set is the same either way.
    #expect(report.scenario("worst")?.correct == (try Self.report().scenario("worst")?.correct))
  }

  @Test("images that mm_sep scores again are made for all samples")
  func sharedImages() throws {
    var evaluation = RobustnessEvaluation()
    evaluation.images = [
      try HandMade.image("cheap", [1], cost: 5), try HandMade.image("dear", [1, 2], cost: 50),
    ]
    evaluation.texts = [HandMade.text()]
    evaluation.multimodal = MultimodalSpecification.all(
      images: [evaluation.images[1]], texts: evaluation.texts, methods: [.independent])
    let report = try evaluation.run(
      HandMade.subject(), data: HandMade.data(RobustnessTests.samples()))
    // All but the two that are wrong when clean.
    #expect(report.scenario("image/dear")?.attackedCount == 8)
    #expect(report.scenario("mm_sep/dear + x")?.samples.allSatisfy { $0.linf != nil } == true)
  }

  @Test func costs() throws {
    var evaluation = RobustnessEvaluation()
    evaluation.images = [
      ImageAttackSpecification(
        name: "pgd", attack: ProjectedGradientDescent(steps: 10), settings: AttackSettings()),
      ImageAttackSpecification(
        name: "fgsm", attack: FastGradientSign(), settings: AttackSettings()),
    ]
    evaluation.images[0].settings.search.restarts = 3
    evaluation.samples = .random(5)
    var seen: [ProgressEvent] = []
    evaluation.progress = { seen.append($0) }
    let subject = EvaluationSubject(name: "f", classifier: HandMade.classifier())
    let cost = try evaluation.cost(subject, data: HandMade.data(RobustnessTests.samples()))
    #expect(cost.rows.map(\.label) == ["clean", "image/fgsm", "image/pgd"])
    // Probes look at five samples: 7 + 4 + 2 forward passes of each, 1 + 1 backward.
    #expect(cost.rows.map(\.cost.forwards) == [5, 85, 240])
    #expect(cost.rows.map(\.cost.backwards) == [0, 15, 160])
    #expect(cost.total == AttackCost(forwards: 330, backwards: 175))
    #expect(
      cost.description == "at most 330 forward and 175 backward passes for 5 samples")
    #expect(seen.isEmpty)
    #expect(
      (AttackCost(forwards: .max, backwards: 1) * 2) == AttackCost(forwards: .max, backwards: 2))
    let report = try Self.report {
      $0.progress = { seen.append($0) }
    }
    #expect(seen.first?.note == "at most 792 forward and 590 backward passes for 10 samples")
    #expect(seen.first?.completed == 0)
    #expect(seen.last.map { $0.completed == $0.total } == true)
    #expect(zip(seen, seen.dropFirst()).allSatisfy { $0.completed <= $1.completed })
    #expect(report.json["planned"]?["forwards"]?.int == 792)
  }

  @Test func flagsStandInTheTable() throws {
    let report = try Self.report {
      $0.images = [try HandMade.image("flagged", [1], flag: .zeroGradient)]
    }
    let lines = report.table(width: 200).split(separator: "\n")
    #expect(lines.contains { $0.contains("image     flagged") && $0.hasSuffix("zero_gradient") })
    #expect(report.table(.csv).contains(",zero_gradient,"))
    #expect(report.scenario("image/flagged")?.flags.map(\.batches) == [3])
    #expect(try !Self.report().table(width: 200).contains("flags"))
  }
}
