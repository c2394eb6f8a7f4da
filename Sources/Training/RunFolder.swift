internal import Diagnostics
public import Files

/// A run's folder: `run.json`, `metrics.jsonl`, `metrics.csv`, `log.txt`, `checkpoints/`, `model/`.
public final class RunFolder {
  /// Where it is.
  public let path: String
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

  /// Makes the folder of a new run.
  ///
  /// - Throws: `KilpiError` when a run stands there already.
  public static func create(_ path: String) throws -> RunFolder {
    if FileReader.exists(path + "/run.json") {
      throw KilpiError(
        "", "a run exists in '\(path)'",
        advice: "pass resume = true to continue it, or another out")
    }
    try FileReader.makeDirectory(path + "/checkpoints")
    return try RunFolder(path, keeping: Lengths(metrics: 0, table: 0))
  }

  /// Opens the folder of a run that goes on, with its files cut to what a checkpoint recorded.
  public init(_ path: String, keeping lengths: Lengths) throws {
    self.path = path
    metrics = try AppendOnlyFile(path: path + "/metrics.jsonl", keeping: lengths.metrics)
    table = try AppendOnlyFile(path: path + "/metrics.csv", keeping: lengths.table)
    log = try AppendOnlyFile(path: path + "/log.txt")
    let text = try FileReader.text(at: path + "/metrics.csv")
    columns = text.split(separator: "\n").first.map { $0.split(separator: ",").map(String.init) } ?? []
  }

  /// How long the growing files are now.
  public var lengths: Lengths { Lengths(metrics: metrics.length, table: table.length) }

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
