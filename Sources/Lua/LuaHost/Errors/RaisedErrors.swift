internal import Diagnostics

/// What the host knows of an error that it raised; scripts hold its message, a plain string.
struct RaisedError {
  /// The whole text, with the place in front.
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
}

/// The last errors that the host raised, found by their text.
///
/// Lua programs expect text from `pcall`, so text is what they get, and kind, cause and traceback stay
/// here. Two errors of one text differ in nothing that matters: the newest is found.
struct RaisedErrors {
  static let limit = 64
  private var ring: [RaisedError] = []
  private var next = 0

  /// Remembers an error in place of the oldest.
  mutating func append(_ error: RaisedError) {
    if ring.count < Self.limit {
      ring.append(error)
    } else {
      ring[next] = error
    }
    next = (next + 1) % Self.limit
  }

  /// The newest error with this text, or with this text behind places: `coroutine.wrap` and `error` put
  /// the place of the caller in front of a text that they pass on.
  subscript(text: String) -> RaisedError? {
    for age in 1...Self.limit {
      let index = (next - age + Self.limit) % Self.limit
      if index < ring.count, Self.isPassedOn(ring[index].message, as: text) { return ring[index] }
    }
    return nil
  }

  /// True when `text` is `message`, or ends with it behind `chunk:line: `.
  private static func isPassedOn(_ message: String, as text: String) -> Bool {
    guard text.utf8.count >= message.utf8.count, text.hasSuffix(message) else { return false }
    let place = text.utf8.dropLast(message.utf8.count)
    guard !place.isEmpty else { return true }
    guard place.suffix(2).elementsEqual(": ".utf8) else { return false }
    let line = place.dropLast(2).reversed().prefix {
      $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9")
    }
    return !line.isEmpty && place.dropLast(2 + line.count).last == UInt8(ascii: ":")
  }
}

extension LuaState {
  /// Kind and traceback of an error that a host function raised, by the text that scripts hold.
  ///
  /// - Returns: nil for a text that is none of the last 64 such errors.
  public func raisedError(_ message: String) -> (kind: LuaError.Kind, traceback: String)? {
    raised[message].map { ($0.kind, $0.traceback) }
  }
}
