import Testing

@testable import LuaBindings

/// Defects of docs/methods/defects.md that scripts could meet, by their numbers.
@Suite struct CatalogueTests {
  struct Row: CustomTestStringConvertible, Sendable {
    var id: String
    var source: String
    var message: String
    var testDescription: String { "\(id): \(source)" }
  }

  private static let set = """
    local m = clip.create("tiny")
    local ds = data.from(tensor.rand{2, 3, 16, 16}, {1, 2}, {"cat", "dog"})
    local f, z = function(x) return x:flatten(2) end, tensor.full({1, 3, 1, 1}, 0.5)

    """

  static let rows: [Row] = [
    Row(
      id: "B55", source: #"attack.pgd(f, z, {1}, {steps = "10"})"#,
      message: #"attack.pgd: option 'steps' must be an integer, got "10""#),
    Row(
      id: "B55", source: #"attack.mifgsm(f, z, {1}, {momentum = "1e-6"})"#,
      message: #"attack.mifgsm: option 'momentum' must be a number, got "1e-6""#),
    Row(
      id: "B55",
      source: #"train.run{method = "mmcoa", model = m, data = ds, optimizer = {lr = "1e-6"}}"#,
      message: #"train.run: option 'optimizer.lr' must be a number, got "1e-6""#),
    Row(
      id: "B55",
      source: #"eval.robustness{model = m, data = ds, attacks = {image = {steps = "1e1"}}}"#,
      message: #"eval.robustness: option 'attacks.image.steps' must be an integer, got "1e1""#),
    Row(
      id: "B55", source: #"eval.robustness{model = m, data = ds, each = "false"}"#,
      message: #"eval.robustness: option 'each' must be true or false, got "false""#),
    Row(
      id: "B55", source: #"attack.pgd(f, z, {1}, {seed = "1"})"#,
      message: #"attack.pgd: option 'seed' must be an integer, got "1""#),
    Row(
      id: "B56", source: #"clip.tokenize("a cat", {contxt = 9})"#,
      message: "clip.tokenize: unknown option 'contxt' (did you mean 'context'?)"),
    Row(
      id: "B56", source: #"attack.text(m, {"a cat"}, {method = "char", edist = 1})"#,
      message: "attack.text: unknown option 'edist' (did you mean 'edits'?)"),
    Row(
      id: "B56", source: #"train.run{method = "mmcoa", model = m, data = ds, epohcs = 1}"#,
      message: "train.run: unknown option 'epohcs' (did you mean 'epochs'?)"),
    Row(
      id: "B56",
      source: #"train.run{method = "mmcoa", model = m, data = ds, image_attack = {stpes = 1}}"#,
      message: "train.run: unknown option 'stpes' (did you mean 'steps'?)"),
    Row(
      id: "B56",
      source: #"eval.robustness{model = m, data = ds, attacks = {image = {stpes = 1}}}"#,
      message: "eval.robustness: unknown option 'stpes' (did you mean 'steps'?)"),
    Row(
      id: "B56", source: #"eval.retrieval{model = m, data = ds, attcks = {}}"#,
      message: "eval.retrieval: unknown option 'attcks' (did you mean 'attack'?)"),
  ]

  @Test(
    "B55: a number given as text is no number; B56: a misspelt option is an error",
    arguments: rows)
  func isRefused(_ row: Row) throws {
    #expect(try Script().message(of: Self.set + row.source) == row.message)
  }
}
