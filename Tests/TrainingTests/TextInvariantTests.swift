@testable import AttackPlans
import Attacks
import ClipModels
import Tensors
import TestSupport
import TextModels
import Testing

@testable import Training

/// I23 and I26 with CLIP's own tokenizer; B44 over the published templates.
@Suite struct TextInvariantTests {
  private func model() throws -> ClipModel {
    let model = try ClipModel.load(TestFiles.fixture("clip-gelu"))
    model.tokenizer = try BytePairTokenizer.standard()
    return model
  }

  /// Features by letters, so that every edit matters.
  private static func features(_ texts: [String]) throws -> Tensor {
    let rows = texts.flatMap { text -> [Float] in
      var row = [Float](repeating: 0.1, count: 8)
      for (place, scalar) in text.unicodeScalars.enumerated() {
        row[Int(scalar.value) % 8] += 1 / Float(place + 2)
      }
      return row
    }
    return try Tensor(rows, shape: [texts.count, 8])
  }

  static let texts = [
    "This is a photo of a cafe\u{301}.", "A na\u{EF}ve \u{1F600} dog", "cat", "two words",
    "the \u{43E}ld \"tree\"", "\u{4F60}\u{597D} dog", "don't stop",
  ]

  /// I26: what is accepted comes back the same when its tokens are decoded and tokenized again, and
  /// is valid UTF-8; I23: budgets by alignment and by edits, within the context.
  @Test(arguments: [[], CharacterEdits.Kind.allCases])
  func acceptedTextsAreFixedPoints(kinds: [CharacterEdits.Kind]) throws {
    let model = try model()
    let tokenizer = try #require(model.tokenizer)
    var options = TextAttackParameters()
    options.method = .char
    options.kinds = kinds
    options.edits = 2
    options.sites = 4
    options.forbidsNewWords = false
    let attack = try TextAttackFactory.make(options, model: model).attack
    let report = try attack.perturb(Self.texts.map { TextPrompt($0) }, encoder: Self.features)
    #expect(report.changedShare == 1)
    for result in report.results {
      let text = result.adversarial
      let ids = try tokenizer.plainIDs(of: text)
      #expect(try tokenizer.plainIDs(of: tokenizer.plainText(of: ids)) == ids)
      #expect(ids != (try tokenizer.plainIDs(of: result.original)))
      #expect(String(validating: Array(text.utf8), as: UTF8.self) == text)
      #expect(result.edits.count == 1)
      #expect(ids.count + 2 <= model.configuration.context)
    }
    #expect(report.sourceShares == ["chars": 1])
  }

  /// Typing errors: each kind keeps its word list and its Levenshtein cost; a swap costs two.
  @Test(arguments: CharacterEdits.Kind.allCases) func kindsKeepTheirEdits(kind: CharacterEdits.Kind)
    throws
  {
    var options = TextAttackParameters()
    options.method = .char
    options.kinds = [kind]
    options.forbidsNewWords = false
    for edits in [1, 2] {
      options.edits = edits
      let attack = try TextAttackFactory.make(options, model: model()).attack
      let result = try attack.perturb([TextPrompt("house")], encoder: Self.features).results[0]
      let words = try CharacterEdits.edits(of: "house", kind).map(\.text)
      if kind.cost > edits {
        #expect(result.edits.isEmpty && result.dropped[.edits, default: 0] == words.count)
      } else {
        #expect(words.contains(result.adversarial))
      }
    }
  }

  /// A sentence encoder drops what it finds unlike; its cosine is that of its mean token features.
  @Test func sentencesStayAlike() throws {
    let mlm = try MaskedLanguageModel.load(TestFiles.fixture("bert-tiny"))
    let likeness = SentenceLikeness(SentenceEncoder(mlm))
    #expect(abs(try likeness.cosine("a dog", "a dog") - 1) < 1e-9)
    let ids =
      [mlm.tokenizer.classID] + (try mlm.tokenizer.ids(of: "a cat"))
      + [mlm.tokenizer.separatorID]
    let rows = try mlm.features([ids]).mean(axes: [1]).doubles()
    let dog =
      [mlm.tokenizer.classID] + (try mlm.tokenizer.ids(of: "a dog"))
      + [mlm.tokenizer.separatorID]
    let others = try mlm.features([dog]).mean(axes: [1]).doubles()
    func norm(_ x: [Double]) -> Double { x.reduce(0) { $0 + $1 * $1 }.squareRoot() }
    let expected = zip(rows, others).reduce(0) { $0 + $1.0 * $1.1 } / norm(rows) / norm(others)
    #expect(abs(try likeness.cosine("a cat", "a dog") - expected) < 1e-9)
    var options = TextAttackParameters()
    options.method = .char
    options.kinds = [.delete]
    options.forbidsNewWords = false
    for least in [-1.0, 1.0] {
      options.minSentenceCosine = least
      let attack = try TextAttackFactory.make(
        options, model: model(), encoder: SentenceEncoder(mlm)
      ).attack
      let result = try attack.perturb([TextPrompt("a dog")], encoder: Self.features).results[0]
      #expect(result.edits.isEmpty == (least == 1))
      #expect((result.dropped[.sentenceCosine, default: 0] > 0) == (least == 1))
    }
  }

  /// B44: the class words are found in every published template, punctuation glued
  /// on or not, and nothing else may change.
  @Test(arguments: [
    "This is a photo of a {c}", "A photo of a {}.", "A photo I took in {}.",
    "A surface with a {} texture.", "A centered satellite photo of {}.",
    "A photo of a {class}, a type of aircraft.", "A photo of a {}, a type of flower.",
    "A photo of {}, a type of food.", "A photo of a {}, a type of pet.",
  ])
  func classScopeHitsTheClassWords(template: String) throws {
    let model = try model()
    for name in ["pet", "texture", "sweet pea", "air-plane"] {
      let classifier = try ZeroShotClassifier(model, classNames: [name], templates: [template])
      let prompt = try TextAttackSpecification(name: "x", attack: TextAttack()).prompts(
        of: classifier)[0]
      #expect(prompt.text == classifier.prompts[0])
      var attack = TextAttack()
      attack.sources = [CandidateSource("x", substitutes: { [$0 + "x"] })]
      attack.constraints.words = nil
      let result = try attack.perturb([prompt], encoder: Self.features).results[0]
      let words = name.split { $0 == " " || $0 == "-" }.map(String.init)
      let place = try #require(prompt.text.firstRange(of: name))
      for edit in result.edits { #expect(words.contains(edit.old) && edit.hitsClass) }
      #expect(result.importance.count == words.count)
      #expect(result.adversarial.hasPrefix(prompt.text[..<place.lowerBound]))
      #expect(result.adversarial.hasSuffix(prompt.text[place.upperBound...]))
    }
  }
}
