internal import CLua
internal import CLuaBridge
internal import Diagnostics
internal import Files

/// One Lua interpreter with the catalogue's modules, owned by the thread that made it.
///
/// Close it when it is no longer needed: finalizers of scripts run then. A state that is only
/// dropped frees its memory, but calls no host function any more.
public final class LuaState {
  /// How a state is set up.
  public struct Configuration: Sendable {
    /// Ignores `LUA_PATH`, `LUA_CPATH` and `LUA_INIT`.
    public var ignoresEnvironment = false
    /// Code from others: no processes, no C modules, no files but those that `allowsFile` permits.
    public var isSandboxed = false
    /// Folders that the sandbox may use, absolute.
    public var allowedFolders: [String] = []
    /// Folders that functions of the catalogue may read in the sandbox, and scripts may not: those of
    /// files that come with the program.
    public var readableFolders: [String] = []
    /// Shows what scripts say with `warn`; errors in finalizers are always shown.
    public var showsWarnings = false

    /// The defaults.
    public init() {}
  }

  /// The modules and classes that scripts see.
  public let catalog: Catalog
  /// The set-up.
  public let configuration: Configuration
  /// Where `print`, `io.write` and warnings go; nil means the process's own streams.
  public var output: ((OutputStream, [UInt8]) -> Void)?
  /// Live bytes that values hold outside Lua; the collector is told.
  public var externalBytes: () -> Int = { 0 }
  /// Gives back memory kept for reuse; called after a collection under pressure.
  public var releasePool: () -> Void = {}
  /// Runs before `os.exit` ends the process, with its status.
  public var leaving: (Int) -> Void = { _ in }
  /// True after `close`.
  public private(set) var isClosed = false

  /// The main thread of the state.
  ///
  /// A call may run on a coroutine's: see `current`.
  let main: OpaquePointer
  /// What the sandbox lets through; nil outside it.
  let gate: FileGate?
  /// The Lua thread that runs now.
  var current: OpaquePointer
  let bin = ReferenceBin()
  /// Bytes pushed since the cap was last checked; see `askLua`.
  var unasked = 0
  var callables: [Callable] = []
  var types: [ObjectIdentifier: RegisteredType] = [:]
  var typesByAddress: [UnsafeRawPointer: RegisteredType] = [:]
  var weakSlots: Int32 = 0
  var weakTable: Int32 = 0
  /// Registry slot and address of the metatable that marks an empty table as a list.
  var listMark: Int32 = 0
  var listMarkAddress: UnsafeRawPointer?
  /// The Lua value of the last error that reached Swift, so that it can go back unchanged.
  var lastError: (serial: Int, value: LuaReference)?
  var errorCount = 0
  /// What is known of the errors that scripts hold as text.
  var raised = RaisedErrors()
  /// Nesting of calls from Swift into Lua.
  var depth = 0
  var pendingWarnings: [String] = []
  var attachments: [ObjectIdentifier: AnyObject] = [:]
  /// Open scopes of handles, the innermost last.
  var scopes: [HandleScope] = []
  var shownWarnings: Set<String> = []

  /// Opens a state.
  ///
  /// - Throws: `KilpiError` of kind `memory` when there is none.
  public init(catalog: Catalog, configuration: Configuration = Configuration()) throws {
    self.catalog = catalog
    self.configuration = configuration
    gate =
      configuration.isSandboxed
      ? FileGate(
        writable: configuration.allowedFolders, readable: configuration.readableFolders) : nil
    let box = ContextBox()
    var callbacks = Bridge.callbacks
    callbacks.context = Unmanaged.passUnretained(box).toOpaque()
    callbacks.allows = configuration.isSandboxed ? Bridge.allows : nil
    guard
      let lua = kilpi_open(
        &callbacks, configuration.ignoresEnvironment, configuration.isSandboxed)
    else {
      throw KilpiError("not enough memory for the Lua interpreter", kind: .memory)
    }
    main = lua
    current = lua
    context = box
    box.state = self
    kilpi_set_warnings(lua, configuration.showsWarnings)
    try register()
    if configuration.isSandboxed { try enterSandbox() }
    try offerModules()
  }

  /// What the bridge calls back; a box, since `self` does not exist yet when the state opens.
  private let context: ContextBox

  deinit {
    if !isClosed { kilpi_close(main, true, nil) }
  }

  /// Closes the state: pending `<close>` variables and finalizers run, memory is freed.
  ///
  /// - Returns: the bytes and blocks that the allocator still counts; both are 0.
  @discardableResult
  public func close() -> (bytes: Int, blocks: Int) {
    guard !isClosed else { return (0, 0) }
    bin.empty(main)
    lastError = nil
    isClosed = true
    var rest = kilpi_memory()
    kilpi_close(main, false, &rest)
    flushWarnings()
    return (Int(rest.bytes), Int(rest.blocks))
  }

  /// The version of the Lua library: `Lua 5.4.4`.
  public static var version: String { "Lua " + String(cString: kilpi_lua_release()).dropFirst(4) }
}

/// One of the two streams that scripts write to.
public enum OutputStream: Sendable {
  case standard
  case error
}

/// Holds the state for the bridge, which never uses it after the state is gone: an abandoned state
/// calls no host function.
///
/// A weak reference would cost more than the rest of a call.
final class ContextBox {
  unowned(unsafe) var state: LuaState?
}
