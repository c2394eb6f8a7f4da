internal import Diagnostics

/// One column of a table of results: its name, its cells, and what it means.
struct ResultColumn<Row> {
  var column: TextTable.Column
  var isShown = true
  /// What stands under the table about it.
  var meaning: String?
  var cell: (Row) -> String

  /// Texts that tell rows apart.
  static func key(
    _ title: String, if isShown: Bool = true, _ cell: @escaping (Row) -> String
  ) -> Self {
    Self(column: .init(title, isNumber: false, isKey: true), isShown: isShown, cell: cell)
  }

  /// Other texts.
  static func text(
    _ title: String, if isShown: Bool = true, _ cell: @escaping (Row) -> String
  ) -> Self {
    Self(column: .init(title, isNumber: false), isShown: isShown, cell: cell)
  }

  /// Numbers as people read them; see `TextTable.Column.rank`.
  static func number(
    _ title: String, rank: Int = 0, if isShown: Bool = true, means meaning: String? = nil,
    _ cell: @escaping (Row) -> String
  ) -> Self {
    Self(
      column: .init(title, isNumber: true, rank: rank), isShown: isShown, meaning: meaning,
      cell: cell)
  }

  /// Values as programs read them: every digit, empty where nothing was measured.
  static func value(_ name: String, _ value: @escaping (Row) -> any FileCell) -> Self {
    Self(column: .init(name, isNumber: false), cell: { value($0).cell })
  }
}

/// What comma-separated values are made of.
protocol FileCell {
  /// The text of the cell.
  var cell: String { get }
}

extension String: FileCell { var cell: String { self } }
extension Int: FileCell { var cell: String { String(self) } }
extension Bool: FileCell { var cell: String { String(self) } }
extension Double: FileCell { var cell: String { "\(self)" } }
extension Optional: FileCell where Wrapped: FileCell { var cell: String { self?.cell ?? "" } }

/// The forms in which a table of results is written.
package enum TableFormat: String, Sendable, CaseIterable {
  /// Aligned columns.
  case text
  /// A table of GitHub's Markdown.
  case markdown
  /// A `tabular` with the rules of booktabs.
  case latex
  /// Comma-separated values as RFC 4180 wants them.
  case csv
}

/// A result's table with all that is said around it, in every form in which it is written.
package struct ResultSheet {
  /// Whose result it is; nil where columns say it.
  private let name: String?
  /// What was measured on what.
  private let titles: [String]
  private let table: TextTable
  /// What the columns mean; nil where there is nothing to explain.
  private let explanation: String?
  private let notes: [String]
  private let values: () -> [[String]]

  /// Makes the table.
  ///
  /// - Parameters:
  ///   - columns: as people read them, and `rows` of them.
  ///   - values: as programs read them, and `lines` of them.
  ///   - isExplained: the columns' meanings stand under the table.
  init<Row, Line>(
    name: String? = nil, titles: [String], columns: [ResultColumn<Row>], rows: [Row],
    values: [ResultColumn<Line>], lines: [Line], isExplained: Bool = true, notes: [String]
  ) {
    self.name = name
    self.titles = titles
    let shown = columns.filter(\.isShown)
    table = TextTable(
      columns: shown.map(\.column), rows: rows.map { row in shown.map { $0.cell(row) } })
    let meanings = isExplained ? shown.compactMap(\.meaning) : []
    explanation = meanings.isEmpty ? nil : meanings.joined(separator: "; ")
    self.notes = notes
    self.values = {
      [values.map(\.column.title)] + lines.map { line in values.map { $0.cell(line) } }
    }
  }

  /// The table in one of its forms.
  func written(_ format: TableFormat) -> String {
    switch format {
    case .text: return text(width: 100)
    case .markdown: return markdown
    case .latex: return table.latex(remarks: heading + remarks)
    case .csv: return TextTable.csv(values())
    }
  }

  private var heading: [String] {
    guard let name, let first = titles.first else { return titles }
    return ["\(name): \(first)"] + titles.dropFirst()
  }

  private var remarks: [String] { (explanation.map { [$0] } ?? []) + notes }

  /// Title, threat model, rows and notes.
  ///
  /// - Parameter width: columns of the terminal; a wider table is set in blocks, and no column left out.
  func text(width: Int) -> String {
    let width = max(width, 40)
    func wrapped(_ texts: [String]) -> [String] {
      texts.flatMap { TextTable.wrapped($0, width: width, indent: "  ") }
    }
    let below = wrapped(remarks)
    let lines =
      wrapped(heading) + [""] + table.lines(width: width) + (below.isEmpty ? [] : [""] + below)
    return lines.joined(separator: "\n") + "\n"
  }

  /// Notes stand in a list under the result of one model, and in paragraphs, behind what the columns
  /// mean, under that of several.
  private var markdown: String {
    let titles = titles.joined(separator: "; ")
    guard let name else {
      return titles + "\n\n" + table.markdown() + "\n" + remarks.joined(separator: "\n\n") + "\n"
    }
    let list = notes.map { "\n- " + $0.onOneLine }.joined() + (notes.isEmpty ? "" : "\n")
    return "**\(name)**: \(titles)\n\n" + table.markdown() + list
  }
}

extension NumberText {
  /// A share in points with one decimal, `83.2`; a dash for what is missing.
  static func points(_ share: Double?) -> String { share.map { fixed(100 * $0, 1) } ?? "-" }

  /// An interval of shares in points, `80.1 … 86.0`; a dash for what is missing.
  static func points(_ interval: ClosedRange<Double>?) -> String {
    interval.map { points($0.lowerBound) + " … " + points($0.upperBound) } ?? "-"
  }
}
