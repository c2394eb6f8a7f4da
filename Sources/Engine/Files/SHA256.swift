internal import CDigest
internal import Diagnostics

/// SHA-256 (FIPS 180-4), taken piece by piece.
public struct SHA256 {
  private var digest = kilpi_sha256()

  /// The digest of nothing yet.
  public init() { kilpi_sha256_start(&digest) }

  /// Takes further bytes.
  public mutating func update(_ bytes: UnsafeRawBufferPointer) {
    guard let start = bytes.baseAddress, bytes.count > 0 else { return }
    kilpi_sha256_update(&digest, start, bytes.count)
  }

  /// The digest as 64 hexadecimal digits in lower case.
  public func hexadecimal() -> String {
    var copy = digest
    var bytes = [UInt8](repeating: 0, count: 32)
    kilpi_sha256_finish(&copy, &bytes)
    return bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }

  /// Chooses between the processor's instructions and the portable loop; true: the instructions.
  ///
  /// Both give the same digest; tests compare them.
  @discardableResult
  package static func accelerate(_ allowed: Bool) -> Bool {
    kilpi_sha256_accelerated(allowed ? 1 : 0) != 0
  }
}
