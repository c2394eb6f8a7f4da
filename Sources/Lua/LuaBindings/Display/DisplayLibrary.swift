internal import Diagnostics
internal import Images
package import LuaHost
internal import Tensors

/// What `display` shows.
package enum Displayed {
  /// A value that says nothing about itself; the shell prints it as its echo does.
  case value(LuaValue)
  /// MIME types with their contents, `text/plain` among them: strings, tables (JSON types), or
  /// functions that give them.
  case bundle([(type: String, content: LuaValue)])
}

/// Shows a value, and the later ones of an id in the place of the first where that is possible.
///
/// The third argument is the built-in way: a PNG goes to the pictures, everything else to the output
/// as text.
package typealias DisplayHandler = (Displayed, _ id: String?, _ plain: () throws -> Void) throws ->
  Void

/// Where a state's `display` goes; shells install a handler.
final class DisplaySink {
  var handler: DisplayHandler = { _, _, plain in try plain() }
}

extension LuaState {
  /// Sends what `display` shows to `handler`.
  package func installDisplay(_ handler: @escaping DisplayHandler) {
    attachment(DisplaySink.self) { DisplaySink() }.handler = handler
  }
}

/// The globals that are no modules.
enum DisplayLibrary {
  static let library = Library(
    "", doc: "Functions outside the modules.",
    entries: [
      Entry(
        "display", "(value: any [, options])",
        doc: """
          Shows a value now, in terminal or notebook. A table with the key "text/plain" is a bundle of \
          MIME types and contents; a value whose metatable has `__display(self)` gives such a bundle. \
          Contents may be functions, which are called if that type is wanted.
          """,
        options: [
          .string(
            "id",
            "a second call with the same id updates the first one in place, where nothing was written "
              + "below it; else it is shown anew")
        ],
        example: """
          display{["text/plain"] = "two words", ["text/html"] = "<b>two words</b>"}  --> two words
          """
      ) { call in
        guard call.count > 0 else { throw call.badArgument(1, expected: "value") }
        // A text is copied to be shown.
        if call.kind(1) == .string { try MemoryReservation.ask(call.length(1)) }
        let id = try call.options(2).stringIfGiven("id")
        let shown = try displayed(call.value(1), call.state)
        let sink = call.state.attachment(DisplaySink.self) { DisplaySink() }
        try sink.handler(shown, id) { try show(shown, call.state) }
        return []
      }
    ])

  /// What MIME types begin with.
  private static let kinds = ["application", "image", "text"]

  private static func displayed(_ value: LuaValue, _ state: LuaState) throws -> Displayed {
    var bundle = value.table
    if let function = state.metafield(value, "__display")?.function {
      let result = try function.first([value])
      guard let table = result.table else {
        throw KilpiError("__display gave a \(result.typeName), a table is needed")
      }
      bundle = table
    }
    guard let bundle else { return .value(value) }
    let parts = try bundle.pairs().compactMap { key, content in key.string.map { ($0, content) } }
      .sorted { $0.0 < $1.0 }
    if try !bundle.get("text/plain").isNil { return .bundle(parts) }
    // Any other type makes a bundle, too; its text is the list of what there is.
    let types = parts.map(\.0).filter { type in kinds.contains { type.hasPrefix($0 + "/") } }
    guard !types.isEmpty else { return .value(value) }
    let text = "<" + types.joined(separator: ", ") + ">"
    return .bundle(parts + [("text/plain", .string(LuaString(text)))])
  }

  /// The built-in way: a PNG as a picture where one can be shown, else text.
  private static func show(_ shown: Displayed, _ state: LuaState) throws {
    switch shown {
    case .value(let value):
      if let function = state.metafield(value, "__print")?.function {
        state.write(try state.text(function.first([value])) + "\n", to: .standard)
      } else {
        state.write(try state.text(value) + "\n", to: .standard)
      }
    case .bundle(let parts):
      if let part = parts.first(where: { $0.type == "image/png" }),
        case .string(let bytes) = try content(part.content),
        let image = try? ImageFile.decode(bytes.bytes, name: "display"), state.show(pixels: image)
      {
        return
      }
      guard let plain = parts.first(where: { $0.type == "text/plain" }) else { return }
      state.write(try state.text(content(plain.content)) + "\n", to: .standard)
    }
  }

  private static func content(_ value: LuaValue) throws -> LuaValue {
    try value.function.map { try $0.first() } ?? value
  }
}
