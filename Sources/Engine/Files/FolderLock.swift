internal import Diagnostics
internal import Glibc

/// The one owner of a folder that grows: a run's, or an evaluation's.
///
/// Exclusive locks (`flock`) on the folder and on the file `lock` in it: the first cannot be removed by
/// itself, the second works on network file systems too. The system lets go of both when their owner
/// ends, however that happens, so a killed program keeps nothing. The file names the owner while it
/// works, and is empty otherwise.
public final class FolderLock {
  private let directory: Int32
  private let file: Int32
  private let folder: String
  private let identity: FileIdentity?

  /// Takes the folder at `folder`, which must be there.
  ///
  /// - Throws: `KilpiError` naming the process that works in it, or why no lock can be had. Where the
  ///   file system knows no locks, nothing is locked.
  public init(_ folder: String) throws {
    (directory, file) = try Self.taken(folder)
    self.folder = folder
    identity = FileIdentity(directory)
    let text = Array("\(getpid()) \(Self.host)\n".utf8)
    _ = ftruncate(file, 0)
    _ = pwrite(file, text, text.count, 0)
  }

  /// Not part of `init`: an object that is made has the lock, and gives it back when it goes.
  private static func taken(_ folder: String) throws -> (directory: Int32, file: Int32) {
    let directory = SystemCall.open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard directory >= 0 else {
      throw KilpiError("cannot read '\(folder)': \(systemReason())")
    }
    let file = openat(
      directory, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0o666)
    guard file >= 0 else {
      let reason = systemReason()
      close(directory)
      throw KilpiError("cannot write '\(folder)/lock': \(reason)")
    }
    guard locks(directory), locks(file) else {
      let owner = Self.owner(file)
      close(directory)
      close(file)
      throw KilpiError(
        "\(owner) works in '\(folder)'", advice: "wait until it has ended, or use another out")
    }
    return (directory, file)
  }

  /// False when another holds the lock; true also where there are no locks.
  private static func locks(_ descriptor: Int32) -> Bool {
    while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
      if errno != EINTR { return errno != EWOULDBLOCK }
    }
    return true
  }

  deinit {
    // Closing lets go; the text would only mislead.
    _ = ftruncate(file, 0)
    close(file)
    close(directory)
  }

  /// Throws when the folder is no longer the one that was taken.
  public func check() throws {
    guard FileIdentity(folder) == identity else {
      throw KilpiError("'\(folder)' was removed or replaced by something else")
    }
  }

  /// Who holds the lock: as the file says, if it can be read.
  private static func owner(_ descriptor: Int32) -> String {
    var bytes = [UInt8](repeating: 0, count: 256)
    let count = pread(descriptor, &bytes, bytes.count, 0)
    let words = String(decoding: bytes.prefix(max(count, 0)), as: UTF8.self)
      .split(whereSeparator: { $0 == " " || $0.isNewline })
    guard let first = words.first, let process = Int32(first) else { return "another process" }
    if process == getpid(), words.count < 2 || words[1] == host {
      return "this process (\(process)) already"
    }
    guard words.count > 1, words[1] != host else { return "process \(process)" }
    return "process \(process) on '\(words[1].prefix(64))'"
  }

  private static var host: String {
    var name = [CChar](repeating: 0, count: 256)
    guard gethostname(&name, name.count - 1) == 0 else { return "" }
    return String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}

/// Which file it is, whatever its name.
struct FileIdentity: Equatable {
  private let device: dev_t
  private let number: ino_t

  private init(_ information: stat) {
    device = information.st_dev
    number = information.st_ino
  }

  /// Of an open file.
  init?(_ descriptor: Int32) {
    var information = stat()
    guard fstat(descriptor, &information) == 0 else { return nil }
    self.init(information)
  }

  /// Of what stands at a path now.
  init?(_ path: String) {
    var information = stat()
    guard stat(path, &information) == 0 else { return nil }
    self.init(information)
  }
}
