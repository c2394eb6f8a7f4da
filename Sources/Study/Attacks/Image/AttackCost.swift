internal import Diagnostics

/// Passes that an attack plans for each sample; early stopping and skipped samples save some of them.
package struct AttackCost: Equatable, Sendable {
  /// Images that the models are given.
  package var forwards: Int
  /// Gradients that are taken.
  package var backwards: Int

  /// Numbers of passes, at least 0.
  package init(forwards: Int, backwards: Int) {
    self.forwards = max(0, forwards)
    self.backwards = max(0, backwards)
  }

  /// Time in units of a forward pass: a gradient costs about two more.
  package var time: Int {
    backwards.multipliedClamped(by: 2).addingClamped(forwards)
  }

  /// Both costs one after the other.
  package static func + (a: AttackCost, b: AttackCost) -> AttackCost {
    AttackCost(
      forwards: a.forwards.addingClamped(b.forwards),
      backwards: a.backwards.addingClamped(b.backwards))
  }

  /// The cost of so many samples or runs.
  package static func * (cost: AttackCost, count: Int) -> AttackCost {
    AttackCost(
      forwards: cost.forwards.multipliedClamped(by: count),
      backwards: cost.backwards.multipliedClamped(by: count))
  }
}

extension ImageAttack {
  /// A guess for attacks that do not say: twenty gradients.
  package func plannedCost(_ settings: AttackSettings) -> AttackCost {
    AttackCost(forwards: 22, backwards: 20)
  }
}

extension SearchAttack {
  /// Every visit is a gradient; each run ends with one more point, and clean images and results are
  /// judged.
  package func plannedCost(_ settings: AttackSettings) -> AttackCost {
    let run = AttackCost(forwards: plannedVisits, backwards: plannedVisits)
    let visits = (run + AttackCost(forwards: 1, backwards: 0)) * settings.search.restarts
    return (visits + AttackCost(forwards: 2, backwards: 0)) * settings.search.draws
      + LevelRefinement.plannedCost(settings)
  }
}

extension MinimumNormAttack {
  /// Every visit is a gradient; clean images are judged, and results, which may need a second look.
  package func plannedCost(_ settings: AttackSettings) -> AttackCost {
    let runs = unused.contains(.restarts) ? 1 : settings.search.restarts
    let visits = AttackCost(forwards: plannedVisits, backwards: plannedVisits) * runs
    return (visits + AttackCost(forwards: 3, backwards: 0)) * settings.search.draws
  }
}
