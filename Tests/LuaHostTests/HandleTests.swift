import LuaHost
import Testing

@Suite struct HandleTests {
  static let cases = [
    ScriptCase("double release", "local b = fake.blob(1) b:release() b:release() return 1", "1"),
    ScriptCase(
      "close, then collected", "do local b <close> = fake.blob(1) end collectgarbage() return 1",
      "1"),
    ScriptCase(
      "release inside a closed scope", "do local b <close> = fake.blob(1) b:release() end return 1",
      "1"),
    ScriptCase(
      "resurrection by a finalizer",
      "local saved do local b = fake.blob(1)"
        + " setmetatable({}, {__gc = function() saved = b end}) end"
        + " collectgarbage() collectgarbage() return pcall(saved.size, saved)",
      "false t:1: size: this blob was released (it was freed by release, close or scope)"),
    ScriptCase(
      "finalizer called by hand",
      "local b = fake.blob(1) debug.getmetatable(b).__gc(b) return (pcall(b.size, b))", "false"),
    ScriptCase(
      "finalizer on a foreign userdata",
      "return pcall(debug.getmetatable(fake.blob(1)).__gc, io.stdout)",
      "false bad argument #1 to '?' (handle expected)"),
    ScriptCase(
      "metatable is hidden",
      "return getmetatable(fake.blob(1)), (pcall(setmetatable, fake.blob(1), {}))",
      "false false"),
    ScriptCase(
      "metatable put on a foreign userdata",
      "local ok, err = pcall(debug.setmetatable, io.stdout, debug.getmetatable(fake.blob(1)))"
        + " return ok, err",
      "false bad argument #2 to 'debug.setmetatable' (this cannot be changed on a value of Kilpi)"),
    ScriptCase(
      "metatable taken from a handle",
      "return (pcall(debug.setmetatable, fake.blob(1), nil))", "false"),
    ScriptCase(
      "marks copied to another metatable",
      "local mt = {} for k, v in next, debug.getmetatable(fake.blob(1)) do mt[k] = v end"
        + " mt.__gc = nil debug.setmetatable(io.stdout, mt)"
        + " local ok, err = pcall(fake.attack, io.stdout)"
        + " debug.setmetatable(io.stdout, getmetatable(io.stderr)) return ok, err",
      "false t:1: bad argument #1 to 'attack' (blob expected, got userdata)"),
    ScriptCase(
      "name spoofed by a table",
      "return pcall(fake.attack, setmetatable({}, {__name = 'blob'}))",
      "false t:1: bad argument #1 to 'attack' (blob expected, got table)"),
    ScriptCase(
      "operand released by a metamethod",
      "local b = fake.blob(3) local t = setmetatable({}, {__index = function() b:release() end})"
        + " return pcall(function() return b + (t.x or b) end)",
      "false t:1: +: argument 1 was released (it was freed by release, close or scope)"),
    ScriptCase(
      "dispatch number changed by debug",
      "return pcall(debug.setupvalue, fake.blob, 1, 99999)",
      "false bad argument #1 to 'debug.setupvalue' (Lua function expected)"),
    ScriptCase(
      "closure taken from its function",
      "local f = fake.count(1) return pcall(debug.setupvalue, f, 2, io.stdout)",
      "false bad argument #1 to 'debug.setupvalue' (Lua function expected)"),
    ScriptCase(
      "two handles of one object are two values", "local b = fake.blob(1) return b == b",
      "true"),
    ScriptCase(
      "handles as keys", "local b = fake.blob(1) local t = {[b] = 5} return t[b]", "5"),
    ScriptCase(
      "kept function", "return fake.wrap(function(a) return a * 2 end):call(4)", "8"),
    ScriptCase(
      "function kept by a handle that depends on another",
      "local c = fake.wrap(function(a) return a * 2 end):again() collectgarbage()"
        + " collectgarbage() return c:call(4)", "8"),
  ]

  @Test(arguments: cases) func outcome(_ row: ScriptCase) throws {
    let bench = try Bench()
    let text = try bench.run(row.source).joined(separator: " ")
    #expect(text == row.expected)
    bench.finish()
  }

  @Test func cycleThroughALuaClosureDies() throws {
    let bench = try Bench()
    try bench.run("local b b = fake.wrap(function() return b end)")
    bench.state.collect()
    bench.state.collect()
    #expect(bench.meter.count == 0)
    bench.finish()
  }

  @Test func objectsOutliveTheirHandles() throws {
    let bench = try Bench()
    do {
      let value = try #require(try bench.state.run("return fake.blob(5)", chunkName: "=t").first)
      try bench.run("collectgarbage() collectgarbage()")
      #expect(value.object(as: Blob.self)?.size == 5)
    }
    bench.finish()
  }

  @Test func referencesOutliveTheState() throws {
    let state = try LuaState(catalog: FakeLibrary.catalog)
    let function = try #require(try state.run("return print", chunkName: "=t").first?.function)
    #expect(state.close() == (0, 0))
    #expect(throws: LuaError.self) { try function.call() }
  }

  @Test func finalizersRunAtClose() throws {
    let state = try LuaState(catalog: FakeLibrary.catalog)
    var text = ""
    state.output = { _, bytes in text += String(decoding: bytes, as: UTF8.self) }
    try state.run(
      "keep = setmetatable({fake.blob(1)}, {__gc = function(t) print('bye', #t[1]) end})",
      chunkName: "=t")
    #expect(state.close() == (0, 0))
    #expect(text == "bye\t1\n")
  }

  @Test func aDroppedStateFreesItsObjects() throws {
    let meter = Meter()
    do {
      let state = try LuaState(catalog: FakeLibrary.catalog)
      try state.setGlobal("b", Blob(1, meter))
      try state.run("setmetatable({}, {__gc = function() fake.blob(1) end})", chunkName: "=t")
      #expect(meter.count == 1)
    }
    #expect(meter.count == 0)
  }

  @Test func deepStructures() throws {
    let bench = try Bench()
    try bench.run(
      """
      local t = {}
      for i = 1, 200000 do t = {t} end
      local blobs = {}
      for i = 1, 200000 do blobs[i] = fake.blob(1) end
      local f = function() return 0 end
      for i = 1, 1000 do local g = f f = function() return g() + 1 end end
      assert(f() == 1000)
      """)
    bench.finish()
  }
}
