internal import CLua
internal import CLuaBridge
public import Diagnostics

extension Call {
  /// A whole number: 3 and 3.0, but neither 3.5 nor "3".
  public func integer(_ index: Int) throws -> Int {
    let slot = slot(index)
    guard lua_type(lua, slot) == LUA_TNUMBER else {
      throw badArgument(index, expected: "integer")
    }
    if kilpi_lua_is_integer(lua, slot) { return Int(kilpi_lua_integer(lua, slot)) }
    guard let value = Int(exactly: kilpi_lua_number(lua, slot)) else {
      throw badArgument(index, "number has no integer representation")
    }
    return value
  }

  /// A whole number, or the default when the argument is nil or absent.
  public func integer(_ index: Int, default value: Int) throws -> Int {
    isNone(index) ? value : try integer(index)
  }

  /// A number.
  public func number(_ index: Int) throws -> Double {
    let slot = slot(index)
    guard lua_type(lua, slot) == LUA_TNUMBER else { throw badArgument(index, expected: "number") }
    return kilpi_lua_number(lua, slot)
  }

  /// A number, or the default when the argument is nil or absent.
  public func number(_ index: Int, default value: Double) throws -> Double {
    isNone(index) ? value : try number(index)
  }

  /// A boolean; other values do not stand for one.
  public func boolean(_ index: Int) throws -> Bool {
    let slot = slot(index)
    guard lua_type(lua, slot) == LUA_TBOOLEAN else { throw badArgument(index, expected: "boolean") }
    return lua_toboolean(lua, slot) != 0
  }

  /// A boolean, or the default when the argument is nil or absent.
  public func boolean(_ index: Int, default value: Bool) throws -> Bool {
    isNone(index) ? value : try boolean(index)
  }

  /// A string in UTF-8; numbers do not stand for one.
  public func string(_ index: Int) throws -> String {
    guard let text = try bytes(index).text else {
      throw badArgument(index, "string is not valid UTF-8")
    }
    return text
  }

  /// A string, or the default when the argument is nil or absent.
  public func string(_ index: Int, default value: String) throws -> String {
    isNone(index) ? value : try string(index)
  }

  /// The bytes of a string.
  public func bytes(_ index: Int) throws -> LuaString {
    let slot = slot(index)
    guard lua_type(lua, slot) == LUA_TSTRING else { throw badArgument(index, expected: "string") }
    try MemoryReservation.ask(Int(clamping: lua_rawlen(lua, slot)))
    return state.string(lua, slot)
  }

  /// The bytes of a string, or the length of a table's list, without a copy.
  public func length(_ index: Int) -> Int { Int(clamping: lua_rawlen(lua, slot(index))) }

  /// A path that the sandbox allows: a string without a zero byte.
  public func path(_ index: Int, writing: Bool = false) throws -> String {
    let path = try string(index)
    guard !path.utf8.contains(0) else { throw badArgument(index, "path contains a zero byte") }
    try state.checkFile(path, writing: writing)
    return path
  }

  /// A function, or a value that can be called.
  public func function(_ index: Int) throws -> LuaFunction {
    let slot = slot(index)
    let type = lua_type(lua, slot)
    if type == LUA_TFUNCTION || luaL_getmetafield(lua, slot, "__call") != LUA_TNIL {
      if type != LUA_TFUNCTION { kilpi_lua_pop(lua, 1) }
      lua_pushvalue(lua, slot)
      return LuaFunction(popping: lua, of: state)
    }
    throw badArgument(index, expected: "function")
  }

  /// A table.
  public func table(_ index: Int) throws -> LuaTable {
    let slot = slot(index)
    guard lua_type(lua, slot) == LUA_TTABLE else { throw badArgument(index, expected: "table") }
    lua_pushvalue(lua, slot)
    return LuaTable(popping: lua, of: state)
  }

  /// The argument with all that lies in it, as plain Swift data.
  ///
  /// - Parameter reservation: holds what the tree takes, as long as it lives.
  public func tree(
    _ index: Int, depth: Int = 64, reservation: MemoryReservation? = nil
  ) throws -> LuaTree {
    let slot = slot(index)
    return lua_type(lua, slot) <= LUA_TNIL
      ? .nil : try state.tree(lua, slot, depth: depth, reservation: reservation)
  }

  /// A list of whole numbers: `{2, 3}`.
  public func integers(_ index: Int) throws -> [Int] {
    try list(index, of: "integers") { lua, slot in
      guard lua_type(lua, slot) == LUA_TNUMBER else { return nil }
      if kilpi_lua_is_integer(lua, slot) { return Int(kilpi_lua_integer(lua, slot)) }
      return Int(exactly: kilpi_lua_number(lua, slot))
    }
  }

  /// Whole numbers, either as one list or as the arguments from `index` on: `f{2, 3}`, `f(2, 3)`.
  public func integersOrRest(_ index: Int) throws -> [Int] {
    if kind(index) == .table { return try integers(index) }
    guard index <= count else { throw badArgument(index, expected: "table") }
    return try (index...count).map { try integer($0) }
  }

  /// A list of numbers.
  public func numbers(_ index: Int) throws -> [Double] {
    try list(index, of: "numbers") { lua, slot in
      lua_type(lua, slot) == LUA_TNUMBER ? kilpi_lua_number(lua, slot) : nil
    }
  }

  /// A string, or a list of strings.
  public func strings(_ index: Int) throws -> [String] {
    if kind(index) == .string { return [try string(index)] }
    guard kind(index) == .table else { throw badArgument(index, expected: "string or table") }
    let state = self.state
    // One string of Lua's may stand in the list many times; each becomes a text of its own.
    let reservation = try MemoryReservation()
    return try list(index, of: "strings") { lua, slot in
      guard lua_type(lua, slot) == LUA_TSTRING else { return nil }
      try reservation.grow(by: Int(clamping: lua_rawlen(lua, slot)).addingClamped(48))
      return state.string(lua, slot).text
    }
  }

  /// A list of handles of one class.
  public func handles<T: AnyObject>(_ index: Int, as type: T.Type = T.self) throws -> [T] {
    let state = self.state
    let name = state.types[ObjectIdentifier(T.self)]?.type.name ?? "handle"
    return try list(index, of: "\(name)s") { lua, slot in
      state.handleType(lua, slot)?.type.identity == ObjectIdentifier(T.self)
        ? state.object(lua, slot) as? T : nil
    }
  }

  private func list<Element>(
    _ index: Int, of what: String, _ read: (OpaquePointer, Int32) throws -> Element?
  ) throws -> [Element] {
    let slot = slot(index)
    guard lua_type(lua, slot) == LUA_TTABLE else { throw badArgument(index, expected: "table") }
    do {
      return try state.list(lua, slot, of: what, read)
    } catch let problem as ListProblem {
      throw badArgument(index, problem.text)
    }
  }
}

/// Why a table is not the list that was expected.
struct ListProblem: Error {
  var text: String
}

extension LuaState {
  /// The list part of the table at `slot`, read element by element.
  func list<Element>(
    _ lua: OpaquePointer, _ slot: Int32, of what: String,
    _ read: (OpaquePointer, Int32) throws -> Element?
  ) throws -> [Element] {
    try reserve(8, on: lua)
    let count = Int(clamping: lua_rawlen(lua, slot))
    var result: [Element] = []
    for position in 0..<count {
      if position & 0xFFFF == 0xFFFF {
        try Interrupts.poll()
        try MemoryReservation.ask(result.count * 2 * MemoryLayout<Element>.stride)
      }
      lua_rawgeti(lua, slot, Int64(position) + 1)
      defer { kilpi_lua_pop(lua, 1) }
      guard let element = try read(lua, lua_gettop(lua)) else {
        let found = ErrorText.element(typeName(lua, -1), notOf: what, at: position)
        throw ListProblem(text: "table of \(what) expected, got \(found)")
      }
      result.append(element)
    }
    return result
  }
}
