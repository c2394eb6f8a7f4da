internal import Diagnostics

/// Reads the fields of one protocol-buffer message, one by one; every length is checked against the
/// bytes that are there.
struct ProtobufReader {
  /// A field's value; which of them depends on the wire type.
  enum Value {
    case integer(UInt64)
    case fixed64(UInt64)
    case fixed32(UInt32)
    case bytes(ArraySlice<UInt8>)
  }

  private var rest: ArraySlice<UInt8>

  init(_ bytes: ArraySlice<UInt8>) { rest = bytes }

  /// The next field, nil at the end.
  ///
  /// - Throws: `KilpiError` with the place when the bytes are no message.
  mutating func next() throws -> (number: Int, value: Value)? {
    if rest.isEmpty { return nil }
    let start = rest.startIndex
    let key = try varint()
    guard let number = Int(exactly: key >> 3), number > 0, number < 1 << 29 else {
      throw damaged(start)
    }
    switch key & 7 {
    case 0: return (number, .integer(try varint()))
    case 1: return (number, .fixed64(try fixed(8)))
    case 2:
      let length = try varint()
      guard let count = Int(exactly: length), count <= rest.count else {
        throw KilpiError(
          "at byte \(start) it wants \(length) bytes, \(rest.count) are left",
          advice: "copy or download it again")
      }
      let bytes = rest.prefix(count)
      rest = rest.dropFirst(count)
      return (number, .bytes(bytes))
    case 5: return (number, .fixed32(UInt32(try fixed(4))))
    default: throw damaged(start)
    }
  }

  private mutating func varint() throws -> UInt64 {
    let start = rest.startIndex
    var value: UInt64 = 0
    for shift in stride(from: 0, to: 64, by: 7) {
      guard let byte = rest.popFirst() else { throw damaged(start) }
      // The tenth byte has room for one bit.
      if shift == 63, byte > 1 { throw damaged(start) }
      value |= UInt64(byte & 0x7F) << UInt64(shift)
      if byte < 0x80 { return value }
    }
    throw damaged(start)
  }

  private mutating func fixed(_ count: Int) throws -> UInt64 {
    guard rest.count >= count else { throw damaged(rest.startIndex) }
    var value: UInt64 = 0
    for (place, byte) in rest.prefix(count).enumerated() {
      value |= UInt64(byte) << UInt64(8 * place)
    }
    rest = rest.dropFirst(count)
    return value
  }

  private func damaged(_ place: Int) -> KilpiError {
    KilpiError(
      "byte \(place) starts no protocol-buffer field", advice: "is it a SentencePiece model?")
  }
}
