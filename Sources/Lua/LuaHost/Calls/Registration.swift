internal import CLua
internal import CLuaBridge
internal import Diagnostics

extension LuaState {
  /// Puts the catalogue in place.
  ///
  /// Only allocating calls are made, and those cannot fail here.
  func register() throws {
    try reserve(40)
    makeWeakTable()
    makeListMark()
    guardLongFunctions()
    register(HandleType(ClosureBox.self, name: "function", doc: ""))
    for type in catalog.types { register(type) }
    for library in catalog.libraries { try register(library) }
  }

  /// Pushes a new table whose values are weak.
  func pushNewWeakTable(_ lua: OpaquePointer) {
    kilpi_lua_new_table(lua)
    kilpi_lua_new_table(lua)
    push("__mode", on: lua)
    push("v", on: lua)
    lua_rawset(lua, -3)
    lua_setmetatable(lua, -2)
  }

  private func makeWeakTable() {
    pushNewWeakTable(main)
    weakTable = luaL_ref(main, kilpi_lua_registry())
  }

  private func makeListMark() {
    kilpi_lua_new_table(main)
    listMarkAddress = lua_topointer(main, -1)
    listMark = luaL_ref(main, kilpi_lua_registry())
  }

  /// True for a table that `LuaStack.makeEmptyList` made.
  func isMarkedList(_ lua: OpaquePointer, _ index: Int32) -> Bool {
    guard lua_getmetatable(lua, index) != 0 else { return false }
    defer { kilpi_lua_pop(lua, 1) }
    return lua_topointer(lua, -1) == listMarkAddress
  }

  /// Pushes a function that runs `callable`.
  private func pushFunction(_ callable: Callable) {
    lua_pushinteger(main, Int64(callables.count))
    callables.append(callable)
    kilpi_push_host_function(main, 1)
  }

  private func register(_ library: Library) throws {
    let prefix = library.name.isEmpty ? "" : library.name + "."
    if library.name.isEmpty { kilpi_lua_push_globals(main) } else { kilpi_lua_new_table(main) }
    for entry in library.entries {
      push(entry.name, on: main)
      pushFunction(Callable(entry, name: prefix + entry.name, isMethod: false))
      lua_rawset(main, -3)
    }
    for constant in library.constants {
      push(constant.name, on: main)
      try constant.value(self).push(onto: LuaStack(state: self, lua: main))
      lua_rawset(main, -3)
    }
    guard !library.name.isEmpty else { return kilpi_lua_pop(main, 1) }
    kilpi_lua_push_globals(main)
    push(library.name, on: main)
    lua_pushvalue(main, -3)
    lua_rawset(main, -3)
    kilpi_lua_pop(main, 1)
    pushLoadedModules()
    push("kilpi." + library.name, on: main)
    lua_pushvalue(main, -3)
    lua_rawset(main, -3)
    kilpi_lua_pop(main, 2)
  }

  /// Lets `require` find the modules of the catalogue, after all files: a script's own module of the
  /// same name comes first.
  func offerModules() throws {
    try run(
      """
      local loaded, searchers = package.loaded, package.searchers
      searchers[#searchers + 1] = function(name)
        local module = loaded["kilpi." .. name]
        if module == nil then return nil end -- the message stays Lua's own
        return function() return module end, ":built in:"
      end
      """, chunkName: "=require")
  }

  /// Pushes `package.loaded`, which the registry holds under a string.
  private func pushLoadedModules() {
    push("_LOADED", on: main)
    lua_rawget(main, kilpi_lua_registry())
  }

  private func register(_ type: HandleType) {
    kilpi_lua_new_table(main)
    setField("__name", type.name)
    push("__metatable", on: main)
    lua_pushboolean(main, 0)
    lua_rawset(main, -3)
    for entry in type.metamethods.map(Self.withVisibleText) {
      push(entry.name, on: main)
      let name = Self.operatorName(entry.name)
      pushFunction(Callable(entry, name: name, shortName: name, isMethod: false))
      lua_rawset(main, -3)
    }
    registerLifetime(type)
    registerIndex(type)
    kilpi_mark_metatable(main)
    let address = lua_topointer(main, -1)
    let slot = luaL_ref(main, kilpi_lua_registry())
    guard let address else { return }
    let registered = RegisteredType(type: type, metatable: slot, address: address)
    types[type.identity] = registered
    typesByAddress[address] = registered
  }

  /// What is printed of a value may hold a user's strings, such as class names and paths: a terminal
  /// must not obey them.
  private static func withVisibleText(_ entry: Entry) -> Entry {
    guard ["__tostring", "__print"].contains(entry.name) else { return entry }
    var entry = entry
    let body = entry.body
    entry.body = { call in
      try body(call).map { ($0 as? String)?.withVisibleControls ?? $0 }
    }
    return entry
  }

  private func setField(_ name: String, _ value: String) {
    push(name, on: main)
    push(value, on: main)
    lua_rawset(main, -3)
  }

  private func registerLifetime(_ type: HandleType) {
    push("__gc", on: main)
    kilpi_push_drop_function(main)
    lua_rawset(main, -3)
    push("__close", on: main)
    if let close = type.close {
      let entry = Entry("__close", "(value)", doc: "") { call in
        defer { call.release() }
        if let object = call.object { try close(object) }
        return []
      }
      pushFunction(Callable(entry, name: type.name, isMethod: true))
    } else {
      kilpi_push_drop_function(main)
    }
    lua_rawset(main, -3)
  }

  /// `__index` is the table of methods where that is enough; completion then needs nothing else.
  private func registerIndex(_ type: HandleType) {
    let needsFunction = !type.fields.isEmpty || type.index != nil
    push("__index", on: main)
    if needsFunction {
      lua_pushinteger(main, Int64(callables.count))
      callables.append(Self.reader(of: type))
    }
    kilpi_lua_new_table(main)
    push("release", on: main)
    kilpi_push_drop_function(main)
    lua_rawset(main, -3)
    for entry in type.methods {
      push(entry.name, on: main)
      pushFunction(Callable(entry, name: entry.name, isMethod: true))
      lua_rawset(main, -3)
    }
    if needsFunction { kilpi_push_index_function(main) }
    lua_rawset(main, -3)
    push("__newindex", on: main)
    pushFunction(Self.writer(of: type))
    lua_rawset(main, -3)
  }

  private static func reader(of type: HandleType) -> Callable {
    let fields = Dictionary(type.fields.map { ($0.name, $0) }, uniquingKeysWith: { $1 })
    let known = type.fields.map(\.name) + type.methods.map(\.name) + ["release"]
    return Callable(name: type.name, shortName: "index") { call in
      if let name = call.value(2).string {
        guard let field = fields[name] else { throw noField(name, of: type, known: known) }
        return try field.read(call)
      }
      guard let index = type.index else {
        throw KilpiError("it has no element [\(call.typeName(2))]")
      }
      return try index(call)
    }
  }

  private static func writer(of type: HandleType) -> Callable {
    let fields = Dictionary(type.fields.map { ($0.name, $0) }, uniquingKeysWith: { $1 })
    let writable = type.fields.filter { $0.write != nil }.map(\.name)
    return Callable(name: type.name, shortName: "newindex") { call in
      if let name = call.value(2).string {
        guard let field = fields[name] else { throw noField(name, of: type, known: writable) }
        guard let write = field.write else {
          throw KilpiError("the field '\(name)' cannot be set")
        }
        return try write(call.shiftedToValue(name))
      }
      guard let assign = type.assign else {
        throw KilpiError("its elements cannot be set")
      }
      return try assign(call)
    }
  }

  private static func noField(_ name: String, of type: HandleType, known: [String]) -> KilpiError {
    KilpiError(
      "there is no field or method '\(ErrorText.clipped(name))'",
      advice: type.elsewhere[name]
        ?? NearestName.suggestion(for: name, among: known).map { "did you mean '\($0)'?" })
  }

  /// How messages name a metamethod: the operator.
  static func operatorName(_ name: String) -> String {
    let names = [
      "__add": "+", "__sub": "-", "__mul": "*", "__div": "/", "__mod": "%", "__pow": "^",
      "__unm": "unary -", "__idiv": "//", "__eq": "==", "__lt": "<", "__le": "<=",
      "__concat": "..", "__len": "#", "__call": "call", "__tostring": "tostring",
      "__print": "print", "__display": "display",
    ]
    return names[name] ?? name
  }
}

extension Call {
  /// The object at the front, whatever its class; nil when released.
  var object: AnyObject? { state.object(lua, 1) }

  /// Empties the handle at the front.
  func release() {
    if let object = kilpi_handle_object(lua, 1, true) {
      Unmanaged<AnyObject>.fromOpaque(object).release()
    }
    lua_pushnil(lua)
    lua_setiuservalue(lua, 1, 1)
  }

  /// The call of a field's setter: the key is taken out, so that the value is argument 1.
  func shiftedToValue(_ field: String) -> Call {
    kilpi_lua_remove(lua, 2)
    let setter = Callable(
      name: callable.name, shortName: field, isMethod: true, body: callable.body)
    return Call(state: state, lua: lua, callable: setter)
  }
}
