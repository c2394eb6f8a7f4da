internal import Diagnostics
internal import Files
internal import Networks
internal import Tensors

extension MaskedLanguageModel {
  /// Names that folders give their weights, the best first.
  private static let weightNames = [
    "model.safetensors", "model.safetensors.index.json", "pytorch_model.bin",
    "pytorch_model.bin.index.json",
  ]

  /// Loads a model from a folder with `config.json`, `vocab.txt` (or `tokenizer.json`) and
  /// `model.safetensors` or `pytorch_model.bin` (or the index of their shards), or from that file.
  ///
  /// Norm names may be `weight`, `bias` or `gamma`, `beta`; the prefix `bert.` may be there or not. A
  /// decoder tied to the word embedding need not be stored. Weights of the pooler and of next-sentence
  /// prediction are passed over. Without any `cls.predictions` weight it is an encoder without head. The
  /// weights may lie anywhere in the file (`state_dict`, `model.`); two BERTs in one are an error.
  ///
  /// - Parameters:
  ///   - place: where the weights lie in the file; nil: where a BERT is found.
  ///   - note: takes what is passed over.
  /// - Throws: `KilpiError` with the path, the reason and the keys that do not fit.
  public static func load(
    _ path: String, at place: String? = nil, note: (String) -> Void = { _ in }
  ) throws -> MaskedLanguageModel {
    let isFolder = FileReader.isDirectory(path)
    let folder = isFolder ? path : path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
    let file =
      isFolder
      ? weightNames.map { path + "/" + $0 }.first(where: FileReader.exists)
      : FileReader.exists(path) ? path : nil
    guard let file else {
      let reason =
        isFolder
        ? "the folder holds no model.safetensors or pytorch_model.bin" : "there is no such file"
      throw KilpiError(
        "cannot load '\(path)': \(reason)",
        advice: "give a folder with config.json, vocab.txt and model.safetensors")
    }
    let settings = folder + "/config.json"
    guard FileReader.exists(settings) else {
      throw KilpiError(
        "cannot load '\(path)': there is no config.json beside the weights",
        advice: "the configuration names the sizes and the activation")
    }
    let configuration: BertConfiguration
    do {
      configuration = try BertConfiguration(
        json: JSONValue.parse(FileReader.bytes(at: settings, limit: 16 << 20)))
    } catch let error as KilpiError {
      throw KilpiError("cannot load '\(settings)': \(error.problem)", advice: error.advice)
    }
    let tokenizer = try WordPieceTokenizer(folder: folder)
    let source: any TensorSource
    do {
      let selection = try selection(at: file, place)
      if let text = selection.note { note(text) }
      source = selection.source
    } catch let error as KilpiError
      where error.kind == .host && !error.problem.contains(file)
    {
      throw KilpiError("cannot load '\(file)': \(error.problem)", advice: error.advice)
    }
    let parameters = try BertCheckpoint(configuration).read(source, path: file)
    do {
      return try MaskedLanguageModel(
        configuration, tokenizer: tokenizer, parameters: parameters, origin: path)
    } catch let error as KilpiError {
      throw KilpiError("cannot load '\(path)': \(error.problem)", advice: error.advice)
    }
  }
}

extension MaskedLanguageModel {
  /// A BERT's word embedding, in a model with heads or alone.
  private static let kind = CheckpointSelection.Kind(
    title: "BERT", anchors: [(["bert", "embeddings", "word_embeddings", "weight"], [])],
    otherwise: [["embeddings", "word_embeddings", "weight"]])

  /// The BERT in a file of weights, whatever its format; the content decides, but for an index.
  private static func selection(at path: String, _ place: String?) throws -> CheckpointSelection {
    let source: any TensorSource
    var others: [String] = []
    if path.hasSuffix(".index.json") {
      source = try ShardedTensors(indexPath: path)
    } else if PyTorchFile.matches(path: path) {
      let file = try PyTorchFile(path: path)
      let tensors = try file.tensors(at: file.root)
      others = tensors.others.map(\.name)
      source = tensors
    } else {
      source = try SafetensorsFile(path: path)
    }
    return try CheckpointSelection(kind, in: source, at: place, others: others)
  }
}

/// Hugging Face's names of a BERT's weights.
struct BertCheckpoint {
  private let configuration: BertConfiguration

  init(_ configuration: BertConfiguration) { self.configuration = configuration }

  /// Names and shapes, in their newest spelling and without a prefix; `qkv` stands for three.
  private var shapes: [(name: String, shape: [Int])] {
    let c = configuration
    func norm(_ name: String) -> [(name: String, shape: [Int])] {
      [(name + ".weight", [c.width]), (name + ".bias", [c.width])]
    }
    func dense(_ name: String, _ out: Int, _ width: Int) -> [(name: String, shape: [Int])] {
      [(name + ".weight", [out, width]), (name + ".bias", [out])]
    }
    var result: [(name: String, shape: [Int])] = [
      ("embeddings.word_embeddings.weight", [c.vocabulary, c.width]),
      ("embeddings.position_embeddings.weight", [c.context, c.width]),
      ("embeddings.token_type_embeddings.weight", [c.segments, c.width]),
    ]
    result += norm("embeddings.LayerNorm")
    for layer in 0..<c.layers {
      let prefix = "encoder.layer.\(layer)."
      result += dense(prefix + "attention.self.qkv", 3 * c.width, c.width)
      result += dense(prefix + "attention.output.dense", c.width, c.width)
      result += norm(prefix + "attention.output.LayerNorm")
      result += dense(prefix + "intermediate.dense", c.hidden, c.width)
      result += dense(prefix + "output.dense", c.width, c.hidden)
      result += norm(prefix + "output.LayerNorm")
    }
    return result
  }

  private var headShapes: [(name: String, shape: [Int])] {
    let (v, w) = (configuration.vocabulary, configuration.width)
    var result: [(name: String, shape: [Int])] = [
      ("cls.predictions.transform.dense.weight", [w, w]),
      ("cls.predictions.transform.dense.bias", [w]),
      ("cls.predictions.transform.LayerNorm.weight", [w]),
      ("cls.predictions.transform.LayerNorm.bias", [w]), ("cls.predictions.bias", [v]),
    ]
    if !configuration.tiesDecoder { result.append(("cls.predictions.decoder.weight", [v, w])) }
    return result
  }

  /// The weights of a file under our names.
  ///
  /// - Throws: `KilpiError` listing missing, unexpected and mis-shaped keys.
  func read(_ source: any TensorSource, path: String) throws -> ParameterList {
    let available = Set(source.names)
    let prefix = available.contains { $0.hasPrefix("bert.") } ? "bert." : ""
    var missing: [String] = []
    var misshaped: [String] = []
    var used: Set<String> = []
    var parameters = ParameterList()

    /// The key that a weight has in this file.
    func key(_ name: String) -> String {
      let full = name.hasPrefix("cls.") ? name : prefix + name
      var spellings = [full]
      for (new, old) in [
        ("LayerNorm.weight", "LayerNorm.gamma"), ("LayerNorm.bias", "LayerNorm.beta"),
      ]
      where full.hasSuffix(new) { spellings.append(full.dropLast(new.count) + old) }
      // A decoder of its own has its own bias; a tied one repeats that of the head.
      if name == "cls.predictions.bias" {
        spellings.insert(
          "cls.predictions.decoder.bias", at: configuration.tiesDecoder ? spellings.count : 0)
      }
      return spellings.first(where: available.contains) ?? full
    }
    /// Whether a weight is there in the right shape.
    func fits(_ key: String, _ shape: [Int]) throws -> Bool {
      used.insert(key)
      guard available.contains(key) else {
        missing.append(key)
        return false
      }
      let found = try source.shape(of: key)
      if found == shape { return true }
      misshaped.append("\(key): \(found) in the file, \(shape) needed")
      return false
    }

    let hasHead = available.contains { $0.hasPrefix("cls.predictions.") }
    for (name, shape) in shapes + (hasHead ? headShapes : []) {
      if let range = name.firstRange(of: ".qkv.") {
        let keys = ["query", "key", "value"].map {
          key("\(name[..<range.lowerBound]).\($0).\(name[range.upperBound...])")
        }
        let part = [shape[0] / 3] + shape.dropFirst()
        // All three are requested, so that all problems are listed.
        let sound = try keys.map { try fits($0, part) }
        guard sound.allSatisfy({ $0 }) else { continue }
        let parts = try keys.map { try source.tensor($0).converted(to: .float32) }
        parameters.set(name, try Tensor.concatenated(parts))
      } else {
        let key = key(name)
        if try fits(key, shape) {
          parameters.set(name, try source.tensor(key).converted(to: .float32))
        }
      }
    }
    let unexpected = source.names.filter { !used.contains($0) && !isExtra($0) }.sorted()
    try check(path, missing, unexpected, misshaped)
    return parameters
  }

  /// Whether a key that is not needed is usual: other heads, the tied decoder, counters.
  private func isExtra(_ key: String) -> Bool {
    let key = key.hasPrefix("bert.") ? String(key.dropFirst("bert.".count)) : key
    return key.hasPrefix("pooler.") || key.hasPrefix("cls.seq_relationship.")
      || key == "cls.predictions.bias" || key.hasPrefix("cls.predictions.decoder.")
      || key == "embeddings.position_ids" || key == "embeddings.token_type_ids"
  }

  private func check(
    _ path: String, _ missing: [String], _ unexpected: [String], _ misshaped: [String]
  ) throws {
    let lists = [
      ("missing keys", missing), ("unexpected keys", unexpected), ("mis-shaped keys", misshaped),
    ]
    let parts = lists.filter { !$0.1.isEmpty }.map { title, keys in
      let more = keys.count > 5 ? " and \(keys.count - 5) more" : ""
      return "\(title): \(keys.prefix(5).joined(separator: ", "))\(more)"
    }
    guard parts.isEmpty else {
      throw KilpiError(
        "cannot load '\(path)': \(parts.joined(separator: "; "))",
        advice: "the configuration beside it must describe these weights")
    }
  }
}
