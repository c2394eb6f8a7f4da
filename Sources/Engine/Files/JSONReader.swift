public import Diagnostics

/// Bounds on what a JSON text may ask of its reader.
public struct JSONLimits: Sendable {
  /// Bytes of text.
  public var bytes: Int
  /// Nesting of arrays and objects.
  public var depth: Int
  /// Bytes of one string, as it is written.
  public var string: Int
  /// Values built by `JSONReader.value()`, those inside others counted too.
  public var values: Int

  /// Creates limits.
  public init(
    bytes: Int = 64 << 20, depth: Int = 64, string: Int = .max, values: Int = .max
  ) {
    self.bytes = bytes
    self.depth = depth
    self.string = string
    self.values = values
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
  ///
  /// - Parameter reservation: takes what the value takes, for as long as the caller keeps both.
  public static func parse(
    _ bytes: [UInt8], limits: JSONLimits = JSONLimits(), reservation: MemoryReservation? = nil
  ) throws -> JSONValue {
    try bytes.withUnsafeBytes {
      try JSONReader.read($0, limits: limits, reservation: reservation) { try $0.value() }
    }
  }
}

/// Reads a JSON text strictly and piece by piece, so that what will be refused is never built.
///
/// By recursive descent; `limits.depth` bounds the recursion.
public struct JSONReader {
  private let bytes: UnsafeRawBufferPointer
  private let limits: JSONLimits
  private var position = 0
  private var depth = 0
  private var values = 0
  /// Where the interrupt flag is looked at next.
  private var nextLook = 0
  /// The values built so far, and how many of them are in it.
  private let reservation: MemoryReservation
  private var reserved = 0

  private init(
    bytes: UnsafeRawBufferPointer, limits: JSONLimits, reservation: MemoryReservation
  ) {
    self.bytes = bytes
    self.limits = limits
    self.reservation = reservation
  }

  /// Calls `body` with a reader in front of the only value of a text, and checks that nothing
  /// follows what `body` has read.
  ///
  /// - Throws: `KilpiError` with the byte offset, or on interrupt, and what `body` throws.
  public static func read<Result>(
    _ bytes: UnsafeRawBufferPointer, limits: JSONLimits = JSONLimits(),
    reservation: MemoryReservation? = nil, _ body: (inout JSONReader) throws -> Result
  ) throws -> Result {
    guard bytes.count <= limits.bytes else {
      throw KilpiError("the JSON text has \(bytes.count) bytes, the limit is \(limits.bytes)")
    }
    var reader = JSONReader(
      bytes: bytes, limits: limits, reservation: try reservation ?? MemoryReservation())
    let result = try body(&reader)
    reader.skipSpace()
    guard reader.position == bytes.count else { throw reader.failure("text after the value") }
    return result
  }

  private func failure(_ problem: String) -> KilpiError {
    KilpiError("not valid JSON at byte \(position): \(problem)")
  }

  private mutating func look() throws {
    guard position >= nextLook else { return }
    try Interrupts.poll()
    // Lists grow by doubling; texts take about what they take here.
    try reservation.grow(by: (values - reserved) * 2 * MemoryLayout<JSONValue>.stride + 65_536)
    reserved = values
    nextLook = position + 65_536
  }

  private mutating func skipSpace() {
    while position < bytes.count {
      switch bytes[position] {
      case 0x20, 0x09, 0x0A, 0x0D: position += 1
      default: return
      }
    }
  }

  private var current: UInt8? { position < bytes.count ? bytes[position] : nil }

  /// True when the next value is an object.
  public mutating func isAtObject() -> Bool {
    skipSpace()
    return current == UInt8(ascii: "{")
  }

  /// True when the next value is a list.
  public mutating func isAtArray() -> Bool {
    skipSpace()
    return current == UInt8(ascii: "[")
  }

  /// True when the next value is a string.
  public mutating func isAtString() -> Bool {
    skipSpace()
    return current == UInt8(ascii: "\"")
  }

  /// The byte of the text that is read next.
  public var offset: Int { position }

  /// Reads the next value; nil unless it is an integer from 0 on, written without point or exponent.
  public mutating func wholeNumber() throws -> Int? {
    skipSpace()
    guard let byte = current, (0x30...0x39).contains(byte) else {
      _ = try value()
      return nil
    }
    guard case .integer(let number) = try number() else { return nil }
    return Int(exactly: number)
  }

  private mutating func expect(_ word: String, _ value: JSONValue) throws -> JSONValue {
    for byte in word.utf8 {
      guard current == byte else { throw failure("expected '\(word)'") }
      position += 1
    }
    return value
  }

  /// Reads the next value as a whole.
  public mutating func value() throws -> JSONValue {
    skipSpace()
    try checkDepth()
    values += 1
    guard values <= limits.values else { throw failure("more than \(limits.values) values") }
    switch current {
    case UInt8(ascii: "{"):
      var members: [JSONValue.Member] = []
      try eachMember { reader, key in
        members.append(JSONValue.Member(key, try reader.value()))
      }
      return .object(members)
    case UInt8(ascii: "["):
      var elements: [JSONValue] = []
      try eachElement { elements.append(try $0.value()) }
      return .array(elements)
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "t"): return try expect("true", .bool(true))
    case UInt8(ascii: "f"): return try expect("false", .bool(false))
    case UInt8(ascii: "n"): return try expect("null", .null)
    case nil: throw failure("it ends here")
    default: return try number()
    }
  }

  private mutating func checkDepth() throws {
    try look()
    guard depth <= limits.depth else { throw failure("nested deeper than \(limits.depth)") }
  }

  /// Reads the next value, an object: `body` gets each key and must read the value after it.
  public mutating func eachMember(
    _ body: (inout JSONReader, String) throws -> Void
  ) throws {
    skipSpace()
    try checkDepth()
    guard current == UInt8(ascii: "{") else { throw failure("expected an object") }
    position += 1
    depth += 1
    defer { depth -= 1 }
    var seen: Set<String> = []
    skipSpace()
    if current == UInt8(ascii: "}") {
      position += 1
      return
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
      try body(&self, key)
      skipSpace()
      guard let next = current else { throw failure("it ends inside an object") }
      position += 1
      if next == UInt8(ascii: "}") { return }
      guard next == UInt8(ascii: ",") else { throw failure("expected ',' or '}'") }
    }
  }

  /// Reads the next value, a list: `body` must read each element.
  public mutating func eachElement(_ body: (inout JSONReader) throws -> Void) throws {
    skipSpace()
    try checkDepth()
    guard current == UInt8(ascii: "[") else { throw failure("expected a list") }
    position += 1
    depth += 1
    defer { depth -= 1 }
    skipSpace()
    if current == UInt8(ascii: "]") {
      position += 1
      return
    }
    while true {
      try body(&self)
      skipSpace()
      guard let next = current else { throw failure("it ends inside an array") }
      position += 1
      if next == UInt8(ascii: "]") { return }
      guard next == UInt8(ascii: ",") else { throw failure("expected ',' or ']'") }
    }
  }

  /// Reads the next value, a string.
  public mutating func string() throws -> String {
    skipSpace()
    guard current == UInt8(ascii: "\"") else { throw failure("expected a string") }
    position += 1
    let start = position
    // Up to the end or the first escape nothing has to be copied byte by byte.
    while let byte = current, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\") {
      position += 1
      if byte < 0x20 { throw failure("a control character in a string") }
      try checkLength(from: start)
    }
    if current == UInt8(ascii: "\"") {
      position += 1
      return try text(UnsafeRawBufferPointer(rebasing: bytes[start..<position - 1]))
    }
    var characters = Array(bytes[start..<position])
    while let byte = current {
      position += 1
      switch byte {
      case UInt8(ascii: "\""): return try characters.withUnsafeBytes { try text($0) }
      case UInt8(ascii: "\\"): try escape(into: &characters)
      case 0..<0x20: throw failure("a control character in a string")
      default: characters.append(byte)
      }
      try checkLength(from: start)
    }
    throw failure("it ends inside a string")
  }

  private mutating func checkLength(from start: Int) throws {
    try look()
    guard position - start <= limits.string else {
      throw failure("a string of more than \(limits.string) bytes")
    }
  }

  private func text(_ bytes: UnsafeRawBufferPointer) throws -> String {
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw failure("a string is not valid UTF-8")
    }
    return text
  }

  private mutating func escape(into characters: inout [UInt8]) throws {
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

  private mutating func hexadecimal() throws -> UInt32 {
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

  private mutating func digits() throws {
    guard let byte = current, (0x30...0x39).contains(byte) else { throw failure("not a value") }
    while let byte = current, (0x30...0x39).contains(byte) { position += 1 }
  }

  private mutating func number() throws -> JSONValue {
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
    guard position - start <= limits.string else {
      throw failure("a number of more than \(limits.string) digits")
    }
    let text = String(decoding: bytes[start..<position], as: UTF8.self)
    if isInteger, let value = Int64(text) { return .integer(value) }
    guard let value = Double(text), value.isFinite else { throw failure("a number out of range") }
    return .number(value)
  }
}
