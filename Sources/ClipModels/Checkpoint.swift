internal import Diagnostics
internal import Files
public import Networks
public import Tensors

/// Layouts in which CLIP weights are written.
public enum CheckpointLayout: String, Sendable, CaseIterable {
  /// Hugging Face's `CLIPModel`: `model.safetensors` and `config.json`.
  case huggingFace = "hf"
}

extension ClipModel {
  /// Loads a model from a folder with `config.json` and `model.safetensors`, or from that file.
  ///
  /// - Parameters:
  ///   - path: the folder or the file.
  ///   - strict: false accepts missing keys (an error otherwise) and ignores unexpected ones.
  /// - Throws: `KilpiError` with the path, the reason and the keys that do not fit.
  public static func load(_ path: String, strict: Bool = true) throws -> ClipModel {
    let isFolder = FileReader.isDirectory(path)
    let folder = isFolder ? path : path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
    let file = isFolder ? path + "/model.safetensors" : path
    guard FileReader.exists(file) else {
      let reason = isFolder ? "the folder holds no model.safetensors" : "there is no such file"
      throw KilpiError(
        "", "cannot load '\(path)': \(reason)",
        advice: "give a folder with config.json and model.safetensors")
    }
    guard FileReader.exists(folder + "/config.json") else {
      throw KilpiError(
        "", "cannot load '\(path)': there is no config.json beside the weights",
        advice: "the configuration names the sizes and the activation")
    }
    let configuration: ClipConfiguration
    do {
      configuration = try ClipConfiguration(
        json: JSONValue.parse(FileReader.bytes(at: folder + "/config.json", limit: 16 << 20)))
    } catch let error as KilpiError {
      throw KilpiError("", "cannot load '\(folder)/config.json': \(error.problem)", advice: error.advice)
    }
    let archive = try SafetensorsFile(path: file)
    let parameters = try HuggingFaceLayout(configuration).read(archive, path: file, strict: strict)
    return try ClipModel(configuration, parameters: parameters, origin: path)
  }

  /// Writes the model as a Hugging Face folder: `config.json` and `model.safetensors`.
  ///
  /// - Parameter half: store float16, half the size; widened again when loaded.
  public func save(_ folder: String, half: Bool = false) throws {
    try FileReader.makeDirectory(folder)
    let tensors = try HuggingFaceLayout(configuration).tensors(of: parameters)
    try Safetensors.save(
      tensors, metadata: ["format": "pt"], to: folder + "/model.safetensors", half: half)
    try AtomicFile.write(
      configuration.huggingFaceJSON.serialized(indent: 2) + "\n", to: folder + "/config.json")
  }
}

/// Translation of weights (or their gradients) between layouts, without files.
public enum CheckpointTranslation {
  /// Weights under our names as Hugging Face names and shapes them.
  public static func huggingFace(
    _ parameters: ParameterList, _ configuration: ClipConfiguration
  ) throws -> [String: Tensor] {
    try HuggingFaceLayout(configuration).tensors(of: parameters)
  }
}

/// Translation between OpenAI's names and Hugging Face's.
struct HuggingFaceLayout {
  private let configuration: ClipConfiguration

  init(_ configuration: ClipConfiguration) { self.configuration = configuration }

  /// How one of our weights is stored.
  private enum Rule {
    case plain(String)
    case transposed(String)
    /// Queries, keys and values, one tensor each.
    case split([String])
  }

  private func rule(_ name: String) -> Rule {
    switch name {
    case "logit_scale": return .plain(name)
    case "visual.class_embedding": return .plain("vision_model.embeddings.class_embedding")
    case "visual.positional_embedding":
      return .plain("vision_model.embeddings.position_embedding.weight")
    case "visual.conv1.weight": return .plain("vision_model.embeddings.patch_embedding.weight")
    case "visual.proj": return .transposed("visual_projection.weight")
    case "text_projection": return .transposed("text_projection.weight")
    case "token_embedding.weight": return .plain("text_model.embeddings.token_embedding.weight")
    case "positional_embedding": return .plain("text_model.embeddings.position_embedding.weight")
    default: break
    }
    for (ours, theirs) in [
      ("visual.ln_pre.", "vision_model.pre_layrnorm."),
      ("visual.ln_post.", "vision_model.post_layernorm."),
      ("ln_final.", "text_model.final_layer_norm."),
    ] where name.hasPrefix(ours) {
      return .plain(theirs + name.dropFirst(ours.count))
    }
    let isVision = name.hasPrefix("visual.")
    let rest = name.dropFirst((isVision ? "visual.transformer.resblocks." : "transformer.resblocks.").count)
    let dot = rest.firstIndex(of: ".") ?? rest.endIndex
    let prefix = "\(isVision ? "vision" : "text")_model.encoder.layers.\(rest[..<dot])."
    let part = String(rest[dot...].dropFirst())
    if part.hasPrefix("attn.in_proj_") {
      let kind = part.dropFirst("attn.in_proj_".count)
      return .split(["q", "k", "v"].map { prefix + "self_attn.\($0)_proj.\(kind)" })
    }
    var translated = part
    for (ours, theirs) in [
      ("attn.out_proj.", "self_attn.out_proj."), ("ln_1.", "layer_norm1."),
      ("ln_2.", "layer_norm2."), ("mlp.c_fc.", "mlp.fc1."), ("mlp.c_proj.", "mlp.fc2."),
    ] where part.hasPrefix(ours) {
      translated = theirs + part.dropFirst(ours.count)
    }
    return .plain(prefix + translated)
  }

  /// Our weights as Hugging Face stores them.
  func tensors(of parameters: ParameterList) throws -> [String: Tensor] {
    var result: [String: Tensor] = [:]
    for (name, tensor) in parameters.entries {
      let tensor = tensor.detached()
      switch rule(name) {
      case .plain(let key): result[key] = tensor
      case .transposed(let key): result[key] = try tensor.transposed().contiguous()
      case .split(let keys):
        let size = tensor.shape[0] / 3
        for (part, key) in zip(try tensor.split(size), keys) { result[key] = try part.contiguous() }
      }
    }
    return result
  }

  /// Weights from a file in this layout.
  ///
  /// - Throws: `KilpiError` listing missing, unexpected and mis-shaped keys.
  func read(_ file: SafetensorsFile, path: String, strict: Bool) throws -> ParameterList {
    var problems = KeyProblems()
    var used: Set<String> = []
    var parameters = ParameterList()
    let available = Set(file.names)
    /// A tensor of the stored shape, in float32; nil when it does not fit.
    func take(_ key: String, _ shape: [Int]) throws -> Tensor? {
      used.insert(key)
      guard available.contains(key) else {
        problems.missing.append(key)
        return nil
      }
      let tensor = try file.tensor(key)
      guard tensor.shape == shape || tensor.count == 1 && shape.isEmpty else {
        problems.misshaped.append("\(key): \(tensor.shape) in the file, \(shape) needed")
        return nil
      }
      return try tensor.converted(to: .float32).reshaped(shape)
    }
    for (name, shape) in ClipModel.shapes(configuration) {
      switch rule(name) {
      case .plain(let key):
        if let tensor = try take(key, shape) { parameters.set(name, tensor) }
      case .transposed(let key):
        if let tensor = try take(key, shape.reversed()) {
          parameters.set(name, try tensor.transposed().contiguous())
        }
      case .split(let keys):
        let part = [shape[0] / 3] + shape.dropFirst()
        let tensors = try keys.compactMap { try take($0, part) }
        if tensors.count == 3 { parameters.set(name, try Tensor.concatenated(tensors)) }
      }
    }
    problems.unexpected = file.names.filter {
      !used.contains($0) && !$0.hasSuffix("position_ids")
    }.sorted()
    try problems.check(path: path, strict: strict)
    return parameters
  }
}

/// Keys that do not fit, listed as torch lists them.
struct KeyProblems {
  var missing: [String] = []
  var unexpected: [String] = []
  var misshaped: [String] = []

  func check(path: String, strict: Bool) throws {
    var parts: [String] = []
    func list(_ title: String, _ keys: [String]) {
      guard !keys.isEmpty else { return }
      let shown = keys.prefix(5).joined(separator: ", ")
      let more = keys.count > 5 ? " and \(keys.count - 5) more" : ""
      parts.append("\(title): \(shown)\(more)")
    }
    list("missing keys", missing)
    if strict { list("unexpected keys", unexpected) }
    list("mis-shaped keys", misshaped)
    guard parts.isEmpty else {
      throw KilpiError(
        "", "cannot load '\(path)': \(parts.joined(separator: "; "))",
        advice: "the configuration beside it must describe these weights")
    }
  }
}
