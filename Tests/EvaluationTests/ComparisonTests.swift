import AttackPlans
import Attacks
import Diagnostics
import Files
import TestSupport
import Testing

@testable import Evaluation

/// What comparisons rest on, and what of reports comes back from files.
@Suite("comparisons and saved reports") struct ComparisonTests {
  /// Ten samples; those of `wrong` are wrong when clean, those of `turned` change under other prompts.
  private static func report(
    wrong: Set<Int>, turned: Set<Int>, images: [ImageAttackSpecification] = []
  ) throws -> RobustnessReport {
    var evaluation = RobustnessEvaluation()
    evaluation.texts = [HandMade.text()]
    evaluation.images = images
    let samples = (0..<20).map { HandMade.Sample(label: $0 % 4) }
    return try evaluation.run(
      HandMade.subject(.init(wrong: wrong, turned: turned)), data: HandMade.data(samples))
  }

  @Test("prompts that put wrong images right are no robustness")
  func strict() throws {
    // Both lose all that was right; the second one's 12 wrong images come right.
    let plain = try Self.report(wrong: Set(0..<4), turned: Set(4..<20))
    let weak = try Self.report(wrong: Set(0..<16), turned: Set(0..<20))
    #expect(plain.scenario("text")?.accuracy.count == 0)
    #expect(weak.scenario("text")?.accuracy.count == 16)
    let both = try RobustnessComparison([("plain", plain), ("weak", weak)])
    let text = try #require(both.difference("weak", row: "text/x"))
    #expect(text.value == 0 && text.lost == 0 && text.gained == 0 && !text.isDifference)
    let clean = try #require(both.tested("weak", row: "clean"))
    #expect(clean.paired.lost == 12 && clean.isDifference)
    let table = both.table(width: 120)
    #expect(table.contains("text/x   0.0 %       0.0 %   0.0 %      80.0 %"))
    #expect(table.contains("weak: clean accuracy, 20.0 %, is near chance (25.0 % of 4 classes)"))
    #expect(!table.contains("plain: clean accuracy"))
    #expect(both.table(.csv).contains("weak,text/x,,,prompts,20,0.0,"))
    #expect(both.json["differences"]?.array?[0]["of"]?.string == "strict")
  }

  @Test("Holm's correction, by hand")
  func holm() throws {
    // 0.01 · 4, 0.02 · 3, 0.03 · 2, and 0.04, which must not fall below the one before.
    let corrected = PairedTests.holm([0.04, 0.01, 0.03, 0.02])
    for (value, expected) in zip(corrected, [0.06, 0.04, 0.06, 0.06]) {
      #expect(abs(value - expected) < 1e-12)
    }
    #expect(PairedTests.holm([0.9, 0.8]) == [1, 1] && PairedTests.holm([]) == [])
    // Six gained and none lost: p = 2/64; with two tests in the table twice that.
    let (none, six) = (
      try Self.report(wrong: Set(0..<6), turned: []), try Self.report(wrong: [], turned: [])
    )
    let plain = try RobustnessComparison([("a", none), ("b", six)])
    let holm = try RobustnessComparison([("a", none), ("b", six)], correction: .holm)
    let plainP = try #require(plain.tested("b", row: "clean")?.paired.p)
    #expect(abs(plainP - 0.03125) < 1e-12)
    #expect(plain.tested("b", row: "clean")?.isDifference == true)
    let adjusted = try #require(holm.tested("b", row: "clean")?.corrected)
    #expect(abs(adjusted - 0.0625) < 1e-12)
    #expect(holm.tested("b", row: "clean")?.isDifference == false)
    #expect(holm.table(width: 120).contains("p (Holm)"))
    #expect(holm.table(width: 300).contains("by Holm's correction for 2 tests"))
    #expect(plain.table(width: 120).contains("+30.0*") && holm.table(width: 120).contains("+30.0 "))
  }

  @Test("rows under other budgets, and a worst over other rows, are not compared")
  func threats() throws {
    func one(_ budgets: [Double]) throws -> RobustnessReport {
      try Self.report(
        wrong: [], turned: [],
        images: budgets.map { try ThreatModelTests.image("a@\($0)", [0], $0, family: "a") })
    }
    let several = try one([0.1, 0.2])
    let comparison = try RobustnessComparison([("a", several), ("b", several)])
    #expect(comparison.rows.suffix(2) == ["worst/linf 0.1", "worst/linf 0.2"])
    #expect(comparison.table(width: 200).contains("image/a@0.2     linf 0.2"))
    let single = try Self.report(
      wrong: [], turned: [], images: [ThreatModelTests.image("a@0.1", [0], 0.3)])
    let error = #expect(throws: KilpiError.self) {
      try RobustnessComparison([("a", several), ("b", single)])
    }
    #expect(
      error?.description
        == "'b' and 'a' differ in their threat model: image/a@0.1 linf 0.3, image/a@0.1 linf 0.1 "
        + "(evaluate both alike)")
    let other = try Self.report(
      wrong: [], turned: [], images: [ThreatModelTests.image("c", [0], 0.1)])
    let first = try Self.report(
      wrong: [], turned: [], images: [ThreatModelTests.image("a", [0], 0.1)])
    let apart = try RobustnessComparison([("a", first), ("b", other)])
    #expect(apart.tested("b", row: "worst") == nil && apart.tested("b", row: "clean") != nil)
    #expect(
      apart.notes == ["worst of 'b' is over other rows than that of 'a': not compared"])
  }

  @Test("a saved report comes back whole, but for pictures")
  func loading() throws {
    var evaluation = try RobustnessTests.evaluation()
    evaluation.attacksEach = false
    evaluation.images = try ThreatModelTests.growing()
    evaluation.images[2].family = "mark"
    evaluation.images[0].targets = .one(2)
    let report = try evaluation.run(
      HandMade.subject(), data: HandMade.data(RobustnessTests.samples()))
    try withTemporaryDirectory { folder in
      try report.save(folder)
      let loaded = try RobustnessReport(saved: folder)
      #expect(loaded.json.serialized() == report.json.serialized())
      #expect(loaded.sampleLines == report.sampleLines)
      #expect(loaded.table() == report.table() && loaded.table(.csv) == report.table(.csv))
      #expect(
        loaded.table(.latex) == report.table(.latex)
          && loaded.table(.markdown) == report.table(.markdown))
      let both = try RobustnessComparison([("now", report), ("then", loaded)])
      #expect(both.differences.allSatisfy { $0.paired.p == 1 })
      // A comparison with its reports in folders of their own.
      try both.save(folder)
      for (index, one) in both.reports.enumerated() {
        try one.report.save(
          RobustnessComparison.folder(of: one.name, number: index + 1, in: folder))
      }
      #expect(try RobustnessComparison(saved: folder).table() == both.table())
      // Files of two reports.
      let other = try Self.report(wrong: [], turned: [])
      try AtomicFile.write(other.sampleLines, to: folder + "/samples.jsonl")
      let error = #expect(throws: KilpiError.self) { try RobustnessReport(saved: folder) }
      #expect(error?.advice == "the files are not of one report")
      #expect(
        throws: KilpiError(
          "'\(folder)/none' holds no report",
          advice: "name a folder that save of a report or eval.robustness has written")
      ) { try RobustnessReport(saved: folder + "/none") }
    }
  }

  @Test func latex() throws {
    let report = try ReportTests.report()
    #expect(report.table(.latex).contains("\\begin{tabular}{llrrrrrrrrr}"))
    #expect(report.table(.latex).contains("mm\\_sep & a + x & 10 & 30.0 \\% & 10.8 \\ldots{} 60.3"))
    #expect(
      report.table(.latex).hasPrefix("% handmade: handmade, 10 samples\n% linf 8/255 at 2 x 2"))
    let both = try RobustnessComparison([("a_1", report), ("b", report)])
    #expect(both.table(.latex).contains("row & a\\_1 & (accuracy) & b & (accuracy) & difference"))
  }
}
