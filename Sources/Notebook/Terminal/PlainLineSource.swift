internal import CInterrupt
internal import Glibc

/// Blocks read line by line, without escapes and without an editor: for dumb terminals and pipes.
public final class PlainLineSource: LineSource {
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
  public convenience init(
    prompt: String = "> ", continuation: String = ".. ", history: HistoryFile?,
    isIncomplete: @escaping (String) -> Bool
  ) {
    let reader = LineReader(descriptor: STDIN_FILENO)
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
  public func readBlock() -> LineInput {
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
  public func addHistory(_ text: String) { history?.add(text) }

  /// Nothing to leave.
  public func close() {}
}

/// Lines of a descriptor, with signals noticed while waiting.
final class LineReader {
  private let descriptor: Int32
  private var buffer: [UInt8] = []
  private var isAtEnd = false

  init(descriptor: Int32) {
    self.descriptor = descriptor
  }

  func next() -> PlainLineSource.LineRead {
    while true {
      if let newline = buffer.firstIndex(of: UInt8(ascii: "\n")) {
        var line = Array(buffer[..<newline])
        if line.last == UInt8(ascii: "\r") { line.removeLast() }
        buffer.removeSubrange(...newline)
        return .line(String(decoding: line, as: UTF8.self))
      }
      if isAtEnd {
        guard !buffer.isEmpty else { return .end }
        defer { buffer = [] }
        return .line(String(decoding: buffer, as: UTF8.self))
      }
      var chunk = [UInt8](repeating: 0, count: 4096)
      let count = Glibc.read(descriptor, &chunk, chunk.count)
      if count > 0 {
        buffer += chunk[..<count]
      } else if count == 0 {
        isAtEnd = true
      } else if errno == EINTR, kilpi_interrupt_pending() {
        kilpi_interrupt_clear()
        buffer = []
        return .interrupted
      } else if errno != EINTR {
        isAtEnd = true
      }
    }
  }
}
