import LuaHost
import Testing

/// Functions of Lua's library that were replaced by polling ones: they mean the same, and no argument
/// makes them endless.
@Suite struct PollingTests {
  static let rows = [
    ScriptCase(
      "rep", "return ('ab'):rep(3, '-'), ('x'):rep(1), ('x'):rep(0, 'y'), ('x'):rep(-1)",
      "ab-ab-ab|x||"),
    ScriptCase(
      "rep of nothing", "return #string.rep('', 1e15), #string.rep('', math.maxinteger, '')", "0|0"),
    ScriptCase("rep of separators", "return ('').rep('', 4, ', ')", ", , , "),
    ScriptCase(
      "rep in pieces", "local s = ('abc'):rep(1e7) return #s, s:sub(-4), s == ('abcabc'):rep(5e6)",
      "30000000|cabc|true"),
    ScriptCase(
      "rep too large", "return select(2, pcall(string.rep, 'x', math.maxinteger, 'y'))",
      "resulting string too large"),
    ScriptCase(
      "rep beyond Lua's own limit", "return select(2, pcall(string.rep, 'aa', 1 << 30))",
      "resulting string too large"),
    ScriptCase(
      "find with a wrong third argument",
      "return select(2, pcall(function() string.find('a', 'b', {}) end))",
      "t:1: bad argument #3 to 'find' (number expected, got table)"),
    ScriptCase(
      "rep without a count", "return select(2, pcall(string.rep, 'x'))",
      "bad argument #2 to 'string.rep' (number expected, got no value)"),
    ScriptCase(
      "find",
      "return ('hello'):find('l'), ('hello'):find('xl', 1, true), ('a.b'):find('.', 1, true)",
      "3|nil|2|2"),
    ScriptCase(
      "find from places",
      "return ('aaa'):find('a', -1), ('aaa'):find('', 9), ('aaa'):find('', 4), ('aaa'):find('a', math.mininteger)",
      "3|nil|4|1|1"),
    ScriptCase("find a zero", "return ('a\\0b\\0c'):find('\\0c')", "4|5"),
    ScriptCase("find in a number", "return string.find(1234, 3)", "3|3"),
    ScriptCase(
      "plain find is linear",
      "return (('a'):rep(2e6)):find(('a'):rep(1e6) .. 'b', 1, true), (('a'):rep(2e6)):find(('a'):rep(1e6) .. 'b')",
      "nil|nil"),
    ScriptCase(
      "insert", "local t = {1, 2} table.insert(t, 3) table.insert(t, 1, 0) return table.unpack(t)",
      "0|1|2|3"),
    ScriptCase(
      "insert out of bounds", "return select(2, pcall(table.insert, {1}, 3, 0))",
      "bad argument #2 to 'table.insert' (position out of bounds)"),
    ScriptCase(
      "insert nothing", "return select(2, pcall(table.insert, {}))",
      "wrong number of arguments to 'insert'"),
    ScriptCase(
      "insert into nothing", "return select(2, pcall(table.insert, nil, 1))",
      "bad argument #1 to 'table.insert' (table expected, got nil)"),
    ScriptCase(
      "remove",
      "local t = {1, 2, 3} return table.remove(t), table.remove(t, 1), #t, table.remove({})",
      "3|1|1|nil"),
    ScriptCase(
      "remove out of bounds", "return select(2, pcall(table.remove, {1}, 5))",
      "bad argument #2 to 'table.remove' (position out of bounds)"),
    ScriptCase(
      "concat",
      "return table.concat({1, 'b', 2.5}, '-'), table.concat({1, 2, 3}, '', 2), table.concat({}, 'x'), table.concat({1, 2}, '', 3)",
      "1-b-2.5|23||"),
    ScriptCase(
      "concat of others", "return select(2, pcall(table.concat, {1, {}, 3}))",
      "invalid value (table) at index 2 in table for 'concat'"),
    ScriptCase(
      "concat at the end",
      "return select(2, pcall(table.concat, {}, '', math.maxinteger, math.maxinteger))",
      "invalid value (nil) at index 9223372036854775807 in table for 'concat'"),
    ScriptCase(
      "sort",
      "local t = {3, 1, 2} table.sort(t) local u = {1, 3, 2} table.sort(u, function(a, b) return a > b end) return t[1], t[3], u[1], u[3]",
      "1|3|3|1"),
    ScriptCase(
      "sort of a long list",
      "local t = {} for i = 1, 1100000 do t[i] = -i end table.sort(t) return t[1], t[#t]",
      "-1100000|-1"),
    ScriptCase(
      "sort of others", "return select(2, pcall(table.sort, {1, 'x'}))",
      "attempt to compare string with number"),
    ScriptCase(
      "sort without order", "return select(2, pcall(table.sort, {1, 2}, 3))",
      "bad argument #2 to 'table.sort' (function expected, got number)"),
    ScriptCase(
      "len",
      "return utf8.len('häß'), utf8.len('häß', 3), utf8.len('häß', -2), utf8.len('', 1), utf8.len('ab', 3)",
      "3|nil|1|0|0"),
    ScriptCase(
      "len of pieces",
      "local s = ('ä€x'):rep(5e6) return utf8.len(s), utf8.len(s .. '\\xff', 2), utf8.len(s, 3), utf8.len(s, 1, 6)",
      "15000000|nil|14999999|3"),
    ScriptCase(
      "len of broken pieces",
      "local s = ('x'):rep((16 << 20) - 1) return utf8.len(s .. '\\xe2\\x82\\xac'), utf8.len(s .. 'x\\x80')",
      "16777216|nil|16777217"),
    ScriptCase(
      "len out of bounds", "return select(2, pcall(utf8.len, 'abc', 5))",
      "bad argument #2 to 'utf8.len' (initial position out of bounds)"),
    ScriptCase(
      "load", "return load('return 1 +')",
      "nil|[string \"return 1 +\"]:1: unexpected symbol near <eof>"),
    ScriptCase(
      "load a long text", "return load('return #[[' .. ('x'):rep(1 << 20) .. ']]')()", "1048576"),
  ]

  @Test(arguments: rows) func meansWhatLuaMeans(_ row: ScriptCase) throws {
    let bench = try Bench()
    #expect(try bench.run(row.source).joined(separator: "|") == row.expected)
    bench.finish()
  }

  /// What Swift pushes is asked of the cap; the session works on afterwards.
  @Test(arguments: [
    ScriptCase("a long list", "fake.integers(t)", ""),
    ScriptCase("a copy of tables", "fake.tree(t)", ""),
    ScriptCase("a long text", "fake.string(s)", ""),
    ScriptCase(
      "a replacement without end", "s:sub(1, 2000):gsub('.-', ('x'):rep(20000))", ""),
  ])
  func resultsStayBelowTheCap(_ row: ScriptCase) throws {
    let bench = try Bench()
    try bench.run("s = ('x'):rep(3 << 20) t = {} for i = 1, 200000 do t[i] = i end")
    bench.state.setMemoryLimit(bench.state.memory.bytes + (2 << 20))
    let error = try bench.failure("result = {\(row.source)}")
    #expect(error.kind == .memory)
    #expect(error.message.contains("not enough memory"))
    #expect(try bench.run("s, t, result = nil return #('x'):rep(1 << 20)") == ["1048576"])
    bench.state.setMemoryLimit(nil)
    bench.finish()
  }

  /// A border that a few elements far apart make is no length.
  @Test func aListWithHolesIsRefused() throws {
    let bench = try Bench()
    let holes =
      "local t = {} for i = 0, 62 do t[1 << i] = 1 end t[math.maxinteger], t[5], t[9] = 1, 1, 1 "
    let error = try bench.failure(holes + "fake.integers(t)")
    #expect(error.message.contains("got nil at [3]"))
    let table = try #require(try bench.state.run(holes + "return t", chunkName: "=t").first?.table)
    #expect {
      try table.array()
    } throws: {
      "\($0)".hasPrefix("the list has no element [3] of ")
    }
    bench.finish()
  }
}
