internal import CLua
internal import CLuaBridge
internal import Diagnostics

/// A nested table of numbers, `{{1, 2}, {3, 4}}`, or one number, read without references.
public struct NestedNumbers {
  /// The numbers in row-major order.
  public private(set) var values: [Double] = []
  /// The same numbers when all of them are whole and fit 64 bits.
  public private(set) var integers: [Int64]? = []
  /// The lengths of the lists from the outside in; empty for one number.
  public private(set) var shape: [Int] = []

  fileprivate mutating func append(_ lua: OpaquePointer, _ slot: Int32) {
    values.append(kilpi_lua_number(lua, slot))
    if kilpi_lua_is_integer(lua, slot) {
      integers?.append(kilpi_lua_integer(lua, slot))
    } else if let whole = Int64(exactly: kilpi_lua_number(lua, slot)) {
      integers?.append(whole)
    } else {
      integers = nil
    }
  }

  /// Reads the value at `slot`; `level` is its nesting, `path` its 1-based place for messages.
  fileprivate mutating func read(
    _ lua: OpaquePointer, _ slot: Int32, level: Int, path: [Int], state: LuaState
  ) throws {
    let type = lua_type(lua, slot)
    if type == LUA_TNUMBER, level == shape.count { return append(lua, slot) }
    guard type == LUA_TTABLE, level < shape.count else {
      let expected = level < shape.count ? "a list of \(shape[level])" : "a number"
      throw ListProblem(
        text: "value\(Self.place(path)) must be \(expected), got \(state.typeName(lua, slot))")
    }
    let count = Int(clamping: lua_rawlen(lua, slot))
    guard count == shape[level] else {
      throw ListProblem(
        text: "value\(Self.place(path)) has \(count) elements, others have \(shape[level])")
    }
    try state.reserve(4, on: lua)
    let isLast = level == shape.count - 1
    for position in 0..<count {
      if values.count & 0xFFFF == 0xFFFF {
        try Interrupts.poll()
        try MemoryReservation.ask(values.count * 32)
      }
      defer { kilpi_lua_pop(lua, 1) }
      // A list of plain numbers is read without a place for each: this is the whole cost.
      if lua_rawgeti(lua, slot, Int64(position) + 1) == LUA_TNUMBER, isLast {
        append(lua, -1)
      } else {
        try read(
          lua, lua_gettop(lua), level: level + 1, path: path + [position + 1], state: state)
      }
    }
  }

  private static func place(_ path: [Int]) -> String { path.map { "[\($0)]" }.joined() }

  /// Follows first elements to find the shape.
  fileprivate mutating func findShape(_ lua: OpaquePointer, _ slot: Int32, state: LuaState) throws {
    let base = lua_gettop(lua)
    defer { lua_settop(lua, base) }
    lua_pushvalue(lua, slot)
    while lua_type(lua, -1) == LUA_TTABLE {
      guard shape.count < 16 else { throw ListProblem(text: "table is nested too deeply") }
      shape.append(Int(clamping: lua_rawlen(lua, -1)))
      try state.reserve(4, on: lua)
      lua_rawgeti(lua, -1, 1)
      if shape.last == 0 { break }
    }
  }
}

extension Call {
  /// A nested table of numbers whose lists have equal lengths, or one number.
  public func nestedNumbers(_ index: Int) throws -> NestedNumbers {
    let slot = slot(index)
    guard kind(index) == .table || kind(index) == .number else {
      throw badArgument(index, expected: "table of numbers")
    }
    var result = NestedNumbers()
    do {
      try result.findShape(lua, slot, state: state)
      try result.read(lua, slot, level: 0, path: [], state: state)
    } catch let problem as ListProblem {
      throw badArgument(index, problem.text)
    }
    return result
  }
}
