internal import CArchive
internal import Diagnostics

/// The checksum of zip members.
public enum ZipChecksum {
  /// CRC-32 of `bytes`.
  public static func of(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
    UInt32(crc32_z(0, bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), bytes.count))
  }

  /// CRC-32 of two stretches of bytes one after the other, from their own.
  public static func joined(_ first: UInt32, _ second: UInt32, secondCount: Int) -> UInt32 {
    UInt32(crc32_combine(UInt(first), UInt(second), secondCount))
  }
}

extension ZipIndex {
  /// Writes the contents of a stored or deflated member to `target`, and verifies the checksum.
  ///
  /// - Parameters:
  ///   - member: one of this index.
  ///   - bytes: the archive.
  ///   - target: as long as `member.size`. Ask `checkedSize(of:)` before allocating it.
  /// - Throws: `KilpiError` when the member is damaged.
  public func unpack(
    _ member: Member, in bytes: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer
  ) throws {
    guard member.bytes.upperBound <= bytes.count, target.count == member.size else {
      throw damaged(member, "lies outside the archive")
    }
    let packed = UnsafeRawBufferPointer(rebasing: bytes[member.bytes])
    if member.isStored {
      target.copyMemory(from: packed)
    } else {
      guard try Self.inflate(packed, into: target) else { throw damaged(member, "is damaged") }
    }
    guard ZipChecksum.of(UnsafeRawBufferPointer(target)) == member.checksum else {
      throw damaged(member, "has a wrong checksum")
    }
  }

  /// The member's size, if its bytes can give that much: deflate never saves more than a factor of
  /// 1032, so a lie about the size allocates nothing.
  public func checkedSize(of member: Member) throws -> Int {
    guard member.isStored || member.size / 1032 <= member.bytes.count else {
      throw damaged(member, "cannot have \(member.size) bytes out of \(member.bytes.count)")
    }
    return member.size
  }

  private func damaged(_ member: Member, _ reason: String) -> KilpiError {
    KilpiError(
      "its member '\(member.name.prefix(60))' \(reason)", advice: "copy or download it again")
  }

  /// The first bytes of a member, as many as `target` holds; its checksum is not looked at.
  ///
  /// For headers that tell how large the rest must be, before it is unpacked.
  public func unpackHead(
    of member: Member, in bytes: UnsafeRawBufferPointer,
    into target: UnsafeMutableRawBufferPointer
  ) throws {
    guard member.bytes.upperBound <= bytes.count, target.count <= member.size else {
      throw damaged(member, "lies outside the archive")
    }
    let packed = UnsafeRawBufferPointer(rebasing: bytes[member.bytes])
    if member.isStored {
      target.copyMemory(from: UnsafeRawBufferPointer(rebasing: packed[..<target.count]))
    } else {
      guard try Self.inflate(packed, into: target, isWhole: false) else {
        throw damaged(member, "is damaged")
      }
    }
  }

  /// Inflates a raw deflate stream; false when it is damaged or does not fill `target`, exactly
  /// where `isWhole`.
  private static func inflate(
    _ packed: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer,
    isWhole: Bool = true
  ) throws -> Bool {
    // zlib keeps the address of the stream, so it must not move.
    let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
    stream.initialize(to: z_stream())
    defer { stream.deallocate() }
    guard
      inflateInit2_(stream, -15, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK
    else { throw KilpiError("not enough memory", kind: .memory) }
    defer { inflateEnd(stream) }
    var (read, written) = (0, 0)
    // A byte of room beyond the target shows a stream that goes on.
    var beyond: UInt8 = 0
    let step = 1 << 24
    while true {
      try Interrupts.poll()
      let status = withUnsafeMutablePointer(to: &beyond) { beyond in
        let input = min(packed.count - read, step)
        let room = written < target.count ? min(target.count - written, step) : 1
        stream.pointee.next_in = UnsafeMutablePointer(
          mutating: packed.baseAddress?.assumingMemoryBound(to: UInt8.self).advanced(by: read))
        stream.pointee.avail_in = UInt32(input)
        stream.pointee.next_out =
          written < target.count
          ? target.baseAddress?.assumingMemoryBound(to: UInt8.self).advanced(by: written) : beyond
        stream.pointee.avail_out = UInt32(room)
        let status = CArchive.inflate(stream, Z_NO_FLUSH)
        read += input - Int(stream.pointee.avail_in)
        written += room - Int(stream.pointee.avail_out)
        return status
      }
      if !isWhole, written >= target.count { return status == Z_OK || status == Z_STREAM_END }
      if status == Z_STREAM_END { return written == target.count && read == packed.count }
      guard status == Z_OK, written <= target.count else { return false }
    }
  }
}
