internal import CLua
internal import CLuaBridge
internal import Diagnostics
internal import Files

extension LuaState {
  /// What leaves the interpreter or reaches behind it.
  private static let forbidden: [(module: String, names: [String])] = [
    ("os", ["execute", "remove", "rename", "exit", "tmpname", "setlocale"]),
    ("io", ["popen", "tmpfile"]), ("package", ["loadlib", "cpath", "searchpath"]),
    ("string", ["dump"]),
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
  public func allowsFile(_ path: String, writing: Bool) -> Bool {
    gate?.allows(path, writing: writing) ?? true
  }

  /// Throws when the sandbox does not let scripts use the file.
  public func checkFile(_ path: String, writing: Bool) throws {
    guard allowsFile(path, writing: writing) else {
      throw KilpiError(
        "the sandbox does not allow '\(ErrorText.clipped(path))'", advice: "start with --allow DIR")
    }
  }

  /// Runs a host function: what it opens lies in the sandbox, whatever paths it builds.
  func confined<Result>(_ body: () throws -> Result) rethrows -> Result {
    try gate?.during(body) ?? body()
  }
}
