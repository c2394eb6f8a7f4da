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
  /// Hugging Face's preprocessing, which holds mean and deviation of the pixels.
  let preprocessor: String?
  /// True when a folder was given.
  let isFolder: Bool
  /// Every file that may be read.
  let files: [String]

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
      isFolder = false
      (preprocessor, files) = try Self.others(in: folder, with: path)
      return
    }
    let names = try FileReader.names(in: path)
    let known = Self.weightNames.first(where: names.contains)
    let others = names.filter { name in
      [".safetensors", ".pt", ".pth", ".pth.tar", ".ckpt", ".bin"].contains { name.hasSuffix($0) }
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
    isFolder = true
    (preprocessor, files) = try Self.others(in: path, with: weights)
  }

  /// The preprocessing beside the weights, and all files that loading may open.
  private static func others(
    in folder: String, with weights: String
  ) throws -> (preprocessor: String?, files: [String]) {
    let beside = [
      "config.json", "open_clip_config.json", "preprocessor_config.json", "tokenizer.json",
      "spiece.model",
    ]
    let isSharded = weights.hasSuffix(".index.json")
    let names = try FileReader.names(in: folder.isEmpty ? "/" : folder).filter { name in
      // An index may call its shards anything.
      beside.contains(name) || isSharded
    }
    let preprocessor = folder + "/preprocessor_config.json"
    return (
      FileReader.exists(preprocessor) ? preprocessor : nil,
      [weights] + names.map { folder + "/" + $0 }
    )
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
    if path.hasSuffix(".index.json") {
      return CheckpointFile(source: RenamedTensors.unwrapped(try ShardedTensors(indexPath: path)))
    }
    guard PyTorchFile.matches(path: path) else {
      return CheckpointFile(source: RenamedTensors.unwrapped(try SafetensorsFile(path: path)))
    }
    let file = try PyTorchFile(path: path)
    let tensors = try file.tensors(at: file.isTorchScript ? file.root : weights(in: file.root))
    // OpenAI's archives carry their sizes as tensors; no other TorchScript file does.
    let isOpenAI = file.isTorchScript && tensors.names.contains("input_resolution")
    return CheckpointFile(
      source: RenamedTensors.unwrapped(tensors), activation: isOpenAI ? .quickGELU : nil)
  }

  /// The state dictionary inside a training checkpoint: TeCoA's image encoder, open_clip's and
  /// MMCoA's whole model; else everything.
  private static func weights(in root: PyTorchValue) -> PyTorchValue {
    for name in ["vision_encoder_state_dict", "state_dict", "model", "model_state_dict"] {
      guard let inner = root[name] else { continue }
      if inner.members?.contains(where: { $0.value.tensor != nil }) == true { return inner }
    }
    return root
  }
}

/// Tensors whose names lost a prefix that all of them had: `module.` of data-parallel training,
/// `_orig_mod.` of compiled modules.
final class RenamedTensors: TensorSource {
  private static let wrappers = ["module.", "_orig_mod.", "model."]
  private let inner: any TensorSource
  private let prefix: String
  let names: [String]
  var path: String { inner.path }

  private init(_ inner: any TensorSource, dropping prefix: String) {
    self.inner = inner
    self.prefix = prefix
    names = inner.names.map { String($0.dropFirst(prefix.count)) }
  }

  /// The source without wrapping prefixes.
  static func unwrapped(_ source: any TensorSource) -> any TensorSource {
    for prefix in wrappers
    where !source.names.isEmpty && source.names.allSatisfy({ $0.hasPrefix(prefix) }) {
      return unwrapped(RenamedTensors(source, dropping: prefix))
    }
    return source
  }

  func shape(of name: String) throws -> [Int] { try inner.shape(of: prefix + name) }
  func tensor(_ name: String) throws -> Tensor { try inner.tensor(prefix + name) }
}
