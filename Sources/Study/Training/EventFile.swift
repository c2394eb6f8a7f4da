internal import Files
internal import Glibc

/// The rows of a run as TensorBoard reads them: one file of scalar events, `events.out.tfevents.…`.
///
/// A record is its length, the masked CRC-32C of that, an `Event` message (wall time, step, a summary with a
/// tag and a number for each column), and the masked CRC-32C of the message.
struct EventFile {
  private let file: AppendOnlyFile

  /// The columns that are no curves.
  private static let passedOver: Set<String> = ["step", "epoch"]

  /// Begins the file anew with the rows so far, as a resumed run does.
  init(_ folder: String, rows: [[JSONValue.Member]]) throws {
    file = try AppendOnlyFile(path: folder + "/events.out.tfevents.kilpi", keeping: 0)
    try file.append(Self.record(Self.event(step: nil, fields: Self.text(3, "brain.Event:2"))))
    for row in rows { try append(row) }
  }

  /// Appends the numbers of a row.
  func append(_ row: [JSONValue.Member]) throws {
    let step = row.first { $0.key == "step" }?.value.int ?? 0
    let values = row.flatMap { member -> [UInt8] in
      guard !Self.passedOver.contains(member.key), let number = member.value.double else {
        return []
      }
      let bits = Float(number).bitPattern
      let bytes = (0..<4).map { UInt8(truncatingIfNeeded: bits >> ($0 * 8)) }
      return Self.nested(1, Self.text(1, member.key) + [0x15] + bytes)
    }
    try file.append(Self.record(Self.event(step: step, fields: Self.nested(5, values))))
  }

  // MARK: Bytes

  private static func event(step: Int?, fields: [UInt8]) -> [UInt8] {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    let seconds = (Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9).bitPattern
    let wall = [0x09] + (0..<8).map { UInt8(truncatingIfNeeded: seconds >> ($0 * 8)) }
    return wall + (step.map { [0x10] + variable(UInt64($0)) } ?? []) + fields
  }

  private static func record(_ message: [UInt8]) -> [UInt8] {
    let count = UInt64(message.count)
    let length = (0..<8).map { UInt8(truncatingIfNeeded: count >> ($0 * 8)) }
    return length + masked(length) + message + masked(message)
  }

  /// TensorFlow's masked checksum, so that sums of sums stay apart.
  private static func masked(_ bytes: [UInt8]) -> [UInt8] {
    let sum = bytes.withUnsafeBytes { Checksum.crc32c($0) }
    let value = (sum >> 15 | sum << 17) &+ 0xA282_EAD8
    return (0..<4).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
  }

  private static func text(_ field: UInt8, _ value: String) -> [UInt8] {
    nested(field, Array(value.utf8))
  }

  private static func nested(_ field: UInt8, _ bytes: [UInt8]) -> [UInt8] {
    [field << 3 | 2] + variable(UInt64(bytes.count)) + bytes
  }

  private static func variable(_ value: UInt64) -> [UInt8] {
    var (bytes, rest): ([UInt8], UInt64) = ([], value)
    while rest >= 0x80 {
      bytes.append(UInt8(rest & 0x7F | 0x80))
      rest >>= 7
    }
    return bytes + [UInt8(rest)]
  }
}
