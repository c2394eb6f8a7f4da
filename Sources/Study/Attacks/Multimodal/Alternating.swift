internal import Tensors

extension MultimodalMethod {
  /// Image and text attack in turns, each against the other's last result.
  package static let alternating = MultimodalMethod(Alternating())
}

/// `imageFirst`, then both sides again in turns.
struct Alternating: MultimodalProcedure {
  let name = "alternating"
  let scenario = "mm_alt"
  let needs = [MultimodalNeed.promptsPerImage, .ball]
  let parameterNames: Set = ["text_threat", "rounds"]

  func imageRuns(_ parameters: MultimodalParameters) -> Int { parameters.rounds }

  /// Further rounds for the samples whose loss still grows; a pair that succeeds is not given up
  /// for one that does not.
  func classes(_ run: MultimodalRun) throws -> MultimodalResult {
    let (attack, encoder, labels, images) = (run.attack, run.encoder, run.labels, run.images)
    let ball = try attack.ballAttack(.alternating)
    let start = try run.imageFirst()
    guard case .perImage(var lists) = start.prompts else { return start }
    let moved = try start.images.cloned()
    var scores = zip(start.report.prediction, zip(start.report.loss, start.report.margin)).map {
      SampleVerdict(prediction: $0, loss: $1.0, margin: $1.1)
    }
    var image = start.report.image
    var rounds = labels.map { _ in 1 }
    var active = Array(labels.indices)
    for round in stride(from: 2, through: attack.rounds, by: 1) where !active.isEmpty {
      let truth = active.map { labels[$0] }
      let next = try followed(run, ball, active, truth, moved, lists)
      let choice = try run.promptsPerImage(next.images, truth, .alternating)
      let found = try SampleVerdict.all(encoder, next.images, truth, .perImage(choice))
      image.add(next.report, rows: active)
      var growing: [Int] = []
      for (position, row) in active.enumerated() {
        let (old, new) = (scores[row], found[position])
        let losesSuccess = old.prediction != labels[row] && new.prediction == labels[row]
        guard new.loss > old.loss, !losesSuccess else { continue }
        scores[row] = new
        lists[row] = choice[position]
        rounds[row] = round
        growing.append(row)
        try moved.narrowed(0, start: row, length: 1).assign(
          next.images.narrowed(0, start: position, length: 1))
      }
      active = growing
    }
    image.distance = try Distances(from: images, to: moved)
    var result = try run.finished(
      .alternating, AttackResult(images: moved, report: image), .perImage(lists), scores: scores)
    result.report.rounds = rounds
    return result
  }

  /// The image attack again for some samples, from where they are, each against its own prompts.
  private func followed(
    _ run: MultimodalRun, _ ball: any FixedBudgetAttack, _ active: [Int], _ truth: [Int],
    _ moved: Tensor,
    _ lists: [[String]]
  ) throws -> AttackResult {
    let classes = try Tensor.stacked(active.map { try run.encoder.classFeatures(lists[$0]) })
    var settings = run.attack.image.settings
    settings.search.sampleIDs = run.ids
    settings.search.startPoints = moved
    settings = try settings.rows(active, of: run.ids.count)
    settings.reporting.judging = .none
    return try ball.maximize(
      run.encoder.loss(run.attack.image.settings.search.loss, classes: classes, truth),
      images: run.images.rows(active), settings: settings)
  }
}
