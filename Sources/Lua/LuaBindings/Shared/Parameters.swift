internal import Attacks
internal import Diagnostics
internal import LuaHost

// Parameters that types of the library declare, as options of calls.

extension OptionSpec {
  /// The option of a parameter.
  init(_ form: ParameterForm) {
    let (name, doc) = (form.name, form.doc)
    switch form.kind {
    case .flag:
      var value: Bool?
      if case .flag(let flag)? = form.fallback { value = flag }
      self = .boolean(name, default: value, doc)
    case .integer(let range):
      var value: Int?
      if case .integer(let number)? = form.fallback { value = number }
      self = .integer(name, default: value, range: range, doc)
    case .number(let range):
      var value: Double?
      if case .number(let number)? = form.fallback { value = number }
      self = .number(name, default: value, range: range.lower...range.upper, doc)
    case .length:
      var value: String?
      if case .number(let number)? = form.fallback {
        // 2/255 is what people write for 0.00784….
        value = (try? Budget(.linf, number))?.length ?? ErrorText.number(number)
      }
      self = .budget(name, default: value, doc)
    case .choice(let names):
      var value: String?
      if case .name(let text)? = form.fallback { value = text }
      self = .choice(name, names, default: value, doc)
    case .numbers:
      var values: [Double]?
      if case .numbers(let list)? = form.fallback { values = list }
      self = .numbers(name, default: values, doc)
    case .names: self = .strings(name, doc)
    case .numberOr(let none):
      self = .any(name, type: "number|\"\(none)\"", doc)
    case .part(let number, _):
      var type = "number"
      if case .integer = number { type = "integer" }
      self = .any(name, type: "boolean|" + type, doc)
    }
  }
}

extension Parameterized {
  /// The options of its parameters, or of some of them.
  func options(_ names: Set<String>? = nil) -> [OptionSpec] {
    parameterForms.filter { $0.isOption && names?.contains($0.name) ?? true }.map {
      OptionSpec($0)
    }
  }
}

extension Options {
  /// Puts the values that were given into an owner's parameters; the others stay as they are.
  ///
  /// - Throws: `KilpiError` for a parameter without the option that it goes with.
  func read<Owner: Parameterized>(into owner: inout Owner) throws {
    for form in owner.parameterForms where form.isOption && has(form.name) {
      try check(form.name, goesWith: form.conditions)
      if let value = try value(form) { owner.setParameter(form.name, value) }
    }
    for form in owner.parameterForms where form.isOption && has(form.name) {
      if let part = form.missingPart {
        throw problem(form.name, "goes with \(part)", advice: "give \(part), or leave it out")
      }
    }
  }

  /// Refuses an option that was given without any of those that it goes with.
  func check(_ name: String, goesWith conditions: [ParameterCondition]) throws {
    guard has(name), let first = conditions.first,
      !conditions.contains(where: { value($0.option).string == $0.value })
    else { return }
    let (option, needed) = (first.option, first.value)
    throw problem(
      name, "goes with \(option) = \"\(needed)\"",
      advice: "give that \(option), or leave it out")
  }

  private func value(_ form: ParameterForm) throws -> ParameterValue? {
    let name = form.name
    switch form.kind {
    case .flag: return .flag(try boolean(name))
    case .integer: return .integer(try integer(name))
    case .number: return .number(try number(name))
    case .length: return try budgetIfGiven(name).map { .number($0) }
    case .choice: return .name(try string(name))
    case .numbers: return .numbers(try numbers(name))
    case .names(let known): return try names(name, known).map { .names($0) }
    case .numberOr(let none):
      let given = value(name)
      if given.string == none { return .name(none) }
      guard let number = given.double, !number.isNaN else {
        throw problem(name, "must be a number or \"\(none)\"")
      }
      return .number(number)
    case .part(let kind, _):
      let given = value(name)
      if let flag = given.bool { return .flag(flag) }
      var number = given.double.map { ParameterValue.number($0) }
      if case .integer = kind { number = given.int.map { .integer($0) } }
      guard let number else {
        throw problem(name, "must be true, false or a number, got \(given.typeName)")
      }
      return number
    }
  }

  /// A list of names; of `known` ones where there are such.
  private func names(_ name: String, _ known: [String]?) throws -> [String]? {
    let names = try stringsIfGiven(name)
    if let known, let wrong = names?.first(where: { !known.contains($0) }) {
      throw problem(
        name, "holds \"\(wrong.prefix(40))\"",
        advice: NearestName.suggestion(for: wrong, among: known).map { "did you mean '\($0)'?" }
          ?? "there are " + known.joined(separator: ", "))
    }
    return names
  }
}
