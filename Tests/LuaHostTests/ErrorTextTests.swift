import LuaHost
import Testing

/// Call and exact message, without the place in front.
@Suite struct ErrorTextTests {
  static let cases = [
    ScriptCase(
      "unknown option names the nearest", "fake.attack(b, {step = 1})",
      "fake.attack: unknown option 'step' (did you mean 'steps'?)"),
    ScriptCase(
      "unknown option far from all", "fake.attack(b, {zebra = 1})",
      "fake.attack: unknown option 'zebra'"),
    ScriptCase(
      "unknown nested option", "fake.attack(b, {inner = {le = 1}})",
      "fake.attack: unknown option 'le' (did you mean 'lr'?)"),
    ScriptCase(
      "option key that is no name", "fake.attack(b, {5})",
      "fake.attack: options have names, got number key [1]"),
    ScriptCase(
      "levels given as a budget", "fake.attack(b, {eps = 8})",
      "fake.attack: eps is 8, outside 0 … 1 (for 8 of 255 levels write eps = \"8/255\")"),
    ScriptCase(
      "negative budget", "fake.attack(b, {eps = -0.5})",
      "fake.attack: eps is -0.5, below 0 or not finite"),
    ScriptCase(
      "fraction above the limit", "fake.attack(b, {eps = '300/255'})",
      "fake.attack: eps is 1.1764705882352942, outside 0 … 1"),
    ScriptCase(
      "text that is no fraction", "fake.attack(b, {eps = 'much'})",
      "fake.attack: option 'eps' must be a number or a fraction such as \"8/255\", got \"much\""),
    ScriptCase(
      "choice", "fake.attack(b, {norm = 'linff'})",
      "fake.attack: option 'norm' must be one of \"linf\", \"l2\", got \"linff\""
        + " (did you mean 'linf'?)"),
    ScriptCase(
      "integer option with a fraction", "fake.attack(b, {steps = 3.5})",
      "fake.attack: option 'steps' must be an integer, got 3.5"),
    ScriptCase(
      "integer option from a string", "fake.attack(b, {steps = '3'})",
      "fake.attack: option 'steps' must be an integer, got \"3\""),
    ScriptCase(
      "integer option out of range", "fake.attack(b, {steps = 0})",
      "fake.attack: steps is 0, outside 1 … 1000"),
    ScriptCase(
      "nested number out of range", "fake.attack(b, {inner = {lr = 2}})",
      "fake.attack: inner.lr is 2, outside 0 … 1"),
    ScriptCase(
      "NaN is in no range", "fake.attack(b, {inner = {lr = 0/0}})",
      "fake.attack: inner.lr is nan, outside 0 … 1"),
    ScriptCase(
      "boolean option", "fake.attack(b, {restart = 1})",
      "fake.attack: option 'restart' must be true or false, got 1"),
    ScriptCase(
      "function option", "fake.attack(b, {loss = 'ce'})",
      "fake.attack: option 'loss' must be a function, got string"),
    ScriptCase(
      "handle option of another type", "fake.attack(b, {source = fake.other()})",
      "fake.attack: option 'source' must be a blob, got other"),
    ScriptCase(
      "list option", "fake.attack(b, {size = {1, 'x'}})",
      "fake.attack: option 'size' must be a list of integers, got string at [2]"),
    ScriptCase(
      "invalid UTF-8 in a list option", "fake.attack(b, {names = {'x', '\\xff'}})",
      "fake.attack: option 'names' must be a list of strings, got string at [2] that is not valid UTF-8"
    ),
    ScriptCase(
      "options that are no table", "fake.attack(b, 3)",
      "bad argument #2 to 'attack' (table expected, got number)"),
    ScriptCase(
      "missing argument", "fake.attack()",
      "bad argument #1 to 'attack' (blob expected, got no value)"),
    ScriptCase(
      "nil argument", "fake.attack(nil)", "bad argument #1 to 'attack' (blob expected, got nil)"),
    ScriptCase(
      "method does not count self", "b:join(fake.other())",
      "bad argument #1 to 'join' (blob expected, got other)"),
    ScriptCase(
      "method without self", "b.join(3, b)",
      "calling 'join' on bad self (blob expected, got number)"),
    ScriptCase(
      "operator", "return b + 1", "bad argument #2 to '+' (blob expected, got number)"),
    ScriptCase(
      "float that is no integer", "fake.integer(3.5)",
      "bad argument #1 to 'integer' (number has no integer representation)"),
    ScriptCase(
      "string is no integer", "fake.integer('3')",
      "bad argument #1 to 'integer' (integer expected, got string)"),
    ScriptCase(
      "infinity is no integer", "fake.integer(1/0)",
      "bad argument #1 to 'integer' (number has no integer representation)"),
    ScriptCase(
      "number is no boolean", "fake.boolean(1)",
      "bad argument #1 to 'boolean' (boolean expected, got number)"),
    ScriptCase(
      "number is no string", "fake.string(1)",
      "bad argument #1 to 'string' (string expected, got number)"),
    ScriptCase(
      "invalid UTF-8", "fake.string('\\xff')",
      "bad argument #1 to 'string' (string is not valid UTF-8)"),
    ScriptCase(
      "hole in a list", "fake.integers({1, 2.5})",
      "bad argument #1 to 'integers' (table of integers expected, got number at [2])"),
    ScriptCase(
      "invalid UTF-8 in a list", "fake.strings({'a', '\\xff'})",
      "bad argument #1 to 'strings' (table of strings expected, got string at [2] that is not valid UTF-8)"
    ),
    ScriptCase(
      "strings", "fake.strings({'a', false})",
      "bad argument #1 to 'strings' (table of strings expected, got boolean at [2])"),
    ScriptCase(
      "axis 0", "fake.axis(0)",
      "fake.axis: there is no axis 0 in [2, 3] (axes count from 1; -1 is the last)"),
    ScriptCase(
      "axis too far back", "fake.axis(-3)",
      "fake.axis: there is no axis -3 in [2, 3] (axes count from 1; -1 is the last)"),
    ScriptCase(
      "label 0", "fake.label({1, 10, 0})",
      "fake.label: labels[3] is 0, classes are 1 … 10 (labels count from 1)"),
    ScriptCase(
      "index 0", "return b[0]",
      "blob: there is no index 0 in 1 … 3 (indices count from 1; -1 is the last)"),
    ScriptCase(
      "unknown field", "return b.labl",
      "blob: there is no field or method 'labl' (did you mean 'label'?)"),
    ScriptCase("field that cannot be set", "b.fixed = 1", "blob: the field 'fixed' cannot be set"),
    ScriptCase(
      "field of a wrong type", "b.label = 3",
      "bad argument #1 to 'label' (string expected, got number)"),
    ScriptCase("element that cannot be set", "b[1] = 1", "blob: its elements cannot be set"),
    ScriptCase(
      "advice", "fake.fail('x')", "fake.fail: inner sizes differ (transpose one of them?)"),
    ScriptCase(
      "released receiver", "b:release() b:size()",
      "size: this blob was released (it was freed by release, close or scope)"),
    ScriptCase(
      "released argument", "local c = fake.blob(1) c:release() b:join(c)",
      "join: argument 1 was released (it was freed by release, close or scope)"),
    ScriptCase(
      "ragged lists", "fake.nested({{1, 2}, {3}})",
      "bad argument #1 to 'nested' (value[2] has 1 elements, others have 2)"),
    ScriptCase(
      "word in a nested list", "fake.nested({{1, 2}, {3, 'x'}})",
      "bad argument #1 to 'nested' (value[2][2] must be a number, got string)"),
    ScriptCase(
      "number beside a list", "fake.nested({{1, 2}, 3})",
      "bad argument #1 to 'nested' (value[2] must be a list of 2, got number)"),
    ScriptCase(
      "cycle", "local t = {} t.t = t fake.tree(t)", "fake.tree: the table contains itself"),
    ScriptCase(
      "deep table", "local t = {} for i = 1, 200000 do t = {t} end fake.tree(t)",
      "fake.tree: the table is nested too deeply"),
    ScriptCase(
      "deep numbers", "local t = 1 for i = 1, 200000 do t = {t} end fake.nested(t)",
      "bad argument #1 to 'nested' (table is nested too deeply)"),
    ScriptCase(
      "yield across a host function",
      "error(select(2, coroutine.resume(coroutine.create(function() "
        + "fake.call(function() coroutine.yield(1) end) end))), 0)",
      "attempt to yield across a host function"
        + " (a function that Kilpi calls back must return; collect its values first)"),
  ]

  @Test(arguments: cases) func message(_ row: ScriptCase) throws {
    let bench = try Bench()
    let error = try bench.failure("local b = fake.blob(1) " + row.source)
    #expect(error.message == "t:1: " + row.expected)
    bench.finish()
  }

  static let accepted = [
    ScriptCase("3.0 is an integer", "return fake.integer(3.0)", "3"),
    ScriptCase("axes from the end", "return fake.axis(-1), fake.axis(1)", "1 0"),
    ScriptCase("one string stands for a list", "return fake.strings('a')[1]", "a"),
    ScriptCase("a list of strings", "return #fake.strings({'a', 'b'})", "2"),
    ScriptCase("no strings", "return #fake.strings({})", "0"),
    ScriptCase("nested shape", "return table.concat(fake.nested({{{1}, {2}}}), ' ')", "1 2 1"),
    ScriptCase("one number has no shape", "return #fake.nested(3)", "0"),
    ScriptCase("empty list", "return fake.nested({})[1]", "0"),
    ScriptCase("constant", "return fake.pi == math.pi", "true"),
    ScriptCase("module by require", "return require('kilpi.fake') == fake", "true"),
    ScriptCase(
      "a missing module, as lua5.4 says",
      "package.path, package.cpath = '?.lua', '?.so' return select(2, pcall(require, 'nowhere'))",
      "module 'nowhere' not found:\n\tno field package.preload['nowhere']\n\tno file 'nowhere.lua'\n"
        + "\tno file 'nowhere.so'"),
    ScriptCase(
      "options and defaults",
      "local n, t = fake.attack(fake.blob(1), {steps = 3, eps = '4 / 255', size = {1, 2}})"
        + " return n, t.eps == 4 / 255, t.norm, t.size[2], t.lr", "3.0 true linf 2 0.5"),
    ScriptCase(
      "nil for no options", "return (fake.attack(fake.blob(1), nil))", "10.0"),
    ScriptCase(
      "several results", "return fake.call(function(...) return 1, nil, ... end, 5)",
      "1 nil 5"),
    ScriptCase(
      "tree keeps lists and maps",
      "local t = fake.tree({1, {a = 2}, [3] = 'x'}) return #t, t[2].a, t[3]", "3 2 x"),
    ScriptCase("tree keeps handles", "return #fake.tree({fake.blob(4)})[1]", "4"),
    ScriptCase(
      "tree of a list built backwards",
      "local t = {} for i = 9, 1, -1 do t[i] = i end return #fake.tree(t)", "9"),
  ]

  @Test(arguments: accepted) func result(_ row: ScriptCase) throws {
    let bench = try Bench()
    let text = try bench.run(row.source).joined(separator: " ")
    #expect(text == row.expected)
    bench.finish()
  }
}
