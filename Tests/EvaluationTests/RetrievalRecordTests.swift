import AttackPlans
import Attacks
import ClipModels
import Datasets
import Diagnostics
import Files
import Processes
import Tensors
import TestSupport
import Testing
import Training

@testable import Evaluation

/// The record of a retrieval: cut anywhere, shared among processes, refused when it does not fit.
@Suite("records of retrieval") struct RetrievalRecordTests {
  static func evaluation(
    _ model: ClipModel, _ folder: String?, resumes: Bool = false
  ) throws -> RetrievalEvaluation {
    var evaluation = try RetrievalTests.evaluation(model)
    evaluation.batch = 4
    evaluation.output = folder
    evaluation.resumes = resumes
    return evaluation
  }

  /// A result without its clocks and notes.
  static func essence(_ report: RetrievalReport) -> [String] {
    func timeless(_ value: JSONValue) -> JSONValue {
      if let members = value.object {
        return .object(
          members.filter { $0.key != "seconds" && $0.key != "notes" }.map {
            .init($0.key, timeless($0.value))
          })
      }
      return value.array.map { .array($0.map(timeless)) } ?? value
    }
    return [timeless(report.json).serialized(), report.itemLines]
  }

  @Test("cut anywhere, the record gives the same result")
  func resumesAfterAnyCut() throws {
    let (model, data) = (try HandMade.clip(), try RetrievalTests.data())
    try withTemporaryDirectory { folder in
      let whole = Self.essence(try Self.evaluation(model, folder).run(model, data: data))
      #expect(Self.essence(try Self.evaluation(model, nil).run(model, data: data)) == whole)
      let path = folder + "/record.jsonl"
      let bytes = try FileReader.bytes(at: path)
      let ends = bytes.indices.filter { bytes[$0] == 0x0A }.map { $0 + 1 }
      // The header; two batches of clean images, of two attacks on images and of three galleries, which
      // worst shares; two texts.
      #expect(ends.count == 1 + 2 * 6 + 2)
      // Ends of lines from the first to the last but one, and places within lines.
      let cuts = [0, 2, 5, 9, 13].map { ends[$0] } + [0, 1, 4, 12, 14].map { ends[$0] - 20 }
      for cut in [0] + cuts {
        try AtomicFile.write(Array(bytes[..<cut]), to: path)
        let resumed = try Self.evaluation(model, folder, resumes: true).run(model, data: data)
        #expect(Self.essence(resumed) == whole, "cut at \(cut)")
        let isTorn = cut > 0 && bytes[cut - 1] != 0x0A
        #expect(resumed.notes.contains { $0.contains("torn") } == isTorn, "cut at \(cut)")
        let lines = try RecordFile.read(path)
        #expect(lines.torn == 0 && lines.values.count == ends.count, "cut at \(cut)")
      }
    }
  }

  @Test("several processes give the report and the record of one")
  func processes() throws {
    let run: @Sendable (ProcessGroup, String, Bool) throws -> [String] = { group, folder, resumes in
      let model = try HandMade.clip()
      var evaluation = try Self.evaluation(model, folder, resumes: resumes)
      evaluation.batch = 2
      evaluation.processes = group
      return Self.essence(try evaluation.run(model, data: RetrievalTests.data()))
    }
    try withTemporaryDirectory { folder in
      let whole = try run(ProcessGroup(), folder + "/one", false)
      // Three batches: the second round is not full.
      let results = onProcesses(2) { try run($0, folder + "/many", false) }
      for result in results { #expect(try result.get() == whole) }
      // Cut in the middle, it goes on with another number of processes.
      let path = folder + "/many/record.jsonl"
      let bytes = try FileReader.bytes(at: path)
      let ends = bytes.indices.filter { bytes[$0] == 0x0A }.map { $0 + 1 }
      try AtomicFile.write(Array(bytes[..<ends[ends.count / 2]]), to: path)
      for result in onProcesses(4, { try run($0, folder + "/many", true) }) {
        #expect(try result.get() == whole)
      }
      #expect(try RecordFile.read(path).values.count == ends.count)
      // Where the first process cannot begin, all throw.
      for result in onProcesses(2, { try run($0, folder + "/many", false) }) {
        #expect((try? result.get()) == nil)
      }
    }
  }

  @Test("what is finished is not computed again: a bent feature stays in the result")
  func finishedPartsAreKept() throws {
    let (model, data) = (try HandMade.clip(), try RetrievalTests.data())
    try withTemporaryDirectory { folder in
      let whole = try Self.evaluation(model, folder).run(model, data: data)
      let path = folder + "/record.jsonl"
      let lines = try RecordFile.read(path).values
      try AtomicFile.write("", to: path)
      let file = try RecordFile(path: path, keeping: 0)
      for line in lines {
        var members = (line.object ?? []).filter { $0.key != "crc32" }
        if line["row"]?.string?.hasPrefix("2 image/pgd") == true, line["first"]?.int == 0 {
          var part = try #require(try RetrievalPart(line))
          part.features = try part.features * -1
          members = try part.members()
        }
        try file.append(members)
      }
      let bent = try Self.evaluation(model, folder, resumes: true).run(model, data: data)
      #expect(bent.scenario("image/pgd")?.ranks != whole.scenario("image/pgd")?.ranks)
      #expect(bent.scenario("image/away")?.ranks == whole.scenario("image/away")?.ranks)
    }
  }

  @Test("other settings, data and files are refused")
  func refusals() throws {
    let (model, data) = (try HandMade.clip(), try RetrievalTests.data())
    func message(_ body: () throws -> Void) -> String {
      do { try body() } catch { return "\(error)" }
      return "no error"
    }
    try withTemporaryDirectory { folder in
      _ = try Self.evaluation(model, folder).run(model, data: data)
      #expect(
        message { _ = try Self.evaluation(model, folder).run(model, data: data) }
          == "an evaluation exists in '\(folder)' (pass resume = true to continue it, or another out)"
      )
      #expect(
        message {
          var other = try Self.evaluation(model, folder, resumes: true)
          other.batch = 5
          _ = try other.run(model, data: data)
        }
          == "the record was begun with other settings: batch was 4, is 5 "
          + "(use the same settings, or another out)")
      // Everything that fixes a row is compared, not only what its names tell.
      for change in 0..<5 {
        var other = try Self.evaluation(model, folder, resumes: true)
        switch change {
        case 0: other.images[0].specification.settings.search.draws = 2
        case 1: other.images[0].specification.settings.search.keep = .last
        case 2: other.images[0].objective = .cosine
        case 3: other.texts[1].leavesImages = false
        default: other.multimodal[1].image.settings.search.draws = 2
        }
        let changed = other
        let text = message { _ = try changed.run(model, data: data) }
        #expect(text.hasPrefix("the record was begun with other settings: rows."), "\(text)")
      }
      #expect(
        message {
          let other = data.map { (sample: Sample) -> Sample in
            var other = sample
            other.image = .values([Float](repeating: 0.5, count: 192), width: 8, height: 8)
            return other
          }
          _ = try Self.evaluation(model, folder, resumes: true).run(model, data: other)
        }
          == "images 1 … 4 have other pixels than when the record was begun "
          + "(use the same data, or another out)")
      let path = folder + "/record.jsonl"
      try AtomicFile.write("", to: path)
      try RecordFile(path: path, keeping: 0).append([.init("evaluation", .record([:]))])
      #expect(
        message { _ = try Self.evaluation(model, folder, resumes: true).run(model, data: data) }
          == "'\(path)' is no record of a retrieval (use another out)")
    }
    #expect(
      message { _ = try Self.evaluation(model, nil, resumes: true).run(model, data: data) }
        == "resume needs out (name the evaluation's folder)")
  }

  @Test("worst shares the gallery of a row that is alike, and of no other")
  func sharedGalleries() throws {
    let (model, data) = (try HandMade.clip(), try RetrievalTests.data())
    var evaluation = RetrievalEvaluation()
    let wide = ImageAttackSpecification(
      name: "pgd", attack: ProjectedGradientDescent(steps: 3),
      settings: AttackSettings(budget: try Budget(.linf, 16.0 / 255)))
    let text = try RetrievalTests.text(model)
    var worst = MultimodalSpecification(.worst, image: try RetrievalTests.image(), text: text)
    worst.methods = [.coAttack]
    evaluation.multimodal = [
      MultimodalSpecification(.coAttack, image: wide, text: text), worst,
    ]
    let apart = try evaluation.run(model, data: data)
    let largest = try #require(apart.scenario("mm_worst")?.largest).linf
    #expect(largest > 0 && largest <= 8.0 / 255)
    evaluation.multimodal[0].image = worst.image
    var calls = 0
    evaluation.progress = { if $0.name == "retrieval" { calls = max(calls, $0.total) } }
    let shared = try evaluation.run(model, data: data)
    // Clean images and one gallery.
    #expect(calls == 2 * 6)
    let (row, member) = (shared.scenario("mm_co"), shared.scenario("mm_worst"))
    #expect(
      member?.ranks == apart.scenario("mm_worst")?.ranks && row?.largest?.l2 == member?.largest?.l2)
  }
}
