/// A Lua value in Swift.
///
/// Tables, functions and handles are references into their state.
public enum LuaValue {
  case `nil`
  case boolean(Bool)
  case integer(Int64)
  case number(Double)
  /// The bytes of a string, which need not be UTF-8.
  case string(LuaString)
  case table(LuaTable)
  case function(LuaFunction)
  case handle(LuaHandle)
  /// A coroutine, a file or another userdata.
  case other(LuaReference)

  /// The text of a string that is UTF-8.
  public var string: String? {
    if case .string(let value) = self { return value.text }
    return nil
  }

  /// The whole number that an integer, or a float such as 3.0, stands for.
  public var int: Int? {
    switch self {
    case .integer(let value): return Int(value)
    case .number(let value): return Int(exactly: value)
    default: return nil
    }
  }

  /// The value of an integer or a float.
  public var double: Double? {
    switch self {
    case .integer(let value): return Double(value)
    case .number(let value): return value
    default: return nil
    }
  }

  /// The value of a boolean.
  public var bool: Bool? {
    if case .boolean(let value) = self { return value }
    return nil
  }

  /// The table.
  public var table: LuaTable? {
    if case .table(let value) = self { return value }
    return nil
  }

  /// The function.
  public var function: LuaFunction? {
    if case .function(let value) = self { return value }
    return nil
  }

  /// True for `nil`.
  public var isNil: Bool {
    if case .nil = self { return true }
    return false
  }

  /// The Swift object of a handle, if it is a `T` and was not released.
  public func object<T: AnyObject>(as type: T.Type) -> T? {
    if case .handle(let handle) = self { return handle.object as? T }
    return nil
  }

  /// True for a handle whose object is gone.
  public var isReleased: Bool {
    if case .handle(let handle) = self { return handle.object == nil }
    return false
  }

  /// The type in Lua's words; handles give their own name.
  public var typeName: String {
    switch self {
    case .nil: return "nil"
    case .boolean: return "boolean"
    case .integer, .number: return "number"
    case .string: return "string"
    case .table: return "table"
    case .function: return "function"
    case .handle(let handle): return handle.typeName
    case .other: return "userdata"
    }
  }
}

/// A Lua string: bytes with a length.
public struct LuaString: Hashable, Sendable {
  /// The bytes.
  public var bytes: [UInt8]

  /// Wraps bytes.
  public init(_ bytes: [UInt8]) { self.bytes = bytes }
  /// The UTF-8 bytes of a text.
  public init(_ text: String) { bytes = Array(text.utf8) }

  /// The text, if the bytes are UTF-8.
  public var text: String? { String(validating: bytes, as: UTF8.self) }
  /// The text with invalid bytes replaced; for messages.
  public var display: String { String(decoding: bytes, as: UTF8.self) }
}
