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
            "", ".npy holds one tensor, not several", advice: "end the name in .safetensors")
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
        numbers and strings as they are; tensors that share memory there share it here. They are read by a list \
        of allowed names, and nothing in them is run.
        """,
      example: """
        local path = os.tmpname() .. ".npz"
        tensor.save(path, {a = tensor.arange(1, 3), b = tensor.eye(2)})
        print(tensor.load(path).a:sum():item())  --> 6.0
        os.remove(path)
        """
    ) { call in
      let path = try call.path(1)
      // Told by the content, whatever the file is called: weights in `pytorch_model.bin` often are.
      if SafetensorsFile.matches(path: path) { return [try Safetensors.load(path).tensors] }
      switch try TensorFormat(of: path, among: TensorFormat.allCases) {
      case .npy: return [try Npy.load(path)]
      case .npz: return [try Npz.load(path)]
      case .safetensors: return [try Safetensors.load(path).tensors]
      case .pytorch: return [LuaPyTorchValue(value: try PyTorchFile(path: path).root)]
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
      "", "cannot tell the format of '\(ErrorText.clipped(path))'",
      advice: "end the name in " + endings.dropLast().joined(separator: ", ") + " or "
        + (endings.last ?? ""))
  }
}

/// A value of a PyTorch file as Lua knows it; tensors are read while it is handed over.
private struct LuaPyTorchValue: LuaConvertible {
  let value: PyTorchValue

  func push(onto stack: LuaStack) throws {
    switch value {
    case .none: try LuaValue.nil.push(onto: stack)
    case .bool(let value): try value.push(onto: stack)
    case .integer(let value): try value.push(onto: stack)
    case .number(let value): try value.push(onto: stack)
    case .string(let text): try text.push(onto: stack)
    case .bytes(let bytes): try LuaString(bytes).push(onto: stack)
    case .tensor(let tensor): try tensor.load().push(onto: stack)
    case .list(let elements), .tuple(let elements):
      try LuaList(elements.map { LuaPyTorchValue(value: $0) }).push(onto: stack)
    case .dictionary(let pairs):
      try stack.makeTable(fields: pairs.count)
      for (key, value) in pairs {
        // Other keys have no counterpart that could be written in Lua.
        if let name = key.string {
          try stack.setField(name, LuaPyTorchValue(value: value))
        } else if let index = key.integer {
          try stack.setElement(Int(index), LuaPyTorchValue(value: value))
        }
      }
    case .record(_, let attributes):
      try LuaRecord(attributes.map { ($0.name, LuaPyTorchValue(value: $0.value)) })
        .push(onto: stack)
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
