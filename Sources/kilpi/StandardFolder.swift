internal import Glibc

/// Where the bundled Lua files are.
enum StandardFolder {
  /// `KILPI_STDLIB`, then beside the executable, then that of a development build; nil when there
  /// is none.
  static func path(environment: [String: String]) -> String? {
    if let chosen = environment["KILPI_STDLIB"], !chosen.isEmpty { return chosen }
    var candidates: [String] = []
    if let folder = executableFolder {
      candidates = [folder + "/stdlib", folder + "/../share/kilpi/stdlib"]
    }
    let sources = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
    candidates.append("/" + sources + "/stdlib")
    return candidates.first { access($0, R_OK | X_OK) == 0 }
  }

  private static var executableFolder: String? {
    guard let name = realpath("/proc/self/exe", nil) else { return nil }
    defer { free(name) }
    let path = String(cString: name)
    return path.lastIndex(of: "/").map { String(path[..<$0]) }
  }
}
