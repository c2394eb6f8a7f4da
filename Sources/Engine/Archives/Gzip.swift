internal import CArchive
internal import Diagnostics

/// gzip and zlib streams in one piece.
public enum Gzip {
  /// True when `bytes` start as a gzip stream does.
  public static func isGzip(_ bytes: some Collection<UInt8>) -> Bool {
    bytes.starts(with: [0x1f, 0x8b])
  }

  /// The contents of the gzip or zlib stream in a file.
  ///
  /// - Parameters:
  ///   - path: a regular file.
  ///   - limit: the largest size, in bytes, of what comes out.
  /// - Throws: `KilpiError` when the file cannot be read, is truncated or damaged (checksums are
  ///   verified), or unpacks to more than `limit`.
  public static func contents(ofFile path: String, limit: Int = 1 << 30) throws -> [UInt8] {
    try drain(InflatingSource(FileSource(path: path), name: path), limit: limit, name: path)
  }

  /// The contents of the gzip or zlib stream in `bytes`; `name` is for messages.
  ///
  /// - Throws: as `contents(ofFile:limit:)`.
  public static func inflated(
    _ bytes: [UInt8], limit: Int = 1 << 30, name: String = "compressed data"
  ) throws -> [UInt8] {
    try drain(InflatingSource(MemorySource(bytes), name: name), limit: limit, name: name)
  }

  /// `bytes` as one gzip member, without a time stamp, so that equal input gives equal output.
  public static func deflated(_ bytes: [UInt8], level: Int32 = 6) throws -> [UInt8] {
    var stream = z_stream()
    return try withUnsafeMutablePointer(to: &stream) { stream in
      guard
        deflateInit2_(
          stream, level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
          Int32(MemoryLayout<z_stream>.size)) == Z_OK
      else { throw KilpiError("zlib could not start", kind: .memory) }
      defer { deflateEnd(stream) }
      let bound = Int(deflateBound(stream, UInt(bytes.count))) + 32
      var input = bytes
      return try input.withUnsafeMutableBufferPointer { input in
        try [UInt8](unsafeUninitializedCapacity: bound) { output, count in
          stream.pointee.next_in = input.baseAddress
          stream.pointee.avail_in = UInt32(input.count)
          stream.pointee.next_out = output.baseAddress
          stream.pointee.avail_out = UInt32(bound)
          guard deflate(stream, Z_FINISH) == Z_STREAM_END else {
            throw KilpiError("zlib could not compress \(input.count) bytes")
          }
          count = bound - Int(stream.pointee.avail_out)
        }
      }
    }
  }

  static func drain(_ source: any ByteSource, limit: Int, name: String) throws -> [UInt8] {
    var result: [UInt8] = []
    // How much there will be is not known before.
    let held = try MemoryReservation()
    let chunk = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 16, alignment: 16)
    defer { chunk.deallocate() }
    while true {
      try Interrupts.poll()
      let count = try source.read(into: chunk)
      if count == 0 { return result }
      guard result.count + count <= limit else {
        throw KilpiError("cannot read '\(name)': it unpacks to more than \(limit) bytes")
      }
      try held.grow(by: count)
      result.append(contentsOf: UnsafeRawBufferPointer(rebasing: chunk[..<count]))
    }
  }
}
