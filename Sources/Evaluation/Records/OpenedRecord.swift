internal import Diagnostics
internal import Files

/// `record.jsonl` in the folder of an evaluation, begun or taken up: its first line says what is
/// evaluated, the others what is finished.
struct OpenedRecord {
  /// What is finished goes on here.
  let file: RecordFile
  /// Held as long as the record is written.
  let lock: FolderLock
  /// The lines behind the first that stood there already.
  let lines: [JSONValue]
  /// What a reader of the result must know.
  private(set) var notes: [String] = []

  static func path(_ folder: String) -> String { folder + "/record.jsonl" }

  /// Begins a record, or takes up the one that stands in `folder`.
  ///
  /// - Parameters:
  ///   - kind: the member of the first line that holds the header; it tells records apart.
  ///   - header: everything that fixes the result; members of `machine` may differ, but for the
  ///     precision.
  ///   - resumes: a record may stand there already.
  init(_ folder: String, kind: String, header: JSONValue, resumes: Bool) throws {
    let path = Self.path(folder)
    try ResultFolder.claim(folder, for: kind == "retrieval" ? .retrieval : .robustness)
    lock = try FolderLock(folder)
    var contents = RecordFile.Contents()
    if FileReader.exists(path) {
      guard resumes else {
        throw KilpiError(
          "", "an evaluation exists in '\(folder)'",
          advice: "pass resume = true to continue it, or another out")
      }
      contents = try RecordFile.read(path)
      AtomicFile.removeLeftovers(in: folder)
    }
    file = try RecordFile(path: path, keeping: contents.length)
    lines = Array(contents.values.dropFirst())
    if contents.torn > 0 {
      notes.append(
        "the record's last line was torn (\(contents.torn) bytes): dropped, and computed again")
    }
    // What was written is compared, with numbers as text gives them back.
    let header = try JSONValue.parse(header.serialized())
    guard let first = contents.values.first else {
      try file.append([.init(kind, header)])
      return
    }
    guard let known = first[kind] else {
      throw KilpiError(
        "", "'\(path)' is no record of \(kind == "evaluation" ? "an" : "a") \(kind)",
        advice: "use another out")
    }
    try compare(known, header)
  }

  private mutating func compare(_ known: JSONValue, _ now: JSONValue) throws {
    let all = known.differences(to: now).filter { !Self.isRounding($0) }
    // One answer stands for all of them.
    let answer = all.firstIndex(where: Self.isAnswer)
    let differences = all.enumerated().filter { !Self.isAnswer($1) || $0 == answer }.map(\.element)
    let serious = differences.filter {
      !$0.path.hasPrefix("machine.") || $0.path == "machine.precision"
    }
    guard serious.isEmpty else {
      let rest = serious.count > 8 ? "; and \(serious.count - 8) more" : ""
      throw KilpiError(
        "",
        "the record was begun with other settings: "
          + serious.prefix(8).map(\.description).joined(separator: "; ") + rest,
        advice: "use the same settings, or another out")
    }
    notes += differences.map { "the record was begun on another machine: \($0)" }
  }

  private static func isAnswer(_ difference: JSONDifference) -> Bool {
    difference.path == "answers" || difference.path.hasPrefix("answers.")
  }

  /// Answers of a function that another machine rounds otherwise: within 1e-3 of each other.
  private static func isRounding(_ difference: JSONDifference) -> Bool {
    guard isAnswer(difference), let before = difference.before.double,
      let after = difference.after.double
    else { return false }
    return (before - after).magnitude <= 1e-3 * max(1, before.magnitude)
  }
}
