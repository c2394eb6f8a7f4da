internal import Files

extension JSONValue {
  /// A number, or null for what was not measured.
  static func optional(_ value: Double?) -> JSONValue { value.map { .number($0) } ?? .null }

  /// A list of texts.
  static func strings(_ texts: [String]) -> JSONValue { .array(texts.map { .string($0) }) }

  /// The ends of an interval, or null.
  static func interval(_ value: ClosedRange<Double>?) -> JSONValue {
    value.map { .array([.number($0.lowerBound), .number($0.upperBound)]) } ?? .null
  }

  /// The number, also one that the writer spelt as `"nan"` or `"-inf"`.
  var anyDouble: Double? { double ?? string.flatMap { Double($0) } }

  /// What another process has sent.
  static func received(_ bytes: [UInt8]) throws -> JSONValue {
    try parse(bytes, limits: JSONLimits(bytes: 1 << 30))
  }
}
