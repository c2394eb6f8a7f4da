import Testing

@testable import Notebook

@Suite struct ScannerTests {
  /// Tokens of a source, each as `kind:text`.
  private func summary(_ source: String) -> String {
    let lua = LuaSource(source)
    return lua.tokens.map { "\($0.kind):\(lua.text($0))" }.joined(separator: " ")
  }

  @Test(
    arguments: [
      ("x=1", "name:x symbol:= number:1"),
      ("a..b", "name:a symbol:.. name:b"),
      ("...", "symbol:..."),
      ("1..2", "number:1..2"),
      ("0x1p-4 3e+2 .5 0xA.8", "number:0x1p-4 number:3e+2 number:.5 number:0xA.8"),
      ("0x", "number:0x"),
      ("a>=b", "name:a symbol:>= name:b"),
      ("::go::", "symbol::: name:go symbol:::"),
      ("'a\\'b' \"c\"", "string:'a\\'b' string:\"c\""),
      ("'ab", "openString:'ab"),
      ("[[a]b]] x", "string:[[a]b]] name:x"),
      ("[=[ ]] ]=]", "string:[=[ ]] ]=]"),
      ("x = [[abc", "name:x symbol:= openString:[[abc"),
      ("--[[ hi", "openComment:--[[ hi"),
      ("--[==[ a ]] ]==] y", "comment:--[==[ a ]] ]==] name:y"),
      ("a -- b", "name:a comment:-- b"),
      ("a[b[1]]", "name:a symbol:[ name:b symbol:[ number:1 symbol:] symbol:]"),
      ("'a\\z  \n b'", "string:'a\\z  \n b'"),
      ("if iffy", "keyword:if name:iffy"),
      ("a ? b", "name:a invalid:? name:b"),
      ("a//b<<c", "name:a symbol:// name:b symbol:<< name:c"),
    ])
  func tokens(source: String, expected: String) {
    #expect(summary(source) == expected)
  }

  @Test(
    arguments: [
      ("", 0, 0), ("for i=1,3 do", 1, 0), ("for i=1,3 do end", 0, 0),
      ("function f() if x then", 2, 0), ("f({", 0, 2), ("repeat until x", 0, 0),
      ("while true do while x do end", 1, 0), ("if a then elseif b then else", 1, 0),
    ])
  func openDepths(source: String, blocks: Int, brackets: Int) {
    let lua = LuaSource(source)
    #expect(lua.openBlocks == blocks)
    #expect(lua.openBrackets == brackets)
  }

  @Test(
    arguments: [
      ("a; b", true, ["b", "a; b"]),
      ("x = 1 -1", false, ["1", "-1", "1 -1", "= 1 -1", "x = 1 -1"]),
      ("x = y\n(f)()", true, ["y\n(f)()", "x = y\n(f)()"]),
      ("do x() end y", true, ["y"]),
      ("f{a, b}", true, ["f{a, b}"]),
      ("local x = 3; not x", false, ["x", "not x", "; not x", "3; not x", "= 3; not x"]),
    ])
  func tails(source: String, wholeCompiles: Bool, expected: [String]) {
    let starts = LuaSource(source).tailStarts(wholeCompiles: wholeCompiles)
    let texts = starts.map { String(decoding: Array(source.utf8)[$0...], as: UTF8.self) }
    #expect(Array(texts.prefix(expected.count)) == expected)
  }

  @Test func tailsAreAtMostSixtyFour() {
    let source = String(repeating: "x ", count: 1000)
    #expect(LuaSource(source).tailStarts(wholeCompiles: false).count == 64)
  }

  @Test(
    arguments: [
      ("5;", true), ("5; -- done", true), ("5", false), ("';'", false), ("", false),
      ("-- ;", false),
    ])
  func semicolon(source: String, silences: Bool) {
    #expect(LuaSource(source).endsInSemicolon == silences)
  }

  @Test(
    arguments: [
      ("", true), ("  \n", true), ("-- note", true), ("--[[ x ]]", true), ("--[[ x", false),
      ("x", false),
    ])
  func blank(source: String, isBlank: Bool) {
    #expect(LuaSource(source).isBlank == isBlank)
  }
}

@Suite struct LocalPromotionTests {
  @Test(
    arguments: [
      ("local x = 1", "      x = 1"),
      ("local x", "      x = nil"),
      ("local x, y", "      x, y = nil, nil"),
      ("local x, y = f()", "      x, y = f()"),
      ("local function f() end", "      function f() end"),
      ("local x <const> = 5", "      x         = 5"),
      ("local a <const>, b", "      a        , b = nil, nil"),
      ("local x <close> = f()", "local x <close> = f()"),
      ("local x <close> = f() local x = 1", "local x <close> = f() local x = 1"),
      ("local x <foo> = 1", "local x <foo> = 1"),
      ("local _ENV = {}", "local _ENV = {}"),
      ("local x, _ENV = 1", "local x, _ENV = 1"),
      ("do local x = 1 end", "do local x = 1 end"),
      ("if a then local b end local c", "if a then local b end       c = nil"),
      ("for i = 1, 2 do local x end", "for i = 1, 2 do local x end"),
      ("function f() local x end", "function f() local x end"),
      ("repeat local x until x local y = 2", "repeat local x until x       y = 2"),
      ("-- local x", "-- local x"),
      ("s = 'local x'", "s = 'local x'"),
      ("s = [[\nlocal x\n]]", "s = [[\nlocal x\n]]"),
      ("local x -- why\n= 1", "      x -- why\n= 1"),
      ("local x\n(f or g)()", "      x = nil\n(f or g)()"),
      ("local f = function() local y end", "      f = function() local y end"),
      ("a = b local c = 1", "a = b       c = 1"),
      ("local", "local"),
      ("local x,", "local x,"),
      ("local x =", "      x ="),
      ("local 5", "local 5"),
      ("local x <const", "local x <const"),
      ("local s = 'é' local t = 'ü'", "      s = 'é'       t = 'ü'"),
    ])
  func rewrites(source: String, expected: String) {
    #expect(LocalPromotion(source).source == expected)
  }

  @Test func reportsWhatItDid() {
    let result = LocalPromotion("local a, b = 1 local function f() end local c <close> = f()")
    #expect(result.promoted == ["a", "b", "f"])
    #expect(result.leftClosing)
  }

  @Test func veryLongNameListsStay() {
    let names = (1...100).map { "v\($0)" }.joined(separator: ", ")
    #expect(LocalPromotion("local \(names)").source == "local \(names)")
  }
}
