internal import Diagnostics
package import Tensors

/// What a search learnt at one point, one entry an active sample.
package struct Visit {
  package var losses: [Double]
  /// The criterion is met (in this batch's own logits); all false for attacks without labels.
  package var solved: [Bool]
  /// Gradient of the summed loss with respect to the images; nil when it was not asked for.
  package var gradient: Tensor?
  /// Logits `[n, classes]`; nil for attacks without labels.
  package var logits: Tensor?
}

/// Which samples of a batch stay in it.
package struct Survivors {
  /// Positions that stay; nil when all do.
  let positions: [Int]?

  /// The samples of `tensor` that stay.
  package func of(_ tensor: Tensor) throws -> Tensor { try positions.map(tensor.rows) ?? tensor }

  /// The entries of `values` that stay.
  package func of<Value>(_ values: [Value]) -> [Value] {
    positions.map { $0.map { values[$0] } } ?? values
  }
}

/// One run of an attack over some samples: it evaluates points, counts, keeps the best of each
/// sample, and lets solved samples leave.
///
/// An attack may hold tensors of its own with one entry an active sample; after each visit it asks
/// for `survivors()` and narrows them alike.
package final class PixelSearch {
  /// Where points must lie: the ball around the active samples' clean images.
  package private(set) var ball: Ball
  /// The active samples, as positions in the call's batch.
  package private(set) var rows: [Int]
  /// Which restart this is, from 0 on.
  package let restart: Int
  /// What all attacks have in common.
  package let settings: AttackSettings

  /// Classes that losses of this walk pull towards, one an active sample, where the attack is
  /// untargeted but its loss is not; nil for the loss of the settings as it is.
  package private(set) var aims: [Int]?

  private let run: AttackRun
  private let walk: Int
  private let best: BestPoints
  private var visits = 0
  private var solved: [Bool] = []

  init(
    _ run: AttackRun, ball: Ball, rows: [Int], restart: Int, best: BestPoints, walk: Int = 0,
    aims: [Int]? = nil
  ) {
    self.run = run
    self.walk = walk
    self.aims = aims
    self.ball = ball
    self.rows = rows
    self.restart = restart
    self.best = best
    settings = run.settings
  }

  /// True when every sample has left.
  package var isEmpty: Bool { rows.isEmpty }

  /// A stream of each active sample, which depends on nothing but seed, sample, restart, walk and
  /// step.
  package func streams(_ purpose: RandomPurpose, step: Int = 0) -> [RandomStream] {
    rows.map { row in
      RandomSource(seed: settings.search.seed).stream(
        purpose, sample: run.ids[row], restart: restart, step: walk << 32 &+ step)
    }
  }

  /// Where a run starts: the points that the caller gave, else a random point of the ball, else the
  /// clean images.
  package func start(random isRandom: Bool) throws -> Tensor {
    try start { isRandom ? try ball.randomPoints(streams(.attackStart)) : ball.clean }
  }

  /// Where a run starts: the points that the caller gave, else what `draw` makes.
  package func start(_ draw: () throws -> Tensor) throws -> Tensor {
    try givenStart() ?? draw()
  }

  /// The points that the caller gave for the first run, inside the ball; nil where there are none.
  package func givenStart() throws -> Tensor? {
    try run.givenStart(rows, restart: restart).map { try ball.projected($0) }
  }

  /// Evaluates a point of the ball: loss and, unless told otherwise, its gradient.
  ///
  /// With 8-bit levels the model sees the rounded point, while the caller goes on from its own.
  ///
  /// - Parameter isResult: false for a point outside the ball, which is no result and solves nothing.
  /// - Throws: `KilpiError` when a loss or gradient is not finite, naming sample and step.
  package func visit(
    _ point: Tensor, gradient isWanted: Bool = true, isResult: Bool = true
  ) throws -> Visit {
    try Interrupts.poll()
    visits += 1
    let shown = try ball.held(
      settings.threat.isOnEightBitLevels && isResult
        ? ball.onEightBitLevels(point) : point.detached())
    var losses = [Double](repeating: 0, count: rows.count)
    var total: (gradient: Tensor?, logits: Tensor?)
    for _ in 0..<settings.search.draws {
      let drawn = try evaluate(shown, isWanted)
      for (index, value) in drawn.losses.enumerated() {
        losses[index] += value / Double(settings.search.draws)
      }
      total.gradient = try add(total.gradient, drawn.gradient)
      total.logits = try add(total.logits, drawn.logits)
    }
    var visit = Visit(
      losses: losses, solved: rows.map { _ in false },
      gradient: try total.gradient.map { try ball.free(averaged($0)) },
      logits: try total.logits.map { try averaged($0) })
    var margins: [Double]?
    if let logits = visit.logits, let verdicts = try run.judge.verdicts(logits, rows, step: visits)
    {
      visit.solved = zip(verdicts.predictions, rows).map {
        isResult && run.judge.isMet($0, row: $1)
      }
      if isWanted { visit.solved = try confirmed(visit.solved, shown) }
      margins = verdicts.margins
    }
    if let logits = visit.logits { try run.noteFirstVisit(logits, rows) }
    if isResult, run.keep != .last || settings.search.stopsEarly {
      let wanted = visit.solved.map { run.keep != .last || $0 }
      try best.offer(
        shown, rows: rows, losses: ranks(losses, visit.logits), solved: visit.solved,
        wanted: wanted)
    }
    run.ledger.trace(restart, visits, rows, losses, margins)
    // Losses of points outside the ball, and of walks towards different classes, do not compare.
    if isResult, aims == nil {
      run.ledger.note(losses: losses, rows, restart: restart, visit: visits)
    }
    run.ledger.step(losses: losses)
    solved = visit.solved
    return visit
  }

  /// Success by a pass that decides, where steps are less precise.
  private func confirmed(_ solved: [Bool], _ shown: Tensor) throws -> [Bool] {
    let positions = solved.indices.filter { solved[$0] }
    guard settings.reporting.judging == .alone, settings.search.sources.isEmpty, !positions.isEmpty,
      let objective = run.objective, objective.hasTwoForms
    else { return solved }
    let asked = positions.map { rows[$0] }
    run.ledger.count(forwards: asked)
    let logits = try Tensor.withoutGradients { try objective.logits(shown.rows(positions)) }
    guard let verdicts = try run.judge.verdicts(logits, asked) else { return solved }
    var confirmed = solved
    for (index, position) in positions.enumerated() {
      confirmed[position] = run.judge.isMet(verdicts.predictions[index], row: asked[index])
    }
    return confirmed
  }

  /// What points are compared by: walks that aim at different classes are compared by the loss of
  /// the settings, as the clean images are.
  private func ranks(_ losses: [Double], _ logits: Tensor?) throws -> [Double] {
    guard aims != nil, let logits, let objective = run.objective else { return losses }
    return try Tensor.withoutGradients { try objective.loss(logits, rows).doubles() }
  }

  /// The gradient at images that are no points of the search, such as transformed copies of one: they
  /// are counted, but neither kept nor judged.
  package func gradient(at images: Tensor) throws -> Tensor {
    try Interrupts.poll()
    var sum: Tensor?
    for _ in 0..<settings.search.draws {
      sum = try add(sum, evaluate(images.detached(), true).gradient)
    }
    guard let sum else { return try Tensor.zeros(images.shape, images.dtype) }
    return try averaged(sum)
  }

  private func add(_ sum: Tensor?, _ next: Tensor?) throws -> Tensor? {
    guard let sum, let next else { return next ?? sum }
    return try sum + next
  }

  private func averaged(_ sum: Tensor) throws -> Tensor {
    settings.search.draws == 1 ? sum : try sum / Double(settings.search.draws)
  }

  private func evaluate(
    _ shown: Tensor, _ isWanted: Bool
  ) throws -> (losses: [Double], gradient: Tensor?, logits: Tensor?) {
    run.ledger.count(forwards: rows)
    guard isWanted else {
      let (loss, logits) = try Tensor.withoutGradients { try value(shown, .judge) }
      return (try run.ledger.finite(loss, rows, step: visits), nil, logits?.detached())
    }
    return try PixelLeaf.at(shown) { leaf in
      let (loss, logits) = try value(leaf.images, .step)
      let step = try leaf.step(loss, rows, run.ledger, step: visits)
      return (step.losses, step.gradient, logits?.detached())
    }
  }

  private func value(
    _ images: Tensor, _ pass: ModelPass
  ) throws -> (loss: Tensor, logits: Tensor?) {
    guard let aims, let objective = run.objective else {
      return try run.evaluate(images, rows, pass)
    }
    return try objective.evaluate(images, rows, pass, aims: aims)
  }

  /// Lets samples that the last visit solved leave, where the settings ask for it.
  ///
  /// - Returns: which ones stay; nil when none does, and there is nothing left to do.
  package func survivors() throws -> Survivors? {
    guard run.retiresSolved, solved.contains(true) else { return Survivors(positions: nil) }
    let kept = solved.indices.filter { !solved[$0] }
    rows = kept.map { rows[$0] }
    ball = try ball.rows(kept)
    aims = aims.map { aims in kept.map { aims[$0] } }
    solved = kept.map { _ in false }
    return kept.isEmpty ? nil : Survivors(positions: kept)
  }

  /// Classes of each active sample other than its label, the strongest on the clean image first; nil
  /// for attacks without labels, and for targeted ones, which know what they aim at.
  ///
  /// Costs a forward pass the first time.
  package func rankedClasses() throws -> [[Int]]? {
    guard let objective = run.objective, !objective.criterion.isTargeted else { return nil }
    let known = rows.compactMap { run.rankings[$0] }
    if known.count == rows.count { return known }
    let shown =
      settings.threat.isOnEightBitLevels ? try ball.onEightBitLevels(ball.clean) : ball.clean
    var sum: Tensor?
    for _ in 0..<settings.search.draws {
      sum = try add(sum, evaluate(shown, false).logits)
    }
    guard let logits = sum else { return nil }
    let base = settings.reporting.firstIndex
    let values = try logits.finiteScores { "sample \(rows[$0] + base)" }
    let classes = logits.shape[1]
    return rows.enumerated().map { position, row in
      let ranked = (0..<classes).filter { $0 != objective.criterion.labels[row] }.sorted {
        let (a, b) = (values[position * classes + $0], values[position * classes + $1])
        return a == b ? $0 < $1 : a > b
      }
      run.rankings[row] = ranked
      return ranked
    }
  }

  /// A walk of its own over the active samples, after the first one over those that are not solved
  /// yet, for attacks that take one target after another: samples may leave it and are there again
  /// afterwards.
  ///
  /// - Parameters:
  ///   - number: the walk's, from 0 on, which keys its random draws.
  ///   - aims: what its loss pulls towards, one an active sample.
  package func explore(
    _ number: Int, aims: [Int]? = nil, _ body: (PixelSearch) throws -> Void
  ) throws {
    let left = rows.indices.filter {
      number == 0 || !run.knowsSuccess || !best.isSolved(rows[$0])
    }
    if left.isEmpty { return }
    let inner = PixelSearch(
      run, ball: left.count == rows.count ? ball : try ball.rows(left), rows: left.map { rows[$0] },
      restart: restart, best: best, walk: number, aims: aims.map { aims in left.map { aims[$0] } })
    inner.visits = visits
    defer { visits = inner.visits }
    try body(inner)
  }

  /// Ends the run at a point that it has visited already, with what it learnt there.
  package func finish(at point: Tensor, losses: [Double], solved: [Bool]) throws {
    if run.keep != .last { return }
    let shown = try self.shown(point)
    if run.evaluatesLastPoint {
      try best.offer(shown, rows: rows, losses: losses, solved: solved, wanted: nil)
    } else {
      try best.replace(shown, rows: rows)
    }
  }

  /// What the model sees of a point.
  private func shown(_ point: Tensor) throws -> Tensor {
    try ball.held(settings.threat.isOnEightBitLevels ? ball.onEightBitLevels(point) : point)
  }

  /// Ends the run at its last point, which is evaluated only where that can matter.
  package func finish(_ point: Tensor) throws {
    if run.evaluatesLastPoint {
      let visit = try visit(point, gradient: false)
      if run.keep != .last { return }
      try best.offer(
        shown(point), rows: rows, losses: visit.losses, solved: visit.solved, wanted: nil)
    } else {
      try best.replace(shown(point), rows: rows)
    }
  }
}
