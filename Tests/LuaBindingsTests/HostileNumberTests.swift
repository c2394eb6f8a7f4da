import Testing

@testable import LuaBindings

/// Numbers that do not fit, in the places where sizes, counts, steps and labels are expected: each is a
/// clear error or the right value, and the process goes on.
@Suite struct HostileNumberTests {
  static let setUp = """
    local least, most = math.mininteger, math.maxinteger
    local x = tensor.full({2, 3, 4, 4}, 0.5)
    local function classify(z) return z:mean{axis = {3, 4}} end
    local function attacked(name, options)
      options.eps, options.steps, options.probes = "1/255", 1, false
      return attack[name](classify, x, {1, 1}, options)
    end

    """

  static let rows: [(source: String, output: String)] = [
    (
      "return tensor.zeros{3}[{ {least, 5} }]",
      "index: there is no index -9223372036854775808 in 1 … 3 (indices count from 1; -1 is the last)"
    ),
    (
      "tensor.zeros{3}[{ {5, least} }] = 1",
      "index: there is no index 5 in 1 … 3 (indices count from 1; -1 is the last)"
    ),
    (
      "return tensor.zeros{3}[{ {most, most - 1} }]",
      "index: there is no index 9223372036854775807 in 1 … 3 (indices count from 1; -1 is the last)"
    ),
    (
      "tensor.arange(1, 0, 1e-30)",
      "tensor.arange: steps of 1e-30 lead away from 0, starting at 1 (the sign of the step is the direction)"
    ),
    (
      "tensor.arange(1, -1e308)",
      "tensor.arange: steps of 1 lead away from -1e+308, starting at 1 (the sign of the step is the direction)"
    ),
    (
      "tensor.arange(1e308, 2, 1)",
      "tensor.arange: steps of 1 lead away from 2, starting at 1e+308 (the sign of the step is the direction)"
    ),
    ("tensor.arange(0, 1, 1 / 0)", "tensor.arange: steps of inf do not lead from 0 to 1"),
    (
      "tensor.arange(1, 2, 0.5, {dtype = 'int64'})",
      "tensor.arange: 1.5 is not an integer, the tensor is int64"
    ),
    (
      "tensor.linspace(0, 1, 3, {dtype = 'int64'})",
      "tensor.linspace: the step 0.5 is not an integer, the tensor is int64"
    ),
    (
      "tensor.linspace(0.5, 2.5, 3, {dtype = 'int64'})",
      "tensor.linspace: 0.5 is not an integer, the tensor is int64"
    ),
    (
      "tensor.linspace(0, 1 / 0, 3)",
      "tensor.linspace: there are no equal distances from 0 to inf"
    ),
    (
      "return table.concat(tensor.linspace(-1e308, 1e308, 3, {dtype = 'float64'}):to_table(), ' ')",
      "-1e+308 0.0 1e+308"
    ),
    (
      "local g = random.generator(1):integers(least, most, {64}) return g:gt(0):sum():item() > 9",
      "true"
    ),
    (
      "tensor.zeros{4}:reshape{-1, -1}",
      "reshape: [-1, -1] is no shape (sizes are 0 or more, one may be -1)"
    ),
    (
      "tensor.zeros{4}:reshape{-2, 2, -1}",
      "reshape: [-2, 2, -1] is no shape (sizes are 0 or more, one may be -1)"
    ),
    ("tensor.zeros{4}:clamp(0 / 0, 1)", "clamp: the low bound is nan (nil is no bound)"),
    (
      "tensor.kl_div(tensor.from{{-0.5, 1.5}}, tensor.from{{0.5, 0.5}}, {logits = false})",
      "tensor.kl_div: p holds -0.5, which is no probability (leave logits = false out for logits, or take "
        + "their softmax first)"
    ),
    (
      "tensor.kl_div(tensor.from{{0.5, 0.5}}, tensor.from{{0.5, 0.75}}, {logits = false})",
      "tensor.kl_div: row 1 of q adds up to 1.25, not to 1 (leave logits = false out for logits, or take "
        + "their softmax first)"
    ),
    (
      "image.save(os.tmpname() .. '.png', tensor.zeros{3, 1, 2000000})",
      "image.save: an image of 2000000 x 1 pixels has a side of more than 1000000 pixels"
    ),
    (
      "plot.line{x = {1, 2}, y = {1e308, -1e308}, path = os.tmpname() .. '.png'}",
      "plot.line: series 1 holds 1e+308, larger than 1e+307, which no axis can show (divide the numbers first)"
    ),
    (
      "eval.robustness{model = classify, data = data.from(tensor.zeros{0, 3, 4, 4}, {})}",
      "eval.robustness: there is no sample to evaluate in memory"
    ),
    (
      "local t = tensor.zeros{2} t:release() print(t)",
      "print: argument 1 was released (it was freed by release, close or scope)"
    ),
    ("return #tensor.arange(3, 2), #tensor.arange(3, 1, -1)", "0\t3"),
    (
      "tensor.arange(1, 1 << 38)",
      "tensor.arange: not enough memory for 2.0 TB: tensors hold N (release tensors, or raise the cap with --memory)"
    ),
    (
      "tensor.linspace(0, 1, 1 << 38)",
      "tensor.linspace: not enough memory for 2.0 TB: tensors hold N (release tensors, or raise the cap with --memory)"
    ),
    (
      "random.generator(1):permutation(1 << 38)",
      "permutation: not enough memory for 2.0 TB: tensors hold N (release tensors, or raise the cap with --memory)"
    ),
    (
      "random.generator(1):integers(1, 6, {1 << 38})",
      "integers: not enough memory for 2.0 TB: tensors hold N (release tensors, or raise the cap with --memory)"
    ),
    (
      "tensor.ones{1}:expand{1 << 40}:to_table()",
      "to_table: not enough memory for 16.0 TB (make it smaller, or raise the cap with --memory)"
    ),
    (
      "tensor.ones{1}:expand{1 << 40}:split(1)",
      "split: not enough memory for 520.0 TB (make it smaller, or raise the cap with --memory)"
    ),
    ("return #tensor.ones{5}:split(most), #tensor.ones{5}:split(2)", "1\t3"),
    (
      "image.grid(tensor.zeros{1 << 40, 3, 0, 4})",
      "image.grid: not enough memory for 24.0 TB (make it smaller, or raise the cap with --memory)"
    ),
    (
      "image.show(tensor.full({1, 3, 1, 1}, 0.5):expand{1 << 36, 3, 8, 8})",
      "image.show: not enough memory for 3.0 TB (make it smaller, or raise the cap with --memory)"
    ),
    (
      "image.resize(tensor.full({1, 3, 1, 1}, 0.5):expand{1 << 38, 3, 8, 8}, 2)",
      "image.resize: not enough memory for 2.0 TB (make it smaller, or raise the cap with --memory)"
    ),
    (
      "clip.decode(tensor.zeros({1 << 40, 0}, {dtype = 'int64'}))",
      "clip.decode: not enough memory for 16.0 TB (make it smaller, or raise the cap with --memory)"
    ),
    (
      "local n = 0 for b in data.from(x, {1, 1}):batches(most) do n = n + #b end return n",
      "2"
    ),
    (
      "local n = 0 for b in data.from(x, {1, 1}):batches(most, {drop_last = true}) do n = n + #b end return n",
      "0"
    ),
    (
      "data.from(x, {1, 1 << 40})",
      "data.from: label 1099511627776 would make more than 1000000 classes (labels number the classes without gaps)"
    ),
    (
      "data.from(x, {most, 1})",
      "data.from: label 9223372036854775807 would make more than 1000000 classes (labels number the classes without gaps)"
    ),
    ("return #data.from(x, {1, 1000}).class_names", "1000"),
    (
      "attacked('pgd', {momentum = least})",
      "attack.pgd: momentum is -9223372036854775808, below 0"
    ),
    (
      "attacked('difgsm', {diversity = least})",
      "attack.difgsm: diversity is -9.223372036854776e+18, outside 0 … 1"
    ),
    (
      "text.edits(('x'):rep(200000), {kind = 'insert'})",
      "text.edits: not enough memory for N (make it smaller, or raise the cap with --memory)"
    ),
    ("return #text.edits(('x'):rep(300), {kind = 'delete'})", "1"),
    (
      "return #image.grid(x, {title = ('x '):rep(1000000), captions = {('y'):rep(1000000), 'z'}})",
      "3"
    ),
    (
      "plot.line{y = {1e308, -1e308}}",
      "series 1 █▁ 1e308 → -1e308"
    ),
    ("plot.line{y = {1e308, 1e308, -1e308, 0/0, 1/0}}", "series 1 ██▁   1e308 → -"),
    ("local _ = tensor.ones{1}[('x'):rep(1000000)]", "CUT"),
  ]

  @Test(arguments: rows.indices) func theProcessGoesOn(index: Int) throws {
    let row = Self.rows[index]
    let script = try Script()
    var output = try script.run(
      Self.setUp
        + """
        local function work(...) \(row.source) end
        local found = table.pack(pcall(work))
        for i = 1, found.n do found[i] = tostring(found[i]):gsub("^example:%d+: ", "") end
        if found.n > 1 then print(table.concat(found, "\\t", 2, found.n)) end
        """)
    output = output.replacing(/hold [0-9.]+ [a-zA-Z]+/, with: "hold N")
    if row.output.contains("for N ") {
      output = output.replacing(/memory for [0-9.]+ [A-Z]+/, with: "memory for N")
    }
    if row.output == "CUT" {
      #expect(output.count < 200 && output.contains("xxx…"))
    } else {
      #expect(output.replacing(/\s+$/, with: "") == row.output)
    }
  }
}
