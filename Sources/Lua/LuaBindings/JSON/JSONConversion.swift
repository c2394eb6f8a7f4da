internal import Diagnostics
internal import Files
internal import LuaHost
internal import Tensors

/// Between Lua's values and JSON's.
enum JSONConversion {
  /// The JSON value of a Lua value; an empty table is an object unless it is marked as a list.
  ///
  /// - Parameter reservation: grows by what the value takes; given, it holds that as long as it lives.
  /// - Throws: `KilpiError` for functions, strings that are no UTF-8, and tables whose keys are
  ///   neither 1 … n nor strings; of kind `memory` when there is no room.
  static func value(
    _ tree: LuaTree, path: String = "value", reservation: MemoryReservation? = nil
  ) throws -> JSONValue {
    let reservation = try reservation ?? MemoryReservation()
    try reservation.grow(by: 2 * MemoryLayout<JSONValue.Member>.stride)
    switch tree {
    case .nil: return .null
    case .boolean(let value): return .bool(value)
    case .integer(let value): return .integer(value)
    case .number(let value): return .number(value)
    case .string(let value):
      try reservation.grow(by: value.bytes.count)
      guard let text = value.text else { throw KilpiError("\(path) is not valid UTF-8") }
      return .string(text)
    case .emptyList: return .array([])
    case .list(let values) where values.isEmpty: return .object([])
    case .list(let values):
      return .array(
        try values.enumerated().map {
          if $0 & 0xFFF == 0xFFF { try Interrupts.poll() }
          return try self.value($1, path: "\(path)[\($0 + 1)]", reservation: reservation)
        })
    case .map(let pairs):
      let members = try pairs.map { key, value in
        guard case .string(let bytes) = key, let name = bytes.text else {
          throw KilpiError(
            "\(path) has keys that are no strings",
            advice: "keys are 1 … n without holes, or strings")
        }
        return JSONValue.Member(
          name, try self.value(value, path: "\(path).\(name)", reservation: reservation))
      }
      return .object(members.sorted { $0.key < $1.key })
    case .object(let handle):
      if handle.object is JSONNull { return .null }
      if let tensor = handle.object as? Tensor { return try elements(of: tensor, reservation) }
      throw KilpiError("\(path) is a \(handle.typeName), which JSON cannot hold")
    case .opaque(let type):
      throw KilpiError("\(path) is a \(type), which JSON cannot hold")
    }
  }

  private static func elements(
    of tensor: Tensor, _ reservation: MemoryReservation
  ) throws -> JSONValue {
    // The numbers, their values, and the lists that these are put into.
    try reservation.grow(
      by: tensor.count.multipliedClamped(by: 8 + 3 * MemoryLayout<JSONValue>.stride))
    try Interrupts.poll()
    let flat: [JSONValue] =
      tensor.dtype == .int64
      ? try tensor.integers().map { .integer($0) } : try tensor.doubles().map { .number($0) }
    var parts = flat
    for size in tensor.shape.reversed() {
      guard size > 0 else { return .array([]) }
      parts = stride(from: 0, to: parts.count, by: size).map { start in
        .array(Array(parts[start..<start + size]))
      }
    }
    return parts.first ?? .null
  }

  /// A JSON text on its way to Lua.
  struct Text: LuaConvertible {
    let bytes: [UInt8]
    /// Holds the memory of the text, and of what it was made from, while it is pushed.
    let reservation: MemoryReservation

    /// Pushes the text.
    func push(onto stack: LuaStack) throws {
      try withExtendedLifetime(reservation) { try LuaString(bytes).push(onto: stack) }
    }
  }

  /// A JSON value on its way to Lua.
  struct Pushed: LuaConvertible {
    let value: JSONValue
    /// Holds the memory of the whole value while it is pushed.
    var reservation: MemoryReservation?

    /// Pushes the value with all that lies in it.
    func push(onto stack: LuaStack) throws {
      switch value {
      case .null: try JSONNull().push(onto: stack)
      case .bool(let value): try value.push(onto: stack)
      case .integer(let value): try value.push(onto: stack)
      case .number(let value): try value.push(onto: stack)
      case .string(let value): try value.push(onto: stack)
      case .array(let values) where values.isEmpty: try stack.makeEmptyList()
      case .array(let values):
        try stack.makeTable(list: values.count)
        for (index, value) in values.enumerated() {
          if index & 1023 == 1023 { try Interrupts.poll() }
          try stack.setElement(index + 1, Pushed(value: value))
        }
      case .object(let members):
        try stack.makeTable(fields: members.count)
        for (index, member) in members.enumerated() {
          if index & 1023 == 1023 { try Interrupts.poll() }
          try stack.setField(member.key, Pushed(value: member.value))
        }
      }
    }
  }
}
