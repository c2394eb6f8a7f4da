internal import CLua
internal import CLuaBridge
internal import Diagnostics

#if canImport(Glibc)
  internal import Glibc
#endif

/// What the allocator of a state counts.
public struct MemoryFigures: Sendable, Equatable {
  /// Bytes and blocks that Lua holds, and the most bytes it held.
  public var bytes = 0, blocks = 0, peakBytes = 0
  /// Requests for memory; those under a live Swift frame, which cannot fail; the largest of these.
  public var requests = 0, shelteredRequests = 0, largestSheltered = 0
  /// Bytes that values hold outside Lua.
  public var externalBytes = 0
}

extension LuaState {
  /// What the state holds now.
  public var memory: MemoryFigures {
    guard !isClosed else { return MemoryFigures() }
    let now = kilpi_memory_now(main)
    return MemoryFigures(
      bytes: Int(now.bytes), blocks: Int(now.blocks), peakBytes: Int(now.peak_bytes),
      requests: Int(now.requests), shelteredRequests: Int(now.sheltered),
      largestSheltered: Int(now.largest_sheltered), externalBytes: externalBytes())
  }

  /// Collects fully; safe from a host function, also when an allocation outside Lua is refused.
  public func collect() {
    guard !isClosed else { return }
    bin.empty(main)
    kilpi_collect(main)
  }

  /// Limits Lua's memory and the external bytes together; nil lifts the limit.
  public func setMemoryLimit(_ bytes: Int?) {
    guard !isClosed else { return }
    kilpi_set_memory_limit(main, Int64(max(0, bytes ?? 0)))
  }

  /// Sets the external bytes above which a full collection is made.
  public func setSoftLimit(_ bytes: Int) {
    guard !isClosed else { return }
    kilpi_set_soft_limit(main, Int64(bytes))
  }

  /// For tests: makes the n-th request from now on and the `count - 1` after it fail; 0 stops it.
  public func failAllocations(at request: Int, count: Int = 2) {
    guard !isClosed else { return }
    kilpi_fail_allocations(main, Int64(request), Int64(count))
  }

  /// Writes to a stream as scripts do: to `output`, or to the process's own.
  public func write(_ text: String, to stream: OutputStream) {
    if let output { return output(stream, Array(text.utf8)) }
    var text = text
    text.withUTF8 { bytes in
      bytes.withMemoryRebound(to: CChar.self) {
        kilpi_write_through(stream == .error ? 2 : 1, $0.baseAddress, $0.count)
      }
    }
  }

  /// Hands everything that was written to the process's own streams to the system.
  public func flushOutput() { kilpi_flush() }

  /// Puts `folder` in front of the places where `require` looks for Lua files.
  public func prependSearchPath(_ folder: String) throws {
    guard let package = try global("package").table else { return }
    let rest = try package.get("path").string ?? ""
    try package.set("path", "\(folder)/?.lua;\(folder)/?/init.lua;\(rest)")
  }

  /// Runs what `LUA_INIT_5_4` or `LUA_INIT` says, unless the environment is ignored.
  public func runInitialisation() throws {
    guard !configuration.ignoresEnvironment else { return }
    for name in ["LUA_INIT_5_4", "LUA_INIT"] {
      guard let value = getenv(name) else { continue }
      let text = String(cString: value)
      if text.hasPrefix("@") {
        guard let dofile = try global("dofile").function else { return }
        try dofile.call([String(text.dropFirst())])
      } else {
        try run(text, chunkName: "=" + name)
      }
      return
    }
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
        "", "the sandbox does not allow '\(ErrorText.clipped(path))'", advice: "start with --allow DIR")
    }
  }

  private static func resolved(_ path: String) -> String? {
    if let real = realpath(path, nil) {
      defer { free(real) }
      return String(cString: real)
    }
    let parts = path.split(separator: "/", omittingEmptySubsequences: true)
    guard let name = parts.last, name != "..", name != "." else { return nil }
    let folder = path.dropLast(path.hasSuffix("/") ? name.count + 1 : name.count)
    guard let real = realpath(folder.isEmpty ? "." : String(folder), nil) else { return nil }
    defer { free(real) }
    return String(cString: real) + "/" + name
  }
}
