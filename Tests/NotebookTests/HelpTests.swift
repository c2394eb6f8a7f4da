import LuaHost
import Testing

@testable import Notebook

@Suite struct HelpTextTests {
  private func help(_ name: String, _ setup: String = "") throws -> String {
    let session = try Session(state: LuaState(catalog: sampleCatalog))
    _ = session.evaluate(setup)
    return HelpText(session: session, palette: Palette(isOn: false), width: 80).about(name)
  }

  @Test func functionsShowSignatureTextOptionsAndExample() throws {
    let expected = """
      attack.pgd(classifier, images, labels [, options]) -> adversarial

      Projected gradient descent. It walks.

      options
        steps   gradient steps (default 10)
        eps     budget (default "8/255")
        stride  distance (required)
        image   inner
          steps  gradient steps (default 10)
          step   length of a step (default 0.1)
        norm    norm of the ball (default "linf"): "linf", "l2"

      example
        attack.pgd()  --> nothing
      """
    #expect(try help("attack.pgd") == expected)
    #expect(try help(" attack.pgd() ") == expected)
    #expect(try help("pgd") == expected)
  }

  @Test(
    arguments: [
      ("print", "", "print(...)\n\nWrites the arguments"),
      ("attack", "", "attack\n\nAttacks. All of them.\n\n  attack.pgd(classifier"),
      ("string", "", "string: a library of Lua"),
      ("b", "b = attack.box()", "b: box\n\n  box of 3\n\n.size"),
      ("b:open", "b = attack.box()", "box:open([options]) -> box\n\nOpens it."),
      ("t", "t = {1, x = 2}", "t: table\n\n{1, x = 2}"),
      ("f", "function f() end", "f: function, defined at cell[1]:1"),
      ("x", "x = 5", "x: number\n\n  5"),
      ("walks", "", "'walks' is found in:\n\n  attack.pgd  Projected gradient descent."),
      ("prnt", "", "nothing is known about 'prnt' (did you mean 'print'?)"),
      ("attak", "", "nothing is known about 'attak' (did you mean 'attack'?)"),
      ("strng", "", "nothing is known about 'strng' (did you mean 'string'?)"),
      ("jsx", "", "nothing is known about 'jsx'"),
      (" print", "", "print(...)"),
      ("", "", "?NAME shows help: ?print, ?string.format, ?string\n\n  attack  Attacks."),
    ])
  func about(name: String, setup: String, beginning: String) throws {
    let text = try help(name, setup)
    #expect(text.hasPrefix(beginning), "\(text)")
  }

  @Test func locationsShowSource() throws {
    let session = try Session(state: LuaState(catalog: sampleCatalog))
    _ = session.evaluate("x = 1\nfunction f(a)\n  return a\nend\ny = 2")
    let location = Location(session: session)
    #expect(location.about("f") == "cell[1]:2\nfunction f(a)\n  return a\nend")
    #expect(location.about("print") == "print is a function of Lua, written in C")
    #expect(location.about("attack.pgd").hasPrefix("attack.pgd is a function of Kilpi"))
    #expect(location.about("nosuch") == "no source is known for 'nosuch'")
  }

  @Test func everyStandardFunctionIsExplained() throws {
    let state = try LuaState(catalog: Catalog())
    let source = """
      local names = {}
      for _, library in ipairs{"_G", "string", "table", "math", "os", "io", "coroutine", "utf8"} do
        for name, value in pairs(library == "_G" and _G or _G[library]) do
          if type(value) == "function" then
            names[#names + 1] = (library == "_G" and "" or library .. ".") .. name
          end
        end
      end
      return table.concat(names, " ")
      """
    let names = try #require(try state.run(source, chunkName: "=test").first?.string)
    // Kept by Debian's build for programs written for Lua 5.3.
    let old = [
      "math.pow", "math.atan2", "math.cosh", "math.sinh", "math.tanh", "math.frexp", "math.ldexp",
      "math.log10",
    ]
    let missing = names.split(separator: " ").map(String.init)
      .filter { StandardLibrary.entry($0) == nil && !old.contains($0) }
    #expect(missing == [])
  }
}
