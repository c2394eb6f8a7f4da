/// One named value of an options table: its type, default, range and text.
public struct OptionSpec: Sendable {
  /// What a value of the option may be.
  public indirect enum Form: Sendable {
    case boolean
    case integer(ClosedRange<Int>)
    case number(ClosedRange<Double>)
    /// A length in pixel units of [0, 1], or a fraction such as "8/255".
    case budget
    case string
    /// One of these strings.
    case choice([String])
    /// An integer list.
    case integers
    /// A number list.
    case numbers
    /// A string or a list of strings.
    case strings
    case function
    /// A handle of this class; the string is its name in messages.
    case handle(String)
    /// A table with named values of its own.
    case table([OptionSpec])
    /// Anything; the entry's body checks it. The string says what, in the words of signatures.
    case any(String)
  }

  /// The name as scripts write it.
  public var name: String
  /// What values it takes.
  public var form: Form
  /// The value when none is given.
  public var fallback: OptionValue?
  /// One phrase with the unit.
  public var doc: String
  /// True when the call fails without it.
  public var required = false

  init(_ name: String, _ form: Form, _ fallback: OptionValue?, _ doc: String) {
    self.name = name
    self.form = form
    self.fallback = fallback
    self.doc = doc
  }

  /// The same option, which must be given.
  public var mandatory: OptionSpec {
    var copy = self
    copy.required = true
    return copy
  }

  /// `true` or `false`.
  public static func boolean(_ name: String, default value: Bool? = nil, _ doc: String) -> Self {
    Self(name, .boolean, value.map { .boolean($0) }, doc)
  }

  /// A whole number in `range`.
  public static func integer(
    _ name: String, default value: Int? = nil, range: ClosedRange<Int> = Int.min...Int.max,
    _ doc: String
  ) -> Self {
    Self(name, .integer(range), value.map { .integer($0) }, doc)
  }

  /// A number in `range`; NaN is refused.
  public static func number(
    _ name: String, default value: Double? = nil,
    range: ClosedRange<Double> = -Double.infinity...Double.infinity, _ doc: String
  ) -> Self {
    Self(name, .number(range), value.map { .number($0) }, doc)
  }

  /// A length in pixel units, or a string fraction; the default is written as the user would.
  public static func budget(_ name: String, default value: String? = nil, _ doc: String) -> Self {
    Self(name, .budget, value.map { .string($0) }, doc)
  }

  /// A string.
  public static func string(_ name: String, default value: String? = nil, _ doc: String) -> Self {
    Self(name, .string, value.map { .string($0) }, doc)
  }

  /// One of the named strings.
  public static func choice(
    _ name: String, _ choices: [String], default value: String? = nil, _ doc: String
  ) -> Self {
    Self(name, .choice(choices), value.map { .string($0) }, doc)
  }

  /// A list of whole numbers.
  public static func integers(_ name: String, default value: [Int]? = nil, _ doc: String) -> Self {
    Self(name, .integers, value.map { .integers($0) }, doc)
  }

  /// A list of numbers.
  public static func numbers(_ name: String, default value: [Double]? = nil, _ doc: String) -> Self
  {
    Self(name, .numbers, value.map { .numbers($0) }, doc)
  }

  /// A string or a list of strings.
  public static func strings(_ name: String, default value: [String]? = nil, _ doc: String) -> Self
  {
    Self(name, .strings, value.map { .strings($0) }, doc)
  }

  /// A Lua function.
  public static func function(_ name: String, _ doc: String) -> Self {
    Self(name, .function, nil, doc)
  }

  /// A handle whose type has the name `type`.
  public static func handle(_ name: String, type: String, _ doc: String) -> Self {
    Self(name, .handle(type), nil, doc)
  }

  /// A nested options table, checked like the outer one.
  public static func table(_ name: String, _ fields: [OptionSpec], _ doc: String) -> Self {
    Self(name, .table(fields), nil, doc)
  }

  /// Anything that the entry checks itself; `type` says what, as in `tensor|integer[]`.
  public static func any(
    _ name: String, type: String, default value: String? = nil, _ doc: String
  ) -> Self {
    Self(name, .any(type), value.map { .string($0) }, doc)
  }
}

/// The default of an option.
public enum OptionValue: Sendable, Equatable {
  case boolean(Bool)
  case integer(Int)
  case number(Double)
  case string(String)
  case integers([Int])
  case numbers([Double])
  case strings([String])

  /// The value as a script would write it.
  public var text: String {
    switch self {
    case .boolean(let value): return value ? "true" : "false"
    case .integer(let value): return String(value)
    case .number(let value): return ErrorText.number(value)
    case .string(let value): return "\"\(value)\""
    case .integers(let values): return "{" + values.map(String.init).joined(separator: ", ") + "}"
    case .numbers(let values):
      return "{" + values.map(ErrorText.number).joined(separator: ", ") + "}"
    case .strings(let values):
      return "{" + values.map { "\"\($0)\"" }.joined(separator: ", ") + "}"
    }
  }
}
