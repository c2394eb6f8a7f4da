import Testing

@testable import LuaBindings

/// int64 from Lua: no number on the way through float64.
@Suite struct IntegerTensorTests {
  /// An expression over `b`, 2⁵³ + 1, and `t`, `{b, 2}`; and what `print` shows.
  static let rows: [(String, String)] = [
    ("t", "9007199254740993                 2\nint64 [2]"),
    ("tostring(t)", "tensor int64 [2]: 9007199254740993, 2"),
    ("t[1]", "9007199254740993\nint64 [], view"),
    ("t:to_table()[1]", "9007199254740993"),
    ("tensor.full({1}, b, {dtype = 'int64'}):item()", "9007199254740993"),
    ("t:pad(1, 1, 0, {value = b})[1]:item()", "9007199254740993"),
    ("(t + b)[1]:item(), (b + t)[2]:item()", "18014398509481986\t9007199254740995"),
    ("(t - b)[1]:item(), (b - t)[1]:item(), (t * 1)[1]:item()", "0\t0\t9007199254740993"),
    ("(t // 1)[1]:item(), (t % b)[1]:item(), (b % t)[2]:item()", "9007199254740993\t0\t1"),
    ("(t ^ 1)[1]:item(), (2 ^ t)[2]:item(), (t ^ 2):dtype()", "9007199254740993\t4\tint64"),
    ("(-t)[1]:item()", "-9007199254740993"),
    ("t:eq(b)[1]:item(), t:eq(b - 1)[1]:item(), t:gt(b - 1)[1]:item()", "1\t0\t1"),
    ("tensor.from({16777217}, {dtype = 'int64'}):lt(16777216.5):item()", "0"),
    ("t:minimum(b)[1]:item(), t:maximum(b)[2]:item()", "9007199254740993\t9007199254740993"),
    ("t:clamp(3, b)[1]:item(), t:clamp(3)[2]:item()", "9007199254740993\t3"),
    ("t:where(t:lt(0), b)[2]:item()", "9007199254740993"),
    (
      "t:sum():item(), t:max():item(), t:cumsum()[2]:item()",
      "9007199254740995\t9007199254740993\t9007199254740995"
    ),
    ("(tensor.from({b, b - 1}, {dtype = 'int64'}):sort())[1]:item()", "9007199254740992"),
    ("tensor.arange(b, b + 4, 2, {dtype = 'int64'})[3]:item()", "9007199254740997"),
    ("tensor.arange(b, b - 2, -2, {dtype = 'int64'})[2]:item()", "9007199254740991"),
    (
      "tensor.arange(math.mininteger, math.mininteger + 1, {dtype = 'int64'})[2]:item()",
      "-9223372036854775807"
    ),
    (
      "tensor.arange(math.mininteger, math.maxinteger, 1 << 62, {dtype = 'int64'})[4]:item()",
      "4611686018427387904"
    ),
    ("tensor.from({most}, {dtype = 'int64'}):eq(2^63):item()", "0"),
    ("tensor.from({most}, {dtype = 'int64'}):lt(2^63):item()", "1"),
    ("tensor.from({least}, {dtype = 'int64'}):ge(-2^63):item()", "1"),
    (
      "table.concat(tensor.from({2^63, 2^53, 0/0, -1/0}, {dtype = 'float64'})"
        + ":gt(tensor.from({most, b, 0, least}, {dtype = 'int64'})):to_table(), ' ')", "1 0 0 0"
    ),
    (
      "table.concat(tensor.from({{1, 2}, {3, 4}}, {dtype = 'int64'}):transpose()"
        + ":le(tensor.from{2.5, 1.5}):reshape{-1}:to_table(), ' ')", "1 0 1 0"
    ),
    ("tensor.linspace(least, most, 2, {dtype = 'int64'})[2]:item()", "9223372036854775807"),
    ("tensor.linspace(b, b + 4, 3, {dtype = 'int64'})[2]:item()", "9007199254740995"),
    ("tensor.linspace(3, -3, 3, {dtype = 'int64'}):sum():item()", "0"),
    (
      "#tensor.linspace(3, 4, 0, {dtype = 'int64'}), #tensor.linspace(3, 4, 1, {dtype = 'int64'})",
      "0\t1"
    ),
    ("(tensor.from({least, -7}, {dtype = 'int64'}) // -1)[1]:item()", "-9223372036854775808"),
    (
      "(tensor.from({-7}, {dtype = 'int64'}) // 2):item(), "
        + "(tensor.from({-7}, {dtype = 'int64'}) % 2):item()", "-4\t1"
    ),
    (
      "(function() local u = t:clone() u[2] = b u[1] = b - 2 return u end)()",
      "9007199254740991  9007199254740993\nint64 [2]"
    ),
    ("tensor.from(t, {dtype = 'int64'})[1]:item()", "9007199254740993"),
    (
      "tensor.cat{t, t}[3]:item(), t:reshape{2, 1}[1][1]:item()",
      "9007199254740993\t9007199254740993"
    ),
    ("json.encode(t:to_table())", "[9007199254740993,2]"),
  ]

  @Test(arguments: rows.indices) func isExact(index: Int) throws {
    let (source, output) = Self.rows[index]
    let start =
      "local least, most = math.mininteger, math.maxinteger local b = 9007199254740993 local t = tensor.from({b, 2}, {dtype = 'int64'}) "
    #expect(try Script().run(start + "print(\(source))") == output + "\n", "\(source)")
  }

  @Test func largeTensorsShowExactExtremes() throws {
    let text = try Script().run(
      "local t = tensor.arange(1, 2000, 1, {dtype = 'int64'}) + 9007199254740991 print(t)")
    #expect(text.contains("min 9007199254740992  max 9007199254742991  mean "))
  }
}
