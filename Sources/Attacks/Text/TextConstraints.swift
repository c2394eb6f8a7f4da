internal import Diagnostics

/// What a text attack knows of the model's tokenizer.
public struct TextTokens {
  /// The ids of a text, without start, end and padding.
  public var ids: (String) throws -> [Int]
  /// The text of ids; nil when the tokenizer cannot go back.
  public var decode: (([Int]) throws -> String)?
  /// The context length, start and end tokens included.
  public var context: Int

  /// A tokenizer as closures.
  public init(
    context: Int = 77, ids: @escaping (String) throws -> [Int],
    decode: (([Int]) throws -> String)? = nil
  ) {
    self.context = context
    self.ids = ids
    self.decode = decode
  }
}

/// Reasons for which candidates are dropped; a report counts each.
public enum TextConstraint: String, Sendable, CaseIterable {
  /// Equal to the original but for case, or to its token ids.
  case unchanged
  /// No substitute at all: empty, several words, a special token, a piece of a word.
  case malformed
  /// More changed words than `words`.
  case words
  /// More character edits than `edits`.
  case edits
  /// A larger share of changed words than `max_change`.
  case maxChange = "max_change"
  /// Equal to a class name, alone or with its neighbours.
  case classNames = "forbid_class_names"
  /// An antonym of the original.
  case antonyms = "forbid_antonyms"
  /// A dictionary word that the source text does not have.
  case newWords = "no_new_words"
  /// A word less like the original than `min_word_cos`.
  case wordCosine = "min_word_cos"
  /// A sentence less like the original than `min_sentence_cos`.
  case sentenceCosine = "min_sentence_cos"
  /// Longer than the context.
  case length
  /// Decoding and tokenizing again gives other tokens.
  case fixedPoint = "fixed_point"
}

/// What every candidate must satisfy (`methods.md` 3.6).
public struct TextConstraints {
  /// The most words that may change, at least 0; nil for no limit.
  public var words: Int? = 1
  /// The most character edits, at least 0.
  public var edits = 1
  /// The largest share of changed words; 0.4 in BERT-Attack, off by default.
  public var maxChange: Double?
  /// The class names of the set; empty when there are none.
  public var classNames: [String] = []
  /// Whether a candidate may not form a class name (its own class's plural neither).
  public var forbidsClassNames = true
  /// Whether the second word is an antonym of the first; nil when nothing knows.
  public var isAntonym: ((String, String) -> Bool)?
  /// Whether a word is in the dictionary: with it, character edits may not form words that the
  /// source text does not have (LEAF, arXiv:2506.03355, asks only that there be fewer of them).
  public var isDictionaryWord: ((String) -> Bool)?
  /// The least cosine between the sentences before and after, of `sentenceCosine`; off by default.
  public var minSentenceCosine: Double?
  /// The cosine of two sentences' features; nil when nothing knows.
  public var sentenceCosine: ((_ old: String, _ new: String) throws -> Double)?
  /// The least cosine of a word and its substitute; nil for no limit.
  public var minWordCosine: Double?
  /// The cosine of two words' vectors; nil for a word that has none, which is then not judged.
  public var wordCosine: ((_ old: String, _ new: String) throws -> Double?)?
  /// Whether only the budgets, the context, the two cosines, class names and antonyms count, the last
  /// two where asked for: released code lets special tokens, several words and texts that change when
  /// decoded and tokenized again through.
  public var isLenient = false
  /// The model's tokenizer; without it lengths and round trips are not checked.
  public var tokens: TextTokens?

  /// The defaults: one word, one edit.
  public init() {}
}

/// The constraints as they stand for one prompt.
struct ConstraintChecker {
  let constraints: TextConstraints
  let original: TextWords
  private let originalIDs: [Int]?
  private let classNames: [[FoldedWord]]
  private let originalWords: Set<String>

  /// - Throws: `KilpiError` when the prompt itself is longer than the context.
  init(_ constraints: TextConstraints, original: TextWords) throws {
    self.constraints = constraints
    self.original = original
    originalIDs = try constraints.tokens?.ids(original.text)
    classNames = constraints.classNames.map { TextWords($0).cores.map(FoldedWord.init) }
      .filter { !$0.isEmpty }
    originalWords = Set(original.cores.map { $0.lowercased() })
    if let tokens = constraints.tokens, let ids = originalIDs, ids.count + 2 > tokens.context {
      let excerpt =
        original.text.count <= 40 ? original.text : original.text.prefix(39) + "…"
      throw KilpiError(
        "",
        "the text has \(ids.count + 2) tokens, the context holds \(tokens.context): "
          + "'\(excerpt)'", advice: "shorten it")
    }
  }

  /// What identifies a text to the model: its ids, where a tokenizer is known.
  func key(of text: String) throws -> TextKey {
    guard let tokens = constraints.tokens else { return .text(Array(text.utf8)) }
    return .ids(try tokens.ids(text))
  }

  /// The reason to drop a substitute for one word, before it is put into the text.
  func objection(to candidate: TextCandidate, for word: Int) throws -> TextConstraint? {
    let old = original.words[word].core
    // Spellings are judged by their edits.
    if candidate.cost == 0, let least = constraints.minWordCosine,
      let cosine = try constraints.wordCosine?(old, candidate.word), !(cosine >= least)
    {
      return .wordCosine
    }
    if !constraints.isLenient {
      if candidate.word.lowercased() == old.lowercased() { return .unchanged }
      if candidate.cost > constraints.edits { return .edits }
      if candidate.cost == 0, Self.isMalformed(candidate.word) { return .malformed }
    }
    if let isAntonym = constraints.isAntonym, isAntonym(old, candidate.word) { return .antonyms }
    return nil
  }

  /// The reason to drop a text, given the words that the original has and it has not.
  ///
  /// - Parameters:
  ///   - text: the edited text.
  ///   - changed: the number of changed words.
  ///   - cost: the character edits made.
  ///   - looksForNewWords: false where each edited word was asked for before: in a text of several
  ///     edits the substitutes beside them are new words too.
  func objection(
    to text: String, changed: Int, cost: Int, looksForNewWords: Bool = true
  ) throws -> TextConstraint? {
    if let limit = constraints.words, changed > limit { return .words }
    if cost > constraints.edits { return .edits }
    if let share = constraints.maxChange, Double(changed) > share * Double(original.count) {
      return .maxChange
    }
    let looksAtNames = constraints.forbidsClassNames && !classNames.isEmpty
    if constraints.isLenient {
      if looksAtNames, !formedClassNames(TextWords(text)).isEmpty { return .classNames }
      return try isTooLong(text) ? .length : sentenceObjection(to: text)
    }
    let isWord = cost > 0 && looksForNewWords ? constraints.isDictionaryWord : nil
    if looksAtNames || isWord != nil {
      let words = TextWords(text)
      if looksAtNames, !formedClassNames(words).isEmpty { return .classNames }
      if let isWord {
        let new = words.cores.map { $0.lowercased() }
        if new.contains(where: { !originalWords.contains($0) && isWord($0) }) { return .newWords }
      }
    }
    guard let tokens = constraints.tokens else { return try sentenceObjection(to: text) }
    let ids = try tokens.ids(text)
    if ids == originalIDs { return .unchanged }
    if ids.count + 2 > tokens.context { return .length }
    if let decode = tokens.decode, try tokens.ids(decode(ids)) != ids { return .fixedPoint }
    return try sentenceObjection(to: text)
  }

  /// Asked last, since a sentence encoder costs most.
  private func sentenceObjection(to text: String) throws -> TextConstraint? {
    guard let least = constraints.minSentenceCosine, let cosine = constraints.sentenceCosine else {
      return nil
    }
    // NaN is no likeness.
    return try cosine(original.text, text) >= least ? nil : .sentenceCosine
  }

  private func isTooLong(_ text: String) throws -> Bool {
    guard let tokens = constraints.tokens else { return false }
    return try tokens.ids(text).count + 2 > tokens.context
  }

  /// The class names that changed words form, with unchanged neighbours or without.
  private func formedClassNames(_ words: TextWords) -> [[FoldedWord]] {
    let changes = WordAlignment(original.cores, words.cores).changes
    let folded = words.cores.map(FoldedWord.init)
    return classNames.filter { name in
      changes.contains { change in
        // Windows that touch the changed words; where words were lost, those across the gap.
        let first = max(0, change.new.lowerBound - name.count + 1)
        let last = min(folded.count - name.count, change.new.upperBound - 1)
        return first <= last
          && (first...last).contains { start in
            zip(folded[start...], name).allSatisfy { $0.matches($1) }
          }
      }
    }
  }

  /// Whether a text names a class that the original's class words do not.
  func namesAnotherClass(_ text: String, classWords: Set<Int>) -> Bool {
    let own = classWords.sorted().map { FoldedWord(original.words[$0].core) }
    return formedClassNames(TextWords(text, splitting: original.splitting)).contains { name in
      name.count != own.count || !zip(name, own).allSatisfy { $0.matches($1) }
    }
  }

  private static func isMalformed(_ word: String) -> Bool {
    if word.isEmpty || word.contains("##") { return true }
    if word.unicodeScalars.contains(where: { $0.properties.isWhitespace }) { return true }
    let upper = word.uppercased()
    if ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"].contains(upper) { return true }
    return upper.hasPrefix("[UNUSED") && upper.hasSuffix("]")
  }
}

/// What two texts must share for the model to see the same.
enum TextKey: Hashable {
  case ids([Int])
  case text([UInt8])
}
