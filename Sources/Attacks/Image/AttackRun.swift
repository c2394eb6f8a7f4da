internal import Diagnostics
internal import Tensors

/// One call of an attack: checks, batches, restarts, verdicts and the report.
final class AttackRun {
  let attack: any FixedBudgetAttack
  let settings: AttackSettings
  let keep: Keep
  let evaluate: Evaluate
  private(set) var ids: [UInt64] = []
  private let images: Tensor
  private let objective: ClassifierObjective?
  private let start = ContinuousClock.now
  private var report: AttackReport
  private var gradientSizes: [Double?] = []
  private var stepsDone = 0
  private var stepsPlanned = 1
  private var judgesFirstVisit = false

  /// - Parameters:
  ///   - objective: the classifier; nil for a loss without labels.
  ///   - evaluate: where losses and gradients come from.
  init(
    _ attack: any FixedBudgetAttack, _ images: Tensor, _ settings: AttackSettings,
    _ objective: ClassifierObjective?, _ evaluate: @escaping Evaluate
  ) throws {
    self.attack = attack
    self.settings = settings
    self.objective = objective
    self.evaluate = evaluate
    keep = settings.keep ?? attack.defaultKeep
    self.images = try images.detached().contiguous()
    report = AttackReport(budget: settings.budget, distance: Distances())
  }

  // MARK: What a search asks and tells

  /// True when solved samples leave the batch.
  ///
  /// A transfer search never asks the attacked classifier,
  /// so it cannot know.
  var retiresSolved: Bool { settings.stopsEarly && settings.sources.isEmpty }

  /// True when the value of the last point is needed, and not only the point.
  var evaluatesLastPoint: Bool {
    keep == .best || settings.restarts > 1 || settings.stopsEarly || settings.recordsTrace
      || (objective == nil && settings.judging == .alone)
  }

  func isMet(_ prediction: Int, row: Int) -> Bool {
    objective?.goal?.isMet(prediction, row: row) ?? false
  }

  func verdicts(_ logits: Tensor, _ rows: [Int]) throws -> Verdicts? {
    guard let goal = objective?.goal else { return nil }
    let classes = logits.shape[1]
    return Verdicts(try logits.doubles(), classes: classes, rows: rows, goal: goal)
  }

  func count(forwards rows: [Int]) { for row in rows { report.forwards[row] += 1 } }
  func count(backwards rows: [Int]) { for row in rows { report.backwards[row] += 1 } }

  /// Sizes of the first gradients, for the flag `zero_gradient`.
  func noteGradients(_ sizes: [Double], _ rows: [Int]) {
    for (size, row) in zip(sizes, rows) where gradientSizes[row] == nil {
      gradientSizes[row] = size
    }
  }

  func trace(
    _ restart: Int, _ visit: Int, _ rows: [Int], _ losses: [Double], _ margins: [Double]?
  ) {
    guard settings.recordsTrace else { return }
    var trace = report.trace ?? AttackTrace()
    let index = restart * (attack.plannedVisits + 1) + visit - 1
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
    restart == 0 ? try settings.startPoints?.detached().rows(rows) : nil
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
    stepsPlanned = max(1, chunks.count * settings.restarts * (attack.plannedVisits + 1))
    var parts: [Tensor] = []
    for (index, range) in chunks.enumerated() {
      parts.append(try attacked(range, isFirst: index == 0))
    }
    let moved = parts.isEmpty ? images : try Tensor.concatenated(parts)
    report.distance = try Distances(from: images, to: moved)
    report.targets = objective?.goal?.targets
    flagZeroGradients()
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
        "", "images are \(images.dtype.rawValue) with \(images.rank) axes",
        advice: "attacks take float images [N, 3, H, W]")
    }
    let samples = images.shape[0]
    try settings.check(images)
    guard attack.norms.contains(settings.budget.norm) else {
      let names = attack.norms.map { "\"\($0.rawValue)\"" }.joined(separator: ", ")
      throw KilpiError(
        "", "\(attack.name) has no form for norm = \"\(settings.budget.norm.rawValue)\"",
        advice: "it takes \(names)")
    }
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
    if objective != nil, settings.judging == .alone {
      report.isJudged = true
      report.success = [Bool](repeating: false, count: samples)
      report.cleanCorrect = report.success
      report.cleanPrediction = report.forwards
      report.prediction = report.forwards
      report.margin = report.loss
    }
  }

  /// The attacked images of one batch of samples.
  private func attacked(_ range: Range<Int>, isFirst: Bool) throws -> Tensor {
    let clean = try images.narrowed(0, start: range.lowerBound, length: range.count)
    let best = try BestPoints(clean: clean, first: range.lowerBound)
    var rows = Array(range)
    judgesFirstVisit = !needsCleanPass && report.isJudged
    if isFirst, settings.probes, report.isJudged, let objective {
      try probeRandomness(objective, clean)
    }
    if let objective, needsCleanPass {
      let logits = try cleanLogits(clean, rows)
      let values = try logits.doubles()
      objective.chooseTargets(values, rows, ids)
      try judgeClean(logits, rows)
      if !settings.attacksAll {
        rows = try stillToAttack(logits, rows)
      } else if keep == .best, settings.sources.isEmpty {
        try offerClean(best, clean, logits, rows)
      }
    }
    if settings.budget.epsilon > 0, !rows.isEmpty {
      try search(clean, range.lowerBound, rows, best)
    }
    try judge(best.images, Array(range), best)
    return best.images
  }

  /// A pass over clean images is saved when the search begins with it anyway.
  private var needsCleanPass: Bool {
    guard let objective else { return false }
    if objective.goal?.targets == nil, objective.criterion.isTargeted { return true }
    let isVisitedFirst =
      attack.startsAtCleanImages && settings.startPoints == nil && settings.sources.isEmpty
      && !settings.isOnEightBitLevels && settings.budget.epsilon > 0
    return !settings.attacksAll || (report.isJudged && !isVisitedFirst)
  }

  private func search(_ clean: Tensor, _ first: Int, _ rows: [Int], _ best: BestPoints) throws {
    let whole = try Ball(clean, settings.budget)
    for restart in 0..<settings.restarts {
      let left = retiresSolved ? rows.filter { !best.solved[$0 - first] } : rows
      if left.isEmpty { break }
      let ball =
        left.count == clean.shape[0] ? whole : try whole.rows(left.map { $0 - first })
      try attack.perturb(PixelSearch(self, ball: ball, rows: left, restart: restart, best: best))
    }
  }

  // MARK: Clean images

  private func cleanLogits(_ clean: Tensor, _ rows: [Int]) throws -> Tensor {
    guard let objective else { return clean }
    return try passes(objective, clean, rows)
  }

  /// Logits of the attacked classifier, averaged over the draws of a stochastic one.
  private func passes(
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

  private func judgeClean(_ logits: Tensor, _ rows: [Int]) throws {
    guard report.isJudged, let objective, let verdicts = try verdicts(logits, rows) else { return }
    for (position, row) in rows.enumerated() {
      report.cleanPrediction[row] = verdicts.predictions[position]
      report.cleanCorrect[row] =
        verdicts.predictions[position] == objective.criterion.labels[row]
    }
  }

  /// Samples that do not meet the criterion already; those that seem to are asked again, alone.
  private func stillToAttack(_ logits: Tensor, _ rows: [Int]) throws -> [Int] {
    guard let objective, let verdicts = try verdicts(logits, rows) else { return rows }
    return try zip(rows, verdicts.predictions).filter { row, prediction in
      guard isMet(prediction, row: row) else { return true }
      let alone = try passes(objective, images.narrowed(0, start: row, length: 1), [row])
      guard let verdict = try self.verdicts(alone, [row]) else { return true }
      return !isMet(verdict.predictions[0], row: row)
    }.map(\.0)
  }

  /// The clean images are points like any other: a sample that is wrong when clean stays broken.
  private func offerClean(
    _ best: BestPoints, _ clean: Tensor, _ logits: Tensor, _ rows: [Int]
  ) throws {
    guard let objective, let verdicts = try verdicts(logits, rows) else { return }
    let losses = try Tensor.withoutGradients { try objective.loss(logits, rows).doubles() }
    let solved = zip(verdicts.predictions, rows).map { isMet($0, row: $1) }
    let wanted = losses.map { $0.isFinite }
    try best.offer(clean, rows: rows, losses: losses, solved: solved, wanted: wanted)
  }

  // MARK: Verdicts

  private func judge(_ moved: Tensor, _ rows: [Int], _ best: BestPoints) throws {
    guard let objective, report.isJudged else {
      for row in rows {
        let loss = best.losses[row - rows[0]]
        report.loss[row] = loss.isFinite ? loss : .nan
      }
      return
    }
    for row in rows {
      try Interrupts.poll()
      let image = try moved.narrowed(0, start: row - rows[0], length: 1).contiguous()
      let logits = try passes(objective, image, [row])
      guard let verdict = try verdicts(logits, [row]) else { continue }
      guard verdict.margins[0].isFinite else {
        throw KilpiError(
          "", "the logits of sample \(row + settings.firstIndex) are not finite",
          advice: "check the classifier's output on this image")
      }
      report.prediction[row] = verdict.predictions[0]
      report.margin[row] = verdict.margins[0]
      report.success[row] = isMet(verdict.predictions[0], row: row)
      report.loss[row] = try Tensor.withoutGradients { try objective.loss(logits, [row]).item() }
    }
  }

  // MARK: Signs of masked gradients

  /// Samples that the probe for random outputs looks at, and passes over them.
  private static let probe = (samples: 8, passes: 5)

  private func probeRandomness(_ objective: ClassifierObjective, _ clean: Tensor) throws {
    let count = min(Self.probe.samples, clean.shape[0])
    let rows = Array(0..<count)
    let part = try clean.narrowed(0, start: 0, length: count).contiguous()
    var first: [Double] = []
    var worst = 0.0
    for pass in 0..<Self.probe.passes {
      self.count(forwards: rows)
      let values = try Tensor.withoutGradients { try objective.logits(part).doubles() }
      if pass == 0 { first = values }
      let scale = first.map { abs($0) }.max() ?? 0
      let change = zip(first, values).map { abs($0 - $1) }.max() ?? 0
      worst = max(worst, scale > 0 ? change / scale : change)
    }
    if worst > 1e-4 {
      report.flags.append(
        AttackFlag(
          .randomisedOutput,
          "\(Self.probe.passes) passes of one batch differ by \(Float(worst)) relative"))
    }
  }

  private func flagZeroGradients() {
    guard settings.probes, report.isJudged else { return }
    let known = gradientSizes.compactMap { $0 }.sorted()
    guard !known.isEmpty else { return }
    let median = known[known.count / 2]
    let unbroken = gradientSizes.indices.filter { !report.success[$0] && gradientSizes[$0] != nil }
    let dead = unbroken.filter { (gradientSizes[$0] ?? 0) <= 1e-12 * median }
    guard !unbroken.isEmpty, Double(dead.count) > 0.01 * Double(unbroken.count) else { return }
    report.flags.append(
      AttackFlag(
        .zeroGradient,
        "\(dead.count) of \(unbroken.count) unbroken samples have no input gradient"))
  }
}

/// Checks of images that are about to be attacked.
enum PixelCheck {
  /// All values must be in `[0, 1]`.
  static func range(_ images: Tensor) throws {
    let bounds =
      images.dtype == .float32
      ? try extremes(Float.self, images) : try extremes(Double.self, images)
    guard bounds.low >= 0, bounds.high <= 1 else {
      throw KilpiError(
        "", "pixel values run from \(bounds.low) to \(bounds.high), outside 0 … 1",
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
