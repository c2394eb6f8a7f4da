import Diagnostics
import Tensors
import Testing

@testable import Attacks

/// The constraints of docs/methods/text-attacks.md, section 3.6, and what reports say of them.
@Suite struct TextConstraintTests {
  struct Case: Sendable, CustomTestStringConvertible {
    var id: String
    var text = "a photo of a cat"
    var name: String? = "cat"
    var table: [String: [String]]
    var change: @Sendable (inout TextAttack) -> Void = { _ in }
    /// What is dropped, and the candidates that remain.
    var dropped: [TextConstraint: Int]
    var kept: Int
    var testDescription: String { id }
  }

  static let cases: [Case] = [
    Case(
      id: "the original but for case", table: ["cat": ["Cat", "CAT", "feline"]],
      dropped: [.unchanged: 2], kept: 1),
    Case(
      id: "no substitutes",
      table: [
        "cat": ["", "two words", "[PAD]", "[unk]", "[unused12]", "##ing", "feline"]
      ], dropped: [.malformed: 6], kept: 1),
    Case(id: "duplicates are one", table: ["cat": ["x", "x", "y"]], dropped: [:], kept: 2),
    Case(
      id: "class names, plural and case folded", table: ["cat": ["Dogs", "cats", "bird", "hound"]],
      change: { $0.constraints.classNames = ["cat", "dog", "bird"] },
      dropped: [.classNames: 3], kept: 1),
    Case(
      id: "class names with a neighbour", text: "a big school van", name: "van",
      table: ["van": ["bus", "car"]],
      change: { $0.constraints.classNames = ["school bus", "van"] },
      dropped: [.classNames: 1], kept: 1),
    Case(
      id: "part of a class name is none", table: ["cat": ["bus", "car"]],
      change: { $0.constraints.classNames = ["school bus"] }, dropped: [:], kept: 2),
    Case(
      id: "class names allowed", table: ["cat": ["dog"]],
      change: {
        $0.constraints.classNames = ["dog"]
        $0.constraints.forbidsClassNames = false
      }, dropped: [:], kept: 1),
    Case(
      id: "antonyms", table: ["cat": ["dog", "feline"]],
      change: { $0.constraints.isAntonym = { $0 == "cat" && $1 == "dog" } },
      dropped: [.antonyms: 1], kept: 1),
    Case(
      id: "longer than the context", table: ["cat": ["lion", "panther"]],
      change: { $0.constraints.tokens = byteTokens(context: 20) },
      dropped: [.length: 1], kept: 1),
    Case(
      id: "no fixed point", table: ["cat": ["tab\tby", "lion"]],
      change: {
        $0.sources = [
          CandidateSource(
            "chars",
            word: { word in
              word == "cat"
                ? [TextCandidate("c\u{7F}at", cost: 1), TextCandidate("cut", cost: 1)] : []
            })
        ]
        var tokens = byteTokens()
        let ids = tokens.ids
        // A tokenizer that drops a character only when it reads its own output.
        tokens.decode = {
          String(decoding: $0.map { UInt8($0) }, as: UTF8.self).filter { $0 != "\u{7F}" }
        }
        tokens.ids = ids
        $0.constraints.tokens = tokens
      }, dropped: [.fixedPoint: 1], kept: 1),
    Case(
      id: "the same tokens", table: [:],
      change: {
        $0.sources = [
          CandidateSource(
            "chars",
            word: { word in
              word == "cat" ? [TextCandidate("cat ", cost: 1), TextCandidate("cut", cost: 1)] : []
            })
        ]
        $0.constraints.tokens = byteTokens()
      }, dropped: [.unchanged: 1], kept: 1),
    Case(
      id: "edits beyond the budget", table: [:],
      change: {
        $0.sources = [
          CandidateSource(
            "chars",
            word: { word in
              word == "cat" ? [TextCandidate("act", cost: 2), TextCandidate("ct", cost: 1)] : []
            })
        ]
      }, dropped: [.edits: 1], kept: 1),
    Case(
      id: "new dictionary words", table: [:],
      change: {
        $0.sources = [
          CandidateSource(
            "chars",
            word: { word in
              word == "cat" ? [TextCandidate("at", cost: 1), TextCandidate("ct", cost: 1)] : []
            })
        ]
        $0.constraints.isDictionaryWord = { ["at", "cat"].contains($0) }
      }, dropped: [.newWords: 1], kept: 1),
    Case(
      id: "a share of changed words", table: ["cat": ["lion"]],
      change: { $0.constraints.maxChange = 0.1 }, dropped: [.maxChange: 1], kept: 0),
    Case(
      id: "sentences unlike the original", table: ["cat": ["lion", "tiger", "puma"]],
      change: {
        $0.constraints.minSentenceCosine = 0.8
        $0.constraints.sentenceCosine = { old, new in
          old == "a photo of a cat"
            ? (new.hasSuffix("lion") ? 0.8 : new.hasSuffix("puma") ? .nan : 0.7) : 1
        }
      }, dropped: [.sentenceCosine: 2], kept: 1),
    Case(
      id: "at most k a source", table: ["cat": (1...30).map { String(repeating: "c", count: $0) }],
      dropped: [:], kept: 10),
  ]

  @Test(arguments: cases.indices)
  func drops(index: Int) throws {
    let row = Self.cases[index]
    var attack = TextAttack()
    attack.sources = [tableSource(row.table)]
    row.change(&attack)
    let prompt = TextPrompt(row.text, findingAnyOf: row.name.map { [$0] } ?? [])
    let result = try attack.perturb([prompt], encoder: ToyEncoder().encode).results[0]
    #expect(result.dropped == row.dropped, "\(row.id)")
    #expect(result.candidates == row.kept, "\(row.id)")
  }

  /// A substitute is a dictionary word as a rule: beside a spelling it is no reason to drop the text.
  @Test func substitutesAndSpellingsGoTogether() throws {
    var attack = TextAttack()
    attack.sources = [
      tableSource(["dog": ["cat"]]),
      CandidateSource(
        "chars", word: { $0 == "red" ? ["rd", "bed"].map { TextCandidate($0, cost: 1) } : [] }),
    ]
    attack.constraints.words = 2
    attack.constraints.isDictionaryWord = { ["red", "dog", "cat", "bed"].contains($0) }
    let texts = try attack.candidateTexts([TextPrompt("red dog")])[0]
    #expect(texts == ["red dog", "rd dog", "red cat", "rd cat"])
  }

  @Test func theReportSplitsEdits() throws {
    var attack = TextAttack()
    attack.sources = [
      tableSource(["cat": ["dog"], "photo": ["picture"]], name: "wordnet"),
      tableSource(["cat": ["zzz"], "photo": ["qqq"]], name: "embed"),
    ]
    attack.scope = .prompt
    attack.constraints.words = 2
    attack.constraints.classNames = ["cat", "dog"]
    attack.constraints.forbidsClassNames = false
    attack.search = .exhaustive()
    let prompt = try TextPrompt(template: "a photo of a {c}", className: "cat")
    let report = try attack.perturb([prompt], encoder: ToyEncoder().encode)
    let result = report.results[0]
    #expect(result.edits.count == 2)
    #expect(result.edits.map(\.hitsClass) == [false, true])
    #expect(report.classShare == 0.5)
    let synonyms = result.edits.filter { $0.source == "wordnet" }.count
    #expect(report.synonymShare == Double(synonyms) / 2)
    let bySource = Dictionary(grouping: result.edits, by: \.source).mapValues {
      Double($0.count) / 2
    }
    #expect(report.sourceShares == bySource)
    #expect(result.flags == (result.adversarial.contains("dog") ? [.labelChanging] : []))
    #expect(report.changedShare == 1)
    // A second class's name in the text is flagged, one's own is not.
    let own = try TextPrompt(template: "a photo of a {c}", className: "dog")
    attack.sources = [tableSource(["dog": ["dogs"]])]
    attack.constraints.words = 1
    #expect(try attack.perturb([own], encoder: ToyEncoder().encode).results[0].flags == [])
    attack.sources = [tableSource(["dog": ["cats"]])]
    #expect(
      try attack.perturb([own], encoder: ToyEncoder().encode).results[0].flags == [.labelChanging])
  }

  @Test func droppedSharesAreOfAllProposals() throws {
    var attack = TextAttack()
    attack.sources = [tableSource(["cat": ["cat", "dog", "lion", "bird"]])]
    attack.constraints.classNames = ["dog", "bird"]
    let report = try attack.perturb([TextPrompt("cat")], encoder: ToyEncoder().encode)
    #expect(report.droppedShares == [.unchanged: 0.25, .classNames: 0.5])
  }

  @Test func scopesChooseWords() throws {
    let prompt = try TextPrompt(template: "a photo of a {c}.", className: "golden dog")
    for (scope, words) in [
      (nil, [4, 5]), (TextScope.classWords, [4, 5]), (.prompt, [1, 4, 5]), (.caption, [1, 4, 5]),
    ] {
      var attack = TextAttack()
      attack.sources = [toySource]
      attack.scope = scope
      let result = try attack.perturb([prompt], encoder: ToyEncoder().encode).results[0]
      #expect(result.importance.map(\.word) == words)
      #expect(result.adversarial.hasSuffix("."))
    }
  }
}
