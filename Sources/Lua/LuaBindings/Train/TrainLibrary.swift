internal import AttackPlans
internal import Attacks
internal import ClipModels
internal import Datasets
internal import Diagnostics
internal import Files
internal import LuaHost
internal import Networks
internal import Processes
internal import Tensors
internal import Training

/// The module `train`.
enum TrainLibrary {
  static let library = Library(
    "train",
    doc: """
      Training of CLIP models: plain contrastive training, and fine-tuning against adversarial images, \
      texts and both (MMCoA, arXiv:2404.19287). The model given stays as it was; the result holds the \
      trained copy. With `out`, a run writes run.json, metrics.jsonl, metrics.csv, log.txt, checkpoints \
      and model/, and can be resumed to the very same weights; SIGTERM then finishes the step, saves a \
      checkpoint and ends the program with status 143 (a second one ends it at once).
      """,
    entries: [contrastive, run])

  private static let given: [OptionSpec] = [
    OptionSpec.handle("model", type: "clip model", "the model to start from").mandatory,
    OptionSpec.handle("data", type: "dataset", "images with labels or captions").mandatory,
  ]

  private static let common: [OptionSpec] =
    [
      .any(
        "train", type: "string|table",
        "\"both\", \"visual\", \"visual+scale\", \"text\", \"text_released\", \"bias_norm\", {last_blocks = n}, "
          + "{last_tensors = n} of the image tower, or {lora = {r = 8, alpha = 16, on = {\"q\", \"k\", \"v\", \"o\"}}}"
      ),
      ClipLibrary.truncate, .seed,
      .string("out", "folder of the run"),
      .any(
        "keep_checkpoints", type: "integer|string", default: "2",
        "how many of the newest checkpoints stay, 2 at least, or \"all\""),
      .boolean(
        "resume", default: false,
        "continue the run in out from its newest checkpoint whose SHA-256 is right"),
      .function("on_step", "called with the row of each step; the run ends when it returns false"),
    ] + ValidationOptions.specs

  /// The options of a configuration without their defaults: those of the method hold.
  private static let published: [OptionSpec] =
    withoutDefaults(TrainingConfiguration().options()) + [
      .table("optimizer", withoutDefaults(OptimizerConfiguration().options()), "the optimiser")
    ]

  private static func withoutDefaults(_ specs: [OptionSpec]) -> [OptionSpec] {
    specs.map { spec in
      var spec = spec
      spec.fallback = nil
      return spec
    }
  }

  private static let example = """
    local model = clip.create("tiny")
    local ds = data.from(tensor.rand{4, 3, 16, 16}, {1, 2, 1, 2}, {"cat", "dog"})

    """

  private static let contrastive = Entry(
    "contrastive", "(options: table) -> result: table",
    doc: """
      Trains on images with captions or class prompts: the symmetric contrastive loss over each batch \
      (arXiv:2103.00020), where pairs of one class (or equal captions) all count as matching. The result \
      has model, history (one row a step) and steps.
      """,
    options: given + TrainingConfiguration().options() + [
      .table("optimizer", OptimizerConfiguration().options(), "the optimiser")
    ] + common,
    example: example + """
      local result = train.contrastive{model = model, data = ds, steps = 2, batch = 2}
      print(#result.history, result.model ~= model)  --> 2\ttrue
      """
  ) { call in
    let options = try call.options(1)
    let trainer = try trainer(PlainContrastive(), TrainingPlan(), options, call)
    return try finish(trainer, options, call)
  }

  private static let run = Entry(
    "run", "(options: table) -> result: table",
    doc: """
      Fine-tunes a model by a method, or by a loss of one's own. What is not given is what the method's \
      publication trains with (optimiser, rate, schedule, batch, epochs, weights that are trained, inner \
      attack); profile = "small" is for short runs. Inner attacks run on frozen weights; each distinct text of a batch is \
      attacked once. Options that the method has no use for are refused. Test the result with \
      eval.robustness. Methods:
      """ + " " + ObjectiveOptions.summaries + ".",
    options: [
      .choice(
        "method", TrainingObjectives.all.map(\.name), default: "mmcoa", "how to train"),
      .choice(
        "profile", ["small"],
        "small: AdamW at 1e-5, batch 128, 10 epochs, cosine after 5 % of warm-up, clip_norm 1, three steps "
          + "of the inner attack, in place of the published settings"),
    ] + given + ObjectiveOptions.losses + ObjectiveOptions.specs + [
      .table(
        "image_attack", ImageAttackOptions.table + [ImageAttackOptions.commonMask],
        "the inner image attack; the method's PGD unless it says otherwise"),
      .table("text_attack", TextAttackOptions.table, "the inner text attack"),
      .table("weights", TermWeights().options(), "weights of the terms of mmcoa and its halves"),
    ] + published + common,
    example: example + """
      local result = train.run{method = "mmcoa", model = model, data = ds, steps = 1, batch = 2,
        image_attack = {eps = "2/255", steps = 2}, text_attack = {method = "char", sites = 2}}
      print(result.history[1].loss_image > 0, result.history[1].loss_text > 0)  --> true\ttrue
      """
  ) { call in
    let options = try call.options(1)
    let objective = try ObjectiveOptions.objective(options)
    try refuseUnused(options, objective)
    var plan = TrainingPlan()
    objective.publish(&plan)
    if options.has("profile") { plan.makeSmall() }
    var trainer = try trainer(objective, plan, options, call)
    let isCustom = objective is CustomObjective
    var budget: Budget?
    if objective.attacksImages || isCustom {
      let image = try ObjectiveOptions.imageAttack(options.options("image_attack"), plan, call)
      trainer.imageAttack = image.trainer
      budget = image.settings.threat.budget
      trainer.configuration.attackRecords.append(.init("image", image.record))
    }
    if objective.attacksTexts || isCustom && options.has("text_attack") {
      let text = try ObjectiveOptions.textAttack(
        options.options("text_attack"), plan, call,
        model: options.handle("model", as: ClipModel.self).truncating(options),
        data: options.handle("data", as: Dataset.self),
        templates: options.stringsIfGiven("templates"))
      trainer.textAttack = text.trainer
      trainer.configuration.attackRecords.append(.init("text", text.record))
    }
    return try finish(trainer, options, call, budget: budget)
  }

  /// Refuses attacks that the method has no use for.
  private static func refuseUnused(
    _ options: Options, _ objective: any TrainingObjective
  ) throws {
    if objective is CustomObjective { return }
    for (name, what, isUsed) in [
      ("image_attack", "images", objective.attacksImages),
      ("text_attack", "texts", objective.attacksTexts),
    ] where options.has(name) && !isUsed {
      throw options.problem(
        name, "is given, method = \"\(objective.name)\" attacks no \(what)",
        advice: "leave it out, or use mmcoa")
    }
  }

  /// The trainer that the common options describe.
  private static func trainer(
    _ objective: any TrainingObjective, _ plan: TrainingPlan, _ options: Options, _ call: Call
  ) throws -> Trainer {
    var configuration = plan.configuration
    // Given epochs are not outvoted by published steps.
    if options.has("epochs") { configuration.steps = nil }
    try options.read(into: &configuration)
    try readOptimizer(options, &configuration.optimizer)
    if options.has("train") { configuration.trainable = try TrainedPart.selection(options) }
    if !options.has("warmup") { try shortenWarmup(&configuration, options, call) }
    configuration.seed = try call.randomSource(options).seed
    configuration.output = try options.pathIfGiven("out", writing: true)
    configuration.keptCheckpoints = try keptCheckpoints(options)
    // checkpoint_every = 0, the default, asks for none.
    for (name, isAsked) in [
      ("checkpoint_every", configuration.checkpointEvery > 0),
      ("keep_checkpoints", options.has("keep_checkpoints")),
    ] where isAsked && configuration.output == nil {
      throw options.problem(name, "needs out", advice: "name the run's folder")
    }
    configuration.resumes = try options.boolean("resume")
    if configuration.resumes, configuration.output == nil {
      throw KilpiError("resume = true needs out", advice: "name the run's folder")
    }
    var trainer = Trainer(objective, configuration)
    trainer.progress = call.progress
    trainer.notice = call.note
    trainer.processes = call.processes
    if let function = try options.functionIfGiven("on_step") {
      trainer.onStep = { row in
        try function.first([JSONConversion.Pushed(value: .object(row))]).bool != false
      }
    }
    return trainer
  }

  /// Another optimiser than the published one begins with its own defaults.
  private static func readOptimizer(
    _ options: Options, _ optimizer: inout OptimizerConfiguration
  ) throws {
    let table = try options.options("optimizer")
    if let name = table.value("name").string,
      let kind = OptimizerConfiguration.Kind(rawValue: name),
      kind != optimizer.kind
    {
      let rate = optimizer.learningRate
      optimizer = OptimizerConfiguration()
      optimizer.learningRate = rate
      if kind == .sgd || kind == .adam { optimizer.weightDecay = 0 }
    }
    try table.read(into: &optimizer)
    let foreign = optimizer.kind == .sgd ? ["betas", "eps"] : ["momentum"]
    for name in foreign where table.has(name) {
      throw table.problem(
        name, "is given, \(optimizer.kind.rawValue) has none", advice: "leave it out")
    }
  }

  /// A published warm-up of more than a tenth of the run becomes 5 % of it.
  private static func shortenWarmup(
    _ configuration: inout TrainingConfiguration, _ options: Options, _ call: Call
  ) throws {
    guard configuration.warmup >= 1 else { return }
    let data = try options.handle("data", as: Dataset.self)
    let total =
      configuration.steps
      ?? configuration.epochs.multipliedClamped(by: data.count / max(configuration.batch, 1))
    let published = Int(clamped: configuration.warmup)
    guard published > total / 10 else { return }
    configuration.warmup = 0.05
    if call.processes.isRoot {
      call.note(
        "train.run: the published warm-up of \(published) steps is more than a tenth of this run: 5 % are "
          + "taken (warmup says otherwise)")
    }
  }

  /// nil: all of them.
  private static func keptCheckpoints(_ options: Options) throws -> Int? {
    guard options.has("keep_checkpoints") else { return 2 }
    let value = options.value("keep_checkpoints")
    if value.string == "all" { return nil }
    guard let count = value.int, (2...1_000_000).contains(count) else {
      throw options.problem(
        "keep_checkpoints", "is neither a number from 2 on nor \"all\"",
        advice: "one that is damaged must leave another to go on from")
    }
    return count
  }

  private static func finish(
    _ trainer: Trainer, _ options: Options, _ call: Call, budget: Budget? = nil
  ) throws -> [any LuaConvertible] {
    let model = try options.handle("model", as: ClipModel.self).truncating(options)
    var trainer = trainer
    var data = try options.handle("data", as: Dataset.self)
    trainer.validation = try ValidationOptions.validation(
      &data, trainer, options, call, budget: budget)
    let result = try trainer.run(model, data: data)
    let history = result.history.map { JSONConversion.Pushed(value: .object($0)) }
    var record: LuaRecord = [
      "model": try result.model.truncatingTexts(false), "history": LuaList(history),
      "steps": result.steps,
      "resumed_from": result.resumedFrom, "out": trainer.configuration.output,
    ]
    if let best = result.best {
      record["best"] =
        ["model": try best.model.truncatingTexts(false), "step": best.step, "accuracy": best.value]
        as LuaRecord
    }
    if let average = try result.average?.truncatingTexts(false) { record["average"] = average }
    return [record]
  }
}
