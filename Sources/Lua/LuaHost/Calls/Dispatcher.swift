internal import CInterrupt
internal import CLua
internal import CLuaBridge
internal import Diagnostics

extension LuaState {
  /// Runs the host function whose upvalues are at hand; the trampoline's one way into Swift.
  ///
  /// - Returns: the number of results on top, or -1 with an error value there.
  func dispatch(_ lua: OpaquePointer) -> Int32 {
    bin.empty(lua)
    let outer = current
    current = lua
    defer { current = outer }
    guard let callable = callable(lua) else {
      pushError(KilpiError("this function is damaged"), on: lua, from: nil)
      return -1
    }
    let call = Call(state: self, lua: lua, callable: callable)
    enter(callable.name)
    defer {
      kilpi_interrupt_leave()
      call.end()
    }
    do {
      try reserve(20, on: lua)
      let results = try confined { try callable.body(call) }
      let base = lua_gettop(lua)
      try push(results, on: lua, restoring: base)
      return Int32(clamping: results.count)
    } catch {
      lua_settop(lua, 0)
      pushError(error, on: lua, from: callable)
      return -1
    }
  }

  /// Names the function for the message of a second Ctrl-C.
  private func enter(_ name: String) {
    var name = name
    name.withUTF8 { bytes in
      bytes.withMemoryRebound(to: CChar.self) { kilpi_interrupt_enter($0.baseAddress, $0.count) }
    }
  }

  /// Scripts can change upvalues through `debug`, so neither is taken on trust.
  private func callable(_ lua: OpaquePointer) -> Callable? {
    let index = kilpi_lua_integer(lua, kilpi_lua_upvalue(1))
    if index >= 0 { return index < callables.count ? callables[Int(index)] : nil }
    let box = kilpi_lua_upvalue(2)
    guard handleType(lua, box)?.type.identity == ObjectIdentifier(ClosureBox.self) else {
      return nil
    }
    return (object(lua, box) as? ClosureBox)?.callable
  }

  /// Pushes the value that a Swift error is for Lua: the original one of an error that came from
  /// Lua, else its text with the position in front; kind, cause and traceback are kept beside.
  func pushError(_ error: any Error, on lua: OpaquePointer, from callable: Callable?) {
    guard lua_checkstack(lua, 20) != 0 else {
      lua_settop(lua, 0)
      lua_pushnil(lua)
      return
    }
    if let error = error as? LuaError, error.serial != 0, error.serial == lastError?.serial,
      let value = lastError?.value, (try? value.push(lua)) != nil
    {
      return
    }
    var record = RaisedError(error, name: callable?.name ?? "")
    if record.kind == .interrupted { kilpi_note_interrupt(lua) }
    if !record.hasPosition {
      if callable == nil {
        // An interrupt may find a C function that waits: the line of Lua it waits for is meant.
        let place = currentPlace(on: lua)
        if !place.isEmpty { record.message = place + ": " + record.message }
      } else {
        kilpi_push_where(lua, main, 1)
        record.message = string(lua, -1).display + record.message
        kilpi_lua_pop(lua, 1)
      }
    }
    if record.traceback.isEmpty {
      luaL_traceback(lua, lua, nil, 0)
      record.traceback = tracebackText(lua)
      kilpi_lua_pop(lua, 1)
    }
    raised.append(record)
    push(record.message, on: lua)
  }

  /// The error on top of the stack, which is removed, as Swift's.
  ///
  /// The value itself is kept until the next error, so that it can go on through Lua unchanged.
  func takeError(_ lua: OpaquePointer, status: Int32) -> LuaError {
    guard lua_checkstack(lua, 20) != 0 else {
      return LuaError(kind: .memory, message: "not enough memory")
    }
    kilpi_push_traceback(lua)
    let traceback = lua_type(lua, -1) == LUA_TSTRING ? tracebackText(lua) : ""
    kilpi_lua_pop(lua, 1)
    var error = LuaError(kind: .runtime, message: "", traceback: traceback)
    error.message = errorText(lua)
    if status == LUA_ERRMEM {
      error.kind = .memory
    } else if status == LUA_ERRSYNTAX {
      error.kind = .syntax(incomplete: error.message.hasSuffix("<eof>"))
      error.traceback = ""
    } else if lua_type(lua, -1) == LUA_TSTRING, lua_rawlen(lua, -1) <= Self.longestMessage,
      let record = raised[error.message]
    {
      error.kind = record.kind
      error.cause = record.cause
      if !record.traceback.isEmpty { error.traceback = record.traceback }
    }
    errorCount += 1
    error.serial = errorCount
    lastError = (errorCount, LuaReference(popping: lua, of: self))
    return error
  }

  /// The traceback on top.
  ///
  /// Lua finds our functions by the name that `require` knows; scripts write it without the
  /// `kilpi.` in front.
  private func tracebackText(_ lua: OpaquePointer) -> String {
    let parts = string(lua, -1).display.split(separator: "in function 'kilpi.")
    return parts.joined(separator: "in function '")
  }

  /// The text of the error value on top, in the words of `lua`.
  private func errorText(_ lua: OpaquePointer) -> String {
    let type = lua_type(lua, -1)
    if type == LUA_TSTRING || type == LUA_TNUMBER || luaL_getmetafield(lua, -1, "__tostring") != 0 {
      if type != LUA_TSTRING, type != LUA_TNUMBER { kilpi_lua_pop(lua, 1) }
      let status = kilpi_to_string(lua, -1)
      let text = messageText(lua)
      kilpi_lua_pop(lua, 1)
      return status == LUA_OK ? text : "(error in __tostring: \(text))"
    }
    return "(error object is a \(typeName(lua, -1)) value)"
  }

  /// Bytes of a message that are shown; the value itself stays whole for scripts.
  private static let longestMessage = 1 << 14

  /// The string on top, cut where it is too long to be read: `xxx... (100000000 bytes)`.
  private func messageText(_ lua: OpaquePointer) -> String {
    var count = 0
    guard let bytes = lua_tolstring(lua, -1, &count) else { return "" }
    let whole = UnsafeRawBufferPointer(start: bytes, count: count)
    guard count > Self.longestMessage else { return String(decoding: whole, as: UTF8.self) }
    var end = Self.longestMessage
    while end > 0, whole[end] & 0xC0 == 0x80 { end -= 1 }  // not inside a character
    return String(decoding: whole[..<end], as: UTF8.self) + "... (\(count) bytes)"
  }
}
