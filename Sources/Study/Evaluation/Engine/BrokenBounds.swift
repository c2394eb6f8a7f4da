internal import Attacks
internal import Tensors

extension Budget {
  /// Whether a change lies within it, in float64: exactly in L∞, to 1e-6 relative in the other norms.
  func holds(_ change: Double) -> Bool {
    change <= epsilon + (norm == .linf ? 0 : 1e-6 * epsilon)
  }
}

extension AttackReport {
  /// Why a row with these images must not be believed: they leave the budget, or 0 … 1.
  func brokenBounds(_ images: Tensor, _ budget: Budget) throws -> [String] {
    var problems: [String] = []
    let change = distance[budget.norm].max() ?? 0
    if !budget.holds(change) {
      problems.append("the change \(change) is larger than the budget, \(budget.description)")
    }
    if try !images.withPixels({ $0.allSatisfy { $0 >= 0 && $0 <= 1 } }) {
      problems.append("adversarial pixels leave 0 … 1")
    }
    return problems
  }
}
