@testable import AttackPlans
import Attacks
import ClipModels
import Diagnostics
import Files
import Tensors
import TestSupport
import TextModels
import Testing

@testable import Training

/// BERT-Attack over a tiny random masked language model (scripts/reference/masked_lm.py).
@Suite struct MaskedAttackTests {
  private func make(
    _ change: (inout TextAttackParameters) -> Void = { _ in }
  ) throws -> (ClipModel, MaskedLanguageModel, TextAttackSpecification) {
    let model = try ClipModel.load(TestFiles.fixture("clip-gelu"))
    model.tokenizer = try BytePairTokenizer.standard()
    let mlm = try MaskedLanguageModel.load(TestFiles.fixture("bert-tiny"))
    var options = TextAttackParameters()
    options.forbidsAntonyms = false
    change(&options)
    return (model, mlm, try TextAttackFactory.make(options, model: model, mlm: mlm))
  }

  private let texts = ["a photo of a dog.", "This is my cat", "the old tree"]

  @Test func alignedEditsComeFromTheModelsLists() throws {
    let (_, mlm, specification) = try make()
    #expect(specification.name == "bert")
    #expect(specification.record["mode"]?.string == "aligned")
    #expect(specification.record["mlm_hash"]?.string == mlm.fingerprint)
    #expect(specification.attack.sources.map(\.name) == ["mlm"])
    let words = TextWords(texts[0])
    let asked = [1, 4]
    let lists = try specification.attack.sources[0].candidates(words, asked)
    var options = MaskedOptions()
    options.filters = false
    let expected = try mlm.candidates(
      of: [MaskedRequest(texts[0], words: asked.map { words.words[$0].coreRange })], options)[0]
    #expect(lists.map { $0.map(\.word) } == expected.map { $0.map(\.word) })
    #expect(lists[0].count > 3)
  }

  @Test(arguments: MaskedMode.allCases) func attacksWithinTheBudget(mode: MaskedMode) throws {
    let encoder = { (texts: [String]) in try Self.toyFeatures(texts) }
    let (_, mlm, specification) = try make { $0.masked.mode = mode }
    let report = try specification.attack.perturb(texts.map { TextPrompt($0) }, encoder: encoder)
    for (text, result) in zip(texts, report.results) {
      #expect(result.original == text)
      #expect(result.edits.count == 1)
      #expect(result.edits[0].source == "mlm")
    }
    let hits = mlm.cachedAnswers
    let again = try specification.attack.perturb(texts.map { TextPrompt($0) }, encoder: encoder)
    #expect(again.texts == report.texts && mlm.cachedAnswers > hits)
  }

  @Test func coattackFollowsTheReleasedProcedure() throws {
    let (_, mlm, specification) = try make {
      $0.masked.mode = .coattack
      $0.stopWords = ["a", "of", "is", "this", "photo"]
    }
    let attack = specification.attack
    #expect(specification.record["mode"]?.string == "coattack")
    #expect(attack.splitting == .singleSpaces && attack.importance == .unkLiteral)
    #expect(attack.constraints.isLenient)
    // Stop words with case: "This" may be edited, "this" not; punctuation stays glued.
    let words = TextWords("This is a dog.", splitting: .singleSpaces)
    #expect(words.cores.map { attack.stopWords.contains($0) } == [false, true, true, false])
    let lists = try attack.sources[0].candidates(words, [0, 3])
    var options = MaskedOptions()
    options.mode = .coattack
    options.stopWords = ["a", "of", "is", "this", "photo"]
    let expected = try mlm.candidates(
      of: [MaskedRequest(splittingAtSpaces: "This is a dog.")], options)[0]
    #expect(lists.map { $0.map(\.word) } == [expected[0], expected[3]].map { $0.map(\.word) })
    // "dog." is two pieces: all 16 combinations but those with "##".
    #expect(expected[3].allSatisfy { $0.pieces == 2 })
    // What the encoder sees while scoring: decoded and lower-cased.
    #expect(try attack.scoredText?("This is A dog .") == "this is a dog.")
  }

  @Test("coattack puts in class names, as released code does, unless that is forbidden")
  func classNamesInCoattack() throws {
    func word(_ forbids: Bool?, _ names: [String]) throws -> String? {
      var (_, _, specification) = try make {
        $0.masked.mode = .coattack
        $0.forbidsClassNames = forbids
      }
      #expect(specification.record["forbid_class_names"]?.bool == (forbids ?? false))
      #expect(specification.record["forbid_antonyms"]?.bool == false)
      specification.attack.constraints.classNames = names
      let report = try specification.attack.perturb([TextPrompt(texts[0])]) { texts in
        try Self.toyFeatures(texts)
      }
      return report.results[0].edits.first?.new
    }
    let free = try #require(try word(nil, []))
    #expect(try word(nil, [free]) == free)
    #expect(try word(false, [free]) == free)
    let other = try word(true, [free])
    #expect(other != nil && other != free)
    let (_, _, aligned) = try make()
    #expect(aligned.record["forbid_class_names"]?.bool == true)
  }

  @Test func ownStopWordsAreLabelled() throws {
    let (_, _, specification) = try make { $0.masked.mode = .coattack }
    #expect(specification.record["mode"]?.string == "coattack/own-stoplist")
    #expect(specification.attack.stopWords.contains("this"))
    #expect(!specification.attack.stopWords.contains("This"))
  }

  @Test func bertNeedsAModel() throws {
    let model = try ClipModel.load(TestFiles.fixture("clip-gelu"))
    model.tokenizer = try BytePairTokenizer.standard()
    var options = TextAttackParameters()
    options.method = .bert
    #expect {
      try TextAttackFactory.make(options, model: model)
    } throws: {
      "\($0)".contains("method = \"bert\" needs a masked language model")
    }
  }
}

extension MaskedAttackTests {
  /// Features by a hash of the text: every edit moves them.
  private static func toyFeatures(_ texts: [String]) throws -> Tensor {
    let values = texts.flatMap { text in
      (0..<8).map { (index: Int) -> Float in
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325 &+ UInt64(index)
        for byte in text.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        hash = (hash ^ hash >> 31) &* 0x9E37_79B9_7F4A_7C15
        return Float(hash >> 40) / Float(1 << 24) - 0.5
      }
    }
    return try Tensor(values, shape: [texts.count, 8])
  }
}
