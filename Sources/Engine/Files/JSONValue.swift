/// A JSON value that keeps what JSON text says: integers stay integers, members keep their order.
///
/// Foundation's reader loses both and accepts duplicate keys, which file formats with a JSON header
/// (safetensors) must refuse; hence this one.
public enum JSONValue: Equatable, Sendable {
  /// `null`.
  case null
  /// `true` or `false`.
  case bool(Bool)
  /// A number written without point or exponent that fits 64 bits.
  case integer(Int64)
  /// Any other number.
  case number(Double)
  /// A string.
  case string(String)
  /// A list of values.
  case array([JSONValue])
  /// Members in the order of the text.
  case object([Member])

  /// One `"key": value` of an object.
  public struct Member: Equatable, Sendable {
    /// The key.
    public var key: String
    /// The value.
    public var value: JSONValue

    /// Creates a member.
    public init(_ key: String, _ value: JSONValue) {
      self.key = key
      self.value = value
    }
  }

  /// The member `key` of an object; nil for other values and for a key that is not there.
  public subscript(key: String) -> JSONValue? {
    guard case .object(let members) = self else { return nil }
    return members.first { $0.key == key }?.value
  }

  /// The integer, also of a number such as `3.0`.
  public var int: Int? {
    switch self {
    case .integer(let value): return Int(exactly: value)
    case .number(let value): return Int(exactly: value)
    default: return nil
    }
  }

  /// The number.
  public var double: Double? {
    switch self {
    case .integer(let value): return Double(value)
    case .number(let value): return value
    default: return nil
    }
  }

  /// The string.
  public var string: String? {
    if case .string(let value) = self { return value }
    return nil
  }

  /// The truth value.
  public var bool: Bool? {
    if case .bool(let value) = self { return value }
    return nil
  }

  /// The elements of an array.
  public var array: [JSONValue]? {
    if case .array(let value) = self { return value }
    return nil
  }

  /// The members of an object, in the order of the text.
  public var object: [Member]? {
    if case .object(let value) = self { return value }
    return nil
  }

  /// An object from pairs, in their order; a convenience for writers.
  public static func record(_ members: KeyValuePairs<String, JSONValue>) -> JSONValue {
    .object(members.map { Member($0.key, $0.value) })
  }
}

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral,
  ExpressibleByFloatLiteral, ExpressibleByBooleanLiteral, ExpressibleByArrayLiteral
{
  /// Wraps a string literal.
  public init(stringLiteral value: String) { self = .string(value) }
  /// Wraps an integer literal.
  public init(integerLiteral value: Int64) { self = .integer(value) }
  /// Wraps a floating-point literal.
  public init(floatLiteral value: Double) { self = .number(value) }
  /// Wraps a Boolean literal.
  public init(booleanLiteral value: Bool) { self = .bool(value) }
  /// Wraps an array literal.
  public init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
}
