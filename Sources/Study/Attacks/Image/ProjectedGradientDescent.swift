internal import Tensors

/// Projected gradient descent in an Lp ball around each image: `pgd`.
///
/// `x ← P(x + step · d(∇ₓ L))`, `d` the sign (L∞) or the gradient over its norm (L2); `P` projects onto
/// `‖x − x₀‖ ≤ epsilon` and `[0, 1]` together. With momentum `m`: `v ← d(m · v + d(∇L))`,
/// `x ← P(x + step · v)`.
///
/// Paper: Madry et al., arXiv:1706.06083. Deviation: keeps the best point by default.
package struct ProjectedGradientDescent: FixedBudgetAttack {
  /// Gradient steps, at least 1; each costs one forward and one backward to the images alone.
  package var steps: Int
  /// Step length in pixel units; nil means `2.5 · epsilon / steps`, for L∞ at least 1/255.
  package var step: Double?
  /// Start at a random point of the ball: `U(−epsilon, epsilon)` (L∞), uniform in the ball (L2).
  package var startsAtRandom: Bool
  /// Weight of earlier directions, 0 for none; 0.9 in FARE.
  ///
  /// In L∞ both terms are signs, so that a weight below 1 acts only where the gradient is zero.
  package var momentum: Double

  /// Creates the attack; see the properties.
  package init(
    steps: Int = 10, step: Double? = nil, startsAtRandom: Bool = true, momentum: Double = 0
  ) {
    self.steps = steps
    self.step = step
    self.startsAtRandom = startsAtRandom
    self.momentum = momentum
  }

  package var name: String { "pgd" }
  /// True without a random start.
  package var startsAtCleanImages: Bool { !startsAtRandom }
  package var plannedVisits: Int { steps }

  /// Steps, step, random start and momentum.
  package static var parameters: [Parameter<Self>] {
    [
      .steps(\.steps).inEvaluations(.integer(100)), .step(\.step),
      Parameter("random_start", \.startsAtRandom, "start at a random point of the ball"),
      Parameter(
        "momentum", \.momentum, .atLeast(0), "decay of an accumulated direction; 0.9 in FARE"),
    ]
  }

  /// PGD takes the rule of the method that it is part of.
  package func stepping(
    byDefault length: (_ steps: Int) -> Double
  ) -> any FixedBudgetAttack {
    var copy = self
    copy.step = step ?? length(steps)
    return copy
  }

  package func perturb(_ search: PixelSearch) throws {
    let length = step ?? search.settings.threat.budget.defaultStep(steps)
    var point = try search.start(random: startsAtRandom)
    var velocity: Tensor?
    for _ in 0..<steps {
      let visit = try search.visit(point)
      guard let kept = try search.survivors(), let gradient = visit.gradient else { return }
      var direction = try kept.of(gradient)
      if momentum > 0 {
        direction = try search.ball.direction(direction, at: kept.of(point))
        if let velocity {
          let mixed = try kept.of(velocity) * momentum + direction
          direction = try search.ball.direction(mixed, at: kept.of(point))
        }
        velocity = direction
      }
      point = try search.ball.stepped(kept.of(point), along: direction, by: length)
    }
    try search.finish(point)
  }
}

/// Basic iterative method: PGD from the clean image, last point, `bim`.
///
/// Paper: Kurakin et al., arXiv:1607.02533.
package struct BasicIterativeMethod: FixedBudgetAttack {
  /// Gradient steps, at least 1.
  package var steps: Int
  /// Step length in pixel units; nil means the rule of `ProjectedGradientDescent`.
  package var step: Double?

  /// Creates the attack; see the properties.
  package init(steps: Int = 10, step: Double? = nil) {
    self.steps = steps
    self.step = step
  }

  private var descent: ProjectedGradientDescent {
    ProjectedGradientDescent(steps: steps, step: step, startsAtRandom: false)
  }

  package var name: String { "bim" }
  /// The last point.
  package var defaultKeep: Keep { .last }
  package var startsAtCleanImages: Bool { true }
  package var plannedVisits: Int { steps }
  /// Steps and step.
  package static var parameters: [Parameter<Self>] {
    [.steps(\.steps).inEvaluations(.integer(100)), .step(\.step)]
  }
  package func perturb(_ search: PixelSearch) throws { try descent.perturb(search) }
}
