internal import CSystem
package import Glibc

/// The system's calls on paths, through the gate in force.
///
/// All of them leave their reason in `errno`.
package enum SystemCall {
  /// `open`; `flags` say whether the file is written.
  package static func open(_ path: String, _ flags: Int32, _ mode: UInt32 = 0o666) -> Int32 {
    let writing = flags & (O_WRONLY | O_RDWR | O_CREAT) != 0
    guard let gate = FileGate.current else {
      return kilpi_open_at(AT_FDCWD, path, flags, mode)
    }
    return gate.open(path, flags, mode, writing: writing)
  }

  /// What stands at a path, links followed; nil when nothing can be found out.
  package static func status(_ path: String) -> stat? {
    var status = stat()
    guard let gate = FileGate.current else { return stat(path, &status) == 0 ? status : nil }
    let descriptor = gate.open(path, kilpi_path_flag() | O_CLOEXEC, 0, writing: false)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    return fstat(descriptor, &status) == 0 ? status : nil
  }

  /// Gives the folder of a path, open, and the last name in it: what is done there happens in the
  /// folder that was looked at, and to a link itself instead of what it points at.
  ///
  /// - Returns: what `body` returns; -1 when the folder cannot be opened.
  package static func inFolder(
    of path: String, _ body: (_ folder: Int32, _ name: String) -> Int32
  ) -> Int32 {
    var trimmed = path[...]
    while trimmed.count > 1, trimmed.hasSuffix("/") { trimmed.removeLast() }
    let slash = trimmed.lastIndex(of: "/")
    let name = slash.map { String(trimmed[trimmed.index(after: $0)...]) } ?? String(trimmed)
    guard !name.isEmpty, name != ".", name != ".." else {
      errno = EINVAL
      return -1
    }
    let folder = slash.map { $0 == trimmed.startIndex ? "/" : String(trimmed[..<$0]) } ?? "."
    let flags = kilpi_path_flag() | O_DIRECTORY | O_CLOEXEC
    let descriptor =
      FileGate.current.map { $0.open(folder, flags, 0, writing: true) }
      ?? kilpi_open_at(AT_FDCWD, folder, flags, 0)
    guard descriptor >= 0 else { return -1 }
    defer { close(descriptor) }
    return body(descriptor, name)
  }

  /// Random characters for names that nobody can guess.
  package static func randomName() -> String {
    var bytes = [UInt8](repeating: 0, count: 8)
    if kilpi_random_bytes(&bytes, bytes.count) != 0 {
      // Such a name can be guessed; files are made exclusively all the same.
      var time = timespec()
      clock_gettime(CLOCK_MONOTONIC, &time)
      withUnsafeBytes(of: time.tv_nsec) { bytes = Array($0.prefix(8)) }
    }
    let digits = Array("0123456789abcdef")
    return String(bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] })
  }
}
