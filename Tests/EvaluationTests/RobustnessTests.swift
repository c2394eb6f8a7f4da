import AttackPlans
import Attacks
import ClipModels
import Datasets
import Diagnostics
import Files
import Tensors
import TestSupport
import Testing

@testable import Evaluation

@Suite("robustness evaluation") struct RobustnessTests {
  /// 10 samples: 0 and 1 wrong when clean; group 1 (2 … 6) breaks under "a", group 2 (7 … 9) under
  /// "b"; adversarial prompts turn 0 (heals it) and 2, 3, 7 (break).
  static func samples() -> [HandMade.Sample] {
    (0..<10).map { index in
      HandMade.Sample(
        label: index % 4, isWrong: index < 2, group: index < 2 ? 1 : index < 7 ? 1 : 2,
        isTurnedByText: [0, 2, 3, 7].contains(index))
    }
  }

  static func evaluation() throws -> RobustnessEvaluation {
    var evaluation = RobustnessEvaluation()
    evaluation.attacksEach = true
    evaluation.images = [try HandMade.image("a", [1]), try HandMade.image("b", [2])]
    evaluation.texts = [HandMade.text()]
    evaluation.multimodal = MultimodalSpecification.all(
      images: [evaluation.images[0]], texts: evaluation.texts)
    return evaluation
  }

  struct Row: Sendable {
    let label: String
    let correct: Set<Int>
    let strict: Int
    let drop: Double
    let lost: Double
  }

  static let rows = [
    Row(label: "clean", correct: Set(2..<10), strict: 8, drop: 0, lost: 0),
    Row(label: "image/a", correct: [7, 8, 9], strict: 3, drop: 0.5, lost: 5.0 / 8),
    Row(label: "image/b", correct: Set(2..<7), strict: 5, drop: 0.3, lost: 3.0 / 8),
    // 0 becomes right and counts as right; strictly it does not.
    Row(label: "text/x", correct: [0, 4, 5, 6, 8, 9], strict: 5, drop: 0.2, lost: 3.0 / 8),
    // Images of "a" (crafted against clean prompts, 0 left alone) with the adversarial prompts.
    Row(label: "mm_sep/a + x", correct: [0, 8, 9], strict: 2, drop: 0.5, lost: 6.0 / 8),
    // 0 is right with the adversarial prompts, so the adaptive attack breaks it too.
    Row(label: "mm_t2i/a + x", correct: [8, 9], strict: 2, drop: 0.6, lost: 6.0 / 8),
    Row(label: "worst", correct: [], strict: 0, drop: 0.8, lost: 1),
  ]

  @Test(arguments: [1, 3, 64]) func countsAreKnown(_ batch: Int) throws {
    var evaluation = try Self.evaluation()
    evaluation.batch = batch
    let report = try evaluation.run(HandMade.subject(), data: HandMade.data(Self.samples()))
    #expect(report.scenarios.map(\.label) == Self.rows.map(\.label))
    for (row, expected) in zip(report.scenarios, Self.rows) {
      let right = row.samples.indices.filter { row.samples[$0].isCorrect }
      #expect(Set(right) == expected.correct, "\(expected.label)")
      #expect(row.accuracy == Proportion(expected.correct.count, of: 10))
      #expect(row.strict.count == expected.strict, "\(expected.label)")
      #expect(abs((row.successDrop ?? .nan) - expected.drop) < 1e-9, "\(expected.label)")
      #expect(row.successLost == expected.lost, "\(expected.label)")
      #expect(row.samples.map(\.id) == (0..<10).map { "sample-\($0)" })
      #expect(row.problems.isEmpty, "\(row.problems)")
    }
  }

  /// I8, B32: two attacks that break disjoint halves leave 0 %, not 50 %.
  @Test func worstIsPerSample() throws {
    let samples = (0..<8).map { HandMade.Sample(label: $0 % 4, group: 1 + $0 % 2) }
    var evaluation = RobustnessEvaluation()
    evaluation.attacksEach = true
    evaluation.images = [try HandMade.image("a", [1]), try HandMade.image("b", [2])]
    let report = try evaluation.run(
      EvaluationSubject(name: "f", classifier: HandMade.classifier()), data: HandMade.data(samples))
    #expect(report.scenario("image/a")?.accuracy.value == 0.5)
    #expect(report.scenario("image/b")?.accuracy.value == 0.5)
    #expect(report.scenario("worst")?.accuracy.value == 0)
    #expect(
      report.scenario("worst")?.samples.map(\.flags)
        == (0..<8).map { [$0 % 2 == 0 ? "broken_by:image/a" : "broken_by:image/b"] })
  }

  /// I7: samples wrong when clean are not attacked and come back unchanged, unless all are attacked.
  @Test(arguments: [false, true]) func wrongWhenClean(_ attacksAll: Bool) throws {
    var evaluation = RobustnessEvaluation()
    evaluation.images = [try HandMade.image("a", [1])]
    evaluation.attacksAll = attacksAll
    let report = try evaluation.run(
      EvaluationSubject(name: "f", classifier: HandMade.classifier()),
      data: HandMade.data(Self.samples()))
    let row = try #require(report.scenario("image/a"))
    #expect(row.accuracy.count == 3)
    #expect(row.samples[0].flags == (attacksAll ? [] : ["not_attacked"]))
    #expect(((row.samples[0].linf ?? -1) > 0) == attacksAll)
    #expect(!row.samples[0].isCorrect && !row.samples[0].isCleanCorrect)
  }

  /// B50: only what was evaluated is there, under its own id.
  @Test func subsetsKeepIDs() throws {
    let data = try HandMade.data(Self.samples())
    let subject = try HandMade.subject()
    let whole = try Self.evaluation().run(subject, data: data)
    var evaluation = try Self.evaluation()
    evaluation.samples = .ids(["sample-8", "sample-2"])
    let part = try evaluation.run(subject, data: data)
    #expect(part.sampleIDs == ["sample-8", "sample-2"])
    for row in part.scenarios {
      let known = try #require(whole.scenario(row.label))
      for sample in row.samples {
        let same = try #require(known.samples.first { $0.id == sample.id })
        #expect(same.isCorrect == sample.isCorrect && same.label == sample.label)
      }
    }
    #expect(part.scenario("clean")?.accuracy == Proportion(2, of: 2))
    #expect(part.dataTitle == "handmade, 2 of 10 samples")
    evaluation.samples = .random(4)
    evaluation.seed = 3
    let drawn = try evaluation.run(subject, data: data)
    #expect(drawn.count == 4)
    #expect(try evaluation.run(subject, data: data).sampleIDs == drawn.sampleIDs)
    // Both drawn without replacement, in the order of the set.
    #expect(drawn.sampleIDs == data.ids.filter { drawn.sampleIDs.contains($0) })
  }

  @Test func whatWasNotMeasuredIsMissing() throws {
    let report = try Self.evaluation().run(HandMade.subject(), data: HandMade.data(Self.samples()))
    let lines = report.sampleLines.split(separator: "\n")
    #expect(lines.count == 71)
    let first = try JSONValue.parse(String(lines[0]))
    #expect(first["conventions"]?["classes"]?.string?.contains("count from 0") == true)
    #expect(first["conventions"]?["margin"]?.string?.contains("negative where") == true)
    #expect(first["class_names"]?.array?.compactMap(\.string) == ["red", "green", "blue", "grey"])
    for line in lines.dropFirst() {
      let value = try JSONValue.parse(String(line))
      let row = value["row"]?.string
      #expect(value["id"]?.string?.hasPrefix("sample-") == true)
      #expect(
        (value["linf"] != nil) == (row?.contains("a") == true && row != "clean" || row == "image/b")
      )
      #expect((value["prediction"] == nil) == (row == "worst"))
      #expect((value["margin"] == nil) == (row == "worst"))
      #expect(
        (value["backwards"] != nil)
          == (row?.hasPrefix("image") == true || row?.hasPrefix("mm_t2i") == true))
    }
    let allWrong = (0..<4).map { HandMade.Sample(label: $0, isWrong: true) }
    let wrong = try Self.evaluation().run(HandMade.subject(), data: HandMade.data(allWrong))
    #expect(wrong.scenario("image/a")?.successLost == nil, "no sample was right: no share of none")
    #expect(wrong.table().contains("image     a"))
  }

  /// A change beyond the budget makes its row invalid, and says so in the table.
  @Test func budgetsAreChecked() throws {
    var evaluation = RobustnessEvaluation()
    evaluation.images = [try HandMade.image("far", [1], step: 0.04), try HandMade.image("a", [2])]
    let report = try evaluation.run(
      EvaluationSubject(name: "f", classifier: HandMade.classifier()),
      data: HandMade.data(Self.samples()))
    #expect(report.scenario("image/far")?.problems.count == 1)
    #expect(report.scenario("image/a")?.problems == [])
    #expect(report.table().contains("image (invalid)"))
    #expect(report.table(width: 400).contains("is larger than the budget, linf 8/255"))
  }

  @Test func recordsNameEverything() throws {
    let report = try Self.evaluation().run(HandMade.subject(), data: HandMade.data(Self.samples()))
    let json = try JSONValue.parse(report.json.serialized(indent: 2))
    #expect(json["model"]?["origin"]?.string == "random, seed 1")
    #expect(json["model"]?["weights"]?.string?.count == 16)
    let digests = json["data"]?["digests"]?.object ?? []
    #expect(digests.map(\.key) == ["ids", "labels", "classes", "contents"])
    #expect(digests.allSatisfy { $0.value.string?.count == 16 })
    #expect(json["threat"]?["perturb_at"]?.string == "native")
    #expect(json["threat"]?["width"]?.int == 2)
    #expect(json["machine"]?["precision"]?.string == "float32")
    #expect(json["machine"]?["blas_core"]?.string?.isEmpty == false)
    #expect(json["prompts"]?["prompts"]?.array?.first?.string == "a red dot")
    let image = json["scenarios"]?.array?[1]["parameters"]?["image"]
    #expect(image?["norm"]?.string == "linf" && image?["eps_255"]?.double == 8)
    #expect(image?["parameters"]?["cost"] != nil, "\(String(describing: image))")
    #expect(json["texts"]?.array?[0]["prompts"]?.array?.count == 4)
    #expect(report.table().contains("linf 8/255 at 2 x 2 pixels (native)"))
    let other = try HandMade.clip(seed: 2).weightsHash()
    #expect(try HandMade.clip(seed: 1).weightsHash() != other)
    #expect(try HandMade.clip(seed: 2).weightsHash() == other)
  }

  @Test func errors() throws {
    let data = try HandMade.data(Self.samples())
    let plain = EvaluationSubject(name: "f", classifier: HandMade.classifier())
    func message(
      _ subject: EvaluationSubject, _ change: (inout RobustnessEvaluation) throws -> Void
    ) throws -> String {
      var evaluation = RobustnessEvaluation()
      try change(&evaluation)
      do { _ = try evaluation.run(subject, data: data) } catch { return "\(error)" }
      return "no error"
    }
    let twice = try HandMade.image("a", [1])
    #expect(
      try message(plain) { $0.images = [twice, twice] }
        == "two attacks have the name 'a' (give one of them another name)")
    #expect(
      try message(plain) { $0.texts = [HandMade.text()] }
        == "a plain function has no prompts to attack (pass a model or classifier with prompts, "
        + "or leave text attacks out)")
    #expect(
      try message(plain) { $0.perturbationPlace = .input }
        == "the input size of a plain function is not known (use perturb_at = \"native\")")
    #expect(try message(plain) { $0.batch = 0 } == "batch is 0, at least 1 is needed")
    #expect(try message(plain) { $0.samples = .random(0) } == "samples is 0, at least 1 is needed")
    #expect(
      try message(plain) { $0.samples = .ids(["sample-99"]) }
        == "handmade has no sample 'sample-99' (did you mean 'sample-9'?)")
    #expect(
      try message(
        EvaluationSubject(name: "f", classNames: ["a", "b"], classifier: HandMade.classifier())
      ) { _ in }
        == "the classifier has 2 classes, handmade has 4 (make the classifier from the set's "
        + "class_names)")
    let bad = EvaluationSubject(
      name: "f", classifier: Classifier { try Tensor.full([$0.shape[0], 4], .nan) })
    #expect(
      try message(bad) { _ in }
        == "clean: the logits of sample 'sample-0' are not finite (check the classifier's output "
        + "on this image)")
    let captions = try MemoryDataset.make(
      images: Tensor.zeros([1, 3, 2, 2]), captions: [["a dot"]], name: "captions")
    #expect(
      throws: KilpiError(
        "captions has captions, not classes", advice: "evaluate it with eval.retrieval")
    ) { try RobustnessEvaluation().run(plain, data: captions) }
  }
}
