/// A failure of Lua code as Swift sees it.
public struct LuaError: Error, CustomStringConvertible {
  /// What sort of failure it is.
  public enum Kind: Sendable, Equatable {
    /// The text does not compile; `incomplete` when more input could mend that.
    case syntax(incomplete: Bool)
    /// Raised by Lua or by a script.
    case runtime
    /// Thrown by a host function.
    case host
    /// Ctrl-C or its equivalent.
    case interrupted
    /// The memory cap or the system refused an allocation.
    case memory

    /// The word that `errors.info` gives as `kind`.
    public var name: String {
      switch self {
      case .syntax: return "syntax"
      case .runtime: return "runtime"
      case .host: return "host"
      case .interrupted: return "interrupted"
      case .memory: return "memory"
      }
    }
  }

  /// What sort of failure it is.
  public var kind: Kind
  /// The whole text, position included.
  public var message: String
  /// Lua's traceback from the place of the error; "" when there is none.
  public var traceback: String
  /// The Swift error that a host function threw, unchanged.
  public var cause: (any Error)?
  /// Names the Lua value that was raised, while the state still keeps it.
  var serial: Int

  /// Creates an error that no Lua value stands behind.
  public init(
    kind: Kind, message: String, traceback: String = "", cause: (any Error)? = nil
  ) {
    self.init(kind: kind, message: message, traceback: traceback, cause: cause, serial: 0)
  }

  init(kind: Kind, message: String, traceback: String, cause: (any Error)?, serial: Int) {
    self.kind = kind
    self.message = message
    self.traceback = traceback
    self.cause = cause
    self.serial = serial
  }

  /// The message.
  public var description: String { message }
}

/// A wrong argument, in Lua's own wording: `bad argument #2 to 'matmul' (tensor expected, got nil)`.
public struct ArgumentError: Error, Equatable, CustomStringConvertible {
  /// The whole text.
  public var description: String
}
