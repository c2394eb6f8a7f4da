internal import Diagnostics
internal import Tensors

/// One image's verdict.
struct SampleVerdict {
  /// Top class, 0-based.
  let prediction: Int
  /// The attack's loss, or cross-entropy where there is none.
  let loss: Double
  /// How far beyond the boundary: positive where the criterion is met.
  let margin: Double
}

/// Decides what an attack achieved: float32 verdicts on clean and attacked images, in a report.
final class AttackJudge {
  /// Verdicts so far, one entry a sample.
  private(set) var report: AttackReport
  /// The classifier; nil for a loss without labels.
  let objective: ClassifierObjective?
  private let images: Tensor
  private let settings: AttackSettings
  private let plan: SearchPlan
  private let ledger: AttackLedger

  /// - Parameter images: the clean ones.
  init(
    _ objective: ClassifierObjective?, _ images: Tensor, _ settings: AttackSettings,
    _ plan: SearchPlan, _ ledger: AttackLedger
  ) {
    self.objective = objective
    self.images = images
    self.settings = settings
    self.plan = plan
    self.ledger = ledger
    report = AttackReport(budget: settings.threat.budget, distance: Distances())
    report.attack = plan.attack.name
    let samples = images.shape.first ?? 0
    report.loss = [Double](repeating: .nan, count: samples)
    guard let objective, settings.reporting.judging == .alone else { return }
    report.isJudged = true
    report.success = [Bool](repeating: false, count: samples)
    report.cleanCorrect = report.success
    report.labels = objective.criterion.labels
    report.cleanPrediction = [Int](repeating: 0, count: samples)
    report.prediction = report.cleanPrediction
    report.margin = report.loss
  }

  /// Whether verdicts are wanted.
  var isJudging: Bool { report.isJudged }

  func isMet(_ prediction: Int, row: Int) -> Bool {
    objective?.goal?.isMet(prediction, row: row) ?? false
  }

  /// Top classes and margins of logits; nil for attacks without labels.
  func verdicts(_ logits: Tensor, _ rows: [Int], step: Int? = nil) throws -> Verdicts? {
    guard let goal = objective?.goal else { return nil }
    return try Verdicts(
      logits, rows: rows, goal: goal, base: settings.reporting.firstIndex,
      when: step.map { " at step \($0)" } ?? "")
  }

  // MARK: Clean images

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
        || !settings.search.attacksAll && !objective.isRight(prediction, row: row)
    }
    return try zip(rows, verdicts.predictions).filter { row, prediction in
      guard isDone(prediction, row) else { return true }
      // Nobody reads verdicts: the pass over the batch is good enough.
      guard report.isJudged else { return false }
      let alone = try objective.passes(
        images.narrowed(0, start: row, length: 1), [row], settings.search.draws, ledger)
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

  // MARK: Results

  /// Verdicts on the best points of samples `rows`, each alone.
  func judge(_ best: BestPoints, _ rows: [Int]) throws {
    guard let objective, report.isJudged else {
      for row in rows {
        let loss = best.losses[row - rows[0]]
        report.loss[row] = loss.isFinite && !plan.isNearest ? loss : .nan
      }
      return
    }
    for row in rows {
      try Interrupts.poll()
      var image = try best.images.narrowed(0, start: row - rows[0], length: 1).contiguous()
      var verdict = try objective.verdict(image, row, settings.search.draws, ledger)
      // A transfer attack does not ask the attacked classifier for more than a verdict.
      let isDoubtful =
        plan.isNearest && settings.search.sources.isEmpty && !isMet(verdict.prediction, row: row)
      if isDoubtful, best.solved[row - rows[0]] {
        (image, verdict) = try pushed(image, row, objective)
        try best.replace(image, rows: [row])
      }
      report.prediction[row] = verdict.prediction
      report.margin[row] = verdict.margin
      report.success[row] = isMet(verdict.prediction, row: row)
      report.loss[row] = verdict.loss
    }
  }

  /// A nearest point lies so close to the boundary that the last bits of a pass decide about it: one
  /// that fails alone is moved outward until it does not.
  ///
  /// - Returns: the first image that meets the criterion alone; the clean one when none does.
  private func pushed(
    _ image: Tensor, _ row: Int, _ objective: ClassifierObjective
  ) throws -> (Tensor, SampleVerdict) {
    let clean = try images.narrowed(0, start: row, length: 1)
    for factor in settings.threat.isOnEightBitLevels ? [] : NearestSearch.pushes {
      let moved = try Ball(
        clean, .unlimited(settings.threat.budget.norm), settings.threat.mask, rows: [row]
      )
      .held(NearestSearch.pushed(image, from: clean, by: factor))
      let distance = try Distances(from: clean, to: moved)[settings.threat.budget.norm][0]
      if settings.threat.isWithinBudgetOnly, distance > settings.threat.budget.epsilon { break }
      let next = try objective.verdict(moved, row, settings.search.draws, ledger)
      if isMet(next.prediction, row: row) { return (moved, next) }
    }
    return (clean, try objective.verdict(clean, row, settings.search.draws, ledger))
  }

  /// The report on the whole call.
  func finished(_ moved: Tensor) throws -> AttackReport {
    var report = report
    report.distance = try Distances(from: images, to: moved)
    if settings.reporting.judging == .alone { report.quality = try ImageQuality(images, moved) }
    report.targets = objective?.goal?.targets
    report.leftOut = objective?.goal?.leftOut ?? []
    if plan.isNearest, report.isJudged { report.measureNearest() }
    return report
  }
}

extension Ball {
  /// The ball of samples `rows` of a call, with their part of its mask.
  init(_ clean: Tensor, _ budget: Budget, _ mask: PixelMask?, rows: [Int]) throws {
    try self.init(
      clean, budget, mask: mask?.expanded(rows, Array(clean.shape.dropFirst())))
  }
}
