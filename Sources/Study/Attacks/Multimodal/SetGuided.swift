internal import Diagnostics
internal import Tensors

extension MultimodalMethod {
  /// Set-level guidance: all captions, several scales.
  package static let sga = MultimodalMethod(SetGuided())
}

/// Set-level guidance, SGA (arXiv:2307.14061): texts, scaled views of the image, texts again.
struct SetGuided: MultimodalProcedure {
  let name = "sga"
  let scenario = "mm_sga"
  let needs = [MultimodalNeed.textsAgainstImages, .ball]
  let parameterNames: Set = ["compat", "scales", "noise"]
  let takesCaptions = true
  var usualBudget: Double? { 2.0 / 255 }
  /// 0.5/255 at the published 2/255 and 10 steps.
  var stepShare: Double? { 2.5 }

  func imageRuns(_ parameters: MultimodalParameters) -> Int { 1 + parameters.views.scales.count }

  /// The captions of an image are the prompts of its class; the other classes stay clean.
  func classes(_ run: MultimodalRun) throws -> MultimodalResult {
    try run.checkLabels()
    let (moved, captions) = try run.stage.sga(run.own(run.prompts))
    let templates = run.encoder.templates
    let lists = zip(run.labels, captions).map { label, captions in
      var list = run.prompts
      list.replaceSubrange(label * templates..<(label + 1) * templates, with: captions)
      return list
    }
    return try run.finished(.sga, moved, .perImage(lists))
  }

  func captions(_ run: CaptionRun) throws -> CaptionAttackResult {
    let (moved, changed) = try run.stage.sga(run.captions)
    return try run.finished(moved, changed)
  }
}

extension FeatureStage {
  /// Captions against clean images, images against those captions in several scales, the original
  /// captions against the moved images (arXiv:2307.14061).
  func sga(_ captions: [[String]]) throws -> (AttackResult, captions: [[String]]) {
    let against = try attack.against(.sga)
    let ball = try attack.ballAttack(.sga)
    var texts = try moved(captions, from: images, by: against)
    if let shown = attack.text.shown { texts = try texts.map { try $0.map(shown) } }
    let first = try summed(texts)
    var settings = settings()
    // Values under fresh noise do not tell which point is better: the last one is the result.
    settings.search.keep = settings.search.keep ?? .last
    let noise = ViewNoise(settings.search.seed, ids)
    let encoder = self.encoder
    let views = attack.views
    var attacked = try ball.maximize(
      { images, rows, pass in
        var sum = try encoder.image[pass](images)
        let steps = noise.next(rows)
        for (index, scale) in views.scales.enumerated() {
          let streams = noise.streams(rows, steps, view: index)
          sum = try sum + encoder.image[pass](views.copy(images, scale: scale, streams))
        }
        return try -(first.rows(rows) * sum).sum(axes: [1])
      }, images: images, settings: settings)
    // Each look shows the model the image and its copies.
    let shown = 1 + views.scales.count
    attacked.report.forwards = attacked.report.forwards.map { $0 * shown }
    attacked.report.backwards = attacked.report.backwards.map { $0 * shown }
    return (attacked, try moved(captions, from: attacked.images, by: against))
  }

  /// Captions moved away from their own image.
  private func moved(
    _ captions: [[String]], from images: Tensor, by against: TextSteps.Against
  ) throws -> [[String]] {
    let features = try encoder.features(images)
    var flat: [String] = []
    var own: [Tensor] = []
    for (row, texts) in captions.enumerated() {
      let feature = try features.narrowed(0, start: row, length: 1)
      flat += texts
      own += texts.map { _ in feature }
    }
    let found = try MultimodalAttack.counted(against(flat, own), flat.count)
    return Captions.grouped(found, like: captions)
  }
}

/// Streams for the noise of views: another one for each look at an image.
private final class ViewNoise {
  private let source: RandomSource
  private let ids: [UInt64]
  private var looks: [Int]

  init(_ seed: UInt64, _ ids: [UInt64]) {
    source = RandomSource(seed: seed)
    self.ids = ids
    looks = ids.map { _ in 0 }
  }

  /// Counts one more look at samples `rows`.
  func next(_ rows: [Int]) -> [Int] {
    for row in rows { looks[row] += 1 }
    return rows.map { looks[$0] }
  }

  func streams(_ rows: [Int], _ steps: [Int], view: Int) -> [RandomStream] {
    zip(rows, steps).map { row, step in
      source.stream(.views, sample: ids[row], restart: view, step: step)
    }
  }
}
