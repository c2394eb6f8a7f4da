package import Diagnostics
package import Tensors

/// Compares attacks with one another on up to 64 samples: what gradients find must beat what is found
/// without them.
///
/// These probes are attacks of their own and cost as much; reports of attacks do without them, while an
/// evaluation runs them once.
package struct SearchProbes {
  /// Gradient steps of the attack that is compared.
  package var steps = 10
  /// Steps of the attack without a budget.
  package let unboundedSteps = 50
  /// Root of the random draws.
  package var seed: UInt64 = 0
  /// What messages count samples and classes from.
  package var firstIndex = 0
  /// Called after each of the three attacks.
  package var progress: ProgressHandler?

  package init(seed: UInt64 = 0) { self.seed = seed }

  /// All flags that a classifier raises: those of `ModelProbes`, `zero_gradient` and `loss_flat` of PGD,
  /// `single_beats_iterative`, `random_beats_gradient` and `unbounded_not_total`.
  ///
  /// - Parameters:
  ///   - images: `[N, C, H, W]`, of which the first 64 are used.
  ///   - labels: 0-based.
  ///   - budget: that of the evaluation, in L∞ or L2.
  /// - Throws: as attacks do.
  package func flags(
    _ classifier: Classifier, images: Tensor, labels: [Int], budget: Budget
  ) throws -> [AttackFlag] {
    let count = min(ModelProbes.limit, images.shape.first ?? 0)
    guard count > 0, labels.count == images.shape[0] else { return [] }
    let part = try images.narrowed(0, start: 0, length: count).contiguous()
    let criterion = Criterion.misclassified(Array(labels.prefix(count)))
    var settings = AttackSettings(budget: budget, seed: seed)
    settings.reporting.firstIndex = firstIndex
    func broken(
      _ attack: any ImageAttack, _ settings: AttackSettings, _ done: Int
    ) throws -> AttackReport {
      let report = try attack.run(
        classifier, images: part, criterion: criterion, settings: settings
      ).report
      progress?(ProgressEvent(name: "probes", completed: done, total: 3))
      return report
    }
    func number(_ report: AttackReport) -> Int { report.broken.filter { $0 }.count }
    // PGD's own report looks at outputs, inputs, its first gradients, its loss, and a single step.
    let descent = try broken(ProjectedGradientDescent(steps: steps), settings, 1)
    var flags = descent.flags
    settings.reporting.probes = false
    settings.search.stopsEarly = true
    // A gradient costs about three passes.
    let search = try broken(RandomPoints(count: steps.multipliedClamped(by: 3)), settings, 2)
    if let flag = AttackFlag.randomBeatsGradient(
      random: number(search), gradient: number(descent), of: count)
    {
      flags.append(flag)
    }
    settings.threat.budget = try Budget(.linf, 1)
    let free = try broken(ProjectedGradientDescent(steps: unboundedSteps), settings, 3)
    if number(free) < count {
      flags.append(
        AttackFlag(
          .unboundedNotTotal,
          "\(unboundedSteps) steps without a budget left \(count - number(free)) of \(count) samples"
        ))
    }
    return flags
  }
}

/// The best of random points of the ball: half of them uniform, half on its corners (L∞).
struct RandomPoints: FixedBudgetAttack {
  var count: Int

  var name: String { "random" }
  var plannedVisits: Int { count }
  static var parameters: [Parameter<Self>] { [.steps(\.count, "points")] }

  func perturb(_ search: PixelSearch) throws {
    for index in 0..<count {
      var point = try search.ball.randomPoints(search.streams(.probe, step: index))
      if index % 2 == 1 {
        point = try search.ball.stepped(
          search.ball.clean, along: point - search.ball.clean,
          by: search.settings.threat.budget.epsilon)
      }
      if index == count - 1 { return try search.finish(point) }
      _ = try search.visit(point, gradient: false)
      guard try search.survivors() != nil else { return }
    }
  }
}
