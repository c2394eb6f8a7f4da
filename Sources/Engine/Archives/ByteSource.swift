internal import CArchive
internal import Diagnostics
internal import Files

#if canImport(Glibc)
  internal import Glibc
#endif

/// A stream of bytes read front to back.
protocol ByteSource: AnyObject {
  /// Fills the front of `buffer` and returns how much of it; 0 at the end.
  func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int
}

/// The bytes of a block in memory.
final class MemorySource: ByteSource {
  private let bytes: [UInt8]
  private var position = 0

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    let count = min(buffer.count, bytes.count - position)
    bytes.withUnsafeBytes { all in
      buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: all[position..<position + count]))
    }
    position += count
    return count
  }
}

/// The bytes of a regular file.
final class FileSource: ByteSource {
  private let descriptor: Int32
  private let path: String

  init(path: String) throws {
    self.path = path
    let descriptor = SystemCall.open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else {
      throw KilpiError("cannot read '\(path)': \(systemReason())")
    }
    self.descriptor = descriptor
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      close(descriptor)
      throw KilpiError("cannot read '\(path)': it is not a regular file")
    }
  }

  deinit { close(descriptor) }

  func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    while true {
      let count = Glibc.read(descriptor, buffer.baseAddress, buffer.count)
      if count >= 0 { return count }
      if errno != EINTR {
        throw KilpiError("cannot read '\(path)': \(systemReason())")
      }
    }
  }
}

/// The contents of a gzip or zlib stream (told apart by its first bytes), checksums verified.
///
/// gzip members may follow one another; anything else after the end is an error.
final class InflatingSource: ByteSource {
  private let base: any ByteSource
  private let name: String
  // zlib keeps the address of the stream, so it must not move.
  private let stream: UnsafeMutablePointer<z_stream>
  private let input: UnsafeMutableRawBufferPointer
  private var inputEnded = false
  private var memberEnded = false
  private var produced = 0

  init(_ base: any ByteSource, name: String) throws {
    self.base = base
    self.name = name
    stream = .allocate(capacity: 1)
    stream.initialize(to: z_stream())
    input = .allocate(byteCount: 1 << 16, alignment: 16)
    // 15 bits of window; 32 asks for gzip or zlib by the header.
    let status = inflateInit2_(
      stream, 15 + 32, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
    guard status == Z_OK else {
      throw KilpiError("cannot read '\(name)': zlib could not start", kind: .memory)
    }
  }

  deinit {
    inflateEnd(stream)
    stream.deallocate()
    input.deallocate()
  }

  func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    guard buffer.count > 0 else { return 0 }
    stream.pointee.next_out = buffer.baseAddress?.assumingMemoryBound(to: UInt8.self)
    stream.pointee.avail_out = UInt32(min(buffer.count, 1 << 30))
    let asked = stream.pointee.avail_out
    while stream.pointee.avail_out == asked {
      try fill()
      if memberEnded {
        if stream.pointee.avail_in == 0 { return 0 }
        guard inflateReset(stream) == Z_OK else { throw damaged("it cannot be read on") }
        memberEnded = false
      }
      switch inflate(stream, Z_NO_FLUSH) {
      case Z_STREAM_END: memberEnded = true
      case Z_OK: break
      case Z_BUF_ERROR where inputEnded:
        throw damaged("it is truncated", advice: "copy or download it again")
      case Z_BUF_ERROR: break
      case Z_MEM_ERROR: throw KilpiError("not enough memory", kind: .memory)
      default:
        let reason = stream.pointee.msg.map { String(cString: $0) } ?? "damaged data"
        throw damaged(reason)
      }
    }
    let count = Int(asked - stream.pointee.avail_out)
    produced += count
    return count
  }

  private func fill() throws {
    guard stream.pointee.avail_in == 0, !inputEnded else { return }
    let count = try base.read(into: input)
    if count == 0 { inputEnded = true }
    stream.pointee.next_in = input.baseAddress?.assumingMemoryBound(to: UInt8.self)
    stream.pointee.avail_in = UInt32(count)
  }

  private func damaged(_ reason: String, advice: String? = nil) -> KilpiError {
    KilpiError(
      "cannot read '\(name)': \(reason) (compressed data, \(produced) bytes unpacked)",
      advice: advice)
  }
}
