internal import Diagnostics
internal import Files
internal import Tensors

/// A file of weights, opened: its tensors, and what its format tells about them.
struct CheckpointFile {
  let source: any TensorSource
  /// The activation that the format implies: quick-GELU for OpenAI's own archives.
  var activation: Activation?
  /// True for a checkpoint of a training run, whose model folder may lie beside it.
  var isTrainingState = false
}

/// Where a checkpoint's parts lie.
struct CheckpointPlace {
  /// The file of weights, or the index of its shards.
  let weights: String
  /// The folder whose files describe the weights.
  let folder: String
  /// The configuration, if there is one.
  let configuration: String?
  /// True when a folder was given.
  let isFolder: Bool
  /// Every file that may be read.
  let files: [String]
  /// What to say about it.
  var note: String?

  /// Names that folders give their weights, the best first.
  private static let weightNames = [
    "open_clip_model.safetensors", "model.safetensors", "model.safetensors.index.json",
    "open_clip_pytorch_model.bin", "pytorch_model.bin", "pytorch_model.bin.index.json",
  ]
  /// Files beside the weights that say something about the model.
  private static let descriptions = [
    "config.json", "open_clip_config.json", "processor_config.json", "preprocessor_config.json",
    "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
    "vocab.json", "merges.txt", "spiece.model",
  ]

  /// Finds the parts of a folder or file.
  ///
  /// A training run's folder stands for its trained model, a checkpoint in it for its weights with
  /// that model's description.
  ///
  /// - Throws: `KilpiError` with the path and what was looked for.
  init(_ path: String) throws {
    guard FileReader.isDirectory(path) else {
      guard FileReader.exists(path) else {
        throw KilpiError("cannot load '\(path)': there is no such file")
      }
      let folder = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
      let run = Self.described(byRunAround: folder)
      try self.init(weights: path, folder: run ?? folder, isFolder: false)
      return
    }
    let (found, others) = try Self.weights(in: path)
    if let found {
      let run = Self.described(byRunAround: path)
      try self.init(weights: path + "/" + found, folder: run ?? path, isFolder: true)
      note = try Self.choiceNote(found, in: path)
      return
    }
    guard others.isEmpty else {
      throw KilpiError(
        "cannot load '\(path)': the folder holds several files of weights: "
          + others.prefix(4).joined(separator: ", "), advice: "give the path of one of them")
    }
    let inner = path + "/model"
    if FileReader.isDirectory(inner), let found = try Self.weights(in: inner).found {
      try self.init(weights: inner + "/" + found, folder: inner, isFolder: true)
      let choice = try Self.choiceNote(found, in: inner).map { "; " + $0 } ?? ""
      note = "the weights are those of '\(inner)'" + choice
      return
    }
    let below = try Self.weightsBelow(path)
    throw KilpiError(
      "cannot load '\(path)': the folder holds no weights",
      advice: below.map { "give the path of those below it: '\($0)'" }
        ?? "give a folder with config.json and model.safetensors, or a file of weights")
  }

  private init(weights: String, folder: String, isFolder: Bool) throws {
    self.weights = weights
    self.folder = folder
    self.isFolder = isFolder
    configuration = Self.configuration(in: folder, for: weights)
    let isSharded = weights.hasSuffix(".index.json")
    let own = weights.lastIndex(of: "/").map { String(weights[..<$0]) } ?? "."
    // An index may call its shards anything.
    let shards = isSharded ? try Self.names(in: own).map { own + "/" + $0 } : []
    let beside = try Self.names(in: folder).filter { Self.descriptions.contains($0) }
    files = [weights] + shards + beside.map { folder + "/" + $0 }
  }

  private static func names(in folder: String) throws -> [String] {
    try FileReader.names(in: folder.isEmpty ? "/" : folder)
  }

  /// The file of weights in a folder, and all that look like one.
  private static func weights(in folder: String) throws -> (found: String?, others: [String]) {
    let names = try FileReader.names(in: folder)
    let others = names.filter { name in
      [".safetensors", ".pt", ".pth", ".pth.tar", ".ckpt", ".bin"].contains { name.hasSuffix($0) }
    }
    let known = weightNames.first(where: names.contains)
    return (known ?? (others.count == 1 ? others.first : nil), others)
  }

  /// Which file is taken of several that hold a model by their names; nil where there is one.
  private static func choiceNote(_ found: String, in folder: String) throws -> String? {
    let names = try FileReader.names(in: folder)
    let others = weightNames.filter { $0 != found && names.contains($0) }
    guard !others.isEmpty, weightNames.contains(found) else { return nil }
    return "the folder holds several files of weights: '\(found)' is taken, not "
      + others.map { "'\($0)'" }.joined(separator: ", ")
  }

  /// Weights in a folder one step below, the last by name: the newest checkpoint of a run.
  private static func weightsBelow(_ path: String) throws -> String? {
    for name in try FileReader.names(in: path).sorted()
    where FileReader.isDirectory("\(path)/\(name)") {
      let (found, others) = try weights(in: "\(path)/\(name)")
      if found != nil, others.count < 2 || weightNames.contains(found ?? "") {
        return "\(path)/\(name)"
      }
      if let last = others.max() { return "\(path)/\(name)/\(last)" }
    }
    return nil
  }

  /// The model folder of the training run whose checkpoints lie in `folder`.
  private static func described(byRunAround folder: String) -> String? {
    guard folder == "checkpoints" || folder.hasSuffix("/checkpoints") else { return nil }
    let run = String(folder.dropLast("checkpoints".count))
    let model = run + "model"
    let isRun = FileReader.exists(run + "run.json") && FileReader.isDirectory(model)
    return isRun ? model : nil
  }

  /// The configuration that fits the file by its name, else the other one.
  private static func configuration(in folder: String, for file: String) -> String? {
    let isOpenCLIP = file.split(separator: "/").last?.hasPrefix("open_clip") ?? false
    let names = ["config.json", "open_clip_config.json"]
    return (isOpenCLIP ? names.reversed() : names).map { folder + "/" + $0 }
      .first(where: FileReader.exists)
  }
}

extension CheckpointSelection {
  /// A CLIP's patch embeddings; last a text tower without an image tower, as in Hugging Face's files.
  private static let clip = Kind(
    title: "CLIP",
    anchors: [
      (["visual", "conv1", "weight"], []),
      (["visual", "trunk", "patch_embed", "proj", "weight"], []),
      (["vision_model", "embeddings", "patch_embedding", "weight"], []),
      (["conv1", "weight"], ["class_embedding", "attnpool.c_proj.weight"]),
    ], tower: "visual", otherwise: [["text_model", "embeddings", "token_embedding", "weight"]])

  /// The one CLIP in a file.
  init(in source: any TensorSource, at asked: String?, others: [String] = []) throws {
    try self.init(Self.clip, in: source, at: asked, others: others)
  }
}

extension CheckpointFile {
  /// Opens the weights at `path`, whatever their format; the content decides, not the name.
  ///
  /// - Throws: `KilpiError` with the path and the reason.
  static func open(_ path: String, _ options: CheckpointOptions) throws -> CheckpointFile {
    var others: [String] = []
    var isOpenAI = false
    let source: any TensorSource
    if path.hasSuffix(".index.json") {
      source = try ShardedTensors(indexPath: path)
    } else if PyTorchFile.matches(path: path) {
      let file = try PyTorchFile(path: path)
      let tensors = try file.tensors(at: file.root)
      // OpenAI's archives carry their sizes as tensors; no other TorchScript file does.
      isOpenAI = file.isTorchScript && tensors.names.contains("input_resolution")
      if !file.isTorchScript { others = tensors.others.map(\.name) }
      source = tensors
    } else {
      let file = try SafetensorsFile(path: path)
      if let step = try TrainingState.step(of: file) {
        try TrainingState.checkSeal(of: file, options)
        options.note("the file is a training checkpoint: its weights after step \(step) are taken")
        return CheckpointFile(source: TrainingState.weights(of: file), isTrainingState: true)
      }
      source = file
    }
    do {
      let selection = try CheckpointSelection(in: source, at: options.stateDict, others: others)
      if let note = selection.note { options.note(note) }
      return CheckpointFile(source: selection.source, activation: isOpenAI ? .quickGELU : nil)
    } catch let error as KilpiError where error.kind == .host {
      throw KilpiError("cannot load '\(path)': \(error.problem)", advice: error.advice)
    }
  }
}

/// The checkpoints of Kilpi's own training runs: weights and moments under our names.
private enum TrainingState {
  private static let prefix = "weight."

  /// The step that a file was written after; nil for any other file.
  static func step(of file: SafetensorsFile) throws -> Int? {
    guard let text = file.metadata["kilpi"], let state = try? JSONValue.parse(text) else {
      return nil
    }
    return file.names.contains { $0.hasPrefix(prefix) } ? state["step"]?.int : nil
  }

  /// Checks that the file is what the run wrote; format 1 had no seal, which is said.
  static func checkSeal(of file: SafetensorsFile, _ options: CheckpointOptions) throws {
    let state = file.metadata["kilpi"].flatMap { try? JSONValue.parse($0) }
    if file.metadata["sha256"] == nil, (state?["format"]?.int ?? 1) < 2 {
      return options.note(
        "the training checkpoint carries no SHA-256 (an older format): changes of it would not be seen"
      )
    }
    do {
      try file.checkSeal()
    } catch let error as KilpiError where error.kind == .host {
      throw KilpiError(
        "cannot load '\(file.path)': \(error.problem)",
        advice: "take another checkpoint of the run, or copy the file again")
    }
  }

  static func weights(of file: SafetensorsFile) -> RenamedTensors {
    var keys: [String: String] = [:]
    for name in file.names where name.hasPrefix(prefix) {
      keys[String(name.dropFirst(prefix.count))] = name
    }
    return RenamedTensors(file, keys)
  }
}
