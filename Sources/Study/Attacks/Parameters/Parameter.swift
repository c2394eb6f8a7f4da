internal import Diagnostics

/// One parameter of an attack, declared by the type that owns it.
///
/// Options of calls, help, reference, range checks, records and the resuming of runs are derived
/// from the declaration. Its default is that of the owner's own initialiser.
package struct Parameter<Owner> {
  /// Its name in scripts and records.
  package let name: String
  /// What values it takes.
  package let kind: ParameterKind
  /// One phrase: what it does.
  let doc: String
  let get: (Owner) -> ParameterValue?
  let set: (inout Owner, ParameterValue) -> Void
  /// What applies without a value; nil where there always is one.
  var absent: String?
  /// The value in evaluations, where it differs from that of a call.
  var evaluation: ParameterValue?
  /// The options that it goes with: one of them has to have its value.
  var conditions: [ParameterCondition] = []
  /// Whether it has a meaning beside the owner's other values; records leave it out where it has not.
  var isUsed: (Owner) -> Bool = { _ in true }
  /// Its default where the owner's own value has no part that it belongs to.
  var usual: ParameterValue?
  /// The parameter that switches on the part it belongs to; nil for none.
  var part: String?
  var role = ParameterRole.option

  /// A parameter by its own way to the owner's value.
  package init(
    _ name: String, _ kind: ParameterKind, _ doc: String,
    get: @escaping (Owner) -> ParameterValue?,
    set: @escaping (inout Owner, ParameterValue) -> Void
  ) {
    (self.name, self.kind, self.doc) = (name, kind, doc)
    (self.get, self.set) = (get, set)
  }

  private init<Value: ParameterConvertible>(
    _ name: String, _ kind: ParameterKind, _ doc: String, _ path: WritableKeyPath<Owner, Value>
  ) {
    self.init(
      name, kind, doc, get: { $0[keyPath: path].parameterValue },
      set: { owner, value in
        if let value = Value(value) { owner[keyPath: path] = value }
      })
  }

  init<Value: ParameterConvertible>(
    _ name: String, _ kind: ParameterKind, _ doc: String, absent: String?,
    _ path: WritableKeyPath<Owner, Value?>
  ) {
    self.init(
      name, kind, doc, get: { $0[keyPath: path]?.parameterValue },
      set: { owner, value in owner[keyPath: path] = Value(value) })
    self.absent = absent
  }
}

extension Parameter {
  /// A flag.
  package init(_ name: String, _ path: WritableKeyPath<Owner, Bool>, _ doc: String) {
    self.init(name, .flag, doc, path)
  }

  /// A whole number.
  package init(
    _ name: String, _ path: WritableKeyPath<Owner, Int>, _ range: ClosedRange<Int>, _ doc: String
  ) {
    self.init(name, .integer(range), doc, path)
  }

  /// A whole number that may be left out; `absent` says what applies then.
  package init(
    _ name: String, _ path: WritableKeyPath<Owner, Int?>, _ range: ClosedRange<Int>, _ doc: String,
    absent: String?
  ) {
    self.init(name, .integer(range), doc, absent: absent, path)
  }

  /// A number.
  package init(
    _ name: String, _ path: WritableKeyPath<Owner, Double>, _ range: NumberRange, _ doc: String
  ) {
    self.init(name, .number(range), doc, path)
  }

  /// A list of numbers.
  package init(_ name: String, _ path: WritableKeyPath<Owner, [Double]>, _ doc: String) {
    self.init(name, .numbers, doc, path)
  }

  /// A number that may be left out; `absent` says what applies then.
  package init(
    _ name: String, _ path: WritableKeyPath<Owner, Double?>, _ range: NumberRange, _ doc: String,
    absent: String
  ) {
    self.init(name, .number(range), doc, absent: absent, path)
  }

  /// One of a type's named values.
  package init<Choice: RawRepresentable & CaseIterable>(
    _ name: String, _ path: WritableKeyPath<Owner, Choice>, _ doc: String
  ) where Choice.RawValue == String {
    self.init(
      name, .choice(Choice.allCases.map(\.rawValue)), doc,
      get: { .name($0[keyPath: path].rawValue) },
      set: { owner, value in
        if case .name(let name) = value, let choice = Choice(rawValue: name) {
          owner[keyPath: path] = choice
        }
      })
  }

  /// One of a type's named values, or of some of them, that may be left out.
  package init<Choice: RawRepresentable & CaseIterable>(
    _ name: String, _ path: WritableKeyPath<Owner, Choice?>, of choices: [Choice]? = nil,
    _ doc: String, absent: String?
  ) where Choice.RawValue == String {
    self.init(
      name, .choice((choices ?? Array(Choice.allCases)).map(\.rawValue)), doc,
      get: { $0[keyPath: path].map { .name($0.rawValue) } },
      set: { owner, value in
        if case .name(let name) = value { owner[keyPath: path] = Choice(rawValue: name) }
      })
    self.absent = absent
  }

  /// A length in pixel units of `[0, 1]`.
  package static func length(
    _ name: String, _ path: WritableKeyPath<Owner, Double>, _ range: NumberRange, _ doc: String
  ) -> Parameter {
    Parameter(name, .length(range), doc, path)
  }

  /// A length in pixel units of `[0, 1]` that may be left out; `absent` says what applies then.
  package static func length(
    _ name: String, _ path: WritableKeyPath<Owner, Double?>, _ range: NumberRange, _ doc: String,
    absent: String
  ) -> Parameter {
    Parameter(name, .length(range), doc, absent: absent, path)
  }

  /// A part that is switched on by `true` or by its own number, and off by `false`.
  ///
  /// - Parameters:
  ///   - number: what its number may be.
  ///   - whenTrue: the number that `true` stands for, in words.
  ///   - value: the part's number; nil where `true` says it all.
  ///   - make: the part with a number, or with its usual one.
  static func part<Part>(
    _ name: String, _ path: WritableKeyPath<Owner, Part?>, _ number: ParameterKind,
    _ doc: String, whenTrue: String, value: @escaping (Part) -> ParameterValue?,
    make: @escaping (ParameterValue?) -> Part
  ) -> Parameter {
    Parameter(
      name, .part(number, whenTrue: whenTrue), doc,
      get: { owner in owner[keyPath: path].map { value($0) ?? .flag(true) } ?? .flag(false) },
      set: { owner, new in
        if case .flag(let isOn) = new {
          owner[keyPath: path] = isOn ? make(nil) : nil
        } else {
          owner[keyPath: path] = make(new)
        }
      })
  }

  /// A flag that exchanges the owner for another.
  ///
  /// It gives other defaults; the other parameters of a call win over them, and records hold what came
  /// of it.
  static func preset(_ name: String, _ value: Owner, _ doc: String) -> Parameter {
    var parameter = Parameter(
      name, .flag, doc, get: { _ in nil },
      set: { owner, new in if new == .flag(true) { owner = value } })
    parameter.usual = .flag(false)
    parameter.role = .preset
    return parameter
  }

  /// The same parameter with another value in evaluations.
  func inEvaluations(_ value: ParameterValue) -> Parameter {
    var copy = self
    copy.evaluation = value
    return copy
  }

  /// The same parameter, which has a meaning with one value of another option alone.
  package func goesWith(_ option: String, _ value: String) -> Parameter {
    var copy = self
    copy.conditions = [ParameterCondition(option: option, value: value)]
    return copy
  }

  /// The same parameter, which another value gives a meaning, too.
  package func orWith(_ option: String, _ value: String) -> Parameter {
    var copy = self
    copy.conditions.append(ParameterCondition(option: option, value: value))
    return copy
  }

  /// The same parameter, which records hold only where it has a meaning.
  package func recorded(_ isUsed: @escaping (Owner) -> Bool) -> Parameter {
    var copy = self
    copy.isUsed = isUsed
    return copy
  }

  /// The same parameter as an option alone: records hold what came of it.
  package func unrecorded() -> Parameter { recorded { _ in false } }

  /// The same parameter, of a larger value that the owner is a part of.
  package func within<Whole>(_ path: WritableKeyPath<Whole, Owner>) -> Parameter<Whole> {
    let (get, set, isUsed) = (get, set, isUsed)
    var copy = Parameter<Whole>(
      name, kind, doc, get: { get($0[keyPath: path]) },
      set: { whole, value in set(&whole[keyPath: path], value) })
    (copy.absent, copy.evaluation, copy.usual, copy.role) = (absent, evaluation, usual, role)
    (copy.conditions, copy.part) = (conditions, part)
    copy.isUsed = { isUsed($0[keyPath: path]) }
    return copy
  }

  /// The same parameter, without an option: it is recorded only where it is not `usual`.
  func unlisted(usual: ParameterValue) -> Parameter {
    var copy = self
    copy.usual = usual
    copy.role = .unlisted
    return copy
  }

  /// The same parameter, of a part that another one switches on; its default there.
  package func with(_ part: String, usually value: ParameterValue) -> Parameter {
    var copy = usually(value)
    copy.part = part
    return copy
  }

  /// The same parameter with a default where the owner's part is off.
  package func usually(_ value: ParameterValue) -> Parameter {
    var copy = self
    copy.usual = value
    return copy
  }
}

/// A value of another option that a parameter goes with.
package struct ParameterCondition: Equatable, Sendable {
  /// The other option.
  package let option: String
  package let value: String

  /// Names both.
  package init(option: String, value: String) { (self.option, self.value) = (option, value) }
}

/// Where a parameter shows.
enum ParameterRole: Sendable {
  case option, preset, unlisted
}
