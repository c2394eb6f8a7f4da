internal import CLua
internal import CLuaBridge
internal import Diagnostics

/// The value that a script's `pcall` gets for an error thrown by Swift.
final class ErrorObject {
  var message: String
  var kind: LuaError.Kind
  var traceback: String
  /// The Swift error, unchanged.
  var cause: any Error
  /// True when the message already says where.
  let hasPosition: Bool

  init(_ error: any Error, name: String) {
    cause = error
    traceback = ""
    switch error {
    case let error as LuaError:
      (message, kind, traceback, hasPosition) = (error.message, error.kind, error.traceback, true)
      if let inner = error.cause { cause = inner }
    case let error as KilpiError:
      hasPosition = false
      switch error.kind {
      case .host: (message, kind) = (error.named(name).description, .host)
      case .memory: (message, kind) = (error.named(name).description, .memory)
      case .interrupted: (message, kind) = (error.description, .interrupted)
      }
    case let error as ArgumentError:
      (message, kind, hasPosition) = (error.description, .host, false)
    default:
      let prefix = name.isEmpty ? "" : name + ": "
      (message, kind, hasPosition) = (prefix + String(describing: error), .host, false)
    }
  }

  /// How scripts see it: fields, text, and `..` like the string it stands for.
  static let handleType = HandleType(
    ErrorObject.self, name: "error", doc: "An error raised by a function of Kilpi.",
    fields: [
      Field("message", type: "string", doc: "The whole text, with the place in front.") {
        error, _ in
        error.message
      },
      Field(
        "kind", type: "string", doc: "syntax, runtime, host, interrupted or memory."
      ) { error, _ in error.kind.name },
      Field("traceback", type: "string", doc: "The calls that led to the error.") { error, _ in
        error.traceback
      },
    ],
    metamethods: [
      Entry("__tostring", "(error) -> string", doc: "The message.") { call in
        [try call.handle(1, as: ErrorObject.self).message]
      },
      Entry("__concat", "(a, b) -> string", doc: "Joins the message and a string.") { call in
        [try (1...2).map { try call.errorText($0) }.joined()]
      },
    ])
}

extension Call {
  fileprivate func errorText(_ index: Int) throws -> String {
    switch value(index) {
    case .handle(let handle):
      if let error = handle.object as? ErrorObject { return error.message }
    case .string(let text): return text.display
    case .integer(let value): return String(value)
    case .number(let value): return ErrorText.number(value)
    default: break
    }
    throw KilpiError("", "attempt to concatenate a \(value(index).typeName) value")
  }
}
