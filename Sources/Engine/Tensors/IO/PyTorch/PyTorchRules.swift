internal import Archives
internal import Diagnostics

/// The classes and functions that a PyTorch file may name, and what each means here.
///
/// Those of plain checkpoints have a meaning: tensors, parameters, ordered dictionaries, numpy's
/// numbers. Any other class (a training script's settings, `omegaconf.DictConfig`, a date) is a
/// record of what the file says of it. Functions that run programs, and what is no class's name, are
/// refused: no checkpoint needs them, and who finds one should know.
final class PyTorchRules: PickleRules {
  private enum Meaning {
    case tensor(arguments: ClosedRange<Int>)
    case parameter
    case dictionary, collection, size, encodedBytes
    case numpyScalar
    /// `_rebuild_from_type_v2(function, class, arguments, state)`: a tensor with attributes.
    case typed
    /// Gives its first argument.
    case first
    /// A description: class and arguments.
    case record
    /// A description whose parts all follow as its state.
    case array
    case storage(ElementDecoding?)
    /// Stands as a value or argument; cannot be called.
    case name
  }

  private static let known: [String: Meaning] = {
    var known: [String: Meaning] = [
      "torch._utils._rebuild_tensor": .tensor(arguments: 4...4),
      "torch._utils._rebuild_tensor_v2": .tensor(arguments: 6...7),
      "torch._utils._rebuild_tensor_v3": .tensor(arguments: 7...8),
      "torch._utils._rebuild_parameter": .parameter,
      "torch._utils._rebuild_parameter_with_state": .parameter,
      "torch._tensor._rebuild_from_type_v2": .typed,
      "torch.Size": .size, "torch.device": .record,
      "torch.storage.UntypedStorage": .storage(nil), "torch.UntypedStorage": .storage(nil),
      "collections.OrderedDict": .dictionary, "collections.defaultdict": .dictionary,
      "collections.Counter": .dictionary,
      "argparse.Namespace": .record, "types.SimpleNamespace": .record,
      "pathlib.PosixPath": .record, "pathlib.PurePosixPath": .record, "pathlib.Path": .record,
      "_codecs.encode": .encodedBytes, "numpy.dtype": .record,
      "numpy.core.multiarray.scalar": .numpyScalar, "numpy._core.multiarray.scalar": .numpyScalar,
      "numpy.core.multiarray._reconstruct": .array, "numpy._core.multiarray._reconstruct": .array,
      "numpy.ndarray": .name,
      // TorchScript's marks of element types.
      "torch.jit._pickle.build_intlist": .first, "torch.jit._pickle.build_tensorlist": .first,
      "torch.jit._pickle.build_doublelist": .first, "torch.jit._pickle.build_boollist": .first,
      "torch.jit._pickle.restore_type_tag": .first,
    ]
    let storages: [String: ElementDecoding] = [
      "Double": .float64, "Float": .float32, "Half": .float16, "BFloat16": .bfloat16,
      "Long": .int64, "Int": .int32, "Short": .int16, "Char": .int8, "Byte": .uint8, "Bool": .bool,
    ]
    for (name, type) in storages { known["torch.\(name)Storage"] = .storage(type) }
    for name in elementTypes.keys { known["torch.\(name)"] = .name }
    for module in ["builtins", "__builtin__"] {
      for name in ["dict", "list", "int", "float", "str", "bool"] {
        known["\(module).\(name)"] = .name
      }
      known["\(module).set"] = .collection
      known["\(module).frozenset"] = .collection
    }
    return known
  }()

  /// torch's element types by name.
  private static let elementTypes: [String: ElementDecoding] = [
    "float64": .float64, "float32": .float32, "float16": .float16, "bfloat16": .bfloat16,
    "int64": .int64, "int32": .int32, "int16": .int16, "int8": .int8, "uint8": .uint8,
    "uint16": .uint16, "uint32": .uint32, "bool": .bool,
  ]
  /// Classes of tensors whose elements are what is stored.
  private static let plainTypes: Set<String> = [
    "torch.Tensor", "torch._tensor.Tensor", "torch.nn.parameter.Parameter", "torch.nn.Parameter",
    "torch.nn.parameter.Buffer", "torch.nn.Buffer",
  ]
  /// torch's element types of storages that are not read.
  private static let unreadTypes = [
    "ComplexFloat": "complex64", "ComplexDouble": "complex128", "QInt8": "qint8",
    "QUInt8": "quint8", "QInt32": "qint32", "QUInt4x2": "quint4x2", "QUInt2x4": "quint2x4",
  ]

  private let archive: PyTorchArchive

  init(_ archive: PyTorchArchive) { self.archive = archive }

  func meaning(of global: String) -> PickleName {
    if Self.known[global] != nil { return .known }
    if global.hasPrefix("__torch__.") { return archive.isTorchScript ? .known : .refused }
    return ForeignNames.isAllowed(global) ? .foreign : .refused
  }

  func call(_ global: String, _ arguments: [Int], in reader: PickleReader) throws -> PickleNode {
    let nodes = reader.nodes
    func wrong() -> KilpiError { reader.failure("\(global) with other arguments than it takes") }
    switch Self.known[global] ?? .record {
    case .record: return .record(PickleRecord(type: global, arguments: arguments))
    case .array: return .record(PickleRecord(type: "numpy.ndarray", arguments: []))
    case .tensor(let counts):
      guard counts.contains(arguments.count) else { throw wrong() }
      return .object(try tensor(arguments.map { nodes[$0] }, in: reader))
    case .parameter:
      guard let first = arguments.first, case .object(let object) = nodes[first],
        object is PyTorchTensor
      else { throw wrong() }
      return .object(object)
    case .dictionary:
      // Nothing, a default's class, or entries: a dictionary's or as a list of pairs.
      guard arguments.count <= 1, let first = arguments.first else {
        if arguments.isEmpty { return .dictionary([]) }
        throw wrong()
      }
      switch nodes[first] {
      case .global, .none: return .dictionary([])
      case .dictionary(let pairs): return .dictionary(pairs)
      case .list(let items):
        return .dictionary(
          try items.flatMap { item in
            switch nodes[item] {
            case .list(let pair) where pair.count == 2: return pair
            case .tuple(let pair) where pair.count == 2: return pair
            default: throw wrong()
            }
          })
      default: throw wrong()
      }
    case .collection, .size, .first:
      guard let first = arguments.first else { return .list([]) }
      switch (nodes[first], Self.known[global]) {
      case (.list(let items), .size), (.tuple(let items), .size): return .tuple(items)
      case (.list(let items), .collection), (.tuple(let items), .collection): return .list(items)
      case (.list, .first), (.tuple, .first), (.dictionary, .first): return nodes[first]
      default: throw wrong()
      }
    case .encodedBytes:
      guard arguments.count == 2, case .string(let text) = nodes[arguments[0]],
        case .string(let coding) = nodes[arguments[1]], coding == "latin1"
      else { throw wrong() }
      return .bytes(
        try text.unicodeScalars.map { scalar in
          guard let byte = UInt8(exactly: scalar.value) else { throw wrong() }
          return byte
        })
    case .numpyScalar:
      // A date or a text of numpy's is described.
      return numpyScalar(arguments, nodes)
        ?? .record(PickleRecord(type: "numpy.generic", arguments: arguments))
    case .typed:
      guard arguments.count >= 3, case .global(let function) = nodes[arguments[0]],
        case .tuple(let inner) = nodes[arguments[2]], function != global
      else { throw wrong() }
      guard meaning(of: function) == .known else {
        return .record(PickleRecord(type: function, arguments: inner))
      }
      let rebuilt = try call(function, inner, in: reader)
      // A subclass may read its elements in another way (quantised, masked), so they are not given as
      // if they were plain. Attributes of a plain tensor say nothing about them.
      guard case .global(let type) = nodes[arguments[1]], !Self.plainTypes.contains(type),
        case .object(let object) = rebuilt, let tensor = object as? PyTorchTensor
      else { return rebuilt }
      return .object(try tensor.unread(ofClass: type))
    case .storage, .name: throw reader.failure("a call of \(global), which is only named in files")
    }
  }

  /// `('storage', class, key, device, count)`: `count` elements in the archive's member `data/key`.
  func resolve(persistent identifier: Int, in reader: PickleReader) throws -> PickleNode {
    let nodes = reader.nodes
    guard case .tuple(let parts) = nodes[identifier], parts.count == 5,
      case .string("storage") = nodes[parts[0]], case .global(let name) = nodes[parts[1]],
      case .string(let key) = nodes[parts[2]], case .integer(let stated) = nodes[parts[4]]
    else { throw reader.failure("BINPERSID of something that is no storage") }
    let type: ElementDecoding?
    var unread: String?
    if case .storage(let known)? = Self.known[name] {
      type = known
    } else if name.hasPrefix("torch."), name.hasSuffix("Storage") {
      // Complex and quantised numbers: known to be there, and refused when requested.
      type = .uint8
      let kind = String(name.dropFirst("torch.".count).dropLast("Storage".count))
      unread = Self.unreadTypes[kind] ?? kind
    } else {
      throw reader.failure("BINPERSID of something that is no storage")
    }
    guard let count = Int(exactly: stated), count >= 0 else {
      throw reader.failure("a storage of \(stated) elements")
    }
    guard !key.isEmpty, !key.contains("/") else {
      throw reader.failure("a storage called \(PickleReader.printable(key))")
    }
    let member = try archive.member("data/" + key)
    let size = unread == nil ? type?.size ?? 1 : 0
    let (bytes, overflow) = count.multipliedReportingOverflow(by: size)
    guard !overflow, bytes <= member.size else {
      throw reader.failure(
        "\(name) '\(key)' has \(count) elements, its member only \(member.size) bytes",
        advice: "copy or download it again")
    }
    let storage = PyTorchStorage(
      archive: archive, member: member, type: type, byteCount: bytes, unread: unread)
    return .object(storage)
  }

  /// A tensor of `(storage, offset, sizes, strides, requires_grad, hooks[, type][, metadata])`.
  private func tensor(_ nodes: [PickleNode], in reader: PickleReader) throws -> PyTorchTensor {
    func integers(_ node: PickleNode) -> [Int]? {
      guard case .tuple(let items) = node else { return nil }
      let numbers: [Int] = items.compactMap {
        guard case .integer(let value) = reader.nodes[$0] else { return nil }
        return Int(exactly: value)
      }
      return numbers.count == items.count ? numbers : nil
    }
    guard case .object(let object) = nodes[0], let storage = object as? PyTorchStorage,
      case .integer(let offset) = nodes[1], let shape = integers(nodes[2]),
      let strides = integers(nodes[3])
    else { throw reader.failure("a tensor with other arguments than it takes") }
    var type = storage.type
    var unread = storage.unread
    if nodes.count >= 7, case .global(let name) = nodes[6] {
      let short = String(name.dropFirst("torch.".count))
      type = Self.elementTypes[short] ?? .uint8
      if Self.elementTypes[short] == nil { unread = short }
    }
    let isNegated = try isNegated(nodes.dropFirst(6).last, in: reader)
    if let unread { return try PyTorchTensor(unread: unread, storage: storage, shape: shape) }
    guard let type else { throw reader.failure("a tensor of an untyped storage") }
    do {
      return try PyTorchTensor(
        storage: storage, type: type, offset: Int(offset), shape: shape, strides: strides,
        isNegated: isNegated)
    } catch let error as KilpiError {
      throw reader.failure(error.problem, advice: error.advice)
    }
  }

  /// Whether a tensor's metadata say that its elements are those of the storage with the other sign
  /// (`neg`, as an imaginary part of a conjugate has it).
  ///
  /// - Parameter node: the last argument of a tensor; an element type stands there when there are none.
  /// - Throws: `KilpiError` naming any other mark that is set. `conj` belongs to complex numbers, whose
  ///   values are not read.
  private func isNegated(_ node: PickleNode?, in reader: PickleReader) throws -> Bool {
    switch node {
    case nil, .some(.none), .global: return false
    case .dictionary(let pairs):
      var isNegated = false
      for place in stride(from: 0, to: pairs.count - 1, by: 2) {
        guard case .string(let name) = reader.nodes[pairs[place]] else {
          throw reader.failure("a tensor with metadata that have no name")
        }
        switch (name, reader.nodes[pairs[place + 1]]) {
        case (_, .bool(false)), ("conj", .bool(true)): break
        case ("neg", .bool(true)): isNegated = true
        default:
          throw reader.failure(
            "a tensor with the metadata \(PickleReader.printable(name)), which are not followed",
            advice: "save it with .clone(), as a plain tensor")
        }
      }
      return isNegated
    default: throw reader.failure("a tensor with other arguments than it takes")
    }
  }

  /// The number of `numpy.dtype('f8'), bytes`.
  private func numpyScalar(_ arguments: [Int], _ nodes: [PickleNode]) -> PickleNode? {
    guard case .record(let dtype) = nodes[arguments[0]], dtype.type == "numpy.dtype",
      let first = dtype.arguments.first, case .string(let code) = nodes[first],
      case .bytes(var bytes) = nodes[arguments[1]]
    else { return nil }
    // The state is (version, byte order, ...).
    var order = "<"
    if let state = dtype.state, case .tuple(let parts) = nodes[state], parts.count > 1,
      case .string(let stated) = nodes[parts[1]]
    {
      order = stated
    }
    guard let (type, isBigEndian) = try? NpyHeader.elementType(order + code),
      bytes.count == type.size
    else { return nil }
    if isBigEndian { bytes.reverse() }
    var value: UInt64 = 0
    withUnsafeMutableBytes(of: &value) { target in
      bytes.withUnsafeBytes { source in
        guard let source = source.baseAddress, let target = target.baseAddress else { return }
        ElementDecoding.decode(type, source, count: 1, into: target)
      }
    }
    if type == .bool { return .bool(value != 0) }
    switch type.dtype {
    case .float32: return .number(Double(Float(bitPattern: UInt32(truncatingIfNeeded: value))))
    case .float64: return .number(Double(bitPattern: value))
    case .int64: return .integer(Int64(bitPattern: value))
    }
  }
}
