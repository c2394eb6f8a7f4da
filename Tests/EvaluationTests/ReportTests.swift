import AttackPlans
import Attacks
import ClipModels
import Datasets
import Diagnostics
import Files
import Images
import Tensors
import TestSupport
import Testing

@testable import Evaluation

@Suite("reports") struct ReportTests {
  static func report(hardened: Set<Int> = []) throws -> RobustnessReport {
    try RobustnessTests.evaluation().run(
      HandMade.subject(.init(hardened: hardened)), data: HandMade.data(RobustnessTests.samples()))
  }

  @Test func table() throws {
    let report = try Self.report()
    let lines = report.table(width: 60).split(separator: "\n", omittingEmptySubsequences: false)
    #expect(lines[0] == "handmade: handmade, 10 samples")
    #expect(lines[1] == "linf 8/255 at 2 x 2 pixels (native)")
    #expect(lines[3] == "scenario  attack      n  accuracy  95 % interval  strict")
    #expect(lines[5] == "clean     -          10    80.0 %    49.0 … 94.3")
    #expect(lines[6] == "image     a          10    30.0 %    10.8 … 60.3  30.0 %")
    #expect(lines[11] == "worst     all above  10     0.0 %     0.0 … 27.8   0.0 %")
    #expect(lines[13].hasPrefix("scenario  attack     drop     lost  seconds   SSIM  PSNR"))
    #expect(lines[16].hasPrefix("image     a          50.0   62.5 %"))
    #expect(
      report.table().contains(
        "scenario  attack      n  accuracy  95 % interval  strict  drop     lost  seconds"))
    #expect(report.table().contains("text/x: 4 of 4 prompts changed"))
    #expect(report.table(.csv).split(separator: "\r\n").count == 8)
    #expect(
      report.table(.csv).hasPrefix(
        "model,data,split,width,height,perturb_at,scenario,attack,norm,eps"))
    #expect(report.table(.markdown).contains("| mm_sep | a + x | 10 | 30.0 % |"))
  }

  @Test func files() throws {
    let report = try Self.report()
    try withTemporaryDirectory { folder in
      try report.save(folder + "/a/b")
      let names = try FileReader.names(in: folder + "/a/b")
      #expect(names == ["report.json", "samples.jsonl", "table.csv", "table.md", "table.txt"])
      let json = try JSONValue.parse(FileReader.text(at: folder + "/a/b/report.json"))
      #expect(json["scenarios"]?.array?.count == 7)
      #expect(json["scenarios"]?.array?[1]["accuracy"]?.double == 0.3)
      #expect(try FileReader.text(at: folder + "/a/b/table.txt") == report.table())
    }
  }

  @Test func pictures() throws {
    let report = try Self.report()
    #expect(report.pictures.count == 6)
    #expect(
      report.pictures[2].attacked.map(\.row) == [
        "image/a", "image/b", "mm_sep/a + x", "mm_t2i/a + x",
      ])
    #expect(report.pictures.map(\.id) == [0, 1, 3, 5, 6, 8].map { "sample-\($0)" })
    #expect(report.pictures[2].prediction == 3 && report.pictures[2].attacked[0].prediction == 0)
    let grid = try report.grid()
    #expect(grid.width > 6 * 96 && grid.height > 288)
    #expect(try report.grid(limit: 2).width < grid.width)
    #expect(
      throws: KilpiError(
        "there are no pictures of 'image/c'",
        advice: "rows with pictures: image/a, image/b, mm_sep/a + x, mm_t2i/a + x")
    ) { try report.grid(row: "image/c") }
    try withTemporaryDirectory { folder in
      try report.images(folder + "/grid.png", row: "image/b")
      #expect(try ImageFile.load(folder + "/grid.png").width == grid.width)
    }
    var evaluation = RobustnessEvaluation()
    evaluation.pictures = 0
    let none = try evaluation.run(
      EvaluationSubject(name: "f", classifier: HandMade.classifier()),
      data: HandMade.data(RobustnessTests.samples()))
    #expect(
      throws: KilpiError(
        "no pictures were kept", advice: "evaluate an image attack, with pictures above 0")
    ) { try none.grid() }
  }

  @Test func comparison() throws {
    let (before, after) = (try Self.report(), try Self.report(hardened: [3, 4, 5, 6]))
    let comparison = try RobustnessComparison([("before", before), ("after", after)])
    let paired = try #require(comparison.difference("after", row: "image/a"))
    #expect(paired.gained == 4 && paired.lost == 0 && paired.value == 0.4)
    #expect(paired.p == 0.125)
    #expect(comparison.difference("after", row: "clean")?.value == 0)
    let lines = comparison.table().split(separator: "\n", omittingEmptySubsequences: false)
    #expect(
      lines[3].hasPrefix("row           before  (accuracy)   after  (accuracy)  difference"))
    // Four gained and none lost are no difference yet: p decides, and the interval alone is too sure.
    #expect(
      lines[6].hasPrefix(
        "image/a       30.0 %      30.0 %  70.0 %      70.0 %      +40.0     10.0 … 70.0  0.1250"))
    #expect(comparison.rows.last == "worst")
    #expect(comparison.json["differences"]?.array?.count == 7)
    let plot = comparison.barChart()
    #expect(plot.series.map(\.name) == ["before", "after"])
    #expect(plot.series[1].y[1] == 70 && plot.categories[1] == "image\na")
    let grid = try comparison.grid(row: "image/a", limit: 3)
    #expect(grid.width > 288 && grid.width < 600 && grid.height > 288)
    try withTemporaryDirectory { folder in
      try comparison.save(folder)
      #expect(try FileReader.names(in: folder).count == 4)
    }
  }

  @Test("B49: the resolution stands in every result, and is compared")
  func resolution() throws {
    var evaluation = RobustnessEvaluation()
    evaluation.samples = .ids(["sample-2", "sample-3"])
    let data = try HandMade.data(RobustnessTests.samples())
    let native = try evaluation.run(HandMade.subject(), data: data)
    evaluation.perturbationPlace = .input
    let input = try evaluation.run(HandMade.subject(), data: data)
    for (report, side, place) in [(native, 2, "native"), (input, 8, "input")] {
      #expect(report.record["threat"]?["width"]?.int == side)
      #expect(report.record["threat"]?["height"]?.int == side)
      #expect(report.record["threat"]?["perturb_at"]?.string == place)
      #expect(report.table(.csv).contains(",\(side),\(side),\(place),clean,"))
      for text in [report.table(), report.table(.markdown)] {
        #expect(text.contains("images of \(side) x \(side) pixels (\(place))"))
      }
    }
    let error = #expect(throws: KilpiError.self) {
      try RobustnessComparison([("a", native), ("b", input)])
    }
    #expect(
      error?.description
        == "'b' and 'a' differ in their threat model: images of 8 x 8 pixels (input), images of "
        + "2 x 2 pixels (native) (evaluate both alike)")
  }

  @Test func comparisonsOfPartsAndRefusals() throws {
    let before = try Self.report()
    var evaluation = try RobustnessTests.evaluation()
    evaluation.samples = .ids(["sample-2", "sample-3"])
    let data = try HandMade.data(RobustnessTests.samples())
    let part = try evaluation.run(HandMade.subject(), data: data)
    func message(_ reports: [(String, RobustnessReport)]) -> String {
      do { _ = try RobustnessComparison(reports.map { (name: $0.0, report: $0.1) }) } catch {
        return "\(error)"
      }
      return "no error"
    }
    #expect(
      message([("a", before), ("b", part)])
        == "'b' and 'a' are about 2 and 10 samples (evaluate both on the same samples)")
    #expect(message([("a", before)]) == "a comparison needs at least two reports, not 1")
    #expect(message([("a", before), ("a", part)]) == "two reports have the name 'a'")
    evaluation.samples = .ids(["sample-8"])
    let other = try evaluation.run(HandMade.subject(), data: data)
    #expect(
      message([("a", part), ("b", other)])
        == "'b' and 'a' are about 1 and 2 samples (evaluate both on the same samples)")
    evaluation.images[0].settings.threat.budget = try Budget(.linf, 0.5)
    evaluation.multimodal = []
    let far = try evaluation.run(HandMade.subject(), data: data)
    #expect(
      message([("a", other), ("b", far)]).hasPrefix("'b' and 'a' differ in their threat model"))
  }

  /// The whole way on a real, tiny CLIP: every verdict follows from the images and prompts alone.
  @Test func tinyCLIP() throws {
    var stream = RandomSource(seed: 5).stream(.script)
    let images = try Tensor.random([6, 3, 8, 8], stream: &stream)
    let model = try HandMade.clip()
    let names = ["red", "green", "blue", "grey"]
    let classifier = try ZeroShotClassifier(model, classNames: names)
    let labels = try classifier.predict(images).labels.integers().map { Int($0) }
    let data = try MemoryDataset.make(images: images, labels: labels, classNames: names)
    var evaluation = RobustnessEvaluation()
    evaluation.images = [
      ImageAttackSpecification(
        name: "pgd", attack: ProjectedGradientDescent(steps: 4),
        settings: AttackSettings(budget: try Budget(.linf, 32.0 / 255)))
    ]
    evaluation.texts = [HandMade.text()]
    evaluation.multimodal = MultimodalSpecification.all(
      images: evaluation.images, texts: evaluation.texts)
    var events: [ProgressEvent] = []
    evaluation.progress = { events.append($0) }
    let report = try evaluation.run(EvaluationSubject(classifier), data: data)
    #expect(report.scenario("clean")?.accuracy.value == 1)
    #expect(events.last?.completed == events.last?.total)
    #expect(zip(events, events.dropFirst()).allSatisfy { $0.completed <= $1.completed })
    let row = try #require(report.scenario("image/pgd"))
    for (index, sample) in row.samples.enumerated() {
      #expect((sample.linf ?? 1) <= 32.0 / 255)
      #expect(report.pictures[index].id == sample.id)
      let moved = try report.pictures[index].attacked[0].image.unsqueezed(0)
      #expect(try classifier.predict(moved).labels.integers() == [Int64(sample.prediction ?? -1)])
    }
    evaluation.batch = 1
    let alone = try evaluation.run(EvaluationSubject(classifier), data: data)
    for (a, b) in zip(report.scenarios, alone.scenarios) {
      #expect(a.correct == b.correct, "\(a.label) does not depend on the batch")
    }
    evaluation.perturbationPlace = .input
    let large = try evaluation.run(EvaluationSubject(classifier), data: data)
    #expect(large.threatTitle == "linf 32/255 at 8 x 8 pixels (input)")
  }
}
