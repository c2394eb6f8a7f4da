import Files
import LuaHost
import Testing

@testable import LuaBindings

/// Longer checks written in Lua; a failing one names its seed.
@Suite struct SpecTests {
  @Test(arguments: 1...20)
  func indices(_ seed: Int) throws {
    let path = "\(CatalogTests.root)/Tests/LuaBindingsTests/specs/indices.lua"
    let script = try Script()
    let bytes = try FileReader.bytes(at: path)
    try script.state.run(bytes: bytes, chunkName: "@indices.lua", arguments: [seed])
  }
}
