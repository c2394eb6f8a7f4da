internal import CArchive
internal import Diagnostics

/// Hands a byte source to libarchive, block by block, and remembers what went by.
///
/// libarchive takes the end of the input at a member's border for the end of the archive; the last
/// block is kept here so that a file that was cut there is noticed.
final class Feeder {
  private let source: any ByteSource
  private let buffer: UnsafeMutableRawBufferPointer
  private var total = 0
  private var tail: [UInt8] = []
  /// What the source threw; libarchive itself only learns that reading failed.
  private(set) var error: (any Error)?

  init(_ source: any ByteSource) {
    self.source = source
    buffer = .allocate(byteCount: 1 << 16, alignment: 16)
  }

  deinit { buffer.deallocate() }

  /// Opens the archive on this feeder, which must outlive it.
  func open(_ archive: OpaquePointer) -> Int32 {
    archive_read_open(
      archive, Unmanaged.passUnretained(self).toOpaque(), nil,
      { _, context, block in
        guard let context else { return -1 }
        let feeder = Unmanaged<Feeder>.fromOpaque(context).takeUnretainedValue()
        block?.pointee = UnsafeRawPointer(feeder.buffer.baseAddress)
        return feeder.advance()
      }, nil)
  }

  /// Reads to the end and checks that a tar's end mark (at least one block of zeros) is there.
  func finish(name: String) throws {
    while error == nil, advance() > 0 { try Interrupts.poll() }
    if let error { throw error }
    guard total % 512 == 0, tail.count == 512, !tail.contains(where: { $0 != 0 }) else {
      throw KilpiError(
        "cannot read '\(name)': it ends after \(total) bytes without the end mark of a tar",
        advice: "copy or download it again")
    }
  }

  private func advance() -> Int {
    do {
      let count = try source.read(into: buffer)
      total += count
      let fresh = buffer[max(0, count - 512)..<count]
      tail = Array((tail + fresh).suffix(512))
      return count
    } catch {
      self.error = error
      return -1
    }
  }
}

/// The contents of a zstd stream, through libarchive.
final class ZstdSource: ByteSource {
  private let handle: OpaquePointer
  private let feeder: Feeder
  private let name: String

  init(_ base: any ByteSource, name: String) throws {
    self.name = name
    feeder = Feeder(base)
    guard let handle = archive_read_new() else {
      throw KilpiError("not enough memory", kind: .memory)
    }
    self.handle = handle
    // Anything but OK means that libarchive would run an external program.
    guard archive_read_support_filter_zstd(handle) == ARCHIVE_OK else {
      throw KilpiError("cannot read '\(name)': libarchive was built without zstd")
    }
    archive_read_support_format_raw(handle)
    var entry: OpaquePointer?
    guard feeder.open(handle) == ARCHIVE_OK,
      archive_read_next_header(handle, &entry) == ARCHIVE_OK
    else { throw failure() }
  }

  deinit { archive_read_free(handle) }

  func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    let count = archive_read_data(handle, buffer.baseAddress, buffer.count)
    guard count >= 0 else { throw failure() }
    return count
  }

  private func failure() -> any Error {
    if let error = feeder.error { return error }
    let reason = archive_error_string(handle).map { String(cString: $0) } ?? "damaged data"
    return KilpiError(
      "cannot read '\(name)': \(reason.prefix(1).lowercased() + reason.dropFirst())")
  }
}
