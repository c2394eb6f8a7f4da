internal import Diagnostics
internal import Glibc
internal import Notebook
internal import Processes

/// This process among those that mpirun started: the first one prints, the others are silent.
final class ProcessTeam {
  let group: ProcessGroup
  /// What standard error was, in a process that is silent; else -1.
  private let lastWords: Int32
  private var hasLeft = false

  /// Joins the others; must come before anything looks at the standard streams.
  ///
  /// - Throws: `KilpiError` when mpirun started this process and Open MPI cannot be used.
  init() throws {
    lastWords = MessagePassing.announcedRank > 0 ? MessagePassing.silence() : -1
    do {
      group = try MessagePassing.join()
    } catch {
      Self.write("kilpi: \(error)\n", to: lastWords)
      throw error
    }
  }

  var isAlone: Bool { group.size == 1 }

  /// The threads that leave the other processes theirs; nil for a process that has no others.
  func threads() throws -> Int? {
    guard !isAlone else { return nil }
    var name = [CChar](repeating: 0, count: 256)
    gethostname(&name, name.count - 1)
    let bytes = name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
    return try MessagePassing.fairThreads(group, machine: String(decoding: bytes, as: UTF8.self))
  }

  /// Ends this process's part, once everything of its own is said; nothing is exchanged afterwards.
  ///
  /// - Parameters:
  ///   - status: the exit status that it would have alone.
  ///   - failure: the error that ended it.
  /// - Returns: its exit status; does not return when the other processes have to be ended.
  func leave(status: Int32, failure: KilpiError?) -> Int32 {
    guard !isAlone, !hasLeft else { return status }
    hasLeft = true
    StandardStream.output.flush()
    StandardStream.error.flush()
    let own =
      status == 0 ? nil : failure ?? KilpiError("a process ended with status \(status)")
    switch group.leave(own) {
    case .together(let other):
      guard let other, status == 0 else { return status }
      if group.isRoot { StandardStream.error.write("kilpi: \(other)\n") }
      return other.kind == .interrupted ? 130 : 1
    case .alone(let error):
      if group.isRoot {
        if status == 0 { StandardStream.error.write("kilpi: \(error)\n") }
        StandardStream.error.flush()
      } else if waitForTheFirst() {
        Self.write("kilpi: process \(group.rank + 1): \(error)\n", to: lastWords)
      }
      // A process that ends with a status other than 0 makes mpirun end all others.
      _exit(status == 0 ? 1 : status)
    }
  }

  /// Gives the first process time to say what it learnt, and to end all; true when it did not.
  private func waitForTheFirst() -> Bool {
    if Interrupts.isPending { return false }
    var pause = timespec(tv_sec: 3, tv_nsec: 0)
    return nanosleep(&pause, nil) == 0
  }

  private static func write(_ text: String, to descriptor: Int32) {
    guard descriptor >= 0 else { return }
    var text = text
    text.withUTF8 { bytes in
      _ = Glibc.write(descriptor, bytes.baseAddress, bytes.count)
    }
  }
}
