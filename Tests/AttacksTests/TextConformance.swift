import Diagnostics
import Tensors
import Testing

@testable import Attacks

/// A text attack of the conformance table: a search over a source; to add one is to add a row.
struct TextCase: CustomTestStringConvertible, @unchecked Sendable {
  /// What the budget counts.
  enum Unit { case words, edits }

  var id: String
  var unit = Unit.words
  /// The attack but for its budget.
  var attack: TextAttack

  var testDescription: String { id }

  /// Every search over every source, and both forms of the character search.
  static let all: [TextCase] = {
    let searches: [(String, TextSearch)] = [
      ("greedy", .greedy), ("beam", .beam(width: 3)), ("exhaustive", .exhaustive()),
      ("genetic", .genetic(population: 6, generations: 4)),
    ]
    let sources: [(String, CandidateSource)] = [
      ("substitutes", toySource),
      (
        "sentence",
        CandidateSource("sentence") { words, asked in
          asked.map { toySubstitutes(words.words[$0].core).map { TextCandidate($0, score: 1) } }
        }
      ),
      (
        "edits",
        CandidateSource("edits", word: { ["q" + $0, $0 + "q"].map { TextCandidate($0, cost: 1) } })
      ),
    ]
    var rows = searches.flatMap { search in
      sources.map { source in
        TextCase(id: "\(search.0) over \(source.0)", attack: make(search.1, [source.1]))
      }
    }
    let forms: [(String, CharacterSearch.Form)] = [
      ("characters, test form", .test(sites: 4)),
      ("characters, training form", .training(draws: 6)),
    ]
    for (id, form) in forms {
      var attack = TextAttack()
      attack.characters = CharacterSearch(form, wholeString: false)
      attack.constraints.words = nil
      rows.append(TextCase(id: id, unit: .edits, attack: attack))
    }
    return rows
  }()

  private static func make(_ search: TextSearch, _ sources: [CandidateSource]) -> TextAttack {
    var attack = TextAttack()
    attack.search = search
    attack.sources = sources
    attack.constraints.edits = 9
    return attack
  }

  /// The attack with a budget.
  func attack(_ budget: Int) -> TextAttack {
    var attack = attack
    if unit == .words {
      attack.constraints.words = budget
    } else {
      attack.constraints.edits = budget
    }
    return attack
  }

  /// What a result spent of the budget.
  func spent(_ result: TextAttackResult) -> Int {
    switch unit {
    case .edits: return CharacterEditing.distance(result.original, result.adversarial)
    case .words:
      let texts = [result.original, result.adversarial].map { TextWords($0).cores }
      return WordAlignment(texts[0], texts[1]).count
    }
  }
}

/// The checks of one text attack; each returns objections.
///
/// `run` stands between attack and check, so that a seeded defect can lie there.
struct TextConformance {
  typealias Run = (TextAttack, [String], ToyEncoder) throws -> TextReport

  var row: TextCase
  var run: Run = { try $0.perturb($1.map { TextPrompt($0) }, encoder: $2.encode) }

  static let texts = [
    "This is a photo of a cat", "A small (red) dog, running!", "the big BAD wolf", "cat", "of the",
    "", "…", "Naïve \"café\" owner's  dog", "two words",
  ]

  private func report(
    _ attack: TextAttack, _ texts: [String] = Self.texts, _ encoder: ToyEncoder = ToyEncoder()
  ) throws -> TextReport { try run(attack, texts, encoder) }

  private func value(_ text: String, of original: String) throws -> Double {
    let encoder = ToyEncoder()
    let evaluator = try ObjectiveEvaluator(.kl, prompt: 0, clean: encoder.features(original))
    return try evaluator.values([encoder.features(text)])[0]
  }

  /// I23: the change between the two strings is within the budget, and none without one.
  func budget() throws -> [String] {
    try [0, 1, 2].flatMap { budget in
      try zip(Self.texts, report(row.attack(budget)).results).compactMap { text, result in
        let spent = row.spent(result)
        return result.original == text && spent <= budget
          && (budget > 0 || result.adversarial == text)
          ? nil : "'\(result.adversarial)' spends \(spent) of \(budget) on '\(text)'"
      }
    }
  }

  /// What is reported is the objective of exactly these two strings, and has not fallen.
  func objective() throws -> [String] {
    try report(row.attack(2)).results.compactMap { result in
      let values = try [result.original, result.adversarial].map {
        try value($0, of: result.original)
      }
      return values == [result.objectiveBefore, result.objectiveAfter] && values[0] <= values[1]
        ? nil : "'\(result.adversarial)' has \(values), the report \(result.objectiveAfter)"
    }
  }

  /// I25: encoded texts are counted one by one.
  func counters() throws -> [String] {
    let encoder = ToyEncoder()
    var attack = row.attack(2)
    attack.batch = 7
    let report = try report(attack, Self.texts + ["cat"], encoder)
    let counted = report.queries.encoded
    return counted == encoder.encoded.count
      ? [] : ["\(encoder.encoded.count) texts were encoded, \(counted) are reported"]
  }

  /// I11: a text's result depends on its own number alone, not on company, order or batch.
  func independence() throws -> [String] {
    var attack = row.attack(2)
    attack.sampleIDs = Self.texts.indices.map { UInt64($0 * 7 + 1) }
    let all = try report(attack).results
    attack.batch = 3
    return try Self.texts.indices.reversed().compactMap { index in
      attack.sampleIDs = [UInt64(index * 7 + 1)]
      let alone = try report(attack, [Self.texts[index]]).results[0]
      return alone.adversarial == all[index].adversarial
        && alone.objectiveAfter == all[index].objectiveAfter
        ? nil : "'\(alone.adversarial)' alone, '\(all[index].adversarial)' in company"
    }
  }

  /// I12: one seed, one result.
  func seeds() throws -> [String] {
    var attack = row.attack(2)
    attack.random = RandomSource(seed: 5)
    let texts = try (0..<2).map { _ in try report(attack).texts }
    return texts[0] == texts[1] ? [] : ["two runs differ: \(texts)"]
  }

  /// I23: words without a letter, stop words and empty texts stay as they are.
  func untouched() throws -> [String] {
    try report(row.attack(2), ["of the", "", "…", "this is the"]).results.compactMap {
      $0.adversarial == $0.original && $0.flags.contains(.noEdit) && $0.edits.isEmpty
        ? nil : "'\($0.original)' became '\($0.adversarial)'"
    }
  }

  /// B39: where no edit moves the features, nothing changes and nothing is counted as changed.
  func deafModel() throws -> [String] {
    let encoder = ToyEncoder()
    encoder.isConstant = true
    let report = try report(row.attack(2), Self.texts, encoder)
    return report.texts == Self.texts && report.changedShare == 0
      ? [] : ["a deaf model's texts changed: \(report.texts)"]
  }

  /// I17: an objective that is not a number is an error.
  func notANumber() throws -> [String] {
    var attack = row.attack(1)
    attack.objective = .custom { _, rows in rows.shape[0..<1].map { _ in .nan } }
    do { _ = try report(attack, ["cat"]) } catch is KilpiError { return [] }
    return ["an objective of NaN gives a result"]
  }

  /// The attack attacks: texts with words of their own change and their objective grows.
  func raisesObjective() throws -> [String] {
    let texts = ["red cat", "small dogs chase cats", "wolf"]
    return try report(row.attack(1), texts).results.compactMap {
      $0.objectiveAfter > $0.objectiveBefore && $0.adversarial != $0.original
        ? nil : "'\($0.original)' stays"
    }
  }
}
