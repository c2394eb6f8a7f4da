internal import Diagnostics
internal import Files
internal import Glibc

/// The inputs of all sessions in one file, a JSON object a line.
///
/// Entries are appended by a single `write` under `flock`, before the input runs, so several
/// sessions share the file and a crash loses nothing. A torn last line is skipped on reading.
package final class HistoryFile {
  /// One remembered input.
  package struct Entry: Equatable, Sendable {
    /// The input, without the newline at its end.
    package var text: String
    /// Seconds since 1970.
    package var time: Int
    /// The working directory.
    package var directory: String
    /// The session that typed it.
    package var session: String
  }

  /// Where the file lies; nil when there is none to write.
  package let path: String?
  /// What this session calls itself in its entries.
  package let session: String
  /// Inputs from oldest to newest: other sessions' first, then this session's own.
  package private(set) var entries: [Entry]
  /// What went wrong in writing, until somebody takes it; reported once.
  private var problem: String?
  private var hasFailed = false

  /// Bytes of file above which old entries are dropped at start.
  static let sizeLimit = 10 << 20
  /// Bytes of file read at start, from the end.
  static let readLimit = 2 << 20

  /// The path that the environment asks for: `KILPI_HISTORY` (empty disables), else the state folder.
  package static func path(environment: [String: String]) -> String? {
    if let chosen = environment["KILPI_HISTORY"] { return chosen.isEmpty ? nil : chosen }
    if let state = environment["XDG_STATE_HOME"], state.hasPrefix("/") {
      return state + "/kilpi/history.jsonl"
    }
    guard let home = environment["HOME"], !home.isEmpty else { return nil }
    return home + "/.local/state/kilpi/history.jsonl"
  }

  /// Reads the history at `path`, trimming an oversized file; an unreadable one counts as empty.
  package init(path: String?, session: String) {
    self.path = path
    self.session = session
    entries = []
    guard let path else { return }
    if let slash = path.lastIndex(of: "/"), slash != path.startIndex {
      try? FileReader.makeDirectory(String(path[..<slash]))
    }
    Self.trim(path)
    entries = Self.parse(Self.tail(of: path))
  }

  /// Remembers an input and writes it at once.
  ///
  /// An input with a space in front and one equal to the newest are not kept.
  package func add(_ text: String) {
    let text = Self.withoutTrailingNewlines(text)
    guard !text.isEmpty, !text.hasPrefix(" "), text != entries.last?.text else { return }
    let entry = Entry(
      text: text, time: Int(Glibc.time(nil)), directory: Self.workingDirectory(), session: session)
    entries.append(entry)
    guard let path, let reason = Self.append(Self.line(entry), to: path), !hasFailed else { return }
    hasFailed = true
    problem = "inputs are not remembered: '\(path)' cannot be written, \(reason)"
  }

  /// The first failure to write, given once.
  func takeProblem() -> String? {
    defer { problem = nil }
    return problem
  }

  private static func withoutTrailingNewlines(_ text: String) -> String {
    var text = text
    while text.last?.isNewline == true { text.removeLast() }
    return text
  }

  // MARK: Lines

  static func line(_ entry: Entry) -> String {
    let value = JSONValue.record([
      "text": .string(entry.text), "time": .integer(Int64(entry.time)),
      "directory": .string(entry.directory), "session": .string(entry.session),
    ])
    return value.serialized() + "\n"
  }

  /// The entries of complete, readable lines.
  static func parse(_ bytes: [UInt8]) -> [Entry] {
    guard let last = bytes.lastIndex(of: UInt8(ascii: "\n")) else { return [] }
    return bytes[..<last].split(separator: UInt8(ascii: "\n")).compactMap { line in
      guard let value = try? JSONValue.parse(Array(line)), let text = value["text"]?.string else {
        return nil
      }
      return Entry(
        text: text, time: value["time"]?.int ?? 0,
        directory: value["directory"]?.string ?? "", session: value["session"]?.string ?? "")
    }
  }

  // MARK: The file

  /// The last bytes of the file, from the start of a line.
  private static func tail(of path: String) -> [UInt8] {
    guard let file = try? MappedFile(path: path) else { return [] }
    guard file.count > readLimit else { return Array(file.bytes) }
    let tail = Array(file.bytes.suffix(readLimit))
    let start = tail.firstIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? tail.count
    return Array(tail[start...])
  }

  /// Appends one line under the lock.
  ///
  /// - Returns: the reason of a failure; an input runs all the same.
  private static func append(_ line: String, to path: String) -> String? {
    var reason: String?
    let isOpen = withLockedFile(path) { descriptor in
      // A line torn by a crash must not swallow the next one.
      let bytes = Array((endsInNewline(descriptor) ? line : "\n" + line).utf8)
      let written = Glibc.write(descriptor, bytes, bytes.count)
      if written < 0 { reason = systemReason() }
      if written >= 0, written < bytes.count { reason = "the device is full" }
    }
    return isOpen ? reason : systemReason()
  }

  private static func endsInNewline(_ descriptor: Int32) -> Bool {
    var last: UInt8 = 0
    let end = lseek(descriptor, -1, SEEK_END)
    return end < 0 || pread(descriptor, &last, 1, end) != 1 || last == UInt8(ascii: "\n")
  }

  /// Rewrites a file above the limit with its newer half.
  private static func trim(_ path: String) {
    var information = stat()
    guard stat(path, &information) == 0, Int(information.st_size) > sizeLimit else { return }
    withLockedFile(path) { _ in
      guard let file = try? MappedFile(path: path), file.count > sizeLimit else { return }
      let tail = Array(file.bytes.suffix(sizeLimit / 2))
      let start = tail.firstIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? tail.count
      try? AtomicFile.write(Array(tail[start...]), to: path)
      chmod(path, 0o600)
    }
  }

  /// Runs `body` with the file open for appending and locked; false, with `errno`, when it cannot.
  ///
  /// Another session may have replaced the file between opening and locking; then it is opened anew.
  @discardableResult
  private static func withLockedFile(_ path: String, _ body: (Int32) -> Void) -> Bool {
    for _ in 0..<10 {
      let descriptor = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
      guard descriptor >= 0 else { return false }
      defer { close(descriptor) }
      guard flock(descriptor, LOCK_EX) == 0 else { return false }
      var opened = stat()
      var present = stat()
      guard fstat(descriptor, &opened) == 0, stat(path, &present) == 0,
        opened.st_ino == present.st_ino
      else { continue }
      body(descriptor)
      return true
    }
    return false
  }

  private static func workingDirectory() -> String {
    guard let name = getcwd(nil, 0) else { return "" }
    defer { free(name) }
    return String(cString: name)
  }
}
