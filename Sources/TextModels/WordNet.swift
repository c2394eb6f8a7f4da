internal import Diagnostics

/// Synonyms, antonyms and base forms from WordNet 3.0's files, as Debian's `wordnet-base` brings
/// them.
///
/// The files are mapped and looked into by binary search, so opening costs next to nothing. Each
/// pointer is checked against the record that it names.
public final class WordNet {
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
          "", "WordNet is not to be read: \(error.problem)", advice: "apt install wordnet-base")
      }
    }
    self.files = files
  }

  // MARK: - Words

  /// Synonyms of a word: the lemmas of all synsets of its base forms, nouns first, in sense order.
  ///
  /// Single words only; neither the word, nor its base forms, nor its antonyms are among them.
  ///
  /// - Parameters:
  ///   - word: in any inflection and case.
  ///   - limit: the most that are given; nil for all.
  /// - Throws: `KilpiError` when a file is damaged.
  public func synonyms(of word: String, limit: Int? = nil) throws -> [String] {
    let bases = try baseForms(of: word)
    var barred = Set(bases.map(\.form))
    barred.insert(word.lowercased())
    barred.formUnion(try antonyms(of: word).map { $0.lowercased() })
    var result: [String] = []
    for base in bases {
      for synset in try senses(of: base) {
        for lemma in synset.lemmas where !lemma.contains("_") {
          if let limit, result.count >= limit { return result }
          if barred.insert(lemma.lowercased()).inserted { result.append(lemma) }
        }
      }
    }
    return result
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
    related(first, second) { try synonyms(of: $0) }
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
    let key = word.lowercased().split(whereSeparator: \.isWhitespace).joined(separator: "_")
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

  private func senses(of base: (form: String, part: String)) throws -> [WordNetFiles.Synset] {
    guard let part = Part(rawValue: base.part) else { return [] }
    let file = try file(part)
    return try (file.entry(base.form) ?? []).map { try file.synset(at: $0) }
  }

  private func file(_ part: Part) throws -> WordNetFiles {
    guard let file = files[part] else {
      throw KilpiError("", "WordNet has no \(part.rawValue) files")
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
