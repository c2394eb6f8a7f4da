internal import Diagnostics

/// What a text attack knows of the model's tokenizer.
package struct TextTokens {
  /// The ids of a text, without start, end and padding.
  package var ids: (String) throws -> [Int]
  /// The text of ids; nil when the tokenizer cannot go back.
  package var decode: (([Int]) throws -> String)?
  /// The words that the model sees of a text, after its cleaning; nil: those of `TextWords`.
  ///
  /// Constraints judge these words.
  package var words: ((String) throws -> [String])?
  /// The context length, start and end tokens included.
  package var context: Int

  /// A tokenizer as closures.
  package init(
    context: Int = 77, ids: @escaping (String) throws -> [Int],
    decode: (([Int]) throws -> String)? = nil, words: ((String) throws -> [String])? = nil
  ) {
    self.context = context
    self.ids = ids
    self.decode = decode
    self.words = words
  }
}

/// Reasons for which candidates are dropped; a report counts each.
package enum TextConstraint: String, Sendable, CaseIterable {
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
  /// Equal to a class name, alone or with its neighbours, or to another class's unedited prompt.
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

/// What every candidate must satisfy (docs/methods/text-attacks.md, section 3.6).
package struct TextConstraints {
  /// The most words that may change, at least 0; nil for no limit.
  package var words: Int? = 1
  /// The most character edits, at least 0.
  package var edits = 1
  /// The largest share of changed words; 0.4 in BERT-Attack, off by default.
  package var maxChange: Double?
  /// The class names of the set; empty when there are none.
  package var classNames: [String] = []
  /// The unedited prompts of each class of the set; empty when the texts are no prompts of classes.
  package var classPrompts: [[String]] = []
  /// Whether a candidate may not form a class name (its own class's plural neither), nor become the
  /// unedited prompt of another class.
  package var forbidsClassNames = true
  /// Irregular singulars of a small word, by which plurals of class names are known.
  package var singulars: ((String) -> [String])?
  /// Whether the second word is an antonym of the first; nil when nothing knows.
  package var isAntonym: ((String, String) -> Bool)?
  /// Whether a word is in the dictionary: with it, character edits may not form words that the
  /// source text does not have (LEAF, arXiv:2506.03355, asks only that there be fewer of them).
  package var isDictionaryWord: ((String) -> Bool)?
  /// The least cosine between the sentences before and after, of `sentenceCosine`; off by default.
  package var minSentenceCosine: Double?
  /// The cosine of two sentences' features; nil when nothing knows.
  package var sentenceCosine: ((_ old: String, _ new: String) throws -> Double)?
  /// The least cosine of a word and its substitute; nil for no limit.
  package var minWordCosine: Double?
  /// The cosine of two words' vectors; nil for a word that has none, which is then not judged.
  package var wordCosine: ((_ old: String, _ new: String) throws -> Double?)?
  /// Whether only the budgets, the context, the two cosines, class names and antonyms count, the last
  /// two where asked for: released code lets special tokens, several words and texts that change when
  /// decoded and tokenized again through.
  package var isLenient = false
  /// The model's tokenizer; without it lengths and round trips are not checked.
  package var tokens: TextTokens?

  /// The defaults: one word, one edit.
  package init() {}
}

extension TextConstraints {
  /// The words that the model sees of a text.
  func words(of text: String, _ splitting: TextWords.Splitting) throws -> [String] {
    if let words = tokens?.words { return try words(text) }
    return TextWords(text, splitting: splitting == .singleSpaces ? .bytePairs : splitting).cores
  }

  /// What identifies a text to the model: its ids, where a tokenizer is known.
  func key(of text: String) throws -> TextKey {
    guard let tokens else { return .text(Array(text.utf8)) }
    return .ids(try tokens.ids(text))
  }

  /// The class names and prompts, made ready once for all prompts of a call.
  func names(_ splitting: TextWords.Splitting) throws -> ClassNames {
    try ClassNames(
      classNames, prompts: classPrompts, singulars: singulars,
      words: { try words(of: $0, splitting) }, key: key)
  }
}

/// The constraints as they stand for one prompt.
struct ConstraintChecker {
  let constraints: TextConstraints
  let original: TextWords
  private let originalKey: TextKey
  private let names: ClassNames
  /// The words that the model sees of the original.
  private let seen: [String]
  private let letters: [String]
  private let originalWords: Set<String>

  /// - Throws: `KilpiError` when the prompt itself is longer than the context.
  init(_ constraints: TextConstraints, original: TextWords, names: ClassNames) throws {
    self.constraints = constraints
    self.original = original
    self.names = names
    originalKey = try constraints.key(of: original.text)
    if let tokens = constraints.tokens, case .ids(let ids) = originalKey,
      ids.count + 2 > tokens.context
    {
      let excerpt =
        original.text.count <= 40 ? original.text : original.text.prefix(39) + "…"
      throw KilpiError(
        "the text has \(ids.count + 2) tokens, the context holds \(tokens.context): "
          + "'\(excerpt)'", advice: "shorten it, or pass truncate = true to cut it")
    }
    seen = try constraints.words(of: original.text, original.splitting)
    letters = ClassNames.letters(seen)
    originalWords = Set(seen.map { $0.lowercased() })
  }

  /// What identifies a text to the model.
  func key(of text: String) throws -> TextKey { try constraints.key(of: text) }

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
      if candidate.cost == 0,
        Self.isMalformed(candidate.word) || !keepsOtherWords([word: candidate.word])
      {
        return .malformed
      }
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
    let looksAtNames = constraints.forbidsClassNames && !names.isEmpty
    if constraints.isLenient {
      if looksAtNames {
        let words = try constraints.words(of: text, original.splitting)
        let forms = !names.formed(letters, ClassNames.letters(words)).isEmpty
        if try forms || isAnothersPrompt(text) { return .classNames }
      }
      return try isTooLong(text) ? .length : sentenceObjection(to: text)
    }
    let isWord = cost > 0 && looksForNewWords ? constraints.isDictionaryWord : nil
    if looksAtNames || isWord != nil {
      let words = try constraints.words(of: text, original.splitting)
      if looksAtNames, !names.formed(letters, ClassNames.letters(words)).isEmpty {
        return .classNames
      }
      if let isWord, hasNewWord(words, isWord) { return .newWords }
    }
    let key = try self.key(of: text)
    if key == originalKey, constraints.tokens != nil { return .unchanged }
    if looksAtNames, names.isAnothersPrompt(key, original: originalKey) { return .classNames }
    if let tokens = constraints.tokens, case .ids(let ids) = key {
      if ids.count + 2 > tokens.context { return .length }
      if let decode = tokens.decode, try tokens.ids(decode(ids)) != ids { return .fixedPoint }
    }
    return try sentenceObjection(to: text)
  }

  /// Whether a text with substitutes has the original's words but for these: a substitute is one word
  /// to the model, and does not grow together with what it is glued to.
  func keepsOtherWords(_ cores: [Int: String]) -> Bool {
    var expected = original.cores
    for (word, core) in cores { expected[word] = core }
    return TextWords(original.replacing(cores), splitting: original.splitting).cores == expected
  }

  private func hasNewWord(_ words: [String], _ isWord: (String) -> Bool) -> Bool {
    words.contains { word in
      let small = word.lowercased()
      // The endings of contractions and punctuation are in no dictionary.
      guard let first = small.unicodeScalars.first, WordCutter.isLetter(first) else { return false }
      return !originalWords.contains(small) && isWord(small)
    }
  }

  private func isAnothersPrompt(_ text: String) throws -> Bool {
    names.isAnothersPrompt(try key(of: text), original: originalKey)
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

  /// Whether a text names a class that the original's class words do not, or is another's prompt.
  func namesAnotherClass(_ text: String, classWords: Set<Int>) throws -> Bool {
    if names.isEmpty { return false }
    let own = ClassNames.letters(classWords.sorted().map { original.words[$0].core })
    let words = try constraints.words(of: text, original.splitting)
    return try names.others(names.formed(letters, ClassNames.letters(words)), than: own)
      || isAnothersPrompt(text)
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
