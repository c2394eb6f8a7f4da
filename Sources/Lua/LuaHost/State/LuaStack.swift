internal import CLua
internal import CLuaBridge
internal import Diagnostics

/// Where `LuaConvertible` puts its value.
///
/// Valid during one push.
public struct LuaStack {
  let state: LuaState
  let lua: OpaquePointer

  /// Pushes a table with room for a list and fields.
  public func makeTable(list: Int = 0, fields: Int = 0) throws {
    // A nested value needs its own room: its table, a key, a value and what a handle takes.
    try state.reserve(12, on: lua)
    try state.askLua(
      list.multipliedClamped(by: 16).addingClamped(fields.multipliedClamped(by: 56)), on: lua)
    lua_createtable(lua, Int32(clamping: list), Int32(clamping: fields))
  }

  /// Pushes an empty table that `LuaTree` knows as a list; a mark alone, without effect in Lua.
  public func makeEmptyList() throws {
    try makeTable()
    lua_rawgeti(lua, kilpi_lua_registry(), Int64(state.listMark))
    lua_setmetatable(lua, -2)
  }

  /// Sets a field of the table on top.
  public func setField(_ key: String, _ value: any LuaConvertible) throws {
    state.push(key, on: lua)
    try value.push(onto: self)
    lua_rawset(lua, -3)
  }

  /// Sets a position of the table on top.
  public func setElement(_ index: Int, _ value: any LuaConvertible) throws {
    try value.push(onto: self)
    lua_rawseti(lua, -2, Int64(index))
  }

  /// Lets reads of keys that the table on top lacks go to `closure`, which gets table and key.
  public func setMissing(_ closure: LuaClosure) throws {
    try state.reserve(12, on: lua)
    lua_createtable(lua, 0, 1)
    try setField("__index", closure)
    lua_setmetatable(lua, -2)
  }

  func push(
    handle object: AnyObject, identity: ObjectIdentifier, keeping: [any LuaConvertible]
  ) throws {
    guard let type = state.types[identity] else {
      throw KilpiError("values of this kind are not known to Lua")
    }
    try state.reserve(12, on: lua)
    kilpi_push_handle(lua, Unmanaged.passRetained(object).toOpaque())
    lua_rawgeti(lua, kilpi_lua_registry(), Int64(type.metatable))
    lua_setmetatable(lua, -2)
    if !state.scopes.isEmpty { state.noteHandle(lua, identity: identity) }
    guard !keeping.isEmpty else { return }
    lua_createtable(lua, Int32(clamping: keeping.count), 0)
    for (index, value) in keeping.enumerated() {
      try setElement(index + 1, value)
      if let function = value as? LuaFunction { try function.weaken(lua) }
    }
    lua_setiuservalue(lua, -2, 1)
  }

  func push(closure: LuaClosure) throws {
    let callable = Callable(name: closure.name, body: closure.body)
    try state.reserve(12, on: lua)
    lua_pushinteger(lua, -1)
    try push(
      handle: ClosureBox(callable), identity: ObjectIdentifier(ClosureBox.self),
      keeping: closure.keeping)
    kilpi_push_host_function(lua, 2)
  }
}

/// A Swift closure on its way through Lua.
final class ClosureBox {
  let callable: Callable
  init(_ callable: Callable) { self.callable = callable }
}

/// What the trampoline runs, with the names that errors use.
final class Callable {
  /// `attack.pgd`, `matmul`: in front of `KilpiError` texts.
  let name: String
  /// `pgd`, `matmul`: in "bad argument #1 to 'pgd'".
  let shortName: String
  /// True when argument 1 is `self`, which users do not count.
  let isMethod: Bool
  let options: [OptionSpec]
  let body: (Call) throws -> [any LuaConvertible]

  init(
    name: String, shortName: String? = nil, isMethod: Bool = false, options: [OptionSpec] = [],
    body: @escaping (Call) throws -> [any LuaConvertible]
  ) {
    self.name = name
    self.shortName = shortName ?? name
    self.isMethod = isMethod
    self.options = options
    self.body = body
  }

  convenience init(_ entry: Entry, name: String, shortName: String? = nil, isMethod: Bool) {
    self.init(
      name: name, shortName: shortName ?? entry.name, isMethod: isMethod, options: entry.options,
      body: entry.body)
  }
}

/// A registered handle type; a class, since each use of a handle passes it around.
final class RegisteredType {
  let type: HandleType
  /// Registry slot of the metatable.
  let metatable: Int32
  /// Its address, by which handles are recognised.
  let address: UnsafeRawPointer

  init(type: HandleType, metatable: Int32, address: UnsafeRawPointer) {
    self.type = type
    self.metatable = metatable
    self.address = address
  }
}
