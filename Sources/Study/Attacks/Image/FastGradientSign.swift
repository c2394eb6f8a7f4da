internal import Diagnostics
internal import Tensors

/// Fast gradient sign method: one step of the whole budget, `fgsm`.
///
/// `x' = P(x + epsilon · d(∇ₓ L))`, `d` the sign (L∞) or the gradient over its norm (L2); L1 spends the
/// budget on the largest entries of the gradient, each up to the box. All three are the optimum of a
/// linear loss (L2 while the box is inactive). One forward and one backward. It returns its one point, not the better of that and the clean image.
///
/// Paper: Goodfellow et al., arXiv:1412.6572.
package struct FastGradientSign: FixedBudgetAttack {
  /// Creates the attack; it has no parameters but the budget.
  package init() {}

  package var name: String { "fgsm" }
  /// The last point.
  package var defaultKeep: Keep { .last }
  package var startsAtCleanImages: Bool { true }
  package var plannedVisits: Int { 1 }
  package static var parameters: [Parameter<Self>] { [] }
  /// Its one step begins at the clean image.
  package var unused: Set<SharedSetting> { [.start] }

  package func perturb(_ search: PixelSearch) throws {
    let clean = search.ball.clean
    let visit = try search.visit(clean)
    guard let kept = try search.survivors(), let gradient = visit.gradient else { return }
    let budget = search.settings.threat.budget
    let point =
      budget.norm == .l1
      ? try search.ball.filled(along: kept.of(gradient))
      : try search.ball.stepped(kept.of(clean), along: kept.of(gradient), by: budget.epsilon)
    try search.finish(point)
  }
}

/// FGSM after a random step: `rfgsm`, L∞.
///
/// `x₁ = P(x + α · sign N(0, 1))`, then `x' = P(x₁ + (epsilon − α) · sign ∇L(x₁))`.
///
/// Paper: Tramèr et al., arXiv:1705.07204.
package struct RandomFastGradientSign: FixedBudgetAttack {
  /// Length `α` of the random step in pixel units; nil means half the budget.
  package var randomStep: Double?

  package init(randomStep: Double? = nil) { self.randomStep = randomStep }

  package var name: String { "rfgsm" }
  /// L∞ only.
  package var norms: [Norm] { [.linf] }
  /// The last point.
  package var defaultKeep: Keep { .last }
  package var plannedVisits: Int { 1 }

  /// The length of the random step.
  package static var parameters: [Parameter<Self>] {
    [
      .length(
        "random_step", \.randomStep, .atLeast(0), "length of the random step",
        absent: "eps / 2")
    ]
  }
  /// It has a start of its own.
  package var unused: Set<SharedSetting> { [.start] }

  /// The random step must not exceed the budget.
  package func check(_ settings: AttackSettings) throws {
    guard let randomStep else { return }
    guard randomStep <= settings.threat.budget.epsilon else {
      throw KilpiError(
        "the random step \(Budget.number(randomStep)) is outside 0 … eps",
        advice: "leave it out for eps / 2")
    }
  }

  package func perturb(_ search: PixelSearch) throws {
    let epsilon = search.settings.threat.budget.epsilon
    let first = randomStep ?? epsilon / 2
    let clean = search.ball.clean
    let noise = try Tensor.concatenated(
      search.streams(.fgsmStart).map { stream in
        var stream = stream
        return try Tensor.randomNormal(
          [1] + clean.shape.dropFirst(), stream: &stream, dtype: clean.dtype)
      })
    let start = try search.ball.stepped(clean, along: noise, by: first)
    let visit = try search.visit(start)
    guard let kept = try search.survivors(), let gradient = visit.gradient else { return }
    try search.finish(
      search.ball.stepped(kept.of(start), along: kept.of(gradient), by: epsilon - first))
  }
}
