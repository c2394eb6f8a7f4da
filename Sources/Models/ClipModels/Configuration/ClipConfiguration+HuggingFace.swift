internal import Diagnostics
public import Files
internal import Tensors

/// Hugging Face's `config.json` of `CLIPModel` and `SiglipModel`.
extension ClipConfiguration {
  /// The classes of transformers whose configurations are read, by `model_type`.
  private static let families = ["clip", "siglip"]

  /// True for a configuration of transformers' classes.
  static func isHuggingFace(_ json: JSONValue) -> Bool {
    ["vision_config", "text_config", "vision_config_dict", "text_config_dict"]
      .contains { json[$0] != nil } || families.contains(json["model_type"]?.string ?? "")
  }

  /// Fields that a configuration leaves out have the values of transformers' classes, except CLIP's
  /// activation, which must be named: OpenAI's and LAION's weights differ in it alone.
  ///
  /// `vision_config_dict` and `text_config_dict` of older files replace `vision_config` and
  /// `text_config` as a whole, fields that they leave out included, as in transformers.
  static func huggingFace(
    _ json: JSONValue, activation: Activation?, note: ((String) -> Void)?
  ) throws -> ClipConfiguration {
    let top = try ConfigurationFields(json, "config")
    func part(_ name: String) throws -> (fields: ConfigurationFields, isDictionary: Bool) {
      if let other = json[name + "_dict"], other != .null {
        return (try ConfigurationFields(other, name + "_dict"), true)
      }
      let isAbsent = json[name] == nil || json[name] == .null
      return (try ConfigurationFields(isAbsent ? .object([]) : json[name], name), false)
    }
    let (vision, isVisionDictionary) = try part("vision_config")
    let (text, isTextDictionary) = try part("text_config")
    let family = try family(top, vision, text)
    let isSiglip = family == "siglip"
    func tower(
      _ fields: ConfigurationFields, isDictionary: Bool, _ width: Int, heads: Int, hidden: Int
    ) throws -> Tower {
      let standard: Activation? = isSiglip ? .tanhGELU : isDictionary ? .quickGELU : nil
      guard let activation = try fields.activation("hidden_act") ?? activation ?? standard else {
        throw ConfigurationFields.missingActivation("\(fields.name).hidden_act")
      }
      return Tower(
        width: try fields.integer("hidden_size", default: width),
        layers: try fields.integer("num_hidden_layers", default: 12),
        heads: try fields.integer("num_attention_heads", default: heads),
        hidden: try fields.integer("intermediate_size", default: hidden), activation: activation,
        epsilon: try fields.number("layer_norm_eps", default: isSiglip ? 1e-6 : 1e-5))
    }
    let visionTower = try tower(
      vision, isDictionary: isVisionDictionary, 768, heads: 12, hidden: 3072)
    let textTower =
      isSiglip
      ? try tower(text, isDictionary: isTextDictionary, 768, heads: 12, hidden: 3072)
      : try tower(text, isDictionary: isTextDictionary, 512, heads: 8, hidden: 2048)
    for (name, own, isDictionary) in [
      ("vision_config", visionTower, isVisionDictionary),
      ("text_config", textTower, isTextDictionary),
    ] where isDictionary {
      guard let other = json[name], other.object?.isEmpty == false else { continue }
      let replaced = try? tower(
        ConfigurationFields(other, name), isDictionary: false, own.width, heads: own.heads,
        hidden: own.hidden)
      if replaced != own { note?("\(name)_dict replaces what \(name) says, as in transformers") }
    }
    let end = try text.endToken(default: 49407)
    let channels = try vision.integer("num_channels", default: 3)
    guard channels == 3 else {
      throw KilpiError("configuration: images have \(channels) channels, Kilpi's have 3")
    }
    if isSiglip, vision.value["vision_use_head"] == false {
      throw KilpiError(
        "configuration: '\(vision.name).vision_use_head' is false",
        advice: "Kilpi builds SigLIP with its pooling head")
    }
    var result = ClipConfiguration(
      embedding: isSiglip
        ? visionTower.width : try top.integer("projection_dim", default: 512),
      imageSize: try vision.side("image_size", default: 224),
      patchSize: try vision.side("patch_size", default: isSiglip ? 16 : 32),
      vision: visionTower, text: textTower,
      context: try text.integer("max_position_embeddings", default: isSiglip ? 64 : 77),
      vocabulary: try text.integer("vocab_size", default: isSiglip ? 32000 : 49408),
      endToken: isSiglip || end == 2 ? nil : end)
    if isSiglip {
      let size = try text.integer("projection_size", default: textTower.width)
      guard size == visionTower.width else {
        throw KilpiError(
          "configuration: the text projection gives \(size) numbers, the image tower "
            + "\(visionTower.width)")
      }
      result.imageStyle = .siglip
      result.textStyle = .siglip
      result.score = .sigmoid
      result.mean = [0.5, 0.5, 0.5]
      result.deviation = [0.5, 0.5, 0.5]
    }
    try result.readNormalisation(json["kilpi"], mean: "mean", deviation: "std")
    return result
  }

  /// Whether the towers are CLIP's or SigLIP's: given at the top, else by the towers.
  private static func family(
    _ top: ConfigurationFields, _ vision: ConfigurationFields, _ text: ConfigurationFields
  ) throws -> String {
    var told = top.has("model_type") ? try top.check("model_type", is: families) : nil
    for (fields, part) in [(vision, "vision"), (text, "text")] where fields.has("model_type") {
      let names = families.map { "\($0)_\(part)_model" }
      // Some published files repeat the whole model's type.
      let type = try fields.check("model_type", is: names + families)
      let own = families.first {
        type.hasPrefix($0) && (type == $0 || type == "\($0)_\(part)_model")
      }
      if let told, let own, told != own, type != own {
        throw KilpiError(
          "configuration: '\(fields.name).model_type' is \(type), the other parts are of \(told)")
      }
      told = told ?? own
    }
    return told ?? "clip"
  }

  /// True when Hugging Face's classes can hold the model.
  public var fitsHuggingFace: Bool {
    // The id 2 means the largest id there.
    residualBlocks == nil && endToken != 2
      && (imageStyle == .clip && textStyle == .clip && score == .softmax
        || imageStyle == .siglip && textStyle == .siglip && score == .sigmoid)
  }

  /// A `preprocessor_config.json` as transformers' `CLIPImageProcessor` and `SiglipImageProcessor`
  /// read it: bicubic to the model's side, for CLIP the short one and then the centre; mean and
  /// deviation.
  public var preprocessorJSON: JSONValue {
    let isSiglip = score == .sigmoid
    let side = JSONValue.integer(Int64(imageSize))
    let square = JSONValue.record(["height": side, "width": side])
    var members: [JSONValue.Member] = []
    if !isSiglip { members += [.init("crop_size", square), .init("do_center_crop", true)] }
    members += [
      .init("do_convert_rgb", true), .init("do_normalize", true), .init("do_rescale", true),
      .init("do_resize", true), .init("image_mean", .array(mean.map { .number($0) })),
      .init(
        "image_processor_type",
        .string(isSiglip ? "SiglipImageProcessor" : "CLIPImageProcessor")),
      .init("image_std", .array(deviation.map { .number($0) })),
      // Pillow's number of bicubic.
      .init("resample", 3), .init("rescale_factor", .number(1.0 / 255)),
      .init("size", isSiglip ? square : .record(["shortest_edge": side])),
    ]
    return .object(members)
  }

  /// The configuration as a Hugging Face `config.json`; mean and deviation under `kilpi`.
  public var huggingFaceJSON: JSONValue {
    let isSiglip = score == .sigmoid
    let kind = isSiglip ? "siglip" : "clip"
    func tower(_ tower: Tower, _ type: String, _ more: [JSONValue.Member]) -> JSONValue {
      .object(
        [
          .init("model_type", .string("\(kind)_\(type)_model")),
          .init("hidden_size", .integer(Int64(tower.width))),
          .init("num_hidden_layers", .integer(Int64(tower.layers))),
          .init("num_attention_heads", .integer(Int64(tower.heads))),
          .init("intermediate_size", .integer(Int64(tower.hidden))),
          .init("hidden_act", .string(tower.activation.rawValue)),
          .init("layer_norm_eps", .number(tower.epsilon)),
        ] + (isSiglip ? [] : [.init("projection_dim", .integer(Int64(embedding)))]) + more)
    }
    let tokens: [JSONValue.Member]
    if isSiglip {
      tokens = [
        .init("bos_token_id", 49406), .init("eos_token_id", 49407), .init("pad_token_id", 1),
        .init("projection_size", .integer(Int64(embedding))),
      ]
    } else {
      let end = Int64(endToken ?? 2)
      tokens = [
        .init("bos_token_id", .integer(Int64(endToken.map { $0 - 1 } ?? 0))),
        .init("eos_token_id", .integer(end)), .init("pad_token_id", .integer(end)),
      ]
    }
    var members: [JSONValue.Member] = [
      .init("architectures", .array([.string(isSiglip ? "SiglipModel" : "CLIPModel")])),
      .init("model_type", .string(kind)),
    ]
    if !isSiglip {
      members += [
        .init("projection_dim", .integer(Int64(embedding))),
        .init("logit_scale_init_value", 2.6592),
      ]
    }
    members += [
      .init(
        "vision_config",
        tower(
          vision, "vision",
          [
            .init("image_size", .integer(Int64(imageSize))),
            .init("patch_size", .integer(Int64(patchSize))), .init("num_channels", 3),
          ])),
      .init(
        "text_config",
        tower(
          text, "text",
          [
            .init("max_position_embeddings", .integer(Int64(context))),
            .init("vocab_size", .integer(Int64(vocabulary))),
          ] + tokens)),
      .init(
        "kilpi",
        .object([
          .init("mean", .array(mean.map { .number($0) })),
          .init("std", .array(deviation.map { .number($0) })),
        ])),
    ]
    return .object(members)
  }
}
