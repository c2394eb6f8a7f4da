internal import Diagnostics
package import Files

/// A run's folder: `run.json`, `metrics.jsonl`, `metrics.csv`, `log.txt`, `checkpoints/`, `model/`.
///
/// One process at a time owns it: see `FolderLock`.
package final class RunFolder {
  /// Where it is.
  package let path: String
  private let lock: FolderLock
  private var metrics: AppendOnlyFile
  private var table: AppendOnlyFile
  private let log: AppendOnlyFile
  private var columns: [String]

  private var metricsHash = SHA256()
  private var tableHash = SHA256()
  private var recordDigest: String?

  /// What the files hold, kept in checkpoints: a resumed run cuts the growing ones to it, and goes on only
  /// where they are what was written.
  package struct Contents: Equatable {
    /// Bytes of `metrics.jsonl`.
    package var metrics = 0
    /// Bytes of `metrics.csv`.
    package var table = 0
    /// SHA-256 of these bytes, and of `run.json`; nil in checkpoints of before.
    package var metricsDigest: String?
    /// Of `metrics.csv`.
    package var tableDigest: String?
    /// Of `run.json`.
    package var recordDigest: String?
  }

  /// Whether a run stands in a folder: its description, or a checkpoint of it.
  static func holdsRun(_ path: String) -> Bool {
    FileReader.exists(path + "/run.json")
      || !((try? TrainingCheckpoint.files(in: path)) ?? []).isEmpty
  }

  /// Makes the folder of a new run.
  ///
  /// - Throws: `KilpiError` when a run stands there already, or another process works in it.
  package static func create(_ path: String) throws -> RunFolder {
    func refuse() throws {
      guard holdsRun(path) else { return }
      throw KilpiError(
        "a run exists in '\(path)'", advice: "pass resume = true to continue it, or another out")
    }
    try refuse()
    try FileReader.makeDirectory(path + "/checkpoints")
    let lock = try FolderLock(path)
    // Another process may have begun, and ended, since.
    try refuse()
    return try RunFolder(path, lock, keeping: Contents())
  }

  /// Opens the folder of a run that goes on, with its files cut to what a checkpoint recorded.
  package init(_ path: String, _ lock: FolderLock, keeping contents: Contents) throws {
    self.path = path
    self.lock = lock
    metrics = try AppendOnlyFile(path: Self.metrics(path), keeping: contents.metrics)
    table = try AppendOnlyFile(path: Self.table(path), keeping: contents.table)
    log = try AppendOnlyFile(path: path + "/log.txt")
    let rows = try FileReader.bytes(at: Self.metrics(path))
    let cells = try FileReader.bytes(at: Self.table(path))
    columns =
      String(decoding: cells, as: UTF8.self).split(separator: "\n").first.map {
        $0.split(separator: ",").map(String.init)
      } ?? []
    recordDigest = try Self.recordDigest(path)
    rows.withUnsafeBytes { metricsHash.update($0) }
    cells.withUnsafeBytes { tableHash.update($0) }
  }

  private static func metrics(_ path: String) -> String { path + "/metrics.jsonl" }
  private static func table(_ path: String) -> String { path + "/metrics.csv" }

  /// The rows that the metric files held when they had these lengths, a row a step.
  ///
  /// - Throws: `KilpiError` when the files do not hold the rows of steps 1 … `steps` there, or when they
  ///   were changed since.
  static func rows(
    in path: String, _ contents: Contents, steps: Int
  ) throws -> [[JSONValue.Member]] {
    func lines(
      _ path: String, _ length: Int, count: Int, _ digest: String?
    ) throws -> [Substring.UTF8View] {
      let name = path.split(separator: "/").last ?? ""
      let bytes = FileReader.exists(path) ? try FileReader.bytes(at: path) : []
      guard (0...bytes.count).contains(length) else {
        throw KilpiError("\(name) has \(bytes.count) bytes, \(length) were recorded")
      }
      let text = Substring(decoding: bytes[..<length], as: UTF8.self).utf8
      let lines = text.split(separator: 0x0A, omittingEmptySubsequences: true)
      guard lines.count == count, length == 0 || bytes[length - 1] == 0x0A else {
        throw KilpiError(
          "\(name) holds \(lines.count) lines in \(length) bytes, \(count) were recorded")
      }
      guard digest == nil || digest == Self.digest(bytes[..<length]) else {
        throw KilpiError("\(name) was changed after it was written")
      }
      return lines
    }
    _ = try lines(table(path), contents.table, count: steps + 1, contents.tableDigest)
    return try lines(
      metrics(path), contents.metrics, count: steps, contents.metricsDigest
    ).enumerated().map { index, line in
      let row = try? JSONValue.parse(String(Substring(line)))
      guard let row = row?.object, row.first(where: { $0.key == "step" })?.value.int == index + 1
      else {
        throw KilpiError("line \(index + 1) of metrics.jsonl is not the row of that step")
      }
      return row
    }
  }

  /// What the files hold now.
  package var contents: Contents {
    Contents(
      metrics: metrics.length, table: table.length,
      metricsDigest: metricsHash.hexadecimal(), tableDigest: tableHash.hexadecimal(),
      recordDigest: recordDigest)
  }

  /// The SHA-256 of `run.json`; nil when there is none.
  static func recordDigest(_ path: String) throws -> String? {
    let file = path + "/run.json"
    return FileReader.exists(file) ? digest(try FileReader.bytes(at: file)[...]) : nil
  }

  private static func digest(_ bytes: ArraySlice<UInt8>) -> String {
    var digest = SHA256()
    bytes.withUnsafeBytes { digest.update($0) }
    return digest.hexadecimal()
  }

  /// Throws when the folder was removed, or something else stands in its place.
  func check() throws { try lock.check() }

  /// Throws when the folder or a metric file is no longer what was written.
  func checkFiles() throws {
    try check()
    try metrics.check()
    try table.check()
  }

  /// Appends one row to both metric files; the first row fixes the table's columns.
  package func append(_ row: [JSONValue.Member]) throws {
    let line = JSONValue.object(row).serialized() + "\n"
    try metrics.append(line)
    Array(line.utf8).withUnsafeBytes { metricsHash.update($0) }
    var lines = ""
    if columns.isEmpty {
      columns = row.map(\.key)
      lines = columns.joined(separator: ",") + "\n"
    }
    let cells = columns.map { key in
      guard let value = row.first(where: { $0.key == key })?.value else { return "" }
      return value.string ?? value.serialized()
    }
    lines += cells.joined(separator: ",") + "\n"
    try table.append(lines)
    Array(lines.utf8).withUnsafeBytes { tableHash.update($0) }
  }

  /// Appends a line to `log.txt`.
  package func note(_ line: String) throws { try log.append(line + "\n") }

  /// Writes `run.json`.
  package func record(_ value: JSONValue) throws {
    let text = value.serialized(indent: 2) + "\n"
    try AtomicFile.write(text, to: path + "/run.json")
    recordDigest = Self.digest(Array(text.utf8)[...])
  }
}
