internal import Tensors

extension MultimodalMethod {
  /// The best of several methods, sample by sample.
  package static let worst = MultimodalMethod(WorstOf())
}

/// For each sample the best of several methods, the clean pair among them.
struct WorstOf: MultimodalProcedure {
  let name = "worst"
  let scenario = "mm_worst"
  let takesCaptions = true

  func imageRuns(_ parameters: MultimodalParameters) -> Int {
    MultimodalMethod.worst.members(parameters).reduce(0) { $0 + $1.imageRuns(parameters) }
  }

  func classes(_ run: MultimodalRun) throws -> MultimodalResult {
    let (attack, labels, images, ids) = (run.attack, run.labels, run.images, run.ids)
    let members =
      attack.methods.isEmpty
      ? attack.fitting(MultimodalMethod.allCases) : attack.methods
    var best = try run.cleanScores()
    var lists = labels.map { _ in run.prompts }
    var chosen = labels.map { _ in "clean" }
    let moved = try images.cloned()
    var image = AttackReport(budget: attack.image.settings.threat.budget, distance: Distances())
    image.attack = "worst"
    image.sampleIDs = ids
    image.seed = attack.image.settings.search.seed
    image.forwards = labels.map { _ in 0 }
    image.backwards = image.forwards
    for method in members {
      let member = try method.procedure.classes(run)
      image.add(member.report.image, rows: Array(labels.indices))
      for row in labels.indices {
        let new = SampleVerdict(
          prediction: member.report.prediction[row], loss: member.report.loss[row],
          margin: member.report.margin[row])
        let (was, now) = (best[row].prediction != labels[row], new.prediction != labels[row])
        guard now != was ? now : new.loss > best[row].loss else { continue }
        best[row] = new
        lists[row] = member.prompts.prompts(image: row)
        chosen[row] = method.scenario
        try moved.narrowed(0, start: row, length: 1).assign(
          member.images.narrowed(0, start: row, length: 1))
      }
    }
    image.distance = try Distances(from: images, to: moved)
    var found = try run.finished(
      .worst, AttackResult(images: moved, report: image), .perImage(lists), scores: best)
    found.report.members = ["clean"] + members.map(\.scenario)
    found.report.chosen = chosen
    return found
  }

  /// For each image the member whose pair is least alike; the first of equals.
  func captions(_ run: CaptionRun) throws -> CaptionAttackResult {
    let (images, captions, ids) = (run.images, run.captions, run.ids)
    let methods = run.attack.methods
    let known = try MultimodalMethod.captionMembers(methods)
    let members = methods.isEmpty ? run.attack.fittingTexts(known) : known
    func mean(_ values: [Double]) -> Double { values.reduce(0, +) / Double(values.count) }
    let before = try run.similarities(images, captions, run.owners)
    var after = Captions.grouped(before, like: captions)
    var changed = captions
    var chosen = captions.map { _ in "clean" }
    let moved = try images.cloned()
    var report = AttackReport(
      budget: run.attack.image.settings.threat.budget, distance: Distances())
    report.attack = "worst"
    report.sampleIDs = ids
    report.seed = run.attack.image.settings.search.seed
    report.forwards = ids.map { _ in 0 }
    report.backwards = report.forwards
    for member in members {
      var attack = run.attack
      attack.method = member
      attack.isJoint = true
      attack.image.settings.search.sampleIDs = ids
      let found = try attack.run(run.encoder, images: images, captions: captions)
      report.add(found.image, rows: Array(captions.indices))
      let values = Captions.grouped(found.similarityAfter, like: captions)
      for row in captions.indices where mean(values[row]) < mean(after[row]) {
        after[row] = values[row]
        changed[row] = found.captions[row]
        chosen[row] = member.scenario
        try moved.narrowed(0, start: row, length: 1).assign(
          found.images.narrowed(0, start: row, length: 1))
      }
    }
    report.distance = try Distances(from: images, to: moved)
    var result = CaptionAttackResult(
      images: moved, captions: changed, image: report, similarityBefore: before,
      similarityAfter: after.flatMap { $0 })
    result.members = ["clean"] + members.map(\.scenario)
    result.chosen = chosen
    return result
  }
}
