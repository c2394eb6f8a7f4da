@testable import AttackPlans
import Attacks
import Diagnostics
import Files
import Tensors
import TextModels
import Testing

@testable import Training

/// SGA over a masked language model, by default and as released code does it
/// (docs/methods/multimodal-attacks.md, section 4.3).
@Suite struct SetGuidedTests {
  private func specification(
    _ mlm: MaskedLanguageModel?, compat: Bool, maxLength: Int? = nil
  ) throws -> MultimodalSpecification {
    let text = try TextSourceTests.make(mlm == nil ? [] : .mlm, mlm: mlm) {
      $0.forbidsAntonyms = false
      $0.masked.maxLength = maxLength
      if mlm == nil { $0.method = .char }
    }
    let image = ImageAttackSpecification(
      name: "pgd", attack: ProjectedGradientDescent(steps: 2),
      settings: AttackSettings(budget: try Budget(.linf, 8.0 / 255)))
    var both = MultimodalSpecification(.sga, image: image, text: text)
    both.followsRelease = compat
    both.views.scales = [1]
    return both
  }

  @Test func releasedCandidatesAreOneRowOff() throws {
    let mlm = try TextSourceTests.mlm()
    for given in [nil, 12] as [Int?] {
      let text = try specification(mlm, compat: true, maxLength: given).text
      let released = try #require(try text.released?())
      #expect(text.record["mode"]?.string == "aligned")
      #expect(released.record["mode"]?.string == "coattack/own-stoplist")
      #expect(released.record["max_length"]?.int == given ?? 77)
      #expect(released.attack.importance == .unkLiteral && released.attack.k == text.attack.k)
      let sentence = "the old tree"
      let words = TextWords(sentence, splitting: .singleSpaces)
      var options = MaskedOptions()
      options.mode = .coattack
      options.maxLength = given ?? 77
      options.stopWords = released.attack.stopWords.words
      let expected = try mlm.candidates(
        of: [MaskedRequest(splittingAtSpaces: sentence)], options)[0]
      let lists = try released.attack.sources[0].candidates(words, [1, 2])
      #expect(lists.map { $0.map(\.word) } == expected[1...].map { $0.map(\.word) })
      let aligned = try text.attack.sources[0].candidates(TextWords(sentence), [1, 2])
      #expect(lists.map { $0.map(\.word) } != aligned.map { $0.map(\.word) })
    }
    #expect(try specification(nil, compat: true).text.released == nil)
  }

  @Test func textsAreCutByTokens() throws {
    let mlm = try TextSourceTests.mlm()
    let text = try specification(mlm, compat: true).text
    let long = Array(repeating: "a dog sits", count: 12).joined(separator: " ")
    // 36 words of one piece each: 28 beside the start and the end.
    let cut = try #require(try text.shortened?(long, 30))
    #expect(cut == long.split(separator: " ").prefix(28).joined(separator: " "))
    #expect(try text.shortened?("A  dog.", 30) == "A  dog.")
    #expect(try specification(nil, compat: true).text.shortened == nil)
  }

  /// What compat changes in the result and in the record, with a model of words and without.
  @Test(arguments: [true, false]) func compatIsTakenUp(hasModel: Bool) throws {
    let mlm = hasModel ? try TextSourceTests.mlm() : nil
    let model = try TextSourceTests.model(vocabulary: 49408)
    var stream = RandomSource(seed: 3).stream(.subset)
    let images = try Tensor.random([2, 3, 8, 8], stream: &stream)
    let captions = [
      [Array(repeating: "a dog sits", count: 12).joined(separator: " "), "the old tree"],
      ["my cat runs at the house"],
    ]
    func run(_ compat: Bool) throws -> (CaptionAttackResult, JSONValue) {
      let specification = try specification(mlm, compat: compat)
      let session = try MultimodalSession(specification, model: model)
      return (try session.run(images: images, captions: captions), specification.record)
    }
    let (plain, record) = try run(false)
    let (compat, released) = try run(true)
    #expect(record["compat"]?.bool == false && record["sga_text"] == nil)
    #expect(released["compat"]?.bool == true)
    #expect((released["sga_text"]?["mode"]?.string == "coattack/own-stoplist") == hasModel)
    // The first image's first caption is longer than what it is shown of it.
    #expect(try plain.images.floats()[0..<192] != compat.images.floats()[0..<192])
    if hasModel { #expect(plain.captions != compat.captions) }
    #expect(compat.captions.map(\.count) == [2, 1])
  }
}
