/// A word that might stand in another's place.
package struct TextCandidate: Sendable, Equatable {
  package var word: String
  /// Levenshtein edits that it costs of the budget `edits`; 0 for a substitute word.
  package var cost: Int
  /// The source's own score, if it has one; only reported.
  package var score: Double?

  /// A candidate.
  package init(_ word: String, cost: Int = 0, score: Double? = nil) {
    self.word = word
    self.cost = cost
    self.score = score
  }
}

/// Where candidates come from: a thesaurus, a masked language model, typing errors.
package struct CandidateSource {
  /// The name that reports give: `mlm`, `wordnet`, `embed`, `chars`.
  package let name: String
  /// Candidates in rank order for each of the asked words (indices into `words.words`).
  package let candidates: (_ words: TextWords, _ asked: [Int]) throws -> [[TextCandidate]]
  /// Told what will be asked of all prompts, before the first is: a model answers them in batches.
  package var prepare: ((_ prompts: [(words: TextWords, asked: [Int])]) throws -> Void)?
  /// Whether the attack keeps only the first `k` candidates of a word.
  package var isLimited = true

  /// A source that looks at the whole sentence.
  package init(
    _ name: String, sentence: @escaping (TextWords, [Int]) throws -> [[TextCandidate]]
  ) {
    self.name = name
    candidates = sentence
  }

  /// A source that looks at each word alone.
  package init(_ name: String, word: @escaping (String) throws -> [TextCandidate]) {
    self.name = name
    candidates = { words, asked in try asked.map { try word(words.words[$0].core) } }
  }

  /// Substitutes from a function from word to words, such as a thesaurus.
  package init(_ name: String, substitutes: @escaping (String) throws -> [String]) {
    self.init(name, word: { try substitutes($0).map { TextCandidate($0) } })
  }

  /// Every single edit of a word's characters: all sites, all 96 symbols.
  ///
  /// Definition: docs/methods/text-attacks.md, section 3.5.
  ///
  /// About 190 candidates a letter: meant as an oracle, and for per-image attacks of short names.
  package static var allCharacterEdits: CandidateSource {
    var source = CandidateSource(
      "chars", word: { CharacterEditing.allEdits(of: $0).map { TextCandidate($0, cost: 1) } })
    source.isLimited = false
    return source
  }
}

/// One edit of a result.
package struct TextEdit: Sendable, Equatable {
  /// The word's place in the original text, from 0.
  package var word: Int
  /// What stood there (several words where a pair was merged).
  package var old: String
  /// What stands there now (several words where a word was split, none where it was lost).
  package var new: String
  /// The source of the candidate.
  package var source: String
  /// The candidate's place in the word's list, from 0.
  package var rank: Int
  /// Whether the word belongs to the class name.
  package var hitsClass: Bool
}
