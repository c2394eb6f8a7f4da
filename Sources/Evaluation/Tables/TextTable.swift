internal import Diagnostics

/// Rows of text in aligned columns.
struct TextTable {
  /// One column.
  struct Column {
    var title: String
    /// Numbers stand to the right.
    var isNumber: Bool
    /// Columns of the highest rank are left out first when the table is too wide; 0 stays.
    var rank: Int

    init(_ title: String, isNumber: Bool, rank: Int = 0) {
      self.title = title
      self.isNumber = isNumber
      self.rank = rank
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
    for word in text.split(separator: " ") {
      if let last = lines.last, Self.width(last) + 1 + Self.width(String(word)) <= width {
        lines[lines.count - 1] = last + " " + word
      } else {
        lines.append((lines.isEmpty ? "" : indent) + word)
      }
    }
    return lines
  }

  /// The columns that fit.
  private func shown(width: Int) -> (indices: [Int], widths: [Int]) {
    var indices = Array(columns.indices)
    let all = columns.indices.map { index in
      ([columns[index].title] + rows.map { $0[index] }).map(Self.width).max() ?? 0
    }
    func needed() -> Int { indices.reduce(0) { $0 + all[$1] } + 2 * max(indices.count - 1, 0) }
    while needed() > width,
      let last = indices.max(by: { columns[$0].rank < columns[$1].rank }), columns[last].rank > 0
    {
      indices.removeAll { $0 == last }
    }
    return (indices, all)
  }

  /// Heading, a rule, and the rows; columns of low importance are left out beyond `width`.
  func lines(width: Int) -> [String] {
    let (indices, widths) = shown(width: width)
    func line(_ cells: [String]) -> String {
      let parts = indices.map {
        Self.padded(cells[$0], to: widths[$0], onLeft: columns[$0].isNumber)
      }
      var text = parts.joined(separator: "  ")
      while text.last == " " { text.removeLast() }
      return text
    }
    let total = indices.reduce(0) { $0 + widths[$1] } + 2 * max(indices.count - 1, 0)
    return [line(columns.map(\.title)), String(repeating: "─", count: total)] + rows.map(line)
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
