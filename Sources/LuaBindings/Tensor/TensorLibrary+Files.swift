internal import Diagnostics
internal import LuaHost
internal import Tensors

extension TensorLibrary {
  static let files: [Entry] = [
    Entry(
      "save", "(path: string, tensors: tensor|table)",
      doc: """
        Writes one tensor as .npy, or a table of named tensors as .safetensors (a single tensor is named \
        `tensor` there). The file appears whole or not at all.
        """,
      example: """
        local path = os.tmpname() .. ".safetensors"
        tensor.save(path, {weight = tensor.eye(2)})
        print(tensor.load(path).weight:sum():item())  --> 2.0
        os.remove(path)
        """
    ) { call in
      let path = try call.path(1, writing: true)
      switch try format(of: path) {
      case "npy":
        guard let tensor = try call.handleIfPresent(2, as: Tensor.self) else {
          throw KilpiError(
            "", ".npy holds one tensor, not several", advice: "end the name in .safetensors")
        }
        try Npy.save(tensor, to: path)
      default: try Safetensors.save(call.namedTensors(2), to: path)
      }
      return []
    },
    Entry(
      "load", "(path: string) -> tensor|table",
      doc: """
        The tensor in a .npy file, or the named tensors of a .safetensors file as a table; half precision \
        arrives as float32.
        """,
      example: """
        local path = os.tmpname() .. ".npy"
        tensor.save(path, tensor.arange(1, 3))
        print(tensor.load(path):sum():item())  --> 6.0
        os.remove(path)
        """
    ) { call in
      let path = try call.path(1)
      switch try format(of: path) {
      case "npy": return [try Npy.load(path)]
      default: return [try Safetensors.load(path).tensors]
      }
    },
  ]

  private static let formats = ["safetensors", "npy"]

  private static func format(of path: String) throws -> String {
    let name = path.split(separator: "/", omittingEmptySubsequences: false).last ?? ""
    let parts = name.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count > 1, let end = parts.last?.lowercased(), formats.contains(end) else {
      throw KilpiError(
        "", "cannot tell the format of '\(ErrorText.clipped(path))'",
        advice: "end the name in " + formats.map { ".\($0)" }.joined(separator: " or "))
    }
    return end
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
