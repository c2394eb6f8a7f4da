internal import Diagnostics

/// Checksums that tell accidental damage; they guard against nothing else.
public enum Checksum {
  /// The polynomial of zip, gzip and PNG, bits reversed.
  private static let table = Self.table(0xEDB8_8320)
  /// Castagnoli's, of iSCSI and of TensorFlow's records.
  private static let castagnoli = Self.table(0x82F6_3B78)

  private static func table(_ polynomial: UInt32) -> [UInt32] {
    (0..<256).map { index in
      var value = UInt32(index)
      for _ in 0..<8 { value = value & 1 == 1 ? polynomial ^ (value >> 1) : value >> 1 }
      return value
    }
  }

  /// CRC-32 of bytes, as zip and PNG compute it: 0xCBF43926 for the digits `123456789`.
  public static func crc32(_ bytes: UnsafeRawBufferPointer) -> UInt32 { sum(bytes, table) }

  /// CRC-32C of bytes: 0xE3069283 for the digits `123456789`.
  public static func crc32c(_ bytes: UnsafeRawBufferPointer) -> UInt32 { sum(bytes, castagnoli) }

  private static func sum(_ bytes: UnsafeRawBufferPointer, _ table: [UInt32]) -> UInt32 {
    table.withUnsafeBufferPointer { table in
      var state: UInt32 = 0xFFFF_FFFF
      for byte in bytes { state = table[Int((state ^ UInt32(byte)) & 0xFF)] ^ (state >> 8) }
      return ~state
    }
  }

  /// CRC-32 of a text's bytes.
  public static func crc32(_ text: String) -> UInt32 {
    Array(text.utf8).withUnsafeBytes { crc32($0) }
  }

  /// Eight hexadecimal digits.
  public static func digits(_ value: UInt32) -> String {
    let text = String(value, radix: 16)
    return String(repeating: "0", count: 8 - text.count) + text
  }
}

/// A file of JSON objects, one a line, that grows by whole lines and notices damage.
///
/// The last member of each object is `"crc32"`, the checksum of the line without it. Every line is one
/// write, so that a killed program tears at most the last line.
public final class RecordFile {
  /// What a file holds.
  public struct Contents {
    /// The objects, checksums included, in their order.
    public var values: [JSONValue] = []
    /// Bytes of the whole lines.
    public var length = 0
    /// Bytes behind them: a line that was torn.
    public var torn = 0

    /// An empty file.
    public init() {}
  }

  private let file: AppendOnlyFile

  /// Opens a file for appending, making it if needed, cut to `length` bytes first.
  public init(path: String, keeping length: Int) throws {
    file = try AppendOnlyFile(path: path, keeping: length)
  }

  /// Appends one object.
  public func append(_ members: [JSONValue.Member]) throws { try file.append(Self.line(members)) }

  /// Bytes in the file now.
  public var length: Int { file.length }

  private static let mark = ",\"crc32\":\""
  /// The mark, eight digits, quote and brace.
  private static let tail = 20

  static func line(_ members: [JSONValue.Member]) -> String {
    let body = JSONValue.object(members).serialized()
    return String(body.dropLast()) + mark + Checksum.digits(Checksum.crc32(body)) + "\"}\n"
  }

  /// Reads a file; a torn last line is left out, and counted in `torn`.
  ///
  /// - Throws: `KilpiError` when the file cannot be read, or a line before the last is damaged.
  public static func read(_ path: String) throws -> Contents {
    let bytes = try FileReader.bytes(at: path)
    var contents = Contents()
    var start = 0
    var number = 0
    while start < bytes.count {
      number += 1
      let end = bytes[start...].firstIndex(of: 0x0A)
      guard let end, let value = try checked(bytes[start..<end]) else {
        // Only what was written last can be torn.
        guard end == nil || end == bytes.count - 1 else {
          throw KilpiError(
            "'\(path)' is damaged in line \(number): its checksum is wrong",
            advice: "begin again with another out")
        }
        contents.torn = bytes.count - start
        break
      }
      contents.values.append(value)
      start = end + 1
      contents.length = start
    }
    return contents
  }

  /// The object of a line; nil when it is damaged.
  ///
  /// - Throws: on interrupt, which must not pass for damage.
  private static func checked(_ line: ArraySlice<UInt8>) throws -> JSONValue? {
    guard let text = String(validating: line, as: UTF8.self), text.utf8.count > tail,
      let cut = text.utf8.index(text.endIndex, offsetBy: -tail, limitedBy: text.startIndex)
    else { return nil }
    let end = text[cut...]
    let body = text[..<cut] + "}"
    guard end == mark + Checksum.digits(Checksum.crc32(String(body))) + "\"}" else { return nil }
    do {
      let value = try JSONValue.parse(text, limits: JSONLimits(bytes: 1 << 30))
      return value.object == nil ? nil : value
    } catch let error as KilpiError where error.kind == .host {
      return nil
    }
  }
}
