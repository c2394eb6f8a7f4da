import Testing

/// Bad input of each kind at the real prompt: one clear error, and the prompt lives on.
@Suite struct PromptErrorTests {
  /// Kind, input, and the error's text behind `error: cell[n]:1: `.
  private static let rows = [
    (
      "shape", "tensor.zeros{2, 3}:matmul(tensor.zeros{4, 5})",
      "matmul: inner sizes differ: [2, 3] x [4, 5] has 3 and 4 (transpose one of them?)"
    ),
    (
      "type", "tensor.zeros{2, 3}:matmul(5)",
      "bad argument #1 to 'matmul' (tensor expected, got number)"
    ),
    (
      "axis 0", "tensor.zeros{2, 3}:sum{axis = 0}",
      "sum: there is no axis 0 in [2, 3] (axes count from 1; -1 is the last)"
    ),
    (
      "option", "tensor.zeros{2, 3}:sum{axs = 1}",
      "sum: unknown option 'axs' (did you mean 'axis'?)"
    ),
    (
      "elsewhere", "tensor.array{1}",
      "attempt to call a nil value (field 'array') (tensor.from{1, 2})"
    ),
    (
      "elsewhere", "image.open('x')",
      "attempt to call a nil value (field 'open') (image.load(path))"
    ),
    (
      "elsewhere", "json.loads('1')",
      "attempt to call a nil value (field 'loads') (json.decode(text))"
    ),
    (
      "elsewhere", "random.manual_seed(1)",
      "attempt to call a nil value (field 'manual_seed') (random.seed(n))"
    ),
    (
      "another number", "tensor.zeros({2}, {dtype = 'float16'})",
      #"tensor.zeros: option 'dtype' must be one of "float32", "float64", "int64", got "float16""#
    ),
    (
      "capitals", "clip.load('Kilpi-tny')",
      "clip.load: there is no model 'Kilpi-tny' (did you mean 'kilpi-tiny'?)"
    ),
    (
      "an attack's", "eval.robustness{budget = 1}",
      "eval.robustness: unknown option 'budget' (it belongs to an attack: attacks = {image = {eps = …}})"
    ),
    ("range", "tensor.zeros{-1}", "tensor.zeros: a size is negative: [-1]"),
    (
      "file", "image.load(\"nosuch.png\")",
      "image.load: cannot read 'nosuch.png': there is no such file"
    ),
    (
      "label 0", "attack.pgd(print, tensor.full({1, 3, 2, 2}, 0.5), {0}, {eps = 0.1})",
      "attack.pgd: labels[1] is 0, classes are 1 and up (labels count from 1)"
    ),
    (
      "eps 8", "attack.pgd(print, tensor.full({1, 3, 2, 2}, 0.5), {1}, {eps = 8})",
      "attack.pgd: eps is 8, outside 0 … 1 (for 8 of 255 levels write eps = \"8/255\")"
    ),
    (
      "released", "t = tensor.zeros{2} t:release() t:sum()",
      "sum: this tensor was released (it was freed by release, close or scope)"
    ),
    (
      "unknown name", "tensr.zeros{2}",
      "attempt to index a nil value (global 'tensr') (did you mean 'tensor'?)"
    ),
    (
      "unknown method", "tensor.zeros{2}:shpe()",
      "tensor: there is no field or method 'shpe' (did you mean 'shape'?)"
    ),
    ("syntax", "x = = 2", "unexpected symbol near '='"),
  ]

  @Test func eachGivesOneErrorAndThePromptLivesOn() throws {
    let input = Self.rows.map { $0.1 + "\n" }.joined() + "40 + 2\n"
    let result = try Executable.run(["-i", "--quiet"], input: input)
    let lines = result.error.split(separator: "\n").map(String.init)
    let expected = Self.rows.enumerated().map { "error: cell[\($0.offset + 1)]:1: \($0.element.2)" }
    #expect(lines.count == expected.count)
    for (line, row) in zip(lines, zip(expected, Self.rows)) {
      #expect(line == row.0, "\(row.1.0): \(row.1.1)")
    }
    #expect(result.output.hasSuffix("> 42\n> \n"))
    #expect(result.status == 0)
  }
}
