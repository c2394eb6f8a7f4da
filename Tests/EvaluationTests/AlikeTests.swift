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

/// Reports and records are put together only where they are about the same things.
@Suite("alike and not alike") struct AlikeTests {
  private static let samples = (0..<8).map { HandMade.Sample(label: $0 % 4, group: $0 % 3) }

  private static func report(
    _ samples: [HandMade.Sample] = samples,
    _ change: (inout RobustnessEvaluation) throws -> Void = { _ in }
  ) throws -> RobustnessReport {
    var evaluation = RobustnessEvaluation()
    evaluation.images = [try HandMade.image("a", [1])]
    evaluation.texts = [HandMade.text()]
    try change(&evaluation)
    return try evaluation.run(HandMade.subject(), data: HandMade.data(samples))
  }

  private static func relabelled(_ names: [String], turned: Bool = false) throws -> Dataset {
    let data = try HandMade.data(samples)
    let labels = samples.map { turned ? 3 - $0.label : $0.label }
    return try MemoryDataset.make(
      images: data.batch(Array(0..<data.count)).images, labels: labels, classNames: names,
      ids: data.ids, name: data.name)
  }

  private func refusal(_ a: RobustnessReport, _ b: RobustnessReport) -> String {
    do { _ = try RobustnessComparison([("a", a), ("b", b)]) } catch { return "\(error)" }
    return "none"
  }

  @Test("comparisons over other data are refused") func otherData() throws {
    let first = try Self.report()
    var moved = Self.samples
    moved[3].group = 3
    #expect(
      refusal(first, try Self.report(moved))
        == "'b' and 'a' differ in the images of their data, whose samples have the same ids "
        + "(evaluate both on the same data)")
    let plain = RobustnessEvaluation()
    let function = EvaluationSubject(name: "f", classifier: HandMade.classifier())
    let names = ["red", "green", "blue", "grey"]
    func clean(_ data: Dataset) throws -> RobustnessReport { try plain.run(function, data: data) }
    let own = try clean(Self.relabelled(names))
    #expect(
      refusal(own, try clean(Self.relabelled(names, turned: true)))
        == "'b' and 'a' differ in labels: sample 'sample-0' is class 4 and class 1 (evaluate both on "
        + "the same data)")
    #expect(
      refusal(own, try clean(Self.relabelled(["red", "green", "blue", "gray"])))
        .hasPrefix("'b' and 'a' differ in the class names of their data"))
    #expect(refusal(own, own) == "none")
  }

  @Test("another strength is noted, other things that may change are refused") func attacks() throws
  {
    func named(_ cost: Int) throws -> RobustnessReport {
      try Self.report { $0.images[0].attack.setParameter("cost", .integer(cost)) }
    }
    let (ten, twenty) = (try named(10), try named(20))
    let both = try RobustnessComparison([("a", ten), ("b", twenty)])
    #expect(
      both.notes == [
        "image/a of 'b' is another attack than that of 'a', which may be the difference: cost 20, not 10"
      ])
    #expect(both.difference("b", row: "image/a") != nil)
    func worded(_ record: JSONValue) throws -> RobustnessReport {
      try Self.report { $0.texts[0].record = record }
    }
    #expect(
      refusal(try worded(.record(["words": 1])), try worded(.record(["words": 2])))
        == "'b' and 'a' differ in what text/x may do: words 2, not 1 (evaluate both alike)")
    #expect(
      refusal(ten, try Self.report { $0.images[0].targets = .one(2) }).contains(
        "targeted 2, not null"))
    func masked(_ values: [Float]) throws -> RobustnessReport {
      try Self.report { $0.images[0].mask = try Tensor(values, shape: [2, 2]) }
    }
    let text = refusal(try masked([1, 1, 0, 0]), try masked([1, 0, 0, 0]))
    #expect(text.contains("(1 of 4 free)") && text.contains("(2 of 4 free)"), "\(text)")
  }

  @Test("a row without samples has a dash, the others their differences") func empty() throws {
    let own = Self.samples.map(\.label)
    let report = try Self.report { $0.images[0].targets = .classes(own) }
    let both = try RobustnessComparison([("a", report), ("b", report)])
    #expect(
      both.difference("b", row: "image/a") == nil && both.difference("b", row: "clean") != nil)
  }

  @Test("a record of other labels is refused, and says so") func labels() throws {
    try withTemporaryDirectory { folder in
      var evaluation = RobustnessEvaluation()
      evaluation.output = folder
      let function = EvaluationSubject(name: "f", classifier: HandMade.classifier())
      let names = ["red", "green", "blue", "grey"]
      _ = try evaluation.run(function, data: Self.relabelled(names))
      evaluation.resumes = true
      for (data, part) in [
        (try Self.relabelled(names, turned: true), "labels"),
        (try Self.relabelled(["red", "green", "blue", "gray"]), "classes"),
      ] {
        let error = #expect(throws: KilpiError.self) { try evaluation.run(function, data: data) }
        #expect(error?.problem.contains("data.digests.\(part) was ") == true)
      }
    }
  }

  @Test("another function does not take the verdicts of the first; one that draws may go on")
  func functions() throws {
    let data = try HandMade.data(Self.samples)
    var draws = 0
    let random = EvaluationSubject(
      name: "f",
      classifier: Classifier { images in
        draws += 1
        return try HandMade.classifier()(images) + Tensor.full([images.shape[0], 4], Double(draws))
      })
    func plain(_ shift: Double) -> EvaluationSubject {
      EvaluationSubject(
        name: "f",
        classifier: Classifier {
          try HandMade.classifier()($0) + Tensor.full([$0.shape[0], 4], shift)
        })
    }
    func resumes(_ folder: String, _ subject: EvaluationSubject, _ again: EvaluationSubject) throws
    {
      var evaluation = RobustnessEvaluation()
      evaluation.output = folder
      _ = try evaluation.run(subject, data: data)
      evaluation.resumes = true
      _ = try evaluation.run(again, data: data)
    }
    try withTemporaryDirectory { folder in
      try resumes(folder + "/same", plain(0), plain(0))
      try resumes(folder + "/rounding", plain(0), plain(1e-5))
      try resumes(folder + "/random", random, random)
      let error = #expect(throws: KilpiError.self) {
        try resumes(folder + "/other", plain(0), plain(0.5))
      }
      #expect(
        error?.problem
          == "the record was begun with other settings: answers.sample 1.1 was 2.0, is 2.5")
    }
  }

  @Test("limits that ended searches of texts stand in the report") func limits() throws {
    let text = TextAttackSpecification(name: "x") { classifier, _ in
      var attack = TextAttack()
      attack.sources = [CandidateSource("x", substitutes: { [$0 + "x", $0 + "y"] })]
      attack.scope = .prompt
      attack.maxQueries = 2
      return try attack.perturb(classifier.prompts.map { TextPrompt($0) }) { texts in
        try Tensor.full([texts.count, 4], 0.5)
      }
    }
    let report = try Self.report { $0.texts = [text] }
    let row = try #require(report.scenario("text/x"))
    #expect(row.flags.map(\.flag.kind) == [.limitReached])
    #expect(
      report.notes.contains(
        "text/x: limit_reached: 4 of 4 searches of texts ended early (4 at max_queries): a longer one may "
          + "break more"))
    #expect(report.json["texts"]?.array?[0]["stopped"]?["max_queries"]?.int == 4)
    try withTemporaryDirectory { folder in
      try report.save(folder)
      #expect(try RobustnessReport(saved: folder).table(.csv) == report.table(.csv))
    }
  }

  @Test("texts' distance stands beside success; answers that ignore prompts are named") func texts()
    throws
  {
    let report = try Self.report()
    // One word of each prompt has an x behind it.
    #expect(report.texts[0].meanLevenshtein == 1)
    #expect(report.textNotes()[0].contains("mean Levenshtein distance 1.0"))
    #expect(report.table(.csv).contains(",1.0,,,"))
    #expect(report.notes.contains { $0.contains("text/x: no answer changed with the prompts") })
    var turned = Self.samples
    turned[0].isTurnedByText = true
    #expect(try !Self.report(turned).notes.contains { $0.contains("no answer changed") })
  }

  @Test("rows whose names are one name of files keep their images apart") func folders() throws {
    try withTemporaryDirectory { folder in
      _ = try Self.report {
        $0.images = [try HandMade.image("a/b", [1]), try HandMade.image("a_b", [2])]
        $0.attacksEach = true
        $0.texts = []
        $0.output = folder
        $0.savedImages = .float
      }
      let names = try FileReader.names(in: folder + "/images")
      #expect(names == ["image_a_b", "image_a_b-2"])
      for name in names {
        #expect(try FileReader.names(in: "\(folder)/images/\(name)").count == 8)
      }
    }
  }

  @Test("a folder holds one kind of result") func kinds() throws {
    let report = try Self.report()
    try withTemporaryDirectory { folder in
      try AtomicFile.write("{}", to: folder + "/items.jsonl")
      let error = #expect(throws: KilpiError.self) { try report.save(folder) }
      #expect(
        error?.description
          == "'\(folder)' holds a retrieval report (save a report of robustness in another folder)")
      try report.save(folder + "/own")
      try AtomicFile.write("{", to: folder + "/own/report.json")
      let damaged = #expect(throws: KilpiError.self) {
        try RobustnessReport(saved: folder + "/own")
      }
      #expect(damaged?.problem.hasPrefix("cannot read '\(folder)/own/report.json': ") == true)
    }
  }

  @Test("ends of lines and marks do not break out of a cell") func cells() {
    #expect(TextTable.latex("a\r\nb&\u{301}c\rd") == "a b\\&\u{301}c d")
    var table = TextTable(columns: [.init("n", isNumber: false)])
    table.rows = [["x\r\ny|\u{301}z"]]
    #expect(table.markdown() == "| n |\n|---|\n| x y\\|\u{301}z |\n")
    #expect(!table.latex(remarks: ["one\r\ntwo"]).contains("\ntwo"))
    #expect(TextTable.csv([["a\"\u{301}b"]]) == "\"a\"\"\u{301}b\"\r\n")
  }
}
