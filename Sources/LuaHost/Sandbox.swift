internal import CLua
internal import CLuaBridge
internal import Diagnostics

#if canImport(Glibc)
  internal import Glibc
#endif

extension LuaState {
  /// What leaves the interpreter or reaches behind it.
  private static let forbidden: [(module: String, names: [String])] = [
    ("os", ["execute", "remove", "rename", "exit", "tmpname", "setlocale"]),
    ("io", ["popen", "tmpfile"]), ("package", ["loadlib", "cpath"]), ("string", ["dump"]),
  ]

  /// Takes away what code from others must not have.
  ///
  /// Raw writes alone, so nothing can raise.
  func enterSandbox() throws {
    for (module, names) in Self.forbidden {
      guard let table = try global(module).table else { continue }
      for name in names { try table.set(name, LuaValue.nil) }
    }
    if let package = try global("package").table {
      // The last two searchers load C modules.
      if let searchers = try package.get("searchers").table {
        for index in [4, 3] { try searchers.set(index, LuaValue.nil) }
      }
      if let loaded = try package.get("loaded").table { try loaded.set("debug", LuaValue.nil) }
    }
    try setGlobal("debug", LuaValue.nil)
  }

  /// True when the sandbox, if there is one, lets scripts use the file.
  ///
  /// Links are resolved first; of a file that is to be made, those of its folder.
  public func allowsFile(_ path: String, writing: Bool) -> Bool {
    guard configuration.isSandboxed else { return true }
    guard let real = Self.resolved(path) else { return false }
    return configuration.allowedFolders.contains { folder in
      guard let folder = Self.resolved(folder) else { return false }
      return real == folder || real.hasPrefix(folder.hasSuffix("/") ? folder : folder + "/")
    }
  }

  /// Throws when the sandbox does not let scripts use the file.
  public func checkFile(_ path: String, writing: Bool) throws {
    guard allowsFile(path, writing: writing) else {
      throw KilpiError(
        "", "the sandbox does not allow '\(ErrorText.clipped(path))'",
        advice: "start with --allow DIR")
    }
  }

  private static func resolved(_ path: String) -> String? {
    if let real = realpath(path, nil) {
      defer { free(real) }
      return String(cString: real)
    }
    // A link to nowhere would be followed when the file is made.
    var target: CChar = 0
    guard readlink(path, &target, 1) < 0 else { return nil }
    let parts = path.split(separator: "/", omittingEmptySubsequences: true)
    guard let name = parts.last, name != "..", name != "." else { return nil }
    let trailing = path.hasSuffix("/") ? 1 : 0
    let folder = path.dropLast(name.count + trailing)
    guard let real = realpath(folder.isEmpty ? "." : String(folder), nil) else { return nil }
    defer { free(real) }
    return String(cString: real) + "/" + name
  }
}
