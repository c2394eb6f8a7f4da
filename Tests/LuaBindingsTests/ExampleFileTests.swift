import Files
import Glibc
import Testing

@testable import LuaBindings

/// The example files that need no data and no model print what stands beside them.
///
/// With `KILPI_RECORD=1` in the environment the expected output is written, and the test fails once.
@Suite struct ExampleFileTests {
  @Test(arguments: ["tour"])
  func prints(_ name: String) throws {
    let source = try FileReader.text(at: "\(CatalogTests.root)/examples/\(name).lua")
    let lines = source.split(separator: "\n")
    #expect(lines.prefix(2).allSatisfy { $0.hasPrefix("-- ") }, "two comment lines at the top")
    let output = try Script().run(source)
    let path = "\(CatalogTests.root)/examples/expected/\(name).txt"
    let expected = try? FileReader.text(at: path)
    #expect(output == expected)
    if getenv("KILPI_RECORD") != nil, output != expected { try AtomicFile.write(output, to: path) }
  }
}
