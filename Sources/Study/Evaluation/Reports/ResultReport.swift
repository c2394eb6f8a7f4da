package import Files

/// A result that is printed, saved and drawn.
package protocol ResultReport {
  /// One line about it.
  var summary: String { get }
  /// The table.
  var sheet: ResultSheet { get }
  /// The whole result, but for what `files` keeps a line each.
  var json: JSONValue { get }
  /// What it is saved as.
  var files: ResultFiles { get }
  /// Bars with their intervals.
  ///
  /// - Parameter k: the cut-off of recall; accuracies have none.
  func barChart(k: Int) -> PlotSpecification
  /// Lines over the budgets of attacks that were run at several; nil where there is none.
  ///
  /// - Parameter k: the cut-off of recall; accuracies have none.
  func curveChart(k: Int) -> PlotSpecification?
}

/// The files of a saved result: its table in three forms, its JSON, and perhaps a line an item.
package struct ResultFiles {
  /// What a folder of it holds; nil where folders of others may hold it, too.
  var kind: ResultFolder.Kind?
  /// Name of the tables, without the ending.
  var table = "table"
  /// Name of the JSON file, without the ending.
  var report = "report"
  /// The lines of the file that marks the kind.
  var lines = ""
}

extension ResultReport {
  /// Titles, rows and notes as text.
  ///
  /// - Parameter width: columns of the terminal; a wider table is set in blocks, and no column left out.
  package func table(width: Int = 100) -> String { sheet.text(width: width) }

  /// The table in one of its forms.
  package func table(_ format: TableFormat) -> String { sheet.written(format) }

  /// Writes the tables, the JSON and the lines to a folder, which is made when it is not there.
  ///
  /// - Throws: `KilpiError` when a result of another kind stands there, or a file cannot be written.
  package func save(_ folder: String) throws {
    let files = files
    if let kind = files.kind {
      try ResultFolder.claim(folder, for: kind)
      try AtomicFile.write(files.lines, to: "\(folder)/\(kind.mark)")
    } else {
      try FileReader.makeDirectory(folder)
    }
    for (ending, format) in [("txt", TableFormat.text), ("md", .markdown), ("csv", .csv)] {
      try AtomicFile.write(table(format), to: "\(folder)/\(files.table).\(ending)")
    }
    try AtomicFile.write(json.serialized(indent: 2) + "\n", to: "\(folder)/\(files.report).json")
  }

  /// Writes the picture; see `PlotWriter.save`.
  ///
  /// - Parameter asCurve: over the budgets, or bars; nil: a curve where there is one.
  /// - Throws: `KilpiError` when a curve is asked for and no attack has several budgets.
  package func plot(_ path: String, k: Int = 1, asCurve: Bool? = nil) throws {
    let curve = asCurve == false ? nil : curveChart(k: k)
    if asCurve == true, curve == nil { throw PlotSpecification.noCurve }
    try PlotWriter.save(curve ?? barChart(k: k), to: path)
  }
}
