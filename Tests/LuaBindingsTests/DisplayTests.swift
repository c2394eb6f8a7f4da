import Diagnostics
import LuaHost
import Testing

@testable import LuaBindings

@Suite struct DisplayTests {
  static let outputs = [
    OutputCase(
      "a bundle of functions",
      """
      display{["text/plain"] = function() return "lazy" end, ["image/png"] = "no image"}
      display(setmetatable({}, {__display = function(self) return {["text/plain"] = "own"} end}))
      display(42)
      display(tensor.from{1, 2})
      """, "lazy\nown\n42\n1  2\nfloat32 [2]\n"),
    OutputCase(
      "a bundle without a text says what it holds",
      """
      display{["text/html"] = "<b>", ["application/json"] = {}}
      display(setmetatable({}, {__display = function() return {["image/svg+xml"] = "<svg/>"} end}))
      """, "<application/json, text/html>\n<image/svg+xml>\n"),
    OutputCase(
      "images are announced where nothing shows them",
      """
      image.show(tensor.zeros{1, 9, 12})
      tensor.zeros{2, 3, 8, 8}:show()
      display(tensor.zeros({3, 8, 8}))
      """,
      "<image 1x9x12>\n<image 2x3x8x8>\n"
        + (1...3).map { "[\($0)]\n" + String(repeating: zeros, count: 8) }.joined()
        + "float32 [3, 8, 8]\n"),
  ]

  private static let zeros = "0  0  0  0  0  0  0  0\n"

  @Test(arguments: outputs)
  func output(_ row: OutputCase) throws {
    let output = try Script().run(row.source)
    #expect(output == row.output)
  }

  @Test func picturesGoToTheShell() throws {
    let script = try Script()
    var pictures: [Picture] = []
    script.state.installPictures {
      pictures.append($0)
      return true
    }
    let source = """
      local x = tensor.zeros{3, 8, 10}
      x[1] = 1
      x:show()
      display(x)
      display(x * 2)
      """
    #expect(try script.run(source).hasSuffix("float32 [3, 8, 10]\n"))
    #expect(pictures.map(\.width) == [10, 10] && pictures.map(\.height) == [8, 8])
    for picture in pictures { #expect(Array(picture.rgb.prefix(4)) == [255, 0, 0, 255]) }
  }

  @Test func shellsMayTakeOver() throws {
    let script = try Script()
    var seen: [String] = []
    script.state.installDisplay { shown, id, _ in
      if case .bundle(let parts) = shown { seen += parts.map(\.type) + [id ?? "none"] }
    }
    #expect(
      try script.run("display(tensor.zeros{3, 8, 8}, {id = 'a'}) display(tensor.ones{2})") == "")
    #expect(seen == ["image/png", "text/plain", "a", "text/plain", "none"])
  }

  @Test func widthIsTheShells() throws {
    let script = try Script()
    script.state.installLineWidth { 30 }
    #expect(
      try script.run("print(tensor.full({1, 9}, 0.5))")
        == "0.5000  0.5000  ...  0.5000\nfloat32 [1, 9]\n")
  }

  @Test func progressReachesTheShell() throws {
    let script = try Script()
    var names: [String] = []
    script.state.installProgress { names.append($0.name) }
    let call = script.state.attachment(ProgressSink.self) { ProgressSink() }
    call.handler(.init(name: "train", completed: 1, total: 2))
    #expect(names == ["train"])
  }
}
