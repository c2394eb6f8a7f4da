internal import Diagnostics
internal import Tensors

/// One call of a text attack: its subjects, its scores, and what was found for each.
struct TextRun {
  /// What was found for one prompt.
  struct Outcome {
    var text: String
    var value: Double
    var edits: [TextEdit]
    var importance: [(word: Int, value: Double)] = []
  }

  /// A state and its objective.
  typealias Scored = (state: TextState, value: Double)

  let attack: TextAttack
  let scoring: TextScoring
  var subjects: [TextSubject] = []
  var outcomes: [Outcome] = []

  init(attack: TextAttack, scoring: TextScoring) {
    self.attack = attack
    self.scoring = scoring
  }

  /// The search over words, by the method asked for.
  mutating func searchWords(sampleIDs: [UInt64]) throws {
    outcomes = try subjects.indices.map {
      let text = subjects[$0].words.text
      let value =
        attack.scoredText == nil
        ? try scoring.cleanValue($0) : try scoring.values([($0, [scored(text)])])[0][0]
      return Outcome(text: text, value: value, edits: [])
    }
    let search = attack.search.procedure
    let paths = search.beginsGreedily ? try greedy() : subjects.map { _ in [] }
    for index in subjects.indices {
      settle(
        index, try search.best(self, index, path: paths[index], sample: sampleIDs[index]))
      finish(index)
    }
    try restoreValues()
  }

  /// Where candidates were scored by other texts: the objective of the texts themselves.
  private mutating func restoreValues() throws {
    guard attack.scoredText != nil else { return }
    let values = try scoring.values(
      outcomes.enumerated().map { ($0, [$1.text]) }, isLimited: false)
    for (index, values) in values.enumerated() { outcomes[index].value = values[0] }
  }

  /// What the encoder is given for a text while candidates are scored.
  private func scored(_ text: String) throws -> String { try attack.scoredText?(text) ?? text }

  /// The finished result of one prompt.
  func result(_ index: Int) throws -> TextAttackResult {
    let subject = subjects[index]
    let outcome = outcomes[index]
    var flags: Set<TextFlag> = []
    if outcome.edits.isEmpty { flags.insert(.noEdit) }
    if let limit = scoring.prompts[index].limit { flags.insert(limit) }
    if try subject.checker.namesAnotherClass(outcome.text, classWords: subject.classWords) {
      flags.insert(.labelChanging)
    }
    let isSynonym = attack.isSynonym
    return TextAttackResult(
      original: subject.words.text, adversarial: outcome.text, edits: outcome.edits,
      cosine: try attack.constraints.sentenceCosine?(subject.words.text, outcome.text),
      objectiveBefore: try scoring.cleanValue(index), objectiveAfter: outcome.value,
      importance: outcome.importance, queries: scoring.prompts[index].queries, flags: flags,
      dropped: subject.dropped, candidates: subject.candidateCount,
      synonyms: outcome.edits.filter { edit in
        edit.source == "wordnet" || isSynonym?(edit.old, edit.new) ?? false
      }.count)
  }

  /// A prompt is done.
  func finish(_ index: Int) {
    scoring.budget.finish(index)
    scoring.budget.report()
  }

  // MARK: - Greedy

  /// All prompts step by step together, so that batches are full; the accepted states of each, in
  /// order.
  private mutating func greedy() throws -> [[Scored]] {
    let orders = try visitingOrders()
    var paths = [[Scored]](repeating: [], count: subjects.count)
    var next = [Int](repeating: 0, count: subjects.count)
    while true {
      let active = subjects.indices.filter {
        next[$0] < orders[$0].count && paths[$0].count < subjects[$0].depth
          && !scoring.isSpent($0)
      }
      if active.isEmpty { return paths }
      var offers: [[TextState]] = []
      for index in active {
        let word = orders[index][next[index]]
        next[index] += 1
        let current = paths[index].last?.state ?? [:]
        offers.append(
          try (subjects[index].lists[word]?.indices ?? 0..<0).compactMap { choice in
            var state = current
            state[word] = choice
            return try subjects[index].accepts(state) ? state : nil
          })
      }
      let values = try evaluate(zip(active, offers).map { ($0, $1) })
      for (position, index) in active.enumerated() {
        let current = paths[index].last?.value ?? outcomes[index].value
        // The first of equals wins, and the text as it stands wins over equals.
        if let best = Self.best(offers[position], values[position], above: current) {
          paths[index].append(best)
        }
      }
    }
  }

  /// The words of each prompt that have candidates, most important first.
  private mutating func visitingOrders() throws -> [[Int]] {
    if attack.importance == .none { return subjects.map(\.attackable) }
    var requests: [(prompt: Int, texts: [String])] = []
    for (index, subject) in subjects.enumerated() {
      if subject.attackable.isEmpty { continue }
      requests.append(
        (
          index,
          subject.editable.map { word in
            attack.importance == .delete
              ? subject.words.deleting(word) : subject.words.replacing([word: "[UNK]"])
          }
        ))
    }
    let values = try scoring.importances(requests)
    var orders = [[Int]](repeating: [], count: subjects.count)
    for (request, values) in zip(requests, values) {
      let subject = subjects[request.prompt]
      let rated = zip(subject.editable, values).map { (word: $0, value: $1) }
      outcomes[request.prompt].importance = rated.filter { $0.value > -.infinity }
      orders[request.prompt] =
        rated.filter { subject.lists[$0.word] != nil }
        .sorted { ($1.value, $0.word) < ($0.value, $1.word) }.map(\.word)
    }
    return orders
  }

  // MARK: - Common

  /// The objectives of states of several prompts.
  func evaluate(_ requests: [(prompt: Int, states: [TextState])]) throws -> [[Double]] {
    try scoring.values(
      requests.map { request in
        let subject = subjects[request.prompt]
        return (
          prompt: request.prompt, texts: try request.states.map { try scored(subject.text($0)) }
        )
      })
  }

  /// The first state of the largest value, when that is above `floor`.
  static func best(_ states: [TextState], _ values: [Double], above floor: Double) -> Scored? {
    var best: Scored?
    for (state, value) in zip(states, values) where value > best?.value ?? floor {
      best = (state, value)
    }
    return best
  }

  /// Takes a state as a prompt's outcome.
  private mutating func settle(_ index: Int, _ scored: Scored?) {
    guard let scored else { return }
    let subject = subjects[index]
    outcomes[index].text = subject.text(scored.state)
    outcomes[index].value = scored.value
    outcomes[index].edits = scored.state.keys.sorted().compactMap { word in
      guard let choice = scored.state[word], let candidate = subject.lists[word]?[choice] else {
        return nil
      }
      return TextEdit(
        word: word, old: subject.words.words[word].core, new: candidate.word,
        source: candidate.source, rank: choice, hitsClass: subject.classWords.contains(word))
    }
  }
}
