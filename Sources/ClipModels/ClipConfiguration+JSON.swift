internal import Diagnostics
public import Files
internal import Tensors

extension ClipConfiguration {
  /// Reads a Hugging Face `config.json` or an open_clip model configuration.
  ///
  /// - Throws: `KilpiError` naming the field that is missing, unknown or out of range.
  public init(json: JSONValue) throws {
    if json["vision_config"] != nil || json["text_config"] != nil {
      self = try Self.huggingFace(json)
    } else if let inner = json["model_cfg"] {
      self = try Self.openCLIP(inner, preprocessing: json["preprocess_cfg"])
    } else if json["vision_cfg"] != nil {
      self = try Self.openCLIP(json, preprocessing: nil)
    } else {
      throw KilpiError(
        "", "this is no CLIP configuration: it has neither vision_config nor vision_cfg")
    }
    self = try validated()
  }

  /// Fields of one JSON object, with errors that name them.
  private struct Fields {
    let value: JSONValue
    let name: String

    init(_ value: JSONValue?, _ name: String) throws {
      guard let value, value.object != nil else {
        throw KilpiError("", "configuration: '\(name)' is missing")
      }
      self.value = value
      self.name = name
    }

    func integer(_ key: String, default standard: Int? = nil) throws -> Int {
      guard let field = value[key], field != .null else {
        if let standard { return standard }
        throw KilpiError("", "configuration: '\(name).\(key)' is missing")
      }
      guard let number = field.int else {
        throw KilpiError("", "configuration: '\(name).\(key)' is not an integer")
      }
      return number
    }

    func number(_ key: String, default standard: Double) throws -> Double {
      guard let field = value[key], field != .null else { return standard }
      guard let number = field.double else {
        throw KilpiError("", "configuration: '\(name).\(key)' is not a number")
      }
      return number
    }

    func activation(_ key: String) throws -> Activation {
      guard let text = value[key]?.string else {
        throw KilpiError(
          "", "configuration: '\(name).\(key)' is missing",
          advice: "pass activation = \"quick_gelu\" (OpenAI weights) or \"gelu\"")
      }
      guard let activation = Activation(rawValue: text), activation != .none else {
        throw KilpiError(
          "", "configuration: the activation '\(text.prefix(40))' is not known",
          advice: "quick_gelu, gelu and relu are")
      }
      return activation
    }
  }

  private static func huggingFace(_ json: JSONValue) throws -> ClipConfiguration {
    let vision = try Fields(json["vision_config"], "vision_config")
    let text = try Fields(json["text_config"], "text_config")
    let top = try Fields(json, "config")
    func tower(_ fields: Fields) throws -> Tower {
      let width = try fields.integer("hidden_size")
      return Tower(
        width: width, layers: try fields.integer("num_hidden_layers"),
        heads: try fields.integer("num_attention_heads"),
        hidden: try fields.integer("intermediate_size", default: 4 * width),
        activation: try fields.activation("hidden_act"),
        epsilon: try fields.number("layer_norm_eps", default: 1e-5))
    }
    let end = try text.integer("eos_token_id", default: 2)
    var result = ClipConfiguration(
      embedding: try top.integer("projection_dim"),
      imageSize: try vision.integer("image_size"), patchSize: try vision.integer("patch_size"),
      vision: try tower(vision), text: try tower(text),
      context: try text.integer("max_position_embeddings"),
      vocabulary: try text.integer("vocab_size"), endToken: end == 2 ? nil : end)
    try result.readNormalisation(json["kilpi"])
    return result
  }

  private static func openCLIP(
    _ json: JSONValue, preprocessing: JSONValue?
  ) throws -> ClipConfiguration {
    let top = try Fields(json, "model_cfg")
    let vision = try Fields(json["vision_cfg"], "vision_cfg")
    let text = try Fields(json["text_cfg"], "text_cfg")
    guard case .integer? = vision.value["layers"] else {
      throw KilpiError(
        "", "configuration: only vision transformers can be built here, not ResNets or timm towers")
    }
    let activation: Activation = json["quick_gelu"]?.bool == true ? .quickGELU : .gelu
    let width = try vision.integer("width")
    let ratio = try vision.number("mlp_ratio", default: 4)
    let textWidth = try text.integer("width")
    var result = ClipConfiguration(
      embedding: try top.integer("embed_dim"), imageSize: try vision.integer("image_size"),
      patchSize: try vision.integer("patch_size"),
      vision: Tower(
        width: width, layers: try vision.integer("layers"),
        heads: width / Swift.max(try vision.integer("head_width", default: 64), 1),
        hidden: Int(exactly: (Double(width) * ratio).rounded(.down)) ?? 0, activation: activation),
      text: Tower(
        width: textWidth, layers: try text.integer("layers"), heads: try text.integer("heads"),
        activation: activation),
      context: try text.integer("context_length", default: 77),
      vocabulary: try text.integer("vocab_size", default: 49408), endToken: nil)
    try result.readNormalisation(preprocessing)
    return result
  }

  /// Mean and standard deviation, where a configuration gives them.
  private mutating func readNormalisation(_ json: JSONValue?) throws {
    func channels(_ key: String) throws -> [Double]? {
      guard let list = json?[key]?.array else { return nil }
      let numbers = list.compactMap(\.double)
      guard numbers.count == 3, list.count == 3 else {
        throw KilpiError("", "configuration: '\(key)' needs three numbers")
      }
      return numbers
    }
    if let mean = try channels("mean") { self.mean = mean }
    if let deviation = try channels("std") { self.deviation = deviation }
  }

  /// The configuration as a Hugging Face `config.json`; mean and deviation under `kilpi`.
  public var huggingFaceJSON: JSONValue {
    func tower(_ tower: Tower, _ type: String, _ more: [JSONValue.Member]) -> JSONValue {
      .object(
        [
          .init("model_type", .string(type)), .init("hidden_size", .integer(Int64(tower.width))),
          .init("num_hidden_layers", .integer(Int64(tower.layers))),
          .init("num_attention_heads", .integer(Int64(tower.heads))),
          .init("intermediate_size", .integer(Int64(tower.hidden))),
          .init("hidden_act", .string(tower.activation.rawValue)),
          .init("layer_norm_eps", .number(tower.epsilon)),
          .init("projection_dim", .integer(Int64(embedding))),
        ] + more)
    }
    let end = Int64(endToken ?? 2)
    return .object([
      .init("architectures", ["CLIPModel"]), .init("model_type", "clip"),
      .init("projection_dim", .integer(Int64(embedding))),
      .init("logit_scale_init_value", 2.6592),
      .init(
        "vision_config",
        tower(
          vision, "clip_vision_model",
          [
            .init("image_size", .integer(Int64(imageSize))),
            .init("patch_size", .integer(Int64(patchSize))), .init("num_channels", 3),
          ])),
      .init(
        "text_config",
        tower(
          text, "clip_text_model",
          [
            .init("max_position_embeddings", .integer(Int64(context))),
            .init("vocab_size", .integer(Int64(vocabulary))),
            .init("bos_token_id", .integer(Int64(endToken.map { $0 - 1 } ?? 0))),
            .init("eos_token_id", .integer(end)), .init("pad_token_id", .integer(end)),
          ])),
      .init(
        "kilpi",
        .object([
          .init("mean", .array(mean.map { .number($0) })),
          .init("std", .array(deviation.map { .number($0) })),
        ])),
    ])
  }
}
