import AttackPlans
import Attacks
import Datasets
import Diagnostics
import Files
import Tensors
import TestSupport
import Testing

@testable import Evaluation

/// The append-only record of an evaluation (B54).
@Suite("evaluation records") struct RecordTests {
  static func evaluation(
    _ folder: String, resumes: Bool = false
  ) throws -> RobustnessEvaluation {
    var evaluation = try RobustnessTests.evaluation()
    evaluation.attacksEach = false
    evaluation.images[1] = try HandMade.image("b", [2], flag: .zeroGradient)
    evaluation.batch = 3
    evaluation.output = folder
    evaluation.resumes = resumes
    return evaluation
  }

  /// A result without its clocks: what must not depend on where the evaluation was cut.
  static func essence(_ report: RobustnessReport) throws -> [String] {
    func timeless(_ value: JSONValue) -> JSONValue {
      if let members = value.object {
        return .object(
          members.filter { $0.key != "seconds" }.map { .init($0.key, timeless($0.value)) })
      }
      return value.array.map { .array($0.map(timeless)) } ?? value
    }
    var json = timeless(report.json)
    json = .object((json.object ?? []).filter { $0.key != "notes" })
    let pictures = try report.pictures.map { picture in
      let attacked = try picture.attacked.map {
        "\($0.row) \($0.prediction) \(try $0.image.floats())"
      }
      return "\(picture.id) \(picture.prediction) \(attacked)"
    }
    return [json.serialized(), report.sampleLines] + pictures
  }

  @Test("cut anywhere, the record gives the same result")
  func resumesAfterAnyCut() throws {
    let (subject, data) = (
      try HandMade.subject(), try HandMade.data(RobustnessTests.samples())
    )
    try withTemporaryDirectory { folder in
      let first = try Self.evaluation(folder).run(subject, data: data)
      let whole = try Self.essence(first)
      let path = folder + "/record.jsonl"
      let bytes = try FileReader.bytes(at: path)
      let plain = try Self.evaluation(folder + "/again").run(subject, data: data)
      #expect(try Self.essence(plain) == whole)
      // Every line's end, and places within lines, the middle of the first one too.
      let ends = bytes.indices.filter { bytes[$0] == 0x0A }.map { $0 + 1 }
      let cuts =
        [0, 100] + ends.enumerated().filter { $0.offset % 5 == 0 }.map(\.element)
        + ends.enumerated().filter { $0.offset % 7 == 0 }.map { $0.element - 20 }
      for cut in cuts {
        try AtomicFile.write(Array(bytes[..<cut]), to: path)
        let resumed = try Self.evaluation(folder, resumes: true).run(subject, data: data)
        #expect(try Self.essence(resumed) == whole, "cut at \(cut)")
        let isTorn = cut > 0 && bytes[cut - 1] != 0x0A
        #expect(resumed.notes.contains { $0.contains("torn") } == isTorn, "cut at \(cut)")
        // The record is whole again, whatever order its lines have.
        let lines = try RecordFile.read(path)
        #expect(lines.torn == 0 && lines.values.count == ends.count, "cut at \(cut)")
      }
    }
  }

  @Test("what is finished is not computed again")
  func finishedPartsAreSkipped() throws {
    let data = try HandMade.data(RobustnessTests.samples())
    var subject = try HandMade.subject()
    try withTemporaryDirectory { folder in
      var calls = 0
      let classifier = subject.classifier
      subject.classifier = Classifier { images in
        calls += 1
        if calls == 20 { throw KilpiError("the power fails") }
        return try classifier(images)
      }
      #expect(throws: KilpiError.self) { try Self.evaluation(folder).run(subject, data: data) }
      let before = try RecordFile.read(folder + "/record.jsonl").values.count
      #expect(before > 10)
      _ = try Self.evaluation(folder, resumes: true).run(subject, data: data)
      let needed = calls - 20
      calls = 100
      _ = try Self.evaluation(folder + "/whole").run(subject, data: data)
      #expect(needed < calls - 100 - 10)
      calls = 100
      let again = try Self.evaluation(folder, resumes: true).run(subject, data: data)
      #expect(calls == 100 && again.count == 10)
    }
  }

  /// The set with one sample's image changed by a closure.
  private static func changed(_ data: Dataset) -> Dataset {
    data.map { (sample: Sample) -> Sample in
      guard sample.id == "sample-4",
        case .values(var values, width: let width, height: let height) = sample.image
      else { return sample }
      values[2] = 0.5
      var other = sample
      other.image = .values(values, width: width, height: height)
      return other
    }
  }

  struct Change: CustomTestStringConvertible, @unchecked Sendable {
    let expected: String
    let change: (inout RobustnessEvaluation) throws -> Void
    var testDescription: String { expected }
  }

  static let changes = [
    Change(expected: "batch was 3, is 4") { $0.batch = 4 },
    Change(expected: "rows.3.attack.image.eps was 0.03137254901960784, is 0.5") {
      $0.images[1].settings.threat.budget = try Budget(.linf, 0.5)
    },
    Change(expected: "data.n was 10, is 2") { $0.samples = .ids(["sample-1", "sample-2"]) },
    Change(expected: "seed was null, is 7") { $0.seed = 7 },
    Change(expected: "threat.each was false, is true") { $0.attacksEach = true },
    Change(expected: "save_images was null, is \"png\"") { $0.savedImages = .png },
  ]

  @Test("another evaluation is refused, with what differs", arguments: changes)
  func otherSettings(_ row: Change) throws {
    let (subject, data) = (
      try HandMade.subject(), try HandMade.data(RobustnessTests.samples())
    )
    try withTemporaryDirectory { folder in
      _ = try Self.evaluation(folder).run(subject, data: data)
      var evaluation = try Self.evaluation(folder, resumes: true)
      try row.change(&evaluation)
      do {
        _ = try evaluation.run(subject, data: data)
        Issue.record("no error")
      } catch let error as KilpiError {
        #expect(error.problem.hasPrefix("the record was begun with other settings: "))
        #expect(error.problem.contains(row.expected), "\(error)")
        #expect(error.advice == "use the same settings, or another out")
      }
    }
  }

  @Test func refusals() throws {
    let (subject, data) = (
      try HandMade.subject(), try HandMade.data(RobustnessTests.samples())
    )
    func message(_ body: () throws -> Void) -> String {
      do { try body() } catch { return "\(error)" }
      return "no error"
    }
    try withTemporaryDirectory { folder in
      _ = try Self.evaluation(folder).run(subject, data: data)
      #expect(
        message { _ = try Self.evaluation(folder).run(subject, data: data) }
          == "an evaluation exists in '\(folder)' (pass resume = true to continue it, or another out)"
      )
      var samples = RobustnessTests.samples()
      samples[4].group = 2
      let others = try HandMade.data(samples)
      func resumed(_ data: Dataset) -> String {
        message { _ = try Self.evaluation(folder, resumes: true).run(subject, data: data) }
      }
      let refusal = resumed(others)
      #expect(
        refusal.hasPrefix("the record was begun with other settings: data.digests.contents was "))
      // A closure is not looked into: its images tell.
      #expect(
        resumed(Self.changed(data))
          == "sample 'sample-4' has other pixels than when the record was begun (use the same "
          + "data, or another out)")
      let path = folder + "/record.jsonl"
      var bytes = try FileReader.bytes(at: path)
      let middle = bytes.count / 2
      bytes[middle] = bytes[middle] == 0x31 ? 0x32 : 0x31
      try AtomicFile.write(bytes, to: path)
      #expect(
        message { _ = try Self.evaluation(folder, resumes: true).run(subject, data: data) }
          .contains("its checksum is wrong"))
      try AtomicFile.write("", to: path)
      try RecordFile(path: path, keeping: 0).append([.init("x", 1)])
      #expect(
        message { _ = try Self.evaluation(folder, resumes: true).run(subject, data: data) }
          == "'\(path)' is no record of an evaluation (use another out)")
    }
    var homeless = try RobustnessTests.evaluation()
    homeless.resumes = true
    #expect(
      message { _ = try homeless.run(subject, data: data) }
        == "resume needs out (name the evaluation's folder)")
  }

  @Test("other machines are told, not refused")
  func machines() {
    let before = JSONValue.record(["machine": .record(["blas_core": "Haswell"]), "a": [1, 2]])
    let differences = before.differences(
      to: .record(["machine": .record(["blas_core": "Zen"]), "a": [1, 3], "b": 4])
    ).map(\.description)
    #expect(
      differences == [
        "machine.blas_core was \"Haswell\", is \"Zen\"", "a.2 was 2, is 3", "b was null, is 4",
      ])
  }

  @Test("B54: a record keeps every bit of what was measured")
  func sampleBits() throws {
    var sample = SampleRecord(
      id: "a", label: 3, cleanPrediction: 3, prediction: 2, isCorrect: false)
    (sample.margin, sample.loss) = (-1.0 / 3, 8.438488614_000_001)
    (sample.linf, sample.l2, sample.l1) = (0.1 + 0.2, Double.pi / 7, 1.5e-300)
    (sample.forwards, sample.backwards, sample.flags) = (7, 5, ["lost_in_file", "x"])
    let text = JSONValue.object(sample.members(row: "image/a")).serialized()
    #expect(SampleRecord(try JSONValue.parse(text)) == sample)
  }

  @Test("a record keeps what is not a number")
  func sampleLines() throws {
    var sample = SampleRecord(
      id: "x/y \"z\"", label: 3, cleanPrediction: 3, prediction: nil, isCorrect: false)
    sample.margin = .nan
    sample.loss = -.infinity
    sample.linf = 0.1 + 0.2
    sample.forwards = 7
    sample.flags = ["not_attacked"]
    let text = JSONValue.object(sample.members(row: "image/a")).serialized()
    let back = try #require(SampleRecord(try JSONValue.parse(text)))
    #expect(JSONValue.object(back.members(row: "image/a")).serialized() == text)
    #expect(back.margin?.isNaN == true && back.linf == 0.1 + 0.2 && back.prediction == nil)
    #expect(back.l2 == nil && back.backwards == nil)
  }
}

/// I5: attacked images as files, judged on what the files hold.
@Suite("saved images") struct SavedImageTests {
  private static func run(
    _ kind: SavedImages, _ folder: String, step: Float = 0.03, norm: Norm = .linf,
    epsilon: Double = 8.0 / 255
  ) throws -> RobustnessReport {
    var evaluation = RobustnessEvaluation()
    evaluation.images = [try HandMade.image("a", [1], step: step)]
    evaluation.images[0].settings.threat.budget = try Budget(norm, epsilon)
    evaluation.output = folder
    evaluation.savedImages = kind
    return try evaluation.run(
      EvaluationSubject(name: "f", classifier: HandMade.classifier()),
      data: HandMade.data(RobustnessTests.samples(), onLevels: true))
  }

  @Test(arguments: SavedImages.allCases)
  func theFilesHoldBudgetAndAttack(_ kind: SavedImages) throws {
    try withTemporaryDirectory { folder in
      let report = try Self.run(kind, folder)
      let row = try #require(report.scenario("image/a"))
      #expect(row.problems == [])
      let names = try FileReader.names(in: folder + "/images/image_a")
      let end = kind == .png ? ".png" : ".safetensors"
      #expect(names == (2..<10).map { "00000\($0)-sample-\($0)" + end })
      for (index, sample) in row.samples.enumerated() {
        let isBroken = (2..<7).contains(index)
        #expect(sample.isCorrect == (!isBroken && index > 1))
        // 0.03 lies between levels 7 and 8; float32 holds 8/255 a little above the budget.
        let expected = !isBroken ? 0 : kind == .png ? 7.0 / 255 : 0.03
        #expect(abs((sample.linf ?? -1) - expected) < 1e-7, "sample \(index)")
        #expect((sample.linf ?? 1) <= 8.0 / 255)
        #expect(sample.forwards == (index > 1 ? 4 : 3))
      }
    }
  }

  @Test("an attack that rounding undoes is counted as failed, and says so")
  func lostInTheFile() throws {
    try withTemporaryDirectory { folder in
      // A mark of 0.0205 is seen from 0.02 on; within 5.5/255 the nearest level, 5/255, is 0.0196.
      let report = try Self.run(.png, folder, step: 0.0205, epsilon: 5.5 / 255)
      let row = try #require(report.scenario("image/a"))
      #expect(row.accuracy.count == 8)
      #expect(row.samples[3].flags == ["lost_in_file"] && row.samples[3].isCorrect)
      let note = report.notes.first { $0.hasPrefix("image/a: the attack broke 5 samples that the") }
      #expect(note?.hasSuffix("save_images = \"float\" keeps images as they are") == true)
      let exact = try Self.run(.float, folder + "/float", step: 0.0205, epsilon: 5.5 / 255)
      #expect(exact.scenario("image/a")?.accuracy.count == 3)
    }
  }

  @Test func refusals() throws {
    func message(_ body: () throws -> Void) -> String {
      do { try body() } catch { return "\(error)" }
      return "no error"
    }
    try withTemporaryDirectory { folder in
      #expect(
        message { _ = try Self.run(.png, folder, norm: .l2) }
          == "a PNG holds linf budgets, a has l2 (use save_images = \"float\")")
      #expect(message { _ = try Self.run(.float, folder, norm: .l2) } == "no error")
    }
    #expect(FileNames.plain("a/b c.ä") == "a_b_c._")
  }
}
