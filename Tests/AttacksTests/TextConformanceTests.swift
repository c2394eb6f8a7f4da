import Diagnostics
import Tensors
import Testing

@testable import Attacks

/// What every text attack must hold, one row a search and source (docs/methods/invariants.md).
@Suite struct TextConformanceTests {
  @Test("I23: budgets, and none is the identity", arguments: TextCase.all)
  func budget(_ row: TextCase) throws { try expectNone(TextConformance(row: row).budget()) }

  @Test("the objective is that of the string", arguments: TextCase.all)
  func objective(_ row: TextCase) throws { try expectNone(TextConformance(row: row).objective()) }

  @Test("I25: counters", arguments: TextCase.all)
  func counters(_ row: TextCase) throws { try expectNone(TextConformance(row: row).counters()) }

  @Test("I11: texts are independent", arguments: TextCase.all)
  func independence(_ row: TextCase) throws {
    try expectNone(TextConformance(row: row).independence())
  }

  @Test("I12: seeds", arguments: TextCase.all)
  func seeds(_ row: TextCase) throws { try expectNone(TextConformance(row: row).seeds()) }

  @Test("I23: what may not be edited", arguments: TextCase.all)
  func untouched(_ row: TextCase) throws { try expectNone(TextConformance(row: row).untouched()) }

  @Test("B39: a deaf model", arguments: TextCase.all)
  func deafModel(_ row: TextCase) throws { try expectNone(TextConformance(row: row).deafModel()) }

  @Test("I17: what is not a number is an error", arguments: TextCase.all)
  func notANumber(_ row: TextCase) throws { try expectNone(TextConformance(row: row).notANumber()) }

  @Test("the attack attacks", arguments: TextCase.all)
  func raisesObjective(_ row: TextCase) throws {
    try expectNone(TextConformance(row: row).raisesObjective())
  }

  private func expectNone(_ objections: [String]) { #expect(objections == []) }
}

/// The checks must catch seeded wrong variants: a gate that cannot fail proves nothing.
@Suite struct TextNegativeControlTests {
  struct Control: CustomTestStringConvertible, @unchecked Sendable {
    var id: String
    var run: TextConformance.Run
    var check: (TextConformance) throws -> [String]
    var testDescription: String { id }
  }

  /// A defect in what an attack reports.
  private static func reporting(
    _ id: String, _ change: @escaping (inout TextAttackResult, Int) -> Void,
    check: @escaping (TextConformance) throws -> [String]
  ) -> Control {
    Control(
      id: id,
      run: { attack, texts, encoder in
        var report = try attack.perturb(texts.map { TextPrompt($0) }, encoder: encoder.encode)
        for index in report.results.indices { change(&report.results[index], texts.count) }
        return report
      }, check: check)
  }

  /// A defect in how an attack is run.
  private static func running(
    _ id: String, _ change: @escaping (inout TextAttack, [String]) -> Void,
    check: @escaping (TextConformance) throws -> [String]
  ) -> Control {
    Control(
      id: id,
      run: { attack, texts, encoder in
        var attack = attack
        change(&attack, texts)
        return try attack.perturb(texts.map { TextPrompt($0) }, encoder: encoder.encode)
      }, check: check)
  }

  static let controls = [
    running(
      "one more edit than allowed",
      { attack, _ in
        if attack.constraints.words != nil { attack.constraints.words? += 1 }
        attack.constraints.edits += 1
      }, check: { try $0.budget() }),
    reporting("a word put in", { result, _ in result.adversarial += " x" }) { try $0.budget() },
    reporting("the objective of a subword form", { result, _ in result.objectiveAfter += 1e-3 }) {
      try $0.objective()
    },
    reporting("a forgotten query", { result, _ in result.queries.encoded -= 1 }) {
      try $0.counters()
    },
    reporting(
      "results that depend on company",
      { result, count in if count > 1 { result.adversarial = result.original } },
      check: { try $0.independence() }),
    running("stop words edited", { attack, _ in attack.stopWords = StopWords([]) }) {
      try $0.untouched()
    },
    reporting("unchanged counted as changed (B39)", { result, _ in result.adversarial += "." }) {
      try $0.deafModel()
    },
    Control(
      id: "NaN swallowed",
      run: { attack, texts, encoder in
        var attack = attack
        attack.objective = .kl
        return try attack.perturb(texts.map { TextPrompt($0) }, encoder: encoder.encode)
      }, check: { try $0.notANumber() }),
    reporting(
      "nothing done",
      { result, _ in
        (result.adversarial, result.objectiveAfter) = (result.original, result.objectiveBefore)
      }, check: { try $0.raisesObjective() }),
  ]

  @Test("B58: what is known to be wrong is caught by the check made for it", arguments: controls)
  func isCaught(_ control: Control) throws {
    for row in TextCase.all {
      #expect(try !control.check(TextConformance(row: row, run: control.run)).isEmpty, "\(row.id)")
    }
  }

  @Test("a source of randomness that no seed fixes is caught")
  func unseeded() throws {
    let row = try #require(TextCase.all.first { $0.id == "characters, training form" })
    var calls: UInt64 = 0
    let run: TextConformance.Run = { attack, texts, encoder in
      var attack = attack
      calls += 1
      attack.random = RandomSource(seed: calls)
      return try attack.perturb(texts.map { TextPrompt($0) }, encoder: encoder.encode)
    }
    #expect(try !TextConformance(row: row, run: run).seeds().isEmpty)
  }
}
