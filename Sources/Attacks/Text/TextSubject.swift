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
        "", "the class words of '\(prompt.text.prefix(40))' are not known",
        advice: "give class_names that stand in the text, or scope = \"prompt\"")
    }
    let inScope = scope == .classWords ? inClass : Array(words.words.indices)
    editable = inScope.filter { index in
      let core = words.words[index].core
      return !core.isEmpty && !attack.stopWords.contains(core)
    }
  }

  /// The words that have candidates, in order.
  var attackable: [Int] { editable.filter { lists[$0] != nil } }

  /// The number of candidates over all words.
  var candidateCount: Int { lists.values.reduce(tried) { $0 + $1.count } }

  /// The most words that may change together.
  var depth: Int { min(checker.constraints.words ?? Int.max, attackable.count) }

  /// The text with a state's edits.
  func text(_ state: TextState) -> String {
    var cores: [Int: String] = [:]
    for (word, choice) in state { cores[word] = lists[word]?[choice].word }
    return words.replacing(cores)
  }

  /// Whether a state of several edits satisfies the constraints; single ones were asked before.
  func accepts(_ state: TextState) throws -> Bool {
    if state.count < 2 { return true }
    let cost = state.reduce(0) { $0 + (lists[$1.key]?[$1.value].cost ?? 0) }
    return try checker.objection(
      to: text(state), changed: state.count, cost: cost, looksForNewWords: false) == nil
  }

  /// All states of at least one edit within the budget, few edits first, then by word and rank.
  func allStates(limit: Int) throws -> [TextState] {
    let count = stateCount()
    guard let count, count <= limit else {
      throw KilpiError(
        "",
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
          "", "source '\(source.name)' gave \(lists.count) lists for \(editable.count) words")
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
          ?? checker.objection(to: text, changed: 1, cost: candidate.cost)
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
