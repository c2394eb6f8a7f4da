import CInterrupt
import Diagnostics
import LuaHost
import Testing

#if canImport(Glibc)
  import Glibc
#endif

/// Raises the flag while Lua runs.
///
/// The flag is process-wide, so each case has a process of its own.
@Suite(.serialized) struct InterruptTests {
  static let cases = [
    ScriptCase("endless loop", "while true do end", "t:1: interrupted"),
    ScriptCase("endless recursion of tail calls", "local function f() return f() end f()", ""),
    ScriptCase(
      "pcall in a loop", "while true do pcall(function() while true do end end) end", ""),
    ScriptCase(
      "xpcall in a loop",
      "while true do xpcall(function() while true do end end, function(e) return e end) end", ""),
    ScriptCase("coroutine", "coroutine.wrap(function() while true do end end)()", ""),
    ScriptCase(
      "resume in a loop",
      "while true do coroutine.resume(coroutine.create(function() while true do end end)) end", ""),
    ScriptCase(
      "host callback in pcall in a loop",
      "while true do pcall(fake.call, function() while true do end end) end", ""),
    ScriptCase("calls of host functions", "while true do fake.integer(1) end", ""),
    ScriptCase(
      "metamethod",
      "local t = setmetatable({}, {__index = function() while true do end end})"
        + " return t.x", ""),
    ScriptCase("iterator", "for i in function() return 1 end do end", ""),
    ScriptCase(
      "sort with a comparison",
      "local t = {} for i = 1, 100 do t[i] = i end"
        + " while true do table.sort(t, function(a, b) return a > b end) end", ""),
    ScriptCase(
      "hostile pattern", "return ('a'):rep(1e5):find(('.-'):rep(8) .. 'b')", "t:1: interrupted"),
    ScriptCase("hostile replacement", "return ('a'):rep(1e5):gsub(('a-'):rep(8) .. 'b', '')", ""),
    ScriptCase("move over a huge range", "table.move({}, 1, 1 << 60, 2)", "t:1: interrupted"),
    ScriptCase(
      "insert into a promised length",
      "table.insert(setmetatable({}, {__len = function() return 1 << 60 end}), 1, 0)",
      "t:1: interrupted"),
    ScriptCase(
      "remove from a promised length",
      "table.remove(setmetatable({}, {__len = function() return 1 << 60 end}), 1)", ""),
    ScriptCase(
      "concat of a promised length",
      "table.concat(setmetatable({}, {__len = function() return 1 << 60 end, __index = type}), '',"
        + " 1)", ""),
    ScriptCase(
      "sort with a C function",
      "table.sort(setmetatable({}, {__len = function() return 1 << 30 end}), rawequal)", ""),
    ScriptCase("long repetition", "return ('x'):rep(1 << 28)", ""),
    ScriptCase(
      "length of a long text", "local s = ('x'):rep(1 << 25) while true do utf8.len(s) end", ""),
    ScriptCase("long chunk", "local s = ('x=1 '):rep(1 << 20) while true do load(s) end", ""),
    ScriptCase("own hook", "debug.sethook(function() end, 'l') while true do end", ""),
    ScriptCase(
      "pcall that would go on", "pcall(function() while true do end end) swallowed = true",
      "t:1: interrupted"),
    ScriptCase(
      "xpcall with a handler that does not end",
      "xpcall(error, function() while true do end end) swallowed = true", "t:1: interrupted"),
    ScriptCase(
      "xpcall whose handler of the interrupt does not end",
      "xpcall(function() while true do end end, function() while true do end end) swallowed = true",
      "t:1: interrupted"),
    ScriptCase(
      "xpcall with a handler that makes another error",
      "xpcall(function() while true do end end, function() return 'other' end) swallowed = true",
      "t:1: interrupted"),
    ScriptCase(
      "resume that would go on",
      "coroutine.resume(coroutine.create(function() while true do end end)) swallowed = true", ""),
    ScriptCase(
      "wrap in pcall", "pcall(coroutine.wrap(function() while true do end end)) swallowed = true",
      ""),
    ScriptCase(
      "pcall that yields before the press",
      "local co = coroutine.wrap(function() pcall(function() coroutine.yield() while true do end end)"
        + " swallowed = true end) co() co()", ""),
    ScriptCase(
      "close handler that raises",
      "pcall(function() local a <close> = setmetatable({}, {__close = function() error('other') end})"
        + " while true do end end) swallowed = true", ""),
    ScriptCase(
      "closing a coroutine",
      "local co = coroutine.create(function() local a <close> = setmetatable({}, {__close = function()"
        + " while true do end end}) coroutine.yield() end) coroutine.resume(co) coroutine.close(co)"
        + " swallowed = true", ""),
    ScriptCase(
      "reader of load", "load(function() while true do end end) swallowed = true", ""),
    ScriptCase(
      "close handler that uses pcall",
      "local a <close> = setmetatable({}, {__close = function()"
        + " closed = select('#', pcall(error, 'x')) == 2 end}) while true do end", ""),
    ScriptCase(
      "close handler that takes time",
      "local done <close> = setmetatable({}, {__close = function()"
        + " for i = 1, 1e5 do end closed = true end}) while true do end", ""),
  ]

  @Test(arguments: cases) func stops(_ row: ScriptCase) async throws {
    let source = row.source
    let expected = row.expected
    await #expect(processExitsWith: .success) {
      [source = source as String, expected = expected as String] in
      let bench = try Bench()
      raiseInterrupt()
      let error = try bench.failure(source)
      #expect(error.kind == .interrupted)
      #expect(error.message.hasSuffix("interrupted"))
      if !expected.isEmpty { #expect(error.message == expected) }
      #expect(kilpi_interrupt_pending(), "only the session lowers the flag")
      kilpi_interrupt_clear()
      #expect(try bench.run("return closed ~= false and 1 + 1, swallowed") == ["2", "nil"])
      bench.finish()
    }
  }

  /// What the next run catches is its own business again.
  @Test func laterErrorsAreCaught() async {
    await #expect(processExitsWith: .success) {
      let bench = try Bench()
      raiseInterrupt()
      _ = try bench.failure("pcall(function() while true do end end)")
      kilpi_interrupt_clear()
      #expect(try bench.run("return pcall(error, 'mine')") == ["false", "mine"])
      bench.finish()
    }
  }

  @Test func closeHandlersFinish() async {
    await #expect(processExitsWith: .success) {
      let bench = try Bench()
      raiseInterrupt()
      _ = try bench.failure(
        "local a <close> = setmetatable({}, {__close = function() for i = 1, 1e5 do end"
          + " closed = true end}) while true do end")
      kilpi_interrupt_clear()
      #expect(try bench.run("return closed") == ["true"])
      bench.finish()
    }
  }

  @Test func floorOneThrowsThrough() async {
    await #expect(processExitsWith: .success) {
      let state = try LuaState(
        catalog: Catalog(libraries: [
          Library(
            "work", doc: "",
            entries: [
              Entry("long", "()", doc: "") { _ in
                while true { try Interrupts.poll() }
              }
            ])
        ]))
      raiseInterrupt()
      let error = #expect(throws: LuaError.self) {
        try state.run("while true do pcall(work.long) end", chunkName: "=t")
      }
      #expect(error?.kind == .interrupted)
      kilpi_interrupt_clear()
      state.close()
    }
  }
}

/// Raises the flag from another thread, before or while Lua runs; both must stop it.
private func raiseInterrupt() {
  var thread = pthread_t()
  pthread_create(
    &thread, nil,
    { _ in
      kilpi_interrupt_raise()
      return nil
    }, nil)
  pthread_detach(thread)
}
