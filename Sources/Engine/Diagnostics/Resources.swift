internal import Glibc

/// Finds the files that Kilpi ships beside its code: `stdlib/` with its `data` and `models`.
///
/// Looked for in this order: the folder named by `KILPI_STDLIB`; `stdlib` or `share/kilpi/stdlib`
/// beside the executable or in a folder above it; `stdlib` of the repository that this source file belongs to (development
/// builds). A folder named by the environment must exist: it is never passed over silently.
public enum ResourceLocator {
  /// Which rule found the folder.
  public enum Origin: String, Sendable {
    /// The environment variable `KILPI_STDLIB`.
    case environment = "KILPI_STDLIB"
    /// A `stdlib` folder beside the executable, or above it.
    case executable = "beside the executable"
    /// The repository that the program was built from.
    case sources = "the source repository"
  }

  /// A folder and the rule that found it.
  public struct Location: Equatable, Sendable {
    /// The folder's path, without a slash at its end.
    public var path: String
    /// The rule that found it.
    public var origin: Origin
  }

  /// The `stdlib` folder in use.
  ///
  /// - Throws: `KilpiError` when there is none, or when `KILPI_STDLIB` names no folder.
  public static func stdlib() throws -> Location {
    try locate(
      environment: getenv("KILPI_STDLIB").map { String(cString: $0) },
      executable: executablePath(), source: #filePath)
  }

  /// The path of a shipped file, such as `data/bpe_simple_vocab_16e6.txt.gz`.
  ///
  /// - Throws: `KilpiError` naming the file and the folder when it is not there.
  public static func path(_ relative: String) throws -> String {
    let folder = try stdlib()
    let path = folder.path + "/" + relative
    guard access(path, R_OK) == 0 else {
      throw KilpiError(
        "cannot read '\(path)', a file that Kilpi ships",
        advice:
          "the folder was found through \(folder.origin.rawValue); set KILPI_STDLIB to another")
    }
    return path
  }

  /// The rule itself, over given places, so that tests need not change the process.
  package static func locate(
    environment: String?, executable: String?, source: String
  ) throws -> Location {
    if let environment, !environment.isEmpty {
      let path = trimmed(environment)
      guard isFolder(path) else {
        throw KilpiError("KILPI_STDLIB names '\(environment)', which is no folder")
      }
      return Location(path: path, origin: .environment)
    }
    if let executable {
      for folder in ancestors(of: executable) {
        for path in [folder + "/stdlib", folder + "/share/kilpi/stdlib"]
        where isFolder(path + "/data") {
          return Location(path: path, origin: .executable)
        }
      }
    }
    for folder in ancestors(of: source) where isFolder(folder + "/stdlib/data") {
      return Location(path: folder + "/stdlib", origin: .sources)
    }
    throw KilpiError(
      "cannot find the folder 'stdlib' with Kilpi's own files", advice: "set KILPI_STDLIB to it")
  }

  /// The folders that contain `path`, nearest first; at most six, so that a stray folder far above
  /// is not taken for ours.
  private static func ancestors(of path: String) -> [String] {
    var parts = path.split(separator: "/", omittingEmptySubsequences: true)
    var found: [String] = []
    while !parts.isEmpty, found.count < 6 {
      parts.removeLast()
      found.append(parts.isEmpty ? "" : "/" + parts.joined(separator: "/"))
    }
    return found
  }

  private static func trimmed(_ path: String) -> String {
    path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
  }

  private static func isFolder(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
  }

  private static func executablePath() -> String? {
    var buffer = [CChar](repeating: 0, count: 4096)
    let count = readlink("/proc/self/exe", &buffer, buffer.count)
    guard count > 0 else { return nil }
    return String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}
