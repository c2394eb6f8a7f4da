public import Diagnostics

extension JSONValue {
  /// The JSON text of the value; NaN and infinities as the strings `"nan"`, `"inf"`, `"-inf"`.
  ///
  /// - Parameter indent: spaces a level for a text over several lines; nil for one line.
  public func serialized(indent: Int? = nil) -> String {
    var writer = JSONWriter<Never>(indent: indent) { _ in }
    writer.write(self, level: 0)
    return String(decoding: writer.bytes, as: UTF8.self)
  }

  /// The same as bytes, for a value of any size: room is reserved before it is taken, and the interrupt
  /// flag is looked at.
  ///
  /// - Parameter reservation: holds the room of the bytes that are returned, as long as it lives.
  /// - Throws: `KilpiError` of kind `memory` when there is no room, and on interrupt.
  public func serialized(indent: Int?, reservation: MemoryReservation) throws -> [UInt8] {
    var held = 0
    var writer = JSONWriter<any Error>(indent: indent) { room in
      try Interrupts.poll()
      guard room > held else { return }
      // While an array grows, the old one stands beside the new one.
      try MemoryReservation.ask(room)
      try reservation.grow(by: room - held)
      held = room
    }
    try writer.write(self, level: 0)
    return writer.bytes
  }
}

/// JSON text under construction.
private struct JSONWriter<Failure: Error> {
  private(set) var bytes: [UInt8] = []
  private let indent: Int?
  /// Bytes that may be written before the next look.
  private var room = 0
  private var sinceLook = 0
  /// Told the bytes that are needed in all, before they are taken, and at times in between.
  private let look: (_ room: Int) throws(Failure) -> Void
  /// Bytes written between two looks at most.
  private static var step: Int { 1 << 20 }

  init(indent: Int?, look: @escaping (Int) throws(Failure) -> Void) {
    self.indent = indent
    self.look = look
  }

  mutating func write(_ value: JSONValue, level: Int) throws(Failure) {
    switch value {
    case .null: try add("null")
    case .bool(let value): try add(value ? "true" : "false")
    case .integer(let value): try add(String(value))
    case .number(let value): try add(Self.text(of: value))
    case .string(let value): try quote(value)
    case .array(let elements):
      try add("[")
      for (index, element) in elements.enumerated() {
        try begin(index, level: level)
        try write(element, level: level + 1)
      }
      try end("]", isEmpty: elements.isEmpty, level: level)
    case .object(let members):
      try add("{")
      for (index, member) in members.enumerated() {
        try begin(index, level: level)
        try quote(member.key)
        try add(indent == nil ? ":" : ": ")
        try write(member.value, level: level + 1)
      }
      try end("}", isEmpty: members.isEmpty, level: level)
    }
  }

  /// What stands in front of an entry of a list.
  private mutating func begin(_ index: Int, level: Int) throws(Failure) {
    if index > 0 { try add(",") }
    try breakLine(level: level + 1)
  }

  private mutating func end(_ close: String, isEmpty: Bool, level: Int) throws(Failure) {
    if !isEmpty { try breakLine(level: level) }
    try add(close)
  }

  private mutating func breakLine(level: Int) throws(Failure) {
    guard let indent else { return }
    try add("\n")
    for _ in 0..<indent * level { try add(" ") }
  }

  private static func text(of value: Double) -> String {
    if value.isNaN { return "\"nan\"" }
    if value.isInfinite { return value > 0 ? "\"inf\"" : "\"-inf\"" }
    return "\(value)"
  }

  private mutating func prepare(_ count: Int) throws(Failure) {
    sinceLook += count
    guard bytes.count + count > room || sinceLook > Self.step else { return }
    sinceLook = 0
    if bytes.count + count > room {
      let larger = max(bytes.count + count, 2 * room, 256)
      try look(larger)
      bytes.reserveCapacity(larger)
      room = larger
    } else {
      try look(room)
    }
  }

  private mutating func add(_ text: String) throws(Failure) {
    try prepare(text.utf8.count)
    bytes.append(contentsOf: text.utf8)
  }

  private mutating func quote(_ string: String) throws(Failure) {
    try add("\"")
    var rest = string.utf8[...]
    while !rest.isEmpty {
      // What needs no escape is copied in one go.
      let length = Self.plainLength(rest)
      if length > 0 {
        try prepare(length)
        bytes.append(contentsOf: rest.prefix(length))
      } else {
        try add(Self.escape(rest[rest.startIndex]))
      }
      rest = rest.dropFirst(max(length, 1))
    }
    try add("\"")
  }

  /// Bytes at the front that need no escape, 65,536 at most.
  private static func plainLength(_ text: Substring.UTF8View) -> Int {
    func length(_ bytes: some Sequence<UInt8>) -> Int {
      var length = 0
      for byte in bytes {
        if length == 1 << 16 || isEscaped(byte) { break }
        length += 1
      }
      return length
    }
    return text.withContiguousStorageIfAvailable { length($0) } ?? length(text)
  }

  private static func isEscaped(_ byte: UInt8) -> Bool {
    byte < 0x20 || byte == 0x22 || byte == 0x5C || byte == 0x7F
  }

  private static func escape(_ byte: UInt8) -> String {
    switch byte {
    case 0x22: return "\\\""
    case 0x5C: return "\\\\"
    case 0x0A: return "\\n"
    case 0x0D: return "\\r"
    case 0x09: return "\\t"
    default:
      let digits = String(byte, radix: 16)
      return "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
    }
  }
}
