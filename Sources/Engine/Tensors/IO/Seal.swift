internal import Diagnostics
internal import Files

/// A SHA-256 that a safetensors file carries in its own metadata.
///
/// The digest is that of the whole file with the 64 digits of the digest read as zeros.
enum Seal {
  /// The key in the metadata.
  static let key = "sha256"
  /// What stands for the digest while it is not known.
  static let blank = String(repeating: "0", count: 64)

  /// The first place of the 64 digits in a file's bytes; nil when there is none.
  ///
  /// The first mark is the one of the metadata: they stand first in a header that `Safetensors`
  /// writes, and a quote inside a string has a backslash before it.
  private static func place(_ bytes: UnsafeRawBufferPointer) -> Int? {
    let mark = Array("\"\(key)\":\"".utf8)
    var start = 8
    while start + mark.count + blank.utf8.count < bytes.count {
      guard let next = bytes[start...].firstIndex(of: mark[0]) else { return nil }
      let end = next + mark.count
      guard end + blank.utf8.count < bytes.count else { return nil }
      if bytes[next..<end].elementsEqual(mark) { return end }
      start = next + 1
    }
    return nil
  }

  /// Puts the digest over the zeros in a header.
  static func close(_ header: inout [UInt8], _ values: [UnsafeRawBufferPointer]) {
    guard let place = header.withUnsafeBytes({ place($0) }) else { return }
    var digest = SHA256()
    header.withUnsafeBytes { digest.update($0) }
    for part in values { digest.update(part) }
    header.replaceSubrange(place..<place + blank.utf8.count, with: digest.hexadecimal().utf8)
  }

  /// Whether a file's bytes are those that were sealed; nil for a file without a seal.
  ///
  /// - Parameters:
  ///   - header: bytes of the header with its length; the seal lies in it.
  ///   - done: receives each chunk that was read.
  static func isWhole(
    _ bytes: UnsafeRawBufferPointer, header: Int, done: (UnsafeRawBufferPointer) -> Void
  ) throws -> Bool? {
    guard let place = place(UnsafeRawBufferPointer(rebasing: bytes[..<header])) else { return nil }
    let end = place + blank.utf8.count
    var digest = SHA256()
    digest.update(UnsafeRawBufferPointer(rebasing: bytes[..<place]))
    Array(blank.utf8).withUnsafeBytes { digest.update($0) }
    for start in stride(from: end, to: bytes.count, by: 1 << 24) {
      try Interrupts.poll()
      let part = UnsafeRawBufferPointer(rebasing: bytes[start..<min(start + 1 << 24, bytes.count)])
      digest.update(part)
      done(part)
    }
    return bytes[place..<end].elementsEqual(digest.hexadecimal().utf8)
  }
}
