import LuaHost
import Testing

/// One state with captured output for a test; `finish` checks that nothing was left behind.
final class Bench {
  let state: LuaState
  var output = ""
  var errors = ""

  init(_ configuration: LuaState.Configuration = .init()) throws {
    state = try LuaState(catalog: FakeLibrary.catalog, configuration: configuration)
    state.output = { [unowned self] stream, bytes in
      let text = String(decoding: bytes, as: UTF8.self)
      if stream == .error { errors += text } else { output += text }
    }
    state.externalBytes = { [unowned self] in meter.live }
  }

  var meter: Meter { state.attachment(Meter.self) { Meter() } }

  /// Runs a chunk and gives its results as text.
  @discardableResult
  func run(_ source: String) throws -> [String] {
    try state.run(source, chunkName: "=t").map { try state.text($0) }
  }

  /// The error of a chunk that must fail.
  func failure(
    _ source: String, sourceLocation: SourceLocation = #_sourceLocation
  ) throws -> LuaError {
    let error = #expect(throws: LuaError.self, sourceLocation: sourceLocation) {
      try self.run(source)
    }
    return try #require(error, sourceLocation: sourceLocation)
  }

  /// Two collections leave no object, closing leaves no block.
  func finish(sourceLocation: SourceLocation = #_sourceLocation) {
    state.collect()
    state.collect()
    #expect(meter.count == 0, "objects stay alive", sourceLocation: sourceLocation)
    #expect(state.stackHeight == 0, "values stay on the stack", sourceLocation: sourceLocation)
    #expect(state.close() == (0, 0), "Lua holds memory", sourceLocation: sourceLocation)
  }
}

/// A chunk with the text it must give.
struct ScriptCase: CustomTestStringConvertible, Sendable {
  var id: String
  var source: String
  var expected: String
  var testDescription: String { id }

  init(_ id: String, _ source: String, _ expected: String) {
    self.id = id
    self.source = source
    self.expected = expected
  }
}
