/// A zip archive written byte by byte, so that every field can lie.
struct HandMadeZip {
  struct Entry {
    var name: String
    var data: [UInt8] = []
    var method = 0
    var flags = 0
    var made = 20
    var mode = 0
    /// What the directory says; nil: the truth.
    var checksum: UInt32?
    var size: Int?
    var packedSize: Int?
    var offset: Int?
    /// What the member's own header says; nil: what the directory says.
    var ownName: String?
    var ownSize: Int?
    /// Extra field of the directory's entry and of the member's own header.
    var extra: [UInt8] = []
    var ownExtra: [UInt8] = []
  }

  var entries: [Entry]
  var prefix: [UInt8] = []
  var comment: [UInt8] = []
  /// What the end record says; nil: the truth.
  var count: Int?
  var directorySize: Int?
  var directoryOffset: Int?
  var disk = 0
  /// Bytes between the last entry of the directory and the end record.
  var gap: [UInt8] = []
  /// Writes zip64 end records, with these changes.
  var wide: (count: Int?, offset: Int?, recordOffset: Int?)?

  init(_ entries: [Entry]) { self.entries = entries }

  /// CRC-32, bit by bit.
  static func checksum(_ bytes: [UInt8]) -> UInt32 {
    var sum = UInt32.max
    for byte in bytes {
      sum ^= UInt32(byte)
      for _ in 0..<8 { sum = sum & 1 == 1 ? sum >> 1 ^ 0xEDB8_8320 : sum >> 1 }
    }
    return ~sum
  }

  static func little(_ value: Int, _ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
  }

  var bytes: [UInt8] {
    func u16(_ value: Int) -> [UInt8] { Self.little(value, 2) }
    func u32(_ value: Int) -> [UInt8] { Self.little(value, 4) }
    func u64(_ value: Int) -> [UInt8] { Self.little(value, 8) }
    var result = prefix
    var directory: [UInt8] = []
    for entry in entries {
      let sum = Int(entry.checksum ?? Self.checksum(entry.data))
      let packed = entry.packedSize ?? entry.data.count
      let size = entry.size ?? entry.data.count
      let name = Array((entry.ownName ?? entry.name).utf8)
      let start = result.count
      result += u32(0x0403_4B50) + u16(20) + u16(entry.flags) + u16(entry.method) + u32(0)
      result += u32(sum) + u32(entry.ownSize ?? packed) + u32(entry.ownSize ?? size)
      result += u16(name.count) + u16(entry.ownExtra.count) + name + entry.ownExtra + entry.data
      directory += u32(0x0201_4B50) + u16(entry.made) + u16(20) + u16(entry.flags)
      directory += u16(entry.method) + u32(0) + u32(sum) + u32(packed) + u32(size)
      directory += u16(entry.name.utf8.count) + u16(entry.extra.count) + u16(0) + u16(0) + u16(0)
      directory += u32(entry.mode << 16) + u32(entry.offset ?? start)
      directory += Array(entry.name.utf8) + entry.extra
    }
    let offset = result.count
    result += directory + gap
    let record = result.count
    let (count, size) = (count ?? entries.count, directorySize ?? directory.count + gap.count)
    if let wide {
      result += u32(0x0606_4B50) + u64(44) + u16(45) + u16(45) + u32(0) + u32(0)
      result += u64(wide.count ?? count) + u64(wide.count ?? count) + u64(size)
      result += u64(wide.offset ?? offset)
      result += u32(0x0706_4B50) + u32(0) + u64(wide.recordOffset ?? record) + u32(1)
    }
    let narrow = wide == nil
    result += u32(0x0605_4B50) + u16(disk) + u16(disk)
    result += narrow ? u16(count) + u16(count) : u32(0xFFFF_FFFF)
    result += narrow ? u32(size) + u32(directoryOffset ?? offset) : u64(-1)
    return result + u16(comment.count) + comment
  }
}
