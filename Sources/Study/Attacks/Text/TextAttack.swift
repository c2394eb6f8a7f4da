package import Diagnostics
package import Tensors

/// How the order in which greedy visits words is found.
package enum WordImportance: String, Sendable, CaseIterable {
  /// The objective of the text with the word deleted.
  case delete
  /// The objective of the text with `[UNK]` in the word's place, as released code does.
  case unkLiteral = "unk_literal"
  /// The words' order in the text.
  case none
}

/// Replaces words or characters of texts so that an objective on their features grows.
///
/// The released procedure is BERT-Attack's (arXiv:2004.09984) as Co-Attack (arXiv:2206.09391) and
/// MMCoA (arXiv:2404.19287) use it; deviations and defaults stand in
/// docs/methods/text-attacks.md, section 3. Candidates come from `sources`, or from the character
/// search alone when `characters` is set.
///
/// Results do not depend on the order or the number of prompts. Cost: one encoding each for the
/// clean text, for every word's importance, and for every candidate of the visited words; equal
/// texts are encoded once.
package struct TextAttack {
  /// What grows.
  package var objective = TextObjective.kl
  /// Where substitutes come from, asked in order.
  package var sources: [CandidateSource] = []
  /// The most candidates a word and source, at least 1; `chars` is not limited by it.
  package var k = 10
  /// Edits characters instead, by LEAF's search; `sources` must then be empty.
  package var characters: CharacterSearch?
  /// Which words may be edited; nil means the class words where they are known, else all.
  package var scope: TextScope?
  /// The words never edited.
  package var stopWords = StopWords.english
  /// How combinations are searched.
  package var search = TextSearch.greedy
  /// How greedy orders words.
  package var importance = WordImportance.delete
  /// What importance is measured by; nil: by `objective`.
  package var importanceObjective: TextObjective?
  /// What candidates must satisfy, the budgets among it.
  package var constraints = TextConstraints()
  /// What separates words.
  package var splitting = TextWords.Splitting.bytePairs
  /// What the encoder is given while candidates are scored, in place of the text itself.
  ///
  /// The objective reported is that of the text all the same. For the procedure of released code.
  package var scoredText: ((String) throws -> String)?
  /// Whether a word means the same as another, for the report's share of synonyms.
  package var isSynonym: ((_ old: String, _ new: String) -> Bool)?
  /// Texts a call of the encoder, at least 1.
  package var batch = 256
  /// The most texts encoded for each prompt, the clean one among them, at least 1 (TextAttack's
  /// `query_budget`); nil for no limit.
  ///
  /// The best text until then is the result.
  package var maxQueries: Int?
  /// The longest time in seconds that a call may take, looked at between batches; nil for no limit.
  ///
  /// The best texts until then are the result, which therefore depends on the machine.
  package var maxSeconds: Double?
  /// Where `genetic` and the training form of the character search draw from.
  package var random = RandomSource(seed: 0)
  /// Keys of the prompts for `random`; their positions when nil.
  package var sampleIDs: [UInt64]?
  /// Told after each batch; units are evaluations, as many as are expected.
  package var progress: ProgressHandler?

  /// The defaults: greedy, `kl`, one word.
  package init() {}

  /// Attacks each prompt.
  ///
  /// - Parameters:
  ///   - prompts: texts within the tokenizer's context.
  ///   - encoder: the model's text side, in evaluation mode; no gradient is taken.
  /// - Returns: one result a prompt, in order.
  /// - Throws: `KilpiError` for options outside their range, a prompt longer than the context, an
  ///   objective that is not finite, and on interrupt.
  package func perturb(_ prompts: [TextPrompt], encoder: @escaping TextFunction) throws
    -> TextReport
  {
    try checkOptions(promptCount: prompts.count)
    let budget = TextBudget(seconds: maxSeconds, queries: maxQueries, progress: progress)
    let (distinct, place) = distinctPrompts(prompts)
    let names = try constraints.names(splitting)
    let checkers = try distinct.map {
      try ConstraintChecker(
        constraints, original: TextWords(prompts[$0].text, splitting: splitting), names: names)
    }
    let scoring = try TextScoring(
      encoder: encoder, batch: batch, objective: objective, ranking: importanceObjective,
      checkers: checkers, imageIndices: distinct, budget: budget,
      maxQueries: maxQueries)
    var run = TextRun(attack: self, scoring: scoring)
    run.subjects = try subjects(
      distinct.map { prompts[$0] }, scoring.prompts.map(\.checker), listing: characters == nil,
      budget: budget, stopped: scoring.stopForTime)
    budget.expect(run.subjects.map { $0.expectedEvaluations(self) })
    if let characters {
      try run.searchCharacters(characters, sampleIDs: distinct.map(sampleID))
    } else {
      try run.searchWords(sampleIDs: distinct.map(sampleID))
    }
    let results = try distinct.indices.map { try run.result($0) }
    return TextReport(
      results: prompts.indices.map { index in
        var result = results[place[index]]
        if distinct[place[index]] != index {
          // An equal prompt was attacked already: nothing more was encoded for this one.
          result.queries.cached += result.queries.encoded
          result.queries.encoded = 0
        }
        return result
      })
  }

  /// All texts within the budget for each prompt, the unedited one first: the candidate sets that
  /// `PerImageTextAttack` chooses from.
  ///
  /// With `maxQueries` the first so many of each prompt, few edits first.
  ///
  /// - Throws: `KilpiError` when a prompt has more than `limit` of them.
  package func candidateTexts(
    _ prompts: [TextPrompt], limit: Int = 1_000_000
  ) throws -> [[String]] {
    try candidateSets(prompts, limit: limit).texts
  }

  /// The same, and how many prompts have more than `maxQueries` lets through.
  package func candidateSets(
    _ prompts: [TextPrompt], limit: Int = 1_000_000
  ) throws -> (texts: [[String]], stopped: Int) {
    try checkOptions(promptCount: prompts.count)
    guard characters == nil else {
      throw KilpiError(
        "a character search has no fixed candidates",
        advice: "use the source of all character edits")
    }
    let names = try constraints.names(splitting)
    let checkers = try prompts.map {
      try ConstraintChecker(
        constraints, original: TextWords($0.text, splitting: splitting), names: names)
    }
    let texts = try zip(prompts, subjects(prompts, checkers, listing: true)).map {
      try [$0.text] + $1.allStates(limit: limit).map($1.text)
    }
    let most = maxQueries ?? Int.max
    return (texts.map { Array($0.prefix(most)) }, texts.count { $0.count > most })
  }

  /// How class names are looked for in texts: as words are split, in released code's mode by whitespace.
  package var nameSplitting: TextWords.Splitting {
    splitting == .singleSpaces ? .whitespace : splitting
  }

  private func sampleID(_ index: Int) -> UInt64 { sampleIDs?[index] ?? UInt64(index) }

  /// The prompts with their candidates; sources are told of all prompts first.
  private func subjects(
    _ prompts: [TextPrompt], _ checkers: [ConstraintChecker], listing: Bool,
    budget: TextBudget? = nil, stopped: (Int) -> Void = { _ in }
  ) throws -> [TextSubject] {
    var subjects = try zip(prompts, checkers).map {
      try TextSubject($0, words: $1.original, attack: self, checker: $1)
    }
    guard listing, constraints.words != 0 else { return subjects }
    budget?.expect(subjects.map { $0.expectedEvaluations(self) })
    // In parts, so that a model that suggests words still sees batches, and time can be looked at.
    var first = 0
    while first < subjects.count {
      let part = first..<min(first + 64, subjects.count)
      if budget?.isOver ?? false {
        (first..<subjects.count).forEach(stopped)
        break
      }
      let asked = subjects[part].filter { !$0.editable.isEmpty }
      if !asked.isEmpty {
        for source in sources { try source.prepare?(asked.map { ($0.words, $0.editable) }) }
      }
      for index in part {
        try Interrupts.poll()
        try subjects[index].list(self)
        if sources.contains(where: { $0.prepare != nil }) {
          budget?.count(index, 1 + subjects[index].editable.count)
        }
      }
      budget?.report()
      first = part.upperBound
    }
    return subjects
  }

  /// The prompts to attack, and for each given prompt which of them it is.
  ///
  /// Equal prompts are one, unless what they are attacked with may differ.
  private func distinctPrompts(_ prompts: [TextPrompt]) -> (distinct: [Int], place: [Int]) {
    var separate = characters?.isRandom ?? false
    if case .images = objective { separate = true }
    if search.procedure.isRandom { separate = true }
    if separate { return (Array(prompts.indices), Array(prompts.indices)) }
    var first: [TextPrompt: Int] = [:]
    var distinct: [Int] = []
    var place: [Int] = []
    for (index, prompt) in prompts.enumerated() {
      // Canonically equal strings may differ in bytes, which results keep.
      if let known = first[prompt],
        prompts[distinct[known]].text.utf8.elementsEqual(prompt.text.utf8)
      {
        place.append(known)
      } else {
        first[prompt] = distinct.count
        place.append(distinct.count)
        distinct.append(index)
      }
    }
    return (distinct, place)
  }

  private func checkOptions(promptCount: Int) throws {
    func require(_ holds: Bool, _ problem: String, _ advice: String? = nil) throws {
      if !holds { throw KilpiError(problem, advice: advice) }
    }
    try require(k >= 1, "k is \(k), outside 1 …")
    try require(batch >= 1, "batch is \(batch), outside 1 …")
    if let words = constraints.words { try require(words >= 0, "words is \(words), outside 0 …") }
    try require(constraints.edits >= 0, "edits is \(constraints.edits), outside 0 …")
    if let share = constraints.maxChange {
      try require(share >= 0 && share <= 1, "max_change is \(share), outside 0 … 1")
    }
    if let least = constraints.minSentenceCosine {
      try require(least >= -1 && least <= 1, "min_sentence_cos is \(least), outside -1 … 1")
      try require(
        constraints.sentenceCosine != nil, "min_sentence_cos needs a sentence encoder",
        "pass encoder = text.load_mlm(path), a clip model or a function")
    }
    if let least = constraints.minWordCosine {
      try require(least >= -1 && least <= 1, "min_word_cos is \(least), outside -1 … 1")
      try require(
        constraints.wordCosine != nil, "min_word_cos needs vectors of words",
        "give the cosine of two words")
    }
    if let maxQueries { try require(maxQueries >= 1, "max_queries is \(maxQueries), outside 1 …") }
    if let maxSeconds {
      try require(maxSeconds > 0, "max_seconds is \(maxSeconds), it must be above 0")
    }
    try search.procedure.checkParameters()
    if let sampleIDs {
      try require(
        sampleIDs.count == promptCount,
        "there are \(sampleIDs.count) sample ids for \(promptCount) prompts")
    }
    try require(
      characters == nil || sources.isEmpty, "a character search takes no other sources",
      "use the source of all character edits beside them")
    try require(
      characters != nil || !sources.isEmpty, "there is no source of candidates",
      "give a masked language model, a thesaurus or character edits")
    try characters?.check()
  }
}
