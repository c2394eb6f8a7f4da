internal import Diagnostics

/// A choice of candidates: word to place in the word's list.
typealias TextState = [Int: Int]

/// One prompt with its editable words and their candidates.
struct TextSubject {
  /// A candidate with where it came from.
  struct Candidate {
    var word: String
    var cost: Int
    var source: String
  }

  let words: TextWords
  let checker: ConstraintChecker
  /// The words of the class name.
  let classWords: Set<Int>
  /// Words that may be edited, in order.
  let editable: [Int]
  /// The candidates of each editable word that has any, after the constraints.
  private(set) var lists: [Int: [Candidate]] = [:]
  /// Candidates dropped, by reason.
  var dropped: [TextConstraint: Int] = [:]
  /// Texts that the character search tried.
  var tried = 0

  init(
    _ prompt: TextPrompt, words: TextWords, attack: TextAttack, checker: ConstraintChecker
  ) throws {
    self.words = words
    self.checker = checker
    let inClass = prompt.classWords(words)
    classWords = Set(inClass)
    let scope = attack.scope ?? (prompt.spans.isEmpty ? .caption : .classWords)
    if scope == .classWords, prompt.spans.isEmpty {
      throw KilpiError(
        "the class words of '\(prompt.text.prefix(40))' are not known",
        advice: "give class_names that stand in the text, or scope = \"prompt\"")
    }
    let inScope = scope == .classWords ? inClass : Array(words.words.indices)
    editable = inScope.filter { index in
      let word = words.words[index]
      return !word.core.isEmpty && !word.isEnding && !attack.stopWords.contains(word.core)
        && !attack.stopWords.contains(word.contraction)
    }
  }

  /// The words that have candidates, in order.
  var attackable: [Int] { editable.filter { lists[$0] != nil } }

  /// The number of candidates over all words.
  var candidateCount: Int { lists.values.reduce(tried) { $0 + $1.count } }

  /// The most words that may change together.
  var depth: Int { min(checker.constraints.words ?? Int.max, attackable.count) }

  /// About how many evaluations the search needs, for progress: few where the first words serve.
  func expectedEvaluations(_ attack: TextAttack) -> Int {
    func sum(_ parts: Int...) -> Int { parts.reduce(1) { min($0 + min($1, 1 << 30), 1 << 40) } }
    if editable.isEmpty || attack.constraints.words == 0 { return 1 }
    if let characters = attack.characters {
      let length = words.text.unicodeScalars.count
      let round: Int
      switch characters.form {
      case .test(let sites):
        let open = editable.reduce(0) { $0 + words.words[$1].core.unicodeScalars.count }
        let all = CharacterEditing.siteCount(characters.wholeString ? length : open)
        round = min(sites, all).multipliedClamped(by: 96).addingClamped(all)
      case .training(let draws): round = draws.multipliedClamped(by: 2)
      }
      return sum(round.multipliedClamped(by: min(attack.constraints.edits, 100)))
    }
    // Before the lists are there, as if every source gave `k` candidates for every word.
    let isListed = !lists.isEmpty
    let listing = attack.sources.contains { $0.prepare != nil } ? 1 + editable.count : 0
    let count =
      isListed
      ? candidateCount : attack.k.multipliedClamped(by: attack.sources.count * editable.count)
    let places = isListed ? attackable.count : editable.count
    let depth = min(checker.constraints.words ?? Int.max, places)
    let greedy =
      (count / max(places, 1)).multipliedClamped(by: depth).addingClamped(
        attack.importance == .none ? 0 : editable.count)
    let search = attack.search.procedure
    let space = TextSearchSpace(
      candidates: count, depth: depth, combinations: search.beginsGreedily ? nil : stateCount())
    return sum(listing, search.beginsGreedily ? greedy : 0, search.evaluations(space))
  }

  /// The number of changed words: as many as are edited, unless an edit of letters reaches into what
  /// its word is glued to.
  private func changed(_ text: String, _ edited: Int, cost: Int) -> Int {
    if cost == 0 || !words.isGlued || checker.constraints.isLenient { return edited }
    let new = TextWords(text, splitting: words.splitting)
    return max(edited, WordAlignment(words.pieces, new.pieces, matchesCase: true).count)
  }

  /// The text with a state's edits.
  func text(_ state: TextState) -> String {
    words.replacing(cores(state))
  }

  private func cores(_ state: TextState) -> [Int: String] {
    var cores: [Int: String] = [:]
    for (word, choice) in state { cores[word] = lists[word]?[choice].word }
    return cores
  }

  /// Whether a state of several edits satisfies the constraints; single ones were asked before.
  func accepts(_ state: TextState) throws -> Bool {
    if state.count < 2 { return true }
    let cost = state.reduce(0) { $0 + (lists[$1.key]?[$1.value].cost ?? 0) }
    if cost == 0, words.isGlued, !checker.constraints.isLenient,
      !checker.keepsOtherWords(cores(state))
    {
      return false
    }
    let text = text(state)
    return try checker.objection(
      to: text, changed: changed(text, state.count, cost: cost), cost: cost,
      looksForNewWords: false) == nil
  }

  /// All states of at least one edit within the budget, few edits first, then by word and rank.
  func allStates(limit: Int) throws -> [TextState] {
    let count = stateCount()
    guard let count, count <= limit else {
      throw KilpiError(
        "\(count.map(String.init) ?? "countless") combinations of candidates, more than \(limit)",
        advice: "lower words or k, use search = \"beam\", or raise combinations")
    }
    var states: [TextState] = []
    var level: [TextState] = [[:]]
    for _ in 0..<depth {
      var next: [TextState] = []
      for state in level {
        let last = state.keys.max() ?? -1
        for word in attackable where word > last {
          for choice in lists[word]?.indices ?? 0..<0 {
            var longer = state
            longer[word] = choice
            next.append(longer)
          }
        }
      }
      level = next
      states += try next.filter(accepts)
    }
    return states
  }

  /// The number of states, nil beyond `Int`.
  private func stateCount() -> Int? {
    // ways[d] is the number of choices of d words among those seen so far.
    var ways = [Int](repeating: 0, count: depth + 1)
    ways[0] = 1
    for word in attackable {
      for size in stride(from: depth, to: 0, by: -1) {
        let (product, tooLarge) = ways[size - 1].multipliedReportingOverflow(
          by: lists[word]?.count ?? 0)
        let (sum, overflow) = ways[size].addingReportingOverflow(product)
        if tooLarge || overflow { return nil }
        ways[size] = sum
      }
    }
    var total = 0
    for way in ways.dropFirst() {
      let (sum, overflow) = total.addingReportingOverflow(way)
      if overflow { return nil }
      total = sum
    }
    return total
  }

  /// Asks the attack's sources for candidates.
  mutating func list(_ attack: TextAttack) throws {
    if editable.isEmpty { return }
    var proposals = [[Candidate]](repeating: [], count: editable.count)
    for source in attack.sources {
      let lists = try source.candidates(words, editable)
      guard lists.count == editable.count else {
        throw KilpiError(
          "source '\(source.name)' gave \(lists.count) lists for \(editable.count) words")
      }
      for (index, list) in lists.enumerated() {
        let limit = source.isLimited ? attack.k : list.count
        proposals[index] += list.prefix(limit).map {
          Candidate(word: $0.word, cost: $0.cost, source: source.name)
        }
      }
    }
    for (word, proposed) in zip(editable, proposals) {
      var seen: Set<String> = []
      var kept: [Candidate] = []
      for candidate in proposed where seen.insert(candidate.word).inserted {
        let plain = TextCandidate(candidate.word, cost: candidate.cost)
        let text = words.replacing([word: candidate.word])
        let objection =
          try checker.objection(to: plain, for: word)
          ?? checker.objection(
            to: text, changed: changed(text, 1, cost: candidate.cost), cost: candidate.cost)
        if let objection {
          dropped[objection, default: 0] += 1
        } else {
          kept.append(candidate)
        }
      }
      if !kept.isEmpty { lists[word] = kept }
    }
  }
}
