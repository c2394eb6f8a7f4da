internal import Diagnostics
public import Files

/// A run's folder: `run.json`, `metrics.jsonl`, `metrics.csv`, `log.txt`, `checkpoints/`, `model/`.
///
/// One process at a time owns it: see `FolderLock`.
public final class RunFolder {
  /// Where it is.
  public let path: String
  private let lock: FolderLock
  private var metrics: AppendOnlyFile
  private var table: AppendOnlyFile
  private let log: AppendOnlyFile
  private var columns: [String]

  /// Lengths of the growing files, kept in checkpoints so that a resumed run cuts them first.
  public struct Lengths: Equatable {
    /// Bytes of `metrics.jsonl`.
    public var metrics: Int
    /// Bytes of `metrics.csv`.
    public var table: Int
  }

  /// Whether a run stands in a folder: its description, or a checkpoint of it.
  static func holdsRun(_ path: String) -> Bool {
    FileReader.exists(path + "/run.json")
      || !((try? TrainingCheckpoint.files(in: path)) ?? []).isEmpty
  }

  /// Makes the folder of a new run.
  ///
  /// - Throws: `KilpiError` when a run stands there already, or another process works in it.
  public static func create(_ path: String) throws -> RunFolder {
    func refuse() throws {
      guard holdsRun(path) else { return }
      throw KilpiError(
        "", "a run exists in '\(path)'",
        advice: "pass resume = true to continue it, or another out")
    }
    try refuse()
    try FileReader.makeDirectory(path + "/checkpoints")
    let lock = try FolderLock(path)
    // Another process may have begun, and ended, since.
    try refuse()
    return try RunFolder(path, lock, keeping: Lengths(metrics: 0, table: 0))
  }

  /// Opens the folder of a run that goes on, with its files cut to what a checkpoint recorded.
  public init(_ path: String, _ lock: FolderLock, keeping lengths: Lengths) throws {
    self.path = path
    self.lock = lock
    metrics = try AppendOnlyFile(path: Self.metrics(path), keeping: lengths.metrics)
    table = try AppendOnlyFile(path: Self.table(path), keeping: lengths.table)
    log = try AppendOnlyFile(path: path + "/log.txt")
    let text = try FileReader.text(at: Self.table(path))
    columns =
      text.split(separator: "\n").first.map { $0.split(separator: ",").map(String.init) } ?? []
  }

  private static func metrics(_ path: String) -> String { path + "/metrics.jsonl" }
  private static func table(_ path: String) -> String { path + "/metrics.csv" }

  /// The rows that the metric files held when they had these lengths, a row a step.
  ///
  /// - Throws: `KilpiError` when the files do not hold the rows of steps 1 … `steps` there.
  static func rows(
    in path: String, _ lengths: Lengths, steps: Int
  ) throws -> [[JSONValue.Member]] {
    func lines(_ path: String, _ length: Int, count: Int) throws -> [Substring.UTF8View] {
      let name = path.split(separator: "/").last ?? ""
      let bytes = FileReader.exists(path) ? try FileReader.bytes(at: path) : []
      guard (0...bytes.count).contains(length) else {
        throw KilpiError("", "\(name) has \(bytes.count) bytes, \(length) were recorded")
      }
      let text = Substring(decoding: bytes[..<length], as: UTF8.self).utf8
      let lines = text.split(separator: 0x0A, omittingEmptySubsequences: true)
      guard lines.count == count, length == 0 || bytes[length - 1] == 0x0A else {
        throw KilpiError(
          "", "\(name) holds \(lines.count) lines in \(length) bytes, \(count) were recorded")
      }
      return lines
    }
    _ = try lines(table(path), lengths.table, count: steps + 1)
    return try lines(metrics(path), lengths.metrics, count: steps).enumerated().map { index, line in
      let row = try? JSONValue.parse(String(Substring(line)))
      guard let row = row?.object, row.first(where: { $0.key == "step" })?.value.int == index + 1
      else {
        throw KilpiError("", "line \(index + 1) of metrics.jsonl is not the row of that step")
      }
      return row
    }
  }

  /// How long the growing files are now.
  public var lengths: Lengths { Lengths(metrics: metrics.length, table: table.length) }

  /// Throws when the folder was removed, or something else stands in its place.
  func check() throws { try lock.check() }

  /// Appends one row to both metric files; the first row fixes the table's columns.
  public func append(_ row: [JSONValue.Member]) throws {
    try metrics.append(JSONValue.object(row).serialized() + "\n")
    if columns.isEmpty {
      columns = row.map(\.key)
      try table.append(columns.joined(separator: ",") + "\n")
    }
    let cells = columns.map { key in
      guard let value = row.first(where: { $0.key == key })?.value else { return "" }
      return value.string ?? value.serialized()
    }
    try table.append(cells.joined(separator: ",") + "\n")
  }

  /// Appends a line to `log.txt`.
  public func note(_ line: String) throws { try log.append(line + "\n") }

  /// Writes `run.json`.
  public func record(_ value: JSONValue) throws {
    try AtomicFile.write(value.serialized(indent: 2) + "\n", to: path + "/run.json")
  }
}
