/// What a host function does: it reads the arguments of one call and gives its results.
public typealias Body = @Sendable (Call) throws -> [any LuaConvertible]

/// One row of the catalogue: a function as scripts see it, with everything said about it.
///
/// The same row feeds dispatch, help, completion, argument errors, the reference manual and the
/// editor annotations.
public struct Entry: Sendable {
  /// The name as scripts write it, without the module: `pgd`, `__add`.
  public var name: String
  /// Parameters and results: `(classifier, images, labels [, options]) -> adversarial, report`.
  ///
  /// A parameter or result may carry its type: `(axis: integer) -> tensor`.
  public var signature: String
  /// One paragraph in Lua's words.
  ///
  /// Its first sentence is the summary.
  public var doc: String
  /// The options that the trailing table may hold.
  public var options: [OptionSpec]
  /// A runnable example of at most six lines whose output stands in it after `-->`.
  public var example: String
  /// What it does.
  public var body: Body

  /// Creates a row; see the properties.
  public init(
    _ name: String, _ signature: String, doc: String, options: [OptionSpec] = [],
    example: String = "", body: @escaping Body
  ) {
    self.name = name
    self.signature = signature
    self.doc = doc
    self.options = options
    self.example = example
    self.body = body
  }
}

/// A function of handles of class `T`, called `value:name(…)`.
///
/// Its body gets the Swift object apart; the arguments of its `Call` count from 1 after `self`, as
/// the user counts them.
public struct Method<T: AnyObject & SendableMetatype>: Sendable {
  /// The row.
  public var entry: Entry

  /// Creates a method; see `Entry` for the texts.
  public init(
    _ name: String, _ signature: String, doc: String, options: [OptionSpec] = [],
    example: String = "",
    body: @escaping @Sendable (T, Call) throws -> [any LuaConvertible]
  ) {
    entry = Entry(name, signature, doc: doc, options: options, example: example) { call in
      try body(call.receiver(T.self), call)
    }
  }
}

/// A value that scripts read, and perhaps write, as `handle.name`.
public struct Field<T: AnyObject & SendableMetatype>: Sendable {
  /// The name as scripts write it.
  public var name: String
  /// Its type in the words of the signatures: `tensor?`, `string`.
  public var type: String
  /// One sentence.
  public var doc: String
  /// Gives the value.
  var read: Body
  /// Takes the value, argument 1; nil for fields that cannot be written.
  var write: Body?

  /// Creates a field; `set` finds the new value as argument 1 of its call.
  public init(
    _ name: String, type: String, doc: String,
    get: @escaping @Sendable (T, Call) throws -> any LuaConvertible,
    set: (@Sendable (T, Call) throws -> Void)? = nil
  ) {
    self.name = name
    self.type = type
    self.doc = doc
    read = { call in [try get(call.receiver(T.self), call)] }
    if let set {
      write = { call in
        try set(call.receiver(T.self), call)
        return []
      }
    }
  }
}

/// A value of a module that is no function, such as `json.null`.
public struct Constant: Sendable {
  /// The name as scripts write it.
  public var name: String
  /// Its type in the words of the signatures.
  public var type: String
  /// One sentence.
  public var doc: String
  /// Makes the value, once for each state.
  public var value: @Sendable (LuaState) throws -> any LuaConvertible

  /// Creates a constant.
  public init(
    _ name: String, type: String, doc: String,
    value: @escaping @Sendable (LuaState) throws -> any LuaConvertible
  ) {
    self.name = name
    self.type = type
    self.doc = doc
    self.value = value
  }
}
