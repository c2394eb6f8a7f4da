internal import Diagnostics
internal import Glibc

/// Runs `body` with the path of a fresh directory, which is removed afterwards.
public func withTemporaryDirectory<Result>(_ body: (String) throws -> Result) throws -> Result {
  var template = Array("/tmp/kilpi-test-XXXXXX".utf8CString)
  guard mkdtemp(&template) != nil else {
    throw KilpiError("cannot make a temporary directory")
  }
  let path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  defer { removeTree(path) }
  return try body(path)
}

/// Links are removed, not followed: what they point at is not the test's.
private func removeTree(_ path: String) {
  var status = stat()
  guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR,
    let directory = opendir(path)
  else {
    unlink(path)
    return
  }
  while let entry = readdir(directory) {
    let name = withUnsafePointer(to: &entry.pointee.d_name) {
      $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
    }
    if name != "." && name != ".." { removeTree(path + "/" + name) }
  }
  closedir(directory)
  rmdir(path)
}

/// Where test data lies.
public enum TestFiles {
  /// The repository's root, found from this source file.
  public static let repository: String = {
    let parts = #filePath.split(separator: "/").dropLast(3)
    return "/" + parts.joined(separator: "/")
  }()

  /// A committed fixture, made by a script in `scripts/reference`.
  public static func fixture(_ name: String) -> String { repository + "/Tests/Fixtures/" + name }

  /// A file of the experiments' data (`KILPI_SHARED`, else `../shared` beside the repository), or
  /// nil with a printed reason when it is absent: such tests are extra.
  public static func shared(_ name: String) -> String? {
    let root = getenv("KILPI_SHARED").map { String(cString: $0) } ?? repository + "/../shared"
    let path = root + "/" + name
    guard access(path, F_OK) == 0 else {
      print("skipped: \(name) is not here (set KILPI_SHARED to the folder of shared data)")
      return nil
    }
    return path
  }
}
