internal import Diagnostics

/// What a PyTorch file holds: plain values, tensors that are read on request, and records.
///
/// A class or function that stands as a value (`torch.float16`) is its name as a string; sets are
/// lists; ordered dictionaries, `defaultdict` and `Counter` are dictionaries; a numpy scalar is a
/// number; the dictionary keeps the file's order.
public indirect enum PyTorchValue {
  /// `None`.
  case none
  /// `True` or `False`.
  case bool(Bool)
  /// A whole number of at most 64 bits.
  case integer(Int64)
  /// A floating-point number.
  case number(Double)
  /// A text.
  case string(String)
  /// Bytes.
  case bytes([UInt8])
  /// A list or a set.
  case list([PyTorchValue])
  /// A tuple, also a `torch.Size`.
  case tuple([PyTorchValue])
  /// A dictionary in the file's order.
  case dictionary([(key: PyTorchValue, value: PyTorchValue)])
  /// A tensor or parameter.
  case tensor(PyTorchTensor)
  /// An object of another class, or a TorchScript module, as its attributes: constructor arguments
  /// are the attribute `arguments`, a state that is no dictionary (a numpy array's) is `state`, what
  /// was appended to a kind of list is `items`; entries of a kind of dictionary stand by their keys.
  case record(type: String, attributes: [(name: String, value: PyTorchValue)])

  /// The entry or attribute of that name; nil when there is none.
  public subscript(name: String) -> PyTorchValue? {
    switch self {
    case .dictionary(let pairs): return pairs.first { $0.key.string == name }?.value
    case .record(_, let attributes): return attributes.first { $0.name == name }?.value
    default: return nil
    }
  }

  /// The text of a string.
  public var string: String? {
    if case .string(let text) = self { return text }
    return nil
  }

  /// The whole number.
  public var integer: Int64? {
    if case .integer(let value) = self { return value }
    return nil
  }

  /// The number, also a whole one.
  public var number: Double? {
    switch self {
    case .number(let value): return value
    case .integer(let value): return Double(value)
    default: return nil
    }
  }

  /// The tensor.
  public var tensor: PyTorchTensor? {
    if case .tensor(let tensor) = self { return tensor }
    return nil
  }

  /// The elements of a list or tuple.
  public var elements: [PyTorchValue]? {
    switch self {
    case .list(let elements), .tuple(let elements): return elements
    default: return nil
    }
  }

  /// Named parts of a dictionary or record in the file's order; nil for other values.
  ///
  /// Whole numbers count as names, other keys are passed over.
  public var members: [(name: String, value: PyTorchValue)]? {
    switch self {
    case .dictionary(let pairs):
      return pairs.compactMap { key, value in
        (key.string ?? key.integer.map { String($0) }).map { ($0, value) }
      }
    case .record(_, let attributes): return attributes
    default: return nil
    }
  }

  /// True when a tensor is in it, at any depth.
  var holdsTensors: Bool {
    switch self {
    case .tensor: return true
    case .list(let elements), .tuple(let elements): return elements.contains(where: \.holdsTensors)
    case .dictionary(let pairs): return pairs.contains { $0.value.holdsTensors }
    case .record(_, let attributes): return attributes.contains { $0.value.holdsTensors }
    default: return false
    }
  }
}

/// Makes the value that a pickle's nodes describe: no cycles, bounded depth and size.
struct PyTorchValueBuilder {
  /// A finished value with the number of values in it and how deep they nest.
  private typealias Part = (value: PyTorchValue, count: Int, height: Int)

  private let reader: PickleReader
  private var finished: [Int: Part] = [:]
  private var open: Set<Int> = []

  init(_ reader: PickleReader) { self.reader = reader }

  mutating func value(of node: Int) throws -> PyTorchValue { try part(node, depth: 1).value }

  private mutating func part(_ node: Int, depth: Int) throws -> Part {
    switch reader.nodes[node] {
    case .none: return (.none, 1, 1)
    case .bool(let value): return (.bool(value), 1, 1)
    case .integer(let value): return (.integer(value), 1, 1)
    case .number(let value): return (.number(value), 1, 1)
    case .string(let text): return (.string(text), 1, 1)
    case .bytes(let bytes): return (.bytes(bytes), 1, 1)
    case .global(let name): return (.string(name), 1, 1)
    case .object(let object):
      // A storage that is not part of a tensor is passed over.
      return ((object as? PyTorchTensor).map { .tensor($0) } ?? .none, 1, 1)
    case .list, .tuple, .dictionary, .record: break
    }
    if let part = finished[node] {
      guard depth + part.height - 1 <= PickleReader.Limit.depth else { throw tooDeep() }
      return part
    }
    guard depth <= PickleReader.Limit.depth else { throw tooDeep() }
    guard open.insert(node).inserted else {
      throw KilpiError("its pickle holds a value that is part of itself")
    }
    defer { open.remove(node) }
    let part = try container(node, depth: depth)
    finished[node] = part
    return part
  }

  private mutating func container(_ node: Int, depth: Int) throws -> Part {
    var (count, height) = (1, 1)
    func taken(_ node: Int, _ builder: inout PyTorchValueBuilder) throws -> PyTorchValue {
      let part = try builder.part(node, depth: depth + 1)
      count += part.count
      height = Swift.max(height, part.height + 1)
      guard count <= PickleReader.Limit.values else {
        throw KilpiError(
          "its pickle holds more than \(PickleReader.Limit.values) values",
          advice: PickleReader.advice)
      }
      return part.value
    }
    let value: PyTorchValue
    switch reader.nodes[node] {
    case .list(let items): value = .list(try items.map { try taken($0, &self) })
    case .tuple(let items): value = .tuple(try items.map { try taken($0, &self) })
    case .dictionary(let items):
      value = .dictionary(try pairs(items) { try taken($0, &self) })
    case .record(let record):
      var attributes: [(name: String, value: PyTorchValue)] = []
      if !record.arguments.isEmpty {
        attributes.append(
          ("arguments", .tuple(try record.arguments.map { try taken($0, &self) })))
      }
      if let state = record.state {
        let state = try taken(state, &self)
        if case .dictionary(let pairs) = state, pairs.allSatisfy({ $0.key.string != nil }) {
          attributes += pairs.map { ($0.key.string ?? "", $0.value) }
        } else if case .none = state {
        } else {
          attributes.append(("state", state))
        }
      }
      if !record.items.isEmpty {
        attributes.append(("items", .list(try record.items.map { try taken($0, &self) })))
      }
      for (key, item) in try pairs(record.entries, { try taken($0, &self) }) {
        if let name = key.string ?? key.integer.map({ String($0) }) {
          attributes.append((name, item))
        }
      }
      value = .record(type: record.type, attributes: attributes)
    default: value = .none
    }
    return (value, count, height)
  }

  private func pairs(
    _ items: [Int], _ taken: (Int) throws -> PyTorchValue
  ) throws -> [(key: PyTorchValue, value: PyTorchValue)] {
    var result: [(key: PyTorchValue, value: PyTorchValue)] = []
    var names: Set<String> = []
    for place in stride(from: 0, to: items.count - 1, by: 2) {
      let pair = (key: try taken(items[place]), value: try taken(items[place + 1]))
      if let name = pair.key.string, !names.insert(name).inserted {
        throw KilpiError(
          "its pickle gives the key \(PickleReader.printable(name)) twice in a dictionary")
      }
      result.append(pair)
    }
    return result
  }

  private func tooDeep() -> KilpiError {
    KilpiError(
      "its pickle nests deeper than \(PickleReader.Limit.depth)", advice: PickleReader.advice)
  }
}
