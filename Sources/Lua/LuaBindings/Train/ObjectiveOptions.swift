internal import AttackPlans
internal import Attacks
internal import ClipModels
internal import Datasets
internal import Diagnostics
internal import LuaHost
internal import Tensors
internal import Training

/// The options of training methods: those that their types declare, and what a run makes of them.
enum ObjectiveOptions {
  /// Options of the methods themselves; one name may belong to several.
  static let specs: [OptionSpec] = {
    var specs: [OptionSpec] = []
    var owners: [String: [String]] = [:]
    var docs: [String: [String]] = [:]
    for objective in TrainingObjectives.all {
      for var spec in objective.options() where !functions.contains(spec.name) {
        owners[spec.name, default: []].append(objective.name)
        if docs[spec.name]?.contains(spec.doc) != true {
          docs[spec.name, default: []].append(spec.doc)
        }
        guard !specs.contains(where: { $0.name == spec.name }) else {
          specs[specs.firstIndex { $0.name == spec.name } ?? 0].fallback = nil
          continue
        }
        if owners[spec.name]?.count ?? 0 > 1 { spec.fallback = nil }
        specs.append(spec)
      }
    }
    for index in specs.indices {
      let name = specs[index].name
      let methods = (owners[name] ?? []).joined(separator: ", ")
      specs[index].doc = "\(methods): " + (docs[name] ?? []).joined(separator: "; ")
    }
    return specs
  }()

  /// Options that take a function beside the names that methods declare.
  private static let functions: Set<String> = ["loss", "inner_loss"]

  static let losses: [OptionSpec] = [
    .any(
      "loss", type: "string|function",
      "a loss of one's own, a function of a training step's features that gives a scalar, in place of a "
        + "method; adversarial: \"infonce\" (pairs of the batch, the default) or \"ce\" (all classes)"
    ),
    .any(
      "inner_loss", type: "string|function",
      "what the inner attack on images increases: \"ce\", \"infonce\", or with a loss of one's own a "
        + "function (image, step) -> [N] of the normalised features of moved images"),
  ]

  /// The help of `method`: one sentence each.
  static let summaries = TrainingObjectives.all.map { "\($0.name): \($0.summary)" }
    .joined(separator: "; ")

  /// The method that the options ask for, with its parameters.
  static func objective(_ options: Options) throws -> any TrainingObjective {
    if let function = options.value("loss").function {
      if let other = (["method"] + specs.map(\.name)).first(where: { options.has($0) }) {
        throw options.problem(
          other, "is given beside a loss of one's own", advice: "leave one of them out")
      }
      return CustomObjective(
        loss: function, innerLoss: options.value("inner_loss").function,
        isInBatch: options.value("inner_loss").string == "infonce")
    }
    return try named(options)
  }

  private static func named(_ options: Options) throws -> any TrainingObjective {
    let name = options.has("method") ? try options.string("method") : "mmcoa"
    guard var objective = TrainingObjectives.named(name) else {
      throw KilpiError("there is no method '\(name)'")
    }
    let own = Set(objective.parameterForms.map(\.name))
    for spec in specs + losses where options.has(spec.name) && !own.contains(spec.name) {
      throw options.problem(
        spec.name, "is none of method \"\(name)\"",
        advice: own.isEmpty
          ? "leave it out" : "it has " + own.sorted().joined(separator: ", "))
    }
    try read(options, into: &objective)
    if options.has("targets"), !objective.comparesPairs, objective.name != "adversarial" {
      throw options.problem(
        "targets", "is given, method = \"\(name)\" compares no pairs of a batch",
        advice: "leave it out")
    }
    return objective
  }

  private static func read(
    _ options: Options, into objective: inout any TrainingObjective
  ) throws {
    func read<Objective: TrainingObjective>(_ own: Objective) throws -> Objective {
      var own = own
      try options.narrowed(to: own.options() + [.table("weights", TermWeights().options(), "")])
        .read(into: &own)
      return own
    }
    objective = try read(objective)
    guard var pairs = objective as? MultimodalContrastive else {
      if options.has("weights") {
        throw options.problem(
          "weights", "is given, method = \"\(objective.name)\" has no such terms",
          advice: "leave it out, or use mmcoa")
      }
      return
    }
    let weights = try options.options("weights")
    for name in TermWeights.parameters.map(\.name) where weights.has(name) {
      if pairs.weightNames.contains(name) { continue }
      throw weights.problem(
        name, "is given, method = \"\(pairs.name)\" has no such term",
        advice: "it has "
          + TermWeights.parameters.map(\.name).filter(pairs.weightNames.contains).joined(
            separator: " and "))
    }
    try weights.read(into: &pairs.weights)
    objective = pairs
  }

  /// The inner attack on images of a plan, changed by the options of its table.
  static func imageAttack(
    _ options: Options, _ plan: TrainingPlan, _ call: Call
  ) throws -> ImageAttackSpecification {
    var usual = plan.imageAttack
    // The published length of a step belongs to the published budget and number of steps.
    if options.has("eps") || options.has("steps") { usual.step = nil }
    var specification = try ImageAttackOptions.specification(
      options, call, usual: options.has("method") ? nil : usual, keepsMask: true)
    if !options.has("eps"), !options.has("norm") {
      specification.settings.threat.budget = try Budget(.linf, plan.epsilon)
    }
    if !options.has("keep") { specification.settings.search.keep = plan.keep }
    return specification
  }

  /// The inner attack on texts of a plan, changed by the options of its table.
  static func textAttack(
    _ options: Options, _ plan: TrainingPlan, _ call: Call, model: ClipModel, data: Dataset,
    templates: [String]?
  ) throws -> TextAttackSpecification {
    var text = try TextAttackOptions.specification(
      options, call, model: model, usual: options.has("method") ? nil : plan.textMethod)
    text.attack.constraints.know(data.classNames, templates: templates ?? data.templates)
    return text
  }
}
