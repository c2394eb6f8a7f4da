import LuaHost
import Testing

@testable import LuaBindings

/// An example of the catalogue: its name, its text, and what it says it prints.
struct DocCase: CustomTestStringConvertible, Sendable {
  var name: String
  var source: String

  var testDescription: String { name }

  /// The text after `-->` on each line that has one.
  var expected: String {
    source.split(separator: "\n").compactMap { line in
      line.firstRange(of: "--> ").map { String(line[$0.upperBound...]) + "\n" }
    }.joined()
  }

  static let all: [DocCase] = {
    let catalog = KilpiCatalog.catalog
    let functions = catalog.libraries.flatMap { library in
      library.entries.map { DocCase(name: "\(library.name).\($0.name)", source: $0.example) }
    }
    let methods = catalog.types.flatMap { type in
      type.methods.map { DocCase(name: "\(type.name):\($0.name)", source: $0.example) }
    }
    return (functions + methods).filter { !$0.source.isEmpty }
  }()
}

@Suite struct DocTests {
  /// What these are about is an error; a masked model has no files that Kilpi ships.
  static let showErrors: Set = ["errors.info", "tensor.scope", "text.load_mlm"]

  @Test(arguments: DocCase.all)
  func example(_ example: DocCase) throws {
    let lines = example.source.split(separator: "\n").filter { !$0.hasPrefix("--> ") }
    #expect(lines.count <= 7, "an example has at most seven lines")
    if !Self.showErrors.contains(example.name) {
      #expect(!example.source.contains("pcall("), "an example shows success")
    }
    #expect(!example.expected.isEmpty, "an example shows output")
    let output = try Script().run(example.source)
    #expect(output == example.expected)
  }
}
