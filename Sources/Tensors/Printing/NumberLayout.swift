internal import Glibc

/// How the numbers of one block are written: as integers, with four digits after the point, or so
/// beside a common power of ten.
struct NumberLayout {
  /// The power of ten that stands before the block; nil when there is none.
  let exponent: Int?
  private let digits: Int
  private let factor: Double

  /// The layout for a block's floating-point values.
  init(_ values: [Double]) {
    let finite = values.filter(\.isFinite)
    let largest = finite.map { abs($0) }.max() ?? 0
    if finite.allSatisfy({ $0 == $0.rounded() }), largest < 1e6 {
      (exponent, digits, factor) = (nil, 0, 1)
    } else if largest < 1e-2 || largest >= 1e5 {
      let power = Int(log10(largest).rounded(.down))
      (exponent, digits, factor) = (power, 4, pow(10, Double(power)))
    } else {
      (exponent, digits, factor) = (nil, 4, 1)
    }
  }

  /// One value of the block.
  func text(_ value: Double) -> String {
    if let name = Self.name(value) { return name }
    let text = Self.format("%.\(digits)f", value / factor)
    return text == "-0" ? "0" : text
  }

  /// A number alone: four significant digits.
  static func short(_ value: Double) -> String { name(value) ?? format("%.4g", value) }

  private static func name(_ value: Double) -> String? {
    if value.isNaN { return "nan" }
    if value.isInfinite { return value > 0 ? "inf" : "-inf" }
    return nil
  }

  private static func format(_ form: String, _ value: Double) -> String {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: 64) { buffer in
      let count = withVaList([value]) { vsnprintf(buffer.baseAddress, buffer.count, form, $0) }
      let bytes = buffer[..<Swift.min(Swift.max(Int(count), 0), buffer.count - 1)]
      return String(decoding: bytes.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
  }
}
