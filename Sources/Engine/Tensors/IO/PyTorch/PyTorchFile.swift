internal import Diagnostics
internal import Files

/// A PyTorch file (`.pt`, `.pth`, `.pth.tar`, `.ckpt`, `.bin`): values are read when it is opened,
/// tensors when they are requested; nothing in it is ever executed.
///
/// Read are the zip archives that `torch.save` writes since version 1.6 and those of
/// `torch.jit.save`, whose modules arrive as records of their attributes and whose code is passed
/// over. The pickle inside is read by an allow-list of opcodes and names (see `PyTorchRules`), objects
/// of other classes arrive as records, with at most 1,000,000 opcodes and values, 64 levels and 64 MiB; tensors must lie in their storages,
/// storages in the file. Older files are recognised and refused.
public final class PyTorchFile {
  /// The path as it was given.
  public let path: String
  /// What was saved.
  public let root: PyTorchValue
  /// True for an archive of `torch.jit.save`.
  public var isTorchScript: Bool { archive.isTorchScript }
  private let archive: PyTorchArchive

  /// Opens the file at `path`.
  ///
  /// - Throws: `KilpiError` with the path, the place and the reason; for an opcode outside the
  ///   allow-list, and for a function that no file of tensors needs, with its name.
  public init(path: String) throws {
    let file = try MappedFile(path: path)
    self.path = path
    (archive, root) = try reading(path) {
      let archive = try PyTorchArchive(file, path: path)
      let pickle = try archive.contents("data.pkl", limit: PickleReader.Limit.bytes)
      return try withExtendedLifetime(archive) {
        let reader = PickleReader(pickle, rules: PyTorchRules(archive))
        let root = try reader.read()
        var builder = PyTorchValueBuilder(reader)
        return (archive, try builder.value(of: root))
      }
    }
  }

  /// True when the file at `path` starts as one of PyTorch's does, today's or an older one.
  public static func matches(path: String) -> Bool {
    guard let file = try? MappedFile(path: path), file.count > 4,
      !SafetensorsFile.matches(file.bytes)
    else { return false }
    return file.bytes.starts(with: [0x50, 0x4B, 3, 4])
      || file.bytes[0] == 0x80 && (2...5).contains(file.bytes[1])
  }

  /// The tensors in a dictionary or record of this file under dotted names; see `PyTorchTensors`.
  ///
  /// - Throws: `KilpiError` when two tensors get one name.
  public func tensors(at value: PyTorchValue) throws -> PyTorchTensors {
    try reading(path) { try PyTorchTensors(value, path: path) }
  }
}

/// The tensors in a part of a PyTorch file, by name: those of nested dictionaries, records, lists
/// and tuples are called `outer.inner`, elements count from 0.
public final class PyTorchTensors: TensorSource {
  /// Bytes that all names may take together: a long key may stand before many others.
  private static let nameLimit = 64 << 20

  /// The file's path.
  public let path: String
  /// Names of the tensors, sorted by bytes.
  public let names: [String]
  /// What is not a tensor (`epoch`, `training`) under its dotted name, in the file's order; lists
  /// and tuples without a tensor are one value.
  public let others: [(name: String, value: PyTorchValue)]
  private let tensors: [String: PyTorchTensor]

  /// The tensors in `value`; `path` is for messages.
  init(_ value: PyTorchValue, path: String) throws {
    var collector = Collector()
    try collector.collect(value, name: "")
    self.path = path
    tensors = collector.tensors
    others = collector.others
    names = tensors.keys.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }

  private struct Collector {
    var tensors: [String: PyTorchTensor] = [:]
    var others: [(name: String, value: PyTorchValue)] = []
    var nameBytes = 0

    mutating func collect(_ value: PyTorchValue, name: String) throws {
      nameBytes += name.utf8.count
      guard nameBytes <= PyTorchTensors.nameLimit else {
        throw KilpiError(
          "the names of its tensors have more than \(PyTorchTensors.nameLimit) bytes")
      }
      let prefix = name.isEmpty ? "" : name + "."
      switch value {
      case .tensor(let tensor):
        guard tensors.updateValue(tensor, forKey: name.isEmpty ? "tensor" : name) == nil else {
          throw KilpiError("two of its tensors are called '\(name.prefix(60))'")
        }
      case .record where value["_modules"] != nil && value["_parameters"] != nil:
        try collect(module: value, name: name)
      case .record(_, let attributes) where attributes.isEmpty: others.append((name, value))
      case .dictionary, .record:
        for member in value.members ?? [] {
          try collect(member.value, name: prefix + member.name)
        }
      case .list(let elements), .tuple(let elements):
        guard value.holdsTensors else {
          others.append((name, value))
          return
        }
        for (index, element) in elements.enumerated() {
          try collect(element, name: prefix + String(index))
        }
      default: others.append((name, value))
      }
    }

    /// A module that was saved whole: what its `state_dict()` would hold.
    mutating func collect(module: PyTorchValue, name: String) throws {
      let passing = module["_non_persistent_buffers_set"]?.elements?.compactMap(\.string) ?? []
      let prefix = name.isEmpty ? "" : name + "."
      for part in ["_parameters", "_buffers", "_modules"] {
        for member in module[part]?.members ?? []
        where part != "_buffers" || !passing.contains(member.name) {
          if case .none = member.value { continue }
          try collect(member.value, name: prefix + member.name)
        }
      }
    }
  }

  private func entry(_ name: String) throws -> PyTorchTensor {
    guard let tensor = tensors[name] else {
      let near = NearestName.suggestion(for: name, among: names)
      throw KilpiError(
        "there is no tensor '\(name.prefix(40))' in '\(path)'",
        advice: near.map { "did you mean '\($0)'?" })
    }
    return tensor
  }

  /// The shape of a tensor; reads no values.
  public func shape(of name: String) throws -> [Int] { try entry(name).shape }

  /// The element type that `tensor(_:)` gives a tensor.
  public func dtype(of name: String) throws -> DType { try entry(name).dtype }

  /// A tensor in memory of its own: half precision as float32, integers and booleans as int64.
  ///
  /// Tied weights arrive as copies, as they do in a module that loads a state dictionary.
  public func tensor(_ name: String) throws -> Tensor {
    let tensor = try entry(name)
    if let refusal = tensor.refusal(name) { return try reading(path) { throw refusal } }
    return try tensor.loadApart()
  }
}
