internal import Diagnostics
internal import Files
public import Networks
public import Tensors

/// Layouts in which weights are written.
public enum CheckpointLayout: String, Sendable, CaseIterable {
  /// Hugging Face's `CLIPModel` or `SiglipModel`: `model.safetensors`, `config.json` and
  /// `preprocessor_config.json`.
  case huggingFace = "hf"
  /// open_clip's: `open_clip_model.safetensors` and `open_clip_config.json`.
  case openCLIP = "open_clip"
}

extension ClipModel {
  /// Writes the model as a folder of weights and configuration.
  ///
  /// - Parameters:
  ///   - layout: transformers loads `.huggingFace`, open_clip `.openCLIP`; nil: the first that holds
  ///     the architecture.
  ///   - half: store float16, half the size; widened again when loaded.
  /// - Throws: `KilpiError` when the layout's classes cannot hold the architecture, and with path and
  ///   reason when a file cannot be written.
  public func save(
    _ folder: String, layout: CheckpointLayout? = nil, half: Bool = false
  ) throws {
    let layout = layout ?? (configuration.fitsHuggingFace ? .huggingFace : .openCLIP)
    let fits =
      layout == .huggingFace ? configuration.fitsHuggingFace : configuration.fitsOpenCLIP
    guard fits else {
      let other: CheckpointLayout? =
        configuration.fitsHuggingFace
        ? .huggingFace : configuration.fitsOpenCLIP ? .openCLIP : nil
      throw KilpiError(
        "the layout '\(layout.rawValue)' cannot hold this architecture",
        advice: other.map { "write layout = \"\($0.rawValue)\"" }
          ?? "tensor.save keeps the parameters alone")
    }
    try FileReader.makeDirectory(folder)
    switch layout {
    case .huggingFace:
      try Safetensors.save(
        WeightLayout.huggingFace(for: configuration).tensors(of: parameters),
        metadata: ["format": "pt"], to: folder + "/model.safetensors", half: half)
      try AtomicFile.write(
        Self.hugging(configuration.huggingFaceJSON, tokenizer, absence: tokenizerAbsence)
          .serialized(indent: 2) + "\n",
        to: folder + "/config.json")
      try AtomicFile.write(
        configuration.preprocessorJSON.serialized(indent: 2) + "\n",
        to: folder + "/preprocessor_config.json")
    case .openCLIP:
      try Safetensors.save(
        WeightLayout.openCLIP(hasProjectionBias: configuration.textStyle.hasProjectionBias)
          .tensors(of: parameters), metadata: ["format": "pt"],
        to: folder + "/open_clip_model.safetensors", half: half)
      try AtomicFile.write(
        Self.opened(configuration.openCLIPJSON, tokenizer, absence: tokenizerAbsence)
          .serialized(indent: 2) + "\n", to: folder + "/open_clip_config.json")
    }
    try tokenizer?.save(in: folder)
  }

  /// open_clip's configuration with the tokenizer beside it, as its own writing names it.
  private static func opened(
    _ json: JSONValue, _ tokenizer: (any TextTokenizer)?, absence: KilpiError?
  ) -> JSONValue {
    var members: [JSONValue.Member] = []
    if let tokenizer {
      // open_clip looks for the files in the model's own folder, whatever the name.
      if tokenizer.hasFiles { members.append(.init("hf_tokenizer_name", "tokenizer")) }
      let standard = tokenizer.hasFiles ? "whitespace" : "lower"
      if let clean = tokenizer.openCLIPCleaning, clean != standard {
        members.append(.init("tokenizer_kwargs", .record(["clean": .string(clean)])))
      }
    } else if absence != nil {
      members.append(.init("hf_tokenizer_name", "unknown"))
    }
    guard !members.isEmpty else { return json }
    func changed(_ value: JSONValue, _ path: ArraySlice<String>) -> JSONValue {
      guard let key = path.first else { return .object((value.object ?? []) + members) }
      return .object(
        (value.object ?? []).map {
          $0.key == key ? .init(key, changed($0.value, path.dropFirst())) : $0
        })
    }
    return changed(json, ["model_cfg", "text_cfg"])
  }

  /// Hugging Face's configuration with what its files cannot say in Kilpi's own field: open_clip's
  /// cleaning, and that the tokenizer is not known.
  private static func hugging(
    _ json: JSONValue, _ tokenizer: (any TextTokenizer)?, absence: KilpiError?
  ) -> JSONValue {
    var members: [JSONValue.Member] = []
    let standard: String? = tokenizer?.hasFiles == false ? "lower" : nil
    if let clean = tokenizer?.openCLIPCleaning, clean != standard {
      members.append(.init("clean", .string(clean)))
    }
    if tokenizer == nil, absence != nil { members.append(.init("tokenizer", "unknown")) }
    return .object(
      (json.object ?? []).map { member in
        member.key == "kilpi"
          ? .init("kilpi", .object((member.value.object ?? []) + members)) : member
      })
  }
}

/// Translation of weights (or their gradients) between layouts, without files.
public enum CheckpointTranslation {
  /// Weights under our names as Hugging Face names and shapes them.
  public static func huggingFace(
    _ parameters: ParameterList, _ configuration: ClipConfiguration
  ) throws -> [String: Tensor] {
    try WeightLayout.huggingFace(for: configuration).tensors(of: parameters)
  }
}
