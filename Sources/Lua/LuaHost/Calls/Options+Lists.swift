internal import Diagnostics

extension Options {
  /// A list of whole numbers.
  public func integers(_ name: String) throws -> [Int] {
    guard let value = try integersIfGiven(name) else { throw problem(name, "is missing") }
    return value
  }

  /// A list of whole numbers, nil when there is no value; one number stands for a list of it.
  public func integersIfGiven(_ name: String) throws -> [Int]? {
    try list(name, of: "integers", { $0.int }) { value in
      if case .integers(let list) = value { return list }
      return nil
    }
  }

  /// A list of numbers.
  public func numbers(_ name: String) throws -> [Double] {
    guard let value = try numbersIfGiven(name) else { throw problem(name, "is missing") }
    return value
  }

  /// A list of numbers, nil when there is no value; one number stands for a list of it.
  public func numbersIfGiven(_ name: String) throws -> [Double]? {
    try list(name, of: "numbers", { $0.double }) { value in
      if case .numbers(let list) = value { return list }
      return nil
    }
  }

  /// A string or a list of strings.
  public func strings(_ name: String) throws -> [String] {
    guard let value = try stringsIfGiven(name) else { throw problem(name, "is missing") }
    return value
  }

  /// A string or a list of strings, nil when there is no value.
  public func stringsIfGiven(_ name: String) throws -> [String]? {
    try list(name, of: "strings", { $0.string }) { value in
      if case .strings(let list) = value { return list }
      return nil
    }
  }

  private func list<Element>(
    _ name: String, of what: String, _ read: (LuaValue) -> Element?,
    _ fallback: (OptionValue) -> [Element]?
  ) throws -> [Element]? {
    guard let value = given[name] else {
      return specs.first { $0.name == name }?.fallback.flatMap(fallback)
    }
    if let single = read(value) { return [single] }
    guard let table = value.table else {
      throw problem(name, "must be a list of \(what), got \(value.typeName)")
    }
    return try table.array { element, position in
      guard let item = read(element) else {
        let found = ErrorText.element(element.typeName, notOf: what, at: position)
        throw problem(name, "must be a list of \(what), got \(found)")
      }
      return item
    }
  }

  /// A function option, nil when it was not given.
  public func functionIfGiven(_ name: String) throws -> LuaFunction? {
    guard let value = given[name] else { return nil }
    guard let function = value.function else {
      throw problem(name, "must be a function, got \(value.typeName)")
    }
    return function
  }

  /// A handle option, nil when it was not given.
  public func handleIfGiven<T: AnyObject>(_ name: String, as type: T.Type = T.self) throws -> T? {
    guard let value = given[name] else { return nil }
    guard case .handle(let handle) = value,
      handle.typeName == state.types[ObjectIdentifier(T.self)]?.type.name
    else {
      let expected = state.types[ObjectIdentifier(T.self)]?.type.name ?? "handle"
      throw problem(name, "must be a \(expected), got \(value.typeName)")
    }
    guard let object = handle.object as? T else {
      throw problem(
        name, "was released", advice: "it was freed by release, close or scope")
    }
    return object
  }

  /// A handle option.
  public func handle<T: AnyObject>(_ name: String, as type: T.Type = T.self) throws -> T {
    guard let value = try handleIfGiven(name, as: type) else { throw problem(name, "is missing") }
    return value
  }

  /// A nested options table; empty (all defaults) when it was not given.
  public func options(_ name: String) throws -> Options {
    guard let spec = specs.first(where: { $0.name == name }), case .table(let fields) = spec.form
    else { throw problem(name, "is no table") }
    return try Options(
      given[name]?.table, specs: fields, state: state, path: path + name + ".")
  }

  /// A table option as plain Swift data, `nil` when it was not given.
  public func tree(_ name: String, depth: Int = 64) throws -> LuaTree {
    try state.tree(of: value(name), depth: depth)
  }
}

extension Call {
  /// The options table at `index`, checked against the entry; absent means all defaults.
  public func options(_ index: Int) throws -> Options {
    try options(index, specs: callable.options)
  }

  /// A list, and options beside it or in the next argument: `f{0.8, 0.2, seed = 1}` and
  /// `f({0.8, 0.2}, {seed = 1})`.
  public func listAndOptions() throws -> (list: [LuaValue], options: Options) {
    let table = try table(1)
    let beside = try Options(table, specs: callable.options, state: state, besideList: true)
    guard !isNone(2) else { return (try table.array(), beside) }
    if let name = beside.given.keys.min() {
      throw KilpiError("option '\(ErrorText.clipped(name))' stands in the list and beside it")
    }
    return (try table.array(), try options(2))
  }

  /// An options table checked against given specifications.
  public func options(_ index: Int, specs: [OptionSpec]) throws -> Options {
    if isNone(index) { return try Options(nil, specs: specs, state: state) }
    return try Options(table(index), specs: specs, state: state)
  }

  /// Options from a table found elsewhere, such as an attack's inside an evaluation's.
  public func options(_ table: LuaTable?, specs: [OptionSpec], path: String = "") throws -> Options
  {
    try Options(table, specs: specs, state: state, path: path)
  }
}

extension LuaState {
  /// A value with all that lies in it, as plain Swift data.
  public func tree(of value: LuaValue, depth: Int = 64) throws -> LuaTree {
    switch value {
    case .nil: return .nil
    case .boolean(let value): return .boolean(value)
    case .integer(let value): return .integer(value)
    case .number(let value): return .number(value)
    case .string(let value): return .string(value)
    case .table(let table): return try table.tree(depth: depth)
    case .handle(let handle): return .object(handle)
    case .function, .other: return .opaque(value.typeName)
    }
  }
}
