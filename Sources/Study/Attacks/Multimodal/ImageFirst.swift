extension MultimodalMethod {
  /// The text attack sees the adversarial image.
  package static let imageFirst = MultimodalMethod(ImageFirst())
}

/// The image first, then for each image the worst prompts.
struct ImageFirst: MultimodalProcedure {
  let name = "image-first"
  let scenario = "mm_i2t"
  let needs = [MultimodalNeed.promptsPerImage]
  let parameterNames: Set = ["text_threat"]

  func classes(_ run: MultimodalRun) throws -> MultimodalResult { try run.imageFirst() }
}
