internal import AttackPlans
internal import Attacks
internal import Diagnostics
internal import Tensors

// Rows of attacks on both sides of each sample at once.

extension EvaluationRun {
  /// Attacks the samples that are right when clean (all of them with `attacksAll`), image and prompts
  /// together, and appends the verdicts; the others count as broken and stay as they are.
  func attackJointly(_ index: Int, _ whole: BatchPart, _ clean: [Score]) throws {
    guard let row = plan.rows[index].image else { return }
    let label = rows[index].label
    var others: [Int: SampleRecord] = [:]
    for (position, score) in clean.enumerated()
    where !evaluation.attacksAll && score.prediction != whole.labels[position] {
      var record = whole.record(position, score, prediction: score.prediction)
      (record.margin, record.loss) = (score.margin, score.loss)
      (record.linf, record.l2, record.l1) = (0, 0, 0)
      (record.forwards, record.backwards) = (0, 0)
      record.flags = [SampleRecord.notAttacked]
      others[position] = record
    }
    let session = try self.session(index)
    try fill(index, whole, except: others, judge: subject.classifier) { part, positions in
      let result = try named(label) {
        try session.run(images: part.images, labels: part.labels) { settings in
          settings.search.attacksAll = row.settings.search.attacksAll
          settings.search.stopsEarly = row.settings.search.stopsEarly
          settings.reporting.judging = row.settings.reporting.judging
          settings.search.seed = row.settings.search.seed
          settings.reporting.probes = settings.reporting.probes && row.settings.reporting.probes
          if part.first > 0 { settings.reporting.probedSamples = 0 }
          settings.search.sampleIDs = part.sampleIDs
          settings.reporting.firstIndex = part.first + 1
          settings.reporting.progress = state.meter.handler(label, evaluation.progress)
        }
      }
      let report = result.report
      guard report.prediction.count == part.count else {
        throw KilpiError("\(label): the attack gave no verdicts")
      }
      let distances = try Distances(from: part.images, to: result.images)
      let quality = try ImageQuality(part.images, result.images)
      let samples = positions.enumerated().map { place, position in
        var record = part.record(place, clean[position], prediction: report.prediction[place])
        record.isCorrect = record.isCorrect && record.isCleanCorrect
        (record.margin, record.loss) = (report.margin[place], report.loss[place])
        record.take(distances, quality, at: place)
        record.forwards = report.image.forwards[place]
        record.backwards = report.image.backwards[place]
        return record
      }
      var unit = try unit(samples, report.image, result.images, row.settings.threat.budget)
      if let flag = report.limits.flag { unit.flags.append(flag) }
      return (result.images, unit)
    }
  }

  /// Makes the attacks of all rows on both sides, so that what cannot be done is refused at once.
  func prepareJointRows() throws {
    for index in plan.rows.indices where plan.rows[index].joint != nil { _ = try session(index) }
  }

  /// The attack of a row, made once.
  private func session(_ index: Int) throws -> MultimodalSession {
    if let known = joint[index] { return known }
    guard let row = plan.rows[index].joint, let zeroShot = subject.zeroShot else {
      throw KilpiError("\(rows[index].label): there is no attack for this row")
    }
    let made = try named(rows[index].label) { try MultimodalSession(row, classifier: zeroShot) }
    joint[index] = made
    return made
  }
}
