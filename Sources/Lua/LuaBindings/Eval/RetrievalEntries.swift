internal import AttackPlans
internal import Attacks
internal import ClipModels
internal import Datasets
internal import Diagnostics
internal import Evaluation
internal import Files
internal import LuaHost
internal import Processes
internal import Tensors

/// `eval.retrieval`.
enum RetrievalEntries {
  private static let image: [OptionSpec] =
    EvaluationTables.image.filter {
      !["loss", "kappa"].contains($0.name) && !EvaluationTables.own.contains($0.name)
    } + [
      ImageAttackOptions.commonMask,
      .choice(
        "objective", ImageObjective.allCases.map(\.rawValue), default: "kl",
        "what is increased: kl or cosine of clean and moved features, or the distance from the image's captions"
      ),
    ]

  private static let text: [OptionSpec] =
    TextAttackOptions.table + [
      .choice(
        "objective", ["kl", "cosine", "l2", "img"], default: "kl",
        "what is increased; img moves a caption away from its image")
    ]

  private static let both: [OptionSpec] =
    [
      .choice(
        "method", MultimodalMethod.captioned.map(\.rawValue), default: "independent",
        "how the two attacks are put together"),
      .table(
        "image",
        EvaluationTables.image.filter { !EvaluationTables.own.contains($0.name) }
          + [ImageAttackOptions.commonMask],
        "the image attack"),
      .table("text", TextAttackOptions.table, "the text attack"),
    ]
    + MultimodalOptions.own.filter {
      ["alpha", "compat", "scales", "noise", "methods"].contains($0.name)
    }

  private static let attack: [OptionSpec] = [
    .any(
      "image", type: "table",
      "an attack on all images {method = \"pgd\", objective = \"kl\"|\"cosine\"|\"captions\", …}, or a list of such; options beside a list hold for all its members, whose own come first"
    ),
    .any(
      "text", type: "table",
      "an attack on all captions {method = \"synonym\", objective = \"kl\"|\"img\", …}, or a list of such"
    ),
    .any(
      "multimodal", type: "table",
      "{method = \"independent\"|\"co-attack\"|\"sga\"|\"worst\", image = {…}, text = {…}}, or a list of such"
    ),
  ]

  private static let specs: [OptionSpec] =
    [
      OptionSpec.handle("model", type: "clip model", "what to evaluate").mandatory,
      OptionSpec.handle("data", type: "dataset", "images with captions").mandatory,
      .table("attack", attack, "what to measure; clean recall alone when not given"),
      ClipLibrary.truncate,
      .string("name", "the model's name in the table"), .seed,
      .string("out", "folder for the record, report.json, tables and one line an image"),
      EvalLibrary.resume,
    ] + RetrievalEvaluation().options()

  static let retrieval = Entry(
    "retrieval", "(options: table) -> retrieval report",
    doc: """
      Recall at 1, 5 and 10 in both directions over a set of images with captions (a test split), clean \
      and with every image, every caption or both attacked; ties are broken against the own item. Both \
      success rates are given: drop, points of recall lost, and lost, the share of items found before \
      that are not found any more. Attacks see an image with its own captions alone. worst counts each \
      query at its worst over the galleries of its `methods` and the clean one. Co-Attack and sga \
      have eps = 2/255 unless told otherwise, worst the eps of its image attack for all members. With out, a record grows as batches of images and text \
      attacks are finished: after a crash or Ctrl-C the same call with resume = true goes on and gives the \
      same result. eps = {"1/255", "2/255"} gives one row each, pgd@1/255 and pgd@2/255. Print r:table(), read \
      r:recall(scenario, direction, k).
      """,
    options: specs,
    example: """
      local model, x = clip.create("tiny"), tensor.rand{3, 3, 16, 16}
      local ds = data.from(x, {{"a cat", "one cat"}, {"a dog"}, {"the sky"}})
      local r = eval.retrieval{model = model, data = ds, attack = {image = {eps = "8/255", steps = 2}}}
      print(r:recall("clean", "tr", 5) >= r:recall("clean", "tr", 1))  --> true
      """
  ) { call in
    let given = try call.table(1)
    try EvaluationHints.check(given, known: specs, attacks: "attack")
    if let attacks = try given.get("attack").table {
      try EvaluationHints.check(attacks: attacks, known: attack, name: "attack")
    }
    let options = try call.options(1)
    let model = try options.handle("model", as: ClipModel.self).truncating(options)
    let data = try options.handle("data", as: Dataset.self)
    var evaluation = RetrievalEvaluation()
    let attacks = try options.options("attack")
    let images = try EvaluationTables.read(attacks, "image", image, call, path: "attack.")
    let described = try EvaluationTables.images(images) {
      try ImageAttackOptions.specification($0, call, keepsMask: true)
    }
    evaluation.images = try zip(images, described).map { table, attack in
      RetrievalEvaluation.ImageAttack(
        attack,
        objective: ImageObjective(rawValue: try table.options.string("objective")) ?? .kl)
    }
    let texts = try EvaluationTables.read(attacks, "text", text, call, path: "attack.")
    evaluation.texts = try texts.map(\.options).map { table in
      let name = try table.string("objective")
      let objective: TextObjective =
        name == "cosine" ? .cosine : name == "l2" ? .l2(reference: nil) : .kl
      return RetrievalEvaluation.TextAttack(
        try TextAttackOptions.specification(table, call, model: model, objective: objective),
        leavesImages: name == "img")
    }
    let multimodal = try EvaluationTables.read(
      attacks, "multimodal", both, call, inner: "image", path: "attack.")
    evaluation.multimodal = try multimodal.map { entry in
      let table = entry.options
      let method = MultimodalMethod(rawValue: try table.string("method")) ?? .independent
      let image = EvaluationTables.named(
        try MultimodalOptions.image(table.options("image"), call, method, keepsMask: true),
        isPoint: entry.isPoint)
      var chosen = MultimodalSpecification(
        method, image: image,
        text: try TextAttackOptions.specification(table.options("text"), call, model: model))
      try table.read(into: &chosen.parameters)
      chosen.methods = try MultimodalOptions.members(table)
      return chosen
    }
    try options.read(into: &evaluation)
    try evaluation.take(options, call)
    let report = try evaluation.run(
      model, data: data, name: options.stringIfGiven("name") ?? "")
    if let folder = evaluation.output, evaluation.processes.isRoot { try report.save(folder) }
    return [RetrievalHandle(report)]
  }

  private static let example = """
    local ds = data.from(tensor.rand{2, 3, 16, 16}, {"a cat", "a dog"})
    local r = eval.retrieval{model = clip.create("tiny"), data = ds}

    """

  private static func row(_ handle: RetrievalHandle, _ call: Call) throws -> RetrievalScenario {
    try handle.report.row(call.string(1))
  }

  private static func direction(_ call: Call) throws -> RetrievalDirection {
    let name = try call.string(2)
    guard let direction = RetrievalDirection(rawValue: name) else {
      throw KilpiError(
        "there is no direction '\(name.prefix(40))'",
        advice: "\"tr\": images find captions; \"ir\": captions find images")
    }
    return direction
  }

  private static func cutoff(_ call: Call) throws -> Int {
    let k = try call.integer(3)
    guard k >= 1 else { throw KilpiError("k is \(k), at least 1 is needed") }
    return k
  }

  private static let reports = ReportMethods<RetrievalReport>(
    example: example,
    files: """
      report.json, table.txt, table.md, table.csv and items.jsonl, whose first line says that ranks count \
      from 0.
      """,
    charts: """
      Recall at k with intervals: bars, or recall against budget where an attack has a list of budgets.
      """, cutoff: [.integer("k", default: 1, range: 1...1_000_000, "the cut-off")])

  static let reportType = HandleType(
    RetrievalHandle.self, name: "retrieval report",
    doc: "Recall in both directions, clean and under attack, with everything that fixes it.",
    methods: [
      Method(
        "recall",
        "(scenario: string, direction: string, k: integer) -> number, string|nil",
        doc: """
          R@k in 0 … 1 of a row such as "clean", "image/pgd" or "mm_sga", and what may be changed in it ("linf \
          8/255", "captions"; nil when clean); direction "tr": images find captions, "ir": captions find images.
          """,
        example: example + "print(r:recall(\"clean\", \"ir\", 10))  --> 1.0"
      ) { handle, call in
        let row = try row(handle, call)
        let recall = row.recall(try direction(call), at: try cutoff(call))?.value
        return row.kind == .clean ? [recall] : [recall, row.threatText]
      },
      Method(
        "lost", "(scenario: string, direction: string, k: integer) -> number",
        doc:
          "The share of items found at k when clean that are not found any more; nil if none was.",
        example: example + "print(r:lost(\"clean\", \"tr\", 10))  --> 0.0"
      ) { handle, call in
        let row = try row(handle, call)
        let (direction, k) = (try direction(call), try cutoff(call))
        return [handle.report.scenarios.first.flatMap { row.lost(direction, at: k, from: $0) }]
      },
    ] + reports.methods, metamethods: reports.metamethods)
}
