internal import Diagnostics

/// A value of a parameter; nil stands for "not given".
package enum ParameterValue: Equatable, Sendable {
  /// `true` or `false`.
  case flag(Bool)
  /// A whole number.
  case integer(Int)
  /// A number.
  case number(Double)
  /// One of the parameter's names.
  case name(String)
  /// Several numbers.
  case numbers([Double])
  /// Several names or words.
  case names([String])

  /// As scripts and messages write it.
  var text: String {
    switch self {
    case .flag(let value): return String(value)
    case .integer(let value): return String(value)
    case .number(let value): return Budget.number(value)
    case .name(let value): return "\"\(value)\""
    case .numbers(let values):
      return "{" + values.map(Budget.number).joined(separator: ", ") + "}"
    case .names(let values):
      return "{" + values.map { "\"\($0)\"" }.joined(separator: ", ") + "}"
    }
  }
}

/// Types that parameters may have.
protocol ParameterConvertible {
  init?(_ value: ParameterValue)
  var parameterValue: ParameterValue { get }
}

extension Bool: ParameterConvertible {
  init?(_ value: ParameterValue) {
    guard case .flag(let value) = value else { return nil }
    self = value
  }
  var parameterValue: ParameterValue { .flag(self) }
}

extension Int: ParameterConvertible {
  init?(_ value: ParameterValue) {
    guard case .integer(let value) = value else { return nil }
    self = value
  }
  var parameterValue: ParameterValue { .integer(self) }
}

extension Double: ParameterConvertible {
  init?(_ value: ParameterValue) {
    guard case .number(let value) = value else { return nil }
    self = value
  }
  var parameterValue: ParameterValue { .number(self) }
}

extension [Double]: ParameterConvertible {
  init?(_ value: ParameterValue) {
    guard case .numbers(let values) = value else { return nil }
    self = values
  }
  var parameterValue: ParameterValue { .numbers(self) }
}

/// Numbers that a parameter may be; finite in any case.
package struct NumberRange: Equatable, Sendable {
  /// The least, or what it must be above.
  package let lower: Double
  /// The largest, or what it must be below; infinite where there is none.
  package let upper: Double
  private let holdsLower: Bool
  private let holdsUpper: Bool

  /// `value` and all above.
  package static func atLeast(_ value: Double) -> NumberRange {
    NumberRange(lower: value, upper: .infinity, holdsLower: true, holdsUpper: false)
  }

  /// All above `value`, to `limit` where there is one.
  package static func above(_ value: Double, atMost limit: Double = .infinity) -> NumberRange {
    NumberRange(lower: value, upper: limit, holdsLower: false, holdsUpper: limit.isFinite)
  }

  /// Every number.
  package static var finite: NumberRange {
    NumberRange(lower: -.infinity, upper: .infinity, holdsLower: false, holdsUpper: false)
  }

  /// A range with both its ends.
  package static func within(_ range: ClosedRange<Double>) -> NumberRange {
    NumberRange(
      lower: range.lowerBound, upper: range.upperBound, holdsLower: true, holdsUpper: true)
  }

  /// All between two values.
  package static func between(_ lower: Double, _ upper: Double) -> NumberRange {
    NumberRange(lower: lower, upper: upper, holdsLower: false, holdsUpper: false)
  }

  /// True for numbers of the range.
  package func contains(_ value: Double) -> Bool {
    guard value.isFinite else { return false }
    return (holdsLower ? value >= lower : value > lower)
      && (holdsUpper ? value <= upper : value < upper)
  }

  /// What is wrong with a number outside.
  func refusal(of what: String) -> String {
    let (low, high) = (Budget.number(lower), Budget.number(upper))
    if lower.isInfinite { return "a finite \(what) is needed" }
    if upper.isInfinite {
      return holdsLower ? "at least \(low) is needed" : "a \(what) above \(low) is needed"
    }
    if !holdsLower, !holdsUpper { return "outside \(low) … \(high) (exclusive)" }
    return "outside \(low) … \(high)" + (holdsLower ? "" : " (\(low) excluded)")
  }
}

/// What values a parameter takes.
package indirect enum ParameterKind: Equatable, Sendable {
  /// `true` or `false`.
  case flag
  /// A whole number.
  case integer(ClosedRange<Int>)
  /// A number.
  case number(NumberRange)
  /// A length in pixel units of `[0, 1]`.
  case length(NumberRange)
  /// One of these names.
  case choice([String])
  /// A list of numbers.
  case numbers
  /// A list of names from these; of any words for nil.
  case names([String]?)
  /// A number, or the word that stands for none.
  case numberOr(String)
  /// `true`, `false`, or a number that stands for `true` with it.
  case part(ParameterKind, whenTrue: String)

  /// Refuses values outside the range.
  ///
  /// - Throws: `KilpiError` with name, value and range.
  func check(_ value: ParameterValue, _ name: String, norm: Norm) throws {
    switch (self, value) {
    case (.integer(let range), .integer(let number)) where !range.contains(number):
      throw KilpiError(
        "\(name) is \(number), "
          + (number < range.lowerBound
            ? "at least \(range.lowerBound) is needed" : "at most \(range.upperBound) is allowed"))
    case (.number(let range), .number(let number)) where !range.contains(number):
      throw KilpiError("\(name) is \(value.text), " + range.refusal(of: "number"))
    case (.length(let range), .number(let number)):
      guard !number.isFinite || range.contains(number) else {
        throw KilpiError(
          "\(name) is \(value.text), " + range.refusal(of: "length"),
          advice: "lengths are in pixel units of 0 … 1, like eps")
      }
      _ = try Budget.checked(number, name: name, norm: norm)
    case (.part(let kind, _), _): try kind.check(value, name, norm: norm)
    default: break
    }
  }
}
