internal import Diagnostics
internal import Files
internal import Glibc

/// The text of a script as Lua shall compile it.
package enum ScriptSource {
  /// Takes away a byte-order mark and blanks a first line that starts with `#`; lines keep their
  /// numbers.
  package static func prepared(_ bytes: [UInt8]) -> [UInt8] {
    var bytes = bytes[...]
    if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { bytes = bytes.dropFirst(3) }
    if bytes.first == UInt8(ascii: "#") {
      bytes = bytes.drop { $0 != UInt8(ascii: "\n") && $0 != UInt8(ascii: "\r") }
    }
    return Array(bytes)
  }

  /// Reads a script; pipes and devices are read to their end.
  ///
  /// - Throws: `KilpiError` with the path and the reason.
  package static func read(path: String, limit: Int = 1 << 28) throws -> [UInt8] {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      throw KilpiError("cannot read '\(path)': \(systemReason())")
    }
    defer { close(descriptor) }
    return prepared(try readAll(descriptor, name: path, limit: limit))
  }

  /// Reads standard input to its end.
  package static func readStandardInput(limit: Int = 1 << 28) throws -> [UInt8] {
    prepared(try readAll(STDIN_FILENO, name: "stdin", limit: limit))
  }

  private static func readAll(_ descriptor: Int32, name: String, limit: Int) throws -> [UInt8] {
    var result: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = Glibc.read(descriptor, &chunk, chunk.count)
      if count == 0 { return result }
      if count < 0 {
        if errno != EINTR { throw KilpiError("cannot read '\(name)': \(systemReason())") }
        try Interrupts.poll()
        continue
      }
      result += chunk[..<count]
      guard result.count <= limit else {
        throw KilpiError("cannot read '\(name)': it has more than \(limit) bytes")
      }
    }
  }
}
