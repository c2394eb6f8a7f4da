import Diagnostics
import LuaHost
import Testing

/// Errors and calls that cross between Swift and Lua, in both directions.
@Suite struct BorderTests {
  static let cases = [
    ScriptCase(
      "error as text", "local ok, e = pcall(fake.fail, 'x') return type(e), fake.kind(e), e",
      "string host t:1: fake.fail: inner sizes differ (transpose one of them?)"),
    ScriptCase(
      "string functions on an error",
      "local ok, e = pcall(fake.fail, 'x') return #e, (e:find('sizes')), e:sub(1, 4),"
        + " string.match(e, 'inner %a+'), ('%s|%q'):format(e, e):len()",
      "59 23 t:1: inner sizes 121"),
    ScriptCase(
      "error joined with text",
      "local ok, e = pcall(fake.fail, 'x') return e .. '!', 'a' .. e .. 1",
      "t:1: fake.fail: inner sizes differ (transpose one of them?)!"
        + " at:1: fake.fail: inner sizes differ (transpose one of them?)1"),
    ScriptCase(
      "place in front", "local ok, e = pcall(function() fake.fail('x') end) return e",
      "t:1: fake.fail: inner sizes differ (transpose one of them?)"),
    ScriptCase(
      "traceback of an error",
      "local ok, e = pcall(function() fake.fail('x') end)"
        + " return (select(2, fake.kind(e)):match('stack traceback:\\n\\t%[C%]: in [^\\n]*'))",
      "stack traceback:\n\t[C]: in function 'fake.fail'"),
    ScriptCase(
      "memory kind", "return (fake.kind(select(2, pcall(fake.fail, 'memory'))))", "memory"),
    ScriptCase(
      "interrupted kind", "return (fake.kind(select(2, pcall(fake.fail, 'interrupted'))))",
      "interrupted"),
    ScriptCase(
      "kind of an error of Lua's", "return (fake.kind(select(2, pcall(error, 'mine'))))", "nil"),
    ScriptCase(
      "kind after many other errors",
      "local _, e = pcall(fake.fail, 'memory') for i = 1, 63 do pcall(fake.integer, 'x') end"
        + " local a = fake.kind(e) pcall(fake.integer, 'x') return a, (fake.kind(e))",
      "memory nil"),
    ScriptCase("string raised by a script", "return pcall(error, 'mine', 0)", "false mine"),
    ScriptCase(
      "string raised through a host function",
      "return pcall(fake.call, function() error('mine', 0) end)", "false mine"),
    ScriptCase(
      "table raised through a host function",
      "local t = {} local ok, e = pcall(fake.call, function() error(t) end) return e == t", "true"),
    ScriptCase(
      "nil raised through a host function",
      "return pcall(fake.call, function() error(nil) end)", "false nil"),
    ScriptCase(
      "host error through two host functions",
      "local ok, e = pcall(fake.call, fake.call, fake.fail, 'x') return e",
      "t:1: fake.fail: inner sizes differ (transpose one of them?)"),
    ScriptCase(
      "the same error through a host function",
      "local ok, e = pcall(fake.fail, 'x')"
        + " local ok, f = pcall(fake.call, function() error(e, 0) end) return rawequal(e, f)",
      "true"),
    ScriptCase(
      "kind behind a place",
      "local _, e = pcall(coroutine.wrap(function() fake.fail('memory') end))"
        + " local _, f = pcall(function() error(e) end)"
        + " return fake.kind(e) .. ' ' .. fake.kind(f), (fake.kind('was ' .. e))",
      "memory memory nil"),
    ScriptCase(
      "inner error after a handled one",
      "local ok, e = pcall(fake.call, function()"
        + " pcall(fake.call, error, 'inner') error('outer', 0) end) return e", "outer"),
    ScriptCase(
      "handler of xpcall knows the kind",
      "return (select(2, xpcall(fake.fail, function(e) return (fake.kind(e)) end, 'x')))", "host"),
    ScriptCase(
      "hostile handler", "return (pcall(xpcall, fake.fail, function(e) error(e) end, 'x'))",
      "true"),
    ScriptCase(
      "coroutine calls a host function",
      "local co = coroutine.wrap(function() for i, s in fake.count(3) do coroutine.yield(s) end end)"
        + " return co(), co(), co()", "1 4 9"),
    ScriptCase(
      "coroutine inside a callback",
      "return fake.call(function() local co = coroutine.wrap(function() coroutine.yield(7) end)"
        + " return co() end)", "7"),
    ScriptCase(
      "host function as a coroutine", "return coroutine.wrap(fake.integer)(4)", "4"),
    ScriptCase(
      "pcall yields across itself",
      "local co = coroutine.wrap(function() return pcall(function()"
        + " coroutine.yield(1) error('e', 0) end) end) return co(), co()", "1 false e"),
    ScriptCase(
      "xpcall yields across itself",
      "local co = coroutine.wrap(function() return xpcall(function(a)"
        + " coroutine.yield(a) return 2 end, print, 1) end) return co(), co()", "1 true 2"),
    ScriptCase(
      "error in a coroutine",
      "local co = coroutine.create(function() fake.fail('x') end)"
        + " local ok, e = coroutine.resume(co) return ok, (fake.kind(e))", "false host"),
    ScriptCase(
      "to-be-closed variable during a host error",
      "local log = '' pcall(function() local a <close> = setmetatable({},"
        + " {__close = function(_, e) log = fake.kind(e) end}) fake.fail('x') end) return log",
      "host"),
    ScriptCase(
      "callable table",
      "return fake.call(setmetatable({}, {__call = function(_, a) return a end}), 3)",
      "3"),
    ScriptCase(
      "iterator ends", "local n = 0 for i in fake.count(4) do n = n + i end return n", "10"),
    ScriptCase(
      "deep recursion through the host",
      "local function f(n) return fake.call(f, n + 1) end local ok, e = pcall(f, 1)"
        + " return ok, tostring(e):find('overflow', 1, true) ~= nil", "false true"),
    ScriptCase(
      "endless recursion",
      "local function f() return 1 + f() end local ok, e = pcall(f)"
        + " return ok, e:find('stack overflow', 1, true) ~= nil", "false true"),
    ScriptCase(
      "many results",
      "return select('#', fake.call(function() return table.unpack({}, 1, 5000) end))",
      "5000"),
  ]

  @Test(arguments: cases) func outcome(_ row: ScriptCase) throws {
    let bench = try Bench()
    let text = try bench.run(row.source).joined(separator: " ")
    #expect(text == row.expected)
    bench.finish()
  }

  /// A message is cut where people read it, between characters; scripts get all of it.
  @Test func longMessagesAreCut() throws {
    let bench = try Bench()
    let error = try bench.failure("error(('é'):rep(50000), 0)")
    #expect(error.message == String(repeating: "é", count: 8192) + "... (100000 bytes)")
    let object = "setmetatable({}, {__tostring = function() return ('x'):rep(16385) end})"
    let other = try bench.failure("error(\(object))")
    #expect(other.message == String(repeating: "x", count: 16384) + "... (16385 bytes)")
    let whole = try bench.run("local ok, e = pcall(error, ('x'):rep(50000), 0) return #e")
    #expect(whole == ["50000"])
    bench.finish()
  }

  @Test func uncaughtHostErrorKeepsItsCause() throws {
    let bench = try Bench()
    let error = try bench.failure("local function f() fake.call(fake.fail, 'x') end f()")
    #expect(error.kind == .host)
    #expect(
      error.cause as? KilpiError
        == KilpiError("inner sizes differ", advice: "transpose one of them?"))
    #expect(error.traceback.contains("in local 'f'") || error.traceback.contains("in upvalue 'f'"))
    bench.finish()
  }

  @Test func anErrorRaisedAgainKeepsItsKind() throws {
    let bench = try Bench()
    let error = try bench.failure("local ok, e = pcall(fake.fail, 'memory') error(e, 0)")
    #expect(error.kind == .memory)
    #expect(error.cause is KilpiError)
    let other = try bench.failure("local ok, e = pcall(fake.fail, 'memory') error('on: ' .. e, 0)")
    #expect(other.kind == .runtime)
    #expect(other.message == "on: t:1: fake.fail: no room for 80 MB")
    bench.finish()
  }

  @Test func oddErrorsKeepTheirIdentity() throws {
    let bench = try Bench()
    let error = try bench.failure("fake.call(fake.fail, 'odd')")
    #expect(error.cause is OddError)
    bench.finish()
  }

  struct KindCase: CustomTestStringConvertible, Sendable {
    var source: String
    var kind: LuaError.Kind
    var message: String
    var testDescription: String { source }
  }

  static let kinds = [
    KindCase(
      source: "x = = 2", kind: .syntax(incomplete: false),
      message: "t:1: unexpected symbol near '='"),
    KindCase(
      source: "for i = 1, 3 do", kind: .syntax(incomplete: true),
      message: "t:1: 'end' expected near <eof>"),
    KindCase(source: "error('e', 0)", kind: .runtime, message: "e"),
    KindCase(source: "error({})", kind: .runtime, message: "(error object is a table value)"),
    KindCase(source: "error()", kind: .runtime, message: "(error object is a nil value)"),
    KindCase(
      source: "error(setmetatable({}, {__tostring = function() return 'shown' end}))",
      kind: .runtime, message: "shown"),
    KindCase(
      source: "error(setmetatable({}, {__tostring = function() error('bad', 0) end}))",
      kind: .runtime, message: "(error in __tostring: bad)"),
    KindCase(
      source: "fake.fail('memory')", kind: .memory,
      message: "t:1: fake.fail: no room for 80 MB"),
    KindCase(source: "fake.fail('interrupted')", kind: .interrupted, message: "t:1: interrupted"),
    KindCase(
      source: "local x = nil; x.y = 1", kind: .runtime,
      message: "t:1: attempt to index a nil value (local 'x')"),
  ]

  @Test(arguments: kinds) func kind(_ row: KindCase) throws {
    let bench = try Bench()
    let error = try bench.failure(row.source)
    #expect(error.kind == row.kind)
    #expect(error.message == row.message)
    bench.finish()
  }
}
