extension MultimodalMethod {
  /// The image attack sees the adversarial prompts.
  package static let adaptive = MultimodalMethod(Adaptive())
}

/// Prompts first, then the image against the adversarial prompts.
struct Adaptive: MultimodalProcedure {
  let name = "adaptive"
  let scenario = "mm_t2i"
  let attacksTogether = false

  func classes(_ run: MultimodalRun) throws -> MultimodalResult {
    let changed = try run.blindPrompts()
    let moved = try run.attackImages(run.encoder.classifier(changed))
    return try run.finished(.adaptive, moved, .shared(changed))
  }
}
