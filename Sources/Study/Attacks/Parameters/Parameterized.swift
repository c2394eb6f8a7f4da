/// A type that declares its parameters, each once.
package protocol Parameterized {
  /// All of them, in the order in which a call's values are put in; presets come first.
  static var parameters: [Parameter<Self>] { get }
}

/// A parameter of one value of a type, as options and records show it.
package struct ParameterForm: Equatable, Sendable {
  /// Its name in scripts and records.
  package let name: String
  /// What values it takes.
  package let kind: ParameterKind
  /// What it does, with its unit and what applies when it is not given.
  package let doc: String
  /// The value that it has; nil for none.
  package let value: ParameterValue?
  /// The default of its option; nil where there is none, or where a preset changes it.
  package let fallback: ParameterValue?
  /// The options that it goes with: one of them has to have its value.
  package let conditions: [ParameterCondition]
  /// The parameter that switches on the part it belongs to, where that part is off.
  package let missingPart: String?
  /// True for an option of calls.
  package let isOption: Bool
  /// True for a flag that stands for other parameters.
  package let isPreset: Bool
  /// True where records hold it.
  package let isRecorded: Bool
}

extension Parameterized {
  /// Its parameters with their values, which are the defaults of options.
  package var parameterForms: [ParameterForm] {
    let presets = Self.parameters.filter { $0.role == .preset }
    return Self.parameters.map { parameter in
      let value = parameter.get(self)
      // A preset that changes the default is named beside it.
      let changes = presets.compactMap { preset -> String? in
        var changed = self
        preset.set(&changed, .flag(true))
        guard let new = parameter.get(changed), new != value else { return nil }
        return "\(new.text) with \(preset.name) = true"
      }
      let others = changes.isEmpty ? [] : [value?.text].compactMap { $0 } + changes
      return ParameterForm(
        name: parameter.name, kind: parameter.kind,
        doc: parameter.phrase(value, others: others), value: value,
        fallback: changes.isEmpty ? parameter.fallback(value) : nil,
        conditions: parameter.conditions,
        missingPart: value == nil ? parameter.part : nil, isOption: parameter.role != .unlisted,
        isPreset: parameter.role == .preset,
        isRecorded: parameter.isUsed(self)
          && (parameter.role == .option
            || parameter.role == .unlisted && value != parameter.usual)
      )
    }
  }

  /// Gives a parameter a value; other names and values of another kind change nothing.
  package mutating func setParameter(_ name: String, _ value: ParameterValue) {
    Self.parameters.first { $0.name == name }?.set(&self, value)
  }

  /// The same with the defaults of evaluations.
  package func forEvaluations() -> Self {
    var copy = self
    for parameter in Self.parameters {
      if let value = parameter.evaluation { parameter.set(&copy, value) }
    }
    return copy
  }

  /// Refuses parameters outside their ranges.
  ///
  /// - Parameter norm: how lengths are measured.
  /// - Throws: `KilpiError` with name, value and range.
  package func checkParameters(norm: Norm = .linf) throws {
    for parameter in Self.parameters {
      if let value = parameter.get(self) {
        try parameter.kind.check(value, parameter.name, norm: norm)
      }
    }
  }
}

extension Parameter {
  fileprivate func fallback(_ value: ParameterValue?) -> ParameterValue? {
    if case .part = kind { return nil }
    return value ?? usual
  }

  fileprivate func phrase(_ value: ParameterValue?, others: [String]) -> String {
    var text = conditions.first.map { "\($0.option) = \"\($0.value)\": " + doc } ?? doc
    if let part { text = "with \(part): " + text }
    if case .length = kind { text += " in pixel units of [0, 1]" }
    if case .part(_, let whenTrue) = kind {
      text += "; true: \(whenTrue)" + (value == .flag(false) ? "; off by default" : ", the default")
    }
    if case .names(let names?) = kind { text += "; of " + names.joined(separator: ", ") }
    if case .numberOr = kind, let value { text += "; \(value.text) when not given" }
    if let absent { text += "; \(absent) when not given" }
    if !others.isEmpty { text += "; " + others.joined(separator: ", ") }
    if let evaluation {
      text += value == evaluation ? "; \(evaluation.text) in evaluations" : ""
    }
    return text
  }
}
