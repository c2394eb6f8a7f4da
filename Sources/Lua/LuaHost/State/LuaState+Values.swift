internal import CLua
internal import CLuaBridge
internal import Diagnostics

extension LuaState {
  /// Makes room for `slots` pushes, or throws.
  func reserve(_ slots: Int32, on lua: OpaquePointer? = nil) throws {
    guard lua_checkstack(lua ?? current, slots) != 0 else {
      throw LuaError(kind: .memory, message: "not enough memory: the Lua stack is full")
    }
  }

  /// Checks that Lua may take `bytes` and some more for what holds them, since no request of Lua's can
  /// fail while Swift pushes; small sums are requested together.
  ///
  /// - Throws: `KilpiError` of kind `memory` at the cap, after a collection.
  func askLua(_ bytes: Int, on lua: OpaquePointer) throws {
    unasked = unasked.addingClamped(bytes.addingClamped(64))
    guard unasked >= 1 << 16 else { return }
    let growth = unasked
    unasked = 0
    guard kilpi_would_refuse(lua, growth) else { return }
    kilpi_collect(lua)
    guard kilpi_would_refuse(lua, growth) else { return }
    throw KilpiError(
      "not enough memory for a result of \(MemoryReservation.describe(growth)) and more",
      advice: "ask for less at once, or raise the cap with --memory", kind: .memory)
  }

  func push(_ text: String, on lua: OpaquePointer) {
    var text = text
    text.withUTF8 { bytes in
      _ = bytes.withMemoryRebound(to: CChar.self) {
        lua_pushlstring(lua, $0.baseAddress, $0.count)
      }
    }
  }

  /// Pushes values; on an error the stack is cut back to `base`.
  func push(
    _ values: [any LuaConvertible], on lua: OpaquePointer, restoring base: Int32
  ) throws {
    let stack = LuaStack(state: self, lua: lua)
    do {
      try reserve(Int32(clamping: values.count) + 20, on: lua)
      for value in values { try value.push(onto: stack) }
    } catch {
      lua_settop(lua, base)
      throw error
    }
  }

  /// The bytes of the string at `index`.
  func string(_ lua: OpaquePointer, _ index: Int32) -> LuaString {
    var count = 0
    guard let bytes = lua_tolstring(lua, index, &count) else { return LuaString("") }
    return LuaString(Array(UnsafeRawBufferPointer(start: bytes, count: count)))
  }

  /// The registered type of the handle at `index`; nil for every other value.
  func handleType(_ lua: OpaquePointer, _ index: Int32) -> RegisteredType? {
    guard lua_type(lua, index) == LUA_TUSERDATA, lua_getmetatable(lua, index) != 0 else {
      return nil
    }
    let address = lua_topointer(lua, -1)
    kilpi_lua_pop(lua, 1)
    return address.flatMap { typesByAddress[$0] }
  }

  /// The object of a handle whose type was checked; nil when it was released.
  func object(_ lua: OpaquePointer, _ index: Int32) -> AnyObject? {
    kilpi_handle_object(lua, index, false).map {
      Unmanaged<AnyObject>.fromOpaque($0).takeUnretainedValue()
    }
  }

  /// The type of the value in Lua's words; handles give their own name.
  func typeName(_ lua: OpaquePointer, _ index: Int32) -> String {
    if let type = handleType(lua, index) { return type.type.name }
    let type = lua_type(lua, index)
    if type == LUA_TNONE { return "no value" }
    if type == LUA_TLIGHTUSERDATA { return "light userdata" }
    return String(cString: lua_typename(lua, type))
  }

  /// The value at `index`.
  func value(_ lua: OpaquePointer, _ index: Int32) -> LuaValue {
    lua_pushvalue(lua, index)
    return popValue(lua)
  }

  /// The value on top, which is removed.
  func popValue(_ lua: OpaquePointer) -> LuaValue {
    let plain: LuaValue
    switch lua_type(lua, -1) {
    case LUA_TBOOLEAN: plain = .boolean(lua_toboolean(lua, -1) != 0)
    case LUA_TNUMBER:
      plain =
        kilpi_lua_is_integer(lua, -1)
        ? .integer(kilpi_lua_integer(lua, -1)) : .number(kilpi_lua_number(lua, -1))
    case LUA_TSTRING: plain = .string(string(lua, -1))
    case LUA_TTABLE: return .table(LuaTable(popping: lua, of: self))
    case LUA_TFUNCTION: return .function(LuaFunction(popping: lua, of: self))
    case LUA_TUSERDATA:
      guard let type = handleType(lua, -1) else {
        return .other(LuaReference(popping: lua, of: self))
      }
      let object = object(lua, -1)
      return .handle(
        LuaHandle(popping: lua, of: self, object: object, typeName: type.type.name))
    case LUA_TTHREAD, LUA_TLIGHTUSERDATA: return .other(LuaReference(popping: lua, of: self))
    default: plain = .nil
    }
    kilpi_lua_pop(lua, 1)
    return plain
  }

  /// Pushes the table through which weakly kept functions are found.
  func pushWeakTable(_ lua: OpaquePointer) {
    lua_rawgeti(lua, kilpi_lua_registry(), Int64(weakTable))
  }

  /// A value as one line of text, through `__tostring`.
  public func text(_ value: any LuaConvertible) throws -> String {
    try reserve(20)
    let lua = current
    let base = lua_gettop(lua)
    defer { lua_settop(lua, base) }
    try value.push(onto: LuaStack(state: self, lua: lua))
    let status = kilpi_to_string(lua, -1)
    guard status == LUA_OK else { throw takeError(lua, status: status) }
    return string(lua, -1).display
  }

  /// A new empty table.
  public func makeTable() throws -> LuaTable {
    try reserve(8)
    kilpi_lua_new_table(current)
    return LuaTable(popping: current, of: self)
  }

  /// The table of globals.
  public var globals: LuaTable {
    get throws {
      try reserve(8)
      kilpi_lua_push_globals(current)
      return LuaTable(popping: current, of: self)
    }
  }

  /// Sets a global, without metamethods.
  public func setGlobal(_ name: String, _ value: any LuaConvertible) throws {
    try globals.set(name, value)
  }

  /// The value of a global, without metamethods.
  public func global(_ name: String) throws -> LuaValue { try globals.get(name) }

  /// Keeps a Swift value as a Lua value.
  public func value(of convertible: any LuaConvertible) throws -> LuaValue {
    try reserve(20)
    try convertible.push(onto: LuaStack(state: self, lua: current))
    return popValue(current)
  }
}
