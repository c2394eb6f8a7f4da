internal import CEditLine
internal import Glibc

/// What is known of the terminal behind the standard streams.
package struct Terminal: Sendable {
  /// Whether standard input, output and error are terminals.
  package var inputIsTerminal: Bool
  package var outputIsTerminal: Bool
  package var errorIsTerminal: Bool
  /// The environment variables that matter here and elsewhere.
  package var environment: [String: String]

  /// The terminal of this process.
  package init(environment: [String: String]) {
    inputIsTerminal = isatty(STDIN_FILENO) == 1
    outputIsTerminal = isatty(STDOUT_FILENO) == 1
    errorIsTerminal = isatty(STDERR_FILENO) == 1
    self.environment = environment
  }

  /// True where keys can be edited and escapes understood.
  package var canEdit: Bool {
    inputIsTerminal && outputIsTerminal && ColorRule.isCapable(environment)
  }

  /// True when 24-bit colour is promised.
  package var hasTrueColor: Bool {
    ["truecolor", "24bit"].contains(environment["COLORTERM"] ?? "")
  }

  /// Columns and rows of the window: read from the system each time, 80 x 24 without a terminal.
  package var size: (columns: Int, rows: Int) {
    var columns: Int32 = 0
    var rows: Int32 = 0
    for descriptor in [STDOUT_FILENO, STDERR_FILENO, STDIN_FILENO]
    where kilpi_terminal_size(descriptor, &columns, &rows) {
      return (Int(columns), max(2, Int(rows)))
    }
    return (environment["COLUMNS"].flatMap { Int($0) } ?? 80, 24)
  }

  /// Pixels from one row of the window to the next; nil where the terminal does not say.
  package var cellHeight: Int? {
    let height = Int(kilpi_terminal_cell_height(STDOUT_FILENO))
    return height > 0 ? height : nil
  }

  package static func processEnvironment() -> [String: String] {
    var result: [String: String] = [:]
    var entry = environ
    while let pointer = entry.pointee {
      let text = String(cString: pointer)
      if let equals = text.firstIndex(of: "=") {
        result[String(text[..<equals])] = String(text[text.index(after: equals)...])
      }
      entry += 1
    }
    return result
  }

  /// Columns that a text without escapes and newlines takes on the screen.
  package static func width(_ text: String) -> Int {
    var width = 0
    for scalar in text.unicodeScalars {
      width += scalar.isASCII ? 1 : max(0, Int(kilpi_character_width(scalar.value)))
    }
    return width
  }
}
