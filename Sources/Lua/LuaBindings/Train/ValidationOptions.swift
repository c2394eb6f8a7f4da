internal import AttackPlans
internal import Attacks
internal import Datasets
internal import Diagnostics
internal import LuaHost
internal import Tensors
internal import Training

/// The options of looks at held-out data during training.
enum ValidationOptions {
  static let specs: [OptionSpec] = [
    .any(
      "validation", type: "dataset|number",
      "images with labels that the run looks at on the way, or the share of data that is cut off for it"
    ),
    .integer(
      "validate_every", range: 1...100_000_000,
      "steps between looks; a tenth of the run when not given"),
    .table(
      "validation_attack", ImageAttackOptions.table,
      "the attack of a look; PGD of ten steps at the budget of image_attack unless it says otherwise"
    ),
    .choice(
      "select", Validation.Choice.allCases.map(\.rawValue), default: "robust",
      "what result.best is chosen by"),
    .table(
      "early_stopping",
      [
        .integer(
          "patience", default: 5, range: 1...1_000_000,
          "looks without a better one that end the run")
      ], "ends the run when looks no longer get better"),
  ]

  /// The looks that the options ask for, at the budget of the inner attack; `data` loses the share that is cut off for them.
  static func validation(
    _ data: inout Dataset, _ trainer: Trainer, _ options: Options, _ call: Call, budget: Budget?
  ) throws -> Validation? {
    guard options.has("validation") else {
      for name in ["validate_every", "validation_attack", "select", "early_stopping"]
      where options.has(name) {
        throw options.problem(
          name, "needs validation", advice: "give a data set, or a share such as 0.1")
      }
      return nil
    }
    let held: Dataset
    if let share = options.value("validation").double {
      guard share > 0, share < 1 else {
        throw options.problem(
          "validation", "is \(ErrorText.number(share)), a share between 0 and 1 is needed")
      }
      let parts = try data.validationSplit(
        share: share, random: RandomSource(seed: trainer.configuration.seed))
      (data, held) = (parts.training, parts.validation)
    } else {
      held = try options.handle("validation", as: Dataset.self)
    }
    let total =
      trainer.configuration.steps
      ?? trainer.configuration.epochs.multipliedClamped(
        by: data.count / max(trainer.configuration.batch, 1))
    var validation = Validation(
      held, every: try options.integerIfGiven("validate_every") ?? max(total / 10, 1))
    validation.choice =
      Validation.Choice(rawValue: try options.string("select")) ?? .robust
    if options.has("early_stopping") {
      validation.patience = try options.options("early_stopping").integer("patience")
    }
    guard validation.choice == .robust || options.has("validation_attack") else {
      return validation
    }
    let table = try options.options("validation_attack")
    var attack = try ImageAttackOptions.specification(
      table, call, usual: table.has("method") ? nil : ProjectedGradientDescent(steps: 10))
    if !table.has("eps"), !table.has("norm"), let budget { attack.settings.threat.budget = budget }
    validation.attack = attack
    return validation
  }
}
