internal import CLua
internal import CLuaBridge
internal import Diagnostics

/// A Lua table.
///
/// Reads are raw: they run no script.
public final class LuaTable: LuaReference {
  /// The border of the list part, as `rawlen` gives it.
  public var count: Int {
    get throws {
      let (_, lua) = try enter(4)
      try push(lua)
      defer { kilpi_lua_pop(lua, 1) }
      return Int(clamping: lua_rawlen(lua, -1))
    }
  }

  /// The value of a string key.
  public func get(_ key: String) throws -> LuaValue {
    let (state, lua) = try enter(6)
    try push(lua)
    defer { kilpi_lua_pop(lua, 1) }
    state.push(key, on: lua)
    lua_rawget(lua, -2)
    return state.popValue(lua)
  }

  /// The value at position `index` of the list part, from 1.
  public func get(_ index: Int) throws -> LuaValue {
    let (state, lua) = try enter(6)
    try push(lua)
    defer { kilpi_lua_pop(lua, 1) }
    lua_rawgeti(lua, -1, Int64(index))
    return state.popValue(lua)
  }

  /// Sets a string key, without metamethods.
  public func set(_ key: String, _ value: any LuaConvertible) throws {
    let (state, lua) = try enter(20)
    let base = lua_gettop(lua)
    defer { lua_settop(lua, base) }
    try push(lua)
    state.push(key, on: lua)
    try value.push(onto: LuaStack(state: state, lua: lua))
    lua_rawset(lua, -3)
  }

  /// Sets a position of the list part, without metamethods.
  public func set(_ index: Int, _ value: any LuaConvertible) throws {
    let (state, lua) = try enter(20)
    let base = lua_gettop(lua)
    defer { lua_settop(lua, base) }
    try push(lua)
    try value.push(onto: LuaStack(state: state, lua: lua))
    lua_rawseti(lua, -2, Int64(index))
  }

  /// The list part in order.
  ///
  /// - Throws: `KilpiError` where a few elements far apart make Lua promise a longer list than there is.
  public func array() throws -> [LuaValue] { try array { value, _ in value } }

  /// The list part with each element through `read`, which gets its position from 0, too.
  public func array<Element>(
    _ read: (LuaValue, _ position: Int) throws -> Element
  ) throws -> [Element] {
    let count = try count
    var result: [Element] = []
    for position in 0..<count {
      if position & 0xFFFF == 0xFFFF {
        try Interrupts.poll()
        try MemoryReservation.ask(result.count * 2 * MemoryLayout<Element>.stride)
      }
      let element = try get(position + 1)
      if element.isNil, count > 1 << 20 {
        throw KilpiError("the list has no element [\(position + 1)] of \(count)")
      }
      result.append(try read(element, position))
    }
    return result
  }

  /// All keys and values, in Lua's order.
  ///
  /// At most `limit` are given.
  public func pairs(limit: Int = Int.max) throws -> [(key: LuaValue, value: LuaValue)] {
    let (state, lua) = try enter(12)
    let base = lua_gettop(lua)
    defer { lua_settop(lua, base) }
    try push(lua)
    let table = base + 1
    var result: [(key: LuaValue, value: LuaValue)] = []
    lua_pushnil(lua)
    while result.count < limit, kilpi_next(lua, table) {
      let value = state.popValue(lua)
      lua_pushvalue(lua, -1)
      result.append((state.popValue(lua), value))
    }
    return result
  }

  /// Lets reads of absent keys go to `other`, through a metatable of its own.
  public func inherit(from other: LuaTable) throws {
    let (state, lua) = try enter(12)
    let base = lua_gettop(lua)
    defer { lua_settop(lua, base) }
    try push(lua)
    kilpi_lua_new_table(lua)
    state.push("__index", on: lua)
    try other.push(lua)
    lua_rawset(lua, -3)
    lua_setmetatable(lua, -2)
  }

  /// Empties the table.
  public func clear() throws {
    let (_, lua) = try enter(12)
    let base = lua_gettop(lua)
    defer { lua_settop(lua, base) }
    try push(lua)
    kilpi_clear(lua, base + 1)
  }

  /// A plain Swift copy of the table and all that lies in it; see `LuaTree`.
  public func tree(depth: Int = 64) throws -> LuaTree {
    let (state, lua) = try enter(12)
    let base = lua_gettop(lua)
    defer { lua_settop(lua, base) }
    try push(lua)
    return try state.tree(lua, base + 1, depth: depth)
  }
}
