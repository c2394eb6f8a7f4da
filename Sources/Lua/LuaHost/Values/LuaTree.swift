internal import CLua
internal import CLuaBridge
internal import Diagnostics

/// A Lua value and all that lies in it, as plain Swift data.
public indirect enum LuaTree: LuaConvertible {
  case `nil`
  case boolean(Bool)
  case integer(Int64)
  case number(Double)
  case string(LuaString)
  /// A table whose keys are 1 … n, or an empty one.
  case list([LuaTree])
  /// An empty table that is marked as a list; see `LuaStack.makeEmptyList`.
  case emptyList
  /// Every other table, keys in Lua's order.
  case map([(key: LuaTree, value: LuaTree)])
  /// A handle's object.
  case object(LuaHandle)
  /// A function, coroutine or foreign userdata, by the name of its type.
  case opaque(String)

  /// Pushes tables that equal the tree; opaque values become nil.
  public func push(onto stack: LuaStack) throws {
    switch self {
    case .nil, .opaque: lua_pushnil(stack.lua)
    case .boolean(let value): try value.push(onto: stack)
    case .integer(let value): try value.push(onto: stack)
    case .number(let value): try value.push(onto: stack)
    case .string(let value): try value.push(onto: stack)
    case .object(let value): try value.push(onto: stack)
    case .emptyList: try stack.makeEmptyList()
    case .list(let values):
      try stack.makeTable(list: values.count)
      for (index, value) in values.enumerated() { try stack.setElement(index + 1, value) }
    case .map(let pairs):
      try stack.makeTable(fields: pairs.count)
      for (key, value) in pairs {
        switch key {
        case .string(let name): try stack.setField(name.display, value)
        case .integer(let index): try stack.setElement(Int(index), value)
        default: throw KilpiError("a table key must be a string or an integer here")
        }
      }
    }
  }
}

extension LuaState {
  /// Copies the value at `index`; a cycle or more than `depth` nested tables is an error.
  ///
  /// - Parameter reservation: grows by what the tree takes; given, it holds that as long as it lives.
  func tree(
    _ lua: OpaquePointer, _ index: Int32, depth: Int, reservation: MemoryReservation? = nil
  ) throws -> LuaTree {
    var open: Set<UnsafeRawPointer> = []
    return try tree(
      lua, index, depth: depth, open: &open,
      reservation: reservation ?? MemoryReservation())
  }

  private func tree(
    _ lua: OpaquePointer, _ index: Int32, depth: Int, open: inout Set<UnsafeRawPointer>,
    reservation: MemoryReservation
  ) throws -> LuaTree {
    switch lua_type(lua, index) {
    case LUA_TNIL: return .nil
    case LUA_TBOOLEAN: return .boolean(lua_toboolean(lua, index) != 0)
    case LUA_TNUMBER:
      return kilpi_lua_is_integer(lua, index)
        ? .integer(kilpi_lua_integer(lua, index)) : .number(kilpi_lua_number(lua, index))
    case LUA_TSTRING:
      try reservation.grow(by: Int(clamping: lua_rawlen(lua, index)))
      return .string(string(lua, index))
    case LUA_TTABLE: break
    default:
      if case .handle(let handle) = value(lua, index) { return .object(handle) }
      return .opaque(typeName(lua, index))
    }
    guard depth > 0 else { throw KilpiError("the table is nested too deeply") }
    guard let pointer = lua_topointer(lua, index), open.insert(pointer).inserted else {
      throw KilpiError("the table contains itself")
    }
    defer { open.remove(pointer) }
    try reserve(8, on: lua)
    let table = lua_absindex(lua, index)
    var pairs: [(key: LuaTree, value: LuaTree)] = []
    var isList = true
    lua_pushnil(lua)
    while kilpi_next(lua, table) {
      if pairs.count & 0xFFF == 0xFFF { try Interrupts.poll() }
      try reservation.grow(by: Self.pairBytes)
      let top = lua_gettop(lua)
      let value = try tree(lua, top, depth: depth - 1, open: &open, reservation: reservation)
      let key = try tree(lua, top - 1, depth: 0, open: &open, reservation: reservation)
      if case .integer(let position) = key, position == Int64(pairs.count) + 1 {
      } else {
        isList = false
      }
      pairs.append((key, value))
      kilpi_lua_pop(lua, 1)
    }
    if pairs.isEmpty, isMarkedList(lua, table) { return .emptyList }
    if isList { return .list(pairs.map(\.value)) }
    return Self.list(pairs) ?? .map(pairs)
  }

  /// About what a key and its value take: their places in a growing array, and a box each.
  private static let pairBytes = 3 * MemoryLayout<(LuaTree, LuaTree)>.stride + 2 * 48

  /// The list that pairs in any order are when their keys are 1 … n.
  private static func list(_ pairs: [(key: LuaTree, value: LuaTree)]) -> LuaTree? {
    var values = [LuaTree?](repeating: nil, count: pairs.count)
    for (key, value) in pairs {
      guard case .integer(let position) = key, position >= 1, position <= Int64(pairs.count) else {
        return nil
      }
      values[Int(position) - 1] = value
    }
    return .list(values.compactMap { $0 })
  }
}
