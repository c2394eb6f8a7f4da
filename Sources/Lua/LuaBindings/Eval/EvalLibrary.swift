internal import AttackPlans
internal import Attacks
internal import ClipModels
internal import Datasets
internal import Defences
internal import Diagnostics
internal import Evaluation
internal import Files
internal import LuaHost
internal import Processes
internal import Tensors

/// The module `eval`.
enum EvalLibrary {
  static let library = Library(
    "eval",
    doc: """
      Robust accuracy measured as it should be: per sample, with every attack judged afresh, Wilson \
      intervals, both attack-success rates, and a record of everything that fixes the numbers.
      """,
    entries: [robustness, cost, ComparisonEntries.compare, RetrievalEntries.retrieval, load])

  static let example = """
    local model = clip.create("tiny")
    local ds = data.from(tensor.rand{4, 3, 16, 16}, {1, 2, 1, 2}, {"cat", "dog"})

    """

  private static let attacks: [OptionSpec] = [
    .boolean("clean", default: true, "show the clean accuracy"),
    .any(
      "image", type: "table",
      "an image attack {method = \"pgd\", eps = …, …}, or a list of such; options beside a list hold for all "
        + "its members, whose own come first; eps = {\"1/255\", \"2/255\"} gives one row each, pgd@1/255 and "
        + "pgd@2/255"),
    .any(
      "text", type: "table", "a text attack {method = \"synonym\", …}, or a list of such, as image"),
    .any(
      "multimodal", type: "table",
      "{} for independent and adaptive, or {method = …, image = {…}, text = {…}} with the methods and "
        + "options of attack.multimodal, or a list of such, as image"
    ),
  ]

  static let common: [OptionSpec] =
    [
      OptionSpec.handle("data", type: "dataset", "labelled images").mandatory,
      .table("attacks", attacks, "what to measure; an empty table {} means an attack's defaults"),
      .strings("templates", "class prompts with {c}; those of the data set when not given"),
      ClipLibrary.truncate,
      .any(
        "samples", type: "integer|string[]",
        "number of samples drawn, or a list of sample ids; all when not given"),
      .seed,
      .string("out", "folder for report.json, tables and one line a sample"),
    ] + RobustnessEvaluation().options().filter { $0.name != "save_images" }

  static let resume = OptionSpec.boolean(
    "resume", default: false,
    "go on with the record in out, which must be of the same evaluation; functions, such as a loss of "
      + "one's own, cannot be compared")

  private static let kept = [resume] + RobustnessEvaluation().options(["save_images"])

  /// What eval.robustness takes.
  private static let whole: [OptionSpec] =
    [
      OptionSpec.any("model", type: modelType, modelText).mandatory,
      .choice(
        "protocol", EvaluationProtocol.all.map(\.name),
        "what an article evaluates with, in place of attacks.image, perturb_at and samples: "
          + EvaluationProtocol.all.map { "\($0.name): \($0.summary)" }.joined(separator: "; ")
          + ". attacks.text brings the text attack of mmcoa and gold"),
    ] + common + kept

  private static let robustness = Entry(
    "robustness", "(options: table) -> robustness report",
    doc: """
      Clean, image, text and multimodal accuracy of a model (or classifier) on a data set. Samples that \
      are wrong when clean count as broken and are not attacked; solved ones leave the batch. Several \
      image attacks run cheapest first, each on what those before left, so that the last row is the \
      accuracy under the set; each = true gives every attack's own. In text scenarios all class prompts \
      are replaced by adversarial ones. `worst` counts a sample only if it is correct clean and under \
      every attack within one budget; where budgets differ there is a `worst` for each (`worst/linf 2/255`), and \
      what an attack broke is handed on only to rows whose budget holds it. `strict` is right clean and \
      attacked. All rates are shares in 0 … 1, in percent only in printed tables. `model` may be a Lua function \
      (images) -> logits [N, C] with the classes of data, which gradients go through; for text attacks and \
      multimodal rows (independent, adaptive) give {logits = function(images, prompts), text = clip model, \
      name =}: prompts are all class prompts, clean or adversarial, searched on text and judged by logits. \
      With out, a record grows as samples are finished: after a crash or Ctrl-C the same \
      call with resume = true goes on and gives the same result; other data, labels, class names or answers of \
      a function are refused. Print r:table(), draw r:plot(path) and \
      r:images(path).
      """,
    options: whole,
    example: example + """
      local r = eval.robustness{model = model, data = ds, attacks = {image = {eps = "8/255", steps = 2}}}
      print(r:accuracy("image/pgd") <= r:accuracy("clean"))  --> true
      """
  ) { call in
    let options = try evaluationOptions(call.table(1), whole, call)
    let data = try options.handle("data", as: Dataset.self)
    let subject = try subject(options.value("model"), data, options, call)
    let evaluation = try evaluation(options, call, subject, data)
    let report = try evaluation.run(subject, data: data)
    if let folder = evaluation.output, evaluation.processes.isRoot { try report.save(folder) }
    return [RobustnessHandle(report)]
  }

  private static let cost = Entry(
    "cost", "(options: table) -> table",
    doc: """
      What eval.robustness with the same options would cost: {samples =, forwards =, backwards =, rows = \
      {{row =, forwards =, backwards =}, …}}. Passes are counted per image and at most: solved samples \
      save some. Nothing is attacked; the first looks for masked gradients are counted, passes of text attacks, which are not known beforehand, are not.
      """,
    options: whole,
    example: example + """
      local c = eval.cost{model = model, data = ds, attacks = {image = {steps = 20}}}
      print(c.forwards + c.backwards)  --> 236
      """
  ) { call in
    let options = try evaluationOptions(call.table(1), whole, call)
    let data = try options.handle("data", as: Dataset.self)
    let subject = try subject(options.value("model"), data, options, call)
    let evaluation = try evaluation(options, call, subject, data)
    let cost = try evaluation.cost(subject, data: data)
    func table(_ first: (key: String, value: any LuaConvertible), _ cost: AttackCost) -> LuaRecord {
      LuaRecord([
        first, (key: "forwards", value: cost.forwards), (key: "backwards", value: cost.backwards),
      ])
    }
    var total = table((key: "samples", value: cost.samples), cost.total)
    total["rows"] = cost.rows.map { table((key: "row", value: $0.label), $0.cost) }
    return [total]
  }

  /// The options of a call, with pointers for those that stand in the wrong place.
  static func evaluationOptions(
    _ table: LuaTable, _ specs: [OptionSpec], _ call: Call
  ) throws -> Options {
    try EvaluationHints.check(table, known: specs, attacks: "attacks")
    if let attacks = try table.get("attacks").table {
      try EvaluationHints.check(attacks: attacks, known: Self.attacks, name: "attacks")
    }
    return try call.options(table, specs: specs)
  }

  /// The protocol that a call names.
  private static func published(
    _ options: Options, _ subject: EvaluationSubject, _ data: Dataset, _ call: Call
  ) throws -> EvaluationProtocol? {
    guard options.has("protocol") else { return nil }
    return EvaluationProtocol.named(try options.string("protocol"))
  }

  /// Its attacks on images; behind a defence, too, where it says so.
  private static func images(
    of chosen: EvaluationProtocol, _ subject: EvaluationSubject, _ data: Dataset,
    _ options: Options, _ call: Call
  ) throws -> [ImageAttackSpecification] {
    let seed = try call.randomSource(options).seed
    var images = try chosen.images(classes: data.classNames.count, seed: seed)
    guard chosen.addsTransfer,
      let defended = options.value("model").object(as: DefendedClassifier.self)
    else { return images }
    let source = try Classifier(defended.base)
    let hash = try defended.base.model.weightsHash()
    images += images.map { image in
      var behind = image
      behind.name = "undefended-" + image.name
      behind.family = image.family.isEmpty ? "" : "undefended-" + image.family
      behind.settings.search.sources = [source]
      behind.sources = hash
      return behind
    }
    return images
  }

  /// What a call of this module describes.
  static func evaluation(
    _ options: Options, _ call: Call, _ subject: EvaluationSubject, _ data: Dataset
  ) throws -> RobustnessEvaluation {
    var evaluation = RobustnessEvaluation()
    let attacks = try options.options("attacks")
    // A set of attacks is named after its members, which depend on the classes.
    func named(_ image: ImageAttackSpecification) -> ImageAttackSpecification {
      var image = image
      if image.name == image.attack.name {
        image.name = image.attack.name(classes: data.classNames.count)
      }
      return image
    }
    func text(_ options: Options) throws -> TextAttackSpecification {
      guard let model = subject.zeroShot?.model else {
        var error = RobustnessEvaluation.noPrompts
        error.advice =
          "pass a model or classifier, {logits = function(images, prompts), text = clip model}, or "
          + "leave text attacks out"
        throw error
      }
      return try TextAttackOptions.specification(options, call, model: model)
    }
    func tables(
      _ name: String, _ specs: [OptionSpec], inner: String? = nil
    ) throws -> [EvaluationTable] {
      try EvaluationTables.read(attacks, name, specs, call, inner: inner, path: "attacks.")
    }
    evaluation.images = try EvaluationTables.images(tables("image", EvaluationTables.image)) {
      try EvaluationTables.transferred(
        named(ImageAttackOptions.specification($0, call, evaluates: true)), $0, data, call)
    }
    if let chosen = try published(options, subject, data, call) {
      if attacks.has("image") {
        throw options.problem(
          "protocol", "sets the attacks on images", advice: "leave attacks.image out")
      }
      evaluation.protocolName = chosen.name
      evaluation.images = try images(of: chosen, subject, data, options, call)
    }
    let texts = try tables("text", TextAttackOptions.table).map { try text($0.options) }
    evaluation.texts = texts
    for table in try tables("multimodal", EvaluationTables.multimodal, inner: "image") {
      let options = table.options
      let chosen = try options.stringIfGiven("method").flatMap { MultimodalMethod(rawValue: $0) }
      for method in chosen.map({ [$0] }) ?? [.independent, .adaptive] {
        var ownImages = evaluation.images.filter { $0.sources == nil }
        if options.has("image") || ownImages.isEmpty {
          ownImages = try EvaluationTables.images([
            EvaluationTable(options: options.options("image"), isPoint: table.isPoint)
          ]) { named(try MultimodalOptions.image($0, call, method, evaluates: true)) }
        }
        let ownTexts =
          options.has("text") || texts.isEmpty ? [try text(options.options("text"))] : texts
        for image in ownImages {
          for text in ownTexts {
            var both = try MultimodalOptions.specification(
              method, image: image, text: text, options)
            both.title = try options.stringIfGiven("name").map { name in
              // Several pairs of one table, and several budgets, are told apart.
              if ownImages.count * ownTexts.count > 1 { return "\(name): \(both.name)" }
              return name + (table.isPoint ? image.name.dropFirst(image.family.count) : "")
            }
            evaluation.multimodal.append(both)
          }
        }
      }
    }
    if let chosen = try published(options, subject, data, call), !evaluation.texts.isEmpty,
      !attacks.has("multimodal"), let image = evaluation.images.first
    {
      // What attacks features needs a CLIP itself.
      let methods = chosen.methods.filter { subject.hasFeatures || $0 != .alternating }
      evaluation.multimodal = methods.flatMap { method in
        texts.map { MultimodalSpecification(method, image: image, text: $0) }
      }
    }
    if let count = options.value("samples").int {
      guard count > 0 else { throw options.problem("samples", "is \(count), at least 1 is needed") }
      evaluation.samples = .random(count)
    } else if options.has("samples") {
      evaluation.samples = .ids(try options.strings("samples"))
    }
    if let chosen = try published(options, subject, data, call) {
      evaluation.perturbationPlace = chosen.place
      // Figures with and without the defence are each over all samples.
      evaluation.attacksEach = chosen.addsTransfer
      if let count = chosen.samples, !options.has("samples"), count < data.count {
        evaluation.samples = .random(count)
      }
    }
    try options.read(into: &evaluation)
    try evaluation.take(options, call)
    return evaluation
  }
}

extension EvaluationSettings {
  /// Takes the options that every evaluation has, and what the call brings.
  mutating func take(_ options: Options, _ call: Call) throws {
    seed = try call.randomSource(options).seed
    output = try options.pathIfGiven("out", writing: true)
    resumes = try options.boolean("resume")
    progress = call.progress
    processes = call.processes
  }
}
