internal import CLua
internal import CLuaBridge
internal import Diagnostics

/// The arguments of one call from Lua.
///
/// Indices count from 1 as the user counts them; in a method `self` is apart (`receiver`). A call
/// must not be kept: after it has ended every argument reads as absent.
public final class Call {
  /// The state that called.
  public let state: LuaState
  var lua: OpaquePointer
  let callable: Callable
  private let argumentCount: Int
  private var hasEnded = false

  init(state: LuaState, lua: OpaquePointer, callable: Callable) {
    self.state = state
    self.lua = lua
    self.callable = callable
    argumentCount = Int(lua_gettop(lua)) - (callable.isMethod ? 1 : 0)
  }

  func end() { hasEnded = true }

  /// The function's name in messages: `attack.pgd`.
  public var name: String { callable.name }

  /// How many arguments were given.
  public var count: Int { hasEnded ? 0 : max(0, argumentCount) }

  /// Stack index of argument `index`; out of every frame once the call has ended.
  func slot(_ index: Int) -> Int32 {
    hasEnded || index < 1 || index > count
      ? Int32(kilpi_lua_upvalue(255)) : Int32(index) + (callable.isMethod ? 1 : 0)
  }

  /// True when the argument is nil or absent.
  public func isNone(_ index: Int) -> Bool { lua_type(lua, slot(index)) <= LUA_TNIL }

  /// The argument as it is; `nil` when absent.
  public func value(_ index: Int) -> LuaValue {
    let slot = slot(index)
    return lua_type(lua, slot) <= LUA_TNIL ? .nil : state.value(lua, slot)
  }

  /// All arguments as they are.
  public var values: [LuaValue] {
    get throws {
      try state.reserve(8, on: lua)
      return count == 0 ? [] : (1...count).map { value($0) }
    }
  }

  /// The type of the argument in Lua's words; handles give their own name.
  public func typeName(_ index: Int) -> String { state.typeName(lua, slot(index)) }

  /// The basic type of the argument.
  public func kind(_ index: Int) -> ArgumentKind {
    let slot = slot(index)
    switch lua_type(lua, slot) {
    case LUA_TBOOLEAN: return .boolean
    case LUA_TNUMBER: return .number
    case LUA_TSTRING: return .string
    case LUA_TTABLE: return .table
    case LUA_TFUNCTION: return .function
    case LUA_TUSERDATA: return state.handleType(lua, slot) == nil ? .other : .handle
    case LUA_TNIL, LUA_TNONE: return .none
    default: return .other
    }
  }

  /// An error in Lua's wording, to throw: `bad argument #2 to 'matmul' (tensor expected, got nil)`.
  public func badArgument(_ index: Int, expected: String) -> ArgumentError {
    badArgument(index, "\(expected) expected, got \(typeName(index))")
  }

  /// An error in Lua's wording with another reason than the type.
  public func badArgument(_ index: Int, _ problem: String) -> ArgumentError {
    ErrorText.argument(index, of: callable.shortName, problem)
  }

  /// The object on which a method was called.
  public func receiver<T: AnyObject>(_ type: T.Type) throws -> T {
    try handle(atSlot: hasEnded ? kilpi_lua_upvalue(255) : 1, index: callable.isMethod ? 0 : 1)
  }

  /// The object of a handle.
  public func handle<T: AnyObject>(_ index: Int, as type: T.Type = T.self) throws -> T {
    try handle(atSlot: slot(index), index: index)
  }

  /// The object of a handle if the argument is one of this class, else nil; a released one throws.
  public func handleIfPresent<T: AnyObject>(_ index: Int, as type: T.Type = T.self) throws -> T? {
    guard state.handleType(lua, slot(index))?.type.identity == ObjectIdentifier(T.self) else {
      return nil
    }
    return try handle(index, as: type)
  }

  private func handle<T: AnyObject>(atSlot slot: Int32, index: Int) throws -> T {
    guard let type = state.handleType(lua, slot), type.type.identity == ObjectIdentifier(T.self)
    else {
      let expected = state.types[ObjectIdentifier(T.self)]?.type.name ?? "handle"
      throw ErrorText.argument(
        index, of: callable.shortName, "\(expected) expected, got \(state.typeName(lua, slot))")
    }
    guard let object = state.object(lua, slot) else {
      throw KilpiError(
        index == 0 ? "this \(type.type.name) was released" : "argument \(index) was released",
        advice: "it was freed by release, close or scope")
    }
    // The type check above makes the cast certain.
    return unsafeDowncast(object, to: T.self)
  }

  /// A Lua value that names argument 0 (the receiver) or another, to keep in `NewHandle.keeping`.
  public var receiverValue: LuaValue { hasEnded ? .nil : state.value(lua, 1) }
}

/// The basic type of an argument.
public enum ArgumentKind: Sendable {
  case none, boolean, number, string, table, function, handle, other
}
