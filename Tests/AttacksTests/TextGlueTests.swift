import Diagnostics
import Tensors
import Testing

@testable import Attacks

/// Words glued to punctuation, under every search and scope: what may change is the word that the
/// tokenizer sees, and no class's prompt becomes another's.
@Suite struct TextGlueTests {
  /// Templates with what may be glued to a class name.
  static let templates = [
    "the {c}'s picture", "the {c}\u{2019}s picture", "a {c}-like thing", "a half-{c} thing",
    "{c}/other", "this: {c}", "this:{c}", "label:{c};", "a {c}.", "({c})", "\"{c}\"", "'{c}'",
    "{c}s'",
    "photo_of_{c}_", "2{c}s", "{c}2", "a {c}, of course", "{c}!", "#{c}", "{c}'ll sleep",
    "{c}&amp;co",
  ]
  static let names = ["cat", "coat", "boat", "ice cream", "T-shirt", "woman", "hotdog", "dog"]
  /// What may stand for a name: the other names, their plurals, other case, and honest substitutes.
  static let table = [
    "cat": ["coat", "Boats", "dogs", "feline"], "coat": ["cats", "CAT", "jacket"],
    "boat": ["Coat", "coats", "vessel"], "ice": ["hot", "cold"], "cream": ["creams", "foam"],
    "shirt": ["shirts", "blouse"], "t": ["tee"], "woman": ["women", "cats", "lady"],
    "hotdog": ["dog", "Dogs", "sausage"], "dog": ["hotdog", "hotdogs", "hound"],
  ]

  private static func attacks() -> [(name: String, attack: TextAttack)] {
    var all: [(String, TextAttack)] = []
    for (name, search) in [
      ("greedy", TextSearch.greedy), ("beam", .beam()), ("exhaustive", .exhaustive()),
      ("genetic", .genetic(population: 6, generations: 3)),
    ] {
      var attack = TextAttack()
      attack.sources = [tableSource(table)]
      attack.search = search
      all.append(("words, " + name, attack))
    }
    var edits = TextAttack()
    edits.sources = [.allCharacterEdits]
    all.append(("edits", edits))
    for (name, form) in [
      ("test", CharacterSearch.Form.test(sites: 3)), ("training", .training(draws: 20)),
    ] {
      var attack = TextAttack()
      attack.characters = CharacterSearch(form)
      attack.constraints.edits = 2
      all.append(("characters, " + name, attack))
    }
    return all
  }

  /// Letters and digits, small, without what joins them, in one number.
  private static func plain(_ text: String) -> Set<String> {
    let words = ClassNames.letters(TextWords(text).cores)
    guard let last = words.last else { return [] }
    let head = words.dropLast().joined()
    return Set(FoldedWord(last).forms.map { head + $0 })
  }

  @Test(arguments: templates)
  func noPromptBecomesAnothers(template: String) throws {
    for (name, base) in Self.attacks() {
      // Edits of characters are many: fewer names, and the place of the name alone.
      let isLong = !name.hasPrefix("words")
      let names = isLong ? Array(Self.names.prefix(2)) : Self.names
      let prompts = try names.map { try TextPrompt(template: template, className: $0) }
      for scope in isLong ? [TextScope.classWords] : [.classWords, .prompt] {
        var attack = base
        attack.scope = scope
        attack.constraints.classNames = Self.names
        attack.constraints.classPrompts = Self.names.map {
          [template.replacing("{c}", with: $0)]
        }
        let report = try attack.perturb(prompts, encoder: ToyEncoder().encode)
        for (own, result) in zip(names, report.results) {
          let label = "\(name), \(scope): \(result.original) → \(result.adversarial)"
          #expect(!result.flags.contains(.labelChanging), "\(label)")
          for other in Self.names where other != own {
            let clean = template.replacing("{c}", with: other)
            #expect(Self.plain(result.adversarial).isDisjoint(with: Self.plain(clean)), "\(label)")
          }
          let before = TextWords(result.original)
          let after = TextWords(result.adversarial)
          #expect(
            WordAlignment(before.pieces, after.pieces, matchesCase: true).count <= 1, "\(label)")
          #expect(result.edits.allSatisfy { !$0.old.hasSuffix("'s") || $0.new.hasSuffix("'s") })
        }
      }
    }
  }

  /// The class's word is found and edited wherever it stands; the glue keeps its bytes.
  @Test(arguments: templates.filter { !$0.contains("{c}s") })
  func theWordIsFoundInItsGlue(template: String) throws {
    let prompt = try TextPrompt(template: template, className: "cat")
    var attack = TextAttack()
    attack.sources = [tableSource(["cat": ["feline"]])]
    let result = try attack.perturb([prompt], encoder: ToyEncoder().encode).results[0]
    #expect(result.adversarial == template.replacing("{c}", with: "feline"))
    #expect(result.edits.map(\.old) == ["cat"] && result.edits.map(\.new) == ["feline"])
    #expect(result.edits.allSatisfy { $0.hitsClass })
    // The same where only the text and the names are known.
    let found = TextPrompt(prompt.text, findingAnyOf: ["dog", "cat"])
    #expect(found.spans == prompt.spans)
  }

  /// Allowed when it is asked for.
  @Test func classNamesMayBeAskedFor() throws {
    let prompts = try ["cat", "coat"].map { try TextPrompt(template: "the {c}'s", className: $0) }
    var attack = TextAttack()
    attack.sources = [tableSource(["cat": ["coat"], "coat": ["cat"]])]
    attack.constraints.classNames = ["cat", "coat"]
    attack.constraints.classPrompts = prompts.map { [$0.text] }
    let strict = try attack.perturb(prompts, encoder: ToyEncoder().encode)
    #expect(strict.texts == ["the cat's", "the coat's"])
    #expect(strict.results.allSatisfy { $0.dropped == [.classNames: 1] })
    attack.constraints.forbidsClassNames = false
    let loose = try attack.perturb(prompts, encoder: ToyEncoder().encode)
    #expect(loose.texts == ["the coat's", "the cat's"])
    #expect(loose.results.allSatisfy { $0.flags == [.labelChanging] })
    // Without names the prompts of the set are enough.
    attack.constraints.classNames = []
    attack.constraints.forbidsClassNames = true
    #expect(try attack.perturb(prompts, encoder: ToyEncoder().encode).texts == strict.texts)
  }

  struct NameCase: CustomTestStringConvertible {
    var name: String
    var text: String
    var isNamed: Bool
    var testDescription: String { "\(name) in \(text)" }
  }

  @Test(arguments: [
    NameCase(name: "cat", text: "a Cat's", isNamed: true),
    NameCase(name: "cat", text: "a CATS-like", isNamed: true),
    NameCase(name: "cat", text: "a cat:", isNamed: true),
    NameCase(name: "cat", text: "a scat", isNamed: false),
    NameCase(name: "cat", text: "a catalogue", isNamed: false),
    NameCase(name: "ice cream", text: "a ice-cream", isNamed: true),
    NameCase(name: "ice cream", text: "a icecreams", isNamed: true),
    NameCase(name: "ice cream", text: "a ICE/Cream", isNamed: true),
    NameCase(name: "ice cream", text: "a ice", isNamed: false),
    NameCase(name: "T-shirt", text: "a tshirt", isNamed: true),
    NameCase(name: "T-shirt", text: "a t shirts", isNamed: true),
    NameCase(name: "hotdog", text: "a hot dog", isNamed: true),
    NameCase(name: "fireman", text: "a firemen", isNamed: true),
    NameCase(name: "wolf", text: "a wolves'", isNamed: true),
    NameCase(name: "quiz", text: "a quizzes", isNamed: true),
    NameCase(name: "747", text: "a 747", isNamed: true),
    NameCase(name: "747", text: "a 7-4-7", isNamed: true),
    NameCase(name: "747", text: "a 737", isNamed: false),
    NameCase(name: "lady's slipper", text: "a lady's slippers", isNamed: true),
  ])
  func namesAreKnownInEveryForm(_ row: NameCase) throws {
    let names = try ClassNames(
      [row.name], prompts: [], singulars: nil, words: { TextWords($0).cores },
      key: { .text(Array($0.utf8)) })
    func letters(_ text: String) -> [String] { ClassNames.letters(TextWords(text).cores) }
    let found = names.formed(letters("a something"), letters(row.text))
    #expect(found.isEmpty != row.isNamed)
  }

  /// A long name is found like a short one, and not looked for again and again.
  @Test(.timeLimit(.minutes(1))) func longNames() throws {
    let filler = (1...40).map { "word\(Unicode.Scalar(UInt8(97 + $0 % 26)))s in the" }
    let list = (1...20).map { "children \(filler.joined(separator: " ")) wolves \($0)" }
    let names = try ClassNames(
      list, prompts: [], singulars: nil, words: { TextWords($0).cores },
      key: { .text(Array($0.utf8)) })
    func letters(_ text: String) -> [String] { ClassNames.letters(TextWords(text).cores) }
    let original = letters("a picture of " + list[6])
    let own = letters(list[6])
    let cases: [(String, Set<Int>)] = [
      (list[3], [3]), (list[6].replacing("children", with: "Child"), [6]),
      (list[6].replacing("wolves", with: "wolf-"), [6]),
      (list[6].replacing("in the wordf", with: "inthe word-f"), [6]),
      (list[6].replacing("wolves", with: "foxes"), []),
    ]
    for (text, found) in cases {
      let formed = names.formed(original, letters("a picture of " + text))
      #expect(formed == found, "\(text)")
      #expect(names.others(formed, than: own) == (found == [3]))
    }
    for place in original.indices {
      var edited = original
      edited[place] = "q\(place)q"
      #expect(names.formed(original, edited).isEmpty)
    }
  }

  /// A substitute is one word to the tokenizer, and stays one beside what it is glued to.
  @Test func substitutesAreSingleWords() throws {
    var attack = TextAttack()
    attack.sources = [
      tableSource([
        "cat": ["x-ray", "mp3", "cat's", "fe line", "feline"], "2": ["two", "3"],
      ])
    ]
    attack.scope = .prompt
    let texts = try attack.candidateTexts([TextPrompt("cat2")])[0]
    #expect(texts == ["cat2", "feline2", "cat3"])
  }

  /// New dictionary words are looked for among the words that the tokenizer sees.
  @Test func dictionaryWordsAreJudgedInTheirGlue() throws {
    var attack = TextAttack()
    attack.characters = CharacterSearch(.test(sites: 8))
    let words: Set = ["cat", "coat", "at", "bat", "cats", "ca", "t"]
    attack.constraints.isDictionaryWord = { words.contains($0) }
    for template in Self.templates {
      let prompt = try TextPrompt(template: template, className: "cat")
      let result = try attack.perturb([prompt], encoder: ToyEncoder().encode).results[0]
      let before = Set(TextWords(result.original).cores.map { $0.lowercased() })
      for word in TextWords(result.adversarial).cores {
        let small = word.lowercased()
        #expect(before.contains(small) || !words.contains(small), "\(result.adversarial)")
      }
    }
  }
}
