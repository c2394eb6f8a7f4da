import Attacks
import Diagnostics
import Tensors
import Testing

/// The parts of the released procedure that need no language model
/// (docs/methods/text-attacks.md, section 3.4).
@Suite struct TextReleasedTests {
  @Test(arguments: [
    ("a pet.", ["a", "pet."]), ("a  b", ["a", "", "b"]), ("", [""]), (" a ", ["", "a", ""]),
    ("(a)\tb c", ["(a)\tb", "c"]),
  ])
  func splitsAtSingleSpaces(text: String, cores: [String]) {
    let words = TextWords(text, splitting: .singleSpaces)
    #expect(words.cores == cores)
    #expect(words.replacing([:]) == text)
    for (word, core) in zip(words.words, cores) {
      let bytes = Array(text.utf8)[word.coreRange]
      #expect(String(decoding: bytes, as: UTF8.self) == core)
    }
    #expect(words.replacing([cores.count - 1: "x"]).hasSuffix("x"))
  }

  @Test func exactStopWordsCompareWithCase() {
    let exact = StopWords(exactly: ["a", "this"])
    #expect(exact.contains("this") && !exact.contains("This") && !exact.contains("A"))
    #expect(StopWords(["This"]).contains("this"))
  }

  private func attack(_ table: [String: [String]]) -> TextAttack {
    var attack = TextAttack()
    attack.sources = [tableSource(table)]
    attack.constraints.tokens = byteTokens()
    return attack
  }

  /// What the constraints drop, lenient ones let through, but for what does not fit the context.
  @Test func lenientConstraintsKeepSpecialTokensAndSeveralWords() throws {
    let table = ["dog.": ["[UNK]", "cat bird", "Dog.", String(repeating: "x", count: 80)]]
    let encoder = ToyEncoder()
    var attack = attack(table)
    attack.splitting = .singleSpaces
    attack.stopWords = .none
    let careful = try attack.perturb([TextPrompt("a dog.")], encoder: encoder.encode)
    #expect(careful.results[0].candidates == 0)
    attack.constraints.isLenient = true
    let lenient = try attack.perturb([TextPrompt("a dog.")], encoder: encoder.encode)
    #expect(lenient.results[0].candidates == 3)
    #expect(lenient.results[0].dropped == [.length: 1])
    #expect(["a [UNK]", "a cat bird"].contains(lenient.texts[0]))
    #expect(lenient.results[0].edits.first?.old == "dog.")
  }

  /// The search sees other texts than the one it returns; the objective reported is the latter's.
  @Test func candidatesAreScoredByTheGivenTextAndReportedByTheirOwn() throws {
    // Scored backwards, what looks best is not what is best.
    let table = ["dog": ["cat", "bird", "frog", "horse", "deer"]]
    let encoder = ToyEncoder()
    var attack = attack(table)
    attack.stopWords = .none
    attack.scoredText = { "scored " + $0 }
    let result = try attack.perturb([TextPrompt("my dog")], encoder: encoder.encode).results[0]
    attack.scoredText = nil
    func objective(_ text: String, _ clean: String = "my dog") throws -> Double {
      func unit(_ text: String) -> [Double] {
        let values = encoder.features(text).map(Double.init)
        let norm = values.reduce(0) { $0 + $1 * $1 }.squareRoot()
        return values.map { $0 / norm }
      }
      return zip(unit(clean), unit(text)).reduce(1) { $0 - $1.0 * $1.1 }
    }
    // The same with the cosine objective, whose closed form is short.
    attack.objective = .cosine
    attack.scoredText = { "scored " + $0 }
    let cosine = try attack.perturb([TextPrompt("my dog")], encoder: encoder.encode).results[0]
    let texts = ["my dog"] + (table["dog"] ?? []).map { "my " + $0 }
    let values = try texts.map { try objective("scored " + $0) }
    let best = try #require(values.indices.max { (values[$0], $1) < (values[$1], $0) })
    #expect(cosine.adversarial == texts[best])
    #expect(abs(cosine.objectiveAfter - (try objective(texts[best]))) < 1e-6)
    #expect(abs(cosine.objectiveBefore) < 1e-6)
    #expect(encoder.encoded.contains("scored my dog") && result.objectiveAfter >= 0)
  }

  @Test func sourcesAreToldOfAllPromptsFirst() throws {
    let encoder = ToyEncoder()
    var told: [[String]] = []
    var source = toySource
    source.prepare = { prompts in
      told.append(prompts.flatMap { words, asked in asked.map { words.words[$0].core } })
    }
    var attack = TextAttack()
    attack.sources = [source]
    attack.k = 2
    let prompts = ["the dog", "of", "a cat"].map { TextPrompt($0) }
    let limited = try attack.perturb(prompts, encoder: encoder.encode)
    #expect(told == [["dog", "cat"]])
    #expect(limited.results[0].candidates == 2)
    source.isLimited = false
    attack.sources = [source]
    #expect(try attack.perturb(prompts, encoder: encoder.encode).results[0].candidates == 3)
    #expect(try attack.candidateTexts(prompts)[0].count == 4)
    #expect(told.count == 3)
  }
}
