import Files
import LuaHost
import Testing

@testable import Notebook

/// A class with a field and a method, for the completion of values of Kilpi.
final class Box: LuaObject {}

/// A small catalogue in the form of the real one.
let sampleCatalog: Catalog = {
  let step = OptionSpec.number("step", default: 0.1, "length of a step")
  let image = OptionSpec.table(
    "image", [.integer("steps", default: 10, "gradient steps"), step], "inner")
  let entries = [
    Entry(
      "pgd", "(classifier, images, labels [, options]) -> adversarial",
      doc: "Projected gradient descent. It walks.",
      options: [
        .integer("steps", default: 10, "gradient steps"),
        .budget("eps", default: "8/255", "budget"),
        .integer("stride", "distance").mandatory, image,
        .choice("norm", ["linf", "l2"], default: "linf", "norm of the ball"),
      ],
      example: "attack.pgd()  --> nothing"
    ) { _ in [] },
    Entry("box", "() -> box", doc: "A box.") { _ in [Box()] },
    Entry("load", "(name) -> box", doc: "Loads a box.") { _ in [Box()] },
    Entry("available", "() -> table[]", doc: "What can be loaded.") { _ in
      let rows: [LuaRecord] = [
        ["name": "box", "path": "/boxes/box"], ["name": "big"],
      ]
      return [LuaList(rows)]
    },
  ]
  let type = HandleType(
    Box.self, name: "box", doc: "A box of things.",
    methods: [
      Method(
        "open", "([options]) -> box", doc: "Opens it.", options: [.boolean("gently", "slowly")]
      ) {
        box, _ in [box]
      },
      Method("order", "()", doc: "Orders things.") { _, _ in [] },
    ],
    fields: [Field("size", type: "integer", doc: "How big.") { _, _ in 3 }],
    metamethods: [Entry("__tostring", "(box) -> string", doc: "") { _ in ["box of 3"] }])
  return Catalog(
    libraries: [
      Library(
        "attack", doc: "Attacks. All of them.", entries: entries,
        elsewhere: ["attack": "attack.pgd"])
    ], types: [type])
}()

@Suite struct CompletionContextTests {
  @Test(
    arguments: [
      ("", .global(partial: ""), 0),
      ("pri", .global(partial: "pri"), 0),
      ("x = pri", .global(partial: "pri"), 4),
      ("a.b.c", .field(chain: ["a", "b"], partial: "c"), 4),
      ("a.", .field(chain: ["a"], partial: ""), 2),
      ("x + a.b:me", .method(chain: ["a", "b"], partial: "me"), 8),
      ("f().x", .member(of: .call(.chain(["f"])), isMethod: false, partial: "x"), 4),
      ("f{1}:x", .member(of: .call(.chain(["f"])), isMethod: true, partial: "x"), 5),
      (
        "a.b(1)(2):x", .member(of: .call(.call(.chain(["a", "b"]))), isMethod: true, partial: "x"),
        10
      ),
      (
        "s:sub(1):re", .member(of: .method(.chain(["s"]), "sub"), isMethod: true, partial: "re"), 9
      ),
      ("(tt):su", .method(chain: ["tt"], partial: "su"), 5),
      ("t[1].x", .member(of: .element(.chain(["t"]), key: "1"), isMethod: false, partial: "x"), 5),
      (
        "t[i + 1]:x", .member(of: .element(.chain(["t"]), key: nil), isMethod: true, partial: "x"),
        9
      ),
      (
        "f().a.b:x",
        .member(
          of: .field(.field(.call(.chain(["f"])), "a"), "b"), isMethod: true, partial: "x"), 8
      ),
      ("(a + b):x", .nothing, 8), ("{1}:x", .nothing, 4), (").x", .nothing, 2),
      ("('a'):up", .method(chain: ["'a'"], partial: "up"), 6),
      ("f('a'):up", .member(of: .call(.chain(["f"])), isMethod: true, partial: "up"), 7),
      (":load a", .file(partial: "a", quoting: .plain), 6),
      (":load a b", .file(partial: "a b", quoting: .plain), 6),
      (" :cd a", .file(partial: "a", quoting: .plain), 5),
      (":run one.lua da", .file(partial: "da", quoting: .shell(nil)), 13),
      (":run a\\ b", .file(partial: "a\\ b", quoting: .shell(nil)), 5),
      ("!ls /wor", .file(partial: "/wor", quoting: .shell(nil)), 4),
      ("!ca", .file(partial: "ca", quoting: .shell(nil)), 1),
      (" !ls 'a b", .file(partial: "'a b", quoting: .shell("'")), 5),
      ("!ls 'a b' c", .file(partial: "c", quoting: .shell(nil)), 10),
      ("!cat <ab", .file(partial: "ab", quoting: .shell(nil)), 6),
      ("!a&&b", .file(partial: "b", quoting: .shell(nil)), 4),
      (":mem x", .nothing, 6), (":set wi", .setting(name: nil, partial: "wi"), 5),
      (":set width a", .setting(name: "width", partial: "a"), 11), (":set a b c", .nothing, 9),
      (
        "clip.load(\"kil",
        .argument(callee: .init(chain: ["clip", "load"], isMethod: false), partial: "kil"), 11
      ),
      (
        "clip.load \"kil",
        .argument(callee: .init(chain: ["clip", "load"], isMethod: false), partial: "kil"), 11
      ),
      ("f(1, \"ab", .file(partial: "ab"), 6),
      ("'a':up", .method(chain: ["'a'"], partial: "up"), 4),
      ("12", .nothing, 2), ("0x", .nothing, 2),
      ("x -- no", .nothing, 7), ("--[[ no", .nothing, 7),
      ("--[[ c ]] pr", .global(partial: "pr"), 10),
      (
        "f 'ab", .argument(callee: .init(chain: ["f"], isMethod: false), partial: "ab", quote: "'"),
        3
      ), ("x = 'ab", .file(partial: "ab", quoting: .lua("'")), 5),
      ("x = \"a\\\"b", .file(partial: "a\\\"b"), 5),
      (
        "f \"dir/x", .argument(callee: .init(chain: ["f"], isMethod: false), partial: "dir/x"), 3
      ),
      ("f [[ab", .nothing, 6),
      (":he", .command(partial: "he"), 1), (":", .command(partial: ""), 1),
      ("::la", .global(partial: "la"), 2),
      (":time pri", .global(partial: "pri"), 6),
      ("?attack.p", .field(chain: ["attack"], partial: "p"), 8),
      ("?pri", .global(partial: "pri"), 1),
      (
        "attack.pgd(c, x, y, {st",
        .option(callee: .init(chain: ["attack", "pgd"], isMethod: false), path: [], partial: "st"),
        21
      ),
      (
        "attack.pgd(c, x, y, {steps = 3, ",
        .option(callee: .init(chain: ["attack", "pgd"], isMethod: false), path: [], partial: ""), 32
      ),
      (
        "attack.pgd(c, f(1, 2), {n = {1}, e",
        .option(callee: .init(chain: ["attack", "pgd"], isMethod: false), path: [], partial: "e"),
        33
      ),
      (
        "b:open{ge",
        .option(callee: .init(chain: ["b", "open"], isMethod: true), path: [], partial: "ge"), 7
      ),
      (
        "a.f{image = {st",
        .option(callee: .init(chain: ["a", "f"], isMethod: false), path: ["image"], partial: "st"),
        13
      ),
      (
        "a.f{image = {{st",
        .option(callee: .init(chain: ["a", "f"], isMethod: false), path: ["image"], partial: "st"),
        14
      ),
      (
        "a.f{image = {{step = 1}, {st",
        .option(callee: .init(chain: ["a", "f"], isMethod: false), path: ["image"], partial: "st"),
        26
      ),
      ("a.f{{st", .global(partial: "st"), 5),
      ("a.f{steps = st", .global(partial: "st"), 12),
      ("f(a, st", .global(partial: "st"), 5),
      ("t = {st", .global(partial: "st"), 5),
    ] as [(String, CompletionContext, Int)])
  func context(text: String, expected: CompletionContext, start: Int) {
    let found = CompletionContext.find(text)
    #expect(found.context == expected)
    #expect(found.start == start)
  }
}

@Suite struct CompleterTests {
  private func session(_ setup: String = "") throws -> Session {
    let session = try Session(state: LuaState(catalog: sampleCatalog))
    _ = session.evaluate(setup)
    return session
  }

  private func texts(_ text: String, _ setup: String = "") throws -> [String] {
    let completer = Completer(
      session: try session(setup), commands: ["help", "history", "quit"],
      fileNames: { typed in
        ["picture.png", "plan.txt"].map { Array($0.utf8) }.filter { $0.starts(with: typed) }
      })
    return completer.complete(text, at: text.utf8.count).items.map { $0.text + $0.suffix }
  }

  @Test(
    arguments: [
      ("prin", "", ["print("]),
      ("fo", "", ["for"]),
      ("mine", "mine_a = 1 mine_b = print", ["mine_a", "mine_b("]),
      ("attack.p", "", ["pgd("]),
      ("attack.", "", ["available(", "box(", "load(", "pgd("]),
      ("string.re", "", ["rep(", "reverse("]),
      ("s:up", "s = 'x'", ["upper("]),
      ("s.up", "s = 'x'", []),
      ("'lit':up", "", ["upper("]), ("('lit'):up", "", ["upper("]),
      (":load p", "", ["picture.png", "plan.txt"]), ("!cat p", "", ["picture.png", "plan.txt"]),
      ("attack.load(\"bo", "", ["box\""]),
      ("attack.load('", "", ["box'", "picture.png", "plan.txt"]),
      ("b:o", "b = attack.box()", ["open(", "order("]),
      ("attack.box():o", "", ["open(", "order("]), ("attack.load('x'):op", "", ["open("]),
      ("attack.box():open{gently = true}:or", "", ["order("]), ("attack.box().s", "", ["size"]),
      ("(b):op", "b = attack.box()", ["open("]), ("t[1]:op", "t = {attack.box()}", ["open("]),
      ("t['a b']:op", "t = {['a b'] = attack.box()}", ["open("]), ("t[2]:op", "t = {}", []),
      ("s:gsub('a', 'b'):up", "s = 'x'", ["upper("]), ("s:byte():up", "s = 'x'", []),
      ("string.rep('a', 2):up", "", ["upper("]), ("nosuch():up", "", []),
      (":set wi", "", ["width "]), (":set timing o", "", ["on", "off"]), (":set nosuch o", "", []),
      (":mem prin", "", []), (" :h", "", ["help ", "history "]),
      ("attack.pgd(c, x, y, {", "", ["eps = ", "image = ", "norm = ", "steps = ", "stride = "]),
      ("attack.pgd(c, x, y, {image = {{st", "", ["step = ", "steps = "]),
      ("attack.pgd(c, x, y, {norm = 'linf', st", "", ["steps = ", "stride = "]),
      ("attack.pgd(c, x, y, {norm = 'lin", "", ["linf'"]),
      ("b.s", "b = attack.box()", ["size"]),
      (
        "t.", "t = {alpha = 1, beta = print, ['not a name'] = 2, [3] = 4, __hidden = 1}",
        ["alpha", "beta("]
      ),
      ("t.__", "t = {__hidden = 1}", ["__hidden"]),
      ("t:", "t = {alpha = 1, beta = print}", ["beta("]),
      ("t.inner.d", "t = {inner = {deep = 1}}", ["deep"]),
      ("o:me", "base = {method = print} o = setmetatable({}, {__index = base})", ["method("]),
      ("o.x", "o = setmetatable({}, {__index = function() error('ran') end})", []),
      ("o.", "o = {} setmetatable(o, {__index = o}) o.self = 1", ["self"]),
      ("nosuch.x", "", []),
      (":h", "", ["help ", "history "]),
      ("attack.pgd(c, x, y, {st", "", ["steps = ", "stride = "]),
      ("attack.pgd(c, x, y, {image = {st", "", ["step = ", "steps = "]),
      ("b:open{ge", "b = attack.box()", ["gently = "]),
      ("p(c, x, y, {st", "p = attack.pgd", ["steps = ", "stride = "]),
      ("attack.pgd(c, x, y, {norm = \"l", "", ["linf\"", "l2\""]),
      ("attack.pgd(c, x, y, {steps = \"p", "", ["picture.png", "plan.txt"]),
      ("x = {prin", "", ["print("]),
      ("unknown(1, {prin", "", ["print("]),
      ("'p", "", ["picture.png", "plan.txt"]),
      ("42", "", []),
      ("_G.mi", "mine = 5", ["mine"]),
    ])
  func items(text: String, setup: String, expected: [String]) throws {
    #expect(try texts(text, setup) == expected)
  }

  @Test func hugeTablesStayQuick() throws {
    let names = try texts("t.k", "t = {} for i = 1, 50000 do t['k' .. i] = i end")
    #expect(names.count == 10_000)
  }

  @Test(
    arguments: [
      ("print(", "print(...)"), ("string.rep", "string.rep(s, n [, sep]) -> string"),
      ("attack.pgd(a, b", "attack.pgd(classifier, images, labels [, options]) -> adversarial"),
      (
        "x = attack.pgd(a, {steps = ",
        "attack.pgd(classifier, images, labels [, options]) -> adversarial"
      ),
      ("b:open(", "box:open([options]) -> box"), ("s:rep(", "string.rep(s, n [, sep]) -> string"),
      ("nosuch(", nil), ("", nil), ("1 +", nil),
    ] as [(String, String?)])
  func signatures(text: String, expected: String?) throws {
    let completer = Completer(session: try session("b = attack.box() s = 'x'"), commands: [])
    #expect(completer.signature(text, at: text.utf8.count) == expected)
  }
}

/// Names of files with all that needs an escape somewhere.
@Suite struct FileCompletionTests {
  private static let odd = [
    "b c", "b$d", "b&e", "b;f", "b*g", "b'h", "b\"i", "b\\j", "b\nk", "b\u{1B}[31ml", "bé", "b日",
  ]

  private func completion(_ text: String, _ names: [[UInt8]]) throws -> Notebook.Completion {
    let session = try Session(state: LuaState(catalog: sampleCatalog))
    let completer = Completer(
      session: session, commands: [],
      fileNames: { typed in names.filter { $0.starts(with: typed) } })
    return completer.complete(text, at: text.utf8.count)
  }

  /// What stands in the line after the name was chosen.
  private func line(
    _ text: String, _ item: Notebook.Completion.Item, _ completion: Notebook.Completion
  ) -> String {
    String(decoding: Array(text.utf8.prefix(completion.start)), as: UTF8.self) + item.text
  }

  @Test(arguments: ["f('b", "f(\"b", "x = 'b"])
  func luaReadsWhatItInserts(text: String) throws {
    var names = Self.odd.map { Array($0.utf8) }
    names.append([98, 0xE9])
    let found = try completion(text, names)
    #expect(found.items.count == names.count)
    let state = try LuaState(catalog: sampleCatalog)
    for (item, name) in zip(found.items, names) {
      let quote = text.contains("'") ? "'" : "\""
      let value = try state.run("return " + quote + item.text + quote, chunkName: "=test")
      guard case .string(let read)? = value.first else {
        Issue.record("\(item.text) is no string")
        continue
      }
      #expect(read.bytes == name)
      #expect(item.text.unicodeScalars.allSatisfy(FileQuoting.isPlain))
      #expect(try completion(line(text, item, found), names).items == [item])
    }
  }

  @Test(arguments: ["!ls b", "!ls 'b", "!ls \"b", "!cat <b", ":run b"])
  func shellsReadWhatItInserts(text: String) throws {
    let found = try completion(text, Self.odd.map { Array($0.utf8) })
    let shown = Self.odd.filter { $0.unicodeScalars.allSatisfy(FileQuoting.isPlain) }
    #expect(found.items.count == shown.count)
    for (item, name) in zip(found.items, shown) {
      #expect(ShellWords.split(item.text + item.suffix) == [name])
      #expect(ShellWord(Array(item.text.utf8)).name == Array(name.utf8))
    }
  }

  @Test(
    arguments: [
      ("!ls b", ["b c", "b d"], "b\\ "), ("!ls 'b", ["b'c", "b'd"], "'b'\\''"),
      ("f(\"b", ["b\\c", "b\\d"], "b\\\\"), (":load b", ["b c", "b d"], "b "),
      ("f('b", ["bé", "bè"], "b"), ("f('b", ["b\u{1B}c", "b\u{1B}d"], "b\\x1B"),
      ("!ls b", ["b c"], "b\\ c"), ("!ls 'b", ["b c"], "'b c'"), ("!ls 'b", ["b c/"], "'b c/"),
      ("f('a\\", ["a"], ""), ("!ls a\\", ["a"], ""), (":load b", ["bx", "b\ny"], "bx"),
    ])
  func insertion(text: String, names: [String], expected: String) throws {
    let found = try completion(text, names.map { Array($0.utf8) })
    #expect(found.insertion == expected)
  }

  @Test func theSandboxShowsItsFoldersOnly() throws {
    let folder = TemporaryFolder.path + "/completion"
    for name in ["inside", "outside"] {
      try FileReader.makeDirectory(folder + "/" + name)
      try AtomicFile.write(name, to: folder + "/" + name + "/file.txt")
    }
    var configuration = LuaState.Configuration()
    configuration.isSandboxed = true
    configuration.allowedFolders = [folder + "/inside"]
    let session = try Session(state: LuaState(catalog: sampleCatalog, configuration: configuration))
    let completer = Completer(session: session, commands: [])
    for (name, expected) in [("inside", 1), ("outside", 0), (".", 0)] {
      let text = "x = '" + folder + "/" + name + "/"
      #expect(completer.complete(text, at: text.utf8.count).items.count == expected)
    }
  }
}
