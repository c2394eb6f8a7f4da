internal import Diagnostics

/// Bounds on what a JSON text may ask of its reader.
public struct JSONLimits: Sendable {
  /// Bytes of text.
  public var bytes: Int
  /// Nesting of arrays and objects.
  public var depth: Int

  /// Creates limits; the defaults are those of `assurance.md` c.6.
  public init(bytes: Int = 64 << 20, depth: Int = 64) {
    self.bytes = bytes
    self.depth = depth
  }
}

extension JSONValue {
  /// The value of a JSON text (RFC 8259), read strictly.
  ///
  /// - Throws: `KilpiError` with the byte offset for anything that is not JSON, for duplicate keys,
  ///   for numbers out of range, for invalid UTF-8, and beyond `limits`; on interrupt.
  public static func parse(_ text: String, limits: JSONLimits = JSONLimits()) throws -> JSONValue {
    try parse(Array(text.utf8), limits: limits)
  }

  /// The value of a JSON text given as UTF-8 bytes; see `parse(_:limits:)` for strings.
  public static func parse(_ bytes: [UInt8], limits: JSONLimits = JSONLimits()) throws -> JSONValue
  {
    guard bytes.count <= limits.bytes else {
      throw KilpiError("", "the JSON text has \(bytes.count) bytes, the limit is \(limits.bytes)")
    }
    return try bytes.withUnsafeBufferPointer { buffer in
      var reader = JSONReader(bytes: buffer, limits: limits)
      return try reader.document()
    }
  }
}

/// A recursive-descent reader; `limits.depth` bounds the recursion.
private struct JSONReader {
  let bytes: UnsafeBufferPointer<UInt8>
  let limits: JSONLimits
  var position = 0
  /// Where the interrupt flag is looked at next.
  private var nextLook = 0

  init(bytes: UnsafeBufferPointer<UInt8>, limits: JSONLimits) {
    self.bytes = bytes
    self.limits = limits
  }

  func failure(_ problem: String) -> KilpiError {
    KilpiError("", "not valid JSON at byte \(position): \(problem)")
  }

  private mutating func look() throws {
    guard position >= nextLook else { return }
    try Interrupts.poll()
    nextLook = position + 65_536
  }

  mutating func document() throws -> JSONValue {
    let value = try value(depth: 0)
    skipSpace()
    guard position == bytes.count else { throw failure("text after the value") }
    return value
  }

  mutating func skipSpace() {
    while position < bytes.count, [0x20, 0x09, 0x0A, 0x0D].contains(bytes[position]) {
      position += 1
    }
  }

  var current: UInt8? { position < bytes.count ? bytes[position] : nil }

  mutating func expect(_ word: String, _ value: JSONValue) throws -> JSONValue {
    for byte in word.utf8 {
      guard current == byte else { throw failure("expected '\(word)'") }
      position += 1
    }
    return value
  }

  mutating func value(depth: Int) throws -> JSONValue {
    try look()
    skipSpace()
    guard depth <= limits.depth else { throw failure("nested deeper than \(limits.depth)") }
    switch current {
    case UInt8(ascii: "{"): return try object(depth: depth)
    case UInt8(ascii: "["): return try array(depth: depth)
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "t"): return try expect("true", .bool(true))
    case UInt8(ascii: "f"): return try expect("false", .bool(false))
    case UInt8(ascii: "n"): return try expect("null", .null)
    case nil: throw failure("it ends here")
    default: return try number()
    }
  }

  mutating func object(depth: Int) throws -> JSONValue {
    position += 1
    var members: [JSONValue.Member] = []
    var seen: Set<String> = []
    skipSpace()
    if current == UInt8(ascii: "}") {
      position += 1
      return .object([])
    }
    while true {
      skipSpace()
      guard current == UInt8(ascii: "\"") else { throw failure("expected a key") }
      let key = try string()
      guard seen.insert(key).inserted else {
        throw failure("the key '\(key.prefix(40))' stands twice")
      }
      skipSpace()
      guard current == UInt8(ascii: ":") else { throw failure("expected ':'") }
      position += 1
      members.append(JSONValue.Member(key, try value(depth: depth + 1)))
      skipSpace()
      guard let next = current else { throw failure("it ends inside an object") }
      position += 1
      if next == UInt8(ascii: "}") { return .object(members) }
      guard next == UInt8(ascii: ",") else { throw failure("expected ',' or '}'") }
    }
  }

  mutating func array(depth: Int) throws -> JSONValue {
    position += 1
    var elements: [JSONValue] = []
    skipSpace()
    if current == UInt8(ascii: "]") {
      position += 1
      return .array([])
    }
    while true {
      elements.append(try value(depth: depth + 1))
      skipSpace()
      guard let next = current else { throw failure("it ends inside an array") }
      position += 1
      if next == UInt8(ascii: "]") { return .array(elements) }
      guard next == UInt8(ascii: ",") else { throw failure("expected ',' or ']'") }
    }
  }

  mutating func string() throws -> String {
    position += 1
    var characters: [UInt8] = []
    while let byte = current {
      try look()
      position += 1
      switch byte {
      case UInt8(ascii: "\""):
        guard let text = String(validating: characters, as: UTF8.self) else {
          throw failure("a string is not valid UTF-8")
        }
        return text
      case UInt8(ascii: "\\"):
        try escape(into: &characters)
      case 0..<0x20:
        throw failure("a control character in a string")
      default:
        characters.append(byte)
      }
    }
    throw failure("it ends inside a string")
  }

  mutating func escape(into characters: inout [UInt8]) throws {
    guard let byte = current else { throw failure("it ends inside a string") }
    position += 1
    switch byte {
    case UInt8(ascii: "n"): characters.append(0x0A)
    case UInt8(ascii: "t"): characters.append(0x09)
    case UInt8(ascii: "r"): characters.append(0x0D)
    case UInt8(ascii: "b"): characters.append(0x08)
    case UInt8(ascii: "f"): characters.append(0x0C)
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): characters.append(byte)
    case UInt8(ascii: "u"):
      var code = try hexadecimal()
      if (0xD800..<0xDC00).contains(code) {
        guard current == UInt8(ascii: "\\") else { throw failure("a lone surrogate") }
        position += 1
        guard current == UInt8(ascii: "u") else { throw failure("a lone surrogate") }
        position += 1
        let low = try hexadecimal()
        guard (0xDC00..<0xE000).contains(low) else { throw failure("a lone surrogate") }
        code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
      }
      guard let scalar = Unicode.Scalar(code) else { throw failure("a lone surrogate") }
      characters.append(contentsOf: Array(String(Character(scalar)).utf8))
    default: throw failure("an unknown escape")
    }
  }

  mutating func hexadecimal() throws -> UInt32 {
    var value: UInt32 = 0
    for _ in 0..<4 {
      guard let byte = current, let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
        throw failure("expected four hexadecimal digits")
      }
      value = value << 4 + UInt32(digit)
      position += 1
    }
    return value
  }

  mutating func digits() throws {
    guard let byte = current, (0x30...0x39).contains(byte) else { throw failure("not a value") }
    while let byte = current, (0x30...0x39).contains(byte) { position += 1 }
  }

  mutating func number() throws -> JSONValue {
    let start = position
    var isInteger = true
    if current == UInt8(ascii: "-") { position += 1 }
    let first = position
    try digits()
    if bytes[first] == 0x30, position > first + 1 { throw failure("a number with a leading zero") }
    if current == UInt8(ascii: ".") {
      isInteger = false
      position += 1
      try digits()
    }
    if current == UInt8(ascii: "e") || current == UInt8(ascii: "E") {
      isInteger = false
      position += 1
      if current == UInt8(ascii: "+") || current == UInt8(ascii: "-") { position += 1 }
      try digits()
    }
    let text = String(decoding: bytes[start..<position], as: UTF8.self)
    if isInteger, let value = Int64(text) { return .integer(value) }
    guard let value = Double(text), value.isFinite else { throw failure("a number out of range") }
    return .number(value)
  }
}
