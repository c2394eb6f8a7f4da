internal import Diagnostics
internal import Files

/// The record of a retrieval under way: a line for each row's finished batch of images, and one for
/// each finished text attack.
final class RetrievalRecord {
  /// nil where another process writes.
  private let file: RecordFile?
  private let lock: FolderLock?
  /// The lines that stood in the record when it was taken up.
  let lines: [JSONValue]
  /// What a reader of the result must know.
  let notes: [String]
  private let fits: (RetrievalPart) -> Bool
  private var parts: [String: [Int: RetrievalPart]] = [:]
  private var texts: [String: JSONValue] = [:]

  /// Begins a record, or takes up the one that stands in `folder`; see `OpenedRecord`.
  ///
  /// - Parameter fits: whether a batch is one of this evaluation.
  init(
    _ folder: String, header: JSONValue, resumes: Bool, fits: @escaping (RetrievalPart) -> Bool
  ) throws {
    self.fits = fits
    let opened = try OpenedRecord(folder, kind: "retrieval", header: header, resumes: resumes)
    file = opened.file
    lock = opened.lock
    lines = opened.lines
    notes = opened.notes
    for (index, line) in lines.enumerated() {
      guard try take(line) else {
        throw KilpiError(
          "", "'\(OpenedRecord.path(folder))' has another format in line \(index + 2)")
      }
    }
  }

  /// What another process's record held when it was taken up; it alone writes on.
  init(copying lines: [JSONValue], fits: @escaping (RetrievalPart) -> Bool) throws {
    self.fits = fits
    file = nil
    lock = nil
    notes = []
    self.lines = lines
    for line in lines {
      guard try take(line) else {
        throw KilpiError("", "the record of the first process cannot be read")
      }
    }
  }

  private func take(_ line: JSONValue) throws -> Bool {
    guard let key = line["row"]?.string else { return false }
    if let text = line["text"] {
      texts[key] = text
      return true
    }
    guard let part = try RetrievalPart(line), fits(part) else { return false }
    parts[key, default: [:]][part.first] = part
    return true
  }

  /// A row's finished batch; nil when it has to be computed.
  ///
  /// - Throws: `KilpiError` when the images are not those of the record.
  func part(_ key: String, first: Int, pixels: String) throws -> RetrievalPart? {
    guard let part = parts[key]?[first] else { return nil }
    guard part.pixels == pixels else {
      throw KilpiError(
        "",
        "images \(first + 1) … \(first + part.count) have other pixels than when the record was begun",
        advice: "use the same data, or another out")
    }
    return part
  }

  /// Appends a row's finished batch, unless it stands there.
  func append(_ key: String, _ part: RetrievalPart) throws {
    guard let file, parts[key]?[part.first] == nil else { return }
    try file.append(part.members(key: key))
  }

  /// A row's finished text attack.
  func text(_ key: String) -> JSONValue? { texts[key] }

  /// Appends a row's finished text attack, unless it stands there.
  func append(_ key: String, text: JSONValue) throws {
    guard let file, texts[key] == nil else { return }
    try file.append([.init("row", .string(key)), .init("text", text)])
  }
}
