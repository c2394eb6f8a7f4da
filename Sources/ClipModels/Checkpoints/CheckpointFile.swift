internal import Diagnostics
internal import Files
internal import Tensors

/// A file of weights, opened: its tensors, and what its format tells about them.
struct CheckpointFile {
  let source: any TensorSource
  /// The activation that the format implies: quick-GELU for OpenAI's own archives.
  var activation: Activation?
}

/// Where a checkpoint's parts lie.
struct CheckpointPlace {
  /// The file of weights, or the index of its shards.
  let weights: String
  /// The configuration beside it, if there is one.
  let configuration: String?

  /// Names that folders give their weights, the best first.
  private static let weightNames = [
    "open_clip_model.safetensors", "model.safetensors", "model.safetensors.index.json",
    "open_clip_pytorch_model.bin", "pytorch_model.bin", "pytorch_model.bin.index.json",
  ]

  /// Finds the parts of a folder or file.
  ///
  /// - Throws: `KilpiError` with the path and what was looked for.
  init(_ path: String) throws {
    guard FileReader.isDirectory(path) else {
      guard FileReader.exists(path) else {
        throw KilpiError("", "cannot load '\(path)': there is no such file")
      }
      let folder = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
      weights = path
      configuration = Self.configuration(in: folder, for: path)
      return
    }
    let names = try FileReader.names(in: path)
    let known = Self.weightNames.first(where: names.contains)
    let others = names.filter { name in
      [".safetensors", ".pt", ".pth", ".ckpt", ".bin"].contains { name.hasSuffix($0) }
    }
    guard let found = known ?? (others.count == 1 ? others.first : nil) else {
      throw KilpiError(
        "",
        "cannot load '\(path)': the folder holds "
          + (others.isEmpty
            ? "no weights"
            : "several files of weights: \(others.prefix(4).joined(separator: ", "))"),
        advice: others.isEmpty
          ? "give a folder with config.json and model.safetensors, or a file of weights"
          : "give the path of one of them")
    }
    weights = path + "/" + found
    configuration = Self.configuration(in: path, for: found)
  }

  /// The configuration that fits the file by its name, else the other one.
  private static func configuration(in folder: String, for file: String) -> String? {
    let isOpenCLIP = file.split(separator: "/").last?.hasPrefix("open_clip") ?? false
    let names = ["config.json", "open_clip_config.json"]
    return (isOpenCLIP ? names.reversed() : names).map { folder + "/" + $0 }
      .first(where: FileReader.exists)
  }
}

extension CheckpointFile {
  /// Opens the weights at `path`, whatever their format; it is told by the content, not by the name.
  ///
  /// - Throws: `KilpiError` with the path and the reason.
  static func open(_ path: String) throws -> CheckpointFile {
    CheckpointFile(source: try SafetensorsFile(path: path))
  }
}
