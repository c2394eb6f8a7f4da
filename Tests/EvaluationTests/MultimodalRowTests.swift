import AttackPlans
import Attacks
import ClipModels
import Datasets
import Diagnostics
import Files
import Tensors
import TestSupport
import Testing
import Training

@testable import Evaluation

/// Rows of attacks on both sides at once: verdicts by hand, and the real methods on a tiny CLIP.
@Suite struct MultimodalRowTests {
  static let labels: [(MultimodalMethod, String)] = [
    (.imageFirst, "mm_i2t"), (.alternating, "mm_alt"), (.coAttack, "mm_co"), (.sga, "mm_sga"),
    (.worst, "mm_worst"),
  ]

  @Test("every method has its row; budgets hold; wrong when clean is broken and left alone")
  func methods() throws {
    let zeroShot = try HandMade.subject().zeroShot
    let subject = try EvaluationSubject(try #require(zeroShot), name: "tiny")
    var evaluation = RobustnessEvaluation()
    evaluation.multimodal = try Self.labels.map { method, _ in
      var both = MultimodalSpecification(
        method, image: try RetrievalTests.image(), text: try RetrievalTests.text(HandMade.clip()))
      both.views.scales = [1]
      return both
    }
    let data = try HandMade.data(
      (0..<8).map { HandMade.Sample(label: $0 % 4, group: $0 % 3) })
    let report = try evaluation.run(subject, data: data)
    #expect(
      report.scenarios.map(\.label) == ["clean"] + Self.labels.map { $0.1 + "/pgd + char" }
        + ["worst"])
    let clean = try #require(report.scenario("clean"))
    #expect(clean.accuracy.count > 0 && clean.accuracy.count < 8)
    for (method, kind) in Self.labels {
      let row = try #require(report.scenario(kind))
      #expect(row.problems.isEmpty)
      for (sample, before) in zip(row.samples, clean.samples) {
        #expect(sample.id == before.id)
        #expect(!sample.isCorrect || before.isCorrect)
        #expect((sample.flags == ["not_attacked"]) == !before.isCorrect)
        #expect((sample.forwards ?? 0) > 0 || !before.isCorrect)
        if before.isCorrect {
          #expect(sample.isCorrect == (sample.prediction == sample.label))
          #expect((sample.linf ?? 1) <= 8.0 / 255)
          #expect((sample.loss ?? -1) > 0)
        } else {
          #expect(sample.linf == 0)
        }
        if method == .alternating {
          let first = report.scenario("mm_i2t")?.samples.first { $0.id == sample.id }
          #expect((sample.loss ?? 0) >= (first?.loss ?? 1))
          #expect(first?.isCorrect == true || !sample.isCorrect)
        }
        if method == .worst {
          let members = ["mm_i2t", "mm_alt", "mm_co", "mm_sga"].compactMap { label in
            report.scenario(label)?.samples.first { $0.id == sample.id }
          }
          #expect(members.count == 4)
          #expect(!sample.isCorrect || members.allSatisfy(\.isCorrect))
        }
      }
      let planned = report.cost.rows.first { $0.label == row.label }?.cost
      #expect(row.forwards <= planned?.forwards ?? 0 && row.backwards <= planned?.backwards ?? 0)
    }
  }

  @Test("independent takes images and prompts of other rows only where they are alike in all")
  func sharedAttacks() throws {
    let model = try HandMade.clip()
    let zeroShot = try HandMade.subject().zeroShot
    let subject = try EvaluationSubject(try #require(zeroShot), name: "tiny")
    let data = try HandMade.data((0..<8).map { HandMade.Sample(label: $0 % 4, group: $0 % 3) })
    var weak = TextAttackParameters()
    weak.method = .char
    weak.forbidsNewWords = false
    weak.draws = 1
    let strong = try RetrievalTests.text(model)
    func report(
      _ image: ImageAttackSpecification, _ text: TextAttackSpecification, saves: String? = nil
    ) throws -> RobustnessReport {
      var evaluation = RobustnessEvaluation()
      evaluation.seed = 5
      evaluation.images = [try RetrievalTests.image()]
      evaluation.texts = [
        try TextAttackFactory.make(weak, model: model)
      ]
      evaluation.multimodal = [
        MultimodalSpecification(.independent, image: image, text: text)
      ]
      evaluation.output = saves
      evaluation.savedImages = saves == nil ? nil : .float
      return try evaluation.run(subject, data: data)
    }
    let alike = try report(
      RetrievalTests.image(), TextAttackFactory.make(weak, model: model))
    let row = try #require(alike.scenario("mm_sep"))
    #expect(row.backwards == 0 && alike.texts.map(\.name) == ["char"])
    #expect(row.samples.map(\.linf) == alike.scenario("image")?.samples.map(\.linf))
    // Another budget, and another text attack under the same names.
    var wide = try RetrievalTests.image()
    wide.settings.threat.budget = try Budget(.linf, 32.0 / 255)
    try withTemporaryDirectory { folder in
      let other = try report(wide, strong, saves: folder)
      let own = try #require(other.scenario("mm_sep"))
      #expect((own.samples.compactMap(\.linf).max() ?? 0) > 16.0 / 255 && own.backwards > 0)
      #expect(other.texts.map(\.name) == ["char", "mm_sep/pgd + char"])
      #expect(
        other.texts[0].prompts.map(\.adversarial) != other.texts[1].prompts.map(\.adversarial))
      let planned = other.cost.rows.first { $0.label == own.label }?.cost
      #expect(own.forwards <= planned?.forwards ?? 0 && own.backwards <= planned?.backwards ?? 0)
      // Its images lie in files, which judged it.
      let name = "\(folder)/images/mm_sep_pgd___char/000003-sample-3.safetensors"
      let saved = try #require(Safetensors.load(name).tensors["image"])
      let change = try (saved - data.batch([3]).images.selected(0, 0)).abs().max().item()
      #expect(own.samples[3].linf.map { abs($0 - change) < 1e-7 } == true)
    }
    // A function cannot be compared: it is nobody else's.
    var custom = try RetrievalTests.image()
    custom.settings.search.loss = .custom { logits, _ in try logits.sum(axes: [1]) }
    let apart = try report(custom, strong)
    #expect((apart.scenario("mm_sep")?.backwards ?? 0) > 0)
  }

  @Test func refusals() throws {
    let data = try HandMade.data([HandMade.Sample()])
    func message(_ change: (inout RobustnessEvaluation) throws -> Void) throws -> String {
      var evaluation = RobustnessEvaluation()
      try change(&evaluation)
      do { _ = try evaluation.run(HandMade.subject(), data: data) } catch { return "\(error)" }
      return "no error"
    }
    #expect(
      try message {
        $0.multimodal = [
          MultimodalSpecification(
            .imageFirst, image: try RetrievalTests.image(),
            text: try RetrievalTests.text(HandMade.clip()))
        ]
        $0.output = "/tmp/kilpi-no-such-folder"
        $0.savedImages = .float
      }
        == "save_images cannot keep rows of method \"image-first\", whose images go with prompts of "
        + "their own (leave it out, or keep them in another run)")
  }
}
