internal import CLua
internal import CLuaBridge
internal import Diagnostics

/// `table.move` over a range so long that Lua's own would not stop for minutes.
enum TableFunctions {
  static let move = Entry("move", "(a1, f, e, t [, a2])", doc: "") { call in
    let first = try call.integer(2)
    let last = try call.integer(3)
    let target = try call.integer(4)
    let source = try call.table(1)
    let destination = call.isNone(5) ? source : try call.table(5)
    guard last >= first else { return [destination] }
    let (distance, overflow) = last.subtractingReportingOverflow(first)
    guard !overflow, distance < Int.max else {
      throw call.badArgument(3, "too many elements to move")
    }
    guard target <= Int.max - distance else {
      throw call.badArgument(4, "destination wrap around")
    }
    let ascends = target > last || target <= first || !call.isSame(1, 5)
    for step in 0...distance {
      if step & 0xFFF == 0 { try Interrupts.poll() }
      let offset = ascends ? step : distance - step
      try call.state.copy(from: source, first + offset, to: destination, target + offset)
    }
    return [destination]
  }
}

extension Call {
  /// True when argument `b` is absent or the same value as argument `a`.
  fileprivate func isSame(_ a: Int, _ b: Int) -> Bool {
    isNone(b) || lua_rawequal(lua, slot(a), slot(b)) != 0
  }
}

extension LuaState {
  /// `to[target] = from[source]` with metamethods, under protection.
  fileprivate func copy(
    from: LuaTable, _ source: Int, to: LuaTable, _ target: Int
  ) throws {
    try reserve(20)
    let lua = current
    let base = lua_gettop(lua)
    defer { lua_settop(lua, base) }
    try from.push(lua)
    try to.push(lua)
    lua_pushinteger(lua, Int64(target))
    lua_pushinteger(lua, Int64(source))
    var status = kilpi_get(lua, base + 1)
    guard status == LUA_OK else { throw takeError(lua, status: status) }
    status = kilpi_set(lua, base + 2)
    guard status == LUA_OK else { throw takeError(lua, status: status) }
  }

  /// `table[key]` with metamethods, under protection.
  func get(_ table: LuaTable, _ key: any LuaConvertible) throws -> LuaValue {
    try reserve(20)
    let lua = current
    let base = lua_gettop(lua)
    defer { lua_settop(lua, base) }
    try table.push(lua)
    try key.push(onto: LuaStack(state: self, lua: lua))
    let status = kilpi_get(lua, base + 1)
    guard status == LUA_OK else { throw takeError(lua, status: status) }
    return popValue(lua)
  }

  /// Gives the functions that can run long their polling versions for the cases where they do.
  func guardLongFunctions() {
    replace(PatternFunctions.entries, of: "string")
    replace([TableFunctions.move], of: "table")
  }

  private func replace(_ entries: [Entry], of library: String) {
    kilpi_lua_push_globals(main)
    push(library, on: main)
    lua_rawget(main, -2)
    for entry in entries {
      push(entry.name, on: main)
      lua_pushinteger(main, Int64(callables.count))
      callables.append(Callable(entry, name: entry.name, isMethod: false))
      lua_pushvalue(main, -2)
      lua_rawget(main, -4)
      kilpi_push_polling_function(main)
      lua_rawset(main, -3)
    }
    kilpi_lua_pop(main, 2)
  }
}
