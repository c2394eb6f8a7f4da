internal import Files
internal import LuaHost

/// The catalogue as data: what a program needs to make calls of every function, method, operator,
/// field and option.
package enum CatalogueDescription {
  /// One JSON object: `libraries` with their functions, `types` with methods, operators and fields.
  package static func json() -> String {
    let catalog = KilpiCatalog.catalog
    return JSONValue.record([
      "libraries": .array(catalog.libraries.map(library)),
      "types": .array(catalog.types.map(type)),
    ]).serialized()
  }

  private static func library(_ library: Library) -> JSONValue {
    .record([
      "name": .string(library.name), "functions": .array(library.entries.map(entry)),
      "constants": .array(library.constants.map { .string($0.name) }),
    ])
  }

  private static func type(_ type: HandleType) -> JSONValue {
    .record([
      "name": .string(type.name), "methods": .array(type.methods.map(entry)),
      "operators": .array(type.metamethods.map(entry)),
      "fields": .array(
        type.fieldList.map {
          .record([
            "name": .string($0.name), "type": .string($0.type), "writable": .bool($0.writable),
          ])
        }),
      "indexed": .bool(type.index != nil), "assigned": .bool(type.assign != nil),
    ])
  }

  private static func entry(_ entry: Entry) -> JSONValue {
    let signature = Signature(entry.signature)
    return .record([
      "name": .string(entry.name), "parameters": .array(signature.parameters.map(item)),
      "results": .array(signature.results.map(item)),
      "options": .array(entry.options.map(option)),
    ])
  }

  private static func item(_ item: Signature.Item) -> JSONValue {
    .record([
      "name": .string(item.name), "type": .string(item.type), "optional": .bool(item.isOptional),
    ])
  }

  private static func option(_ option: OptionSpec) -> JSONValue {
    var members: [JSONValue.Member] = [
      .init("name", .string(option.name)), .init("type", .string(option.typeText)),
      .init("required", .bool(option.required)),
    ]
    if let fallback = option.fallback { members.append(.init("default", .string(fallback.text))) }
    func form(_ name: JSONValue, _ more: JSONValue.Member...) {
      members.append(.init("form", name))
      members += more
    }
    switch option.form {
    case .boolean: form("boolean")
    case .integer(let range):
      form(
        "integer", .init("low", .integer(Int64(range.lowerBound))),
        .init("high", .integer(Int64(range.upperBound))))
    case .number(let range):
      form(
        "number", .init("low", .number(range.lowerBound)), .init("high", .number(range.upperBound))
      )
    case .budget: form("budget")
    case .string: form("string")
    case .choice(let choices): form("choice", .init("choices", .array(choices.map { .string($0) })))
    case .integers: form("integers")
    case .numbers: form("numbers")
    case .strings: form("strings")
    case .function: form("function")
    case .handle(let type): form("handle", .init("handle", .string(type)))
    case .table(let fields): form("table", .init("fields", .array(fields.map(Self.option))))
    case .any: form("any")
    }
    return .object(members)
  }
}
