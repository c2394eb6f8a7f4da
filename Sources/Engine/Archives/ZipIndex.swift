internal import Diagnostics

/// Where the members of a zip archive lie, so that stored ones can be used in place.
///
/// Read from the central directory, zip64 included, and held against each member's own header.
/// Whatever a plain writer would not write is refused: bytes before the archive, members that
/// overlap or leave it, names that stand twice, encryption, links, sizes that disagree.
public struct ZipIndex: Sendable {
  /// What an archive may ask of its reader.
  public struct Limits: Sendable {
    /// Largest number of members.
    public var members = 65_536
    /// Longest name of a member, in bytes.
    public var nameBytes = 1024

    /// The default limits: 65,536 members, names of 1 KiB.
    public init() {}
  }

  /// One regular file in the archive.
  public struct Member: Equatable, Sendable {
    /// Its path inside the archive: relative, without `..`.
    public let name: String
    /// Where its bytes lie in the archive.
    public let bytes: Range<Int>
    /// Its size when unpacked; that of `bytes` when it is stored.
    public let size: Int
    /// True when `bytes` are its contents; else they are deflated.
    public let isStored: Bool
    /// CRC-32 of its contents, as the archive says.
    public let checksum: UInt32
  }

  /// The regular files, in the directory's order.
  public let members: [Member]
  private let places: [String: Int]

  /// True when `bytes` start as a zip archive with members does.
  public static func isZip(_ bytes: UnsafeRawBufferPointer) -> Bool {
    bytes.starts(with: [0x50, 0x4B, 3, 4])
  }

  /// Reads the index of the archive that `bytes` are.
  ///
  /// - Throws: `KilpiError` with place and reason when it is damaged or beyond `limits`.
  public init(_ bytes: UnsafeRawBufferPointer, limits: Limits = Limits()) throws {
    let archive = ZipBytes(bytes: bytes)
    let directory = try ZipDirectory(archive)
    // Each entry has at least 46 bytes, which bounds what is allocated by the file's size.
    guard directory.count <= limits.members else {
      throw KilpiError("it has \(directory.count) members, the limit is \(limits.members)")
    }
    guard directory.count <= directory.bytes.count / 46 else {
      throw KilpiError(
        "its directory of \(directory.bytes.count) bytes cannot list \(directory.count) members")
    }
    var members: [Member] = []
    var places: [String: Int] = [:]
    var extents: [(range: Range<Int>, name: String)] = []
    var position = directory.bytes.lowerBound
    for _ in 0..<directory.count {
      let entry = try ZipEntry(archive, at: position, limits: limits)
      position = entry.end
      guard position <= directory.bytes.upperBound else {
        throw KilpiError("its directory ends inside '\(entry.name.prefix(40))'")
      }
      let data = try entry.data(in: archive, before: directory.bytes.lowerBound)
      extents.append((entry.header..<data.upperBound, entry.name))
      if entry.isFolder { continue }
      guard places.updateValue(members.count, forKey: entry.name) == nil else {
        throw KilpiError("the member '\(entry.name.prefix(40))' stands twice in it")
      }
      members.append(
        Member(
          name: entry.name, bytes: data, size: entry.size, isStored: entry.isStored,
          checksum: entry.checksum))
    }
    guard position == directory.bytes.upperBound else {
      throw KilpiError(
        "its directory has \(directory.bytes.upperBound - position) bytes after the last entry")
    }
    var end = 0
    for extent in extents.sorted(by: { $0.range.lowerBound < $1.range.lowerBound }) {
      guard extent.range.lowerBound >= end else {
        throw KilpiError("the member '\(extent.name.prefix(40))' overlaps another one")
      }
      guard end > 0 || extent.range.lowerBound == 0 else {
        throw KilpiError("there are bytes before its first member")
      }
      end = extent.range.upperBound
    }
    self.members = members
    self.places = places
  }

  /// The member of that name, if there is one.
  public subscript(name: String) -> Member? { places[name].map { members[$0] } }
}

/// Little-endian numbers of an archive; reading beyond its end throws.
struct ZipBytes {
  let bytes: UnsafeRawBufferPointer

  func integer<Value: FixedWidthInteger & UnsignedInteger>(
    _ offset: Int, _ type: Value.Type
  ) throws -> Int {
    guard offset >= 0, offset <= bytes.count - MemoryLayout<Value>.size else {
      throw KilpiError(
        "it ends after \(bytes.count) bytes, inside a record", advice: "copy or download it again")
    }
    let value = Value(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: type))
    guard let result = Int(exactly: value) else {
      throw KilpiError("it states a size of \(value) at byte \(offset)")
    }
    return result
  }

  func u16(_ offset: Int) throws -> Int { try integer(offset, UInt16.self) }
  func u32(_ offset: Int) throws -> Int { try integer(offset, UInt32.self) }
  func u64(_ offset: Int) throws -> Int { try integer(offset, UInt64.self) }

  /// The bytes of a range that must lie inside the archive.
  func slice(_ offset: Int, _ count: Int) throws -> UnsafeRawBufferPointer {
    guard offset >= 0, count >= 0, offset <= bytes.count, count <= bytes.count - offset else {
      throw KilpiError(
        "it ends after \(bytes.count) bytes, inside a record", advice: "copy or download it again")
    }
    return UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + count])
  }
}

/// Where the central directory lies, from the records at the archive's end.
private struct ZipDirectory {
  let bytes: Range<Int>
  let count: Int

  init(_ archive: ZipBytes) throws {
    guard let end = try Self.end(of: archive) else {
      throw KilpiError("the end of a zip archive is missing", advice: "copy or download it again")
    }
    var disks = (try archive.u16(end + 4), try archive.u16(end + 6))
    var counts = (try archive.u16(end + 8), try archive.u16(end + 10))
    var size = try archive.u32(end + 12)
    var offset = try archive.u32(end + 16)
    var limit = end
    if end >= 20, try archive.u32(end - 20) == 0x0706_4B50 {
      let record = try archive.u64(end - 12)
      guard try archive.u32(end - 16) == 0, record <= end - 20 - 56,
        try archive.u32(record) == 0x0606_4B50,
        try archive.u64(record + 4) == end - 20 - record - 12
      else { throw KilpiError("its zip64 end record is damaged") }
      let wide = (
        disks: (try archive.u32(record + 16), try archive.u32(record + 20)),
        counts: (try archive.u64(record + 24), try archive.u64(record + 32)),
        size: try archive.u64(record + 40), offset: try archive.u64(record + 48)
      )
      // What fits the old record must say the same there.
      guard counts.1 == 0xFFFF || counts.1 == wide.counts.1,
        size == 0xFFFF_FFFF || size == wide.size, offset == 0xFFFF_FFFF || offset == wide.offset
      else { throw KilpiError("its two end records disagree") }
      (disks, counts, size, offset) = (wide.disks, wide.counts, wide.size, wide.offset)
      limit = record
    }
    guard disks == (0, 0), counts.0 == counts.1 else {
      throw KilpiError("it is one part of several")
    }
    guard offset <= limit, size == limit - offset else {
      throw KilpiError(
        "its directory of \(size) bytes at byte \(offset) does not end where the end record "
          + "starts, at byte \(limit)")
    }
    bytes = offset..<limit
    count = counts.1
  }

  /// The last place where an end record with a comment up to the end of the file can stand.
  private static func end(of archive: ZipBytes) throws -> Int? {
    var place = archive.bytes.count - 22
    while place >= max(0, archive.bytes.count - 22 - 0xFFFF) {
      if archive.bytes[place] == 0x50, try archive.u32(place) == 0x0605_4B50,
        try archive.u16(place + 20) == archive.bytes.count - place - 22
      {
        return place
      }
      place -= 1
    }
    return nil
  }
}
