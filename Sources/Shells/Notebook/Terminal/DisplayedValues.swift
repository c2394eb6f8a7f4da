/// Which displayed values still stand at the end of the terminal, and how many rows they take.
package struct DisplayedValues {
  private var last: (id: String, rows: Int, writes: Int)?
  private var known: Set<String> = []
  private var recorded: String?
  private var isReplaceable = true

  /// Nothing is displayed.
  package init() {}

  /// Whether a value was displayed under this id.
  package func knows(_ id: String) -> Bool { known.contains(id) }

  /// The rows of the value with this id, when it is the last thing on the terminal.
  ///
  /// - Parameter writes: the count of writes now.
  package func rowsToReplace(_ id: String, below writes: Int) -> Int? {
    guard let last, last.id == id, last.writes == writes, last.rows > 0 else { return nil }
    return last.rows
  }

  /// Records what is written from now on.
  package mutating func begin() {
    recorded = ""
    isReplaceable = true
  }

  /// Takes note of text on its way to the terminal.
  package mutating func note(_ bytes: [UInt8]) {
    recorded? += String(decoding: bytes, as: UTF8.self)
  }

  /// Takes note of a picture of pixels; nil where nobody knows how many rows it takes.
  package mutating func notePicture(rows: Int?) {
    guard let rows else { return cannotReplaceThis() }
    recorded? += String(repeating: "\n", count: rows)
  }

  /// Says that rows of what is being shown cannot be counted.
  mutating func cannotReplaceThis() { isReplaceable = false }

  /// Ends a recording.
  ///
  /// - Parameters:
  ///   - columns: of the window.
  ///   - limit: rows of the window; what takes as many has left it.
  ///   - writes: the count of writes now.
  package mutating func end(_ id: String, columns: Int, limit: Int, writes: Int) {
    let rows = Self.rows(recorded ?? "", columns: columns)
    recorded = nil
    known.insert(id)
    last = isReplaceable && rows < limit ? (id, rows, writes) : nil
  }

  /// Screen rows that text with colours takes, a last line without its end included.
  static func rows(_ text: String, columns: Int) -> Int {
    var lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    if lines.last?.isEmpty == true { lines.removeLast() }
    return lines.reduce(0) { rows, line in
      let width = Terminal.width(withoutEscapes(line))
      return rows + max(1, (width + max(1, columns) - 1) / max(1, columns))
    }
  }

  private static func withoutEscapes(_ line: Substring) -> String {
    var result = String.UnicodeScalarView()
    var isInSequence = false
    var previous: Unicode.Scalar?
    for scalar in line.unicodeScalars {
      if isInSequence {
        let opens = previous == "\u{1B}" && scalar == "["
        isInSequence = opens || !(64...126).contains(scalar.value)
      } else if scalar == "\u{1B}" {
        isInSequence = true
      } else {
        result.append(scalar)
      }
      previous = scalar
    }
    return String(result)
  }
}
