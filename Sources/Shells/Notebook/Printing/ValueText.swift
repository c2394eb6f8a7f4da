/// A value laid out for the screen: pieces that fit a line stay on it, others break.
indirect enum ValueText {
  /// Text that is never broken, and its width without escapes.
  case atom(String, width: Int)
  /// `{ … }`; `key` is the text before an entry's value, "" in the list part.
  case table([(key: String, keyWidth: Int, value: ValueText)])

  static func plain(_ text: String) -> ValueText { .atom(text, width: Terminal.width(text)) }

  /// The width on one line.
  var flatWidth: Int {
    switch self {
    case .atom(_, let width): return width
    case .table(let entries):
      if entries.isEmpty { return 2 }
      return entries.reduce(2) { $0 + $1.keyWidth + $1.value.flatWidth + 2 }
    }
  }

  private var flat: String {
    switch self {
    case .atom(let text, _): return text
    case .table(let entries):
      if entries.isEmpty { return "{}" }
      return "{" + entries.map { $0.key + $0.value.flat }.joined(separator: ", ") + "}"
    }
  }

  private var isAtom: Bool {
    if case .atom = self { return true }
    return false
  }

  /// The text for lines of `width` columns, the first of which begins at `column`.
  func laidOut(width: Int, column: Int = 0, indent: Int = 0) -> String {
    guard case .table(let entries) = self, column + flatWidth > width else { return flat }
    let inner = indent + 2
    let margin = String(repeating: " ", count: inner)
    var lines: [String] = []
    var run = ""
    var runWidth = 0
    for (index, entry) in entries.enumerated() {
      let comma = index + 1 < entries.count ? "," : ""
      // Short list items share lines.
      if entry.key.isEmpty, entry.value.isAtom {
        let itemWidth = entry.value.flatWidth + comma.count
        if runWidth > 0, inner + runWidth + 1 + itemWidth > width {
          lines.append(margin + run)
          run = ""
          runWidth = 0
        }
        run += (runWidth > 0 ? " " : "") + entry.value.flat + comma
        runWidth += (runWidth > 0 ? 1 : 0) + itemWidth
        continue
      }
      if runWidth > 0 {
        lines.append(margin + run)
        run = ""
        runWidth = 0
      }
      let value = entry.value.laidOut(width: width, column: inner + entry.keyWidth, indent: inner)
      lines.append(margin + entry.key + value + comma)
    }
    if runWidth > 0 { lines.append(margin + run) }
    return "{\n" + lines.joined(separator: "\n") + "\n" + String(repeating: " ", count: indent)
      + "}"
  }
}
