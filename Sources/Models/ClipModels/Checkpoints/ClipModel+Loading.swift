internal import Diagnostics
internal import Files
public import Kernels
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
  /// Where in the file the weights lie, as in `model_ema`; needed where it holds several models.
  public var stateDict: String?
  /// How the loaded model's products round their operands; the weights stay float32.
  public var precision = ProductPrecision.float32
  /// Called with every file before it is opened; what it throws ends the loading.
  public var check: (String) throws -> Void = { _ in }
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
    for path in place.files { try options.check(path) }
    if let note = place.note { options.note(note) }
    let file = try CheckpointFile.open(place.weights, options)
    do {
      return try load(file, place, path: path, options)
    } catch let error as KilpiError
      where error.kind == .host && !error.problem.hasPrefix("cannot ")
    {
      throw KilpiError("cannot load '\(path)': \(error.problem)", advice: error.advice)
    }
  }

  private static func load(
    _ file: CheckpointFile, _ place: CheckpointPlace, path: String, _ options: CheckpointOptions
  ) throws -> ClipModel {
    let kind =
      file.isTrainingState
      ? CheckpointKind(ownNamesIn: file.source) : try CheckpointKind(file.source, path: path)
    let reader = WeightReader(file.source, kind.layout)
    guard !kind.isImageTowerOnly || options.base != nil else {
      throw KilpiError(
        "cannot load '\(path)': it holds an image tower alone (\(kind.layout.name) layout)",
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
          "cannot load '\(path)': \(description)", advice: advice(problems, kind, place, options))
      }
    } else if let description = problems.description {
      options.note(description)
    }
    try complete(&weights, configuration, options)
    let model = try ClipModel(
      configuration, parameters: weights, origin: path, precision: options.precision)
    let parts = place.weights.split(separator: "/", omittingEmptySubsequences: false).dropLast()
    model.folder = parts.isEmpty ? "." : parts == [""] ? "/" : parts.joined(separator: "/")
    try TokenizerSearch(configuration, place, isTower: kind.isImageTowerOnly, options)
      .equip(model)
    try model.noteDoubtfulWeights(options)
    return model
  }

  private static func advice(
    _ problems: KeyProblems, _ kind: CheckpointKind, _ place: CheckpointPlace,
    _ options: CheckpointOptions
  ) -> String {
    if place.weights.contains("-of-0"), !problems.missing.isEmpty {
      return "this is one shard of several: give the folder or its index.json"
    }
    if problems.misshaped.isEmpty, problems.areHarmless { return "strict = false leaves them out" }
    if problems.misshaped.isEmpty, !problems.missing.isEmpty, options.base != nil {
      return "strict = false takes missing ones from the base"
    }
    if problems.misshaped.isEmpty {
      return
        "without them the features would be others: a configuration that describes these weights "
        + "is needed"
    }
    return kind.isImageTowerOnly || options.base != nil
      ? "is the base the model that these weights were trained from?"
      : "the configuration must describe these weights"
  }

  /// The architecture: of the base for an image tower, of the configuration file, or of the shapes.
  private static func configuration(
    _ kind: CheckpointKind, _ reader: WeightReader, _ file: CheckpointFile,
    _ place: CheckpointPlace, _ options: CheckpointOptions
  ) throws -> ClipConfiguration {
    // A file on top of a base: its folder may hold another model's configuration.
    if let base = options.base, kind.isImageTowerOnly || !place.isFolder {
      return try checked(base.configuration, told: "the base", file, options)
    }
    if let path = place.configuration {
      do {
        let json = try JSONValue.parse(FileReader.bytes(at: path, limit: 16 << 20))
        var result = try ClipConfiguration(
          json: json, activation: options.activation ?? file.activation,
          passOver: options.isStrict ? nil : options.note, note: options.note)
        try ImageProcessing.apply(to: &result, beside: json, place, options)
        result = try result.validated()
        return try checked(result, told: "the configuration", file, options)
      } catch let error as KilpiError {
        throw KilpiError("cannot load '\(path)': \(error.problem)", advice: error.advice)
      }
    }
    if let base = options.base {
      return try checked(base.configuration, told: "the base", file, options)
    }
    if file.isTrainingState {
      throw KilpiError(
        "it is a training checkpoint, and no model folder of its run lies beside it",
        advice: "pass the model that the run started from as base, for its configuration")
    }
    guard let activation = options.activation ?? file.activation else {
      throw KilpiError(
        "there is no config.json beside the weights, and nothing tells their activation",
        advice: "pass activation = \"quick_gelu\" (OpenAI weights) or \"gelu\"")
    }
    guard !kind.isSiglip else {
      throw KilpiError(
        "there is no config.json beside the weights",
        advice: "SigLIP's number of heads is known from its configuration alone")
    }
    noteArchive(file, options)
    let result = try ClipConfiguration.inferred(reader, activation: activation)
    // An archive of OpenAI's has OpenAI's numbers.
    if file.activation == nil { ImageProcessing.noteAssumption(result, options) }
    return result
  }

  /// The configuration with the activation that was requested; what contradicts it is never passed
  /// over silently.
  private static func checked(
    _ configuration: ClipConfiguration, told source: String, _ file: CheckpointFile,
    _ options: CheckpointOptions
  ) throws -> ClipConfiguration {
    // A residual network's image tower has rectifiers, whatever the text tower has.
    let towers =
      configuration.residualBlocks == nil
      ? [configuration.vision.activation, configuration.text.activation]
      : [configuration.text.activation]
    if let asked = options.activation {
      noteArchive(file, options)
      guard let other = towers.first(where: { $0 != asked }) else { return configuration }
      options.note("\(source) says \(other.rawValue), \(asked.rawValue) is used as asked")
      var result = configuration
      result.vision.activation = asked
      result.text.activation = asked
      return result
    }
    if let own = file.activation, let other = towers.first(where: { $0 != own }) {
      throw KilpiError(
        "the archive is OpenAI's, of \(own.rawValue), \(source) says \(other.rawValue)",
        advice: "pass activation = \"\(own.rawValue)\", or the other")
    }
    return configuration
  }

  /// Says that an OpenAI archive's own activation is not the one that was requested.
  private static func noteArchive(_ file: CheckpointFile, _ options: CheckpointOptions) {
    guard let own = file.activation, let asked = options.activation, own != asked else { return }
    options.note(
      "the archive is OpenAI's, of \(own.rawValue), \(asked.rawValue) is used as asked")
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

/// What a file holds, recognised by the names in it.
struct CheckpointKind {
  let layout: WeightLayout
  let isImageTowerOnly: Bool
  let isSiglip: Bool

  /// A checkpoint of a training run.
  init(ownNamesIn source: any TensorSource) {
    (layout, isImageTowerOnly) = (.own, false)
    isSiglip = source.names.contains("visual.attn_pool.probe")
  }

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
        throw KilpiError("its image tower is one of timm's that Kilpi does not build")
      }
      (layout, isSiglip, isImageTowerOnly) = (.openCLIPSiglip, true, false)
    } else if has("visual.conv1.weight") {
      let isNested = has("text.token_embedding.weight")
      layout = .openCLIP(
        textPrefix: isNested ? "text." : "",
        hasProjectionBias: has((isNested ? "text." : "") + "text_projection.bias"))
      isSiglip = false
      isImageTowerOnly = !isNested && !has("token_embedding.weight")
    } else if has("conv1.weight"), has("class_embedding") || has("attnpool.c_proj.weight") {
      (layout, isSiglip, isImageTowerOnly) = (.bareVisual, false, true)
    } else {
      let shown = source.names.prefix(4).joined(separator: ", ")
      throw KilpiError(
        source.names.isEmpty
          ? "it holds no tensors" : "its \(source.names.count) tensors are no CLIP's: \(shown), …",
        advice: "Hugging Face, open_clip and OpenAI layouts are known")
    }
  }
}
