import Testing

@testable import LuaBindings

/// A script and what it prints.
struct OutputCase: CustomTestStringConvertible, Sendable {
  var id: String
  var source: String
  var output: String
  var testDescription: String { id }

  init(_ id: String, _ source: String, _ output: String) {
    self.id = id
    self.source = source
    self.output = output
  }
}

@Suite struct TensorTests {
  static let arithmetic = [
    OutputCase(
      "numbers on both sides",
      """
      local t = tensor.from{1, 2, 4}
      print(t + 1, 1 + t, t - 1, 1 - t)
      print(t * 2, 2 * t, t / 2, 8 / t)
      print(t ^ 2, 2 ^ t, -t, t // 2, t % 3, 7 // t, 7 % t)
      """,
      """
      tensor float32 [3]: 2, 3, 5	tensor float32 [3]: 2, 3, 5	tensor float32 [3]: 0, 1, 3	\
      tensor float32 [3]: 0, -1, -3
      tensor float32 [3]: 2, 4, 8	tensor float32 [3]: 2, 4, 8	tensor float32 [3]: 0.5, 1, 2	\
      tensor float32 [3]: 8, 4, 2
      tensor float32 [3]: 1, 4, 16	tensor float32 [3]: 2, 4, 16	tensor float32 [3]: -1, -2, -4	\
      tensor float32 [3]: 0, 1, 2	tensor float32 [3]: 1, 2, 1	tensor float32 [3]: 7, 3, 1	\
      tensor float32 [3]: 0, 1, 3

      """),
    OutputCase(
      "whole numbers stay whole",
      """
      local t = tensor.from({7, -7}, {dtype = "int64"})
      print((t // 2):dtype(), (t // 2)[2]:item(), (t % 3)[2]:item(), (t + 1):dtype(), (t * 0.5):dtype())
      """, "int64\t-4\t2\tint64\tfloat32\n"),
    OutputCase(
      "equality is identity",
      """
      local t = tensor.ones{2, 2}
      print(t == t, t == t:clone(), t[1] == t[1], t[1] == t[2], t == 1)
      """, "true\tfalse\ttrue\tfalse\tfalse\n"),
    OutputCase(
      "float64 stays", "print((tensor.ones({2}, {dtype = 'float64'}) * 2):dtype())", "float64\n"),
  ]

  static let slices = [
    OutputCase(
      "views share storage",
      """
      local t = tensor.zeros{2, 3}
      t[1][2] = 5
      t[2] = {1, 2, 3}
      t[{ {1, 2}, -1 }] = 9
      local row = t[2]
      row[1] = 7
      print(table.concat(t:flatten():to_table(), " "))
      """, "0.0 5.0 9.0 7.0 2.0 9.0\n"),
    OutputCase(
      "ranges",
      """
      local t = tensor.arange(1, 24):reshape{2, 3, 4}
      print(table.concat(t[{ 2, {2, 3} }]:shape(), " "), table.concat(t[{ {}, 1 }]:shape(), " "),
        t[{ -1, -1, -1 }]:item(), #t[{ {1, 0} }], t[{ {}, {-2, -1}, 1 }]:sum():item())
      """, "2 4\t2 4\t24.0\t0\t52.0\n"),
    OutputCase(
      "a tensor of indices",
      "print(tensor.from{5, 6, 7}[tensor.from({3, 1}, {dtype = 'int64'})])", "7  5\nfloat32 [2]\n"),
    OutputCase(
      "no_grad lets leaves change",
      """
      local w = tensor.ones{2}:requires_grad_(true)
      tensor.no_grad(function() w[1] = 3 end)
      print(w:sum():item(), w.requires_grad)
      """, "4.0\ttrue\n"),
  ]

  static let gradients = [
    OutputCase(
      "backward adds up, grad does not",
      """
      local x = tensor.from{1, 2}:requires_grad_(true)
      x:square():sum():backward()
      x:square():sum():backward()
      local g = tensor.grad(x:square():sum(), x)[1]
      print(x.grad, g)
      x.grad = nil
      print(x.grad)
      """, "tensor float32 [2]: 4, 8\ttensor float32 [2]: 2, 4\nnil\n"),
    OutputCase(
      "recording goes on after an error",
      """
      local x = tensor.ones{1}:requires_grad_(true)
      pcall(tensor.no_grad, function() error("x") end)
      pcall(function() local _ <close> = tensor.no_grad(); error("x") end)
      do local _ <close> = tensor.no_grad(); io.write(tostring((x * 2).requires_grad), " ") end
      print((x * 2).requires_grad)
      """, "false true\n"),
    OutputCase(
      "no_grad passes results on", "print(tensor.no_grad(function() return 1, nil, 3 end))",
      "1\tnil\t3\n"),
    OutputCase(
      "scope keeps what is returned",
      """
      local a, b = tensor.scope(function() local t = tensor.ones{2}; return t * 2, {t * 3} end)
      print(a, b[1])
      """, "tensor float32 [2]: 2, 2\ttensor float32 [2]: 3, 3\n"),
    OutputCase(
      "seeds of backward",
      """
      local x = tensor.from{1, 2}:requires_grad_(true)
      local y = x * x
      y:backward(tensor.from{1, 10}, {retain_graph = true})
      y:backward(tensor.from{1, 0})
      print(x.grad)
      """, " 4  40\nfloat32 [2]\n"),
  ]

  static let randomness = [
    OutputCase(
      "draws go on; a seed starts anew",
      """
      random.seed(5)
      local a, b = tensor.rand{2}, tensor.rand{2}
      random.seed(5)
      local both = tensor.rand{4}
      print(a[1]:item() == both[1]:item(), b[2]:item() == both[4]:item(), a[1]:item() == b[1]:item())
      print(tensor.rand({2}, {seed = 5})[1]:item() == a[1]:item())
      """, "true\ttrue\tfalse\ntrue\n"),
    OutputCase(
      "the first numbers of seed 0",
      """
      for _, t in ipairs{tensor.rand({3}, {seed = 0}), tensor.randn({2}, {seed = 0})} do
        for i = 1, #t do io.write(string.format("%.6f ", t[i]:item())) end
      end
      """, "0.309314 0.667163 0.968524 -0.427829 2.410971 "),
    OutputCase(
      "permutations hold every number",
      """
      local p = random.generator(2):permutation(50):sort()
      print(p:eq(tensor.arange(1, 50, {dtype = "int64"})):min():item())
      local g = random.generator(2)
      local lo, hi = 9, 0
      for i = 1, 200 do local n = g:integers(3, 5); lo = math.min(lo, n); hi = math.max(hi, n) end
      print(lo, hi, g:integers(-2, -2))
      """, "1\n3\t5\t-2\n"),
  ]

  static let values = [
    OutputCase(
      "to_table and back",
      """
      local t = tensor.from{{{1, 2}}, {{3, 4}}}
      local u = tensor.from(t:to_table())
      print(t:eq(u):min():item(), #t:to_table(), tensor.from(2.5):to_table(), #tensor.zeros{0}:to_table())
      """, "1\t2\t2.5\t0\n"),
    OutputCase(
      "indices count from 1",
      """
      local t = tensor.from{{3, 9, 2}, {8, 1, 7}}
      local v, i = t:max(2)
      print(i, t:argmax(), t:argmin{axis = 1}, select(2, t:sort(2))[1], select(2, t:topk(1)))
      print(t:index_select(2, {3, 1})[1], t:gather(2, {{2}, {1}}), t:narrow(2, 2, 2)[2])
      """,
      """
      tensor int64 [2]: 2, 1	tensor int64 []: 2	tensor int64 [3]: 1, 2, 1	\
      tensor int64 [3]: 3, 1, 2	tensor int64 [2, 1]: 2, 1
      tensor float32 [2]: 2, 3	tensor float32 [2, 1]: 9, 8	tensor float32 [2]: 1, 7

      """),
    OutputCase(
      "keepdim",
      """
      local t = tensor.ones{2, 3}
      local function shape(x) return table.concat(x:shape(), ",") end
      print(shape(t:sum{axis = 2, keepdim = true}), shape(t:mean{axis = {1, 2}, keepdim = true}),
        shape(t:max{axis = -1, keepdim = true}), shape(t:min{keepdim = true}), shape(t:var(1)))
      """, "2,1\t1,1\t2,1\t1,1\t3\n"),
    OutputCase(
      "JSON there and back",
      """
      local value = json.decode('{"a": [1, 2.5, null, {"b": true}], "c": "\\\\u00e9\\\\n"}')
      print(value.a[3] == json.null, value.c, json.encode(value))
      print(json.encode({}), json.encode(json.decode('{"a": [], "b": {}, "c": [[]]}')))
      print(json.encode({x = json.decode("[]")}), #json.decode("[]"))
      print(json.encode({x = {1, {y = 2}}}, {indent = 2}))
      print(math.type(json.decode("9007199254740993")), json.encode(tensor.eye(2)))
      """,
      """
      true	é
      	{"a":[1,2.5,null,{"b":true}],"c":"é\\n"}
      {}	{"a":[],"b":{},"c":[[]]}
      {"x":[]}	0
      {
        "x": [
          1,
          {
            "y": 2
          }
        ]
      }
      integer	[[1.0,0.0],[0.0,1.0]]

      """),
  ]

  @Test(arguments: arithmetic + slices + gradients + randomness + values)
  func output(_ row: OutputCase) throws {
    let output = try Script().run(row.source)
    #expect(output == row.output)
  }
}
