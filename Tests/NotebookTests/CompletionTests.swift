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
      ("f().x", .nothing, 4),
      ("('a'):up", .method(chain: ["'a'"], partial: "up"), 6),
      ("f('a'):up", .nothing, 7),
      (":load a", .file(partial: "a"), 6), (":run one.lua da", .file(partial: "da"), 13),
      ("!ls /wor", .file(partial: "/wor"), 4), ("!ca", .file(partial: "ca"), 1),
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
      ), ("x = 'ab", .file(partial: "ab"), 5),
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
      fileNames: { _ in ["picture.png", "plan.txt"] })
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
      (":load pi", "", ["picture.png", "plan.txt"]), ("!cat pi", "", ["picture.png", "plan.txt"]),
      ("attack.load(\"bo", "", ["box\"", "picture.png", "plan.txt"]),
      ("attack.load('bo", "", ["box'", "picture.png", "plan.txt"]),
      ("b:o", "b = attack.box()", ["open(", "order("]),
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
      ("attack.pgd(c, x, y, {steps = \"pic", "", ["picture.png", "plan.txt"]),
      ("x = {prin", "", ["print("]),
      ("unknown(1, {prin", "", ["print("]),
      ("'pic", "", ["picture.png", "plan.txt"]),
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
