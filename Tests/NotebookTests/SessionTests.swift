import LuaHost
import Testing

@testable import Notebook

/// A fresh session and the texts that its outcomes show.
struct SessionHarness {
  let session: Session

  init() throws {
    session = try Session(state: LuaState(catalog: Catalog()))
  }

  /// The echo, or the error's message after `!`.
  func run(_ source: String) -> String {
    let outcome = session.evaluate(source)
    if let error = outcome.error { return "!" + error.message }
    return ValuePrinter(state: session.state, width: 80).echo(outcome.values)
  }

  /// The echo of the last of several inputs.
  func last(_ sources: [String]) -> String {
    sources.reduce("") { _, source in run(source) }
  }
}

@Suite struct EvaluationTests {
  @Test(
    arguments: [
      (["1 + 1"], "2"),
      (["1, 'a', nil"], "1\t\"a\"\tnil"),
      (["nil"], "nil"),
      (["x = 1"], ""),
      (["x = 1", "x"], "1"),
      (["5;"], ""),
      (["5; -- done"], ""),
      (["x = 5 x"], "5"),
      (["x = 5; x + 1"], "6"),
      (["local x = 3; x + 1"], "4"),
      (["local x = 3\nlocal y = 4\nx * y"], "12"),
      (["function f() return 7 end f()"], "7"),
      (["function f() return 7 end\nf"], "function <cell[1]:1>"),
      (["for i = 1, 3 do x = i end x"], "3"),
      (["x = y\n(f or print)('a')"], "!cell[1]:1: attempt to call a nil value (global 'y')"),
      (["x = 7\ny = x\n-1"], ""),
      (["x = 7 y = x\n-1", "y"], "6"),
      (["a = 1; -a"], "-1"),
      (["t = {f = 1} t.f"], "1"),
      (["print"], "function"),
      (["return 5"], "5"),
      (["return"], ""),
      (["-- just a note"], ""),
      (["5 -- note"], "5"),
      (["5 --[[ note ]]"], "5"),
      (["-- first\n5"], "5"),
      (["f = function() end;"], ""),
      (["x = 1 goto done ::done:: x"], "1"),
      (["::label:: x = 2 x"], "2"),
      (["select('#', ...)"], "0"),
      (["x = 5 not x"], "false"),
      (["#'abc'"], "3"),
      (["'a' .. 'b'"], "\"ab\""),
      (["x =\n[[a\nb]] x"], "a\nb"),
    ])
  func echo(sources: [String], expected: String) throws {
    #expect(try SessionHarness().last(sources) == expected)
  }

  @Test(
    arguments: [
      "n = (n or 0) + 1 n", "n = (n or 0) + 1", "(function() n = (n or 0) + 1 end)()",
      "n = (n or 0) + 1; return n", "local z = 1 n = (n or 0) + 1 z",
    ])
  func sourceRunsExactlyOnce(source: String) throws {
    #expect(try SessionHarness().last([source, "n"]) == "1")
  }

  @Test(
    arguments: [
      (["x = 1", "_G.x"], "1"),
      (["x = 1", "_G == _ENV"], "true"),
      (["x = 1", "load('return x')()"], "1"),
      (["x = 1", "load('x = 2')() x"], "2"),
      (["x = 1", "package.loaded._G.x"], "nil"),
      (["41 + 1", "_"], "42"),
      (["41 + 1", "x = 1", "_"], "42"),
      (["41 + 1", "Out[1]"], "42"),
      (["41 + 1", "In[1]"], "\"41 + 1\""),
      (["{}", "type(Out[1])"], "\"string\""),
      (["local a <const> = 5", "a"], "5"),
      (["local a, b = 1, 2", "a + b"], "3"),
      (["local function f() return 8 end", "f()"], "8"),
      (["local a, b", "a == nil and b == nil"], "true"),
      (["do local a = 1 end", "a"], "nil"),
      (["local n = 0 function inc() n = n + 1 end", "inc() inc() n"], "2"),
      (["nosuch.x"], "!cell[1]:1: attempt to index a nil value (global 'nosuch')"),
      (["x = 1\nerror('boom')"], "!cell[1]:2: boom"),
      (["x = = 2"], "!cell[1]:1: unexpected symbol near '='"),
      (["\u{1B}Lua"], "!attempt to load a binary chunk (mode is 't')"),
    ])
  func sessionTable(sources: [String], expected: String) throws {
    #expect(try SessionHarness().last(sources) == expected)
  }

  @Test func strictLocalsKeepLuasRule() throws {
    let harness = try SessionHarness()
    harness.session.promotesLocals = false
    #expect(harness.last(["local x = 1", "x"]) == "nil")
  }

  @Test func promotionIsNotedOnce() throws {
    let harness = try SessionHarness()
    #expect(harness.session.evaluate("local x = 1").notes.count == 1)
    #expect(harness.session.evaluate("local y = 1").notes.isEmpty)
    #expect(
      harness.session.evaluate("local z <close> = setmetatable({}, {__close = print})").notes.count
        == 1)
  }

  @Test func undefinedNamesGetAHint() throws {
    let harness = try SessionHarness()
    let error = try #require(harness.session.evaluate("prnt('x')").error)
    #expect(harness.session.hint(for: error) == "did you mean 'print'?")
    let other = try #require(harness.session.evaluate("error('x')").error)
    #expect(harness.session.hint(for: other) == nil)
  }
}

@Suite struct CompletenessTests {
  @Test(
    arguments: [
      "1 +", "for i=1,3 do", "x = [[abc", "--[[ hi", "'abc\\", "function f()", "f(", "{1, 2,",
      "if x then", "x =", "local x =", "local", "repeat", "while true do x()", "a.b:", "t = {",
      "if x then y() else", "f(function()", "x = 1; f(",
    ])
  func incomplete(source: String) throws {
    guard case .incomplete = try SessionHarness().session.completeness(source) else {
      Issue.record("\(source) counts as \(try SessionHarness().session.completeness(source))")
      return
    }
  }

  @Test(
    arguments: [
      "", "  ", "-- note", "return", "1 + 1", "x = 1", "x = 1; x", "local x = 3; x + 1",
      "for i=1,3 do end", "f()", "print 'x'", "a, b", "::l::", "local x", "x = [[a\nb]]", ";",
    ])
  func complete(source: String) throws {
    #expect(try SessionHarness().session.completeness(source) == .complete)
  }

  @Test(arguments: [
    "s = 'abc", "x = 0x", "end", "x = = 2", "x = )", "5 5 = 3", "for 1 do", "a ? b",
  ])
  func invalid(source: String) throws {
    #expect(try SessionHarness().session.completeness(source) == .invalid)
  }

  @Test(arguments: [("for i=1,3 do", 1), ("for i=1,3 do if x then", 2), ("f({", 2)])
  func indent(source: String, depth: Int) throws {
    #expect(
      try SessionHarness().session.completeness(source) == .incomplete(indent: depth))
  }
}

@Suite struct PromotionFuzzTests {
  private static let pieces = [
    "local x = 1", "local x", "local x, y", "local x, y = f(), 2", "local function f() end",
    "local x <const> = 5", "local x <close> = nil", "local x <const>, y", "x = 1", "f()", "f{1}",
    "f'a'", "do local z = 1 end", "if x then local q end", "(f or g)()", "-- local c\n",
    "--[[ local d ]]", "s = [==[ local ]] ]==]", "s = 'local x'", "repeat local r until r",
    "while x do local w = 1 break end", "for i = 1, 2 do local v end", "return x", "goto l",
    "::l::",
    "local t = {1, 2, a = function() local u end}", ";", "\n", "local a\n=\n1", "x.y = 2",
    "local _ENV = _ENV", "local s = \"\\z  a\"", "local n <const> = 0x1p4",
    "local a = b local c = d",
    "local f = function(...) local g = ... return g end", "x, y = y, x", "f() local h = 1",
  ]

  /// Random programs of these pieces: whatever compiles still does, on the same number of lines.
  @Test func outputCompilesWheneverInputDoes() throws {
    let state = try LuaState(catalog: Catalog())
    var random: UInt64 = 0x9E37_79B9_7F4A_7C15
    func next(_ bound: Int) -> Int {
      random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(random >> 33) % bound
    }
    var compiled = 0
    for _ in 0..<12_000 {
      let source = (0...next(6)).map { _ in Self.pieces[next(Self.pieces.count)] }
        .joined(separator: next(3) == 0 ? "\n" : " ")
      let output = LocalPromotion(source).source
      #expect(output.filter { $0 == "\n" }.count == source.filter { $0 == "\n" }.count)
      guard state.compileError(source) == nil else { continue }
      compiled += 1
      let error = state.compileError(output)
      #expect(error == nil, "input: \(source)\noutput: \(output)")
      if error != nil { break }
    }
    #expect(compiled > 500)
  }
}
