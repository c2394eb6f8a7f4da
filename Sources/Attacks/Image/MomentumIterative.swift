internal import Tensors

/// Momentum iterative fast gradient sign method: `mifgsm`, and with look-ahead `nifgsm`.
///
/// `G ← μ · G + g / mean|g|`, `x ← P(x + step · d(G))`, `d` the sign (L∞) or `G / ‖G‖₂` (L2); the mean is
/// that of each sample, and a zero gradient contributes nothing. With look-ahead, `g` is taken at
/// `P(x + step · μ · G)`, which is then also the point that the model sees and that is kept.
///
/// Papers: Dong et al., arXiv:1710.06081; Lin et al., arXiv:1908.06281. Deviation: look-ahead points
/// are projected, so that every image shown to the model is within the budget.
public struct MomentumIterative: FixedBudgetAttack {
  /// Gradient steps, at least 1.
  public var steps: Int
  /// Step length in pixel units; nil means the rule of `ProjectedGradientDescent`.
  public var step: Double?
  /// Weight `μ` of earlier gradients.
  public var decay: Double
  /// Take gradients ahead of the current point (NI-FGSM).
  public var looksAhead: Bool
  /// Start at a random point of the ball.
  public var startsAtRandom: Bool

  /// Creates the attack; see the properties.
  public init(
    steps: Int = 10, step: Double? = nil, decay: Double = 1, looksAhead: Bool = false,
    startsAtRandom: Bool = false
  ) {
    self.steps = steps
    self.step = step
    self.decay = decay
    self.looksAhead = looksAhead
    self.startsAtRandom = startsAtRandom
  }

  /// `mifgsm` or `nifgsm`.
  public var name: String { looksAhead ? "nifgsm" : "mifgsm" }
  /// True without a random start.
  public var startsAtCleanImages: Bool { !startsAtRandom }
  /// The steps.
  public var plannedVisits: Int { steps }

  /// Checks steps, step and decay.
  public func check(_ settings: AttackSettings) throws {
    try ParameterCheck.steps(steps)
    try ParameterCheck.step(step, norm: settings.budget.norm)
    try ParameterCheck.decay(decay, name: "decay")
  }

  /// See `FixedBudgetAttack`.
  public func perturb(_ search: PixelSearch) throws {
    let length = step ?? search.settings.budget.defaultStep(steps)
    var point = try search.start(random: startsAtRandom)
    var sum: Tensor?
    for _ in 0..<steps {
      var shown = point
      if looksAhead, let sum {
        shown = try search.ball.projected(point + sum * (length * decay))
      }
      let visit = try search.visit(shown)
      guard let kept = try search.survivors(), let gradient = visit.gradient else { return }
      let share = try RowScale.scaled(kept.of(gradient), by: .mean)
      let next = try sum.map { try kept.of($0) * decay + share } ?? share
      sum = next
      point = try search.ball.stepped(kept.of(point), along: next, by: length)
    }
    try search.finish(point)
  }
}
