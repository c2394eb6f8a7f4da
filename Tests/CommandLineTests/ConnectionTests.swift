import Foundation
import Testing

/// `scripts/checks/unset.lua`: what was built and never connected.
@Suite struct ConnectionTests {
  private static let root = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().path

  private static func check(_ folder: String) throws -> Executable.Result {
    try Executable.run([root + "/scripts/checks/unset.lua", folder])
  }

  @Test func everythingIsConnected() throws {
    let result = try Self.check(Self.root + "/Sources")
    #expect(result == Executable.Result(output: "", error: "", status: 0))
  }

  /// A line of Swift, and what the check says of it; "" when it is content.
  private static let rows = [
    ("struct Meters { var forwards: () -> Int? = { nil } }", "nobody sets 'forwards' of Meters"),
    (
      "struct Meters { var forwards: () -> Int? = { nil } }\n"
        + "func use(_ m: inout Meters) { m.forwards = { 3 } }", ""
    ),
    (
      "final class A { var width: Int? }\nfunc f(_ a: A) { use(a.width) }",
      "nobody sets 'width' of A"
    ),
    ("final class A { var width: Int? }\nfunc f(_ a: A) { a.width = 3 }", ""),
    ("struct A { var limit = 3 }\nlet a = A(limit: 4)", ""),
    (
      "struct A { var limit = 3 }\n// a.limit = 4\nlet s = \"a.limit = 4\"",
      "nobody reads 'limit' of A"
    ),
    ("func installLineWidth(_ f: () -> Int) {}", "nobody calls 'installLineWidth'"),
    ("func installLineWidth(_ f: () -> Int) {}\nfunc g() { installLineWidth { 80 } }", ""),
    (
      "func installDisplay(_ f: (Int, String?) -> Void) {}\nfunc g() { installDisplay { shown, _ in } }",
      "what 'installDisplay' gives is ignored"
    ),
    (
      "enum Choice: String, CaseIterable { case auto, kitty, sixel }\nlet c = Choice.auto",
      "the case 'kitty' of Choice is offered and never looked at"
    ),
    (
      "enum Choice: String, CaseIterable { case auto, kitty, none }\nlet c = [Choice.auto, .kitty]",
      ""
    ),
    (
      "struct Options { @Option(help: \"\") var graphics: String? }",
      "the option 'graphics' is listed and never read"
    ),
    (
      "struct Options { @Option(help: \"\") var graphics: String? }\nfunc f(_ o: Options) { use(o.graphics) }",
      ""
    ),
    (
      "let options = [OptionSpec.integer(\"steps\", default: 3, \"\")]",
      "the option 'steps' is listed and never read"
    ),
    (
      "let options = [OptionSpec.integer(\"steps\", default: 3, \"\")]\n"
        + "let steps = try call.options(2).integer(\"steps\")", ""
    ),
  ]

  @Test(arguments: rows.indices) func finds(row: Int) throws {
    let (source, expected) = Self.rows[row]
    _ = try Executable.file(
      "connected-\(row)/Sources/Lua/LuaBindings/File.swift", Array(source.utf8))
    let result = try Self.check("connected-\(row)/Sources")
    if expected.isEmpty {
      #expect(result == Executable.Result(output: "", error: "", status: 0))
    } else {
      #expect(result.error.contains(expected) && result.status == 1)
    }
  }
}
