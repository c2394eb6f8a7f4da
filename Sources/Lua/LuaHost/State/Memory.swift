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

  /// Zeros.
  public init() {}
}

extension LuaState {
  /// What the state holds now.
  public var memory: MemoryFigures {
    guard !isClosed else { return MemoryFigures() }
    let now = kilpi_memory_now(main)
    var figures = MemoryFigures()
    figures.bytes = Int(now.bytes)
    figures.blocks = Int(now.blocks)
    figures.peakBytes = Int(now.peak_bytes)
    figures.requests = Int(now.requests)
    figures.shelteredRequests = Int(now.sheltered)
    figures.largestSheltered = Int(now.largest_sheltered)
    figures.externalBytes = externalBytes()
    return figures
  }

  /// Values on the stack of the main thread; 0 between runs.
  public var stackHeight: Int { isClosed ? 0 : Int(lua_gettop(main)) }

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

  /// For tests: sets the external bytes above which a full collection is made.
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
}
