internal import CLua
internal import CLuaBridge

/// What printing and completion ask of values; none of it runs a script.
extension LuaState {
  /// The address of a value that has one, so that a table met twice is known; 0 for the others.
  public func address(of value: any LuaConvertible) -> UInt {
    with(value) { lua, index in lua_topointer(lua, index).map { UInt(bitPattern: $0) } ?? 0 } ?? 0
  }

  /// A field of the value's metatable; nil without metatable or field.
  public func metafield(_ value: any LuaConvertible, _ name: String) -> LuaValue? {
    with(value) { lua, index in
      let type = luaL_getmetafield(lua, index, name)
      return type == LUA_TNIL ? nil : popValue(lua)
    } ?? nil
  }

  /// The full name of a catalogue function, such as `attack.pgd`; nil for all others.
  public func catalogName(of function: LuaFunction) -> String? {
    with(function) { lua, index in
      let number = kilpi_host_function_number(lua, index)
      return number >= 0 && number < callables.count ? callables[Int(number)].name : nil
    } ?? nil
  }

  /// Where a Lua function was written, as `name:line`; nil for functions of the host.
  public func place(of function: LuaFunction) -> String? {
    with(function) { lua, index in
      guard lua_type(lua, index) == LUA_TFUNCTION, lua_iscfunction(lua, index) == 0 else {
        return nil
      }
      var information = lua_Debug()
      lua_pushvalue(lua, index)
      guard lua_getinfo(lua, ">S", &information) != 0 else { return nil }
      let source = withUnsafeBytes(of: information.short_src) { bytes in
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      return "\(source):\(information.linedefined)"
    } ?? nil
  }

  /// The line of Lua that runs now or waits for the host, as `name:line`; "" outside of scripts.
  public var currentPlace: String { isClosed ? "" : currentPlace(on: current) }

  func currentPlace(on lua: OpaquePointer) -> String {
    guard lua_checkstack(lua, 4) != 0 else { return "" }
    var information = lua_Debug()
    var level: Int32 = 0
    while lua_getstack(lua, level, &information) != 0 {
      luaL_where(lua, level)
      let text = string(lua, -1).display
      kilpi_lua_pop(lua, 1)
      // `name:line: `
      if text.hasSuffix(": ") { return String(text.dropLast(2)) }
      level += 1
    }
    return ""
  }

  /// Runs `body` with a value on the stack, which is cut back behind it.
  private func with<Result>(
    _ value: any LuaConvertible, _ body: (OpaquePointer, Int32) -> Result
  ) -> Result? {
    guard (try? reserve(20)) != nil else { return nil }
    let lua = current
    let base = lua_gettop(lua)
    defer { lua_settop(lua, base) }
    guard (try? value.push(onto: LuaStack(state: self, lua: lua))) != nil else { return nil }
    return body(lua, base + 1)
  }
}
