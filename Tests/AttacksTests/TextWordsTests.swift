import Diagnostics
import Testing

@testable import Attacks

@Suite struct TextWordsTests {
  struct SplitCase: CustomTestStringConvertible {
    var text: String
    var cores: [String]
    var testDescription: String { text.debugDescription }
  }

  @Test(arguments: [
    SplitCase(text: "a photo of a cat", cores: ["a", "photo", "of", "a", "cat"]),
    SplitCase(
      text: "This is a \"photo\" of (the) cat.",
      cores: [
        "This", "is", "a", "photo", "of", "the", "cat",
      ]),
    SplitCase(text: "  two  spaces\t\n", cores: ["two", "spaces"]),
    SplitCase(text: "T-shirt/top, it's", cores: ["T", "shirt", "top", "it", "'s"]),
    SplitCase(
      text: "the cat's, the cat\u{2019}s", cores: ["the", "cat", "'s", "the", "cat", "\u{2019}s"]),
    SplitCase(
      text: "WE'LL they're I'd I've I'm don't",
      cores: [
        "WE", "'LL", "they", "'re", "I", "'d", "I", "'ve", "I", "'m", "don", "'t",
      ]),
    SplitCase(
      text: "cats' o'clock 'dog' rock'n'roll",
      cores: [
        "cats", "o", "clock", "dog", "rock", "n", "roll",
      ]),
    SplitCase(
      text: "747-200 mp3 co4t", cores: ["7", "4", "7", "2", "0", "0", "mp", "3", "co", "4", "t"]),
    SplitCase(
      text: "cat/dog cat:dog cat_dog (cat)dog",
      cores: [
        "cat", "dog", "cat", "dog", "cat", "dog", "cat", "dog",
      ]),
    SplitCase(text: "cat&amp;dog &#39;", cores: ["cat", "dog", ""]),
    SplitCase(text: "… — !", cores: ["", "", ""]),
    SplitCase(text: "", cores: []),
    SplitCase(text: " ", cores: []),
    SplitCase(text: "cat", cores: ["cat"]),
    SplitCase(text: "¿qué? «mot» 🙂 e\u{301}a", cores: ["qué", "mot", "🙂", "e\u{301}a"]),
    SplitCase(text: "a\u{a0}b\u{3000}c", cores: ["a", "b", "c"]),
  ])
  func splitsAndPutsTogether(_ row: SplitCase) {
    let words = TextWords(row.text)
    #expect(words.cores == row.cores)
    #expect(Array(words.replacing([:]).utf8) == Array(row.text.utf8))
    for word in words.words {
      let range = word.coreRange
      #expect(Array(Array(row.text.utf8)[range]) == Array(word.core.utf8))
    }
  }

  struct RuleCase: CustomTestStringConvertible {
    var rule: TextWords.Splitting
    var cores: [String]
    var testDescription: String { "\(rule)" }
  }

  /// The same text by each tokenizer's rule.
  @Test(arguments: [
    RuleCase(rule: .bytePairs, cores: ["the", "cat", "'s", "T", "shirt", "mp", "3", "don", "'t"]),
    RuleCase(rule: .wordPieces, cores: ["the", "cat", "'s", "T", "shirt", "mp3", "don", "'t"]),
    RuleCase(rule: .sentencePieces, cores: ["the", "cat", "T-shirt", "mp3", "don"]),
    RuleCase(rule: .whitespace, cores: ["the", "cat's", "T-shirt", "mp3", "don't"]),
  ])
  func rulesOfTokenizers(_ row: RuleCase) {
    let text = "the (cat's) T-shirt mp3, don't"
    let words = TextWords(text, splitting: row.rule)
    #expect(words.cores == row.cores)
    #expect(words.replacing([:]) == text)
    // Stop words are known with their endings.
    let kept = words.words.filter {
      !$0.isEnding && !StopWords.english.contains($0.core)
        && !StopWords.english.contains($0.contraction)
    }
    #expect(!kept.contains { ["don", "'t", "don't", "'s", "the"].contains($0.core) })
    #expect(kept.contains { $0.core.hasPrefix("cat") })
  }

  @Test func editsOneCoreAlone() {
    let words = TextWords("a  (big) cat.")
    #expect(words.replacing([1: "tiny", 2: "dog"]) == "a  (tiny) dog.")
    #expect(words.deleting(0) == "(big) cat.")
    #expect(words.deleting(1) == "a  () cat.")
    #expect(words.deleting(2) == "a  (big) .")
    #expect(TextWords("big cat").deleting(1) == "big")
    #expect(TextWords("big cat").deleting(0) == "cat")
    #expect(TextWords("cat").deleting(0) == "")
    let glued = TextWords("the cat's red-hot 42")
    #expect(glued.deleting(1) == "the 's red-hot 42")
    #expect(glued.deleting(4) == "the cat's red- 42")
    #expect(glued.deleting(5) == "the cat's red-hot 2")
    #expect(glued.replacing([1: "dog", 4: "cold", 6: "3"]) == "the dog's red-cold 43")
  }

  struct AlignCase: CustomTestStringConvertible {
    var first: String
    var second: String
    var changes: Int
    var testDescription: String { "\(first) | \(second)" }
  }

  @Test(arguments: [
    AlignCase(first: "a b c", second: "a b c", changes: 0),
    AlignCase(first: "a B c", second: "A b C", changes: 0),
    AlignCase(first: "a b c", second: "a x c", changes: 1),
    AlignCase(first: "a bee c", second: "a b ee c", changes: 1),
    AlignCase(first: "a bee c", second: "a b e e c", changes: 1),
    AlignCase(first: "a bee c", second: "abee c", changes: 1),
    AlignCase(first: "a b c", second: "a c", changes: 1),
    AlignCase(first: "a c", second: "a b c", changes: 1),
    AlignCase(first: "a b c", second: "x b y", changes: 2),
    AlignCase(first: "a b c d", second: "ab cd", changes: 2),
    AlignCase(first: "a", second: "", changes: 1),
    AlignCase(first: "", second: "", changes: 0),
    AlignCase(first: "one two three four", second: "one twothree fo ur", changes: 2),
  ])
  func countsChangedWords(_ row: AlignCase) {
    let alignment = WordAlignment(TextWords(row.first).cores, TextWords(row.second).cores)
    #expect(alignment.count == row.changes)
  }

  /// Bug B44: the last word of the prompt taken for the class name.
  @Test(arguments: [
    "This is a photo of a {c}", "a photo of a {c}, a type of pet.", "{c} texture.", "a {c} ({c})",
    "itap of my {c}.", "{c}", "a centered satellite photo of {c}.",
  ])
  func classWordsAreThoseOfTheName(template: String) throws {
    for name in ["cat", "golden retriever", "T-shirt/top", "Ankle boot"] {
      let prompt = try TextPrompt(template: template, className: name)
      let words = TextWords(prompt.text)
      let cores = prompt.classWords(words).map { words.words[$0].core }
      let times = template.components(of: "{c}")
      #expect(cores == Array(repeating: TextWords(name).cores, count: times).flatMap { $0 })
      // The same words are found where only the text is known, at the last place.
      let found = TextPrompt(prompt.text, findingAnyOf: ["bird", name.uppercased(), "boots"])
      #expect(found.spans == prompt.spans.suffix(1))
    }
  }

  @Test func templatesNeedAPlace() {
    #expect(throws: KilpiError.self) { try TextPrompt(template: "a {d} {", className: "cat") }
  }

  struct FindCase: CustomTestStringConvertible {
    var text: String
    var names: [String]
    var found: String?
    var testDescription: String { text }
  }

  @Test(arguments: [
    FindCase(text: "two Cats, asleep", names: ["cat"], found: "Cats"),
    FindCase(text: "a catalogue", names: ["cat"], found: nil),
    FindCase(text: "a school bus stop", names: ["bus", "school bus"], found: "school bus"),
    FindCase(text: "buses and horses", names: ["bus", "horse"], found: "horses"),
    FindCase(text: "buses", names: ["bus"], found: "buses"),
    FindCase(text: "the women", names: ["woman"], found: "women"),
    FindCase(text: "knives", names: ["knife"], found: "knives"),
    FindCase(text: "a dress", names: ["dres"], found: nil),
    FindCase(text: "a cat", names: [], found: nil),
    FindCase(text: "", names: ["cat"], found: nil),
  ])
  func findsClassNames(_ row: FindCase) {
    let prompt = TextPrompt(row.text, findingAnyOf: row.names)
    let found = prompt.spans.first.map { String(decoding: Array(row.text.utf8)[$0], as: UTF8.self) }
    #expect(found == row.found)
  }

  @Test(arguments: ["This", "A", "a", "OF", "Which", "don't", "it's", "not"])
  func stopWordsIgnoreCase(word: String) {
    #expect(StopWords.english.contains(word))
  }

  @Test func contentWordsAreNoStopWords() {
    for word in ["photo", "cat", "good", "running", "Trouser", "T-shirt/top", "t", ""] {
      #expect(!StopWords.english.contains(word))
    }
  }
}

extension String {
  /// How many times a piece stands in the string.
  fileprivate func components(of piece: String) -> Int {
    indices.filter { self[$0...].hasPrefix(piece) }.count
  }
}
