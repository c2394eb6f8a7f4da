internal import CLua
internal import CLuaBridge
internal import Diagnostics

/// A Lua value kept alive by Swift.
///
/// Its state is held weakly: a reference that outlives its state is empty. A reference kept inside
/// an object that the value can reach again makes a cycle that neither collector sees; see
/// `NewHandle.keeping` for the way around it.
public class LuaReference {
  weak var state: LuaState?
  private let bin: ReferenceBin
  private var slot: Int32
  /// Functions kept by a handle's user value are found through a table of weak values.
  private var isWeak = false

  /// Takes the value on top of the stack.
  init(popping lua: OpaquePointer, of state: LuaState) {
    self.state = state
    bin = state.bin
    slot = luaL_ref(lua, kilpi_lua_registry())
  }

  deinit { bin.discard(slot, isWeak: isWeak) }

  /// Pushes the value.
  func push(_ lua: OpaquePointer) throws {
    guard let state, !state.isClosed else { throw LuaError.closed }
    if isWeak {
      state.pushWeakTable(lua)
      lua_rawgeti(lua, -1, Int64(slot))
      kilpi_lua_remove(lua, -2)
      guard lua_type(lua, -1) != LUA_TNIL else {
        kilpi_lua_pop(lua, 1)
        throw KilpiError("the function that this value calls was collected")
      }
    } else {
      lua_rawgeti(lua, kilpi_lua_registry(), Int64(slot))
    }
  }

  /// From now on somebody else keeps the value: it is found, but no longer kept alive.
  func weaken(_ lua: OpaquePointer) throws {
    guard !isWeak, let state else { return }
    try push(lua)
    state.pushWeakTable(lua)
    kilpi_lua_insert(lua, -2)
    state.weakSlots += 1
    let weakSlot = state.weakSlots
    lua_rawseti(lua, -2, Int64(weakSlot))
    kilpi_lua_pop(lua, 1)
    bin.discard(slot, isWeak: false)
    slot = weakSlot
    isWeak = true
  }

  /// The live state, its running Lua thread, and room for `slots` pushes.
  func enter(_ slots: Int32) throws -> (LuaState, OpaquePointer) {
    guard let state, !state.isClosed else { throw LuaError.closed }
    try state.reserve(slots)
    return (state, state.current)
  }
}

/// Registry slots whose references are gone, until the host next runs.
///
/// Finalizers may drop references inside any allocation, so they only leave a note here.
final class ReferenceBin {
  private var discarded: [Int32] = []

  func discard(_ slot: Int32, isWeak: Bool) {
    if !isWeak { discarded.append(slot) }
  }

  func empty(_ lua: OpaquePointer) {
    guard !discarded.isEmpty else { return }
    let slots = discarded
    discarded = []
    for slot in slots { luaL_unref(lua, kilpi_lua_registry(), slot) }
  }
}

/// A Lua function that Swift may call; also a value with `__call`.
public final class LuaFunction: LuaReference {
  /// Calls the function under protection.
  ///
  /// - Returns: all results.
  /// - Throws: `LuaError` with the traceback; its `cause` is the Swift error that a host function
  ///   threw on the way.
  @discardableResult
  public func call(_ arguments: [any LuaConvertible] = []) throws -> [LuaValue] {
    let (state, lua) = try enter(Int32(clamping: arguments.count) + 20)
    let base = lua_gettop(lua)
    try push(lua)
    try state.push(arguments, on: lua, restoring: base)
    return try state.callFunction(lua, base: base, arguments: arguments.count)
  }

  /// Calls the function and gives its first result, `nil` if there is none.
  public func first(_ arguments: [any LuaConvertible] = []) throws -> LuaValue {
    try call(arguments).first ?? .nil
  }
}

/// A handle as a value: the Swift object and the userdata that scripts hold.
public final class LuaHandle: LuaReference {
  /// The object; nil when the handle was released.
  public let object: AnyObject?
  /// The name of its type.
  public let typeName: String

  init(popping lua: OpaquePointer, of state: LuaState, object: AnyObject?, typeName: String) {
    self.object = object
    self.typeName = typeName
    super.init(popping: lua, of: state)
  }
}

extension LuaError {
  /// A reference that outlived its state.
  static let closed = LuaError(kind: .runtime, message: "the Lua state was closed")
}
