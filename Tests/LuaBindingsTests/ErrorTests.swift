import Testing

@testable import LuaBindings

/// A call and the exact text of its error.
struct ErrorCase: CustomTestStringConvertible, Sendable {
  var source: String
  var message: String
  var testDescription: String { source }

  init(_ source: String, _ message: String) {
    self.source = source
    self.message = message
  }
}

@Suite struct ErrorTests {
  static let shapes = [
    ErrorCase(
      "tensor.zeros{2, 3}:matmul(tensor.zeros{4, 5})",
      "matmul: inner sizes differ: [2, 3] x [4, 5] has 3 and 4 (transpose one of them?)"),
    ErrorCase(
      "return tensor.zeros{2, 3} + tensor.zeros{4}",
      "+: shapes [2, 3] and [4] do not broadcast (sizes must agree from the last axis on, or be 1)"),
  ]

  @Test(arguments: shapes)
  func text(_ row: ErrorCase) throws {
    let script = try Script()
    #expect(script.message(of: row.source) == row.message)
    #expect(try script.run("print(1 + 1)") == "2\n", "the state lives on")
  }
}
