import Files
import Testing

@testable import LuaBindings

/// The Lua blocks of the README and of the pages in `docs/` run, page by page in one state, and print
/// what stands behind `-->`.
@Suite struct ManualTests {
  static let pages: [String] = {
    let names = (try? FileReader.names(in: CatalogTests.root + "/docs")) ?? []
    return ["README.md"] + names.filter { $0.hasSuffix(".md") }.map { "docs/" + $0 }
  }()

  @Test(arguments: pages) func runs(page: String) throws {
    let text = try FileReader.text(at: CatalogTests.root + "/" + page)
    let blocks = text.split(separator: "```lua\n").dropFirst().map { block in
      String(block[..<(block.firstRange(of: "```")?.lowerBound ?? block.endIndex)])
    }
    let script = try Script()
    let source = blocks.joined(separator: "\n")
    #expect(try script.run(source) == DocCase(name: page, source: source).expected)
  }

  /// Every suite that the support table names is there.
  @Test func supportTableNamesTests() throws {
    let text = try FileReader.text(at: CatalogTests.root + "/docs/checkpoints.md")
    let named = Set(text.matches(of: /`([A-Z][A-Za-z]+Tests)[`.]/).map { String($0.1) })
    #expect(named.count >= 10)
    var suites = ""
    for folder in try FileReader.names(in: CatalogTests.root + "/Tests") {
      for place in [folder, folder + "/IO", folder + "/Bert"] {
        let path = "\(CatalogTests.root)/Tests/\(place)"
        for file in (try? FileReader.names(in: path)) ?? [] where file.hasSuffix(".swift") {
          suites += try FileReader.text(at: path + "/" + file)
        }
      }
    }
    for name in named.sorted() {
      #expect(suites.contains("struct \(name) "), "\(name) is a suite")
    }
  }

  @Test func thereArePages() { #expect(Self.pages.contains("docs/checkpoints.md")) }
}
