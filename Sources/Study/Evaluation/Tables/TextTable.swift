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

  /// The columns of each block: no column is left out, key columns stand in all of them, and columns of
  /// one rank in one where they fit.
  private func blocks(width: Int, _ widths: [Int]) -> [[Int]] {
    let keys = columns.indices.filter { columns[$0].isKey }
    let others = columns.indices.filter { !columns[$0].isKey }
    let ranks = Set(others.map { columns[$0].rank }).sorted()
    var groups = ranks.map { rank in others.filter { columns[$0].rank == rank } }
    var blocks: [[Int]] = []
    repeat {
      var block = keys
      var used = keys.reduce(0) { $0 + widths[$1] + 2 }
      var later: [[Int]] = []
      for group in groups {
        let total = group.reduce(-2) { $0 + widths[$1] + 2 }
        if used + total <= width {
          block += group
          used += total + 2
          continue
        }
        guard block.count == keys.count else {
          later.append(group)
          continue
        }
        // A group that no block holds is cut; a column that none holds stands alone.
        var left: [Int] = []
        for index in group {
          guard block.count == keys.count || used + widths[index] <= width else {
            left.append(index)
            continue
          }
          block.append(index)
          used += widths[index] + 2
        }
        if !left.isEmpty { later.append(left) }
      }
      blocks.append(block.sorted())
      groups = later
    } while !groups.isEmpty
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
    let comments = remarks.map { "% " + $0.onOneLine }
    return
      (comments + [
        "\\begin{tabular}{\(form)}", "\\toprule", line(columns.map(\.title)), "\\midrule",
      ]
      + rows.map(line) + ["\\bottomrule", "\\end{tabular}"]).joined(separator: "\n") + "\n"
  }

  /// A cell's text as LaTeX shows it.
  static func latex(_ text: String) -> String {
    // By scalars: a mark behind a sign would hide it, and CR LF is one character.
    text.onOneLine.unicodeScalars.reduce(into: "") { result, scalar in
      switch scalar {
      case "&", "%", "$", "#", "_", "{", "}": result += "\\\(scalar)"
      case "\\": result += "\\textbackslash{}"
      case "~": result += "\\textasciitilde{}"
      case "^": result += "\\textasciicircum{}"
      case "<", ">": result += "$\(scalar)$"
      case "…": result += "\\ldots{}"
      case "→": result += "$\\to$"
      default: result.unicodeScalars.append(scalar)
      }
    }
  }

  /// The table in Markdown.
  func markdown() -> String {
    func cell(_ text: String) -> String {
      text.onOneLine.unicodeScalars.reduce(into: "") { result, scalar in
        if scalar == "|" { result += "\\" }
        result.unicodeScalars.append(scalar)
      }
    }
    func line(_ cells: [String]) -> String {
      "| " + cells.map(cell).joined(separator: " | ") + " |"
    }
    let rule = columns.map { $0.isNumber ? "---:" : "---" }
    return ([line(columns.map(\.title)), "|" + rule.joined(separator: "|") + "|"] + rows.map(line))
      .joined(separator: "\n") + "\n"
  }

  /// Comma-separated values as RFC 4180 wants them, lines ending in CRLF.
  static func csv(_ rows: [[String]]) -> String {
    func doubled(_ cell: String) -> String {
      cell.unicodeScalars.reduce(into: "") { result, scalar in
        if scalar == "\"" { result += "\"" }
        result.unicodeScalars.append(scalar)
      }
    }
    return rows.map { row in
      row.map { cell in
        cell.unicodeScalars.contains { ["\"", ",", "\r", "\n"].contains($0) }
          ? "\"" + doubled(cell) + "\"" : cell
      }.joined(separator: ",") + "\r\n"
    }.joined()
  }
}

extension String {
  /// The text with each end of a line, CR LF among them, as a space: it stays in its row or comment.
  var onOneLine: String { String(map { $0.isNewline ? " " : $0 }) }
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
