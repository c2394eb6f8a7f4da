internal import Diagnostics
internal import Tensors

extension AttackRun {
  // MARK: Clean images

  func cleanLogits(_ clean: Tensor, _ rows: [Int]) throws -> Tensor {
    guard let objective else { return clean }
    return try passes(objective, clean, rows)
  }

  /// Logits of the attacked classifier, averaged over the draws of a stochastic one.
  func passes(
    _ objective: ClassifierObjective, _ images: Tensor, _ rows: [Int]
  ) throws -> Tensor {
    try Tensor.withoutGradients {
      count(forwards: rows)
      var sum = try objective.logits(images)
      for _ in 1..<settings.draws {
        count(forwards: rows)
        sum = try sum + objective.logits(images)
      }
      return settings.draws == 1 ? sum : try sum / Double(settings.draws)
    }
  }

  func judgeClean(_ logits: Tensor, _ rows: [Int]) throws {
    guard report.isJudged, let objective, let verdicts = try verdicts(logits, rows) else { return }
    for (position, row) in rows.enumerated() {
      report.cleanPrediction[row] = verdicts.predictions[position]
      report.cleanCorrect[row] =
        verdicts.predictions[position] == objective.criterion.labels[row]
    }
  }

  /// Samples that do not meet the criterion already, nor are wrong where those are skipped; those that
  /// seem to are asked again, alone.
  func stillToAttack(_ logits: Tensor, _ rows: [Int]) throws -> [Int] {
    guard let objective, let verdicts = try verdicts(logits, rows) else { return rows }
    func isDone(_ prediction: Int, _ row: Int) -> Bool {
      isMet(prediction, row: row)
        || !settings.attacksAll && !objective.isRight(prediction, row: row)
    }
    return try zip(rows, verdicts.predictions).filter { row, prediction in
      guard isDone(prediction, row) else { return true }
      // Nobody reads verdicts: the pass over the batch is good enough.
      guard report.isJudged else { return false }
      let alone = try passes(objective, images.narrowed(0, start: row, length: 1), [row])
      guard let verdict = try self.verdicts(alone, [row]) else { return true }
      return !isDone(verdict.predictions[0], row)
    }.map(\.0)
  }

  /// The clean images are points like any other: a sample that is wrong when clean stays broken.
  func offerClean(
    _ best: BestPoints, _ clean: Tensor, _ logits: Tensor, _ rows: [Int]
  ) throws {
    guard let objective, let verdicts = try verdicts(logits, rows) else { return }
    let losses = try Tensor.withoutGradients { try objective.loss(logits, rows).doubles() }
    let solved = zip(verdicts.predictions, rows).map { isMet($0, row: $1) }
    let wanted = losses.map { $0.isFinite }
    try best.offer(clean, rows: rows, losses: losses, solved: solved, wanted: wanted)
  }

  // MARK: Verdicts

  func judge(_ moved: Tensor, _ rows: [Int], _ best: BestPoints) throws {
    guard let objective, report.isJudged else {
      for row in rows {
        let loss = best.losses[row - rows[0]]
        report.loss[row] = loss.isFinite && !plan.isNearest ? loss : .nan
      }
      return
    }
    for row in rows {
      try Interrupts.poll()
      var image = try moved.narrowed(0, start: row - rows[0], length: 1).contiguous()
      var verdict = try self.verdict(image, row, objective)
      // A transfer attack does not ask the attacked classifier for more than a verdict.
      let isDoubtful = plan.isNearest && settings.sources.isEmpty && !verdict.isMet
      if isDoubtful, best.solved[row - rows[0]] {
        (image, verdict) = try pushed(image, row, objective)
        try best.replace(image, rows: [row])
      }
      report.prediction[row] = verdict.prediction
      report.margin[row] = verdict.margin
      report.success[row] = verdict.isMet
      report.loss[row] = verdict.loss
    }
  }

  /// The verdict on one image, evaluated alone.
  private func verdict(
    _ image: Tensor, _ row: Int, _ objective: ClassifierObjective
  ) throws -> (prediction: Int, margin: Double, isMet: Bool, loss: Double) {
    let logits = try passes(objective, image, [row])
    guard let verdict = try verdicts(logits, [row]) else {
      throw KilpiError("\(attack.name) needs a classifier")
    }
    let loss = try Tensor.withoutGradients { try objective.loss(logits, [row]).item() }
    let prediction = verdict.predictions[0]
    return (prediction, verdict.margins[0], isMet(prediction, row: row), loss)
  }

  /// A nearest point lies so close to the boundary that the last bits of a pass decide about it: one
  /// that fails alone is moved outward until it does not.
  ///
  /// - Returns: the first image that meets the criterion alone; the clean one when none does.
  private func pushed(
    _ image: Tensor, _ row: Int, _ objective: ClassifierObjective
  ) throws -> (Tensor, (prediction: Int, margin: Double, isMet: Bool, loss: Double)) {
    let clean = try images.narrowed(0, start: row, length: 1)
    for factor in settings.isOnEightBitLevels ? [] : NearestSearch.pushes {
      let moved = try ball(clean, .unlimited(settings.budget.norm), [row])
        .held(NearestSearch.pushed(image, from: clean, by: factor))
      let distance = try Distances(from: clean, to: moved)[settings.budget.norm][0]
      if settings.isWithinBudgetOnly, distance > settings.budget.epsilon { break }
      let next = try self.verdict(moved, row, objective)
      if next.isMet { return (moved, next) }
    }
    return (clean, try self.verdict(clean, row, objective))
  }
}
