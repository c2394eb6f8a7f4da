package import Tensors

/// An attack on images: a value whose properties are its hyper-parameters.
package protocol ImageAttack: Parameterized, Sendable {
  /// The short name that everybody says, such as `pgd`.
  var name: String { get }
  /// Its name as a method in scripts and records; `name` unless that says more.
  var method: String { get }
  /// False for a search that asks for logits alone: what it breaks and gradients leave is a sign of
  /// masked gradients.
  var usesGradients: Bool { get }
  /// True when it decides how often to begin anew, whatever the settings say.
  var choosesRestarts: Bool { get }
  /// Settings that it has no use for.
  var unused: Set<SharedSetting> { get }
  /// Norms that it has a form for; the first is its habit.
  var norms: [Norm] { get }

  /// The name where the number of classes is known: sets of attacks are named after their members.
  func name(classes: Int) -> String

  /// The attack as it is with a loss; some walk differently then.
  func following(_ loss: AttackLoss) -> Self

  /// Passes for each sample, at most, with these settings; orders and announces sets of attacks.
  func plannedCost(_ settings: AttackSettings) -> AttackCost

  /// Attacks a classifier.
  ///
  /// - Parameters:
  ///   - images: `[N, C, H, W]`, float32 or float64, in `[0, 1]`, at the data set's own resolution.
  ///   - criterion: labels, and targets for a targeted attack.
  /// - Returns: adversarial images and a report with one entry a sample.
  /// - Throws: `KilpiError` when images leave `[0, 1]`, labels or logits do not fit, the classifier
  ///   returns probabilities, a loss or gradient is not finite; on interrupt; and whatever the
  ///   classifier throws. Inputs are never changed.
  func run(
    _ classifier: Classifier, images: Tensor, criterion: Criterion,
    settings: AttackSettings
  ) throws -> AttackResult
}

extension ImageAttack {
  package var method: String { name }
  package var usesGradients: Bool { true }
  package var choosesRestarts: Bool { false }
  package var unused: Set<SharedSetting> { [] }
  package var norms: [Norm] { Norm.allCases }
  /// True when it follows a loss of its own, whatever the settings say.
  package var choosesLoss: Bool { unused.contains(.loss) }

  package func name(classes: Int) -> String { name }
  package func following(_ loss: AttackLoss) -> Self { self }
}

/// A setting that some attacks have no use for; the raw value is its option.
package enum SharedSetting: String, Sendable {
  /// `AttackSettings.loss`.
  case loss
  /// `AttackSettings.restarts`: runs would not differ.
  case restarts
  /// `AttackSettings.keep`.
  case keep
  /// The targets of a criterion.
  case targets = "targeted"
  /// `AttackSettings.sources`.
  case sources = "source"
  /// `AttackSettings.recordsTrace`.
  case trace
  /// `AttackSettings.startPoints`.
  case start = "init"
}

/// An attack that searches among images: what the base asks of either kind, `FixedBudgetAttack` and
/// `MinimumNormAttack`.
package protocol SearchAttack: ImageAttack {
  /// Points it visits in one run, for progress.
  var plannedVisits: Int { get }
  /// Checks what the ranges of its parameters do not say.
  func check(_ settings: AttackSettings) throws
}

extension SearchAttack {
  /// Nothing more.
  package func check(_ settings: AttackSettings) throws {}
}

/// An attack that increases a loss within a ball.
///
/// The base checks, projects, keeps the best point, restarts, judges and reports; an attack is its
/// `perturb`.
package protocol FixedBudgetAttack: SearchAttack {
  /// Which point is the result when the settings do not say.
  var defaultKeep: Keep { get }
  /// The loss that it increases whatever the settings say; nil for attacks that take any.
  var ownLoss: AttackLoss? { get }
  /// True when the first point it visits is the clean image: the base then saves a pass.
  var startsAtCleanImages: Bool { get }
  /// True when it follows the gradient at its own points, so that a single step must not beat it.
  var followsGradient: Bool { get }
  /// The attack with another rule for the length of its steps where it was given none; itself where it
  /// keeps to its own.
  func stepping(byDefault length: (_ steps: Int) -> Double) -> any FixedBudgetAttack
  /// Walks through the ball once, showing every point to `search`, and ends with `search.finish`.
  func perturb(_ search: PixelSearch) throws
}

extension FixedBudgetAttack {
  /// The best point.
  package var defaultKeep: Keep { .best }
  package var followsGradient: Bool { true }
  package var ownLoss: AttackLoss? { nil }
  /// The loss, where there is one of its own.
  package var unused: Set<SharedSetting> { ownLoss == nil ? [] : [.loss] }
  /// False: most attacks start at a random point.
  package var startsAtCleanImages: Bool { false }
  package func stepping(byDefault length: (_ steps: Int) -> Double) -> any FixedBudgetAttack {
    self
  }

  package func run(
    _ classifier: Classifier, images: Tensor, criterion: Criterion,
    settings: AttackSettings
  ) throws -> AttackResult {
    if criterion.targets == .all {
      return try TargetsInTurn(
        attack: self, classifier: classifier, images: images, labels: criterion.labels,
        settings: settings
      ).result()
    }
    var settings = settings
    settings.search.loss = ownLoss ?? settings.search.loss
    let objective = ClassifierObjective(classifier, criterion, settings)
    return try AttackRun(.within(self), images, settings, objective) {
      try objective.evaluate($0, $1, $2)
    }.result()
  }

  /// Increases any value of the images, without labels: `loss` gives one value a sample.
  ///
  /// The same steps, budgets and bookkeeping as `run`; the report has no verdicts.
  ///
  /// - Parameter loss: values `[n]` of the images `[n, C, H, W]`, the samples `rows` of `images`.
  package func maximize(
    _ loss: @escaping SampleLoss, images: Tensor, settings: AttackSettings
  ) throws -> AttackResult {
    try AttackRun(.within(self), images, settings, nil) { images, rows, pass in
      (loss: try loss(images, rows, pass), logits: nil)
    }.result()
  }
}
