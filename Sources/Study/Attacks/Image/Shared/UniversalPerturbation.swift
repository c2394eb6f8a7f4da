internal import Diagnostics
internal import Tensors

/// One perturbation for all images, `universal`.
///
/// Over shuffled batches `δ ← P(δ + step · d(Σ_i ∇J(x_i + δ)))`, `d` the sign (L∞) or the gradient over its
/// norm (L2), `P` the projection onto `‖δ‖ ≤ epsilon`. It is applied as the nearest point of each
/// image's own ball and of `[0, 1]`, so that the budget holds for every image exactly. With a mask `δ` is 0
/// outside it.
///
/// Papers: Moosavi-Dezfooli et al., arXiv:1610.08401; Shafahi et al., arXiv:1811.11304, whose gradient
/// form this is.
package struct UniversalPerturbation: Parameterized {
  /// Passes over the images, at least 1.
  package var epochs: Int
  /// Step length in pixel units; nil means a quarter of the budget.
  package var step: Double?

  package init(epochs: Int = 5, step: Double? = nil) {
    self.epochs = epochs
    self.step = step
  }

  package static var parameters: [Parameter<Self>] {
    [
      Parameter("epochs", \.epochs, 1...1_000_000, "passes over the images"),
      .length("step", \.step, .above(0), "length of a step", absent: "eps / 4"),
    ]
  }

  /// Searches on the images that are not held out, and judges all of them.
  ///
  /// - Throws: `KilpiError` for images that differ in size or leave `[0, 1]`, labels or logits that do
  ///   not fit, parameters out of range; on interrupt; and whatever classifier and source throw.
  package func run(
    _ classifier: Classifier, _ source: LabelledSource, budget: Budget,
    settings: SharedSettings
  ) throws -> SharedResult {
    try checkParameters(norm: budget.norm)
    guard budget.norm != .l1, budget.isLimited else {
      throw KilpiError(
        "universal has no form for \(budget.description)", advice: "give eps in linf or l2")
    }
    let run = try SharedRun("universal", classifier, source, budget, settings)
    let length = step ?? budget.epsilon / 4
    var change: Tensor?
    let total = run.isIdle ? 0 : epochs.multipliedClamped(by: run.batches)
    for done in 0..<total {
      let rows = try run.next()
      let images = try run.images(rows)
      let before = try change ?? Tensor.zeros([1] + images.shape.dropFirst(), images.dtype)
      let ball = try run.ball(images, budget, rows)
      let gradient = try ball.free(run.gradient(ball.projected(images + before), rows))
        .sum(axes: [0], keepDimensions: true)
      let direction =
        budget.norm == .linf ? try gradient.sign() : try RowScale.scaled(gradient, by: .norm)
      change = try Self.projected(before + direction * length, budget)
      run.tell(done + 1, of: total)
    }
    // Where every label is the target there is nothing to search for.
    let first = try change ?? run.images([0]) * 0.0
    return try run.result(first.squeezed(0)) { image, row in
      try run.ball(image, budget, [row]).projected(image + first)
    }
  }

  /// The nearest change within the budget.
  private static func projected(_ change: Tensor, _ budget: Budget) throws -> Tensor {
    if budget.norm == .linf {
      // The largest number of the type that is not above epsilon.
      var limit = Double(Float(budget.epsilon))
      if limit > budget.epsilon { limit = Double(Float(budget.epsilon).nextDown) }
      if change.dtype == .float64 { limit = budget.epsilon }
      return try change.clamped(-limit, limit)
    }
    let norm = try Distances(from: change * 0.0, to: change).l2[0]
    if norm <= budget.epsilon { return change }
    // Shorter than the budget by more than rounding can lengthen it.
    let share = change.dtype == .float32 ? 1 - 0x1p-22 : 1 - Ball.margin
    return try change * (budget.epsilon / norm * share)
  }
}
