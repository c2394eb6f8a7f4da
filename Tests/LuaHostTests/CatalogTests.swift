import LuaHost
import Testing

@Suite struct CatalogTests {
  let library = FakeLibrary.library
  let types = [FakeLibrary.blobType]

  struct SignatureCase: CustomTestStringConvertible, Sendable {
    var id: String
    var text: String
    var parameters: [String]
    var results: [String]
    var testDescription: String { id }
  }

  static let signatures = [
    SignatureCase(
      id: "options in brackets", text: "(images: tensor, labels [, options]) -> tensor, report",
      parameters: ["images:tensor", "labels:", "options:?"], results: ["tensor:", "report:"]),
    SignatureCase(id: "nothing", text: "()", parameters: [], results: []),
    SignatureCase(
      id: "all optional", text: "([options]) -> tensor", parameters: ["options:?"],
      results: ["tensor:"]),
    SignatureCase(
      id: "lists and unions", text: "(shape: integer[], value: number|string) -> string[]",
      parameters: ["shape:integer[]", "value:number|string"], results: ["string[]:"]),
    SignatureCase(
      id: "question mark", text: "(axis?: integer) -> values: tensor, indices: tensor",
      parameters: ["axis:integer?"], results: ["values:tensor", "indices:tensor"]),
    SignatureCase(
      id: "function type", text: "(f: fun(a: tensor, b: tensor): tensor)",
      parameters: ["f:fun(a: tensor, b: tensor): tensor"], results: []),
  ]

  @Test(arguments: signatures) func signature(_ row: SignatureCase) {
    let signature = Signature(row.text)
    func text(_ item: Signature.Item) -> String {
      "\(item.name):\(item.type)\(item.isOptional ? "?" : "")"
    }
    #expect(signature.parameters.map(text) == row.parameters)
    #expect(signature.results.map(text) == row.results)
  }

  @Test func annotationsAreLuaAndNameEverything() throws {
    let text = Annotations.luaLS(for: library, types: types)
    let state = try LuaState(catalog: Catalog())
    #expect(state.compileError(text)?.message == nil)
    for entry in library.entries { #expect(text.contains("function fake.\(entry.name)(")) }
    for entry in types[0].methods { #expect(text.contains("function blob:\(entry.name)(")) }
    #expect(text.contains("---@field steps? integer # gradient steps; default 10"))
    #expect(text.contains("---@field norm? \"linf\"|\"l2\" # which ball; default \"linf\""))
    #expect(text.contains("---@operator add(blob): integer"))
    state.close()
  }

  @Test func manualNamesEverything() {
    let page = ReferenceManual.markdown(for: library, types: types)
    #expect(page.hasPrefix("# fake\n\nFunctions for tests. They do little.\n"))
    #expect(page.contains("\n## `fake.attack(images: blob [, options]) -> number, table`\n"))
    #expect(page.contains("| `norm` | `\"linf\"\\|\"l2\"` | `\"linf\"` | which ball |"))
    #expect(page.contains("| `inner.lr` | `number` | `0.5` | rate |"))
    #expect(page.contains("### `blob:size() -> integer`"))
    #expect(page.contains("### `blob.fixed`: integer (read only)"))
  }

  @Test func helpShowsSignatureOptionsAndExample() throws {
    let text = try #require(Help.text(for: "fake.attack", in: FakeLibrary.catalog))
    #expect(text.hasPrefix("fake.attack(images: blob [, options]) -> number, table\n"))
    #expect(text.contains("  eps: number|string = \"8/255\"\n      size of the ball\n"))
    #expect(text.contains("Example:\n  print("))
    #expect(Help.text(for: "fake.nothing", in: FakeLibrary.catalog) == nil)
    #expect(Help.text(for: "blob:join", in: FakeLibrary.catalog)?.hasPrefix("blob:join(") == true)
    #expect(Help.search("iterator", in: FakeLibrary.catalog) == ["fake.count"])
  }
}
