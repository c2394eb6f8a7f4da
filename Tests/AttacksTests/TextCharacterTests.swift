import Diagnostics
import Tensors
import Testing

@testable import Attacks

/// LEAF's character search against enumeration.
@Suite struct TextCharacterTests {
  @Test func theAlphabetHas96Symbols() {
    #expect(CharacterEditing.symbols.count == 95)
    #expect(Set(CharacterEditing.symbols).count == 95)
    #expect(CharacterEditing.siteCount(0) == 1)
    #expect(CharacterEditing.siteCount(3) == 7)
  }

  /// LEAF's evaluation forgets the last entry of its list; here every single edit is there.
  @Test(arguments: ["", "a", "ab", "aa", "c t"])
  func allEditsAreAllStringsAtDistanceOne(word: String) {
    let edits = Set(CharacterEditing.allEdits(of: word))
    let letters = Array(word.unicodeScalars)
    var expected: Set<String> = []
    func add(_ scalars: [Unicode.Scalar]) { expected.insert(CharacterEditing.string(scalars)) }
    for index in 0...letters.count {
      for symbol in CharacterEditing.symbols {
        add(Array(letters.prefix(index)) + [symbol] + letters.dropFirst(index))
        if index < letters.count {
          add(Array(letters.prefix(index)) + [symbol] + letters.dropFirst(index + 1))
        }
      }
      if index < letters.count { add(Array(letters.prefix(index)) + letters.dropFirst(index + 1)) }
    }
    expected.remove(word)
    #expect(edits == expected)
  }

  private func attack(_ form: CharacterSearch.Form, whole: Bool, edits: Int = 1) -> TextAttack {
    var attack = TextAttack()
    attack.characters = CharacterSearch(form, wholeString: whole)
    attack.constraints.edits = edits
    attack.constraints.words = nil
    return attack
  }

  /// With every site kept the search is exact for one edit.
  @Test(arguments: ["red cat", "cat", "This is"])
  func oneEditAtAllSitesIsExact(text: String) throws {
    let encoder = ToyEncoder()
    let result = try attack(.test(sites: 1000), whole: true)
      .perturb([TextPrompt(text)], encoder: encoder.encode).results[0]
    let evaluator = try ObjectiveEvaluator(.kl, prompt: 0, clean: encoder.features(text))
    let all = CharacterEditing.allEdits(of: text).filter { $0.lowercased() != text.lowercased() }
    let best = try evaluator.values(all.map(encoder.features)).max()
    #expect(result.objectiveAfter == best)
    #expect(try evaluator.values([encoder.features(result.adversarial)])[0] == best)
    #expect(all.contains(result.adversarial))
    // Fewer sites and random draws can only do worse.
    for form in [CharacterSearch.Form.test(sites: 2), .training(draws: 5)] {
      let other = try attack(form, whole: true)
        .perturb([TextPrompt(text)], encoder: encoder.encode).results[0]
      #expect(other.objectiveAfter <= result.objectiveAfter)
      #expect(other.objectiveAfter >= other.objectiveBefore)
    }
  }

  @Test(arguments: [0, 1, 2, 4])
  func editsStayWithinLevenshteinAndScope(edits: Int) throws {
    for form in [CharacterSearch.Form.test(sites: 4), .training(draws: 20)] {
      let prompt = try TextPrompt(template: "This is a photo of a {c}.", className: "ankle boot")
      let result = try attack(form, whole: false, edits: edits)
        .perturb([prompt], encoder: ToyEncoder().encode).results[0]
      #expect(result.levenshtein <= edits)
      #expect((result.levenshtein == 0) == result.edits.isEmpty)
      #expect(result.adversarial.hasPrefix("This is a photo of a "))
      #expect(result.adversarial.hasSuffix("."))
      #expect(result.edits.allSatisfy { $0.hitsClass && $0.source == "chars" })
      #expect(result.edits.isEmpty == (result.adversarial == prompt.text))
    }
  }

  @Test(arguments: [0, 1, 2])
  func wordsAreABudgetToo(words: Int) throws {
    for whole in [false, true] {
      var attack = attack(.test(sites: 6), whole: whole, edits: 4)
      attack.constraints.words = words
      let text = "small red cat"
      let result = try attack.perturb([TextPrompt(text)], encoder: ToyEncoder().encode).results[0]
      let alignment = WordAlignment(
        TextWords(text).pieces, TextWords(result.adversarial).pieces, matchesCase: true)
      #expect(alignment.count <= words)
      #expect(result.edits.count == alignment.count)
    }
  }

  /// Sites that would change one word too many do not take the place of those that may be edited.
  @Test func laterEditsFindTheirSitesInALongText() throws {
    let text = "a small red cat sat down on one warm mat near the old door"
    for form in [CharacterSearch.Form.test(sites: 3), .training(draws: 6)] {
      var values: [Double] = []
      for edits in 1...3 {
        var attack = attack(form, whole: false, edits: edits)
        attack.constraints.words = 1
        let result = try attack.perturb([TextPrompt(text)], encoder: ToyEncoder().encode).results[0]
        #expect(result.edits.count == 1)
        #expect(edits == 1 || result.levenshtein > 1, "\(result.adversarial)")
        values.append(result.objectiveAfter)
      }
      #expect(values[0] < values[1] && values[1] <= values[2])
    }
  }

  /// An encoder that sees nothing but the kinds of scalars given: the search can only edit those.
  struct Kind: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var text = "a red cat"
    /// Whether each edit of the budget has something to win.
    var gains = true
    /// What the encoder counts.
    var counts: @Sendable (Unicode.Scalar) -> Bool
  }

  /// Edits that leave every word's letters as they are are edits all the same.
  @Test(arguments: [
    Kind(testDescription: "punctuation behind words") { $0 == "." },
    Kind(testDescription: "punctuation of its own", text: "cat") { $0 == "-" || $0 == "!" },
    Kind(testDescription: "capitals") { ("A"..."Z").contains($0) },
    // A digit is a word of its own, so one word holds few of them.
    Kind(testDescription: "digits", gains: false) { ("0"..."9").contains($0) },
    Kind(testDescription: "spaces", text: "one", gains: false) { $0 == " " },
  ])
  func whateverIsEditedCounts(kind: Kind) throws {
    let encode = { (texts: [String]) in
      try Tensor(
        texts.flatMap { text -> [Float] in
          let counted = text.unicodeScalars.enumerated().filter { kind.counts($1) }
          return [1, Float(counted.count), Float(counted.reduce(0) { $0 + $1.offset }) / 100]
        }, shape: [texts.count, 3])
    }
    for words in [nil, 0, 1] as [Int?] {
      var attack = attack(.test(sites: 40), whole: true, edits: 3)
      attack.constraints.words = words
      let result = try attack.perturb([TextPrompt(kind.text)], encoder: encode).results[0]
      let changed = zip(
        kind.text.split(separator: " "), result.adversarial.split(separator: " "))
      #expect(result.levenshtein <= 3)
      #expect(result.edits.isEmpty == (result.adversarial == kind.text))
      #expect(result.flags.contains(.noEdit) == (result.adversarial == kind.text))
      if let words {
        #expect(result.edits.count <= words)
        #expect(changed.filter { $0 != $1 }.count <= words, "\(result.adversarial)")
      }
      if words != 0, kind.gains {
        #expect(result.levenshtein == 3, "\(result.adversarial)")
      }
      for edit in result.edits { #expect(edit.old != edit.new) }
    }
  }

  @Test(arguments: [
    ("", "", 0), ("", "abc", 3), ("abc", "", 3), ("cat", "cat.", 1), ("cat", "act", 2),
    ("kitten", "sitting", 3), ("a cat", "A cat", 1), ("e\u{301}", "\u{E9}", 2),
  ])
  func levenshteinIsKnown(a: String, b: String, distance: Int) {
    #expect(CharacterEditing.distance(a, b) == distance)
    #expect(CharacterEditing.distance(b, a) == distance)
  }

  @Test func noNewWordsHolds() throws {
    var attack = attack(.test(sites: 50), whole: true, edits: 2)
    let dictionary: Set = ["cat", "at", "a", "cart", "red", "ed", "bed"]
    attack.constraints.isDictionaryWord = { dictionary.contains($0) }
    let result = try attack.perturb([TextPrompt("red cat")], encoder: ToyEncoder().encode).results[
      0]
    let new = TextWords(result.adversarial).cores.map { $0.lowercased() }
    #expect(new.allSatisfy { !dictionary.contains($0) || ["red", "cat"].contains($0) })
    #expect(result.dropped[.newWords, default: 0] > 0)
  }

  @Test func trainingDrawsDependOnSeedAndSampleAlone() throws {
    var attack = attack(.training(draws: 3), whole: true)
    let prompts = ["small red cat", "a big dog", "two birds"].map { TextPrompt($0) }
    attack.sampleIDs = [5, 6, 7]
    let first = try attack.perturb(prompts, encoder: ToyEncoder().encode).texts
    #expect(try attack.perturb(prompts, encoder: ToyEncoder().encode).texts == first)
    attack.sampleIDs = [7, 5]
    let swapped = try attack.perturb([prompts[2], prompts[0]], encoder: ToyEncoder().encode).texts
    #expect(swapped == [first[2], first[0]])
    attack.random = RandomSource(seed: 1)
    attack.sampleIDs = [5, 6, 7]
    #expect(try attack.perturb(prompts, encoder: ToyEncoder().encode).texts != first)
  }

  @Test func aSearchTakesNoOtherSources() {
    var attack = attack(.test(), whole: true)
    attack.sources = [toySource]
    #expect {
      try attack.perturb([TextPrompt("cat")], encoder: ToyEncoder().encode)
    } throws: {
      "\($0)" == "a character search takes no other sources "
        + "(use the source of all character edits beside them)"
    }
    for form in [CharacterSearch.Form.test(sites: 0), .training(draws: 0)] {
      #expect(throws: KilpiError.self) {
        try self.attack(form, whole: true).perturb([TextPrompt("a")], encoder: ToyEncoder().encode)
      }
    }
  }
}
