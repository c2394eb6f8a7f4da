internal import Diagnostics
internal import Files

/// `record.jsonl` in the folder of an evaluation, begun or taken up: its first line says what is
/// evaluated, the others what is finished.
final class RunRecord {
  /// nil where another process writes.
  private let file: RecordFile?
  /// Held as long as the record is written.
  private let lock: FolderLock?
  /// The lines behind the first that stood there already.
  let lines: [JSONValue]
  /// What a reader of the result must know.
  private(set) var notes: [String] = []

  /// This process writes the record, and whatever else is kept beside it.
  var isWritten: Bool { file != nil }

  /// Begins a record, or takes up the one that stands in `folder`.
  ///
  /// - Parameters:
  ///   - kind: what is evaluated.
  ///   - header: everything that fixes the result; members of `machine` may differ, but for the
  ///     precision.
  ///   - resumes: a record may stand there already.
  ///   - take: takes a line; false when it has another format.
  init(
    _ folder: String, kind: ResultFolder.Kind, header: JSONValue, resumes: Bool,
    take: (JSONValue) throws -> Bool
  ) throws {
    let path = folder + "/record.jsonl"
    try ResultFolder.claim(folder, for: kind)
    lock = try FolderLock(folder)
    var contents = RecordFile.Contents()
    if FileReader.exists(path) {
      guard resumes else {
        throw KilpiError(
          "an evaluation exists in '\(folder)'",
          advice: "pass resume = true to continue it, or another out")
      }
      contents = try RecordFile.read(path)
      AtomicFile.removeLeftovers(in: folder)
    }
    let file = try RecordFile(path: path, keeping: contents.length)
    self.file = file
    lines = Array(contents.values.dropFirst())
    if contents.torn > 0 {
      notes.append(
        "the record's last line was torn (\(contents.torn) bytes): dropped, and computed again")
    }
    // What was written is compared, with numbers as text gives them back.
    let header = try JSONValue.parse(header.serialized())
    guard let first = contents.values.first else {
      try file.append([.init(kind.header, header)])
      return
    }
    guard let known = first[kind.header] else {
      throw KilpiError("'\(path)' is no record of \(kind.run)", advice: "use another out")
    }
    try compare(known, header)
    for (index, line) in lines.enumerated() where try !take(line) {
      throw KilpiError("'\(path)' has another format in line \(index + 2)")
    }
  }

  /// What another process's record held when it was taken up; it alone writes on.
  init(copying lines: [JSONValue], take: (JSONValue) throws -> Bool) throws {
    file = nil
    lock = nil
    self.lines = lines
    for line in lines where try !take(line) {
      throw KilpiError("the record of the first process cannot be read")
    }
  }

  /// Appends a line, where this process writes.
  func append(_ members: [JSONValue.Member]) throws { try file?.append(members) }

  private func compare(_ known: JSONValue, _ now: JSONValue) throws {
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
