internal import Diagnostics
public import Files
internal import Tensors

/// open_clip's model configurations: `open_clip_config.json`, or the part `model_cfg` alone.
extension ClipConfiguration {
  static func openCLIP(
    _ json: JSONValue, preprocessing: JSONValue?, activation: Activation?,
    passOver: ((String) -> Void)?
  ) throws -> ClipConfiguration {
    let top = try ConfigurationFields(json, "model_cfg")
    let vision = try ConfigurationFields(json["vision_cfg"], "vision_cfg")
    let text = try ConfigurationFields(json["text_cfg"], "text_cfg")
    try top.checkKeys(OpenCLIPKeys.top, passOver: passOver)
    try vision.checkKeys(OpenCLIPKeys.vision, passOver: passOver)
    try text.checkKeys(OpenCLIPKeys.text, passOver: passOver)
    for fields in [vision, text] {
      for key in OpenCLIPKeys.variants where fields.has(key) && fields.value[key] != false {
        throw KilpiError("configuration: '\(fields.name).\(key)' is not built here")
      }
    }
    let standard: Activation = try top.flag("quick_gelu") ? .quickGELU : .gelu
    for key in ["hf_model_name", "timm_text_name"] where text.has(key) {
      throw KilpiError(
        "configuration: 'text_cfg.\(key)' names a text tower that Kilpi does not build")
    }
    if try text.flag("embed_cls") || json["multimodal_cfg"] != nil {
      throw KilpiError("configuration: CoCa models are not built here")
    }
    let textWidth = try text.integer("width", default: 512)
    var result = ClipConfiguration(
      embedding: try top.integer("embed_dim"), imageSize: 224, patchSize: 32,
      vision: Tower(width: 1, layers: 0, heads: 1),
      text: Tower(
        width: textWidth, layers: try text.integer("layers", default: 12),
        heads: try text.integer("heads", default: 8), hidden: try hidden(text, textWidth),
        activation: try approximated(text) ?? standard, epsilon: try epsilon(text)),
      context: try text.integer("context_length", default: 77),
      vocabulary: try text.integer("vocab_size", default: 49408), endToken: nil)
    try result.readText(text)
    if vision.has("timm_model_name") {
      try result.readTimm(vision)
    } else if case .array? = vision.value["layers"] {
      try result.readResidual(vision, standard)
    } else {
      try result.readTransformer(vision, standard)
    }
    if top.has("init_logit_bias") { result.score = .sigmoid }
    // open_clip takes OpenAI's numbers in place of 0 and of an empty list, as of a field that is not there.
    let told = (preprocessing?.object ?? []).filter {
      $0.value.double != 0 && $0.value.array?.isEmpty != true
    }
    try result.readNormalisation(.object(told), mean: "mean", deviation: "std")
    return result
  }

  private static func hidden(_ fields: ConfigurationFields, _ width: Int) throws -> Int {
    let ratio = try fields.number("mlp_ratio", default: 4)
    return Int(exactly: (Double(width) * ratio).rounded(.down)) ?? 0
  }

  private static func headWidth(_ fields: ConfigurationFields) throws -> Int {
    let width = try fields.integer("head_width", default: 64)
    guard width > 0 else {
      throw KilpiError("configuration: '\(fields.name).head_width' is \(width), below 1")
    }
    return width
  }

  private static func epsilon(_ fields: ConfigurationFields) throws -> Double {
    guard fields.has("norm_kwargs") else { return 1e-5 }
    return try ConfigurationFields(fields.value["norm_kwargs"], fields.name + ".norm_kwargs")
      .number("eps", default: 1e-5)
  }

  private static func approximated(_ fields: ConfigurationFields) throws -> Activation? {
    guard fields.has("act_kwargs") else { return nil }
    let kind = try ConfigurationFields(fields.value["act_kwargs"], fields.name + ".act_kwargs")
      .check("approximate", is: ["none", "tanh"])
    return kind == "tanh" ? .tanhGELU : nil
  }

  private mutating func readText(_ text: ConfigurationFields) throws {
    textStyle.isCausal = try !text.flag("no_causal_mask")
    textStyle.hasProjectionBias = try text.flag("proj_bias")
    switch try text.check("pool_type", is: ["argmax", "eos", "last", "first"]) {
    case "eos":
      endToken = try text.integer("eos_id", default: 2)
    case "last": textStyle.pooling = .last
    case "first": textStyle.pooling = .first
    default: break
    }
    _ = try text.check("proj_type", is: ["linear"])
  }

  private mutating func readTransformer(
    _ fields: ConfigurationFields, _ standard: Activation
  ) throws {
    let width = try fields.integer("width", default: 768)
    imageSize = try fields.side("image_size", default: 224)
    patchSize = try fields.side("patch_size", default: 16)
    vision = Tower(
      width: width, layers: try fields.integer("layers", default: 12),
      heads: width / (try Self.headWidth(fields)),
      hidden: try Self.hidden(fields, width),
      activation: try Self.approximated(fields) ?? standard, epsilon: try Self.epsilon(fields))
    imageStyle.hasNormBefore = try !fields.flag("no_ln_pre")
    if try fields.check("pool_type", is: ["tok", "avg"]) == "avg" { imageStyle.pooling = .average }
    imageStyle.poolsBeforeNorm = try fields.flag("final_ln_after_pool")
  }

  private mutating func readResidual(
    _ fields: ConfigurationFields, _ standard: Activation
  ) throws {
    let blocks = fields.value["layers"]?.array?.compactMap(\.int) ?? []
    let width = try fields.integer("width", default: 64)
    imageSize = try fields.side("image_size", default: 224)
    patchSize = 32
    guard fields.value["layers"]?.array?.count == blocks.count else {
      throw KilpiError("configuration: 'vision_cfg.layers' holds what is no integer")
    }
    vision = Tower(
      width: width, layers: blocks.count, heads: width * 32 / (try Self.headWidth(fields)),
      activation: standard)
    residualBlocks = blocks
  }

  /// SigLIP's image towers, which open_clip takes from timm.
  private mutating func readTimm(_ fields: ConfigurationFields) throws {
    let name = fields.value["timm_model_name"]?.string ?? ""
    // A tag behind the name (`.webli`, `.v2_webli`) says which weights, not which architecture.
    let plain = name.prefix { $0 != "." }
    guard let tower = TimmTower.siglips.first(where: { $0.name == plain }) else {
      throw KilpiError(
        "configuration: the image tower '\(name.prefix(40))' of timm is not built here",
        advice: NearestName.suggestion(for: String(plain), among: TimmTower.siglips.map(\.name))
          .map { "did you mean '\($0)'?" } ?? "SigLIP's vit_…_siglip_… are")
    }
    _ = try fields.check("timm_pool", is: ["map", ""])
    _ = try fields.check("timm_proj", is: ["none", ""])
    imageSize = try fields.side("image_size", default: tower.imageSize)
    patchSize = tower.patchSize
    vision = Tower(
      width: tower.width, layers: tower.layers, heads: tower.heads, hidden: tower.hidden,
      activation: tower.activation, epsilon: 1e-6)
    imageStyle = .siglip
    mean = [0.5, 0.5, 0.5]
    deviation = [0.5, 0.5, 0.5]
  }

  /// True when open_clip's own towers can hold the model.
  public var fitsOpenCLIP: Bool {
    let isVision =
      imageStyle.pooling != .attention && imageStyle.hasProjection
      && imageStyle.hasClassToken && !imageStyle.hasPatchBias
    let isGELU =
      text.activation != .relu
      && (residualBlocks != nil
        || vision.activation != .relu
          && (vision.activation == .quickGELU) == (text.activation == .quickGELU))
    return isVision && isGELU
  }

  /// The configuration as an `open_clip_config.json`.
  public var openCLIPJSON: JSONValue {
    func ratio(_ tower: Tower) -> JSONValue { .number(Double(tower.hidden) / Double(tower.width)) }
    func common(_ tower: Tower) -> [JSONValue.Member] {
      var members: [JSONValue.Member] = []
      if tower.hidden != 4 * tower.width { members.append(.init("mlp_ratio", ratio(tower))) }
      if tower.activation == .tanhGELU {
        members.append(.init("act_kwargs", .object([.init("approximate", "tanh")])))
      }
      if tower.epsilon != 1e-5 {
        members.append(.init("norm_kwargs", .object([.init("eps", .number(tower.epsilon))])))
      }
      return members
    }
    var image: [JSONValue.Member] = [
      .init("image_size", .integer(Int64(imageSize))),
      .init("width", .integer(Int64(vision.width))),
    ]
    if let residualBlocks {
      image += [
        .init("layers", .array(residualBlocks.map { .integer(Int64($0)) })),
        .init("head_width", .integer(Int64(vision.width * 32 / vision.heads))),
        .init("patch_size", .null),
      ]
    } else {
      image += [
        .init("layers", .integer(Int64(vision.layers))),
        .init("head_width", .integer(Int64(vision.width / vision.heads))),
        .init("patch_size", .integer(Int64(patchSize))),
      ]
      image += common(vision)
      if !imageStyle.hasNormBefore { image.append(.init("no_ln_pre", true)) }
      if imageStyle.pooling == .average { image.append(.init("pool_type", "avg")) }
      if imageStyle.poolsBeforeNorm { image.append(.init("final_ln_after_pool", true)) }
    }
    var words: [JSONValue.Member] = [
      .init("context_length", .integer(Int64(context))),
      .init("vocab_size", .integer(Int64(vocabulary))), .init("width", .integer(Int64(text.width))),
      .init("heads", .integer(Int64(text.heads))), .init("layers", .integer(Int64(text.layers))),
    ]
    words += common(text)
    if !textStyle.isCausal { words.append(.init("no_causal_mask", true)) }
    if textStyle.hasProjectionBias { words.append(.init("proj_bias", true)) }
    if textStyle.pooling == .end, let endToken, endToken != vocabulary - 1 {
      words += [.init("pool_type", "eos"), .init("eos_id", .integer(Int64(endToken)))]
    } else if textStyle.pooling != .end {
      words.append(.init("pool_type", .string(textStyle.pooling.rawValue)))
    }
    var model: [JSONValue.Member] = [.init("embed_dim", .integer(Int64(embedding)))]
    if text.activation == .quickGELU { model.append(.init("quick_gelu", true)) }
    if score == .sigmoid { model.append(.init("init_logit_bias", -10)) }
    model += [.init("vision_cfg", .object(image)), .init("text_cfg", .object(words))]
    return .object([
      .init("model_cfg", .object(model)),
      .init(
        "preprocess_cfg",
        .object([
          .init("mean", .array(mean.map { .number($0) })),
          .init("std", .array(deviation.map { .number($0) })),
        ])),
    ])
  }
}
