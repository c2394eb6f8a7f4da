/// A Lua module as rows: functions and constants of a table that is global and can be required.
public struct Library: Sendable {
  /// The name of the global and, behind `kilpi.`, of the module; "" puts the rows among the globals.
  public var name: String
  /// What it is for, one paragraph; its first sentence is the summary.
  public var doc: String
  /// The functions.
  public var entries: [Entry]
  /// The other values.
  public var constants: [Constant]
  /// Names that people bring from elsewhere, with the form that does it here, for messages.
  public var elsewhere: [String: String]

  /// Creates a library; see the properties.
  public init(
    _ name: String, doc: String, entries: [Entry], constants: [Constant] = [],
    elsewhere: [String: String] = [:]
  ) {
    self.name = name
    self.doc = doc
    self.entries = entries
    self.constants = constants
    self.elsewhere = elsewhere
  }
}

/// A Swift class that scripts hold as a value: its methods, fields and metamethods.
///
/// The class is the identity, so there is one handle type for a class; make the class final.
public struct HandleType: Sendable {
  /// The name in messages, `__name` and annotations: `tensor`, `clip model`.
  public var name: String
  /// What it is, one paragraph.
  public var doc: String
  /// Functions called as `value:name(…)`.
  public var methods: [Entry]
  /// Rows named `__add`, `__len`, `__tostring`, `__display`, …; arguments as Lua passes them.
  public var metamethods: [Entry]
  /// `value[key]` for keys that are no string; arguments: the value, the key.
  public var index: Body?
  /// `value[key] = x` for keys that are no string; arguments: the value, the key, x.
  public var assign: Body?
  /// Names that people bring from elsewhere, with the form that does it here, for messages.
  public var elsewhere: [String: String]
  let identity: ObjectIdentifier
  let fields: [HandleField]
  let close: (@Sendable (AnyObject) throws -> Void)?

  /// Declares how scripts see objects of class `T`.
  ///
  /// - Parameters:
  ///   - index: `value[key]` for keys that are no string; arguments: the value, the key.
  ///   - assign: `value[key] = x` for such keys; arguments: the value, the key, x.
  ///   - elsewhere: names that people bring from elsewhere, with the form that does it here.
  ///   - close: runs when a `local x <close>` variable leaves its scope, before the handle is
  ///     emptied; not when the collector takes it.
  public init<T: AnyObject & SendableMetatype>(
    _ object: T.Type, name: String, doc: String, methods: [Method<T>] = [],
    fields: [Field<T>] = [], metamethods: [Entry] = [], index: Body? = nil, assign: Body? = nil,
    elsewhere: [String: String] = [:],
    close: (@Sendable (T) throws -> Void)? = nil
  ) {
    self.name = name
    self.doc = doc
    self.methods = methods.map(\.entry)
    self.metamethods = metamethods
    self.index = index
    self.assign = assign
    self.elsewhere = elsewhere
    identity = ObjectIdentifier(T.self)
    self.fields = fields.map {
      HandleField(name: $0.name, type: $0.type, doc: $0.doc, read: $0.read, write: $0.write)
    }
    if let close {
      self.close = { object in
        if let object = object as? T { try close(object) }
      }
    } else {
      self.close = nil
    }
  }

  /// The names of the fields with their types and texts.
  public var fieldList: [(name: String, type: String, doc: String, writable: Bool)] {
    fields.map { ($0.name, $0.type, $0.doc, $0.write != nil) }
  }
}

/// A field without its class.
struct HandleField: Sendable {
  var name: String
  var type: String
  var doc: String
  var read: Body
  var write: Body?
}

/// All that a state offers to scripts beyond Lua itself.
public struct Catalog: Sendable {
  /// The modules.
  public var libraries: [Library]
  /// The classes of values.
  public var types: [HandleType]

  /// Creates a catalogue.
  public init(libraries: [Library] = [], types: [HandleType] = []) {
    self.libraries = libraries
    self.types = types
  }
}
