internal import Diagnostics
internal import Files
internal import LuaHost
internal import Tensors

/// What `json.null` is in Swift.
final class JSONNull: LuaObject {}

/// The module `json`.
enum JSONLibrary {
  static let library = Library(
    "json", doc: "JSON text from tables, and tables from JSON text.",
    entries: [
      Entry(
        "encode", "(value: any [, options]) -> string",
        doc: """
          The JSON text of a value. Tables with the keys 1 … n become lists, others objects with sorted \
          keys, an empty one too, unless it was decoded from a list: `json.decode("[]")` makes an empty \
          list. Tensors become nested lists. JSON has no NaN and no infinities: they are written as the \
          strings `"nan"`, `"inf"` and `"-inf"`, which `json.decode` leaves strings.
          """,
        options: [.integer("indent", range: 0...16, "spaces a level, for text over several lines")],
        example:
          "print(json.encode{name = \"pgd\", eps = {1, 2}})  --> {\"eps\":[1,2],\"name\":\"pgd\"}"
      ) { call in
        let indent = try call.options(2).integerIfGiven("indent")
        let reservation = try MemoryReservation()
        let value = try JSONConversion.value(
          call.tree(1, reservation: reservation), reservation: reservation)
        let bytes = try value.serialized(indent: indent, reservation: reservation)
        return [JSONConversion.Text(bytes: bytes, reservation: reservation)]
      },
      Entry(
        "decode", "(text: string) -> any",
        doc: """
          The value that a JSON text stands for; `null` becomes `json.null`. Empty lists carry a mark, by \
          which `json.encode` knows them from empty objects.
          """,
        example: "print(json.decode('{\"a\": [1, 2.5]}').a[2])  --> 2.5"
      ) { call in
        let reservation = try MemoryReservation()
        let value = try JSONValue.parse(call.bytes(1).bytes, reservation: reservation)
        return [JSONConversion.Pushed(value: value, reservation: reservation)]
      },
    ],
    constants: [
      Constant("null", type: "json null", doc: "Stands for `null`, which nil cannot do in tables.")
      { _ in
        JSONNull()
      }
    ],
    elsewhere: [
      "loads": "json.decode(text)", "load": "json.decode(text)", "parse": "json.decode(text)",
      "dumps": "json.encode(value)", "dump": "json.encode(value)",
      "stringify": "json.encode(value)",
    ])

  static let nullType = HandleType(
    JSONNull.self, name: "json null", doc: "The type of `json.null`.",
    metamethods: [
      Entry("__tostring", "(value) -> string", doc: "The text null.") { _ in ["null"] },
      Entry("__eq", "(a, b) -> boolean", doc: "True for any two of them.") { call in
        let a = try call.handleIfPresent(1, as: JSONNull.self)
        let b = try call.handleIfPresent(2, as: JSONNull.self)
        return [a != nil && b != nil]
      },
    ])
}
