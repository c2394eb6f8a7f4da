internal import Diagnostics

/// An entry of a zip archive's central directory, checked against the member's own header.
struct ZipEntry {
  let name: String
  let flags: Int
  let method: Int
  let checksum: UInt32
  /// Size of the member's bytes in the archive.
  let packedSize: Int
  let size: Int
  /// Where the member's own header starts.
  let header: Int
  /// Where the next entry starts.
  let end: Int

  var isStored: Bool { method == 0 }
  var isFolder: Bool { name.hasSuffix("/") }

  init(_ archive: ZipBytes, at position: Int, limits: ZipIndex.Limits) throws {
    guard try archive.u32(position) == 0x0201_4B50 else {
      throw KilpiError("its directory is damaged at byte \(position)")
    }
    flags = try archive.u16(position + 8)
    method = try archive.u16(position + 10)
    checksum = UInt32(try archive.u32(position + 16))
    let nameLength = try archive.u16(position + 28)
    let extraLength = try archive.u16(position + 30)
    let commentLength = try archive.u16(position + 32)
    end = position + 46 + nameLength + extraLength + commentLength
    guard nameLength <= limits.nameBytes else {
      throw KilpiError("a member's name has \(nameLength) bytes, at byte \(position)")
    }
    name = try Self.name(archive.slice(position + 46, nameLength), at: position)
    let wide = try Self.wideSizes(
      archive, extra: position + 46 + nameLength, extraLength,
      narrow: (
        size: try archive.u32(position + 24), packed: try archive.u32(position + 20),
        header: try archive.u32(position + 42)
      ), name: name)
    (size, packedSize, header) = (wide.size, wide.packed, wide.header)
    let mode = try archive.u32(position + 38) >> 16
    guard try archive.u16(position + 4) >> 8 != 3 || mode & 0o170000 != 0o120000 else {
      throw refusal("is a link")
    }
    // Bit 0: encrypted; bit 5: a patch; bit 6: strongly encrypted; bit 13: sizes are hidden.
    guard flags & (1 | 1 << 5 | 1 << 6 | 1 << 13) == 0 else { throw refusal("is encrypted") }
    guard method == 0 || method == 8 else {
      throw refusal("is compressed by method \(method), only stored and deflated ones are read")
    }
    guard !isStored || size == packedSize else {
      throw refusal("has \(size) bytes, stored are \(packedSize)")
    }
    guard !isFolder || size == 0 else { throw refusal("is a folder with contents") }
  }

  /// The member's bytes in the archive, which must end before `limit`.
  func data(in archive: ZipBytes, before limit: Int) throws -> Range<Int> {
    guard header <= limit - 30, try archive.u32(header) == 0x0403_4B50 else {
      throw refusal("has no header at byte \(header)")
    }
    let nameLength = try archive.u16(header + 26)
    let extraLength = try archive.u16(header + 28)
    let start = header + 30 + nameLength + extraLength
    guard start <= limit, packedSize <= limit - start else {
      throw refusal("has \(packedSize) bytes at byte \(start), its directory starts at \(limit)")
    }
    let own = try archive.slice(header + 30, nameLength)
    guard own.elementsEqual(name.utf8), try archive.u16(header + 8) == method,
      try archive.u16(header + 6) & ~0x0806 == flags & ~0x0806
    else { throw refusal("is another one by its own header") }
    let narrow = (
      size: try archive.u32(header + 22), packed: try archive.u32(header + 18), header: 0
    )
    let sizes = try Self.wideSizes(
      archive, extra: header + 30 + nameLength, extraLength, narrow: narrow, name: name)
    let stated = UInt32(try archive.u32(header + 14))
    // With bit 3 checksum and sizes may follow the contents, and stand as 0 here.
    let follows = try archive.u16(header + 6) & 8 != 0
    guard
      stated == checksum && sizes.size == size && sizes.packed == packedSize
        || follows && stated == 0 && sizes.size == 0 && sizes.packed == 0
        || follows && stated == checksum && narrow.size == 0 && narrow.packed == 0
    else { throw refusal("has other sizes by its own header") }
    return start..<start + packedSize
  }

  private func refusal(_ reason: String) -> KilpiError {
    KilpiError("its member '\(name.prefix(60))' \(reason)")
  }

  private static func name(_ bytes: UnsafeRawBufferPointer, at position: Int) throws -> String {
    guard let name = String(validating: bytes, as: UTF8.self), !name.isEmpty,
      !bytes.contains(0)
    else {
      throw KilpiError("a member's name is empty or not UTF-8, at byte \(position)")
    }
    guard !name.hasPrefix("/"), !name.split(separator: "/").contains("..") else {
      throw KilpiError("its member '\(name.prefix(60))' would lie outside the archive")
    }
    return name
  }

  private typealias Sizes = (size: Int, packed: Int, header: Int)

  /// Sizes and offset, from the zip64 field where the 32-bit ones are full.
  private static func wideSizes(
    _ archive: ZipBytes, extra start: Int, _ length: Int, narrow: Sizes, name: String
  ) throws -> Sizes {
    var result = narrow
    let full = 0xFFFF_FFFF
    let extra = ZipBytes(bytes: try archive.slice(start, length))
    var position = 0
    // Fewer than four bytes at the end are padding, as some writers align contents.
    while position + 4 <= length {
      let kind = try extra.u16(position)
      let count = try extra.u16(position + 2)
      guard count <= length - position - 4 else {
        throw KilpiError("its member '\(name.prefix(60))' has a damaged extra field")
      }
      if kind == 1 {
        var place = position + 4
        func next() throws -> Int {
          guard place + 8 <= position + 4 + count else {
            throw KilpiError("its member '\(name.prefix(60))' has a damaged zip64 field")
          }
          defer { place += 8 }
          return try extra.u64(place)
        }
        if narrow.size == full { result.size = try next() }
        if narrow.packed == full { result.packed = try next() }
        if narrow.header == full { result.header = try next() }
        return result
      }
      position += 4 + count
    }
    guard narrow.size != full, narrow.packed != full, narrow.header != full else {
      throw KilpiError("its member '\(name.prefix(60))' lacks its zip64 field")
    }
    return result
  }
}
