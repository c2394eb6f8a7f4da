internal import Diagnostics
internal import Tensors

/// One call of an attack: checks, batches, restarts, verdicts and the report.
final class AttackRun {
  let plan: SearchPlan
  let settings: AttackSettings
  let keep: Keep
  let evaluate: Evaluate
  private(set) var ids: [UInt64] = []
  /// Classes other than the label by rank on the clean image, once a search has asked for them.
  var rankings: [Int: [Int]] = [:]
  let images: Tensor
  let objective: ClassifierObjective?
  private let start = ContinuousClock.now
  var report: AttackReport
  var gradientSizes: [Double?] = []
  var lastSizes: [Double?] = []
  var halfLosses: [Double] = []
  var fullLosses: [Double] = []
  private var stepsDone = 0
  private var stepsPlanned = 1
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
    self.objective = objective
    self.evaluate = evaluate
    keep = plan.keep(settings)
    startPoints = try settings.startPoints?.detached().cloned()
    // A copy: a classifier or loss of the caller's may write into the tensor it has passed here.
    self.images = try images.detached().cloned()
    report = AttackReport(budget: settings.budget, distance: Distances())
  }

  /// The attack.
  var attack: any SearchAttack { plan.attack }

  // MARK: What a search asks and tells

  /// True when solved samples leave the batch.
  ///
  /// A transfer search never asks the attacked classifier,
  /// so it cannot know.
  var retiresSolved: Bool { settings.stopsEarly && settings.sources.isEmpty }

  /// True when success at a point means success of the attack: not for transfer, where the search
  /// never asks the attacked classifier, nor where the last point counts.
  var knowsSuccess: Bool {
    objective != nil && settings.sources.isEmpty && (keep == .best || settings.stopsEarly)
  }

  /// True when the value of the last point is needed, and not only the point.
  var evaluatesLastPoint: Bool {
    keep != .last || settings.restarts > 1 || settings.stopsEarly || settings.recordsTrace
      || (objective == nil && settings.judging == .alone)
  }

  func isMet(_ prediction: Int, row: Int) -> Bool {
    objective?.goal?.isMet(prediction, row: row) ?? false
  }

  func verdicts(_ logits: Tensor, _ rows: [Int], step: Int? = nil) throws -> Verdicts? {
    guard let goal = objective?.goal else { return nil }
    return try Verdicts(
      logits, rows: rows, goal: goal, base: settings.firstIndex,
      when: step.map { " at step \($0)" } ?? "")
  }

  func count(forwards rows: [Int]) { for row in rows { report.forwards[row] += 1 } }
  func count(backwards rows: [Int]) { for row in rows { report.backwards[row] += 1 } }

  /// Sizes of the first gradients, for the flag `zero_gradient`, and of the last, for `loss_flat`.
  func noteGradients(_ sizes: [Double], _ rows: [Int]) {
    for (size, row) in zip(sizes, rows) {
      if gradientSizes[row] == nil { gradientSizes[row] = size }
      lastSizes[row] = size
    }
  }

  func trace(
    _ restart: Int, _ visit: Int, _ rows: [Int], _ losses: [Double], _ margins: [Double]?
  ) {
    guard settings.recordsTrace else { return }
    var trace = report.trace ?? AttackTrace()
    let index = restart.multipliedClamped(by: attack.plannedVisits.addingClamped(1)).addingClamped(
      visit - 1)
    let blank = [Double](repeating: .nan, count: images.shape[0])
    while trace.loss.count <= index { trace.loss.append(blank) }
    for (position, row) in rows.enumerated() { trace.loss[index][row] = losses[position] }
    if let margins {
      while trace.margin.count <= index { trace.margin.append(blank) }
      for (position, row) in rows.enumerated() { trace.margin[index][row] = margins[position] }
    }
    report.trace = trace
  }

  /// Start points of samples `rows` that the caller gave for the first run.
  func givenStart(_ rows: [Int], restart: Int) throws -> Tensor? {
    restart == 0 ? try startPoints?.rows(rows) : nil
  }

  /// The ball of some samples, with their part of the mask.
  func ball(_ clean: Tensor, _ budget: Budget, _ rows: [Int]) throws -> Ball {
    try Ball(
      clean, budget, mask: settings.mask?.expanded(rows, Array(clean.shape.dropFirst())))
  }

  /// A search that begins with the clean images tells the clean predictions as well.
  func noteFirstVisit(_ logits: Tensor, _ rows: [Int]) throws {
    guard judgesFirstVisit else { return }
    judgesFirstVisit = false
    try judgeClean(logits, rows)
  }

  func step(note losses: [Double]) {
    guard let progress = settings.progress, !losses.isEmpty else { return }
    stepsDone = min(stepsDone + 1, stepsPlanned)
    let mean = losses.reduce(0, +) / Double(losses.count)
    let text = "loss \((mean * 1000).rounded() / 1000)"
    progress(
      ProgressEvent(name: attack.name, completed: stepsDone, total: stepsPlanned, note: text))
  }

  // MARK: The call

  func result() throws -> AttackResult {
    try check()
    let samples = images.shape[0]
    let chunk = settings.batch == 0 ? max(samples, 1) : settings.batch
    let chunks = stride(from: 0, to: samples, by: chunk).map { $0..<min($0 + chunk, samples) }
    stepsPlanned = max(
      1,
      chunks.count.multipliedClamped(by: settings.restarts).multipliedClamped(
        by: attack.plannedVisits.addingClamped(1)))
    var parts: [Tensor] = []
    for range in chunks { parts.append(try attacked(range)) }
    let moved = parts.isEmpty ? images : try Tensor.concatenated(parts)
    report.distance = try Distances(from: images, to: moved)
    if settings.judging == .alone { report.quality = try ImageQuality(images, moved) }
    report.targets = objective?.goal?.targets
    report.leftOut = objective?.goal?.leftOut ?? []
    if plan.isNearest, report.isJudged { report.measureNearest() }
    try lookForMaskedGradients(moved)
    // Attacks that need fewer visits than planned still end their bar.
    settings.progress?(
      ProgressEvent(name: attack.name, completed: stepsPlanned, total: stepsPlanned))
    let duration = start.duration(to: .now).components
    report.seconds = Double(duration.seconds) + Double(duration.attoseconds) * 1e-18
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
    guard attack.norms.contains(settings.budget.norm) else {
      let names = attack.norms.map { "\"\($0.rawValue)\"" }.joined(separator: ", ")
      throw KilpiError(
        "\(attack.name) has no form for norm = \"\(settings.budget.norm.rawValue)\"",
        advice: "it takes \(names)")
    }
    try plan.check(settings, isTargeted: objective?.criterion.isTargeted ?? false)
    try attack.checkParameters(norm: settings.budget.norm)
    try attack.check(settings)
    try objective?.check(samples: samples)
    try PixelCheck.range(images)
    ids = settings.sampleIDs ?? (0..<samples).map { UInt64($0) + 1 }
    report.attack = attack.name
    report.seed = settings.seed
    report.sampleIDs = ids
    report.forwards = [Int](repeating: 0, count: samples)
    report.backwards = report.forwards
    report.loss = [Double](repeating: .nan, count: samples)
    gradientSizes = [Double?](repeating: nil, count: samples)
    lastSizes = gradientSizes
    if objective != nil, settings.judging == .alone {
      report.isJudged = true
      report.success = [Bool](repeating: false, count: samples)
      report.cleanCorrect = report.success
      report.labels = objective?.criterion.labels ?? []
      report.cleanPrediction = report.forwards
      report.prediction = report.forwards
      report.margin = report.loss
    }
  }

  /// The attacked images of one batch of samples.
  private func attacked(_ range: Range<Int>) throws -> Tensor {
    let clean = try images.narrowed(0, start: range.lowerBound, length: range.count)
    let best = try BestPoints(
      clean: clean, first: range.lowerBound, ranksBySuccess: keep != .largestLoss)
    var rows = Array(range)
    judgesFirstVisit = !needsCleanPass && report.isJudged
    if let objective, needsCleanPass {
      let logits = try cleanLogits(clean, rows)
      let values = try logits.doubles()
      objective.chooseTargets(values, rows, ids)
      try judgeClean(logits, rows)
      if plan.isNearest || !settings.attacksAll {
        rows = try stillToAttack(logits, rows)
      } else if keep != .last, settings.sources.isEmpty {
        try offerClean(best, clean, logits, rows)
      }
    }
    // A target that is the label leaves nothing to attack for.
    let leftOut = Set(objective?.goal?.leftOut ?? [])
    if !leftOut.isEmpty { rows = rows.filter { !leftOut.contains($0) } }
    if settings.budget.epsilon > 0 || !plan.isBounded(settings), !rows.isEmpty {
      try search(clean, range.lowerBound, rows, best)
    } else if objective == nil, !rows.isEmpty {
      // Without labels nothing else looks at the images, and their loss would stay unknown.
      let losses = try Tensor.withoutGradients {
        try SampleLosses.finite(evaluate(clean, rows).loss, rows, settings, step: 1)
      }
      count(forwards: rows)
      let solved = [Bool](repeating: false, count: rows.count)
      try best.offer(clean, rows: rows, losses: losses, solved: solved, wanted: nil)
    }
    if plan.isNearest, settings.isWithinBudgetOnly {
      try best.drop(beyond: settings.budget, clean: clean)
    }
    try judge(best.images, Array(range), best)
    return best.images
  }

  /// A pass over clean images is saved when the search begins with it anyway.
  private var needsCleanPass: Bool {
    guard let objective else { return false }
    if plan.isNearest { return true }
    if objective.choosesTargets || objective.goal?.leftOut.isEmpty == false { return true }
    let isVisitedFirst =
      plan.startsAtCleanImages && settings.startPoints == nil && settings.sources.isEmpty
      && !settings.isOnEightBitLevels && settings.budget.epsilon > 0
    return !settings.attacksAll || (report.isJudged && !isVisitedFirst)
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
        restart: settings.restarts + round, best: best)
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
    if case .within(let attack) = self { return settings.keep ?? attack.defaultKeep }
    return .best
  }

  /// A search for the nearest image may leave the budget on its way, even where its result must not.
  func ballBudget(_ settings: AttackSettings) -> Budget {
    isNearest ? .unlimited(settings.budget.norm) : settings.budget
  }

  /// True when nothing beyond the budget can be the result.
  func isBounded(_ settings: AttackSettings) -> Bool {
    !isNearest || settings.isWithinBudgetOnly
  }

  /// Runs from different starts; an attack without random choices would only repeat itself.
  func runs(_ settings: AttackSettings) -> Int {
    if case .nearest(let attack) = self, attack.unused.contains(.restarts) { return 1 }
    return settings.restarts
  }

  func check(_ settings: AttackSettings, isTargeted: Bool) throws {
    switch self {
    case .within(let attack):
      guard settings.budget.isLimited else {
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
