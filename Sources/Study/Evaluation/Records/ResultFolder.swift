internal import Diagnostics
internal import Files

/// A folder with a saved result: it holds one kind.
enum ResultFolder {
  /// What stands there.
  enum Kind: CaseIterable {
    case robustness, retrieval

    /// The file that only this kind has.
    var mark: String { self == .robustness ? "samples.jsonl" : "items.jsonl" }
    var text: String { self == .robustness ? "a report of robustness" : "a retrieval report" }
    /// The member of a record's first line that says what is evaluated.
    var header: String { self == .robustness ? "evaluation" : "retrieval" }
    /// What a record of it is of.
    var run: String { self == .robustness ? "an evaluation" : "a retrieval" }
  }

  /// The kind of result in a folder; nil for none.
  static func kind(of folder: String) -> Kind? {
    Kind.allCases.first { FileReader.exists(folder + "/" + $0.mark) }
  }

  /// Makes the folder of a result.
  ///
  /// - Throws: `KilpiError` when a result of another kind stands there, whose files would be lost.
  static func claim(_ folder: String, for kind: Kind) throws {
    try FileReader.makeDirectory(folder)
    guard let found = self.kind(of: folder), found != kind else { return }
    throw KilpiError(
      "'\(folder)' holds \(found.text)", advice: "save \(kind.text) in another folder")
  }

  /// The value of a saved file.
  ///
  /// - Throws: `KilpiError` that names the file, when it is damaged.
  static func parsed(_ text: String, _ path: String, line: Int? = nil) throws -> JSONValue {
    do {
      return try JSONValue.parse(text, limits: JSONLimits(bytes: 1 << 30))
    } catch let error as KilpiError where error.kind == .host {
      throw KilpiError(
        "cannot read \(line.map { "line \($0) of " } ?? "")'\(path)': \(error.problem)",
        advice: "it is damaged: save the result again")
    }
  }
}
