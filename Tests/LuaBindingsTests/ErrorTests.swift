import Testing

@testable import LuaBindings

/// A call and the exact text of its error, without the place in front.
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
  /// Bad input of each kind: shape, type, range, axis 0, index 0, label 0, option, file, eps 8.
  @Test(
    arguments: views + tensors + gradients + modules + experiments + pixels + multimodal
      + textSearches + runs
      + attacks + evaluations)
  func text(_ row: ErrorCase) throws {
    let script = try Script()
    #expect(script.message(of: row.source) == row.message)
    #expect(try script.run("print(1 + 1)") == "2\n", "the state lives on")
  }

  @Test func hugeTensorsAreRefused() throws {
    let message = try Script().message(of: "tensor.zeros{1e6, 1e6}") ?? ""
    #expect(message.hasPrefix("tensor.zeros: not enough memory for 3.6 TB: tensors hold "))
  }
}
