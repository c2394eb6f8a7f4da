internal import CLua
internal import CLuaBridge
internal import Diagnostics

extension LuaState {
  /// Compiles a text; nothing is run.
  ///
  /// - Parameters:
  ///   - source: Lua text. A byte-order mark and a first line starting with `#` are skipped.
  ///   - chunkName: `=cell[3]` shows as such, `@path` as a file.
  ///   - environment: the table of its globals; nil means the state's own.
  /// - Throws: `LuaError` of kind `syntax`.
  public func compile(
    _ source: LuaString, chunkName: String, environment: LuaTable? = nil
  ) throws -> LuaFunction {
    try reserve(20)
    let lua = current
    let base = lua_gettop(lua)
    defer { lua_settop(lua, base) }
    let text = Self.withoutFirstLine(source.bytes)
    let status = text.withUnsafeBytes { bytes in
      kilpi_load(
        lua, bytes.baseAddress?.assumingMemoryBound(to: CChar.self), bytes.count, chunkName)
    }
    guard status == LUA_OK else { throw takeError(lua, status: status) }
    if let environment {
      try environment.push(lua)
      if lua_setupvalue(lua, -2, 1) == nil { kilpi_lua_pop(lua, 1) }
    }
    return LuaFunction(popping: lua, of: self)
  }

  /// Compiles a text; see the other form.
  public func compile(
    _ source: String, chunkName: String, environment: LuaTable? = nil
  ) throws -> LuaFunction {
    try compile(LuaString(source), chunkName: chunkName, environment: environment)
  }

  /// The error that compiling would give, nil when the text compiles.
  ///
  /// Nothing is run.
  public func compileError(_ source: String, chunkName: String = "=input") -> LuaError? {
    do {
      _ = try compile(source, chunkName: chunkName)
      return nil
    } catch {
      return error as? LuaError ?? LuaError(kind: .runtime, message: "\(error)")
    }
  }

  /// Runs a text and gives its results.
  ///
  /// - Parameter arguments: what `...` holds.
  @discardableResult
  public func run(
    _ source: String, chunkName: String, environment: LuaTable? = nil,
    arguments: [any LuaConvertible] = []
  ) throws -> [LuaValue] {
    try compile(source, chunkName: chunkName, environment: environment).call(arguments)
  }

  /// Runs bytes that need not be UTF-8, such as a file's; see the other form.
  @discardableResult
  public func run(
    bytes: [UInt8], chunkName: String, environment: LuaTable? = nil,
    arguments: [any LuaConvertible] = []
  ) throws -> [LuaValue] {
    try compile(LuaString(bytes), chunkName: chunkName, environment: environment).call(arguments)
  }

  /// Sets the global `arg`: `arg[0]` the script, positive indices its arguments, negative ones the
  /// program and its options, nearest first.
  public func setArguments(script: String, arguments: [String], program: [String]) throws {
    let table = try makeTable()
    for (index, text) in program.reversed().enumerated() { try table.set(-1 - index, text) }
    try table.set(0, script)
    for (index, text) in arguments.enumerated() { try table.set(index + 1, text) }
    try setGlobal("arg", table)
  }

  /// Calls the function and arguments above `base`; gives all results and cuts the stack to `base`.
  func callFunction(_ lua: OpaquePointer, base: Int32, arguments: Int) throws -> [LuaValue] {
    if depth == 0 { kilpi_begin_run(main) }
    depth += 1
    let outer = current
    defer {
      depth -= 1
      current = outer
      bin.empty(lua)
      if depth == 0 { flushWarnings() }
    }
    let status = kilpi_protected_call(lua, Int32(arguments), LUA_MULTRET)
    defer { lua_settop(lua, base) }
    guard status == LUA_OK else { throw takeError(lua, status: status) }
    guard lua_checkstack(lua, 8) != 0 else { throw LuaError(kind: .memory, message: "stack full") }
    let count = lua_gettop(lua) - base
    return (0..<count).map { value(lua, base + 1 + $0) }
  }

  /// The text after a byte-order mark, with a first line that starts with `#` made a comment.
  static func withoutFirstLine(_ bytes: [UInt8]) -> [UInt8] {
    var text = bytes[...]
    if text.starts(with: [0xEF, 0xBB, 0xBF]) { text = text.dropFirst(3) }
    if text.first == UInt8(ascii: "#") {
      text = text.drop { $0 != UInt8(ascii: "\n") && $0 != UInt8(ascii: "\r") }
    }
    return Array(text)
  }

  /// A warning of Kilpi's own, shown like a script's `warn`: with `-W`, or after `warn("@on")`.
  public func warn(_ text: String) {
    guard !isClosed else { return }
    // A text that starts with `@` would be an order.
    let text = text.withVisibleControls
    lua_warning(main, text.hasPrefix("@") ? " " + text : text, 0)
  }

  /// Shows the warnings that arrived while Lua ran; each text of a finalizer once.
  func flushWarnings() {
    while !pendingWarnings.isEmpty {
      let warnings = pendingWarnings
      pendingWarnings = []
      for warning in warnings {
        if warning.hasPrefix("error in "), !shownWarnings.insert(warning).inserted { continue }
        write("Lua warning: \(warning)\n", to: .error)
      }
    }
  }
}
