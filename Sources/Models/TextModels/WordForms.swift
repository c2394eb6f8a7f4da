/// An inflected form of a word.
enum WordForm {
  case plural
  case thirdPerson
  case past
  case participle
  case progressive
  case comparative
  case superlative
}

/// Puts base forms into the form of another word: by WordNet's tables of irregular forms, else by the
/// rules of spelling.
///
/// What the tables do not tell is decided so: of several irregular forms the participle is the one in
/// `-n` or with `u` (`taken`, `sung`); a past that is also the participle counts as past.
struct WordForms {
  /// The irregular forms of a base form, of each part of speech.
  private let irregular: [WordNet.Part: [String: [String]]]

  init(_ files: [WordNet.Part: WordNetFiles]) {
    irregular = files.mapValues { file in
      var forms: [String: [String]] = [:]
      for (form, bases) in file.exceptions {
        for base in bases { forms[base, default: []].append(form) }
      }
      return forms.mapValues { $0.sorted() }
    }
  }

  /// The form that `word` is of its base form; nil for the base form itself.
  func form(of word: String, base: String, _ part: WordNet.Part) -> WordForm? {
    if word == base { return nil }
    switch part {
    case .noun: return .plural
    case .verb:
      if word.hasSuffix("ing") { return .progressive }
      if word == past(base) { return .past }
      if word == participle(base) { return .participle }
      if word.hasSuffix("s") { return .thirdPerson }
      return word.hasSuffix("n") ? .participle : .past
    case .adjective, .adverb: return word.hasSuffix("st") ? .superlative : .comparative
    }
  }

  /// A lemma in a form; nil where it has none of one word.
  func inflected(_ lemma: String, _ part: WordNet.Part, _ form: WordForm) -> String? {
    // Compounds with apostrophes and digits have no rule.
    guard let last = lemma.unicodeScalars.last, last.properties.isAlphabetic,
      !lemma.contains("'")
    else { return nil }
    switch form {
    case .plural: return plural(lemma)
    case .thirdPerson:
      return lemma == "be" ? "is" : lemma == "have" ? "has" : withS(lemma, verb: true)
    case .past: return past(lemma)
    case .participle: return participle(lemma)
    case .progressive:
      return listed(lemma, .verb) { $0.hasSuffix("ing") }.first ?? progressive(lemma)
    case .comparative: return compared(lemma, part, "er")
    case .superlative: return compared(lemma, part, "est")
    }
  }

  // MARK: - Nouns

  private func plural(_ noun: String) -> String {
    if let form = listed(noun, .noun, { _ in true }).first { return form }
    let isMan = noun.hasSuffix("man") && !Self.regularMen.contains { noun.hasSuffix($0) }
    return isMan ? noun.dropLast(3) + "men" : withS(noun)
  }

  /// Names of peoples and the like that end in "man" by chance.
  private static let regularMen = [
    "human", "german", "roman", "norman", "ottoman", "shaman", "caiman", "talisman", "brahman",
  ]

  private func withS(_ word: String, verb: Bool = false) -> String {
    for ending in ["s", "x", "z", "ch", "sh"] where word.hasSuffix(ending) { return word + "es" }
    if verb, word.hasSuffix("o"), endsInConsonant(word.dropLast()) { return word + "es" }
    if word.hasSuffix("y"), endsInConsonant(word.dropLast()) { return word.dropLast() + "ies" }
    return word + "s"
  }

  // MARK: - Verbs

  private func past(_ verb: String) -> String? {
    if verb == "be" { return "was" }
    if Self.unchanging.contains(verb) { return verb }
    let forms = finished(verb)
    if forms.isEmpty || forms.allSatisfy({ isParticipleAlone($0, verb) }) { return regular(verb) }
    if forms.count == 1 { return forms[0] }
    let participle = participle(verb)
    return forms.last { $0 != participle && !isParticiple($0) } ?? forms[0]
  }

  private func participle(_ verb: String) -> String? {
    if verb == "be" { return "been" }
    if Self.unchanging.contains(verb) || Self.sameParticiple.contains(verb) { return verb }
    let forms = finished(verb)
    return forms.last(where: isParticiple) ?? forms.last { $0.last(where: Self.isVowel) == "u" }
      ?? forms.first ?? regular(verb)
  }

  /// The irregular forms of the past.
  private func finished(_ verb: String) -> [String] {
    listed(verb, .verb) { !$0.hasSuffix("ing") && !$0.hasSuffix("s") }
  }

  private func isParticiple(_ form: String) -> Bool {
    form.hasSuffix("en") || form.hasSuffix("wn") || form.hasSuffix("one") || form.hasSuffix("orne")
      || form.hasSuffix("in")
  }

  /// `shown`, `sawn`, `swollen`: the past beside them is regular.
  private func isParticipleAlone(_ form: String, _ verb: String) -> Bool {
    form == verb + "n" || form.hasSuffix("en")
  }

  private func regular(_ verb: String) -> String {
    if verb.hasSuffix("e") { return verb + "d" }
    if verb.hasSuffix("y"), endsInConsonant(verb.dropLast()) { return verb.dropLast() + "ied" }
    return doubled(verb) + "ed"
  }

  private func progressive(_ verb: String) -> String {
    if verb.hasSuffix("ie") { return verb.dropLast(2) + "ying" }
    let keepsE =
      verb.hasSuffix("ee") || verb.hasSuffix("oe") || verb.hasSuffix("ye") || verb == "be"
    if verb.hasSuffix("e"), !keepsE { return verb.dropLast() + "ing" }
    return doubled(verb) + "ing"
  }

  private static let sameParticiple: Set = [
    "come", "become", "overcome", "run", "outrun", "overrun", "rerun",
  ]
  private static let unchanging: Set = [
    "bet", "burst", "cast", "cost", "cut", "hit", "hurt", "let", "put", "quit", "read", "rid",
    "set",
    "shed", "shut", "slit", "split", "spread", "thrust", "upset", "broadcast", "forecast", "recast",
    "reset",
  ]

  // MARK: - Adjectives

  private func compared(_ word: String, _ part: WordNet.Part, _ ending: String) -> String? {
    if let form = listed(word, part, { $0.hasSuffix(ending == "er" ? "r" : "st") }).first {
      return form
    }
    let syllables = syllables(word)
    if word.hasSuffix("y"), syllables <= 2, endsInConsonant(word.dropLast()) {
      return word.dropLast() + "i" + ending
    }
    // Longer ones take "more" and "most".
    guard syllables == 1 else { return nil }
    return word.hasSuffix("e") ? word + ending.dropFirst() : doubled(word) + ending
  }

  // MARK: - Spelling

  private func listed(
    _ base: String, _ part: WordNet.Part, _ suits: (String) -> Bool
  ) -> [String] {
    (irregular[part]?[base] ?? []).filter(suits)
  }

  /// With its last consonant twice, as in `stopped`: one syllable of consonant, vowel, consonant.
  private func doubled(_ word: String) -> String {
    let letters = Array(word)
    guard letters.count >= 3, syllables(word) == 1, let last = letters.last,
      !Self.isVowel(last), !"wxy".contains(last), Self.isVowel(letters[letters.count - 2]),
      !Self.isVowel(letters[letters.count - 3])
        || letters.count > 3 && letters[letters.count - 3] == "u"
          && letters[letters.count - 4] == "q"
    else { return word }
    return word + String(last)
  }

  private func syllables(_ word: String) -> Int {
    var count = 0
    var wasVowel = false
    for letter in word {
      let isVowel = Self.isVowel(letter) || letter == "y" && count > 0
      if isVowel, !wasVowel { count += 1 }
      wasVowel = isVowel
    }
    return word.hasSuffix("e") && count > 1 && !word.hasSuffix("le") ? count - 1 : max(count, 1)
  }

  private func endsInConsonant(_ word: Substring) -> Bool {
    word.last.map { !Self.isVowel($0) } ?? false
  }

  private static func isVowel(_ letter: Character) -> Bool { "aeiouAEIOU".contains(letter) }
}
