import AttackPlans
import Attacks
import ClipModels
import Datasets
import Diagnostics
import Files
import Tensors
import Testing
import Training

@testable import Evaluation

/// O10: a similarity table of 5 images and 25 captions whose every rank is known, ties included.
@Suite struct RetrievalRankTests {
  /// Image i owns captions 5i … 5i + 4, and all foreign scores are 0.
  static let owners = (0..<25).map { $0 / 5 }

  /// The table as features: image rows against unit vectors.
  static func ranks(_ change: (inout [[Float]]) -> Void) throws -> RetrievalRanks {
    var table = [[Float]](repeating: [Float](repeating: 0, count: 25), count: 5)
    for (caption, owner) in owners.enumerated() { table[owner][caption] = 0.5 }
    change(&table)
    var unit = [Float](repeating: 0, count: 625)
    for index in 0..<25 { unit[index * 26] = 1 }
    return try RetrievalRanks(
      images: Tensor(table.flatMap { $0 }, shape: [5, 25]), texts: Tensor(unit, shape: [25, 25]),
      owners: owners)
  }

  @Test func ranksAreKnown() throws {
    let clean = try Self.ranks { _ in }
    #expect(clean.imageToText == [0, 0, 0, 0, 0])
    #expect(clean.textToImage == [Int](repeating: 0, count: 25))
    let attacked = try Self.ranks { table in
      // Image 0: three foreign captions above its best own one, which is one of two that tie.
      for caption in [7, 12, 24] { table[0][caption] = 0.6 }
      // Image 1: twelve foreign captions in front, no own one in the first ten.
      for caption in 13..<25 { table[1][caption] = 0.9 }
      // Image 2: one foreign caption ties with its best own one: the own item comes last.
      table[2][0] = 0.5
      // Image 3: everything ties, also all that is foreign.
      for caption in 0..<25 { table[3][caption] = 0.25 }
      // Image 4: only one own caption is still good, which is enough.
      for caption in 20..<24 { table[4][caption] = -1 }
    }
    #expect(attacked.imageToText == [3, 12, 1, 20, 0])
    // Caption j of image i: images that score it at least as high as image i does.
    var expected = [Int](repeating: 0, count: 25)
    expected[0] = 1  // image 2 ties
    expected[7] = 1  // image 0
    expected[12] = 1  // image 0
    expected[13] = 1  // image 1
    expected[14] = 1
    // Image 3's captions fell to 0.25; image 1 scores them 0.9.
    for caption in 15..<20 { expected[caption] = 1 }
    // Captions 20 … 23: image 4 gives -1, every other image more.
    for caption in 20..<24 { expected[caption] = 4 }
    expected[24] = 2  // images 0 and 1 are above 0.5
    #expect(attacked.textToImage == expected)
    var (before, after) = (RetrievalScenario(kind: .clean), RetrievalScenario(kind: .image))
    (before.ranks, after.ranks) = (clean, attacked)
    struct Row { let direction: RetrievalDirection, k: Int, recall: Double, lost: Double }
    for row in [
      Row(direction: .imageToText, k: 1, recall: 1.0 / 5, lost: 4.0 / 5),
      Row(direction: .imageToText, k: 5, recall: 3.0 / 5, lost: 2.0 / 5),
      Row(direction: .imageToText, k: 10, recall: 3.0 / 5, lost: 2.0 / 5),
      Row(direction: .textToImage, k: 1, recall: 10.0 / 25, lost: 15.0 / 25),
      Row(direction: .textToImage, k: 5, recall: 1, lost: 0),
      Row(direction: .textToImage, k: 10, recall: 1, lost: 0),
    ] {
      #expect(after.recall(row.direction, at: row.k)?.value == row.recall)
      #expect(after.lost(row.direction, at: row.k, from: before) == row.lost)
      let drop = try #require(after.drop(row.direction, at: row.k, from: before))
      #expect(abs(drop - (1 - row.recall)) < 1e-12)
    }
    // What was not found before is neither lost nor counted.
    #expect(before.lost(.imageToText, at: 1, from: after) == 0)
    #expect(
      after.lost(.imageToText, at: 1, from: after) == 0
        && before.drop(.imageToText, at: 1, from: after) == -0.8)
  }

  @Test func refusals() throws {
    func message(_ images: [Float], _ owners: [Int]) -> String {
      do {
        _ = try RetrievalRanks(
          images: Tensor(images, shape: [2, 1]), texts: Tensor([1, 1] as [Float], shape: [2, 1]),
          owners: owners)
        return "no error"
      } catch { return "\(error)" }
    }
    #expect(message([1, 1], [0, 0]) == "image 2 has no caption")
    #expect(message([1, 1], [0, 2]) == "caption 2 belongs to image 3 of 2")
    #expect(
      message([1, .nan], [0, 1])
        == "the scores of image 2 are not finite (check the model's features of it, and of what it is "
        + "compared with)")
    #expect(message([1, 1], [0]) == "features are [2, 1] and [2, 1] for 1 captions")
  }
}

/// `RetrievalEvaluation` over a tiny CLIP: rows, budgets, company, files.
@Suite struct RetrievalTests {
  static let captions = [
    ["a red dot", "red"], ["a green dot"], ["a blue dot", "blue", "the sky"], ["a grey dot"],
    ["white"], ["a black dot", "night"],
  ]

  static func data(_ name: String = "dots") throws -> Dataset {
    var stream = RandomSource(seed: 4).stream(.subset)
    return try MemoryDataset.make(
      images: Tensor.random([6, 3, 8, 8], stream: &stream), captions: captions, name: name)
  }

  static func image(_ steps: Int = 3) throws -> ImageAttackSpecification {
    ImageAttackSpecification(
      name: "pgd", attack: ProjectedGradientDescent(steps: steps),
      settings: AttackSettings(budget: try Budget(.linf, 8.0 / 255)))
  }

  static func text(_ model: ClipModel) throws -> TextAttackSpecification {
    var options = TextAttackParameters()
    options.method = .char
    options.sites = 2
    // The dictionary costs most of the time in a debug build.
    options.forbidsNewWords = false
    return try TextAttackFactory.make(options, model: model)
  }

  static func evaluation(_ model: ClipModel) throws -> RetrievalEvaluation {
    var evaluation = RetrievalEvaluation()
    evaluation.images = [.init(try image()), .init(try image(), objective: .captions)]
    evaluation.images[1].specification.name = "away"
    evaluation.texts = [.init(try text(model)), .init(try text(model), leavesImages: true)]
    evaluation.texts[1].specification.name = "img"
    evaluation.multimodal = try MultimodalMethod.captioned.map {
      var both = MultimodalSpecification($0, image: try image(), text: try text(model))
      both.views.scales = [0.5]
      return both
    }
    return evaluation
  }

  @Test func rowsAndFiles() throws {
    let model = try HandMade.clip()
    var evaluation = try Self.evaluation(model)
    let report = try evaluation.run(model, data: Self.data())
    #expect(
      report.scenarios.map(\.label) == [
        "clean", "image/pgd", "image/away", "text/char", "text/img", "mm_sep/pgd + char",
        "mm_co/pgd + char", "mm_sga/pgd + char", "mm_worst/pgd + char",
      ])
    for row in report.scenarios {
      let ranks = try #require(row.ranks)
      #expect(ranks.imageToText.count == 6 && ranks.textToImage.count == 10)
      #expect(row.problems.isEmpty)
      #expect((row.largest != nil) == (row.budget != nil))
      if let largest = row.largest { #expect(largest.linf > 0 && largest.linf <= 8.0 / 255) }
      #expect(row.texts.isEmpty || row.texts.count == 10)
    }
    // mm_sep is its two sides together.
    let pixels = try #require(report.scenario("image/pgd"))
    let texts = try #require(report.scenario("text/char"))
    let both = try #require(report.scenario("mm_sep"))
    #expect(both.texts == texts.texts && both.largest?.l2 == pixels.largest?.l2)
    #expect(texts.changedTexts > 5 && texts.encodedTexts > 10)
    // Every query at its worst over the members' galleries, which include the clean one.
    let worst = try #require(report.scenario("mm_worst"))
    let galleries = try ["clean", "mm_sep", "mm_co", "mm_sga"].map {
      try #require(report.scenario($0)?.ranks)
    }
    for direction in RetrievalDirection.allCases {
      let found = try #require(worst.ranks).ranks(direction)
      for (index, rank) in found.enumerated() {
        #expect(rank == galleries.map { $0.ranks(direction)[index] }.max())
      }
    }
    #expect(
      worst.record["members"]?.array?.map(\.string) == ["clean", "mm_sep", "mm_co", "mm_sga"])
    let parts = try ["mm_sep", "mm_co", "mm_sga"].map { try #require(report.scenario($0)) }
    #expect(worst.forwards == parts.reduce(0) { $0 + $1.forwards })
    #expect(worst.largest?.linf == parts.compactMap { $0.largest?.linf }.max())
    // A caption moves from its image or stays.
    #expect(report.scenario("text/img")?.texts != texts.texts)
    // The gallery's batches change nothing but rounding of products.
    evaluation.batch = 4
    let again = try evaluation.run(model, data: Self.data())
    for (a, b) in zip(report.scenarios, again.scenarios) { #expect(a.texts == b.texts) }
    #expect(report.table().contains("dots, 6 images and 10 captions"))
    #expect(report.table().contains("linf 8/255 at 8 x 8 pixels (native)"))
    let json = try JSONValue.parse(report.json.serialized(indent: 2))
    let row = json["scenarios"]?.array?[1]
    #expect(row?["tr"]?["R@1"]?["n"]?.int == 6 && row?["ir"]?["R@10"]?["n"]?.int == 10)
    #expect(row?["parameters"]?["objective"]?.string == "kl")
    #expect(json["ties"]?.string == "pessimistic, own items last")
    let lines = report.itemLines.split(separator: "\n")
    // The first line states the conventions.
    #expect(lines.count == 1 + 9 * 6)
    #expect(try JSONValue.parse(String(lines[0]))["captions"]?.array == nil)
    #expect(
      try JSONValue.parse(String(lines[1]))["captions"]?.array?.map(\.string) == [
        "a red dot", "red",
      ])
    #expect(report.table(.csv).split(separator: "\r\n").count == 1 + 9 * 2 * 3)
  }

  @Test("B48: parts of a split and foreign counts are said, training splits refused")
  func splits() throws {
    let model = try HandMade.clip()
    let data = try Self.data("flickr8k")
    let whole = try RetrievalEvaluation().run(model, data: data)
    let official = "the official test split of flickr8k has 1000 images, this gallery has "
    #expect(whole.notes == [official + "6: not comparable with published recall"])
    let part = try RetrievalEvaluation().run(model, data: data.take(4))
    #expect(
      part.notes == [
        "4 of 6 images: a smaller gallery makes recall higher",
        official + "4: not comparable with published recall",
      ])
    #expect(part.owners.count == 7 && part.captions == Array(Self.captions.prefix(4)))
    func message(_ data: Dataset, _ change: (inout RetrievalEvaluation) throws -> Void = { _ in })
      throws -> String
    {
      var evaluation = RetrievalEvaluation()
      try change(&evaluation)
      do { _ = try evaluation.run(model, data: data) } catch { return "\(error)" }
      return "no error"
    }
    #expect(
      try message(HandMade.data([.init()]))
        == "handmade has classes, not captions (evaluate it with eval.robustness)")
    #expect(
      try message(data) { $0.images = [.init(try Self.image()), .init(try Self.image())] }
        == "two attacks have the name 'pgd' (give one of them another name)")
    #expect(
      try message(data) {
        $0.multimodal = [
          MultimodalSpecification(.adaptive, image: try Self.image(), text: try Self.text(model))
        ]
      } == "method \"adaptive\" needs labels (captions take \"independent\", \"co-attack\", "
        + "\"sga\" or \"worst\")")
    #expect(
      try message(data) {
        var both = MultimodalSpecification(
          .worst, image: try Self.image(), text: try Self.text(model))
        both.methods = [.sga, .alternating]
        $0.multimodal = [both]
      }.hasPrefix("method \"alternating\" needs labels"))
    #expect(try message(data) { $0.batch = 0 } == "batch is 0, at least 1 is needed")
  }
}
