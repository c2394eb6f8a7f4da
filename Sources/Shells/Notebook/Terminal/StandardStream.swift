internal import CEditLine
internal import Glibc

/// Standard output or error as Kilpi's own text goes there: whole, in order, and noticing when the
/// reader has gone.
package final class StandardStream: Sendable {
  package static let output = StandardStream(STDOUT_FILENO)
  package static let error = StandardStream(STDERR_FILENO)

  private let descriptor: Int32

  private init(_ descriptor: Int32) {
    self.descriptor = descriptor
  }

  /// Writes all bytes, through C's stream, so that they stay in order with what C code writes.
  package func write(_ text: String) {
    var text = text
    text.withUTF8 { write(UnsafeRawBufferPointer($0)) }
  }

  /// Writes bytes as they are.
  package func write(_ bytes: UnsafeRawBufferPointer) {
    guard let start = bytes.baseAddress, bytes.count > 0 else { return }
    kilpi_standard_write(descriptor, start, bytes.count)
  }

  /// Writes what leaves the cursor at the start of a line and is not there to stay: bars, prompts.
  package func draw(_ text: String) {
    var text = text
    text.withUTF8 { bytes in
      guard let start = bytes.baseAddress, bytes.count > 0 else { return }
      kilpi_standard_draw(descriptor, start, bytes.count)
    }
  }

  /// True when the last text on the terminal did not end its line.
  package static var lineIsOpen: Bool { kilpi_standard_line_is_open() }

  /// How often something was written to the terminal: when it stays, nothing stands below the last.
  package static var writes: Int { kilpi_standard_writes() }

  /// Says that somebody else writes to the terminal: the editor, or a child.
  package static func othersWrite() { kilpi_standard_interrupt() }

  /// Ends a line that was begun on the terminal, by us or by a child, so that what follows starts one.
  package func startLine() {
    let mayBeBegun = kilpi_standard_children_ended()
    if Self.lineIsOpen {
      write("\n")
    } else if mayBeBegun, isatty(descriptor) == 1 {
      startLineWhateverIsThere()
    }
  }

  /// Puts the cursor of the terminal at the start of a line, whoever wrote what is there.
  ///
  /// A row of spaces ends exactly at the right edge of an empty line, where the cursor waits; in a
  /// begun line it runs over into the next one. Either way the return leads to an empty line.
  func startLineWhateverIsThere() {
    var (columns, rows): (Int32, Int32) = (80, 24)
    _ = kilpi_terminal_size(descriptor, &columns, &rows)
    draw(String(repeating: " ", count: max(1, Int(columns))) + "\r")
    flush()
    Self.othersWrite()
  }

  /// Hands everything on to the reader; false when that failed.
  @discardableResult
  package func flush() -> Bool { kilpi_standard_flush(descriptor) }
}
