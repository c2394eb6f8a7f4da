/// What could stand at the cursor.
package struct Completion: Equatable, Sendable {
  /// One possibility.
  package struct Item: Equatable, Sendable {
    /// The text that replaces what is typed so far.
    package var text: String
    /// What is inserted behind it when it is the only one, such as `(` or ` = `.
    package var suffix: String

    package init(_ text: String, suffix: String = "") {
      self.text = text
      self.suffix = suffix
    }
  }

  /// Byte offset at which the typed part starts; it ends at the cursor.
  package var start: Int
  /// Possibilities, sorted, each starting with the typed part.
  package var items: [Item]
  /// What all of them begin with, where that is not the beginning of their texts: half an escape is
  /// no beginning of a name.
  package var common: String?
  /// True where every expression is possible, so that a list says little.
  package var isAnything = false

  /// Possibilities shown at most.
  package static let limit = 200

  package init(start: Int, items: [Item]) {
    self.start = start
    self.items = items
  }

  /// What can be inserted without a choice: the lone item with its suffix, or the common prefix.
  package var insertion: String {
    guard let first = items.first else { return "" }
    if items.count == 1 { return first.text + first.suffix }
    if let common { return common }
    var prefix = Array(first.text)
    for item in items.dropFirst() {
      let other = Array(item.text)
      var length = 0
      while length < prefix.count, length < other.count, prefix[length] == other[length] {
        length += 1
      }
      prefix.removeSubrange(length...)
    }
    return String(prefix)
  }

  /// The possibilities in columns, filled downwards, at most `limit` of them.
  package func columns(width: Int) -> String {
    let shown = items.prefix(Self.limit).map(\.text)
    guard let longest = shown.map(Terminal.width).max() else { return "" }
    let cell = longest + 2
    let perRow = max(1, width / cell)
    let rows = (shown.count + perRow - 1) / perRow
    var lines: [String] = []
    for row in 0..<rows {
      var line = ""
      for index in stride(from: row, to: shown.count, by: rows) {
        let isLast = index + rows >= shown.count
        let padding = isLast ? 0 : cell - Terminal.width(shown[index])
        line += shown[index] + String(repeating: " ", count: padding)
      }
      lines.append(line)
    }
    if items.count > Self.limit { lines.append("... \(items.count - Self.limit) more") }
    return lines.joined(separator: "\n")
  }
}
