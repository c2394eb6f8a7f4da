import Testing

@testable import LuaHost

/// The polling pattern functions against Lua's own, and the choice between the two.
@Suite struct PatternTests {
  static let catalog = Catalog(libraries: [
    Library("slow", doc: "", entries: PatternFunctions.entries)
  ])

  /// Compares every function on one subject and pattern; gives the first difference.
  static let comparison = """
    local function show(ok, ...)
      if not ok then return "error: " .. tostring((...)):gsub("^.-:%d+: ", "") end
      local t = table.pack(...)
      for i = 1, t.n do t[i] = math.type(t[i]) == "integer" and t[i] or "'" .. tostring(t[i]) .. "'" end
      return table.concat(t, " ")
    end
    local function all(lib, s, p)
      local list = {}
      for a, b in lib.gmatch(s, p) do
        list[#list + 1] = tostring(a) .. "," .. tostring(b)
        if #list > 50 then break end
      end
      return table.concat(list, ";")
    end
    function compare(s, p)
      local cases = {
        {"find", s, p}, {"find", s, p, 2}, {"find", s, p, -1}, {"match", s, p}, {"match", s, p, 3},
        {"gsub", s, p, "<%0>"}, {"gsub", s, p, "%1x", 2}, {"gsub", s, p, {a = "A", b = false}},
        {"gsub", s, p, function(a, b) return b or a == "a" and 7 or nil end},
      }
      for _, case in ipairs(cases) do
        local name = case[1]
        local a = show(pcall(string[name], table.unpack(case, 2)))
        local b = show(pcall(slow[name], table.unpack(case, 2)))
        if a ~= b then return ("%s(%q, %q): %s, not %s"):format(name, s, p, b, a) end
      end
      local a, b = show(pcall(all, string, s, p)), show(pcall(all, slow, s, p))
      if a ~= b then return ("gmatch(%q, %q): %s, not %s"):format(s, p, b, a) end
      return "same"
    end
    """

  static let cases: [(String, String)] = [
    ("hello world", "o"), ("hello world", "^h"), ("hello world", "d$"), ("a.b", "%."),
    ("key = value", "^(%w+)%s*=%s*(%w+)$"), ("f(a(b)c)d", "%b()"), ("THE (quick) fox", "%f[%a]%a+"),
    ("aXb", "%u"), ("abc", "()b()"), ("abab", "(ab)%1"), ("", ""), ("", ".-"), ("abc", ""),
    ("x^y", "[%^x]"), ("a-b", "[a%-]+"), ("]]", "[]]"), ("ab]", "[^]]"), ("a\0b", "%z"),
    ("a\0b", "a\0b"), ("abc", "[a-"), ("abc", "%"), ("abc", "[%"), ("abc", "(a"), ("abc", "a)"),
    ("abc", "%1"), ("abc", "(a)%2"), ("abc", "%b"), ("abc", "%bx"), ("abc", "%f"), ("abc", "%f[a]"),
    ("abc", "[]"), ("abc", "[^]"), ("aaa", "a-"), ("aaa", "a-$"), ("aaa", "^a-$"), ("aab", "a?b"),
    ("aaab", "a*ab"), ("\u{e4}\u{f6}", "%a+"), ("a,b,,c", "([^,]*)"), ("  trim  ", "^%s*(.-)%s*$"),
    ("^a", "^^a"), ("a$b", "a$b"), ("$", "%$"), ("a", "(()a())"),
    ("abc", "((a)(b)(c))"), (String(repeating: "a", count: 300), "a?a?a?aaa"),
    ("abc", String(repeating: "(a", count: 33)), ("abc", "[a-c-]+"), ("9-3", "[%d-]+"),
    ("abc", "[c-a]"), ("a%b", "%%"), ("x=1, y=2", "(%w)=(%w)"),
  ]

  @Test func fixedCasesAgree() throws {
    let state = try LuaState(catalog: Self.catalog)
    try state.run(Self.comparison, chunkName: "=t")
    let compare = try #require(try state.global("compare").function)
    for (subject, pattern) in Self.cases {
      let result = try compare.first([subject, pattern]).string
      #expect(result == "same")
    }
    state.close()
  }

  @Test func randomCasesAgree() throws {
    let state = try LuaState(catalog: Self.catalog)
    try state.run(Self.comparison, chunkName: "=t")
    let compare = try #require(try state.global("compare").function)
    let pieces = [
      "a", "b", ".", "%a", "%d", "[ab]", "[^a]", "[a-", "]", "*", "+", "-", "?", "(", ")", "()",
      "%1",
      "%b()", "%f[a]", "^", "$", "%", "%2", "[%a]", "1",
    ]
    var seed: UInt64 = 20_240_429
    func next(_ limit: Int) -> Int {
      seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int((seed >> 33) % UInt64(limit))
    }
    for _ in 0..<3000 {
      let pattern = (0..<next(7)).map { _ in pieces[next(pieces.count)] }.joined()
      let subject = (0..<next(9)).map { _ in ["a", "b", "1", "(", ")"][next(5)] }.joined()
      let result = try compare.first([subject, pattern]).string
      #expect(result == "same", "seed 20240429")
    }
    state.close()
  }

  @Test func longOnesGiveTheSame() throws {
    let state = try LuaState(catalog: Self.catalog)
    let text = try state.run(
      """
      local s = ("key=value "):rep(20000)
      local n = 0
      for k, v in s:gmatch("(%w+)=(%w+)") do n = n + 1 assert(k == "key" and v == "value") end
      local replaced, count = s:gsub("%s+", "")
      return n, count, #replaced, (s:find("e%s*$")), s:match("^(%w+)=")
      """, chunkName: "=t")
    #expect(try text.map { try state.text($0) } == ["20000", "20000", "180000", "199999", "key"])
    state.close()
  }
}
