internal import Diagnostics
internal import Tensors

/// One call of an attack: checks, batches, restarts, verdicts and the report.
final class AttackRun {
  let plan: SearchPlan
  let settings: AttackSettings
  let keep: Keep
  let evaluate: Evaluate
  let ledger: AttackLedger
  let judge: AttackJudge
  private(set) var ids: [UInt64] = []
  /// Classes other than the label by rank on the clean image, once a search has asked for them.
  var rankings: [Int: [Int]] = [:]
  let images: Tensor
  private var judgesFirstVisit = false
  private let startPoints: Tensor?

  /// - Parameters:
  ///   - objective: the classifier; nil for a loss without labels.
  ///   - evaluate: where losses and gradients come from.
  init(
    _ plan: SearchPlan, _ images: Tensor, _ settings: AttackSettings,
    _ objective: ClassifierObjective?, _ evaluate: @escaping Evaluate
  ) throws {
    self.plan = plan
    self.settings = settings
    self.evaluate = evaluate
    keep = plan.keep(settings)
    startPoints = try settings.search.startPoints?.detached().cloned()
    // A copy: a classifier or loss of the caller's may write into the tensor it has passed here.
    self.images = try images.detached().cloned()
    ledger = AttackLedger(
      plan.attack.name, samples: images.shape.first ?? 0, settings,
      plannedVisits: plan.attack.plannedVisits, watchesLosses: !plan.isNearest)
    judge = AttackJudge(objective, self.images, settings, plan, ledger)
  }

  /// The attack.
  var attack: any SearchAttack { plan.attack }
  /// The classifier; nil for a loss without labels.
  var objective: ClassifierObjective? { judge.objective }

  // MARK: What a search asks and tells

  /// True when solved samples leave the batch.
  ///
  /// A transfer search never asks the attacked classifier,
  /// so it cannot know.
  var retiresSolved: Bool { settings.search.stopsEarly && settings.search.sources.isEmpty }

  /// True when success at a point means success of the attack: not for transfer, where the search
  /// never asks the attacked classifier, nor where the last point counts.
  var knowsSuccess: Bool {
    objective != nil && settings.search.sources.isEmpty
      && (keep == .best || settings.search.stopsEarly)
  }

  /// True when the value of the last point is needed, and not only the point.
  var evaluatesLastPoint: Bool {
    keep != .last || settings.search.restarts > 1 || settings.search.stopsEarly
      || settings.reporting.recordsTrace
      || (objective == nil && settings.reporting.judging == .alone)
  }

  /// Start points of samples `rows` that the caller gave for the first run.
  func givenStart(_ rows: [Int], restart: Int) throws -> Tensor? {
    restart == 0 ? try startPoints?.rows(rows) : nil
  }

  /// The ball of some samples, with their part of the mask.
  func ball(_ clean: Tensor, _ budget: Budget, _ rows: [Int]) throws -> Ball {
    try Ball(clean, budget, settings.threat.mask, rows: rows)
  }

  /// A search that begins with the clean images tells the clean predictions as well.
  func noteFirstVisit(_ logits: Tensor, _ rows: [Int]) throws {
    guard judgesFirstVisit else { return }
    judgesFirstVisit = false
    try judge.judgeClean(logits, rows)
  }

  // MARK: The call

  func result() throws -> AttackResult {
    try check()
    let samples = images.shape[0]
    let chunk = settings.search.batch == 0 ? max(samples, 1) : settings.search.batch
    let chunks = stride(from: 0, to: samples, by: chunk).map { $0..<min($0 + chunk, samples) }
    ledger.plan(batches: chunks.count)
    var parts: [Tensor] = []
    for range in chunks { parts.append(try attacked(range)) }
    let moved = parts.isEmpty ? images : try Tensor.concatenated(parts)
    var report = try judge.finished(moved)
    report.seed = settings.search.seed
    report.sampleIDs = ids
    try lookForMaskedGradients(moved, &report)
    ledger.end()
    ledger.fill(&report)
    return AttackResult(images: moved, report: report)
  }

  private func check() throws {
    guard images.rank == 4, images.dtype.isFloatingPoint else {
      throw KilpiError(
        "images are \(images.dtype.rawValue) with \(images.rank) axes",
        advice: "attacks take float images [N, 3, H, W]")
    }
    try PixelCheck.sizes(images)
    let samples = images.shape[0]
    try settings.check(images)
    guard attack.norms.contains(settings.threat.budget.norm) else {
      let names = attack.norms.map { "\"\($0.rawValue)\"" }.joined(separator: ", ")
      throw KilpiError(
        "\(attack.name) has no form for norm = \"\(settings.threat.budget.norm.rawValue)\"",
        advice: "it takes \(names)")
    }
    try plan.check(settings, isTargeted: objective?.criterion.isTargeted ?? false)
    try attack.checkParameters(norm: settings.threat.budget.norm)
    try attack.check(settings)
    try objective?.check(samples: samples)
    try PixelCheck.range(images)
    ids = settings.search.sampleIDs ?? (0..<samples).map { UInt64($0) + 1 }
  }

  /// The attacked images of one batch of samples.
  private func attacked(_ range: Range<Int>) throws -> Tensor {
    let clean = try images.narrowed(0, start: range.lowerBound, length: range.count)
    let best = try BestPoints(
      clean: clean, first: range.lowerBound, ranksBySuccess: keep != .largestLoss)
    var rows = Array(range)
    judgesFirstVisit = !needsCleanPass && judge.isJudging
    if let objective, needsCleanPass {
      let logits = try objective.passes(clean, rows, settings.search.draws, ledger)
      let values = try logits.doubles()
      objective.chooseTargets(values, rows, ids)
      try judge.judgeClean(logits, rows)
      if plan.isNearest || !settings.search.attacksAll {
        rows = try judge.stillToAttack(logits, rows)
      } else if keep != .last, settings.search.sources.isEmpty {
        try judge.offerClean(best, clean, logits, rows)
      }
    }
    // A target that is the label leaves nothing to attack for.
    let leftOut = Set(objective?.goal?.leftOut ?? [])
    if !leftOut.isEmpty { rows = rows.filter { !leftOut.contains($0) } }
    if settings.threat.budget.epsilon > 0 || !plan.isBounded(settings), !rows.isEmpty {
      try search(clean, range.lowerBound, rows, best)
    } else if objective == nil, !rows.isEmpty {
      // Without labels nothing else looks at the images, and their loss would stay unknown.
      let losses = try Tensor.withoutGradients {
        try ledger.finite(evaluate(clean, rows, .judge).loss, rows, step: 1)
      }
      ledger.count(forwards: rows)
      let solved = [Bool](repeating: false, count: rows.count)
      try best.offer(clean, rows: rows, losses: losses, solved: solved, wanted: nil)
    }
    if plan.isNearest, settings.threat.isWithinBudgetOnly {
      try best.drop(beyond: settings.threat.budget, clean: clean)
    }
    try judge.judge(best, Array(range))
    return best.images
  }

  /// A pass over clean images is saved when the search begins with it anyway.
  private var needsCleanPass: Bool {
    guard let objective else { return false }
    if plan.isNearest { return true }
    if objective.choosesTargets || objective.goal?.leftOut.isEmpty == false { return true }
    let isVisitedFirst =
      plan.startsAtCleanImages && settings.search.startPoints == nil
      && settings.search.sources.isEmpty
      && !settings.threat.isOnEightBitLevels && settings.threat.budget.epsilon > 0
    return !settings.search.attacksAll || (judge.isJudging && !isVisitedFirst)
  }

  private func search(_ clean: Tensor, _ first: Int, _ rows: [Int], _ best: BestPoints) throws {
    let all = Array(first..<first + clean.shape[0])
    let whole = try ball(clean, plan.ballBudget(settings), all)
    for restart in 0..<plan.runs(settings) {
      let left = retiresSolved ? rows.filter { !best.isDone($0, in: settings, plan) } : rows
      if left.isEmpty { break }
      let ball =
        left.count == clean.shape[0] ? whole : try whole.rows(left.map { $0 - first })
      switch plan {
      case .within(let attack):
        try attack.perturb(PixelSearch(self, ball: ball, rows: left, restart: restart, best: best))
      case .nearest(let attack):
        try attack.approach(
          NearestSearch(self, ball: ball, rows: left, restart: restart, best: best))
      }
    }
    if case .within(let attack) = plan, LevelRefinement.fits(attack, keep, settings) {
      try refineLevels(whole, first, rows, best)
    }
  }

  /// Level by level from the best points of the samples that no run has solved.
  private func refineLevels(
    _ whole: Ball, _ first: Int, _ rows: [Int], _ best: BestPoints
  ) throws {
    var left = rows.filter { !best.isSolved($0) }
    guard objective?.goal != nil, !left.isEmpty else { return }
    var points = try best.images(left)
    for round in 0..<LevelRefinement.rounds where !left.isEmpty {
      let search = PixelSearch(
        self, ball: try whole.rows(left.map { $0 - first }), rows: left,
        restart: settings.search.restarts + round, best: best)
      let next = try LevelRefinement.round(search, from: points)
      left = next.positions.map { left[$0] }
      points = next.points
    }
  }
}

/// How a run searches.
enum SearchPlan {
  /// Inside a ball.
  case within(any FixedBudgetAttack)
  /// For the nearest adversarial image.
  case nearest(any MinimumNormAttack)

  var attack: any SearchAttack {
    switch self {
    case .within(let attack): return attack
    case .nearest(let attack): return attack
    }
  }

  var isNearest: Bool {
    if case .nearest = self { return true }
    return false
  }

  var startsAtCleanImages: Bool {
    if case .within(let attack) = self { return attack.startsAtCleanImages }
    return false
  }

  func keep(_ settings: AttackSettings) -> Keep {
    if case .within(let attack) = self { return settings.search.keep ?? attack.defaultKeep }
    return .best
  }

  /// A search for the nearest image may leave the budget on its way, even where its result must not.
  func ballBudget(_ settings: AttackSettings) -> Budget {
    isNearest ? .unlimited(settings.threat.budget.norm) : settings.threat.budget
  }

  /// True when nothing beyond the budget can be the result.
  func isBounded(_ settings: AttackSettings) -> Bool {
    !isNearest || settings.threat.isWithinBudgetOnly
  }

  /// Runs from different starts; an attack without random choices would only repeat itself.
  func runs(_ settings: AttackSettings) -> Int {
    if case .nearest(let attack) = self, attack.unused.contains(.restarts) { return 1 }
    return settings.search.restarts
  }

  func check(_ settings: AttackSettings, isTargeted: Bool) throws {
    switch self {
    case .within(let attack):
      guard settings.threat.budget.isLimited else {
        throw KilpiError("\(attack.name) needs a budget", advice: "give eps")
      }
    case .nearest(let attack):
      guard !isTargeted || !attack.unused.contains(.targets) else {
        throw KilpiError("\(attack.name) has no targeted form")
      }
    }
  }
}

/// Checks of images that are about to be attacked.
enum PixelCheck {
  /// There must be pixels in an image.
  static func sizes(_ images: Tensor) throws {
    guard images.shape.dropFirst().contains(0) else { return }
    throw KilpiError(
      "images have shape \(images.shape.prefix(8)), which holds no pixel",
      advice: "attacks take float images [N, 3, H, W]")
  }

  /// All values must be in `[0, 1]`.
  static func range(_ images: Tensor) throws {
    let bounds =
      images.dtype == .float32
      ? try extremes(Float.self, images) : try extremes(Double.self, images)
    guard bounds.low >= 0, bounds.high <= 1 else {
      throw KilpiError(
        "pixel values run from \(bounds.low) to \(bounds.high), outside 0 … 1",
        advice: "attacks take unnormalised images; the classifier normalises inside")
    }
  }

  /// Smallest and largest value; NaN counts as outside every range.
  private static func extremes<T: PixelScalar>(
    _ type: T.Type, _ images: Tensor
  ) throws -> (low: Double, high: Double) {
    try T.read(images) { values in
      guard let first = values.first else { return (0, 0) }
      var (low, high, hasNaN) = (first, first, false)
      for value in values {
        low = value < low ? value : low
        high = value > high ? value : high
        hasNaN = hasNaN || value != value
      }
      return hasNaN ? (.nan, .nan) : (Double(low), Double(high))
    }
  }
}
