internal import AttackPlans
internal import Attacks
internal import ClipModels
internal import Datasets
internal import Diagnostics
internal import Files
internal import LuaHost
internal import Networks
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

  private static let optimizer: [OptionSpec] =
    [.choice("name", ["adamw"], default: "adamw", "AdamW: decoupled weight decay")]
    + OptimizerConfiguration().options()

  private static let common: [OptionSpec] =
    [
      OptionSpec.handle("model", type: "clip model", "the model to start from").mandatory,
      OptionSpec.handle("data", type: "dataset", "images with labels or captions").mandatory,
    ] + TrainingConfiguration().options() + [
      .table("optimizer", optimizer, "the optimiser"),
      .any(
        "train", type: "string|table", default: "both",
        "\"both\", \"visual\", \"text\", \"bias_norm\" or {last_blocks = n}"),
      ClipLibrary.truncate, .seed,
      .string("out", "folder of the run"),
      .any(
        "keep_checkpoints", type: "integer|string", default: "2",
        "how many of the newest checkpoints stay, 2 at least, or \"all\""),
      .boolean(
        "resume", default: false,
        "continue the run in out from its newest checkpoint whose SHA-256 is right"),
      .function("on_step", "called with the row of each step"),
    ]

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
    options: common,
    example: example + """
      local result = train.contrastive{model = model, data = ds, steps = 2, batch = 2}
      print(#result.history, result.model ~= model)  --> 2\ttrue
      """
  ) { call in
    let options = try call.options(1)
    var trainer = try trainer(options, call)
    trainer.configuration.method = .contrastive
    return try finish(trainer, options, call)
  }

  private static let run = Entry(
    "run", "(options: table) -> result: table",
    doc: """
      Fine-tunes a model. mmcoa: adversarial images against clean texts and clean images against \
      adversarial texts, both encoders; image-only and text-only: one of the terms; clean: neither \
      attack. Images are attacked by PGD on the class prompts, each distinct text of a batch once; the \
      attacks run on frozen weights. Options that \
      the method has no use for (attacks, weights of terms) are refused. Test the result with eval.robustness.
      """,
    options: [
      .choice(
        "method", ["mmcoa", "image-only", "text-only", "clean"], default: "mmcoa", "how to train"),
      .table(
        "image_attack", ImageAttackOptions.table + [ImageAttackOptions.commonMask],
        "the inner image attack; pgd unless it says otherwise"),
      .table("text_attack", TextAttackOptions.table, "the inner text attack"),
      .table("weights", TermWeights().options(), "weights of the loss's terms"),
    ] + common,
    example: example + """
      local result = train.run{method = "mmcoa", model = model, data = ds, steps = 1, batch = 2,
        image_attack = {eps = "2/255", steps = 2}, text_attack = {method = "char", sites = 2}}
      print(result.history[1].loss_image > 0, result.history[1].loss_text > 0)  --> true\ttrue
      """
  ) { call in
    let options = try call.options(1)
    var trainer = try trainer(options, call)
    let method = TrainingMethod(rawValue: try options.string("method")) ?? .mmcoa
    trainer.configuration.method = method
    if !options.has("targets"), method != .clean { trainer.configuration.targets = .label }
    try refuseUnused(options, method)
    try options.options("weights").read(into: &trainer.configuration.weights)
    if method.attacksImages {
      let table = try options.options("image_attack")
      let image = try ImageAttackOptions.specification(table, call, keepsMask: true)
      trainer.imageAttack = image.trainer
      trainer.configuration.attackRecords.append(.init("image", image.record))
    }
    if method.attacksTexts {
      let model = try options.handle("model", as: ClipModel.self).truncating(options)
      var text = try TextAttackOptions.specification(
        options.options("text_attack"), call, model: model)
      let data = try options.handle("data", as: Dataset.self)
      text.attack.constraints.know(
        data.classNames, templates: try options.stringsIfGiven("templates") ?? data.templates)
      trainer.textAttack = text.trainer
      trainer.configuration.attackRecords.append(.init("text", text.record))
    }
    return try finish(trainer, options, call)
  }

  /// Refuses options that the method has no use for.
  private static func refuseUnused(_ options: Options, _ method: TrainingMethod) throws {
    for (name, what, isUsed) in [
      ("image_attack", "images", method.attacksImages),
      ("text_attack", "texts", method.attacksTexts),
    ] where options.has(name) && !isUsed {
      throw options.problem(
        name, "is given, method = \"\(method.rawValue)\" attacks no \(what)",
        advice: "leave it out, or use mmcoa")
    }
    let terms: [String]
    switch method {
    case .clean, .contrastive: terms = []
    case .imageOnly: terms = ["image", "clean"]
    case .textOnly: terms = ["text", "clean"]
    case .mmcoa: return
    }
    let weights = try options.options("weights")
    for name in TermWeights.parameters.map(\.name) where weights.has(name) {
      if terms.contains(name) { continue }
      throw weights.problem(
        name, "is given, method = \"\(method.rawValue)\" has no such term",
        advice: terms.isEmpty
          ? "its loss is one term: leave weights out" : "it has " + terms.joined(separator: " and ")
      )
    }
  }

  /// The trainer that the common options describe.
  private static func trainer(_ options: Options, _ call: Call) throws -> Trainer {
    var configuration = TrainingConfiguration()
    try options.read(into: &configuration)
    try options.options("optimizer").read(into: &configuration.optimizer)
    configuration.trainable = try selection(options)
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
    var trainer = Trainer(configuration)
    trainer.progress = call.progress
    trainer.notice = call.note
    trainer.processes = call.processes
    if let function = try options.functionIfGiven("on_step") {
      trainer.onStep = { row in _ = try function.call([JSONConversion.Pushed(value: .object(row))])
      }
    }
    return trainer
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

  private static func selection(_ options: Options) throws -> TrainableSelection {
    if options.value("train").table != nil {
      return .lastBlocks(try lastBlocks(options))
    }
    switch options.has("train") ? options.value("train").string : "both" {
    case "both": return .both
    case "visual": return .visual
    case "text": return .text
    case "bias_norm": return .biasNorm
    default:
      throw options.problem(
        "train", "is not a selection",
        advice: "\"both\", \"visual\", \"text\", \"bias_norm\" or {last_blocks = n}")
    }
  }

  private static func lastBlocks(_ options: Options) throws -> Int {
    guard case .map(let pairs) = try options.tree("train"), pairs.count == 1,
      case .string(let key) = pairs[0].key, key.text == "last_blocks",
      case .integer(let count) = pairs[0].value, count >= 1
    else {
      throw options.problem(
        "train", "is a table other than {last_blocks = n}", advice: "n is at least 1")
    }
    return Int(count)
  }

  private static func finish(
    _ trainer: Trainer, _ options: Options, _ call: Call
  ) throws -> [any LuaConvertible] {
    let model = try options.handle("model", as: ClipModel.self).truncating(options)
    let result = try trainer.run(model, data: options.handle("data", as: Dataset.self))
    let history = result.history.map { JSONConversion.Pushed(value: .object($0)) }
    let record: LuaRecord = [
      "model": try result.model.truncatingTexts(false), "history": LuaList(history),
      "steps": result.steps,
      "resumed_from": result.resumedFrom, "out": trainer.configuration.output,
    ]
    return [record]
  }
}
