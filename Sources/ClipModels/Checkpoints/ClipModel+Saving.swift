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
        "", "the layout '\(layout.rawValue)' cannot hold this architecture",
        advice: other.map { "write layout = \"\($0.rawValue)\"" }
          ?? "tensor.save(path, model:parameters()) keeps the weights")
    }
    try FileReader.makeDirectory(folder)
    switch layout {
    case .huggingFace:
      try Safetensors.save(
        WeightLayout.huggingFace(for: configuration).tensors(of: parameters),
        metadata: ["format": "pt"], to: folder + "/model.safetensors", half: half)
      try AtomicFile.write(
        configuration.huggingFaceJSON.serialized(indent: 2) + "\n", to: folder + "/config.json")
      try AtomicFile.write(
        configuration.preprocessorJSON.serialized(indent: 2) + "\n",
        to: folder + "/preprocessor_config.json")
    case .openCLIP:
      try Safetensors.save(
        WeightLayout.openCLIP(hasProjectionBias: configuration.textStyle.hasProjectionBias)
          .tensors(of: parameters), metadata: ["format": "pt"],
        to: folder + "/open_clip_model.safetensors", half: half)
      try AtomicFile.write(
        configuration.openCLIPJSON.serialized(indent: 2) + "\n",
        to: folder + "/open_clip_config.json")
    }
    try tokenizer?.save(in: folder)
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
