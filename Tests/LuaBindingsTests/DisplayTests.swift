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

  /// One form for all numbers, in which none but 0 reads as 0.
  @Test(arguments: [
    ("{1e-10, 1, 1e10}", "1.0000e-10  1.0000e+00  1.0000e+10\nfloat32 [3]\n"),
    ("{1e-7, 0, 0.9}", "1.0000e-07  0.0000e+00  9.0000e-01\nfloat32 [3]\n"),
    ("{0.001, 0.5, 0}", "0.0010  0.5000  0.0000\nfloat32 [3]\n"),
    ("{2e-7, 1e-7}", "1e-07 *\n2.0000  1.0000\nfloat32 [2]\n"),
    ("{-0.0, 1}", "-0   1\nfloat32 [2]\n"), ("{-0.0, 0.5}", "-0.0000   0.5000\nfloat32 [2]\n"),
  ])
  func wideRangesAreScientific(numbers: String, text: String) throws {
    #expect(try Script().run("print(tensor.from\(numbers))") == text)
  }

  /// The summary walks pieces, also of views.
  @Test func largeIntegersAreSummarisedInPieces() throws {
    let text = try Script().run(
      "print((tensor.arange(1, 200000, 1, {dtype = 'int64'}) + 9007199254740991)"
        + ":reshape{2, 100000}:transpose())")
    #expect(text.contains("min 9007199254740992  max 9007199254940991"))
    #expect(text.hasSuffix("int64 [100000, 2], view\n"))
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
