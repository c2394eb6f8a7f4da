extension Parameter {
  /// A flag that may be left out; `absent` says what applies then.
  package init(
    _ name: String, _ path: WritableKeyPath<Owner, Bool?>, _ doc: String, absent: String
  ) {
    self.init(name, .flag, doc, absent: absent, path)
  }

  /// Words of any kind; `absent` says what applies without them.
  package init(
    _ name: String, _ path: WritableKeyPath<Owner, [String]?>, _ doc: String, absent: String
  ) {
    self.init(
      name, .names(nil), doc, get: { $0[keyPath: path].map { .names($0) } },
      set: { owner, value in
        if case .names(let words) = value { owner[keyPath: path] = words }
      })
    self.absent = absent
  }

  /// Words of any kind.
  package init(_ name: String, _ path: WritableKeyPath<Owner, [String]>, _ doc: String) {
    self.init(
      name, .names(nil), doc, get: { .names($0[keyPath: path]) },
      set: { owner, value in
        if case .names(let words) = value { owner[keyPath: path] = words }
      })
  }

  /// A list of a type's named values.
  package init<Choice: RawRepresentable & CaseIterable>(
    _ name: String, _ path: WritableKeyPath<Owner, [Choice]>, _ doc: String
  ) where Choice.RawValue == String {
    self.init(
      name, .names(Choice.allCases.map(\.rawValue)), doc,
      get: { .names($0[keyPath: path].map(\.rawValue)) },
      set: { owner, value in
        if case .names(let names) = value {
          owner[keyPath: path] = names.compactMap(Choice.init(rawValue:))
        }
      })
  }

  /// A list of a type's named values; `absent` says what applies without one.
  package init<Choice: RawRepresentable & CaseIterable>(
    _ name: String, _ path: WritableKeyPath<Owner, [Choice]?>, _ doc: String, absent: String
  ) where Choice.RawValue == String {
    self.init(
      name, .names(Choice.allCases.map(\.rawValue)), doc,
      get: { $0[keyPath: path].map { .names($0.map(\.rawValue)) } },
      set: { owner, value in
        if case .names(let names) = value {
          owner[keyPath: path] = names.compactMap(Choice.init(rawValue:))
        }
      })
    self.absent = absent
  }

  /// A number, or the word `none` for none.
  package init(
    _ name: String, _ path: WritableKeyPath<Owner, Double?>, _ doc: String, none: String
  ) {
    self.init(
      name, .numberOr(none), doc, get: { $0[keyPath: path]?.parameterValue },
      set: { owner, value in
        if case .number(let number) = value {
          owner[keyPath: path] = number
        } else {
          owner[keyPath: path] = nil
        }
      })
  }
}
