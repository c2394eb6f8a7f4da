internal import Attacks
internal import Diagnostics
internal import Tensors

// Rows of attacks on both sides of each sample at once.

extension EvaluationRun {
  /// Attacks the samples that are right when clean (all of them with `attacksAll`), image and prompts
  /// together, and appends the verdicts; the others count as broken and stay as they are.
  func attackJointly(_ index: Int, _ whole: BatchPart, _ clean: [Score]) throws {
    guard let image = plan.rows[index].image else { return }
    let begin = ContinuousClock.now
    let label = rows[index].label
    var unit = EvaluationUnit(samples: [])
    var records = (0..<whole.count).map { position -> SampleRecord in
      var record = whole.record(position, clean[position], prediction: clean[position].prediction)
      record.isCorrect = false
      record.margin = clean[position].margin
      record.loss = clean[position].loss
      (record.linf, record.l2, record.l1) = (0, 0, 0)
      (record.forwards, record.backwards) = (0, 0)
      record.flags = [SampleRecord.notAttacked]
      return record
    }
    let positions = (0..<whole.count).filter {
      evaluation.attacksAll || clean[$0].prediction == whole.labels[$0]
    }
    if !positions.isEmpty {
      let part = try whole.selected(positions)
      let perturb = try self.perturb(index)
      let result = try named(label) {
        try perturb(part.images, part.labels) { settings in
          settings.attacksAll = image.settings.attacksAll
          settings.stopsEarly = image.settings.stopsEarly
          settings.judging = image.settings.judging
          settings.seed = image.settings.seed
          settings.probes = settings.probes && image.settings.probes
          if part.first > 0 { settings.probedSamples = 0 }
          settings.sampleIDs = part.sampleIDs
          settings.firstIndex = part.first + 1
          settings.progress = state.meter.handler(label, evaluation.progress)
        }
      }
      let report = result.report
      guard report.prediction.count == part.count else {
        throw KilpiError("", "\(label): the attack gave no verdicts")
      }
      let distances = try Distances(from: part.images, to: result.images)
      let quality = try ImageQuality(part.images, result.images)
      for (place, position) in positions.enumerated() {
        var record = whole.record(
          position, clean[position], prediction: report.prediction[place])
        record.isCorrect = record.isCorrect && record.isCleanCorrect
        record.margin = report.margin[place]
        record.loss = report.loss[place]
        record.take(distances, quality, at: place)
        record.forwards = report.image.forwards[place]
        record.backwards = report.image.backwards[place]
        records[position] = record
      }
      unit.problems = try report.image.brokenBounds(result.images, image.settings.budget)
      unit.flags = report.image.flags + (report.limits.flag.map { [$0] } ?? [])
      try keepPictures(whole, index, result.images, positions.map { records[$0] })
    }
    unit.samples = records
    unit.seconds = begin.seconds
    try commit(index, whole, unit)
  }

  /// Makes the attacks of all rows on both sides, so that what cannot be done is refused at once.
  func prepareJointRows() throws {
    for index in plan.rows.indices where plan.rows[index].joint != nil { _ = try perturb(index) }
  }

  /// The attack of a row, made once.
  private func perturb(_ index: Int) throws -> EvaluatedMultimodalAttack.Joint.Perturb {
    if let known = joint[index] { return known }
    guard let row = plan.rows[index].joint, let zeroShot = subject.zeroShot else {
      throw KilpiError("", "\(rows[index].label): there is no attack for this row")
    }
    let made = try named(rows[index].label) { try row.prepare(zeroShot, nil) }
    joint[index] = made
    return made
  }
}
