internal import CEditLine
internal import Glibc

/// Standard output or error as Kilpi's own text goes there: whole, in order, and noticing when the
/// reader has gone.
public final class StandardStream: Sendable {
  /// Standard output.
  public static let output = StandardStream(STDOUT_FILENO)
  /// Standard error.
  public static let error = StandardStream(STDERR_FILENO)

  private let descriptor: Int32

  private init(_ descriptor: Int32) {
    self.descriptor = descriptor
  }

  /// Writes all bytes, through C's stream, so that they stay in order with what C code writes.
  public func write(_ text: String) {
    var text = text
    text.withUTF8 { write(UnsafeRawBufferPointer($0)) }
  }

  /// Writes bytes as they are.
  public func write(_ bytes: UnsafeRawBufferPointer) {
    guard let start = bytes.baseAddress, bytes.count > 0 else { return }
    kilpi_standard_write(descriptor, start, bytes.count)
  }

  /// Hands everything on to the reader; false when that failed.
  @discardableResult
  public func flush() -> Bool { kilpi_standard_flush(descriptor) }
}
