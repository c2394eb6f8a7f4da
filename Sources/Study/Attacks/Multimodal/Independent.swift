extension MultimodalMethod {
  /// Neither side sees the other.
  package static let independent = MultimodalMethod(Independent())
}

/// Each side against the clean other: the published protocol, neither joint nor adaptive.
struct Independent: MultimodalProcedure {
  let name = "independent"
  let scenario = "mm_sep"
  let takesCaptions = true
  let attacksTogether = false

  func classes(_ run: MultimodalRun) throws -> MultimodalResult {
    try run.finished(
      .independent, run.imagesAgainstClean(), .shared(run.blindPrompts()), judgedClean: true)
  }

  /// Images move away from their clean features, captions without a look at them.
  func captions(_ run: CaptionRun) throws -> CaptionAttackResult {
    let changed = try run.blindCaptions()
    return try run.finished(run.stage.away(.kl, captions: run.captions), changed)
  }
}
