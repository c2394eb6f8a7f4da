internal import CLua
internal import CLuaBridge

/// Handles of one class that were made since a scope was opened, in a Lua table of weak values.
struct HandleScope {
  let identity: ObjectIdentifier
  /// Registry slot of the table.
  let table: Int32
  var count = 0
}

extension LuaState {
  /// Runs `body` and releases the handles of class `T` that were made meanwhile, except those among
  /// its results or in tables there; on an error all of them.
  public func releasingHandles<T: AnyObject>(
    of type: T.Type, _ body: () throws -> [LuaValue]
  ) throws -> [LuaValue] {
    try reserve(20)
    let lua = current
    pushNewWeakTable(lua)
    scopes.append(
      HandleScope(identity: ObjectIdentifier(T.self), table: luaL_ref(lua, kilpi_lua_registry())))
    var kept: Set<UnsafeRawPointer> = []
    defer { endScope(keeping: kept) }
    let results = try body()
    try reserve(20)
    for result in results {
      try result.push(onto: LuaStack(state: self, lua: current))
      collectHandles(current, into: &kept, depth: 16)
      kilpi_lua_pop(current, 1)
    }
    return results
  }

  /// Notes the handle on top of the stack in the innermost scope.
  func noteHandle(_ lua: OpaquePointer, identity: ObjectIdentifier) {
    guard let scope = scopes.last, scope.identity == identity else { return }
    lua_rawgeti(lua, kilpi_lua_registry(), Int64(scope.table))
    lua_pushvalue(lua, -2)
    scopes[scopes.count - 1].count += 1
    lua_rawseti(lua, -2, Int64(scopes[scopes.count - 1].count))
    kilpi_lua_pop(lua, 1)
  }

  /// Adds the userdata on top, or in the table on top, to `found`.
  private func collectHandles(
    _ lua: OpaquePointer, into found: inout Set<UnsafeRawPointer>, depth: Int
  ) {
    if lua_type(lua, -1) == LUA_TUSERDATA, let address = lua_topointer(lua, -1) {
      found.insert(address)
    }
    guard lua_type(lua, -1) == LUA_TTABLE, depth > 0, lua_checkstack(lua, 8) != 0 else { return }
    let table = lua_gettop(lua)
    lua_pushnil(lua)
    while kilpi_next(lua, table) {
      collectHandles(lua, into: &found, depth: depth - 1)
      kilpi_lua_pop(lua, 1)
    }
  }

  /// Empties the noted handles; what is kept belongs to the scope around, if there is one.
  private func endScope(keeping kept: Set<UnsafeRawPointer>) {
    guard let scope = scopes.popLast(), lua_checkstack(current, 12) != 0 else { return }
    let lua = current
    lua_rawgeti(lua, kilpi_lua_registry(), Int64(scope.table))
    for position in stride(from: 1, through: scope.count, by: 1) {
      lua_rawgeti(lua, -1, Int64(position))
      if lua_type(lua, -1) == LUA_TUSERDATA, let address = lua_topointer(lua, -1) {
        if kept.contains(address) {
          noteHandle(lua, identity: scope.identity)
        } else if let object = kilpi_handle_object(lua, -1, true) {
          Unmanaged<AnyObject>.fromOpaque(object).release()
          lua_pushnil(lua)
          lua_setiuservalue(lua, -2, 1)
        }
      }
      kilpi_lua_pop(lua, 1)
    }
    kilpi_lua_pop(lua, 1)
    luaL_unref(lua, kilpi_lua_registry(), scope.table)
  }
}
