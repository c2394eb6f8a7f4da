internal import Diagnostics
internal import Networks
internal import Tensors

/// How files of one kind name and shape our weights.
///
/// Our own names are OpenAI's and open_clip's. A layout is a function from our name to the place in
/// the file, so that reading, writing and the listing of wrong keys follow one table.
struct WeightLayout: Sendable {
  /// Where one of our weights lies in a file.
  enum Place {
    /// Under this name; `leading` axes of size 1 stand in front of our shape.
    case plain(String, leading: Int = 0)
    /// Under this name with its two axes exchanged.
    case transposed(String)
    /// In several tensors, one after another along the first axis; each has so many of the shares.
    case joined([(key: String, shares: Int)])

    /// All names in the file.
    var keys: [String] {
      switch self {
      case .plain(let key, _), .transposed(let key): return [key]
      case .joined(let parts): return parts.map(\.key)
      }
    }
  }

  /// The layout's name, for messages.
  let name: String
  /// Where a weight lies.
  let place: @Sendable (String) -> Place

  // MARK: The layouts

  /// Our own names and shapes, as in the checkpoints of training runs.
  static let own = WeightLayout(name: "Kilpi") { .plain($0) }

  /// OpenAI's and open_clip's: our own names, the text tower below `text.` in newer files.
  ///
  /// A projection with a bias is a linear layer, whose weight lies transposed.
  static func openCLIP(textPrefix: String = "", hasProjectionBias: Bool = false) -> WeightLayout {
    WeightLayout(name: "open_clip") { name in
      if hasProjectionBias, name == "text_projection" {
        return .transposed(textPrefix + "text_projection.weight")
      }
      if name == "text_projection_bias" { return .plain(textPrefix + "text_projection.bias") }
      if name.hasPrefix("visual.") || name.hasPrefix("logit_") { return .plain(name) }
      return .plain(textPrefix + name)
    }
  }

  /// The image tower alone, without the prefix `visual.`: TeCoA's and FARE's files.
  static let bareVisual = WeightLayout(name: "visual tower") { name in
    .plain(name.hasPrefix("visual.") ? String(name.dropFirst("visual.".count)) : name)
  }

  /// open_clip's SigLIP: timm's names for the image tower, the text tower below `text.`.
  static let openCLIPSiglip = WeightLayout(name: "open_clip") { name in
    guard name.hasPrefix("visual.") else {
      switch name {
      case "logit_scale", "logit_bias": return .plain(name)
      case "text_projection": return .transposed("text.text_projection.weight")
      case "text_projection_bias": return .plain("text.text_projection.bias")
      default: return .plain("text." + name)
      }
    }
    let trunk = "visual.trunk."
    let rest = String(name.dropFirst("visual.".count))
    switch rest {
    case "positional_embedding": return .plain(trunk + "pos_embed", leading: 1)
    case "attn_pool.probe": return .plain(trunk + "attn_pool.latent")
    case "attn_pool.attn.in_proj_weight", "attn_pool.attn.in_proj_bias":
      let kind = rest.hasSuffix("weight") ? "weight" : "bias"
      return .joined([(trunk + "attn_pool.q.\(kind)", 1), (trunk + "attn_pool.kv.\(kind)", 2)])
    default: break
    }
    return .plain(
      trunk
        + replacing(
          rest,
          [
            ("conv1.", "patch_embed.proj."), ("ln_post.", "norm."),
            ("transformer.resblocks.", "blocks."), ("attn.in_proj_", "attn.qkv."),
            ("attn_pool.attn.out_proj.", "attn_pool.proj."), ("attn.out_proj.", "attn.proj."),
            ("attn_pool.ln.", "attn_pool.norm."), ("ln_1.", "norm1."), ("ln_2.", "norm2."),
            ("mlp.c_fc.", "mlp.fc1."), ("mlp.c_proj.", "mlp.fc2."),
          ]))
  }

  /// Hugging Face's `CLIPModel` and `SiglipModel`.
  static let huggingFace = WeightLayout(name: "Hugging Face") { name in
    switch name {
    case "logit_scale", "logit_bias": return .plain(name)
    case "visual.class_embedding": return .plain("vision_model.embeddings.class_embedding")
    case "visual.positional_embedding":
      return .plain("vision_model.embeddings.position_embedding.weight")
    case "visual.proj": return .transposed("visual_projection.weight")
    case "text_projection": return .transposed("text_projection.weight")
    case "token_embedding.weight": return .plain("text_model.embeddings.token_embedding.weight")
    case "positional_embedding": return .plain("text_model.embeddings.position_embedding.weight")
    default: break
    }
    let isVision = name.hasPrefix("visual.")
    let tower = isVision ? "vision_model." : "text_model."
    let rest = isVision ? String(name.dropFirst("visual.".count)) : name
    if rest.hasPrefix("attn_pool.") {
      return .plain(
        tower + "head."
          + replacing(
            String(rest.dropFirst("attn_pool.".count)),
            [
              ("attn.", "attention."), ("ln.", "layernorm."), ("mlp.c_fc.", "mlp.fc1."),
              ("mlp.c_proj.", "mlp.fc2."),
            ]))
    }
    if rest.contains("attn.in_proj_") {
      let parts = rest.split(separator: ".attn.in_proj_")
      let block = replacing(String(parts[0]), [("transformer.resblocks.", "encoder.layers.")])
      return .joined(
        ["q", "k", "v"].map { ("\(tower)\(block).self_attn.\($0)_proj.\(parts[1])", 1) })
    }
    return .plain(
      tower
        + replacing(
          rest,
          [
            ("conv1.", "embeddings.patch_embedding."), ("ln_pre.", "pre_layrnorm."),
            ("ln_post.", "post_layernorm."), ("ln_final.", "final_layer_norm."),
            ("transformer.resblocks.", "encoder.layers."),
            ("attn.out_proj.", "self_attn.out_proj."), ("ln_1.", "layer_norm1."),
            ("ln_2.", "layer_norm2."), ("mlp.c_fc.", "mlp.fc1."), ("mlp.c_proj.", "mlp.fc2."),
          ]))
  }

  /// SigLIP's text projection is called `head` by Hugging Face, its scale and bias have one axis.
  static let huggingFaceSiglip = WeightLayout(name: "Hugging Face") { name in
    switch name {
    case "text_projection": return .transposed("text_model.head.weight")
    case "text_projection_bias": return .plain("text_model.head.bias")
    case "logit_scale", "logit_bias": return .plain(name, leading: 1)
    default: return huggingFace.place(name)
    }
  }

  /// The layout in which a model is written for transformers.
  static func huggingFace(for configuration: ClipConfiguration) -> WeightLayout {
    configuration.score == .sigmoid ? huggingFaceSiglip : huggingFace
  }

  /// A name with each part exchanged where it stands at the start or behind a dot.
  private static func replacing(
    _ name: String, _ pairs: [(old: String, new: String)]
  ) -> String {
    var result = name
    for (old, new) in pairs {
      if result.hasPrefix(old) {
        result = new + result.dropFirst(old.count)
      } else if let range = result.firstRange(of: "." + old) {
        result.replaceSubrange(range, with: "." + new)
      }
    }
    return result
  }

  // MARK: Writing

  /// Our weights (or their gradients) as a file of this layout holds them.
  func tensors(of parameters: ParameterList) throws -> [String: Tensor] {
    var result: [String: Tensor] = [:]
    for (name, tensor) in parameters.entries {
      let tensor = tensor.detached()
      switch place(name) {
      case .plain(let key, let leading):
        result[key] =
          leading == 0
          ? tensor : try tensor.reshaped(Array(repeating: 1, count: leading) + tensor.shape)
      case .transposed(let key): result[key] = try tensor.transposed().contiguous()
      case .joined(let parts):
        let share = tensor.shape[0] / parts.reduce(0) { $0 + $1.shares }
        var start = 0
        for part in parts {
          let length = share * part.shares
          result[part.key] = try tensor.narrowed(0, start: start, length: length).contiguous()
          start += length
        }
      }
    }
    return result
  }
}
