import Diagnostics
import Files
import TestSupport
import Testing

@testable import Evaluation

@Suite struct RecordOwnershipTests {
  private static let header = JSONValue.record(["data": "x"])

  private func opened(
    _ folder: String, resumes: Bool, kind: ResultFolder.Kind = .robustness
  ) throws -> RunRecord {
    var known = FinishedUnits()
    return try RunRecord(folder, kind: kind, header: Self.header, resumes: resumes) {
      known.take($0)
    }
  }

  private func problem(_ body: () throws -> Void) -> String {
    do {
      try body()
      return "no error"
    } catch { return "\(error)" }
  }

  @Test func oneWriterARecord() throws {
    try withTemporaryDirectory { folder in
      let first = try opened(folder, resumes: false)
      let second = problem {
        _ = try opened(folder, resumes: true)
      }
      #expect(second.contains("already works in '\(folder)'"))
      #expect(first.lines.isEmpty)
      let retrieval = problem {
        _ = try opened(folder, resumes: true, kind: .retrieval)
      }
      #expect(retrieval.contains("already works in '\(folder)'"))
    }
  }

  /// Lines whose checksum is right and whose figures are not.
  static let lines: [[JSONValue.Member]] = [
    [.init("row", "image"), .init("finished", .integer(.max)), .init("count", 2)],
    [.init("row", "image"), .init("finished", .integer(.max)), .init("count", .integer(.max))],
    [.init("row", "image"), .init("finished", 0), .init("count", 4_000_000_000)],
    [.init("row", "image"), .init("finished", -1), .init("count", 0)],
    [.init("row", "image"), .init("finished", 0), .init("count", -1)],
  ]

  @Test(arguments: lines.indices) func figuresAreChecked(index: Int) throws {
    try withTemporaryDirectory { folder in
      do { _ = try opened(folder, resumes: false) }
      let path = folder + "/record.jsonl"
      let length = try RecordFile.read(path).length
      try RecordFile(path: path, keeping: length).append(Self.lines[index])
      #expect(
        problem { _ = try opened(folder, resumes: true) }
          == "'\(path)' has another format in line 2")
    }
  }

  @Test func aRecordThatIsRemovedIsAnError() throws {
    try withTemporaryDirectory { folder in
      let record = try opened(folder, resumes: false)
      try FileReader.remove(folder + "/record.jsonl")
      #expect(
        problem { try record.append(FinishedUnits.line(probes: [], note: nil)) }
          == "cannot write '\(folder)/record.jsonl': it was removed or replaced while it was being "
          + "written")
    }
  }
}
