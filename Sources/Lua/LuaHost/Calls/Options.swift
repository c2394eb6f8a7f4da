internal import CLua
internal import CLuaBridge
internal import Diagnostics

/// The options table of a call, checked against its entry: unknown names, types and ranges.
///
/// Getters give the user's value or the entry's default; the `…IfGiven` forms give nil where there
/// is neither.
public struct Options {
  /// The values that were given, by name.
  public let given: [String: LuaValue]
  private(set) var specs: [OptionSpec]
  let state: LuaState
  /// In front of names of nested tables: `image.`.
  let path: String

  /// - Parameter besideList: the table has a list part, which is no option.
  init(
    _ table: LuaTable?, specs: [OptionSpec], state: LuaState, path: String = "",
    besideList: Bool = false
  ) throws {
    self.specs = specs
    self.state = state
    self.path = path
    var given: [String: LuaValue] = [:]
    for (key, value) in try table?.pairs(limit: 10_000) ?? [] {
      if besideList, key.int != nil { continue }
      guard case .string(let name) = key else {
        throw KilpiError(
          "options have names, got \(key.typeName) key\(key.int.map { " [\($0)]" } ?? "")")
      }
      guard specs.contains(where: { $0.name == name.display }) else {
        throw ErrorText.unknownOption(
          name.display, known: specs.map(\.name),
          elsewhere: Self.homes(of: name.display, in: specs))
      }
      given[name.display] = value
    }
    self.given = given
    for spec in specs {
      if let value = given[spec.name] {
        try check(value, spec)
      } else if spec.required {
        throw KilpiError("option '\(path)\(spec.name)' is missing", advice: "it is: \(spec.doc)")
      }
    }
  }

  /// The nested tables that take an option of this name: `optimizer = {lr = …}`.
  private static func homes(of name: String, in specs: [OptionSpec]) -> [String] {
    let known = ErrorText.synonyms[name] ?? name
    return specs.flatMap { spec -> [String] in
      guard case .table(let fields) = spec.form else { return [] }
      if fields.contains(where: { $0.name == known }) { return ["\(spec.name) = {\(known) = …}"] }
      return homes(of: known, in: fields).map { "\(spec.name) = {\($0)}" }
    }
  }

  /// The same values with the types, ranges and defaults of other specifications: those of the one
  /// method that the table names.
  public func narrowed(to specs: [OptionSpec]) throws -> Options {
    var copy = self
    copy.specs = specs
    for spec in specs {
      if let value = given[spec.name] { try copy.check(value, spec) }
    }
    return copy
  }

  /// True when the script gave the option.
  public func has(_ name: String) -> Bool { given[name] != nil }

  /// The option as it was given; `nil` when it was not.
  public func value(_ name: String) -> LuaValue { given[name] ?? .nil }

  /// An error about an option, to throw: `option 'steps' is -1 (…)`.
  public func problem(_ name: String, _ text: String, advice: String? = nil) -> any Error {
    KilpiError("option '\(path)\(name)' \(text)", advice: advice)
  }

  private func fallback(_ name: String) -> OptionValue? {
    specs.first { $0.name == name }?.fallback
  }

  private func missing(_ name: String) -> any Error {
    KilpiError("option '\(path)\(name)' is missing")
  }

  private func mismatch(_ name: String, _ expected: String, _ value: LuaValue) -> any Error {
    let got: String
    switch value {
    case .string(let text): got = "\"\(ErrorText.clipped(text.display))\""
    case .integer(let value): got = String(value)
    case .number(let value): got = ErrorText.number(value)
    case .boolean(let value): got = String(value)
    default: got = value.typeName
    }
    return problem(name, "must be \(expected), got \(got)")
  }

  /// Checks type and range when the table is read, so that an error comes before any work.
  private func check(_ value: LuaValue, _ spec: OptionSpec) throws {
    switch spec.form {
    case .boolean: _ = try booleanIfGiven(spec.name)
    case .integer(let range):
      guard let number = try integerIfGiven(spec.name), !range.contains(number) else { return }
      throw outOfRange(
        spec.name, String(number), low: range.lowerBound == Int.min ? nil : "\(range.lowerBound)",
        high: range.upperBound == Int.max ? nil : "\(range.upperBound)")
    case .number(let range):
      guard let number = try numberIfGiven(spec.name), !range.contains(number) else { return }
      throw outOfRange(
        spec.name, ErrorText.number(number),
        low: range.lowerBound.isInfinite ? nil : ErrorText.number(range.lowerBound),
        high: range.upperBound.isInfinite ? nil : ErrorText.number(range.upperBound))
    case .budget: _ = try budgetIfGiven(spec.name)
    case .string: _ = try stringIfGiven(spec.name)
    case .choice(let choices):
      guard let text = value.string, choices.contains(text) else {
        let near = value.string.flatMap { NearestName.suggestion(for: $0, among: choices) }
        let list = choices.map { "\"\($0)\"" }.joined(separator: ", ")
        let error = mismatch(spec.name, "one of \(list)", value)
        guard let near, var host = error as? KilpiError else { throw error }
        host.advice = "did you mean '\(near)'?"
        throw host
      }
    case .integers: _ = try integersIfGiven(spec.name)
    case .numbers: _ = try numbersIfGiven(spec.name)
    case .strings: _ = try stringsIfGiven(spec.name)
    case .function: _ = try functionIfGiven(spec.name)
    case .handle(let type):
      if value.typeName != type { throw mismatch(spec.name, "a \(type)", value) }
    case .table(let fields):
      guard let table = value.table else { throw mismatch(spec.name, "a table", value) }
      _ = try Options(table, specs: fields, state: state, path: path + spec.name + ".")
    case .any: break
    }
  }

  private func outOfRange(_ name: String, _ value: String, low: String?, high: String?) -> any Error
  {
    let bounds: String
    switch (low, high) {
    case (let low?, let high?): bounds = "outside \(low) … \(high)"
    case (let low?, nil): bounds = "below \(low)"
    case (nil, let high?): bounds = "above \(high)"
    case (nil, nil): bounds = "not a number"
    }
    return KilpiError("\(path)\(name) is \(value), \(bounds)")
  }
}

extension Options {
  /// A boolean option.
  public func boolean(_ name: String) throws -> Bool {
    guard let value = try booleanIfGiven(name) else { throw missing(name) }
    return value
  }

  /// A boolean option, nil when there is no value.
  public func booleanIfGiven(_ name: String) throws -> Bool? {
    guard let value = given[name] else {
      if case .boolean(let value) = fallback(name) { return value }
      return nil
    }
    guard let bool = value.bool else { throw mismatch(name, "true or false", value) }
    return bool
  }

  /// A whole-number option.
  public func integer(_ name: String) throws -> Int {
    guard let value = try integerIfGiven(name) else { throw missing(name) }
    return value
  }

  /// A whole-number option, nil when there is no value.
  public func integerIfGiven(_ name: String) throws -> Int? {
    guard let value = given[name] else {
      if case .integer(let value) = fallback(name) { return value }
      return nil
    }
    guard let number = value.int else { throw mismatch(name, "an integer", value) }
    return number
  }

  /// A number option.
  public func number(_ name: String) throws -> Double {
    guard let value = try numberIfGiven(name) else { throw missing(name) }
    return value
  }

  /// A number option, nil when there is no value.
  public func numberIfGiven(_ name: String) throws -> Double? {
    guard let value = given[name] else {
      if case .number(let value) = fallback(name) { return value }
      return nil
    }
    guard let number = value.double else { throw mismatch(name, "a number", value) }
    return number
  }

  /// A length in pixel units, from a number or a fraction such as "8/255".
  ///
  /// - Parameter limit: the largest length allowed; nil where none is, as for L2.
  public func budget(_ name: String, limit: Double? = 1) throws -> Double {
    guard let value = try budgetIfGiven(name, limit: limit) else { throw missing(name) }
    return value
  }

  /// A length in pixel units, nil when there is no value.
  public func budgetIfGiven(_ name: String, limit: Double? = nil) throws -> Double? {
    var result: Double
    if let value = given[name] {
      if let number = value.double {
        result = number
      } else if let text = value.string, let number = Self.fraction(text) {
        result = number
      } else {
        throw mismatch(name, "a number or a fraction such as \"8/255\"", value)
      }
    } else if case .string(let text) = fallback(name), let number = Self.fraction(text) {
      result = number
    } else {
      return nil
    }
    if result == 0 { result = 0 }  // -0 would print oddly
    guard result >= 0, result.isFinite, result <= limit ?? .infinity else {
      guard let limit else {
        throw KilpiError("\(path)\(name) is \(ErrorText.number(result)), below 0 or not finite")
      }
      throw ErrorText.budget(path + name, result, limit: limit)
    }
    return result
  }

  /// The value of `8/255` or `0.03`; nil for other texts.
  public static func fraction(_ text: String) -> Double? {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false).map {
      Double($0.filter { $0 != " " })
    }
    if parts.count == 1 { return parts[0] }
    guard parts.count == 2, let above = parts[0], let below = parts[1], below > 0 else {
      return nil
    }
    return above / below
  }

  /// A string option.
  public func string(_ name: String) throws -> String {
    guard let value = try stringIfGiven(name) else { throw missing(name) }
    return value
  }

  /// A string option, nil when there is no value.
  public func stringIfGiven(_ name: String) throws -> String? {
    guard let value = given[name] else {
      if case .string(let value) = fallback(name) { return value }
      return nil
    }
    guard let text = value.string else { throw mismatch(name, "a string", value) }
    return text
  }

  /// A path option that the sandbox allows, nil when there is no value.
  public func pathIfGiven(_ name: String, writing: Bool = false) throws -> String? {
    guard let path = try stringIfGiven(name) else { return nil }
    guard !path.utf8.contains(0) else { throw problem(name, "contains a zero byte") }
    try state.checkFile(path, writing: writing)
    return path
  }
}
