internal import Attacks
internal import ClipModels
internal import Datasets
internal import Diagnostics
internal import Evaluation
internal import Files
internal import LuaHost
internal import Processes
internal import Tensors
internal import Training

/// The module `eval`.
enum EvalLibrary {
  static let library = Library(
    "eval",
    doc: """
      Robust accuracy measured as it should be: per sample, with every attack judged afresh, Wilson \
      intervals, both attack-success rates, and a record of everything that fixes the numbers.
      """,
    entries: [robustness, cost, compare, RetrievalEntries.retrieval])

  private static let example = """
    local model = clip.create("tiny")
    local ds = data.from(tensor.rand{4, 3, 16, 16}, {1, 2, 1, 2}, {"cat", "dog"})

    """

  private static let attacks: [OptionSpec] = [
    .boolean("clean", default: true, "show the clean accuracy"),
    .any("image", type: "table", "an image attack {method = \"pgd\", …}, or a list of such"),
    .any("text", type: "table", "a text attack {method = \"synonym\", …}, or a list of such"),
    .any(
      "multimodal", type: "table",
      "{} for independent and adaptive, or {method = …, image = {…}, text = {…}} with the methods and "
        + "options of attack.multimodal, or a list of such"
    ),
  ]

  private static let common: [OptionSpec] = [
    OptionSpec.handle("data", type: "dataset", "labelled images").mandatory,
    .table("attacks", attacks, "what to measure; an empty table {} means an attack's defaults"),
    .strings("templates", "class prompts with {c}; those of the data set when not given"),
    ClipLibrary.truncate,
    .choice(
      "perturb_at", ["native", "input"], default: "native",
      "where the perturbation lives: at the images' own size, or at the model's side"),
    .any(
      "samples", type: "integer|string[]",
      "number of samples drawn, or a list of sample ids; all when not given"),
    .integer("batch", default: 64, range: 1...65536, "images at once"),
    .integer("pictures", default: 6, range: 0...1000, "samples kept for r:images"), .seed,
    .boolean(
      "each", default: false,
      "every image attack on all samples; else cheapest first, each on what those before left"),
    .boolean("probes", default: true, "look for masked gradients on up to 64 samples, once"),
    .boolean("attack_all", default: false, "attack samples that are wrong when clean, too"),
    .string("out", "folder for report.json, tables and one line a sample"),
  ]

  static let resume = OptionSpec.boolean(
    "resume", default: false,
    "go on with the record in out, which must be of the same evaluation; functions, such as a loss of "
      + "one's own, cannot be compared")

  private static let kept: [OptionSpec] = [
    resume,
    .choice(
      "save_images", SavedImages.allCases.map(\.rawValue),
      "write attacked images to out, read them back and judge the files: png (linf) or float"),
  ]

  private static let robustness = Entry(
    "robustness", "(options: table) -> robustness report",
    doc: """
      Clean, image, text and multimodal accuracy of a model (or classifier) on a data set. Samples that \
      are wrong when clean count as broken and are not attacked; solved ones leave the batch. Several \
      image attacks run cheapest first, each on what those before left, so that the last row is the \
      accuracy under the set; each = true gives every attack's own. In text scenarios all class prompts \
      are replaced by adversarial ones. `worst` counts a sample only if it is correct clean and under \
      every attack. With out, a record grows as samples are finished: after a crash or Ctrl-C the same \
      call with resume = true goes on and gives the same result. Print r:table(), draw r:plot(path) and \
      r:images(path).
      """,
    options: [
      OptionSpec.any("model", type: "clip model|classifier", "what to evaluate").mandatory
    ] + common + kept,
    example: example + """
      local r = eval.robustness{model = model, data = ds, attacks = {image = {eps = "8/255", steps = 2}}}
      print(r:accuracy("image/pgd") <= r:accuracy("clean"))  --> true
      """
  ) { call in
    let options = try call.options(1)
    let data = try options.handle("data", as: Dataset.self)
    let classifier = try classifier(options.value("model"), data, options)
    var evaluation = try evaluation(options, call, classifier)
    try keeps(&evaluation, options)
    let report = try evaluation.run(EvaluationSubject(classifier), data: data)
    if let folder = evaluation.output, evaluation.processes.isRoot { try report.save(folder) }
    return [RobustnessHandle(report)]
  }

  /// What is kept on disk.
  private static func keeps(
    _ evaluation: inout RobustnessEvaluation, _ options: Options
  ) throws {
    evaluation.output = try options.pathIfGiven("out", writing: true)
    evaluation.resumes = try options.boolean("resume")
    evaluation.savedImages = try options.stringIfGiven("save_images").flatMap {
      SavedImages(rawValue: $0)
    }
  }

  private static let cost = Entry(
    "cost", "(options: table) -> table",
    doc: """
      What eval.robustness with the same options would cost: {samples =, forwards =, backwards =, rows = \
      {{row =, forwards =, backwards =}, …}}. Passes are counted per image and at most: solved samples \
      save some. Nothing is attacked; the first looks for masked gradients are counted, passes of text attacks, which are not known beforehand, are not.
      """,
    options: [
      OptionSpec.any("model", type: "clip model|classifier", "what to evaluate").mandatory
    ] + common + kept,
    example: example + """
      local c = eval.cost{model = model, data = ds, attacks = {image = {steps = 20}}}
      print(c.forwards + c.backwards)  --> 236
      """
  ) { call in
    let options = try call.options(1)
    let data = try options.handle("data", as: Dataset.self)
    let classifier = try classifier(options.value("model"), data, options)
    var evaluation = try evaluation(options, call, classifier)
    try keeps(&evaluation, options)
    let cost = try evaluation.cost(EvaluationSubject(classifier), data: data)
    func table(_ first: (key: String, value: any LuaConvertible), _ cost: AttackCost) -> LuaRecord {
      LuaRecord([
        first, (key: "forwards", value: cost.forwards), (key: "backwards", value: cost.backwards),
      ])
    }
    var total = table((key: "samples", value: cost.samples), cost.total)
    total["rows"] = cost.rows.map { table((key: "row", value: $0.label), $0.cost) }
    return [total]
  }

  private static let compare = Entry(
    "compare", "(options: table) -> comparison",
    doc: """
      Several models on the same samples under the same attacks: one table with the paired differences \
      to the first. The list part holds {name = …, model = …} entries, or {name = …, report = …} with \
      reports that eval.robustness has made on the same samples. With out, every model has a folder of \
      its own in it (1-NAME, 2-NAME, …), where its record grows and its report is written: after a crash \
      or Ctrl-C the same call with resume = true goes on.
      """,
    options: [.handle("data", type: "dataset", "labelled images; not needed with reports")]
      + common.dropFirst() + [resume],
    example: example + """
      local r = eval.robustness{model = model, data = ds}
      local c = eval.compare{{name = "before", report = r}, {name = "after", report = r}}
      print(c:table():find("after") ~= nil)  --> true
      """
  ) { call in
    let list = try call.table(1).array()
    guard list.count >= 2 else {
      throw KilpiError("", "\(list.count) models are given, at least 2 are needed")
    }
    let named = try call.table(1).pairs().filter { $0.key.string != nil && $0.key.int == nil }
    let table = try call.state.makeTable()
    for (key, value) in named { if let name = key.string { try table.set(name, value) } }
    let specs: [OptionSpec] =
      [.handle("data", type: "dataset", "labelled images")] + common.dropFirst() + [resume]
    let options = try call.options(table, specs: specs)
    let out = try options.pathIfGiven("out", writing: true)
    let reports = try list.enumerated().map {
      index, entry -> (name: String, report: RobustnessReport) in
      let item = try call.options(
        entry.table,
        specs: [
          .string("name", default: "model \(index + 1)", "its name"),
          .any("model", type: "clip model|classifier", "what to evaluate"),
          .handle("report", type: "robustness report", "made before"),
        ], path: "[\(index + 1)].")
      let name = try item.string("name")
      if let report = try item.handleIfGiven("report", as: RobustnessHandle.self) {
        return (name, report.report)
      }
      guard let data = try options.handleIfGiven("data", as: Dataset.self) else {
        throw KilpiError("", "data is missing", advice: "or give reports")
      }
      let classifier = try classifier(item.value("model"), data, options)
      var evaluation = try evaluation(options, call, classifier)
      evaluation.output = out.map {
        RobustnessComparison.folder(of: name, number: index + 1, in: $0)
      }
      evaluation.resumes = try options.boolean("resume")
      let report = try evaluation.run(EvaluationSubject(classifier, name: name), data: data)
      if let folder = evaluation.output, evaluation.processes.isRoot { try report.save(folder) }
      return (name, report)
    }
    let comparison = try RobustnessComparison(reports)
    if let out { try comparison.save(out) }
    return [ComparisonHandle(comparison)]
  }

  private static func classifier(
    _ value: LuaValue, _ data: Dataset, _ options: Options
  ) throws -> ZeroShotClassifier {
    if let classifier = value.object(as: ZeroShotClassifier.self) {
      let model = try classifier.model.truncating(options)
      return model === classifier.model ? classifier : try classifier.with(model: model)
    }
    guard let model = value.object(as: ClipModel.self) else {
      throw KilpiError("", "model is a \(value.typeName), a clip model or classifier is needed")
    }
    try RobustnessEvaluation.requireClasses(data)
    let templates = try options.stringsIfGiven("templates") ?? data.templates
    let classifier = try ZeroShotClassifier(
      model.truncating(options), classNames: data.classNames, templates: templates)
    try classifier.checkFit()
    return classifier
  }

  private static func evaluation(
    _ options: Options, _ call: Call, _ classifier: ZeroShotClassifier
  ) throws -> RobustnessEvaluation {
    var evaluation = RobustnessEvaluation()
    let attacks = try options.options("attacks")
    func tables(_ name: String, _ specs: [OptionSpec]) throws -> [Options] {
      guard attacks.has(name) else { return [] }
      guard let table = attacks.value(name).table else {
        throw attacks.problem(name, "must be a table, got \(attacks.value(name).typeName)")
      }
      let list = try table.array()
      if list.isEmpty { return [try call.options(table, specs: specs, path: "attacks.\(name).")] }
      return try list.enumerated().map { index, entry in
        guard let inner = entry.table else {
          throw attacks.problem(name, "holds a \(entry.typeName), tables are needed")
        }
        return try call.options(inner, specs: specs, path: "attacks.\(name)[\(index + 1)].")
      }
    }
    // A set of attacks is named after its members, which depend on the classes.
    func named(_ image: ImageAttackSpecification) -> ImageAttackSpecification {
      var image = image
      if let ensemble = image.attack as? AutoAttack {
        image.name = ensemble.name(classes: classifier.classNames.count)
      }
      return image
    }
    func text(_ options: Options) throws -> TextAttackSpecification {
      try TextAttackOptions.specification(options, call, model: classifier.model)
    }
    let images = try tables("image", ImageAttackOptions.table).map {
      named(try ImageAttackOptions.specification($0, call, evaluates: true))
    }
    let texts = try tables("text", TextAttackOptions.table).map(text)
    evaluation.images = images.map { EvaluatedImageAttack($0) }
    evaluation.texts = texts.map { EvaluatedTextAttack($0) }
    for table in try tables("multimodal", MultimodalOptions.table) {
      let chosen = try table.stringIfGiven("method").flatMap { MultimodalMethod(rawValue: $0) }
      for method in chosen.map({ [$0] }) ?? [.independent, .adaptive] {
        let ownImages =
          table.has("image") || images.isEmpty
          ? [
            named(
              try MultimodalOptions.image(table.options("image"), call, method, evaluates: true))
          ] : images
        let ownTexts =
          table.has("text") || texts.isEmpty ? [try text(table.options("text"))] : texts
        for image in ownImages {
          for text in ownTexts {
            evaluation.multimodal.append(
              EvaluatedMultimodalAttack(
                try MultimodalOptions.specification(method, image: image, text: text, table)))
          }
        }
      }
    }
    if let count = options.value("samples").int {
      guard count > 0 else { throw options.problem("samples", "is \(count), at least 1 is needed") }
      evaluation.samples = .random(count)
    } else if options.has("samples") {
      evaluation.samples = .ids(try options.strings("samples"))
    }
    evaluation.seed = try call.randomSource(options).seed
    evaluation.batch = try options.integer("batch")
    evaluation.pictures = try options.integer("pictures")
    evaluation.attacksEach = try options.boolean("each")
    evaluation.attacksAll = try options.boolean("attack_all")
    evaluation.probesGradients = try options.boolean("probes")
    evaluation.perturbationPlace =
      PerturbationPlace(rawValue: try options.string("perturb_at")) ?? .native
    evaluation.progress = call.progress
    evaluation.processes = call.processes
    return evaluation
  }
}
