import Diagnostics
import Tensors
import Testing

@testable import Attacks

/// Invariants I23 to I26 and the bugs B38 to B44 of other toolkits, on toy models.
@Suite struct TextAttackTests {
  static let prompts = [
    "This is a photo of a cat", "A small (red) dog, running!", "cat", "the big BAD wolf",
    "of the", "", "two words", "…", "Naïve \"café\" owner's  dog",
  ]

  private func attack(
    _ search: TextSearch = .greedy, words: Int? = 1, _ objective: TextObjective = .kl
  ) -> TextAttack {
    var attack = TextAttack()
    attack.sources = [toySource]
    attack.search = search
    attack.objective = objective
    attack.constraints.words = words
    return attack
  }

  /// The best value over every set of at most `words` edits, by plain recursion.
  private func bruteForce(
    _ text: String, words limit: Int, _ encoder: ToyEncoder, _ objective: TextObjective
  ) throws -> Double {
    let words = TextWords(text)
    let evaluator = try ObjectiveEvaluator(objective, prompt: 0, clean: encoder.features(text))
    var best = try evaluator.values([encoder.features(text)])[0]
    func extend(_ edits: [Int: String], from first: Int) throws {
      let value = try evaluator.values([encoder.features(words.replacing(edits))])[0]
      best = max(best, value)
      guard edits.count < limit else { return }
      for index in words.words.indices where index >= first {
        let core = words.words[index].core
        if core.isEmpty || StopWords.english.contains(core) { continue }
        for substitute in toySubstitutes(core) {
          var longer = edits
          longer[index] = substitute
          try extend(longer, from: index + 1)
        }
      }
    }
    try extend([:], from: 0)
    return best
  }

  /// I24: exhaustive search and unlimited beam are exact; greedy ≤ beam ≤ exhaustive.
  @Test(arguments: [1, 2])
  func searchesAreOrderedAndExact(words: Int) throws {
    for (name, objective) in toyObjectives {
      for text in Self.prompts {
        let encoder = ToyEncoder()
        func value(_ search: TextSearch) throws -> Double {
          try attack(search, words: words, objective)
            .perturb([TextPrompt(text)], encoder: encoder.encode).results[0].objectiveAfter
        }
        let exact = try bruteForce(text, words: words, encoder, objective)
        let greedy = try value(.greedy)
        let narrow = try value(.beam(width: 1))
        let beam = try value(.beam(width: 4))
        #expect(try value(.exhaustive()) == exact, "\(name): \(text)")
        #expect(try value(.beam(width: 100_000)) == exact, "\(name): \(text)")
        #expect(greedy <= narrow && greedy <= beam && beam <= exact, "\(name): \(text)")
        let genetic = try value(.genetic(population: 8, generations: 5))
        #expect(greedy <= genetic && genetic <= exact, "\(name): \(text)")
        if words == 1 { #expect(try value(.beam(width: 1)) == exact, "\(name): \(text)") }
      }
    }
  }

  @Test func theImageObjectiveMovesTextsFromTheirImages() throws {
    let encoder = ToyEncoder()
    let texts = ["a photo of a cat", "a photo of a dog"]
    let images = try texts.map {
      try Tensor(encoder.features($0) + encoder.features("x"), shape: [2, 6])
    }
    let report = try attack(.exhaustive(), words: 1, .images(images))
      .perturb(texts.map { TextPrompt($0) }, encoder: encoder.encode)
    for (index, result) in report.results.enumerated() {
      let exact = try bruteForce(texts[index], words: 1, encoder, .images([images[index]]))
      #expect(result.objectiveAfter == exact)
      #expect(result.objectiveAfter > result.objectiveBefore)
    }
    #expect(throws: KilpiError.self) {
      try attack(.greedy, words: 1, .images([images[0]]))
        .perturb(texts.map { TextPrompt($0) }, encoder: encoder.encode)
    }
  }

  /// 4.2: words are visited by one objective and substituted by another, over the same encodings.
  @Test func importanceMayHaveAnObjectiveOfItsOwn() throws {
    let text = "small red dogs chase quick brown cats"
    let encoder = ToyEncoder()
    let images = [try Tensor(encoder.features("x y z"), shape: [1, 6])]
    func run(_ objective: TextObjective, _ ranking: TextObjective?) throws -> TextAttackResult {
      var attack = self.attack(.greedy, words: 1, objective)
      attack.importanceObjective = ranking
      return try attack.perturb([TextPrompt(text)], encoder: encoder.encode).results[0]
    }
    func order(_ result: TextAttackResult) -> [Int] {
      result.importance.sorted { ($1.value, $0.word) < ($0.value, $1.word) }.map(\.word)
    }
    let (kl, images1) = (try run(.kl, nil), try run(.images(images), nil))
    let mixed = try run(.images(images), .kl)
    #expect(mixed.importance.map(\.value) == kl.importance.map(\.value))
    #expect(order(mixed) != order(images1), "the two orders must differ here")
    #expect(mixed.objectiveBefore == images1.objectiveBefore)
    // The first word by kl at which some substitute moves the text from its images is the one.
    let evaluator = try ObjectiveEvaluator(
      .images(images), prompt: 0, clean: encoder.features(text))
    let words = TextWords(text)
    func value(_ text: String) throws -> Double {
      try evaluator.values([encoder.features(text)])[0]
    }
    func options(_ word: Int) throws -> [Double] {
      try toySubstitutes(words.cores[word]).map { try value(words.replacing([word: $0])) }
    }
    let clean = try value(text)
    let expected = try order(kl).first { try (options($0).max() ?? clean) > clean }
    let word = try #require(expected)
    #expect(mixed.edits.map(\.word) == [word])
    #expect(mixed.objectiveAfter == (try options(word).max()))
    // Nothing is encoded twice for the second objective.
    let fresh = ToyEncoder()
    var attack = self.attack(.greedy, words: 1, .images(images))
    attack.importanceObjective = .kl
    _ = try attack.perturb([TextPrompt(text)], encoder: fresh.encode)
    #expect(Set(fresh.encoded).count == fresh.encoded.count)
    #expect(mixed.queries.encoded == fresh.encoded.count)
  }

  /// I23, B38, B42, B44: budget by alignment, stop words untouched, bytes around cores kept.
  @Test(arguments: [0, 1, 2, 9])
  func budgetsHold(words: Int) throws {
    for search in [TextSearch.greedy, .beam(), .genetic(population: 5, generations: 3)] {
      let report = try attack(search, words: words)
        .perturb(Self.prompts.map { TextPrompt($0) }, encoder: ToyEncoder().encode)
      for (text, result) in zip(Self.prompts, report.results) {
        let before = TextWords(text)
        let after = TextWords(result.adversarial)
        #expect(result.original == text)
        #expect(WordAlignment(before.cores, after.cores).count == result.edits.count)
        #expect(result.edits.count <= words)
        #expect(result.edits.isEmpty == result.flags.contains(.noEdit))
        var cores: [Int: String] = [:]
        for edit in result.edits {
          #expect(before.words[edit.word].core == edit.old)
          #expect(!StopWords.english.contains(edit.old))
          #expect(edit.new.lowercased() != edit.old.lowercased())
          cores[edit.word] = edit.new
        }
        #expect(Array(before.replacing(cores).utf8) == Array(result.adversarial.utf8))
        #expect(result.importance.isEmpty || result.importance.count == editable(before))
      }
    }
  }

  /// Two texts with an edit each cross to one with two.
  @Test func crossedTextsKeepTheBudgetOfCharacters() throws {
    for seed in 0..<20 as Range<UInt64> {
      var attack = attack(.genetic(population: 8, generations: 4), words: 2)
      attack.random = RandomSource(seed: seed)
      attack.sources = [
        CandidateSource(
          "chars", word: { word in toySubstitutes(word).map { TextCandidate($0, cost: 1) } })
      ]
      attack.constraints.edits = 1
      let report = try attack.perturb(
        Self.prompts.map { TextPrompt($0) }, encoder: ToyEncoder().encode)
      #expect(report.results.allSatisfy { $0.edits.count <= 1 })
    }
  }

  /// A constraint that cannot be asked is no objection.
  @Test(arguments: [TextSearch.greedy, .beam(), .genetic(population: 4, generations: 2)])
  func failingConstraintsStopTheAttack(search: TextSearch) throws {
    var attack = attack(search, words: 2)
    attack.constraints.minSentenceCosine = 0.5
    attack.constraints.sentenceCosine = { _, new in
      // Two made-up endings: two changed words.
      if new.filter({ "xyz".contains($0) }).count > 1 { throw KilpiError("no sentences today") }
      return 1
    }
    #expect(throws: KilpiError.self) {
      try attack.perturb([TextPrompt("small red dog")], encoder: ToyEncoder().encode)
    }
  }

  private func editable(_ words: TextWords) -> Int {
    words.cores.filter { !$0.isEmpty && !StopWords.english.contains($0) }.count
  }

  /// I25: the counter equals the rows that a spy saw, and no text is encoded twice for a prompt.
  @Test(arguments: [TextSearch.greedy, .beam(), .exhaustive(), .genetic()])
  func queriesAreCounted(search: TextSearch) throws {
    let encoder = ToyEncoder()
    let texts = Self.prompts + ["cat", "CAT", "two words"]
    var attack = attack(search, words: 2)
    attack.batch = 7
    let report = try attack.perturb(texts.map { TextPrompt($0) }, encoder: encoder.encode)
    #expect(report.queries.encoded == encoder.encoded.count)
    var characters = attack
    characters.sources = []
    characters.characters = CharacterSearch(.test(sites: 3))
    let spy = ToyEncoder()
    let edited = try characters.perturb(texts.map { TextPrompt($0) }, encoder: spy.encode)
    #expect(edited.queries.encoded == spy.encoded.count)
    // One prompt alone: every row is a new text.
    let lone = ToyEncoder()
    _ = try attack.perturb([TextPrompt("the big bad wolf")], encoder: lone.encode)
    #expect(Set(lone.encoded).count == lone.encoded.count)
  }

  @Test func equalPromptsAreAttackedOnce() throws {
    let encoder = ToyEncoder()
    let report = try attack().perturb(
      [TextPrompt("a cat"), TextPrompt("a cat")], encoder: encoder.encode)
    #expect(report.results[0].adversarial == report.results[1].adversarial)
    #expect(report.results[1].queries.encoded == 0)
    #expect(report.results[1].queries.cached == report.results[0].queries.encoded)
    #expect(encoder.encoded.count == report.queries.encoded)
  }

  @Test func theReportedObjectiveIsThatOfTheFinalString() throws {
    let encoder = ToyEncoder()
    for (_, objective) in toyObjectives {
      let result = try attack(.greedy, words: 2, objective)
        .perturb([TextPrompt("the big BAD wolf")], encoder: encoder.encode).results[0]
      let evaluator = try ObjectiveEvaluator(
        objective, prompt: 0, clean: encoder.features(result.original))
      let value = try evaluator.values([encoder.features(result.adversarial)])[0]
      #expect(value == result.objectiveAfter)
    }
  }

  @Test func greedyVisitsByImportance() throws {
    let encoder = ToyEncoder()
    let result = try attack().perturb(
      [TextPrompt("small red dog")], encoder: encoder.encode
    ).results[0]
    let evaluator = try ObjectiveEvaluator(.kl, prompt: 0, clean: encoder.features("small red dog"))
    let texts = ["red dog", "small dog", "small red"]
    let expected = try evaluator.values(texts.map(encoder.features))
    #expect(result.importance.map(\.value) == expected)
    let first = try #require(expected.indices.max { expected[$0] < expected[$1] })
    #expect(result.edits.map(\.word) == [first])
  }

  struct ErrorCase: Sendable, CustomTestStringConvertible {
    var id: String
    var message: String
    var change: @Sendable (inout TextAttack) -> Void
    var testDescription: String { id }
  }

  static let errorCases: [ErrorCase] = [
    ErrorCase(id: "k", message: "k is 0, outside 1 …") { $0.k = 0 },
    ErrorCase(id: "batch", message: "batch is 0, outside 1 …") { $0.batch = 0 },
    ErrorCase(id: "words", message: "words is -1, outside 0 …") { $0.constraints.words = -1 },
    ErrorCase(id: "edits", message: "edits is -1, outside 0 …") { $0.constraints.edits = -1 },
    ErrorCase(id: "min_word_cos", message: "min_word_cos is 2.0, outside -1 … 1") {
      $0.constraints.minWordCosine = 2
    },
    ErrorCase(
      id: "min_word_cos alone",
      message: "min_word_cos needs vectors of words (give the cosine of two words)"
    ) { $0.constraints.minWordCosine = 0.4 },
    ErrorCase(id: "width", message: "width is 0, at least 1 is needed") {
      $0.search = .beam(width: 0)
    },
    ErrorCase(id: "population", message: "population is 1, at least 2 is needed") {
      $0.search = .genetic(population: 1)
    },
    ErrorCase(id: "max_change", message: "max_change is 2.0, outside 0 … 1") {
      $0.constraints.maxChange = 2
    },
    ErrorCase(id: "min_sentence_cos", message: "min_sentence_cos is 2.0, outside -1 … 1") {
      $0.constraints.minSentenceCosine = 2
    },
    ErrorCase(
      id: "encoder",
      message: "min_sentence_cos needs a sentence encoder "
        + "(pass encoder = text.load_mlm(path), a clip model or a function)"
    ) { $0.constraints.minSentenceCosine = 0.5 },
    ErrorCase(
      id: "no source",
      message: "there is no source of candidates "
        + "(give a masked language model, a thesaurus or character edits)"
    ) { $0.sources = [] },
    ErrorCase(
      id: "scope",
      message: "the class words of 'the big bad wolf' are not known "
        + "(give class_names that stand in the text, or scope = \"prompt\")"
    ) { $0.scope = .classWords },
    ErrorCase(
      id: "context",
      message: "the text has 18 tokens, the context holds 17: 'the big bad wolf' "
        + "(shorten it, or pass truncate = true to cut it)"
    ) { $0.constraints.tokens = byteTokens(context: 17) },
    ErrorCase(
      id: "combinations",
      message: "63 combinations of candidates, more than 62 "
        + "(lower words or k, use search = \"beam\", or raise combinations)"
    ) {
      $0.constraints.words = 3
      $0.search = .exhaustive(limit: 62)
    },
    ErrorCase(
      id: "objective",
      message: "the objective of 'the big bad wolf' is nan "
        + "(check the encoder's output on this text)"
    ) { $0.objective = .custom { _, rows in rows.shape[0..<1].map { _ in .nan } } },
  ]

  @Test(arguments: errorCases.indices)
  func refusals(index: Int) {
    let row = Self.errorCases[index]
    var attack = attack()
    row.change(&attack)
    #expect("\(row.id)") {
      try attack.perturb([TextPrompt("the big bad wolf")], encoder: ToyEncoder().encode)
    } throws: {
      "\($0)" == row.message
    }
  }
}
