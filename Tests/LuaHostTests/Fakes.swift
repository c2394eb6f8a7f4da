import Diagnostics
import Files
import LuaHost

/// Bytes that fake blobs stand for; each test has its own meter.
final class Meter {
  var live = 0
  var count = 0
}

/// A handle that claims to hold memory outside Lua.
final class Blob: LuaObject {
  let size: Int
  let meter: Meter
  var label = "blob"
  var function: LuaFunction?

  init(_ size: Int, _ meter: Meter) {
    self.size = size
    self.meter = meter
    meter.live += size
    meter.count += 1
  }

  deinit {
    meter.live -= size
    meter.count -= 1
  }
}

/// Another type, for wrong arguments.
final class Other: LuaObject {}

enum FakeLibrary {
  static let catalog = Catalog(libraries: [library], types: [blobType, otherType])

  static let library = Library(
    "fake", doc: "Functions for tests. They do little.",
    entries: [
      Entry("blob", "(size: integer) -> blob", doc: "A blob of `size` bytes.") { call in
        let meter = call.state.attachment(Meter.self) { Meter() }
        return [Blob(try call.integer(1), meter)]
      },
      Entry("other", "() -> other", doc: "Another value.") { _ in [Other()] },
      Entry(
        "attack", "(images: blob [, options]) -> number, table",
        doc: "Takes options.",
        options: [
          .integer("steps", default: 10, range: 1...1000, "gradient steps"),
          .budget("eps", default: "8/255", "size of the ball"),
          .choice("norm", ["linf", "l2"], default: "linf", "which ball"),
          .boolean("restart", default: false, "starts again"),
          .function("loss", "loss of one's own"),
          .integers("size", "two sizes"),
          .strings("names", "names"),
          .handle("source", type: "blob", "where gradients come from"),
          .table("inner", [.number("lr", default: 0.5, range: 0...1, "rate")], "nested"),
        ], example: "print(fake.attack(fake.blob(1), {steps = 3}))  --> 3.0"
      ) { call in
        _ = try call.handle(1, as: Blob.self)
        let options = try call.options(2)
        return [
          try Double(options.integer("steps")),
          [
            "eps": try options.budget("eps"), "norm": try options.string("norm"),
            "size": try options.integersIfGiven("size"),
            "lr": try options.options("inner").number("lr"),
          ] as LuaRecord,
        ]
      },
      Entry("fail", "(kind: string)", doc: "Throws.") { call in
        switch try call.string(1) {
        case "memory": throw KilpiError("no room for 80 MB", kind: .memory)
        case "interrupted": throw KilpiError("interrupted", kind: .interrupted)
        case "odd": throw OddError()
        default:
          throw KilpiError("inner sizes differ", advice: "transpose one of them?")
        }
      },
      Entry("read", "(path: string)", doc: "Reads a file by another path than the one given.") {
        call in
        _ = try call.string(1)
        return [try FileReader.bytes(at: "/etc/passwd").count]
      },
      Entry("kind", "(err: string) -> string, string", doc: "Kind and traceback.") { call in
        let raised = call.state.raisedError(try call.string(1))
        return [raised?.kind.name, raised?.traceback]
      },
      Entry("call", "(f: function, ...)", doc: "Calls back.") { call in
        let arguments = try call.values.dropFirst().map { $0 as any LuaConvertible }
        return try call.function(1).call(Array(arguments)).map { $0 as any LuaConvertible }
      },
      Entry("count", "(n: integer) -> function", doc: "An iterator.") { call in
        let limit = try call.integer(1)
        var next = 0
        return [
          LuaClosure("count") { _ in
            next += 1
            return next <= limit ? [next, next * next] : []
          }
        ]
      },
      Entry("integers", "(list: integer[])", doc: "Gives them back.") { call in
        [try call.integers(1)]
      },
      Entry("strings", "(list: string|string[])", doc: "Gives them back.") { call in
        [try call.strings(1)]
      },
      Entry("integer", "(n: integer)", doc: "Gives it back.") { call in [try call.integer(1)] },
      Entry("boolean", "(b: boolean)", doc: "Gives it back.") { call in [try call.boolean(1)] },
      Entry("string", "(s: string)", doc: "Gives it back.") { call in [try call.string(1)] },
      Entry("nested", "(t: table)", doc: "The shape.") { call in
        [try call.nestedNumbers(1).shape]
      },
      Entry("tree", "(t: any)", doc: "A copy.") { call in [try call.tree(1)] },
      Entry("axis", "(n: integer)", doc: "An axis of [2, 3], from 0.") { call in
        [try call.axis(1, shape: [2, 3])]
      },
      Entry("label", "(list: integer[])", doc: "Labels from 0.") { call in
        [try Indexing.labels(call.integers(1), classes: 10)]
      },
      Entry("wrap", "(f: function) -> blob", doc: "A blob that keeps a function.") { call in
        let blob = Blob(1, call.state.attachment(Meter.self) { Meter() })
        let function = try call.function(1)
        blob.function = function
        return [NewHandle(blob, keeping: [function])]
      },
      Entry("collect", "()", doc: "Collects from a host function.") { call in
        call.state.collect()
        return []
      },
    ],
    constants: [Constant("pi", type: "number", doc: "The circle's number.") { _ in Double.pi }])

  static let blobType = HandleType(
    Blob.self, name: "blob", doc: "Bytes that are counted.",
    methods: [
      Method("size", "() -> integer", doc: "Its size.") { blob, _ in [blob.size] },
      Method("join", "(other: blob) -> integer", doc: "Both sizes.") { blob, call in
        [blob.size + (try call.handle(1, as: Blob.self)).size]
      },
      Method("call", "(...)", doc: "Calls the kept function.") { blob, call in
        let arguments = try call.values.map { $0 as any LuaConvertible }
        return try blob.function?.call(arguments).map { $0 as any LuaConvertible } ?? []
      },
      Method("again", "() -> blob", doc: "A blob that uses this one.") { blob, call in
        let next = Blob(2, blob.meter)
        next.function = blob.function
        return [NewHandle(next, keeping: [call.receiverValue])]
      },
    ],
    fields: [
      Field("label", type: "string", doc: "A name.", get: { blob, _ in blob.label }) {
        blob, call in blob.label = try call.string(1)
      },
      Field("fixed", type: "integer", doc: "Cannot be set.") { _, _ in 7 },
    ],
    metamethods: [
      Entry("__add", "(a: blob, b: blob) -> integer", doc: "Sum of sizes.") { call in
        [try call.handle(1, as: Blob.self).size + call.handle(2, as: Blob.self).size]
      },
      Entry("__len", "(b) -> integer", doc: "Its size.") { call in
        [try call.handle(1, as: Blob.self).size]
      },
    ],
    index: { call in [try call.position(2, count: 3) * 10] })

  static let otherType = HandleType(Other.self, name: "other", doc: "Nothing.")
}

struct OddError: Error {}
