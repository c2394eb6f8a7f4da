import LuaHost
import Testing

@testable import Notebook

@Suite struct PrintingTests {
  private func text(_ source: String, width: Int = 60) throws -> String {
    let state = try LuaState(catalog: Catalog())
    let values = try state.run("return " + source, chunkName: "=test")
    return ValuePrinter(state: state, width: width).echo(values)
  }

  @Test(
    arguments: [
      ("{}", "{}"),
      ("{1, 2, 3}", "{1, 2, 3}"),
      ("{b = 1, a = 2}", "{a = 2, b = 1}"),
      ("{10, x = 1, [5] = 2, [1.5] = 3}", "{10, [1.5] = 3, [5] = 2, x = 1}"),
      ("{['a b'] = 1, ['end'] = 2}", "{[\"a b\"] = 1, [\"end\"] = 2}"),
      ("{[true] = 1}", "{[true] = 1}"),
      ("{{{{{1}}}}}", "{{{{{...}}}}}"),
      ("(function() local t = {} t.me = t return t end)()", "{me = <cycle>}"),
      ("(function() local t = {1} return {t, t} end)()", "{{1}, {1}}"),
      ("1.5", "1.5"), ("2^53", "9.007199254741e+15"), ("3.0", "3.0"), ("1/0", "inf"),
      ("math.mininteger", "-9223372036854775808"),
      ("'a\"b\\\\'", "\"a\\\"b\\\\\""), ("'tab\\there'", "\"tab\\there\""),
      ("'\\0\\27'", "\"\\x00\\x1b\""), ("'\\xff\\xfeab'", "\"\\xff\\xfeab\""),
      ("'two\\nlines'", "two\nlines"), ("{'two\\nlines'}", "{\"two\\nlines\"}"),
      ("'日本'", "\"日本\""),
      ("setmetatable({}, {__tostring = function() return 'me' end})", "me"),
      ("{setmetatable({}, {__tostring = function() return 'me' end})}", "{me}"),
      (
        "setmetatable({}, {__tostring = function() error('bad', 0) end})",
        "<error in __tostring: bad>"
      ),
      ("setmetatable({}, {__display = function() return {['text/plain'] = 'shown'} end})", "shown"),
      ("setmetatable({1}, {__index = function() error('no') end})", "{1}"),
      ("setmetatable({}, {__pairs = function() error('no') end})", "{}"),
      ("function() end", "function <test:1>"),
      ("{print}", "{function}"),
      ("nil, nil", "nil\tnil"),
      ("{nil, 2}", "{nil, 2}"),
    ])
  func value(source: String, expected: String) throws {
    #expect(try text(source) == expected)
  }

  @Test func wideTablesBreak() throws {
    let expected = """
      {
        first = "aaaaaaaaaaaaaaaaaaaa",
        second = {1, 2, 3},
        third = "bbbbbbbbbbbbbbbbbbbb"
      }
      """
    let source =
      "{first = ('a'):rep(20), second = {1, 2, 3}, third = ('b'):rep(20)}"
    #expect(try text(source) == expected)
  }

  @Test func listsFillLines() throws {
    let source = "(function() local t = {} for i = 1, 30 do t[i] = i end return t end)()"
    let lines = try text(source, width: 40).split(separator: "\n")
    #expect(lines.count == 5)
    #expect(lines.allSatisfy { $0.count <= 40 })
    #expect(lines[1] == "  1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12,")
  }

  @Test func manyItemsAreCounted() throws {
    let source = "(function() local t = {} for i = 1, 5000 do t[i] = 0 end return t end)()"
    #expect(try text(source).hasSuffix("... 4800 more\n}"))
  }

  @Test func longStringsAreCut() throws {
    #expect(try text("{('x'):rep(500)}", width: 500).hasSuffix("xxx\"... (500 bytes)}"))
    #expect(try text("('é'):rep(500)", width: 500).hasSuffix("é\"... (1000 bytes)"))
  }

  @Test func hugeSparseTablesAreCut() throws {
    let source = "(function() local t = {} for i = 1, 300 do t['k' .. i] = i end return t end)()"
    #expect(try text(source).contains("... 100 more"))
  }
}

@Suite struct ErrorReportTests {
  private let report = ErrorReport(palette: Palette(isOn: false))

  @Test func scriptErrorsHaveATrimmedTraceback() throws {
    let state = try LuaState(catalog: Catalog())
    let source = "local function inner() error('boom') end\nlocal function f() inner() end\nf()"
    do {
      try state.run(source, chunkName: "@s.lua")
    } catch let error as LuaError {
      #expect(
        report.script(error) == """
          kilpi: s.lua:1: boom
          stack traceback:
            s.lua:1: in upvalue 'inner'
            s.lua:2: in local 'f'
            s.lua:3: in main chunk

          """)
    }
  }

  @Test(
    arguments: [
      (
        "x = 1\nnosuch()",
        "error: cell[1]:2: attempt to call a nil value (global 'nosuch')\n  2 | nosuch()\n"
      ),
      ("error('one line')", "error: cell[1]:1: one line\n"),
      ("x = = 1", "error: cell[1]:1: unexpected symbol near '='\n"),
      ("error({})", "error: (error object is a table value)\n"),
      (
        "prnt()",
        "error: cell[1]:1: attempt to call a nil value (global 'prnt') (did you mean 'print'?)\n"
      ),
    ])
  func cellErrors(source: String, expected: String) throws {
    let session = try Session(state: LuaState(catalog: Catalog()))
    let error = try #require(session.evaluate(source).error)
    #expect(report.cell(error, in: session) == expected)
  }
}
