import Diagnostics
import Files
import Processes
import TestSupport
import Testing

@testable import Evaluation

/// Several processes give the report and the record of one.
@Suite("evaluations over several processes") struct DistributedEvaluationTests {
  private static func run(
    _ group: ProcessGroup, _ folder: String, resumes: Bool = false, samples: SampleChoice = .all
  ) throws -> [String] {
    var evaluation = try RecordTests.evaluation(folder, resumes: resumes)
    evaluation.processes = group
    evaluation.samples = samples
    let data = try HandMade.data(RobustnessTests.samples())
    return try RecordTests.essence(evaluation.run(HandMade.subject(), data: data))
  }

  /// The lines of a record without clocks, and the checksums over these.
  private static func lines(_ folder: String) throws -> [String] {
    func timeless(_ value: JSONValue) -> JSONValue {
      guard let members = value.object else { return value }
      return .object(
        members.filter { $0.key != "seconds" && $0.key != "crc32" }
          .map { .init($0.key, timeless($0.value)) })
    }
    return try RecordFile.read(folder + "/record.jsonl").values.map { timeless($0).serialized() }
  }

  /// Four batches: shares that come out even, and not.
  @Test(arguments: [2, 3, 5]) func equalsOneProcess(size: Int) throws {
    try withTemporaryDirectory { folder in
      let whole = try Self.run(ProcessGroup(), folder + "/one")
      let known = try Self.lines(folder + "/one")
      let results = onProcesses(size) { try Self.run($0, folder + "/many") }
      #expect(results.count == size)
      for result in results { #expect(try result.get() == whole) }
      for (line, expected) in try zip(Self.lines(folder + "/many"), known) {
        #expect(line == expected)
      }
      #expect(try Self.lines(folder + "/many").count == known.count)

      // Cut in the middle, it goes on with another number of processes.
      let path = folder + "/many/record.jsonl"
      let bytes = try FileReader.bytes(at: path)
      let ends = bytes.indices.filter { bytes[$0] == 0x0A }.map { $0 + 1 }
      try AtomicFile.write(Array(bytes[..<ends[ends.count / 2]]), to: path)
      let resumed = onProcesses(4) { try Self.run($0, folder + "/many", resumes: true) }
      for result in resumed { #expect(try result.get() == whole) }
      #expect(Set(try Self.lines(folder + "/many")) == Set(known))
    }
  }

  @Test func withoutARecord() throws {
    let run: @Sendable (ProcessGroup) throws -> [String] = { group in
      var evaluation = try RobustnessTests.evaluation()
      evaluation.batch = 4
      evaluation.processes = group
      let data = try HandMade.data(RobustnessTests.samples())
      return try RecordTests.essence(evaluation.run(HandMade.subject(), data: data))
    }
    let whole = try run(ProcessGroup())
    for result in onProcesses(2, run) { #expect(try result.get() == whole) }
  }

  @Test func errorsAreEverybodys() throws {
    try withTemporaryDirectory { folder in
      _ = try Self.run(ProcessGroup(), folder + "/one")
      let texts = onProcesses(2) { try Self.run($0, folder + "/one") }.map { result -> String in
        guard case .failure(let error) = result else { return "" }
        return "\(error)"
      }
      let text =
        "an evaluation exists in '\(folder)/one' (pass resume = true to continue it, or another out)"
      #expect(texts == [text, "process 1: " + text])
      let different = onProcesses(2) { group in
        try Self.run(group, folder + "/two", samples: .ids(["sample-\(group.rank)"]))
      }
      for result in different {
        #expect(
          throws: KilpiError(
            "process 2 does other work than process 1",
            advice: "all processes must run the same script on the same data")
        ) { try result.get() }
      }
    }
  }
}
