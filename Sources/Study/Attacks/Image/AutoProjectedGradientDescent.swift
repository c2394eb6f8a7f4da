internal import Diagnostics
internal import Tensors

/// Projected gradient descent that chooses its own step length: `apgd`.
///
/// From a start far from the clean image, with `η = 2·epsilon` (L1: `epsilon`):
///
///     z = P(x_k + η · d(∇L)),   x_{k+1} = P(x_k + a (z − x_k) + (1 − a)(x_k − x_{k−1}))
///
/// `a` is 1 in the first step and 0.75 afterwards. At checkpoints, whose distance shrinks from 22 % to 6 %
/// of the steps, a sample goes back to its best point and halves `η` if at most the share `rho` of the
/// steps since the last one increased the loss, or if neither the step nor the best loss changed there.
/// L1 takes no momentum; its sparse step moves fewer entries the sparser the best point gets
/// (arXiv:2103.01208).
///
/// With `aimsAtClasses` one walk after another pulls towards the classes that rank highest on the clean
/// image, each on the samples that are left, with the targeted form of the loss (APGD-T).
///
/// Paper: Croce and Hein, arXiv:2003.01690. Deviations: the first window compares with the loss of the
/// start, where the released code compares one step with a zero (`isCompatible` does too); L1 steps
/// pass over entries that the box blocks, and move `⌊L0 / 1.5⌋` entries, so that a step can end on a
/// single one.
package struct AutoProjectedGradientDescent: FixedBudgetAttack {
  /// Gradient steps of one walk, at least 1.
  package var steps: Int
  /// Share of increases below which a step is halved, in `0 … 1`.
  package var rho: Double
  /// Take classes one after another.
  package var aimsAtClasses: Bool
  /// How many classes; nil for nine, or all others where there are fewer.
  package var classes: Int?
  /// Count increases in the first window, and choose L1 entries, as the released code does.
  package var isCompatible: Bool
  /// Return the point with the largest loss, instead of a successful one before any other.
  package var keepsLargestLoss: Bool
  /// L1: walk through balls of three and two times the budget first.
  package var beginsWide: Bool

  /// Creates the attack; see the properties.
  package init(
    steps: Int = 100, rho: Double = 0.75, aimsAtClasses: Bool = false, classes: Int? = nil,
    isCompatible: Bool = false, keepsLargestLoss: Bool = false, beginsWide: Bool = false
  ) {
    self.steps = steps
    self.rho = rho
    self.aimsAtClasses = aimsAtClasses
    self.classes = classes
    self.isCompatible = isCompatible
    self.keepsLargestLoss = keepsLargestLoss
    self.beginsWide = beginsWide
  }

  /// Classes that are taken when none is asked for.
  package static let usualClasses = 9

  package var name: String { "apgd" }
  /// The best point.
  package var defaultKeep: Keep { keepsLargestLoss ? .largestLoss : .best }
  /// The steps of all walks, and their starts.
  package var plannedVisits: Int {
    steps.addingClamped(3).multipliedClamped(
      by: aimsAtClasses ? classes ?? Self.usualClasses : 1)
  }

  /// All but `aimsAtClasses`, which the loss tells (`following`).
  package static var parameters: [Parameter<Self>] {
    [
      .steps(\.steps, "gradient steps of one walk"),
      Parameter(
        "rho", \.rho, .within(0...1), "share of increases below which a step is halved"),
      Parameter(
        "n_targets", \.classes, 1...1_000_000, "classes taken one after another",
        absent: "\(usualClasses), or all others where there are fewer,"
      ).goesWith("loss", "dlr-targeted"),
      Parameter(
        "best_loss", \.keepsLargestLoss,
        "return the point with the largest loss, instead of a successful one before any other"),
      Parameter(
        "compat", \.isCompatible,
        "count as the released code does, which compares the first step with zero"),
      Parameter(
        "wide_start", \.beginsWide,
        "L1: walk through balls of three and two times eps first, as AutoAttack does"),
    ]
  }

  /// With the loss `dlr-targeted` it takes classes one after another.
  package func following(_ loss: AttackLoss) -> Self {
    var copy = self
    if case .targetedDLR = loss { copy.aimsAtClasses = true }
    return copy
  }

  package func perturb(_ search: PixelSearch) throws {
    guard aimsAtClasses, let ranked = try search.rankedClasses(), let first = ranked.first else {
      return try walk(search)
    }
    if let classes, classes > first.count {
      throw KilpiError(
        "n_targets is \(classes), the classifier has \(first.count + 1) classes",
        advice: "at most \(first.count)")
    }
    for rank in 0..<min(classes ?? Self.usualClasses, first.count) {
      try search.explore(rank, aims: ranked.map { $0[rank] }) { try walk($0) }
    }
  }

  private func walk(_ search: PixelSearch) throws {
    let budget = search.settings.threat.budget
    guard beginsWide, budget.norm == .l1 else {
      let start = try search.start { try search.ball.farPoints(search.streams(.attackStart)) }
      return try climb(search, within: nil, from: start, steps: steps)
    }
    let share = steps / 10 * 3 + steps % 10 * 3 / 10
    let shares = [share, share]
    var point = try search.givenStart()
    for (radius, share) in zip([3.0, 2], shares) where share > 0 {
      let wide = try search.ball.with(Budget(.l1, radius * budget.epsilon))
      let start = try point ?? wide.farPoints(search.streams(.attackStart))
      point = try best(
        search, within: wide, from: wide.projected(start), steps: share, isGiven: point != nil)
    }
    let start = try point ?? search.ball.farPoints(search.streams(.attackStart))
    try climb(
      search, within: nil, from: search.ball.projected(start),
      steps: steps - shares.reduce(0, +), isGiven: point != nil)
  }

  /// The best points of a walk through a ball larger than the budget, which are no results.
  private func best(
    _ search: PixelSearch, within ball: Ball, from start: Tensor, steps: Int, isGiven: Bool
  ) throws -> Tensor {
    var result = start
    try climb(search, within: ball, from: start, steps: steps, isGiven: isGiven) { result = $0 }
    return result
  }

  /// One walk.
  ///
  /// - Parameters:
  ///   - wide: a ball larger than the search's, whose points are no results and let no sample leave.
  ///   - isGiven: the start comes from elsewhere, which tells L1 how sparse it is.
  ///   - receive: gets the best points of a wide walk.
  private func climb(
    _ search: PixelSearch, within wide: Ball?, from start: Tensor, steps: Int,
    isGiven: Bool = false, _ receive: (Tensor) -> Void = { _ in }
  ) throws {
    var visit = try search.visit(start, isResult: wide == nil)
    guard let kept = try search.survivors(), let gradient = visit.gradient else { return }
    let ball = wide ?? search.ball
    var state = try Climb(
      point: try kept.of(start), gradient: try kept.of(gradient), losses: kept.of(visit.losses),
      ball: ball, steps: steps, rho: rho, isCompatible: isCompatible)
    if try isGiven || search.givenStart() != nil { try state.adaptEntries(ball) }
    for step in 0..<steps {
      let point = try state.next(wide ?? search.ball)
      let isLast = step + 1 == steps
      if isLast, wide == nil { return try search.finish(point) }
      visit = try search.visit(point, gradient: !isLast, isResult: wide == nil)
      guard let kept = try search.survivors() else { return }
      try state.narrow(kept)
      try state.move(
        to: kept.of(point), losses: kept.of(visit.losses), gradient: visit.gradient.map(kept.of))
      if !isLast { try state.check(wide ?? search.ball) }
    }
    receive(state.best)
  }
}

/// Where a walk of APGD is, one entry an active sample.
private struct Climb {
  private var point: Tensor
  private var previous: Tensor
  private var gradient: Tensor
  private(set) var best: Tensor
  private var bestGradient: Tensor
  private var bestLosses: [Double]
  private var lastLosses: [Double]
  private var lengths: [Double]
  private var isFirst = true

  // Checkpoints.
  private let rho: Double
  private let isCompatible: Bool
  private let full: Double
  private let decrement: Int
  private let shortest: Int
  private var window: Int
  private var taken = 0
  private var increases: [Int]
  private var wasHalved: [Bool]
  private var checkedLosses: [Double]

  // L1.
  private let norm: Norm
  /// Pixels of each sample that may change.
  private var widths: [Int]
  private var entries: [Int]
  private var support: [Int]

  init(
    point: Tensor, gradient: Tensor, losses: [Double], ball: Ball, steps: Int, rho: Double,
    isCompatible: Bool
  ) throws {
    let count = losses.count
    (self.point, previous, best) = (point, point, point)
    (self.gradient, bestGradient) = (gradient, gradient)
    (bestLosses, checkedLosses) = (losses, losses)
    lastLosses = isCompatible ? [Double](repeating: 0, count: count) : losses
    (self.rho, self.isCompatible) = (rho, isCompatible)
    norm = ball.budget.norm
    full = ball.budget.epsilon * (norm == .l1 ? 1 : 2)
    lengths = [Double](repeating: full, count: count)
    func share(_ percent: Int) -> Int {
      max(steps / 100 * percent + steps % 100 * percent / 100, 1)
    }
    window = norm == .l1 ? share(4) : share(22)
    (decrement, shortest) = (share(3), share(6))
    increases = [Int](repeating: 0, count: count)
    wasHalved = [Bool](repeating: true, count: count)
    widths = try ball.freeCounts()
    support = widths
    entries = widths.map { Self.entries(0.2, of: $0, isCompatible: isCompatible) }
  }

  /// Entries of a sparse step: the released code takes all that are at least as large as the one at
  /// `⌊(1 − share) d⌋` in ascending order.
  private static func entries(_ share: Double, of width: Int, isCompatible: Bool) -> Int {
    let exact = share * Double(width)
    if !isCompatible || width == 0 { return max(1, Int(exact)) }
    return width - min(max(Int(clamped: (1 - share) * Double(width)), 0), width - 1)
  }

  /// The next point.
  mutating func next(_ ball: Ball) throws -> Tensor {
    let ahead = try ball.stepped(
      point, along: gradient, by: lengths, entries: entries,
      passesOverBlocked: !isCompatible)
    defer { isFirst = false }
    if isFirst || norm == .l1 { return ahead }
    return try ball.projected(point + (ahead - point) * 0.75 + (point - previous) * 0.25)
  }

  /// Learns what was found at the next point.
  mutating func move(to next: Tensor, losses: [Double], gradient newest: Tensor?) throws {
    (previous, point) = (point, next)
    if let newest { gradient = newest }
    let isBetter = losses.indices.map { losses[$0] > bestLosses[$0] }
    best = try Tensor.chosen(isBetter, point, best)
    bestGradient = try Tensor.chosen(isBetter, gradient, bestGradient)
    for index in losses.indices {
      bestLosses[index] = max(bestLosses[index], losses[index])
      if losses[index] > lastLosses[index] { increases[index] += 1 }
    }
    lastLosses = losses
    taken += 1
  }

  /// At the end of a window: shorter steps from the best point where the last ones led nowhere.
  mutating func check(_ ball: Ball) throws {
    guard taken == window else { return }
    taken = 0
    let goesBack = norm == .l1 ? try adaptEntries(ball) : halve()
    if norm != .l1 { window = max(window - decrement, shortest) }
    point = try Tensor.chosen(goesBack, best, point)
    gradient = try Tensor.chosen(goesBack, bestGradient, gradient)
  }

  private mutating func halve() -> [Bool] {
    let halves = lengths.indices.map { index in
      Double(increases[index]) <= rho * Double(window)
        || !wasHalved[index] && checkedLosses[index] >= bestLosses[index]
    }
    for index in lengths.indices where halves[index] { lengths[index] /= 2 }
    increases = lengths.map { _ in 0 }
    wasHalved = halves
    checkedLosses = bestLosses
    return halves
  }

  /// L1: as many entries as the best point's support asks for; where that shrank the step is full
  /// again, elsewhere it gets shorter.
  @discardableResult
  mutating func adaptEntries(_ ball: Ball) throws -> [Bool] {
    guard norm == .l1 else { return lengths.map { _ in false } }
    // What rounding leaves of an entry does not count, or a walk would never end on a single one.
    let grain = best.dtype == .float32 ? 0x1p-23 : 0
    let least = isCompatible ? 0 : max(1e-6 * ball.budget.epsilon, grain)
    let moved = try (best - ball.clean).abs().greater(Tensor.scalar(least, best.dtype))
      .flattened(from: 1).sum(axes: [1]).doubles()
    let isStart = isFirst
    return lengths.indices.map { index in
      let changed = Int(moved[index])
      let isSparser = Double(changed) < 0.95 * Double(support[index])
      support[index] = changed
      entries[index] = Self.entries(
        Double(changed) / Double(max(widths[index], 1)) / 1.5, of: widths[index],
        isCompatible: isCompatible)
      if isStart { return false }
      lengths[index] = isSparser ? full : max(lengths[index] / 1.5, full / 10)
      return isSparser
    }
  }

  /// Keeps the samples that stay.
  mutating func narrow(_ kept: Survivors) throws {
    point = try kept.of(point)
    previous = try kept.of(previous)
    gradient = try kept.of(gradient)
    best = try kept.of(best)
    bestGradient = try kept.of(bestGradient)
    bestLosses = kept.of(bestLosses)
    lastLosses = kept.of(lastLosses)
    lengths = kept.of(lengths)
    increases = kept.of(increases)
    wasHalved = kept.of(wasHalved)
    checkedLosses = kept.of(checkedLosses)
    entries = kept.of(entries)
    support = kept.of(support)
    widths = kept.of(widths)
  }
}
