internal import Diagnostics

/// Makes zip archives of stored members, without time stamps, so that equal input gives equal bytes.
public enum ZipWriter {
  /// A member to be written: the parts of its contents one after another.
  public typealias Member = (name: String, parts: [UnsafeRawBufferPointer])

  /// Hands the parts of the archive, in order, to `body`; contents are not copied.
  ///
  /// - Throws: `KilpiError` when there are more than 65,535 members or 4 GiB, which zip without
  ///   its later extensions cannot hold, or when a name could not be read again.
  public static func archive<Result>(
    _ members: [Member], _ body: ([UnsafeRawBufferPointer]) throws -> Result
  ) throws -> Result {
    guard members.count < 0xFFFF else {
      throw KilpiError("\(members.count) members are too many for a zip archive")
    }
    var headers: [UInt8] = []
    var pieces: [Range<Int>] = []
    var directory: [UInt8] = []
    var offset = 0
    for member in members {
      let name = Array(member.name.utf8)
      guard !name.isEmpty, name.count <= ZipIndex.Limits().nameBytes, !name.contains(0),
        name[0] != UInt8(ascii: "/"), !member.name.split(separator: "/").contains(".."),
        !member.name.hasSuffix("/")
      else {
        throw KilpiError("'\(member.name.prefix(60))' cannot be the name of a zip member")
      }
      let size = member.parts.reduce(0) { $0 + $1.count }
      guard offset + size + name.count + 30 < 0xFFFF_FFFF else {
        throw KilpiError(
          "a zip archive without its later extensions holds at most 4 GiB",
          advice: "write .safetensors")
      }
      var checksum: UInt32 = 0
      for part in member.parts {
        checksum = ZipChecksum.joined(checksum, ZipChecksum.of(part), secondCount: part.count)
      }
      // Version 2.0, UTF-8 names, stored, 1 January 1980.
      let common =
        little(20, 2) + little(0x0800, 2) + little(0, 2) + little(0, 2) + little(0x21, 2)
        + little(Int(checksum), 4) + little(size, 4) + little(size, 4) + little(name.count, 2)
        + little(0, 2)
      let start = headers.count
      headers += little(0x0403_4B50, 4) + common + name
      pieces.append(start..<headers.count)
      directory += little(0x0201_4B50, 4) + little(20, 2) + common + little(0, 2) + little(0, 2)
      directory += little(0, 2) + little(0, 4) + little(offset, 4) + name
      offset += 30 + name.count + size
    }
    guard offset + directory.count < 0xFFFF_FFFF else {
      throw KilpiError("a zip archive without its later extensions holds at most 4 GiB")
    }
    directory +=
      little(0x0605_4B50, 4) + little(0, 4) + little(members.count, 2)
      + little(members.count, 2) + little(directory.count, 4) + little(offset, 4) + little(0, 2)
    return try headers.withUnsafeBytes { headers in
      try directory.withUnsafeBytes { directory in
        var parts: [UnsafeRawBufferPointer] = []
        for (member, piece) in zip(members, pieces) {
          parts.append(UnsafeRawBufferPointer(rebasing: headers[piece]))
          parts += member.parts
        }
        return try body(parts + [directory])
      }
    }
  }

  private static func little(_ value: Int, _ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
  }
}
