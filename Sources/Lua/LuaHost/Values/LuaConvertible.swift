internal import CLua

/// What Swift can hand to Lua as one value.
public protocol LuaConvertible {
  /// Pushes exactly one value.
  func push(onto stack: LuaStack) throws
}

/// A Swift class that scripts hold as a handle.
///
/// `extension Tensor: @retroactive LuaObject {}` is all that a final class needs beside its
/// `HandleType`.
public protocol LuaObject: AnyObject, LuaConvertible {}

extension LuaObject {
  /// Pushes a handle of the object.
  public func push(onto stack: LuaStack) throws {
    try stack.push(handle: self, identity: ObjectIdentifier(Self.self), keeping: [])
  }
}

/// A handle of an object, made when it is pushed.
public struct NewHandle<T: AnyObject>: LuaConvertible {
  /// The object.
  public var object: T
  /// Lua values that live as long as the handle: functions and handles that `object` uses.
  ///
  /// A `LuaFunction` given here stays callable through `object` and is kept alive by the handle
  /// alone, so that a closure which mentions the handle makes no immortal cycle.
  public var keeping: [any LuaConvertible]

  /// Creates the value.
  public init(_ object: T, keeping: [any LuaConvertible] = []) {
    self.object = object
    self.keeping = keeping
  }

  /// Pushes the handle.
  public func push(onto stack: LuaStack) throws {
    try stack.push(handle: object, identity: ObjectIdentifier(T.self), keeping: keeping)
  }
}

/// A Swift closure as a Lua function, such as the iterator of a loop.
public struct LuaClosure: LuaConvertible {
  /// The name in messages.
  public var name: String
  /// What it does; arguments count from 1.
  public var body: (Call) throws -> [any LuaConvertible]
  /// Lua values that `body` uses and that live as long as the function; see `NewHandle.keeping`.
  public var keeping: [any LuaConvertible]

  /// Creates the function.
  public init(
    _ name: String, keeping: [any LuaConvertible] = [],
    _ body: @escaping (Call) throws -> [any LuaConvertible]
  ) {
    self.name = name
    self.keeping = keeping
    self.body = body
  }

  /// Pushes the function.
  public func push(onto stack: LuaStack) throws { try stack.push(closure: self) }
}

/// A table with string keys, written in order: `["linf": 0.1, "name": "pgd"] as LuaRecord`.
public struct LuaRecord: LuaConvertible, ExpressibleByDictionaryLiteral {
  /// Keys and values.
  public var pairs: [(key: String, value: any LuaConvertible)]

  /// Creates a table of pairs.
  public init(_ pairs: [(key: String, value: any LuaConvertible)] = []) { self.pairs = pairs }
  /// Creates a table from a literal.
  public init(dictionaryLiteral elements: (String, any LuaConvertible)...) {
    pairs = elements.map { (key: $0.0, value: $0.1) }
  }

  /// Sets a key, replacing an earlier value; nil removes it.
  public subscript(key: String) -> (any LuaConvertible)? {
    get { pairs.first { $0.key == key }?.value }
    set {
      pairs.removeAll { $0.key == key }
      if let newValue { pairs.append((key, newValue)) }
    }
  }

  /// Pushes the table.
  public func push(onto stack: LuaStack) throws {
    try stack.makeTable(fields: pairs.count)
    for (key, value) in pairs { try stack.setField(key, value) }
  }
}

/// A list of values of different types: `LuaList([1, "a", tensor])`.
public struct LuaList: LuaConvertible, ExpressibleByArrayLiteral {
  /// The values; `LuaValue.nil` leaves a hole.
  public var values: [any LuaConvertible]

  /// Creates a list.
  public init(_ values: [any LuaConvertible]) { self.values = values }
  /// Creates a list from a literal.
  public init(arrayLiteral elements: any LuaConvertible...) { values = elements }

  /// Pushes the table.
  public func push(onto stack: LuaStack) throws {
    try stack.makeTable(list: values.count)
    for (index, value) in values.enumerated() { try stack.setElement(index + 1, value) }
  }
}

extension Bool: LuaConvertible {
  /// Pushes a boolean.
  public func push(onto stack: LuaStack) throws { lua_pushboolean(stack.lua, self ? 1 : 0) }
}

extension Int: LuaConvertible {
  /// Pushes an integer.
  public func push(onto stack: LuaStack) throws { lua_pushinteger(stack.lua, Int64(self)) }
}

extension Int64: LuaConvertible {
  /// Pushes an integer.
  public func push(onto stack: LuaStack) throws { lua_pushinteger(stack.lua, self) }
}

extension Double: LuaConvertible {
  /// Pushes a float.
  public func push(onto stack: LuaStack) throws { lua_pushnumber(stack.lua, self) }
}

extension Float: LuaConvertible {
  /// Pushes a float.
  public func push(onto stack: LuaStack) throws { lua_pushnumber(stack.lua, Double(self)) }
}

extension String: LuaConvertible {
  /// Pushes the UTF-8 bytes.
  public func push(onto stack: LuaStack) throws {
    try stack.state.askLua(utf8.count, on: stack.lua)
    stack.state.push(self, on: stack.lua)
  }
}

extension LuaString: LuaConvertible {
  /// Pushes the bytes.
  public func push(onto stack: LuaStack) throws {
    try stack.state.askLua(bytes.count, on: stack.lua)
    _ = bytes.withUnsafeBytes {
      lua_pushlstring(stack.lua, $0.baseAddress?.assumingMemoryBound(to: CChar.self), $0.count)
    }
  }
}

extension Optional: LuaConvertible where Wrapped: LuaConvertible {
  /// Pushes the value, or nil.
  public func push(onto stack: LuaStack) throws {
    if let self { try self.push(onto: stack) } else { lua_pushnil(stack.lua) }
  }
}

extension Array: LuaConvertible where Element: LuaConvertible {
  /// Pushes a list.
  public func push(onto stack: LuaStack) throws {
    try stack.makeTable(list: count)
    for (index, value) in enumerated() { try stack.setElement(index + 1, value) }
  }
}

extension Dictionary: LuaConvertible where Key == String, Value: LuaConvertible {
  /// Pushes a table with string keys.
  public func push(onto stack: LuaStack) throws {
    try stack.makeTable(fields: count)
    for (key, value) in sorted(by: { $0.key < $1.key }) { try stack.setField(key, value) }
  }
}

extension LuaReference: LuaConvertible {
  /// Pushes the value that the reference keeps.
  public func push(onto stack: LuaStack) throws { try push(stack.lua) }
}

extension LuaValue: LuaConvertible {
  /// Pushes the value.
  public func push(onto stack: LuaStack) throws {
    switch self {
    case .nil: lua_pushnil(stack.lua)
    case .boolean(let value): try value.push(onto: stack)
    case .integer(let value): try value.push(onto: stack)
    case .number(let value): try value.push(onto: stack)
    case .string(let value): try value.push(onto: stack)
    case .table(let value): try value.push(stack.lua)
    case .function(let value): try value.push(stack.lua)
    case .handle(let value): try value.push(stack.lua)
    case .other(let value): try value.push(stack.lua)
    }
  }
}
