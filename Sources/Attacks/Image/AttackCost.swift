/// Passes that an attack plans for each sample; early stopping and skipped samples save some of them.
public struct AttackCost: Equatable, Sendable {
  /// Images that the models are given.
  public var forwards: Int
  /// Gradients that are taken.
  public var backwards: Int

  /// Numbers of passes, at least 0.
  public init(forwards: Int, backwards: Int) {
    self.forwards = max(0, forwards)
    self.backwards = max(0, backwards)
  }

  /// Time in units of a forward pass: a gradient costs about two more.
  public var time: Int {
    let (double, overflow) = backwards.multipliedReportingOverflow(by: 2)
    let (sum, more) = forwards.addingReportingOverflow(double)
    return overflow || more ? Int.max : sum
  }

  /// Both costs one after the other.
  public static func + (a: AttackCost, b: AttackCost) -> AttackCost {
    AttackCost(
      forwards: saturated(a.forwards.addingReportingOverflow(b.forwards)),
      backwards: saturated(a.backwards.addingReportingOverflow(b.backwards)))
  }

  /// The cost of so many samples or runs.
  public static func * (cost: AttackCost, count: Int) -> AttackCost {
    AttackCost(
      forwards: saturated(cost.forwards.multipliedReportingOverflow(by: count)),
      backwards: saturated(cost.backwards.multipliedReportingOverflow(by: count)))
  }

  private static func saturated(_ result: (partialValue: Int, overflow: Bool)) -> Int {
    result.overflow ? Int.max : result.partialValue
  }
}

extension ImageAttack {
  /// A guess for attacks that do not say: twenty gradients.
  public func plannedCost(_ settings: AttackSettings) -> AttackCost {
    AttackCost(forwards: 22, backwards: 20)
  }
}

extension SearchAttack {
  /// Every visit is a gradient; each run ends with one more point, and clean images and results are
  /// judged.
  public func plannedCost(_ settings: AttackSettings) -> AttackCost {
    let run = AttackCost(forwards: plannedVisits, backwards: plannedVisits)
    let visits = (run + AttackCost(forwards: 1, backwards: 0)) * settings.restarts
    return (visits + AttackCost(forwards: 2, backwards: 0)) * settings.draws
      + LevelRefinement.plannedCost(settings)
  }
}

extension MinimumNormAttack {
  /// Every visit is a gradient; clean images are judged, and results, which may need a second look.
  public func plannedCost(_ settings: AttackSettings) -> AttackCost {
    let runs = isRandomised ? settings.restarts : 1
    let visits = AttackCost(forwards: plannedVisits, backwards: plannedVisits) * runs
    return (visits + AttackCost(forwards: 3, backwards: 0)) * settings.draws
  }
}
