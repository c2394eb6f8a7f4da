internal import Diagnostics

/// Synonyms, antonyms and base forms from WordNet 3.0's files, as Debian's `wordnet-base` brings
/// them.
///
/// Senses are ordered by their counts in `cntlist.rev`, where it is there. The files are mapped and looked into by binary search, so opening costs next to nothing. Each
/// pointer is checked against the record that it names.
public final class WordNet {
  /// Which senses of a word count.
  public enum SenseChoice: String, Sendable, CaseIterable {
    /// All of them.
    case all
    /// Of the part of speech that the word mostly is in WordNet's tagged texts (`cntlist.rev`), nouns before
    /// others: the senses that make up a tenth of its uses there; of a word that the texts do not have, the
    /// first.
    case frequent
  }

  /// Parts of speech, in the order in which senses are given.
  enum Part: String, CaseIterable {
    case noun
    case verb
    case adjective = "adj"
    case adverb = "adv"
  }

  /// Where Debian's package puts the files.
  public static let defaultFolder = "/usr/share/wordnet"

  private let files: [Part: WordNetFiles]
  private let counts: SenseCounts?
  private let forms: WordForms

  /// Opens the files in a folder.
  ///
  /// - Throws: `KilpiError` that names the package to install when they are not there.
  public init(folder: String = WordNet.defaultFolder) throws {
    var files: [Part: WordNetFiles] = [:]
    for part in Part.allCases {
      do {
        files[part] = try WordNetFiles(folder: folder, part: part.rawValue)
      } catch let error as KilpiError where error.kind == .host {
        throw KilpiError(
          "WordNet is not to be read: \(error.problem)", advice: "apt install wordnet-base")
      }
    }
    self.files = files
    counts = SenseCounts(folder: folder)
    forms = WordForms(files)
  }

  // MARK: - Words

  /// Synonyms of a word in its own grammatical form: the lemmas of the synsets of its base forms, most
  /// usual senses first.
  ///
  /// Single words only; neither the word, nor its base forms, nor its antonyms are among them. A
  /// plural, a form of a verb, a comparative come back as such (`dogs`: `hounds`), of a genitive the nouns
  /// with its ending, and in capitals what is in capitals; a lemma without such a form of one word is left
  /// out. A single character is a sign, not a word, and has none. Senses are ordered by how often they
  /// stand in WordNet's tagged texts, equal ones nouns first and as WordNet orders them.
  ///
  /// - Parameters:
  ///   - word: in any inflection and case.
  ///   - senses: which senses count.
  ///   - phrase: a phrase in WordNet that the word stands in, such as `Egyptian cat`: only senses that
  ///     the phrase is a kind of count.
  ///   - limit: the most that are given; nil for all.
  /// - Throws: `KilpiError` when a file is damaged.
  public func synonyms(
    of word: String, senses: SenseChoice = .all, within phrase: String? = nil, limit: Int? = nil
  ) throws -> [String] {
    let genitive = Self.genitive(word)
    let stem = genitive?.stem ?? word
    guard stem.unicodeScalars.count > 1 else { return [] }
    let lower = stem.lowercased()
    var barred = Set(try baseForms(of: stem).map(\.form))
    barred.insert(lower)
    barred.formUnion(try antonyms(of: stem).map { $0.lowercased() })
    var result: [String] = []
    var seen: Set<String> = []
    for sense in try chosen(senses, of: stem, within: phrase) {
      if genitive != nil, sense.base.part != .noun { continue }
      let form = forms.form(of: Self.key(stem), base: sense.base.form, sense.base.part)
      for lemma in sense.synset.lemmas where !lemma.contains("_") {
        if let limit, result.count >= limit { return result }
        guard !barred.contains(lemma.lowercased()),
          let word = try inflected(lemma, form, sense.base),
          !barred.contains(word.lowercased()), seen.insert(word.lowercased()).inserted
        else { continue }
        let ending = genitive?.ending(of: word, isPlural: form == .plural) ?? ""
        result.append(Self.cased(word + ending, like: stem))
      }
    }
    return result
  }

  /// The longest phrase of two to four words in WordNet that holds the word at `index`; nil without one.
  public func phrase(in words: [String], around index: Int) throws -> String? {
    for length in [4, 3, 2] {
      for first in max(0, index - length + 1)...max(0, index) where first + length <= words.count {
        let text = words[first..<first + length].joined(separator: " ")
        if try !bases(of: text).isEmpty { return text }
      }
    }
    return nil
  }

  /// The antonyms of a word's base forms, over all senses.
  public func antonyms(of word: String) throws -> [String] {
    var seen: Set<String> = []
    var result: [String] = []
    for base in try baseForms(of: word) {
      for synset in try senses(of: base) {
        let place = synset.lemmas.firstIndex { $0.lowercased() == base.form }
        for pointer in synset.antonyms {
          // A pointer from one word of the synset holds for that word alone; source 0 for all.
          guard pointer.source == 0 || pointer.source - 1 == place else { continue }
          let other = try file(pointer.part).synset(at: pointer.offset)
          for (index, lemma) in other.lemmas.enumerated()
          where pointer.target == 0 || pointer.target - 1 == index {
            if seen.insert(lemma.lowercased()).inserted { result.append(lemma) }
          }
        }
      }
    }
    return result
  }

  /// Whether one word's base form is an antonym of the other's; false for unknown words.
  public func areAntonyms(_ first: String, _ second: String) -> Bool {
    related(first, second, by: antonyms)
  }

  /// Whether one word's base form is a synonym of the other's; false for unknown words.
  public func areSynonyms(_ first: String, _ second: String) -> Bool {
    related(first, second) { word in
      let own = Set(try bases(of: word).map(\.form)).union([word.lowercased()])
      return try senses(of: word).flatMap(\.synset.lemmas).filter {
        !$0.contains("_") && !own.contains($0.lowercased())
      }
    }
  }

  /// Whether a word, in some inflection, is in the dictionary; of single letters only "a" and "i".
  public func isWord(_ word: String) -> Bool {
    if word.unicodeScalars.count < 2 { return ["a", "i"].contains(word.lowercased()) }
    return (try? baseForms(of: word).isEmpty) == false
  }

  /// The forms under which a word is listed.
  ///
  /// For each part of speech the word itself if it is listed, then those of the table of irregular
  /// forms, or else those that the suffix rules give and that are listed.
  public func baseForms(of word: String) throws -> [(form: String, part: String)] {
    try bases(of: word).map { ($0.form, $0.part.rawValue) }
  }

  /// The singulars of an irregular plural, as the table of exceptions has them.
  public func irregularSingulars(of word: String) -> [String] {
    files[.noun]?.exceptions[word] ?? []
  }

  // MARK: - Parts

  private struct Base {
    var form: String
    var part: Part
  }

  private func related(
    _ first: String, _ second: String, by relation: (String) throws -> [String]
  ) -> Bool {
    func forms(_ word: String) throws -> Set<String> {
      Set(try bases(of: word).map(\.form)).union([word.lowercased()])
    }
    func holds(_ a: String, _ b: String) throws -> Bool {
      let targets = try forms(b)
      return try relation(a).contains { targets.contains($0.lowercased()) }
    }
    return (try? holds(first, second) || holds(second, first)) ?? false
  }

  private func bases(of word: String) throws -> [Base] {
    let key = Self.key(word)
    guard !key.isEmpty, key.utf8.count <= 100 else { return [] }
    var result: [Base] = []
    for part in Part.allCases {
      let file = try file(part)
      let irregular = file.exceptions[key] ?? []
      var seen: Set<String> = []
      for form in [key] + (irregular.isEmpty ? Self.stems(key, part) : irregular)
      where seen.insert(form).inserted {
        if try file.entry(form) != nil { result.append(Base(form: form, part: part)) }
      }
    }
    return result
  }

  /// One sense of a word, and how often it was met.
  private struct Sense {
    var base: Base
    /// From 1.
    var number: Int
    var synset: WordNetFiles.Synset
    var place: WordNetFiles.Pointer
    var count: Int
  }

  /// All senses of a word's base forms, most usual first.
  private func senses(of word: String) throws -> [Sense] {
    var result: [Sense] = []
    for base in try bases(of: word) {
      let file = try file(base.part)
      let counts = counts?.counts(of: base.form, base.part) ?? [:]
      for (index, offset) in try (file.entry(base.form) ?? []).enumerated() {
        result.append(
          Sense(
            base: base, number: index + 1, synset: try file.synset(at: offset),
            place: .init(offset: offset, part: base.part, source: 0, target: 0),
            count: counts[index + 1] ?? 0))
      }
    }
    return result.indices.sorted { (result[$1].count, $0) < (result[$0].count, $1) }
      .map { result[$0] }
  }

  private func chosen(
    _ choice: SenseChoice, of word: String, within phrase: String?
  ) throws -> [Sense] {
    var senses = try senses(of: word)
    if let phrase {
      let wider = try ancestors(of: phrase)
      return senses.filter { wider.contains($0.place) }
    }
    if choice == .frequent {
      func total(_ part: Part) -> Int {
        senses.reduce(0) { $0 + ($1.base.part == part ? $1.count : 0) }
      }
      // The most usual part of speech, nouns before others: `max` gives the first of equals.
      let parts = Part.allCases.filter { part in
        senses.contains { $0.base.part == part }
      }
      guard let part = parts.max(by: { total($0) < total($1) }) else { return [] }
      let uses = total(part)
      senses = senses.filter {
        $0.base.part == part && (uses == 0 ? $0.number == 1 : 10 * $0.count >= uses)
      }
    }
    return senses
  }

  /// The synsets that a phrase's senses are kinds of.
  private func ancestors(of phrase: String) throws -> Set<WordNetFiles.Pointer> {
    var found: Set<WordNetFiles.Pointer> = []
    var open = try senses(of: phrase).flatMap(\.synset.hypernyms)
    while let pointer = open.popLast() {
      let place = WordNetFiles.Pointer(
        offset: pointer.offset, part: pointer.part, source: 0, target: 0)
      guard found.insert(place).inserted else { continue }
      open += try file(pointer.part).synset(at: pointer.offset).hypernyms
    }
    return found
  }

  /// A word or phrase as the files have it.
  private static func key(_ word: String) -> String {
    word.lowercased().split(whereSeparator: \.isWhitespace).joined(separator: "_")
  }

  /// A lemma in a form of its base form, nil for that itself; nil where it has none.
  private func inflected(_ lemma: String, _ form: WordForm?, _ base: Base) throws -> String? {
    guard let form else { return lemma }
    if form == .plural, try isPlural(lemma) { return lemma }
    // `grown` and `flying` are not compared by endings.
    if form == .comparative || form == .superlative,
      try bases(of: lemma).contains(where: { $0.part == .verb && $0.form != lemma.lowercased() })
    {
      return nil
    }
    guard let result = forms.inflected(lemma, base.part, form) else { return nil }
    // What the rules make must lead back.
    let isForm = try bases(of: result).contains {
      $0.form == lemma.lowercased() && $0.part == base.part
    }
    return isForm ? result : nil
  }

  /// Whether a lemma is a plural already, such as `spectacles`.
  private func isPlural(_ lemma: String) throws -> Bool {
    let lower = lemma.lowercased()
    guard lower.hasSuffix("s"), !lower.hasSuffix("ss"), !lower.hasSuffix("us") else { return false }
    return try bases(of: lower).contains { $0.part == .noun && $0.form != lower }
  }

  /// A word in the genitive.
  private struct Genitive {
    let stem: String
    let mark: String
    /// The mark alone ends it, as in `dogs'`.
    let isBare: Bool

    /// The ending of another word: plurals in `s` take the mark alone (`children's`: `kids'`).
    func ending(of word: String, isPlural: Bool) -> String {
      (isBare || isPlural) && word.hasSuffix("s") ? mark : mark + "s"
    }
  }

  /// The genitive that a word is; nil for others.
  private static func genitive(_ word: String) -> Genitive? {
    for mark in ["'", "\u{2019}"] {
      if word.lowercased().hasSuffix(mark + "s") {
        return Genitive(stem: String(word.dropLast(2)), mark: mark, isBare: false)
      }
      if word.lowercased().hasSuffix("s" + mark) {
        return Genitive(stem: String(word.dropLast()), mark: mark, isBare: true)
      }
    }
    return nil
  }

  /// A word in capitals where another is, or with the other's capital in front.
  private static func cased(_ word: String, like other: String) -> String {
    let letters = other.filter(\.isLetter)
    guard let first = letters.first, first.isUppercase else { return word }
    if letters.count > 1, letters.allSatisfy(\.isUppercase) { return word.uppercased() }
    return word.prefix(1).uppercased() + word.dropFirst()
  }

  private func senses(of base: (form: String, part: String)) throws -> [WordNetFiles.Synset] {
    guard let part = Part(rawValue: base.part) else { return [] }
    let file = try file(part)
    return try (file.entry(base.form) ?? []).map { try file.synset(at: $0) }
  }

  private func file(_ part: Part) throws -> WordNetFiles {
    guard let file = files[part] else {
      throw KilpiError("WordNet has no \(part.rawValue) files")
    }
    return file
  }

  /// What remains when a regular ending is taken off, by WordNet's rules of detachment.
  private static func stems(_ word: String, _ part: Part) -> [String] {
    (rules[part] ?? []).compactMap { ending, replacement in
      guard word.hasSuffix(ending), word.count > ending.count else { return nil }
      return word.dropLast(ending.count) + replacement
    }
  }

  private static let rules: [Part: [(String, String)]] = [
    .noun: [
      ("s", ""), ("ses", "s"), ("ves", "f"), ("xes", "x"), ("zes", "z"), ("ches", "ch"),
      ("shes", "sh"), ("men", "man"), ("ies", "y"),
    ],
    .verb: [
      ("s", ""), ("ies", "y"), ("es", "e"), ("es", ""), ("ed", "e"), ("ed", ""), ("ing", "e"),
      ("ing", ""),
    ],
    .adjective: [("er", ""), ("est", ""), ("er", "e"), ("est", "e")],
  ]
}
