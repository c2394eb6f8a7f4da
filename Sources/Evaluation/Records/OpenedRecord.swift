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
    try FileReader.makeDirectory(folder)
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
    let differences = Self.differences(known, now, path: "")
    let serious = differences.filter {
      !$0.hasPrefix("machine.") || $0.hasPrefix("machine.precision")
    }
    guard serious.isEmpty else {
      let rest = serious.count > 8 ? "; and \(serious.count - 8) more" : ""
      throw KilpiError(
        "",
        "the record was begun with other settings: "
          + serious.prefix(8).joined(separator: "; ") + rest,
        advice: "use the same settings, or another out")
    }
    notes += differences.map { "the record was begun on another machine: " + $0 }
  }

  /// Every place in which two values differ: `data.n was 3, is 4`.
  static func differences(_ a: JSONValue, _ b: JSONValue, path: String) -> [String] {
    if a == b { return [] }
    func inside(_ key: String) -> String { path.isEmpty ? key : path + "." + key }
    if let before = a.object, let after = b.object {
      let keys = before.map(\.key) + after.map(\.key).filter { key in a[key] == nil }
      return keys.flatMap { key in
        differences(a[key] ?? .null, b[key] ?? .null, path: inside(key))
      }
    }
    if let before = a.array, let after = b.array, before.count == after.count {
      return before.indices.flatMap {
        differences(before[$0], after[$0], path: inside(String($0 + 1)))
      }
    }
    func short(_ value: JSONValue) -> String {
      let text = value.serialized()
      return text.count > 60 ? text.prefix(59) + "…" : text
    }
    return ["\(path) was \(short(a)), is \(short(b))"]
  }
}
