internal import CSystem
internal import Diagnostics
internal import Glibc

/// What the system says about the last failed call, in its own words.
package func systemReason(_ code: Int32 = errno) -> String {
  switch code {
  case ENOENT: return "there is no such file"
  case EACCES: return "permission denied"
  case EISDIR: return "it is a directory"
  case ENOSPC: return "no space left on the device"
  case EXDEV where FileGate.current != nil: return "the sandbox does not allow it"
  default: return String(cString: strerror(code)).lowercased()
  }
}

/// Reads whole files.
public enum FileReader {
  /// All bytes of the file at `path`.
  ///
  /// - Throws: `KilpiError` with the path and the reason; also beyond `limit` bytes, or where the cap has no
  ///   room for them, before reading.
  public static func bytes(at path: String, limit: Int = 1 << 30) throws -> [UInt8] {
    let file = try MappedFile(path: path)
    guard file.count <= limit else {
      throw KilpiError("cannot read '\(path)': it has \(file.count) bytes, the limit is \(limit)")
    }
    do {
      try MemoryReservation.ask(file.count)
    } catch let error as KilpiError where error.kind == .memory {
      throw KilpiError(
        "cannot read '\(path)': \(error.problem)", advice: error.advice, kind: .memory)
    }
    return Array(file.bytes)
  }

  /// The file's text; invalid UTF-8 is an error.
  public static func text(at path: String, limit: Int = 64 << 20) throws -> String {
    guard let text = String(validating: try bytes(at: path, limit: limit), as: UTF8.self) else {
      throw KilpiError("cannot read '\(path)': it is not UTF-8 text")
    }
    return text
  }

  /// True when something stands at `path`.
  public static func exists(_ path: String) -> Bool { SystemCall.status(path) != nil }

  /// True when `path` is a directory (links followed).
  public static func isDirectory(_ path: String) -> Bool {
    SystemCall.status(path).map { $0.st_mode & S_IFMT == S_IFDIR } ?? false
  }

  /// Names in a directory, sorted by bytes, without `.` and `..`.
  public static func names(in directory: String) throws -> [String] {
    var names: [String] = []
    try list(directory) { bytes, _ in names.append(String(decoding: bytes, as: UTF8.self)) }
    return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }

  static func cannotRead(_ path: String) -> KilpiError {
    KilpiError("cannot read '\(path)': \(systemReason())")
  }

  /// Removes a file; one that is not there is fine.
  public static func remove(_ path: String) throws {
    if SystemCall.inFolder(of: path, { unlinkat($0, $1, 0) }) != 0 && errno != ENOENT {
      throw KilpiError("cannot remove '\(path)': \(systemReason())")
    }
  }

  /// Gives a file another name; what stood under that name is gone.
  public static func rename(_ path: String, to other: String) throws {
    let status = SystemCall.inFolder(of: path) { folder, name in
      SystemCall.inFolder(of: other) { renameat(folder, name, $0, $1) }
    }
    if status != 0 {
      throw KilpiError("cannot rename '\(path)': \(systemReason())")
    }
  }

  /// Makes a directory and those above it; one that stands there already is fine.
  public static func makeDirectory(_ path: String) throws {
    var prefix = path.hasPrefix("/") ? "/" : ""
    for part in path.split(separator: "/") {
      prefix += prefix.isEmpty || prefix.hasSuffix("/") ? String(part) : "/" + part
      // Folders above an allowed one cannot be looked at, and need not be made.
      if part == "." || part == ".." || isDirectory(prefix) { continue }
      if FileGate.current?.leadsTo(prefix) == true { continue }
      if SystemCall.inFolder(of: prefix, { mkdirat($0, $1, 0o777) }) != 0 && errno != EEXIST {
        throw KilpiError("cannot make the directory '\(prefix)': \(systemReason())")
      }
    }
    guard isDirectory(path) else {
      throw KilpiError("cannot make the directory '\(path)': a file stands there")
    }
  }
}

/// A file's bytes in memory without a copy, for as long as the object lives.
public final class MappedFile {
  /// The file's bytes; valid while this object lives.
  public let bytes: UnsafeRawBufferPointer
  /// The file's length.
  public var count: Int { bytes.count }

  /// Maps the regular file at `path`.
  ///
  /// - Throws: `KilpiError` with the path and the reason.
  public init(path: String) throws {
    // Not blocking: opening a pipe that nobody writes to would wait for ever.
    let descriptor = SystemCall.open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else {
      throw KilpiError("cannot read '\(path)': \(systemReason())")
    }
    defer { close(descriptor) }
    var information = stat()
    guard fstat(descriptor, &information) == 0 else {
      throw KilpiError("cannot read '\(path)': \(systemReason())")
    }
    guard information.st_mode & S_IFMT == S_IFREG else {
      let isDirectory = information.st_mode & S_IFMT == S_IFDIR
      let reason = isDirectory ? "it is a directory" : "it is not a regular file"
      throw KilpiError("cannot read '\(path)': \(reason)")
    }
    let count = Int(information.st_size)
    if count == 0 {
      bytes = UnsafeRawBufferPointer(start: nil, count: 0)
      return
    }
    guard let start = mmap(nil, count, PROT_READ, MAP_PRIVATE, descriptor, 0), start != MAP_FAILED
    else {
      throw KilpiError("cannot read '\(path)': \(systemReason())")
    }
    bytes = UnsafeRawBufferPointer(start: start, count: count)
  }

  /// Lets go of the memory behind a part of `bytes`: who copied it does not keep it twice.
  ///
  /// Its pages no longer count as this process's; bytes that are read again come from the file.
  public func release(_ part: UnsafeRawBufferPointer) {
    guard let start = bytes.baseAddress, let first = part.baseAddress, part.count > 0,
      first >= start, part.count <= bytes.count - (first - start)
    else { return }
    let page = Int(sysconf(Int32(_SC_PAGESIZE)))
    let offset = (first - start) / page * page
    let length = (first - start) - offset + part.count
    _ = madvise(UnsafeMutableRawPointer(mutating: start + offset), length, MADV_DONTNEED)
  }

  deinit {
    if let start = bytes.baseAddress {
      munmap(UnsafeMutableRawPointer(mutating: start), bytes.count)
    }
  }
}

/// Replaces files as a whole: a killed program leaves the old file or the new one.
public enum AtomicFile {
  /// Writes `bytes` to a temporary name beside `path`, syncs, renames, syncs the directory.
  ///
  /// - Throws: `KilpiError` with the path and the reason; nothing is left under the final name then.
  public static func write(_ bytes: [UInt8], to path: String) throws {
    try bytes.withUnsafeBytes { try write([$0], to: path) }
  }

  /// Writes a text; see `write(_:to:)` for bytes.
  public static func write(_ text: String, to path: String) throws {
    try write(Array(text.utf8), to: path)
  }

  /// Writes several parts one after another; see `write(_:to:)`.
  public static func write(_ parts: [UnsafeRawBufferPointer], to path: String) throws {
    var failure: (any Error)?
    let status = SystemCall.inFolder(of: path) { folder, name in
      // Nobody can have put a file or a link there: the name is random, and it must be new.
      let temporary = "\(name).tmp-\(getpid())-\(SystemCall.randomName())"
      let descriptor = kilpi_open_at(
        folder, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o666)
      guard descriptor >= 0 else { return -1 }
      do {
        for part in parts { try writeAll(part, to: descriptor, path: path) }
        guard fsync(descriptor) == 0 else {
          throw KilpiError("cannot write '\(path)': \(systemReason())")
        }
      } catch {
        close(descriptor)
        unlinkat(folder, temporary, 0)
        failure = error
        return 0
      }
      close(descriptor)
      guard renameat(folder, temporary, folder, name) == 0 else {
        let reason = errno
        unlinkat(folder, temporary, 0)
        errno = reason
        return -1
      }
      syncFolder(folder)
      return 0
    }
    if let failure { throw failure }
    guard status == 0 else {
      let reason = errno == ENOENT ? "the folder is not there" : systemReason()
      throw KilpiError("cannot write '\(path)': \(reason)")
    }
  }

  /// Removes temporary files that killed programs left in a directory, and in folders below it.
  ///
  /// Those of a program that still runs stay. What cannot be read or removed is passed over.
  ///
  /// - Parameter depth: how many levels of folders are looked into.
  public static func removeLeftovers(in directory: String, depth: Int = 2) {
    for name in (try? FileReader.names(in: directory)) ?? [] {
      let path = directory + "/" + name
      if depth > 0, FileReader.isDirectory(path) {
        removeLeftovers(in: path, depth: depth - 1)
        continue
      }
      let parts = name.split(separator: ".tmp-", omittingEmptySubsequences: false)
      // `tmp-PID-RANDOM`; the random part came later.
      let owner = parts.last?.split(separator: "-", maxSplits: 1).first
      guard parts.count > 1, let process = owner.flatMap({ pid_t($0) }), process > 0 else {
        continue
      }
      if !isRunning(process) { try? FileReader.remove(path) }
    }
  }

  /// Whether another program of that number runs: neither gone nor waiting for its parent to notice.
  private static func isRunning(_ process: pid_t) -> Bool {
    // A new process may have been given the number of the one that was killed.
    if process == getpid() || kill(process, 0) != 0 && errno == ESRCH { return false }
    let descriptor = open("/proc/\(process)/stat", O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return true }
    defer { close(descriptor) }
    var status = [UInt8](repeating: 0, count: 256)
    guard read(descriptor, &status, status.count) > 0,
      let name = status.lastIndex(of: UInt8(ascii: ")")), name + 2 < status.count
    else { return true }
    return status[name + 2] != UInt8(ascii: "Z") && status[name + 2] != UInt8(ascii: "X")
  }

  fileprivate static func writeAll(
    _ part: UnsafeRawBufferPointer, to descriptor: Int32, path: String
  ) throws {
    var offset = 0
    while offset < part.count {
      let length = min(part.count - offset, 1 << 26)
      let written = Glibc.write(descriptor, part.baseAddress.map { $0 + offset }, length)
      if written < 0 {
        if errno == EINTR { continue }
        throw KilpiError("cannot write '\(path)': \(systemReason())")
      }
      offset += written
    }
  }

  /// A folder that is open as a path alone cannot be synced.
  private static func syncFolder(_ folder: Int32) {
    let descriptor = kilpi_open_at(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0)
    guard descriptor >= 0 else { return }
    fsync(descriptor)
    close(descriptor)
  }
}

/// A file that grows by whole records, one `write` a record, so that a crash tears at most the last.
public final class AppendOnlyFile {
  private let descriptor: Int32
  private let path: String
  private let identity: FileIdentity?
  /// Bytes that are to be in the file.
  private var written = 0

  /// Opens `path` for appending, making it if needed; `keeping` cuts it to that many bytes first.
  ///
  /// - Throws: `KilpiError` with path and reason; also where the file is shorter than `keeping`: it is
  ///   never filled up.
  public init(path: String, keeping length: Int? = nil) throws {
    self.path = path
    descriptor = SystemCall.open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC)
    guard descriptor >= 0 else {
      throw KilpiError("cannot write '\(path)': \(systemReason())")
    }
    identity = FileIdentity(descriptor)
    written = self.length
    guard let length else { return }
    guard (0...self.length).contains(length) else {
      throw KilpiError("'\(path)' has \(self.length) bytes, \(length) were recorded")
    }
    guard ftruncate(descriptor, length) == 0 else {
      throw KilpiError("cannot cut '\(path)' to \(length) bytes: \(systemReason())")
    }
    written = length
  }

  deinit { close(descriptor) }

  /// Bytes in the file now.
  public var length: Int {
    var information = stat()
    return fstat(descriptor, &information) == 0 ? Int(information.st_size) : 0
  }

  /// Throws when the file no longer stands under its name, or holds fewer or more bytes than were written.
  public func check() throws {
    guard let identity, FileIdentity(path) == identity else {
      throw KilpiError(
        "cannot write '\(path)': it was removed or replaced while it was being written")
    }
    let found = length
    guard found == written else {
      throw KilpiError(
        "cannot write '\(path)': it has \(found) bytes, \(written) were written: it was changed meanwhile"
      )
    }
  }

  /// Appends one record.
  ///
  /// - Throws: `KilpiError` when it cannot be written, or when the file is no longer what was written:
  ///   what is written to a removed file is lost, what follows a cut one misleads.
  public func append(_ record: String) throws { try append(Array(record.utf8)) }

  /// Appends one record of bytes; see the other form.
  public func append(_ record: [UInt8]) throws {
    try check()
    try record.withUnsafeBytes {
      try AtomicFile.writeAll($0, to: descriptor, path: path)
      written += $0.count
    }
  }
}
