internal import CSystem
internal import Diagnostics
internal import Glibc

/// The folders that code from others may use, and a way to open files that does not lead out of them.
///
/// A path is allowed where it is opened, not where it is given: whatever a reader builds from names and
/// links, the kernel resolves it below an allowed folder or refuses it (`openat2` with
/// `RESOLVE_BENEATH`). While a gate is in force, all of `Files` goes through it.
public final class FileGate: Sendable {
  /// The gate in force; nil outside the sandbox.
  @TaskLocal package static var current: FileGate?

  private struct Folder: Sendable {
    /// The spellings by which paths reach it: as given and with links resolved, without a last slash.
    var names: [[Substring]]
    var descriptor: Int32
    var isWritable: Bool
  }

  private let folders: [Folder]

  /// Opens the folders; one that is not there allows nothing.
  ///
  /// - Parameters:
  ///   - writable: folders to read and write in.
  ///   - readable: folders to read in, such as those of files that ship with Kilpi.
  public init(writable: [String], readable: [String]) {
    folders =
      writable.compactMap { Self.folder($0, isWritable: true) }
      + readable.compactMap { Self.folder($0, isWritable: false) }
  }

  deinit {
    for folder in folders { close(folder.descriptor) }
  }

  /// Runs `body` with the gate in force.
  public func during<Result>(_ body: () throws -> Result) rethrows -> Result {
    try Self.$current.withValue(self, operation: body)
  }

  /// True when a file may be used; a file that is not there may be made, if its folder is allowed.
  ///
  /// The kernel finds the same file under the path itself, so that a reader that knows no gate may open
  /// it: `..` is no text to be struck out, since what stands before it may be a link.
  public func allows(_ path: String, writing: Bool) -> Bool {
    let descriptor = open(
      path, kilpi_path_flag() | O_CLOEXEC, 0, writing: writing, givenOnly: true)
    if descriptor >= 0 { close(descriptor) }
    return descriptor >= 0 || errno == ENOENT || errno == ENOTDIR
  }

  /// True for a folder above an allowed one: it is there, and nothing else may be known of it.
  func leadsTo(_ path: String) -> Bool {
    let parts = Self.parts(path)
    return folders.contains {
      $0.names.contains { $0.count > parts.count && $0.starts(with: parts) }
    }
  }

  /// A descriptor, or -1 with `errno`; EXDEV for what is not allowed.
  ///
  /// - Parameter givenOnly: only the folders that the user named count.
  func open(
    _ path: String, _ flags: Int32, _ mode: UInt32, writing: Bool, givenOnly: Bool = false
  ) -> Int32 {
    let parts = Self.parts(path)
    for folder in folders where folder.isWritable || !(writing || givenOnly) {
      guard let start = Self.start(of: parts, in: folder) else { continue }
      let rest = parts[start...].joined(separator: "/")
      let below = rest.isEmpty ? "." : rest
      let descriptor = kilpi_open_beneath(folder.descriptor, below, flags, mode)
      if descriptor < 0, errno == ENOSYS {
        return Self.openSlowly(folder, below, flags, mode)
      }
      // A loop of links leads nowhere; its reason is the same to the caller.
      if descriptor < 0, errno == ELOOP { errno = EXDEV }
      return descriptor
    }
    errno = EXDEV
    return -1
  }

  /// For kernels without `openat2`: the resolved path must lie below the folder's.
  private static func openSlowly(
    _ folder: Folder, _ below: String, _ flags: Int32, _ mode: UInt32
  ) -> Int32 {
    let parent = below.lastIndex(of: "/").map { String(below[..<$0]) } ?? "."
    let root = "/proc/self/fd/\(folder.descriptor)"
    let exact = resolved(root + "/" + below)
    let target = exact ?? resolved(root + "/" + parent)
    guard let target, let top = resolved(root), (target + "/").hasPrefix(top + "/") else {
      errno = EXDEV
      return -1
    }
    // A link that leads nowhere is not followed: a file could be made at its end.
    let descriptor = kilpi_open_at(
      folder.descriptor, below, exact == nil ? flags | O_NOFOLLOW : flags, mode)
    if descriptor < 0, errno == ELOOP { errno = EXDEV }
    return descriptor
  }

  private static func folder(_ path: String, isWritable: Bool) -> Folder? {
    let flags = kilpi_path_flag() | O_DIRECTORY | O_CLOEXEC
    let descriptor = kilpi_open_at(AT_FDCWD, path, flags, 0)
    guard descriptor >= 0 else { return nil }
    let names = [parts(path)] + (resolved(path).map { [parts($0)] } ?? [])
    return Folder(names: names, descriptor: descriptor, isWritable: isWritable)
  }

  /// How many parts lead to the folder; nil when they lead elsewhere.
  ///
  /// With `..` among them, the system says where they lead.
  private static func start(of parts: [Substring], in folder: Folder) -> Int? {
    guard parts.contains("..") else {
      return folder.names.first { parts.starts(with: $0) }?.count
    }
    return (0...parts.count).last { count in
      let path = resolved("/" + parts[..<count].joined(separator: "/"))
      return path.map { folder.names.contains(Self.parts($0)) } ?? false
    }
  }

  /// The parts of the absolute path without `.`.
  private static func parts(_ path: String) -> [Substring] {
    let absolute = path.hasPrefix("/") ? path : workingDirectory() + "/" + path
    return absolute.split(separator: "/").filter { $0 != "." }
  }

  private static func workingDirectory() -> String {
    guard let name = getcwd(nil, 0) else { return "" }
    defer { free(name) }
    return String(cString: name)
  }

  private static func resolved(_ path: String) -> String? {
    guard let real = realpath(path, nil) else { return nil }
    defer { free(real) }
    return String(cString: real)
  }
}
