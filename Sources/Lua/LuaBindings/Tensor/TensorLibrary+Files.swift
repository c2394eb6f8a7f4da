internal import Diagnostics
internal import LuaHost
internal import Tensors

extension TensorLibrary {
  static let files: [Entry] = [
    Entry(
      "save", "(path: string, tensors: tensor|table)",
      doc: """
        Writes one tensor as .npy, or a table of named tensors as .safetensors or .npz (a single tensor is \
        named `tensor` there). The file appears whole or not at all.
        """,
      example: """
        local path = os.tmpname() .. ".safetensors"
        tensor.save(path, {weight = tensor.eye(2)})
        print(tensor.load(path).weight:sum():item())  --> 2.0
        os.remove(path)
        """
    ) { call in
      let path = try call.path(1, writing: true)
      switch try TensorFormat(of: path, among: [.safetensors, .npy, .npz]) {
      case .npy:
        guard let tensor = try call.handleIfPresent(2, as: Tensor.self) else {
          throw KilpiError(
            ".npy holds one tensor, not several", advice: "end the name in .safetensors")
        }
        try Npy.save(tensor, to: path)
      case .npz: try Npz.save(call.namedTensors(2), to: path)
      default: try Safetensors.save(call.namedTensors(2), to: path)
      }
      return []
    },
    Entry(
      "load", "(path: string) -> tensor|table",
      doc: """
        The tensor in a .npy file, or the named tensors of a .safetensors or .npz file as a table \
        (safetensors under any name). Half precision arrives as float32, integers and booleans as int64. From PyTorch's files (.pt, .pth, \
        .pth.tar, .ckpt, .bin) comes what was saved: dictionaries, lists and modules as tables, None as nil, \
        numbers and strings as they are; tensors that share memory there share it here. Nothing in them is run: \
        objects of other classes are tables of what the file says of them. A tensor of an element type that \
        is not read (U16, F8_E4M3, complex) does not hinder the others: it is named once, and refused when \
        it is asked for.
        """,
      example: """
        local path = os.tmpname() .. ".npz"
        tensor.save(path, {a = tensor.arange(1, 3), b = tensor.eye(2)})
        print(tensor.load(path).a:sum():item())  --> 6.0
        os.remove(path)
        """
    ) { call in
      let path = try call.path(1)
      let state = call.state
      // Told by the content, whatever the file is called: weights in `pytorch_model.bin` often are.
      if SafetensorsFile.matches(path: path) {
        return [try LuaNamedTensors(safetensors: path, state)]
      }
      switch try TensorFormat(of: path, among: TensorFormat.allCases) {
      case .npy: return [try Npy.load(path)]
      case .npz: return [try LuaNamedTensors(npz: path, state)]
      case .safetensors: return [try LuaNamedTensors(safetensors: path, state)]
      case .pytorch:
        let root = try PyTorchFile(path: path).root
        LuaNamedTensors.note(root.unreadTensors(), path, state)
        return [LuaPyTorchValue(value: root)]
      }
    },
  ]
}

/// Tensor files by the end of their names.
private enum TensorFormat: CaseIterable {
  case safetensors, npy, npz, pytorch

  private var endings: [String] {
    switch self {
    case .safetensors: return [".safetensors"]
    case .npy: return [".npy"]
    case .npz: return [".npz"]
    case .pytorch: return [".pt", ".pth", ".pth.tar", ".ckpt", ".bin"]
    }
  }

  init(of path: String, among formats: [TensorFormat]) throws {
    let name = (path.split(separator: "/", omittingEmptySubsequences: false).last ?? "")
      .lowercased()
    for format in formats
    where format.endings.contains(where: { name.hasSuffix($0) }) {
      self = format
      return
    }
    let endings = formats.flatMap(\.endings)
    throw KilpiError(
      "cannot tell the format of '\(ErrorText.clipped(path))'",
      advice: "end the name in " + endings.dropLast().joined(separator: ", ") + " or "
        + (endings.last ?? ""))
  }
}

/// Named tensors as a table; a name whose tensor is not read raises its reason.
private struct LuaNamedTensors: LuaConvertible {
  let tensors: [(name: String, value: any LuaConvertible)]
  let refused: [String: KilpiError]

  init(_ tensors: [(name: String, value: any LuaConvertible)], _ refused: [String: KilpiError]) {
    self.tensors = tensors
    self.refused = refused
  }

  init(npz path: String, _ state: LuaState) throws {
    let (tensors, refused) = try Npz.contents(path)
    self.init(tensors.map { ($0.key, $0.value) }, refused)
    Self.note(refused.values.map(\.problem).sorted(), path, state)
  }

  init(safetensors path: String, _ state: LuaState) throws {
    let file = try SafetensorsFile(path: path)
    let unread = Set(file.unreadNames)
    var tensors: [(name: String, value: any LuaConvertible)] = []
    var refused: [String: KilpiError] = [:]
    for name in file.names {
      do {
        tensors.append((name, try file.tensor(name)))
      } catch let error as KilpiError where unread.contains(name) {
        refused[name] = error
      }
    }
    self.init(tensors, refused)
    Self.note(
      try file.unreadNames.map { "'\($0)' is \(try file.storedType(of: $0))" }, path, state)
  }

  /// Says once what of a file is not read.
  static func note(_ unread: [String], _ path: String, _ state: LuaState) {
    guard !unread.isEmpty else { return }
    let more = unread.count > 5 ? ", and \(unread.count - 5) more" : ""
    state.write(
      "tensor.load: of '\(ErrorText.clipped(path))' is not read: "
        + "\(unread.prefix(5).joined(separator: ", "))\(more)\n", to: .error)
  }

  func push(onto stack: LuaStack) throws {
    try LuaRecord(tensors.map { ($0.name, $0.value) }).push(onto: stack)
    guard !refused.isEmpty else { return }
    let refused = self.refused
    try stack.setMissing(
      LuaClosure("tensor.load") { call in
        // Other keys are absent, as in any table.
        if call.kind(2) == .string, let error = refused[try call.string(2)] { throw error }
        return []
      })
  }
}

extension PyTorchValue {
  /// Element types of tensors in it that are not read, with their names.
  fileprivate func unreadTensors(_ name: String = "", depth: Int = 0) -> [String] {
    if let tensor {
      return tensor.unread.map { ["'\(name)' is \($0)"] } ?? []
    }
    guard depth < 64 else { return [] }
    let prefix = name.isEmpty ? "" : name + "."
    let parts =
      members?.map { (prefix + $0.name, $0.value) }
      ?? elements?.enumerated().map { (prefix + String($0.offset + 1), $0.element) } ?? []
    return parts.flatMap { $0.1.unreadTensors($0.0, depth: depth + 1) }
  }
}

/// A value of a PyTorch file as Lua knows it; tensors are read while it is handed over.
private struct LuaPyTorchValue: LuaConvertible {
  let value: PyTorchValue

  /// Members that can be handed over, and the errors of tensors that are not read.
  private static func split(
    _ members: [(name: String, value: PyTorchValue)]
  ) -> (readable: [(name: String, value: any LuaConvertible)], refused: [String: KilpiError]) {
    var readable: [(name: String, value: any LuaConvertible)] = []
    var refused: [String: KilpiError] = [:]
    for (name, value) in members {
      if let error = value.tensor?.refusal(name) {
        refused[name] = error
      } else {
        readable.append((name, LuaPyTorchValue(value: value)))
      }
    }
    return (readable, refused)
  }

  func push(onto stack: LuaStack) throws {
    switch value {
    case .none: try LuaValue.nil.push(onto: stack)
    case .bool(let value): try value.push(onto: stack)
    case .integer(let value): try value.push(onto: stack)
    case .number(let value): try value.push(onto: stack)
    case .string(let text): try text.push(onto: stack)
    case .bytes(let bytes): try LuaString(bytes).push(onto: stack)
    case .tensor(let tensor):
      // In a list, an element that is not read is absent.
      if tensor.unread == nil {
        try tensor.load().push(onto: stack)
      } else {
        try LuaValue.nil.push(onto: stack)
      }
    case .list(let elements), .tuple(let elements):
      try LuaList(elements.map { LuaPyTorchValue(value: $0) }).push(onto: stack)
    case .dictionary(let pairs):
      let (readable, refused) = Self.split(pairs.map { ($0.key.string ?? "", $0.value) })
      try LuaNamedTensors(readable.filter { !$0.name.isEmpty }, refused).push(onto: stack)
      for (key, value) in pairs {
        // Other keys have no counterpart that could be written in Lua.
        if let index = key.integer {
          try stack.setElement(Int(index), LuaPyTorchValue(value: value))
        }
      }
    case .record(_, let attributes):
      let (readable, refused) = Self.split(attributes)
      try LuaNamedTensors(readable, refused).push(onto: stack)
    }
  }
}

extension Call {
  /// A table of named tensors; a single tensor gets the name `tensor`.
  fileprivate func namedTensors(_ index: Int) throws -> [String: Tensor] {
    if let tensor = try handleIfPresent(index, as: Tensor.self) { return ["tensor": tensor] }
    guard kind(index) == .table else { throw badArgument(index, expected: "tensor or table") }
    var result: [String: Tensor] = [:]
    for (key, value) in try table(index).pairs() {
      guard let name = key.string, let tensor = value.object(as: Tensor.self) else {
        throw badArgument(
          index,
          "table of named tensors expected, got \(value.typeName) at \(key.string ?? key.typeName)")
      }
      result[name] = tensor
    }
    return result
  }
}
