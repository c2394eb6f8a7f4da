internal import Diagnostics
internal import Glibc
internal import Tensors

/// Decoupled direction and norm, `ddn`: the direction follows the gradient, the norm grows or shrinks by
/// a fixed share.
///
/// At step `k` of `n`, with `g = ∇L` at `x + δ`: `δ ← δ + α_k · g / ‖g‖₂`,
/// `α_k = 0.01 + 0.495 · (1 + cos(πk/n))`, from 1 to 0.01; `ρ ← (1 − γ)ρ` where the point meets the
/// criterion, else `(1 + γ)ρ`; then `δ ← ρ · δ / ‖δ‖₂`, inside the box. `ρ` never exceeds the distance to the
/// farthest corner of the box. L2 only; the loss is that of the settings, cross-entropy by habit.
///
/// Paper: Rony et al., arXiv:1811.09600. Differences from published code: the last point is looked
/// at too; a zero gradient leaves the direction as it is.
package struct DecoupledDirectionNorm: MinimumNormAttack {
  /// Steps, at least 1; each costs one forward and one backward.
  package var steps: Int
  /// The first norm `ρ`, in pixel units, above 0.
  package var initialNorm: Double
  /// Share `γ` by which the norm changes at each step, in `0 ..< 1`.
  package var gamma: Double

  /// Creates the attack; see the properties.
  package init(steps: Int = 100, initialNorm: Double = 1, gamma: Double = 0.05) {
    self.steps = steps
    self.initialNorm = initialNorm
    self.gamma = gamma
  }

  package var name: String { "ddn" }
  /// L2 only.
  package var norms: [Norm] { [.l2] }
  /// The steps, and their end.
  package var plannedVisits: Int { steps.addingClamped(1) }

  package static var parameters: [Parameter<Self>] {
    [
      .steps(\.steps),
      Parameter("init_norm", \.initialNorm, .above(0), "the first norm, in pixel units"),
      Parameter(
        "gamma", \.gamma, .between(0, 1),
        "share by which the norm changes, between 0 and 1"),
    ]
  }

  package func approach(_ search: NearestSearch) throws {
    var point = try search.givenStart() ?? search.clean
    var norms = [Double](repeating: initialNorm, count: search.rows.count)
    var farthest = try RowScale.sizes(
      .norm, of: search.free(search.clean.maximum(1.0 - search.clean)))
    for step in 0..<steps {
      var gradient: Tensor?
      let visit = try search.visit(
        point, differentiating: { [try search.loss($0)] }
      ) { gradient = $2 }
      let none = visit.solved.map { _ in false }
      guard let kept = try search.survivors(leaving: none), let gradient else { return }
      for index in norms.indices { norms[index] *= visit.solved[index] ? 1 - gamma : 1 + gamma }
      (norms, farthest) = (kept.of(norms), kept.of(farthest))
      for index in norms.indices { norms[index] = min(norms[index], farthest[index]) }
      let length = 0.01 + 0.495 * (1 + cos(.pi * Double(step) / Double(steps)))
      let direction = try RowScale.scaled(kept.of(gradient), by: .norm)
      let moved = try kept.of(point) - search.clean + direction * length
      let radii = try Tensor(norms, shape: [norms.count, 1, 1, 1]).converted(to: moved.dtype)
      point = try (search.clean + RowScale.scaled(moved, by: .norm) * radii).clamped(0, 1)
    }
    try search.visit(point)
  }
}
