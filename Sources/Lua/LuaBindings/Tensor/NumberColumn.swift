internal import Diagnostics
internal import Glibc
internal import LuaHost

/// How the numbers of one printed tensor are written: whole, or with four digits behind the point,
/// beside one power of ten for all, or each with its own where the range is so wide that a number other
/// than 0 would read 0.0000.
struct NumberColumn {
  /// `1e-03 *` above the numbers; nil without a factor.
  private(set) var factorText: String?
  private let scale: Double
  private let isWhole: Bool
  private var isScientific = false
  private var width = 0

  /// The texts of the numbers, in their order.
  private(set) var texts: [String] = []

  /// Integers, each with all its digits.
  init(integers: [Int64]) {
    (isWhole, scale, factorText) = (true, 1, nil)
    texts = integers.map { String($0) }
    width = texts.map(\.count).max() ?? 0
  }

  init(_ values: [Double]) {
    let finite = values.filter(\.isFinite)
    let largest = finite.map { $0.magnitude }.max() ?? 0
    isWhole = largest < 1e6 && finite.allSatisfy { $0 == $0.rounded() }
    let exponent = largest > 0 ? Int(clamped: log10(largest).rounded(.down)) : 0
    if isWhole || (-1...4).contains(exponent) {
      (scale, factorText) = (1, nil)
    } else {
      scale = pow(10, Double(exponent))
      factorText = "\(Self.exponentText(exponent)) *"
    }
    let least = finite.lazy.filter { $0 != 0 }.map(\.magnitude).min() ?? 1
    if !isWhole, least / scale < 0.5e-4 { (isScientific, factorText) = (true, nil) }
    texts = values.map { text($0) }
    width = texts.map(\.count).max() ?? 0
  }

  private func text(_ value: Double) -> String {
    guard value.isFinite else { return ErrorText.number(value) }
    if isWhole { return value == 0 && value.sign == .minus ? "-0" : ErrorText.number(value) }
    if isScientific { return Self.scientific(value) }
    return Self.fixed(value / scale, digits: 4)
  }

  /// A number's text, right-aligned in the column.
  func padded(_ text: String) -> String {
    String(repeating: " ", count: max(width - text.count, 0)) + text
  }

  /// A number with four significant digits: `0.4996`, `1.234e-07`.
  static func significant(_ value: Double) -> String {
    guard value.isFinite, value != 0 else { return ErrorText.number(value == 0 ? 0 : value) }
    let exponent = Int(clamped: log10(value.magnitude).rounded(.down))
    guard (-4...5).contains(exponent) else {
      return fixed(value / pow(10, Double(exponent)), digits: 3)
        + exponentText(exponent).dropFirst()
    }
    if value == value.rounded() { return ErrorText.number(value) }
    return fixed(value, digits: max(3 - exponent, 0))
  }

  private static func exponentText(_ exponent: Int) -> String {
    let digits = String(exponent.magnitude)
    return "1e" + (exponent < 0 ? "-" : "+") + (digits.count < 2 ? "0" : "") + digits
  }

  /// `1.0000e-10`.
  private static func scientific(_ value: Double) -> String {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: 32) { buffer in
      let count = withVaList([value]) {
        vsnprintf(buffer.baseAddress, buffer.count, "%.4e", $0)
      }
      return String(
        decoding: buffer.prefix(Int(count)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
  }

  /// A number below 10⁹ with a fixed number of digits behind the point.
  private static func fixed(_ value: Double, digits: Int) -> String {
    let power = (0..<digits).reduce(1.0) { result, _ in result * 10 }
    let scaled = (value.magnitude * power).rounded()
    guard let whole = Int(exactly: scaled) else { return ErrorText.number(value) }
    let sign = value.sign == .minus ? "-" : ""
    guard digits > 0 else { return sign + String(whole) }
    let fraction = String(whole % Int(power))
    let zeros = String(repeating: "0", count: max(digits - fraction.count, 0))
    return "\(sign)\(whole / Int(power)).\(zeros)\(fraction)"
  }
}
