internal import Diagnostics

/// Rows of text in aligned columns.
struct TextTable {
  /// One column.
  struct Column {
    var title: String
    /// Numbers stand to the right.
    var isNumber: Bool
    /// Where not all columns fit, those of the lowest rank stand in the first block.
    var rank: Int
    /// It tells rows apart, and stands in every block.
    var isKey: Bool

    init(_ title: String, isNumber: Bool, rank: Int = 0, isKey: Bool = false) {
      self.title = title
      self.isNumber = isNumber
      self.rank = rank
      self.isKey = isKey
    }
  }

  var columns: [Column]
  /// Cells, as many a row as there are columns.
  var rows: [[String]] = []

  init(columns: [Column]) { self.columns = columns }

  /// Columns that a terminal uses for a text; the marks that Kilpi writes are all one wide.
  static func width(_ text: String) -> Int { text.count }

  /// The text with spaces to `width` columns, at its end or in front.
  static func padded(_ text: String, to width: Int, onLeft: Bool = false) -> String {
    let missing = String(repeating: " ", count: max(0, width - Self.width(text)))
    return onLeft ? missing + text : text + missing
  }

  /// The text cut to `width` columns, with a mark that something is missing.
  static func cut(_ text: String, to width: Int) -> String {
    Self.width(text) <= width ? text : text.prefix(max(width - 1, 0)) + "…"
  }

  /// Text broken at spaces into lines of at most `width` columns; longer words stay whole.
  static func wrapped(_ text: String, width: Int, indent: String = "") -> [String] {
    var lines: [String] = []
    for word in text.withVisibleControls.split(separator: " ") {
      if let last = lines.last, Self.width(last) + 1 + Self.width(String(word)) <= width {
        lines[lines.count - 1] = last + " " + word
      } else {
        lines.append((lines.isEmpty ? "" : indent) + word)
      }
    }
    return lines
  }

  /// The cells as a terminal may get them: names from files can hold codes that it would obey.
  private var shown: [[String]] { rows.map { $0.map(\.withVisibleControls) } }

  /// Width of a column's widest cell.
  private var widths: [Int] {
    let rows = shown
    return columns.indices.map { index in
      ([columns[index].title] + rows.map { $0[index] }).map(Self.width).max() ?? 0
    }
  }

  /// The columns of each block: no column is left out, and key columns stand in all of them.
  private func blocks(width: Int, _ widths: [Int]) -> [[Int]] {
    let keys = columns.indices.filter { columns[$0].isKey }
    var rest = columns.indices.filter { !columns[$0].isKey }
    rest.sort { (columns[$0].rank, $0) < (columns[$1].rank, $1) }
    var blocks: [[Int]] = []
    repeat {
      var block = keys
      var used = keys.reduce(0) { $0 + widths[$1] + 2 }
      for index in rest where used + widths[index] <= width || block.count == keys.count {
        block.append(index)
        used += widths[index] + 2
      }
      rest.removeAll(where: block.contains)
      blocks.append(block.sorted())
    } while !rest.isEmpty
    return blocks
  }

  /// Heading, a rule, and the rows; what is wider than `width` stands in blocks one below the other.
  func lines(width: Int) -> [String] {
    let widths = self.widths
    return Array(
      blocks(width: width, widths).map { indices -> [String] in
        func line(_ cells: [String]) -> String {
          let parts = indices.map {
            Self.padded(cells[$0], to: widths[$0], onLeft: columns[$0].isNumber)
          }
          var text = parts.joined(separator: "  ")
          while text.last == " " { text.removeLast() }
          return text
        }
        let total = indices.reduce(0) { $0 + widths[$1] } + 2 * max(indices.count - 1, 0)
        return [line(columns.map(\.title)), String(repeating: "─", count: total)]
          + shown.map(line)
      }.joined(separator: [""]))
  }

  /// The table in LaTeX, with the rules of the package booktabs; `remarks` go in front as comments.
  func latex(remarks: [String]) -> String {
    func line(_ cells: [String]) -> String {
      cells.map(Self.latex).joined(separator: " & ") + " \\\\"
    }
    let form = columns.map { $0.isNumber ? "r" : "l" }.joined()
    let comments = remarks.map { "% " + $0.replacing("\n", with: " ") }
    return
      (comments + [
        "\\begin{tabular}{\(form)}", "\\toprule", line(columns.map(\.title)), "\\midrule",
      ]
      + rows.map(line) + ["\\bottomrule", "\\end{tabular}"]).joined(separator: "\n") + "\n"
  }

  /// A cell's text as LaTeX shows it.
  static func latex(_ text: String) -> String {
    text.reduce(into: "") { result, character in
      switch character {
      case "&", "%", "$", "#", "_", "{", "}": result += "\\" + String(character)
      case "\\": result += "\\textbackslash{}"
      case "~": result += "\\textasciitilde{}"
      case "^": result += "\\textasciicircum{}"
      case "<", ">": result += "$\(character)$"
      case "…": result += "\\ldots{}"
      case "→": result += "$\\to$"
      case "\n": result += " "
      default: result.append(character)
      }
    }
  }

  /// The table in Markdown.
  func markdown() -> String {
    func line(_ cells: [String]) -> String {
      "| "
        + cells.map { $0.replacing("|", with: "\\|").replacing("\n", with: " ") }
        .joined(separator: " | ") + " |"
    }
    let rule = columns.map { $0.isNumber ? "---:" : "---" }
    return ([line(columns.map(\.title)), "|" + rule.joined(separator: "|") + "|"] + rows.map(line))
      .joined(separator: "\n") + "\n"
  }

  /// Comma-separated values as RFC 4180 wants them, lines ending in CRLF.
  static func csv(_ rows: [[String]]) -> String {
    rows.map { row in
      row.map { cell in
        cell.unicodeScalars.contains { ["\"", ",", "\r", "\n"].contains($0) }
          ? "\"" + cell.replacing("\"", with: "\"\"") + "\"" : cell
      }.joined(separator: ",") + "\r\n"
    }.joined()
  }
}

/// Numbers as tables show them, without a locale.
enum NumberText {
  /// A number with a fixed count of decimals, rounded half away from zero.
  static func fixed(_ value: Double, _ decimals: Int) -> String {
    var scale = 1.0
    for _ in 0..<decimals { scale *= 10 }
    guard value.isFinite, value.magnitude < 1e15, value.magnitude * scale < 0x1p62 else {
      return "\(value)"
    }
    let units = Int(clamped: (value.magnitude * scale).rounded())
    let isNegative = value < 0 && units > 0
    guard decimals > 0 else { return (isNegative ? "-" : "") + String(units) }
    let unit = Int(clamped: scale)
    let fraction = String(units % unit)
    return (isNegative ? "-" : "") + String(units / unit) + "."
      + String(repeating: "0", count: decimals - fraction.count) + fraction
  }

  /// A number with about `digits` significant digits, in plain notation where that is short.
  static func significant(_ value: Double, _ digits: Int) -> String {
    if value == 0 { return "0" }
    guard value.isFinite else { return "\(value)" }
    var magnitude = 0
    var rest = value.magnitude
    while rest >= 10, magnitude < 400 { (rest, magnitude) = (rest / 10, magnitude + 1) }
    while rest < 1, magnitude > -400 { (rest, magnitude) = (rest * 10, magnitude - 1) }
    guard (-4...9).contains(magnitude) else {
      let sign = value < 0 ? "-" : ""
      return sign + trimmed(fixed(rest, digits - 1)) + "e\(magnitude)"
    }
    return trimmed(fixed(value, max(0, min(digits - 1 - magnitude, 9))))
  }

  /// A count with commas between thousands: `1,234,567`.
  static func grouped(_ count: Int) -> String {
    let digits = Array(String(count.magnitude))
    var text = count < 0 ? "-" : ""
    for (index, digit) in digits.enumerated() {
      if index > 0, (digits.count - index) % 3 == 0 { text += "," }
      text.append(digit)
    }
    return text
  }

  private static func trimmed(_ text: String) -> String {
    guard text.contains(".") else { return text }
    var text = text
    while text.last == "0" { text.removeLast() }
    if text.last == "." { text.removeLast() }
    return text
  }

  /// A share as a percentage with one decimal, `83.2 %`; a dash for what is missing.
  static func percent(_ share: Double?) -> String { share.map { fixed(100 * $0, 1) + " %" } ?? "-" }
}
