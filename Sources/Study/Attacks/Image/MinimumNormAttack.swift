internal import Diagnostics
package import Tensors

/// An attack that looks for the nearest image that meets the criterion, rather than for the worst one
/// within a budget.
///
/// The base checks, evaluates, counts, keeps the closest success of each sample, judges it alone and
/// reports; an attack is its `approach`. Samples that meet the criterion when clean come back
/// unchanged at distance 0, samples without any success come back clean at distance infinity. The
/// budget's `epsilon` counts in the report (`shareWithinBudget`, `broken`), and limits the result where
/// the settings say so (`isWithinBudgetOnly`); `keep` does not apply.
package protocol MinimumNormAttack: SearchAttack {
  /// Walks towards the boundary once, showing every point to `search`.
  func approach(_ search: NearestSearch) throws
}

extension MinimumNormAttack {
  /// Restarts and `keep`.
  ///
  /// Most of these attacks draw nothing, and the nearest point is kept.
  package var unused: Set<SharedSetting> { [.restarts, .keep] }

  package func run(
    _ classifier: Classifier, images: Tensor, criterion: Criterion,
    settings: AttackSettings
  ) throws -> AttackResult {
    if criterion.targets == .all {
      return try TargetsInTurn(
        attack: self, classifier: classifier, images: images, labels: criterion.labels,
        settings: settings
      ).result()
    }
    let objective = ClassifierObjective(classifier, criterion, settings)
    return try AttackRun(.nearest(self), images, settings, objective) {
      try objective.evaluate($0, $1, $2)
    }.result()
  }
}

/// What a search for the nearest image learnt at one point, one entry an active sample.
package struct NearestVisit {
  /// The image that the model saw: the point inside the box, on 8-bit levels where asked for.
  package var shown: Tensor
  /// Logits `[n, classes]`, averaged over the draws, without a gradient.
  package var logits: Tensor
  /// The criterion is met, by at least the confidence that was asked for.
  package var solved: [Bool]
  /// How far beyond the boundary: positive where the criterion is met.
  package var margins: [Double]
  /// Distances of `shown` from the clean images in the budget's norm.
  package var distances: [Double]
}

/// One run of a minimum-norm attack over some samples: it evaluates points, counts, keeps the closest
/// success of each sample, and lets samples leave.
///
/// An attack may hold tensors of its own with one entry an active sample; it narrows them by what
/// `survivors` returns.
package final class NearestSearch {
  /// The active samples, as positions in the call's batch.
  package private(set) var rows: [Int]
  /// Which restart this is, from 0 on.
  package let restart: Int
  /// What all attacks have in common.
  package let settings: AttackSettings

  private var box: Ball
  private let run: AttackRun
  private let best: BestPoints
  private var visits = 0

  init(_ run: AttackRun, ball: Ball, rows: [Int], restart: Int, best: BestPoints) {
    self.run = run
    self.rows = rows
    self.restart = restart
    self.best = best
    box = ball
    settings = run.settings
  }

  /// The active samples' clean images.
  package var clean: Tensor { box.clean }

  /// Points with the clean image's bits wherever the mask holds pixels.
  package func held(_ point: Tensor) throws -> Tensor { try box.held(point) }

  /// A gradient, 0 wherever the mask holds pixels.
  package func free(_ gradient: Tensor) throws -> Tensor { try box.free(gradient) }

  /// How distances are measured.
  package var norm: Norm { settings.threat.budget.norm }

  /// A stream of each active sample, which depends on nothing but seed, sample, restart and step.
  package func streams(_ purpose: RandomPurpose, step: Int = 0) -> [RandomStream] {
    rows.map { row in
      RandomSource(seed: settings.search.seed).stream(
        purpose, sample: run.ids[row], restart: restart, step: step)
    }
  }

  /// Start points that the caller gave for the first run, or nil.
  package func givenStart() throws -> Tensor? {
    try run.givenStart(rows, restart: restart).map { try box.projected($0) }
  }

  /// Distances of the nearest successes so far; infinite where there is none.
  package var nearest: [Double] {
    rows.map { best.isSolved($0) ? best.distance($0) : .infinity }
  }

  /// The nearest successes so far; the clean image where there is none.
  package func nearestImages() throws -> Tensor { try best.images(rows) }

  // MARK: What logits say

  /// True classes of the active samples, 0-based.
  package func labels() throws -> [Int] { try goal().labels(rows).integers().map { Int($0) } }

  /// Targets of the active samples, 0-based; nil in an untargeted attack.
  package func targets() throws -> [Int]? {
    try goal().targets(rows)?.integers().map { Int($0) }
  }

  /// The loss of the settings, or another one, of logits `[n, classes]`: `[n]`, to be increased.
  package func loss(_ logits: Tensor, _ loss: AttackLoss? = nil) throws -> Tensor {
    let goal = try goal()
    let values = try (loss ?? settings.search.loss).values(
      logits: logits, labels: goal.labels(rows), targets: goal.targets(rows))
    return try checkedLoss(values, rows: rows.count)
  }

  private func goal() throws -> Goal {
    guard let goal = run.objective?.goal else {
      throw KilpiError("\(run.attack.name) needs a classifier")
    }
    return goal
  }

  // MARK: Points

  /// Evaluates a point of the box and keeps those of its samples that are the nearest success yet.
  ///
  /// - Parameters:
  ///   - confidence: margin from which on a point counts as a success.
  ///   - values: what to differentiate: any number of tensors `[n]` computed from the logits.
  ///   - receive: called for each of them with its number, its values and its gradient
  ///     `[n, C, H, W]`, one after another, so that one gradient is held at a time.
  /// - Throws: `KilpiError` when a value or gradient is not finite, naming sample and step.
  @discardableResult
  package func visit(
    _ point: Tensor, confidence: Double = 0,
    differentiating values: ((_ logits: Tensor) throws -> [Tensor])? = nil,
    _ receive: (_ index: Int, _ values: [Double], _ gradient: Tensor) throws -> Void = { _, _, _ in
    }
  ) throws -> NearestVisit {
    try Interrupts.poll()
    visits += 1
    let inside = try box.projected(point)
    let shown = settings.threat.isOnEightBitLevels ? try box.onEightBitLevels(inside) : inside
    var visit: NearestVisit
    if let values {
      visit = try PixelLeaf.at(shown) { leaf in
        let logits = try self.logits(leaf.images, .step)
        let visit = try judged(shown, logits.detached(), confidence)
        let wanted = try values(logits)
        for (index, value) in wanted.enumerated() {
          let step = try leaf.step(
            value, rows, run.ledger, step: visits, retainGraph: index + 1 < wanted.count)
          try receive(index, step.losses, box.free(step.gradient))
        }
        return visit
      }
    } else {
      visit = try Tensor.withoutGradients {
        try judged(shown, logits(shown, .judge), confidence)
      }
    }
    let wanted = zip(visit.solved, visit.distances).map { $0 && $1 > 0 }
    try best.offer(
      shown, rows: rows, losses: visit.distances.map { -$0 }, solved: visit.solved, wanted: wanted)
    return visit
  }

  private func logits(_ images: Tensor, _ pass: ModelPass) throws -> Tensor {
    var sum: Tensor?
    for _ in 0..<settings.search.draws {
      run.ledger.count(forwards: rows)
      guard let next = try run.evaluate(images, rows, pass).logits else { continue }
      sum = try sum.map { try $0 + next } ?? next
    }
    guard let sum else { throw KilpiError("\(run.attack.name) needs a classifier") }
    return settings.search.draws == 1 ? sum : try sum / Double(settings.search.draws)
  }

  private func judged(
    _ shown: Tensor, _ logits: Tensor, _ confidence: Double
  ) throws -> NearestVisit {
    let distances = try Distances(from: clean, to: shown)[norm]
    guard let verdicts = try run.judge.verdicts(logits, rows, step: visits) else {
      throw KilpiError("\(run.attack.name) needs a classifier")
    }
    let solved = rows.indices.map {
      run.judge.isMet(verdicts.predictions[$0], row: rows[$0]) && verdicts.margins[$0] >= confidence
    }
    if settings.reporting.recordsTrace || settings.reporting.progress != nil {
      let losses = try Tensor.withoutGradients { try loss(logits).doubles() }
      run.ledger.trace(restart, visits, rows, losses, verdicts.margins)
      run.ledger.step(losses: losses)
    }
    return NearestVisit(
      shown: shown, logits: logits, solved: solved, margins: verdicts.margins,
      distances: distances)
  }

  /// Lets samples leave: those that the attack is done with, and those that the settings are.
  ///
  /// - Returns: which ones stay; nil when none does, and there is nothing left to do.
  package func survivors(leaving done: [Bool]) throws -> Survivors? {
    let gone = zip(rows, done).map { row, isDone in
      isDone
        || run.retiresSolved && settings.threat.isWithinBudgetOnly
          && best.isDone(row, in: settings, run.plan)
    }
    guard gone.contains(true) else { return Survivors(positions: nil) }
    let kept = gone.indices.filter { !gone[$0] }
    rows = kept.map { rows[$0] }
    box = try box.rows(kept)
    return kept.isEmpty ? nil : Survivors(positions: kept)
  }

  /// A search of its own over the active samples, for attacks that walk several times: samples may
  /// leave it and are there again afterwards.
  package func explore<Result>(_ walk: (NearestSearch) throws -> Result) rethrows -> Result {
    let inner = NearestSearch(run, ball: box, rows: rows, restart: restart, best: best)
    inner.visits = visits
    defer { visits = inner.visits }
    return try walk(inner)
  }

  // MARK: On the boundary

  /// Relative steps outward by which a point on the boundary is moved when rounding decides.
  ///
  /// The larger ones are for searches in bfloat16, whose verdicts are float32.
  static let pushes = [1e-6, 8e-6, 1e-4, 1e-3, 1e-2, 5e-2]

  /// Moves the active samples' points outward a little, by at most eight millionths of their distance:
  /// on the boundary itself, where an exact step ends, rounding decides.
  package func visitBeyond(_ point: Tensor) throws {
    for factor in Self.pushes.prefix(2) {
      let moved = try Self.pushed(box.projected(point), from: clean, by: factor)
      if try visit(moved).solved.allSatisfy({ $0 }) { return }
    }
  }

  /// `x₀ + (1 + factor) · (x − x₀)`, inside the box.
  static func pushed(_ image: Tensor, from clean: Tensor, by factor: Double) throws -> Tensor {
    try (clean + (image - clean) * (1 + factor)).clamped(0, 1)
  }
}
