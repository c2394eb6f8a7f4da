import AttackPlans
import Attacks
import Datasets
import Diagnostics
import Files
import Tensors
import TestSupport
import Testing

@testable import Evaluation

/// Attacks of several budgets in one evaluation: no number depends on an attack that was allowed more.
@Suite("threat models") struct ThreatModelTests {
  /// Samples 0, 1 wrong when clean; 2 … 6 in group 1; 7 … 9 in group 2.
  static func report(
    _ images: [ImageAttackSpecification], each: Bool = false, texts: [TextAttackSpecification] = [],
    _ change: (inout RobustnessEvaluation) throws -> Void = { _ in }
  ) throws -> RobustnessReport {
    var evaluation = RobustnessEvaluation()
    evaluation.images = images
    evaluation.texts = texts
    evaluation.attacksEach = each
    evaluation.batch = 4
    try change(&evaluation)
    return try evaluation.run(
      HandMade.subject(), data: HandMade.data(RobustnessTests.samples()))
  }

  static func image(
    _ name: String, _ groups: Set<Int>, _ epsilon: Double, _ norm: Norm = .linf, cost: Int = 20,
    family: String = ""
  ) throws -> ImageAttackSpecification {
    var image = try HandMade.image(name, groups, cost: cost)
    image.settings.threat.budget = try Budget(norm, epsilon)
    image.family = family
    return image
  }

  /// Attacks whose reach grows with the budget, as a real one's: nothing at 0, group 1 at 0.1, both at 0.2.
  static func growing() throws -> [ImageAttackSpecification] {
    [
      try image("zero", [], 0, cost: 50), try image("small", [1], 0.1, cost: 30),
      try image("large", [1, 2], 0.2, cost: 10),
    ]
  }

  @Test("the order of the list changes no number", arguments: [[0, 1, 2], [2, 1, 0], [1, 2, 0]])
  func order(_ order: [Int]) throws {
    let attacks = try Self.growing()
    let report = try Self.report(order.map { attacks[$0] })
    #expect(
      report.scenarios.map(\.label) == [
        "clean", "image/zero", "image/small", "image/large", "worst/linf 0.1", "worst/linf 0.2",
      ])
    #expect(report.scenarios.map(\.accuracy.count) == [8, 8, 3, 0, 3, 0])
    // What a budget of 0 or 0.1 broke is broken at 0.2, and not attacked again; nothing goes back.
    #expect(report.scenarios.map(\.attackedCount) == [0, 8, 8, 3, 0, 0])
    #expect(report.scenarios[3].follows == ["image/zero", "image/small"])
    let each = try Self.report(order.map { attacks[$0] }, each: true)
    for row in report.scenarios {
      #expect(each.scenario(row.label)?.correct == row.correct, "\(row.label)")
    }
  }

  @Test("norms, lattices and masks are threat models of their own")
  func nesting() throws {
    let (small, large) = (try Budget(.linf, 0.1), try Budget(.linf, 0.2))
    let l2 = try Budget(.l2, 9)
    let rows: [(ThreatModel, ThreatModel, Bool)] = [
      (.init(small), .init(large), true), (.init(large), .init(small), false),
      (.init(small), .init(small), true), (.init(small), .init(l2), false),
      (.init(l2), .init(large), false),
      (.init(small, isOnEightBitLevels: true), .init(large), true),
      (.init(small), .init(large, isOnEightBitLevels: true), false),
      (.init(small, mask: "a"), .init(large), true),
      (.init(small), .init(large, mask: "a"), false),
      (.init(small, mask: "a"), .init(large, mask: "b"), false),
      (.init(small, mask: "a"), .init(large, mask: "a"), true),
    ]
    for (a, b, isNested) in rows {
      #expect(a.isNested(in: b) == isNested, "\(a.description) in \(b.description)")
      #expect(ThreatModel(a.json) == a)
    }
    // An attack in L2 keeps its own samples, though one in L-infinity has broken them.
    let report = try Self.report([
      Self.image("ball", [2], 0.5, .l2, cost: 99), Self.image("cube", [1], 0.2, cost: 1),
    ])
    #expect(report.scenario("image/cube")?.accuracy.count == 3)
    #expect(report.scenario("image/ball")?.accuracy.count == 5)
    #expect(report.scenario("image/ball")?.attackedCount == 8)
    #expect(!report.scenarios.contains { $0.kind == .worst })
  }

  @Test("every figure says what it was measured under")
  func marks() throws {
    let report = try Self.report(Self.growing(), texts: [HandMade.text()])
    let worst = try #require(report.scenario("worst/linf 0.1"))
    #expect(worst.members == ["clean", "image/zero", "image/small", "text/x"])
    #expect(worst.threatText == "linf 0.1 and prompts")
    // Prompts turn 2, 3, 7 round; 4, 5, 6 fall to the image attack.
    #expect(worst.samples.map(\.isCorrect).enumerated().filter(\.element).map(\.offset) == [8, 9])
    #expect(
      report.scenarios.map(\.threatText) == [
        "nothing", "linf 0", "linf 0.1", "linf 0.2", "prompts", "linf 0 and prompts",
        "linf 0.1 and prompts", "linf 0.2 and prompts",
      ])
    let table = report.table(width: 200)
    #expect(table.contains("budgets of each row, at 2 x 2 pixels (native)"))
    #expect(table.contains("image     + large     linf 0.2"))
    #expect(table.contains("worst     all within  linf 0.1"))
    #expect(report.table(.csv).contains(",image,small,linf,0.1,linf 0.1,10,3,"))
    #expect(report.table(.csv).contains(",worst,linf 0.2,linf,0.2,linf 0.2 and prompts,10,0,"))
    let json = try #require(report.json["scenarios"]?.array?[2])
    #expect(json["norm"]?.string == "linf" && json["eps"]?.double == 0.1)
    #expect(json["threat_model"]?["eps_255"]?.double == 25.5)
    #expect(report.scenario("worst") == nil && report.scenario("image") == nil)
    for (name, kin) in [
      ("worst", "worst/linf 0, worst/linf 0.1, worst/linf 0.2"),
      ("image", "image/zero, image/small, image/large"),
    ] {
      #expect(
        throws: KilpiError(
          "'\(name)' stands for rows of different budgets", advice: "name one of \(kin)")
      ) { try report.row(name) }
    }
    // One budget: one worst, as ever.
    let one = try Self.report(
      [Self.image("a", [1], 0.1), Self.image("b", [2], 0.1)], texts: [HandMade.text()])
    #expect(one.scenarios.last?.label == "worst")
    #expect(one.scenario("worst")?.threatText == "linf 0.1 and prompts")
    #expect(one.threatTitle == "linf 0.1 at 2 x 2 pixels (native)")
  }

  @Test("accuracy against budget is a line from the clean accuracy")
  func curves() throws {
    let reach: [(Double, Set<Int>)] = [(0.05, []), (0.1, [1]), (0.2, [1, 2])]
    let images = try reach.map { epsilon, groups in
      try Self.image("mark@\(epsilon)", groups, epsilon, family: "mark")
    }
    let report = try Self.report(images)
    let plot = try #require(report.curveChart())
    #expect(plot.kind == .line && plot.series.map(\.name) == ["image/mark"])
    #expect(plot.series[0].y == [80, 80, 30, 0])
    let levels: [Double] = [0, 12.75, 25.5, 51]
    for (place, level) in zip(plot.series[0].x, levels) { #expect(abs(place - level) < 1e-9) }
    #expect(plot.xLabel == "budget, linf, in levels of 1/255")
    let both = try RobustnessComparison([("a", report), ("b", report)])
    #expect(both.curveChart()?.series.map(\.name) == ["a", "b"])
    let none = try Self.report(Self.growing())
    #expect(none.curveChart() == nil)
    let error = KilpiError(
      "no attack was run at several budgets",
      advice: "give a list, eps = {\"1/255\", \"2/255\"}, or leave kind out")
    #expect(throws: error) { try none.plot("/tmp/none.svg", asCurve: true) }
  }

  @Test("attacks without gradients are compared with those that were allowed as much")
  func blackBoxes() throws {
    func flags(_ white: Double, _ black: Double) throws -> [AttackFlag.Kind] {
      var images = [
        try Self.image("white", [1], white, cost: 1),
        try Self.image("black", [1, 2], black, cost: 2),
      ]
      // Gradients of another model: a transfer attack.
      images[1].settings.search.sources = [HandMade.classifier()]
      let report = try Self.report(images) { $0.probesGradients = false }
      return report.scenario("image/black")?.flags.map(\.flag.kind) ?? []
    }
    #expect(try flags(0.1, 0.1) == [.blackboxBeatsWhitebox])
    #expect(try flags(0.1, 0.2) == [])
  }

  static let written: [(norm: Norm, levels: Double, epsilon: Double, text: String)] = [
    (.linf, 8, 0, "linf 8/255"), (.linf, 1, 0, "linf 1/255"), (.linf, 0.25, 0, "linf 0.25/255"),
    (.linf, 0.5, 0, "linf 0.5/255"), (.linf, 0, 0.001, "linf 0.001"),
    (.linf, 0, 0.03, "linf 0.03"), (.linf, 0, 0.5, "linf 0.5"), (.linf, 0, 0, "linf 0"),
    (.linf, 0, 0.031372549, "linf 0.0313725"), (.l2, 0, 0.5, "l2 0.5"),
    (.l2, 128, 0, "l2 0.501961"), (.l1, 0, 12, "l1 12"),
  ]

  @Test("budgets print as people write them") func budgets() throws {
    for row in Self.written {
      let text = try Budget(row.norm, row.epsilon + row.levels / 255).description
      #expect(text == row.text)
    }
  }
}

/// Targeted attacks: accuracy from labels, target hits beside it.
@Suite("targeted attacks in evaluations") struct TargetedEvaluationTests {
  /// The hand-made attack sends class k to k + 1: samples 2 … 6 of group 1.
  private static func report(
    _ targets: AttackTargets, _ change: (inout RobustnessEvaluation) throws -> Void = { _ in }
  ) throws -> RobustnessReport {
    var image = try HandMade.image("a", [1])
    image.targets = targets
    return try ThreatModelTests.report([image, HandMade.image("b", [2])]) {
      $0.probesGradients = false
      try change(&$0)
    }
  }

  @Test func countsAreKnown() throws {
    let report = try Self.report(.one(3))
    let row = try #require(report.scenario("image/a"))
    // Labels 2, 3, 0, 1, 2, 3, 0, 1 of samples 2 … 9: 3 and 7 aim at their own class.
    #expect(row.samples.indices.filter { row.samples[$0].isLeftOut } == [3, 7])
    #expect(row.samples.allSatisfy { $0.target == 3 })
    // Of the eight that count, 0 and 1 are wrong when clean, and 2, 4, 5, 6 are broken.
    #expect(row.accuracy == Proportion(2, of: 8) && row.attackedCount == 6)
    // Only class 2 is sent to 3: samples 2 and 6.
    #expect(row.targetHits == Proportion(2, of: 6))
    #expect(row.successDrop == 0.5 && row.successLost == 4.0 / 6)
    // A targeted attack hands on what it broke, and is itself run on all samples.
    #expect(!row.isOnSurvivors)
    #expect(report.scenario("image/b")?.attackedCount == 4)
    #expect(report.scenario("worst")?.samples[3].isCorrect == true)
    #expect(report.table(.csv).contains(",0.3333333333333333,2,"))
    #expect(report.table(width: 200).contains("target hit: share of the attacked"))
    #expect(report.table(width: 300).contains("image/a: 2 of 10 samples are left out"))
    let json = report.json["scenarios"]?.array?[1]
    #expect(json?["target_hit"]?["hits"]?.int == 2 && json?["left_out"]?.int == 2)
    #expect(json?["parameters"]?["image"]?["targeted"]?.int == 3)
  }

  @Test("a list of targets goes by the images of the whole set")
  func lists() throws {
    // Every sample aims at the class behind its own, which the attack reaches.
    let targets = (0..<10).map { ($0 + 1) % 4 }
    let whole = try Self.report(.classes(targets))
    #expect(whole.scenario("image/a")?.targetHits == Proportion(5, of: 8))
    let part = try Self.report(.classes(targets)) { $0.samples = .ids(["sample-8", "sample-3"]) }
    #expect(part.scenario("image/a")?.samples.map(\.target) == [1, 0])
    #expect(part.scenario("image/a")?.targetHits == Proportion(1, of: 2))
  }

  @Test("all left out: nothing is measured, and nothing is wrong")
  func nothingLeft() throws {
    let own = (0..<10).map { $0 % 4 }
    let row = try #require(try Self.report(.classes(own)).scenario("image/a"))
    #expect(row.accuracy.value == nil && row.targetHits?.value == nil && row.successLost == nil)
  }

  @Test func refusals() throws {
    func message(_ targets: AttackTargets) -> String {
      do { _ = try Self.report(targets) } catch { return "\(error)" }
      return "no error"
    }
    #expect(
      message(.classes([1, 2]))
        == "a: there are 2 targets for 10 images (give one for each image of data, in its order, or "
        + "one class for all)")
    #expect(message(.one(4)) == "a: target 5 is outside 1 … 4, the classes")
  }
}
