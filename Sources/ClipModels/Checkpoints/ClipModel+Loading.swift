internal import Diagnostics
internal import Files
internal import Networks
public import Tensors

/// How a checkpoint is loaded.
public struct CheckpointOptions {
  /// False: missing weights are taken from the base, or drawn at random, and unexpected ones ignored.
  public var isStrict = true
  /// The activation, where neither a configuration nor the format tells it.
  public var activation: Activation?
  /// The model that gives what a file of one tower lacks.
  public var base: ClipModel?
  /// Receives what was found and accepted.
  public var note: (String) -> Void = { _ in }

  /// Strict, without a base.
  public init() {}
}

extension ClipModel {
  /// Loads a model from a folder or a file of weights.
  ///
  /// Layouts: Hugging Face's `CLIPModel` and `SiglipModel`, open_clip's, OpenAI's, and image towers
  /// alone on top of a base (TeCoA, FARE). They are recognised by the names in the file. Without a
  /// configuration the sizes are taken from the shapes; the activation is never guessed.
  ///
  /// - Throws: `KilpiError` with the path, the reason and the keys that do not fit.
  public static func load(
    _ path: String, options: CheckpointOptions = CheckpointOptions()
  ) throws -> ClipModel {
    let place = try CheckpointPlace(path)
    let file = try CheckpointFile.open(place.weights)
    do {
      return try load(file, place, path: path, options)
    } catch let error as KilpiError
      where error.kind == .host && !error.problem.hasPrefix("cannot ")
    {
      throw KilpiError("", "cannot load '\(path)': \(error.problem)", advice: error.advice)
    }
  }

  private static func load(
    _ file: CheckpointFile, _ place: CheckpointPlace, path: String, _ options: CheckpointOptions
  ) throws -> ClipModel {
    let kind = try CheckpointKind(file.source, path: path)
    let reader = WeightReader(file.source, kind.layout)
    guard !kind.isImageTowerOnly || options.base != nil else {
      throw KilpiError(
        "", "cannot load '\(path)': it holds an image tower alone (\(kind.layout.name) layout)",
        advice: "pass the model it was trained from as base, for its text tower")
    }
    let configuration = try configuration(kind, reader, file, place, options)
    let shapes = configuration.weightShapes.filter {
      !kind.isImageTowerOnly || $0.name.hasPrefix("visual.")
    }
    var (weights, problems) = try reader.read(shapes)
    if options.isStrict || !problems.misshaped.isEmpty {
      if let description = problems.description {
        throw KilpiError(
          "", "cannot load '\(path)': \(description)",
          advice: problems.misshaped.isEmpty
            ? "strict = false loads what fits"
            : "the configuration must describe these weights")
      }
    } else if let description = problems.description {
      options.note(description)
    }
    try complete(&weights, configuration, options)
    let model = try ClipModel(configuration, parameters: weights, origin: path)
    model.tokenizer = try tokenizer(for: configuration, place, base: options.base)
    return model
  }

  /// The architecture: of the base for an image tower, of the configuration file, or of the shapes.
  private static func configuration(
    _ kind: CheckpointKind, _ reader: WeightReader, _ file: CheckpointFile,
    _ place: CheckpointPlace, _ options: CheckpointOptions
  ) throws -> ClipConfiguration {
    if kind.isImageTowerOnly, let base = options.base { return base.configuration }
    if let path = place.configuration {
      do {
        let json = try JSONValue.parse(FileReader.bytes(at: path, limit: 16 << 20))
        return try ClipConfiguration(json: json, activation: options.activation ?? file.activation)
      } catch let error as KilpiError {
        throw KilpiError(
          "", "cannot load '\(path)': \(error.problem)", advice: error.advice)
      }
    }
    if let base = options.base { return base.configuration }
    guard let activation = options.activation ?? file.activation else {
      throw KilpiError(
        "", "there is no config.json beside the weights, and nothing tells their activation",
        advice: "pass activation = \"quick_gelu\" (OpenAI weights) or \"gelu\"")
    }
    guard !kind.isSiglip else {
      throw KilpiError(
        "", "there is no config.json beside the weights",
        advice: "SigLIP's number of heads is known from its configuration alone")
    }
    return try .inferred(reader, activation: activation)
  }

  /// Fills in what the file lacks: from the base, else, when not strict, at random.
  private static func complete(
    _ weights: inout ParameterList, _ configuration: ClipConfiguration,
    _ options: CheckpointOptions
  ) throws {
    let missing = configuration.weightShapes.filter { weights[$0.name] == nil }
    if missing.isEmpty { return }
    var ordered = ParameterList()
    let fresh = options.base == nil ? try random(configuration, seed: 0).parameters : nil
    for (name, _) in configuration.weightShapes {
      if let weight = weights[name] {
        ordered.set(name, weight)
      } else if let other = try (options.base?.parameters ?? fresh)?.required(name) {
        ordered.set(name, try other.detached().cloned())
      }
    }
    if fresh != nil { options.note("\(missing.count) missing weights are drawn at random") }
    weights = ordered
  }
}

/// What a file holds, told by the names in it.
struct CheckpointKind {
  let layout: WeightLayout
  let isImageTowerOnly: Bool
  let isSiglip: Bool

  init(_ source: any TensorSource, path: String) throws {
    let names = Set(source.names)
    func has(_ name: String) -> Bool { names.contains(name) }
    func hasAny(_ prefix: String) -> Bool { source.names.contains { $0.hasPrefix(prefix) } }
    if has("vision_model.embeddings.patch_embedding.weight") || hasAny("text_model.") {
      isSiglip = has("vision_model.head.probe")
      layout = isSiglip ? .huggingFaceSiglip : .huggingFace
      isImageTowerOnly = !hasAny("text_model.")
    } else if has("visual.trunk.patch_embed.proj.weight") {
      guard has("visual.trunk.attn_pool.latent") else {
        throw KilpiError("", "its image tower is one of timm's that Kilpi does not build")
      }
      (layout, isSiglip, isImageTowerOnly) = (.openCLIPSiglip, true, false)
    } else if has("visual.conv1.weight") {
      let isNested = has("text.token_embedding.weight")
      layout = .openCLIP(textPrefix: isNested ? "text." : "")
      isSiglip = false
      isImageTowerOnly = !isNested && !has("token_embedding.weight")
    } else if has("conv1.weight"), has("class_embedding") || has("attnpool.c_proj.weight") {
      (layout, isSiglip, isImageTowerOnly) = (.bareVisual, false, true)
    } else {
      let shown = source.names.prefix(4).joined(separator: ", ")
      throw KilpiError(
        "",
        source.names.isEmpty
          ? "it holds no tensors" : "its \(source.names.count) tensors are no CLIP's: \(shown), …",
        advice: "Hugging Face, open_clip and OpenAI layouts are known")
    }
  }
}
