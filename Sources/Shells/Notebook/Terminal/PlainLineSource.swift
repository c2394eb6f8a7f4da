internal import CEditLine
internal import CInterrupt

/// Blocks read line by line, without escapes and without an editor: for dumb terminals and pipes.
package final class PlainLineSource: LineSource {
  private let isIncomplete: (String) -> Bool
  private let history: HistoryFile?
  private let write: (String) -> Void
  private let read: () -> LineRead
  private let prompt: String
  private let continuation: String

  /// What reading one line gave.
  enum LineRead: Equatable {
    case line(String)
    case interrupted
    case end
  }

  /// Reads from standard input, prompting on standard output.
  package convenience init(
    prompt: String = "> ", continuation: String = ".. ", history: HistoryFile?,
    isIncomplete: @escaping (String) -> Bool
  ) {
    let reader = LineReader()
    self.init(
      prompt: prompt, continuation: continuation, history: history, isIncomplete: isIncomplete,
      read: { reader.next() },
      write: {
        StandardStream.output.startLine()
        StandardStream.output.draw($0)
        StandardStream.output.flush()
      })
  }

  init(
    prompt: String, continuation: String, history: HistoryFile?,
    isIncomplete: @escaping (String) -> Bool, read: @escaping () -> LineRead,
    write: @escaping (String) -> Void
  ) {
    self.prompt = prompt
    self.continuation = continuation
    self.history = history
    self.isIncomplete = isIncomplete
    self.read = read
    self.write = write
  }

  /// Reads one whole block; what is incomplete at the end of the input is returned as it is.
  package func readBlock() -> LineInput {
    var lines: [String] = []
    while true {
      write(lines.isEmpty ? prompt : continuation)
      switch read() {
      case .interrupted:
        write("^C\n")
        return .interrupted(hadText: !lines.isEmpty)
      case .end:
        write("\n")
        return lines.isEmpty ? .end : .block(lines.joined(separator: "\n"))
      case .line(let line):
        lines.append(line)
        let text = lines.joined(separator: "\n")
        if !isIncomplete(text) { return .block(text) }
      }
    }
  }

  /// Remembers a block.
  package func addHistory(_ text: String) { history?.add(text) }

  /// Nothing to leave.
  package func close() {}
}

/// Lines of standard input, with signals noticed while waiting.
///
/// They come through C's stream, so that a script that reads gets the line behind its own.
final class LineReader {
  private var buffer: [UInt8] = []
  private let read: () -> Int32

  init(read: @escaping () -> Int32 = { kilpi_standard_read_byte() }) {
    self.read = read
  }

  func next() -> PlainLineSource.LineRead {
    while true {
      let byte = read()
      switch Int(byte) {
      case KILPI_READ_INTERRUPTED:
        guard kilpi_interrupt_pending() else { continue }
        kilpi_interrupt_clear()
        buffer = []
        return .interrupted
      case KILPI_READ_END:
        return buffer.isEmpty ? .end : line()
      case 10:
        if buffer.last == UInt8(ascii: "\r") { buffer.removeLast() }
        return line()
      default:
        buffer.append(UInt8(truncatingIfNeeded: byte))
      }
    }
  }

  private func line() -> PlainLineSource.LineRead {
    defer { buffer = [] }
    return .line(String(decoding: buffer, as: UTF8.self))
  }
}
