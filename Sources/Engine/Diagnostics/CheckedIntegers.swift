/// Arithmetic on integers that a caller or a file gives: sizes, counts, offsets, labels, limits.
///
/// Swift's own operators end the process where a result does not fit. At every edge (floor 2, the readers of
/// files, options of floor 1) one of these stands in their place: those that throw where the number is then
/// used as a size or a place, those that clamp where the largest number says as much as any larger one
/// ("everything", "without end"). For the size of a number without its sign use `magnitude`, never `abs`.
/// `scripts/checks/integers` asks for them.
extension FixedWidthInteger {
  /// `self + other`.
  ///
  /// - Throws: `KilpiError` where the sum does not fit.
  public func adding(_ other: Self) throws -> Self {
    let (sum, overflow) = addingReportingOverflow(other)
    guard !overflow else { throw tooLarge("\(self) + \(other)") }
    return sum
  }

  /// `self - other`.
  ///
  /// - Throws: `KilpiError` where the difference does not fit.
  public func subtracting(_ other: Self) throws -> Self {
    let (difference, overflow) = subtractingReportingOverflow(other)
    guard !overflow else { throw tooLarge("\(self) - \(other)") }
    return difference
  }

  /// `self * other`.
  ///
  /// - Throws: `KilpiError` where the product does not fit.
  public func multiplied(by other: Self) throws -> Self {
    let (product, overflow) = multipliedReportingOverflow(by: other)
    guard !overflow else { throw tooLarge("\(self) * \(other)") }
    return product
  }

  /// `-self`.
  ///
  /// - Throws: `KilpiError` for the smallest number, which has no opposite.
  public func negated() throws -> Self { try Self.zero.subtracting(self) }

  /// `self + other`, the nearest number that there is.
  public func addingClamped(_ other: Self) -> Self {
    let (sum, overflow) = addingReportingOverflow(other)
    guard overflow else { return sum }
    return other < 0 ? .min : .max
  }

  /// `self * other`, the nearest number that there is.
  public func multipliedClamped(by other: Self) -> Self {
    let (product, overflow) = multipliedReportingOverflow(by: other)
    guard overflow else { return product }
    return (self < 0) == (other < 0) ? .max : .min
  }

  /// How many parts of `size` hold `self` things: the quotient rounded up; 0 for nothing, or no size.
  public func parts(of size: Self) -> Self {
    self > 0 && size > 0 ? (self - 1) / size + 1 : 0
  }

  private func tooLarge(_ expression: String) -> KilpiError {
    KilpiError("\(expression) does not fit into \(Self.bitWidth) bits")
  }
}

extension Int {
  /// The whole part of a number, cut towards zero.
  ///
  /// - Parameter what: what the number is, for the message.
  /// - Throws: `KilpiError` for NaN, infinities, and what does not fit into 64 bits.
  public init(checked value: Double, _ what: String = "the number") throws {
    guard let whole = Int(exactly: value.rounded(.towardZero)) else {
      throw KilpiError("\(what) is \(value), which is no 64-bit integer")
    }
    self = whole
  }

  /// The whole part of a number, cut towards zero; the nearest integer for what does not fit, 0 for NaN.
  public init(clamped value: Double) {
    if let whole = Int(exactly: value.rounded(.towardZero)) {
      self = whole
    } else {
      self = value.isNaN ? 0 : value < 0 ? .min : .max
    }
  }
}

extension Sequence where Element: FixedWidthInteger {
  /// The product of all numbers; 1 of none.
  ///
  /// - Throws: `KilpiError` where it does not fit.
  public func checkedProduct() throws -> Element { try reduce(1) { try $0.multiplied(by: $1) } }
}
