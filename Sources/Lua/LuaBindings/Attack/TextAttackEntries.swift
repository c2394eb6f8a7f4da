internal import AttackPlans
internal import Attacks
internal import ClipModels
internal import Diagnostics
internal import LuaHost
internal import Tensors
internal import TextModels

/// Options of text attacks, in calls and in attack tables.
enum TextAttackOptions {
  static let table: [OptionSpec] =
    TextAttackParameters().options(["method"]) + [
      .string("name", "what tables and files call it; the method when not given"),
      .handle(
        "mlm", type: "mlm",
        "what text.load_mlm gave: suggests words, and its embedding is that of the nearest tokens, CLIP's when not given"
      ),
      .any(
        "encoder", type: "mlm|clip model|function",
        "tells how alike sentences are, for reports and min_sentence_cos: what text.load_mlm gave, a clip model, or a function texts -> "
          + "features [N, D]"
      ),
    ] + TextAttackParameters().options().filter { $0.name != "method" } + [.seed]

  static func specification(
    _ options: Options, _ call: Call, model: ClipModel, objective: TextObjective = .kl,
    usual: TextAttackMethod? = nil
  ) throws -> TextAttackSpecification {
    var chosen = TextAttackParameters()
    if let usual { chosen.method = usual }
    try options.read(into: &chosen)
    chosen.seed = try call.randomSource(options).seed
    let mlm = try options.handleIfGiven("mlm", as: MaskedLanguageModel.self)
    var specification = try TextAttackFactory.make(
      chosen, model: model, mlm: mlm,
      encoder: sentenceEncoder(options),
      objective: objective)
    if let name = try options.stringIfGiven("name") { specification.name = name }
    return specification
  }

  /// What tells how alike sentences are.
  private static func sentenceEncoder(_ options: Options) throws -> SentenceEncoder? {
    guard options.has("encoder") else { return nil }
    let value = options.value("encoder")
    if let function = value.function {
      return SentenceEncoder(record: "function") {
        try function.tensor([LuaList($0)], "the encoder function")
      }
    }
    if let mlm = value.object(as: MaskedLanguageModel.self) { return SentenceEncoder(mlm) }
    guard let model = value.object(as: ClipModel.self) else {
      throw options.problem(
        "encoder", "must be an mlm, a clip model or a function, got \(value.typeName)")
    }
    // Constraints compare whole sentences as far as the model sees them.
    let judge = try model.truncatingTexts(true).frozen().judge()
    return SentenceEncoder(record: "clip model " + judge.origin) { try judge.encodeText($0) }
  }
}

extension AttackLibrary {
  static let texts: [Entry] = [
    Entry(
      "text",
      "(model: clip model, prompts: classifier|string|string[] [, options]) -> adversarial_prompts: string[], report: table",
      doc: """
        Changes at most `words` words of each prompt so that its feature moves as far as possible. \
        Objectives: kl and cosine compare with the clean feature, l2 raw features, img moves away from \
        the image of the prompt (`images` [P, 3, H, W]), ce finds for each of `images` with `labels` the \
        exact worst prompts (the prompts are then a classifier, the result one list of prompts an \
        image; its report has `robust`, accuracies with true, wrong and all prompts attacked, and queries). \
        Otherwise the report tells the attack, edits, queries, and the shares of edits that are synonyms or \
        hit a class word. Protocol: methods of arXiv:2004.09984 and arXiv:2405.04346.
        """,
      options: TextAttackOptions.table + [
        .any(
          "objective", type: "string|function", default: "kl",
          "what is increased: kl, cosine, l2, img, ce, or a function (clean [D], candidates [K, D]) -> [K] of normalised features"
        ),
        .handle("images", type: "tensor", "images of the objectives img and ce"),
        .any("labels", type: "tensor|integer[]", "labels of the objective ce, from 1"),
        .strings("class_names", "class names, to find class words in plain strings"),
        ClipLibrary.truncate,
      ],
      example: """
        local model = clip.create("tiny")
        local texts, report = attack.text(model, {"a photo of a cat"}, {method = "char"})
        print(#texts, #report.results[1].edits)  --> 1\t1
        """
    ) { call in
      let options = try call.options(3)
      let model = try call.handle(1, as: ClipModel.self).truncating(options).frozen().judge()
      let classifier = try call.handleIfPresent(2, as: ZeroShotClassifier.self)
      let objective = try objectiveName(options)
      if objective == "ce" { return try perImage(call, options, model, classifier) }
      var specification = try TextAttackOptions.specification(options, call, model: model)
      let names = try options.stringsIfGiven("class_names") ?? classifier?.classNames ?? []
      specification.attack.constraints.classNames = names
      specification.attack.progress = call.progress
      let prompts: [TextPrompt]
      if let classifier {
        prompts = try specification.prompts(of: classifier)
        specification.attack.constraints.classPrompts = classifier.promptsByClass
      } else {
        let texts = try call.strings(2)
        // Each string is taken for a class's prompt, but for captions.
        if specification.attack.scope != .caption {
          specification.attack.constraints.classPrompts = texts.map { [$0] }
        }
        let splitting = specification.attack.nameSplitting
        prompts = texts.map {
          names.isEmpty
            ? TextPrompt($0) : TextPrompt($0, findingAnyOf: names, splitting: splitting)
        }
        if specification.attack.scope == .classWords, names.isEmpty {
          throw KilpiError(
            "scope = \"class\" on strings needs class_names",
            advice: "pass class_names = {…}, or a classifier")
        }
      }
      switch objective {
      case "cosine": specification.attack.objective = .cosine
      case "l2": specification.attack.objective = .l2(reference: nil)
      case "img":
        specification.attack.objective = .images(
          try imageFeatures(options, model, prompts: prompts.count))
      case "function":
        if let function = options.value("objective").function {
          specification.attack.objective = .custom {
            try function.tensor([$0, $1], "the objective function").doubles()
          }
        }
      default: break
      }
      let isRaw = objective == "l2"
      let report = try specification.attack.perturb(prompts) { texts in
        try Tensor.withoutGradients { try model.encodeText(texts, normalize: !isRaw) }
      }
      var record = AttackRecords.record(report)
      record["attack"] = JSONConversion.Pushed(value: specification.record)
      return [report.texts, record]
    }
  ]

  private static func objectiveName(_ options: Options) throws -> String {
    if options.value("objective").function != nil { return "function" }
    let names = ["kl", "cosine", "l2", "img", "ce"]
    let name = options.has("objective") ? try options.string("objective") : "kl"
    guard names.contains(name) else {
      throw options.problem(
        "objective", "is \"\(name.prefix(40))\"",
        advice: NearestName.suggestion(for: name, among: names).map { "did you mean '\($0)'?" }
          ?? "there are kl, cosine, l2, img, ce, or a function")
    }
    return name
  }

  private static func imageFeatures(
    _ options: Options, _ model: ClipModel, prompts: Int
  ) throws -> [Tensor] {
    let images = try options.images("images")
    guard images.shape[0] == prompts else {
      throw KilpiError(
        "images have shape \(ErrorText.shape(images.shape)), one image for each of the "
          + "\(prompts) prompts is needed")
    }
    let features = try Tensor.withoutGradients { try model.encodeImage(images) }
    return try (0..<prompts).map { try features.narrowed(0, start: $0, length: 1) }
  }

  /// The exact per-image attack on class prompts (docs/methods/text-attacks.md, section 3.8).
  private static func perImage(
    _ call: Call, _ options: Options, _ model: ClipModel, _ classifier: ZeroShotClassifier?
  ) throws -> [any LuaConvertible] {
    guard let classifier else { throw call.badArgument(2, expected: "classifier") }
    let images = try options.images("images")
    guard let labels = try options.labelsIfGiven("labels", classes: classifier.classNames.count)
    else { throw KilpiError("objective = \"ce\" needs labels") }
    guard images.shape[0] == labels.count else {
      throw KilpiError("there are \(labels.count) labels for \(images.shape[0]) images")
    }
    guard classifier.templates.count == 1 else {
      throw KilpiError("objective = \"ce\" needs a classifier with one template")
    }
    let specification = try TextAttackOptions.specification(options, call, model: model)
    let (candidates, cut) = try specification.candidateSets(of: classifier)
    var attack = PerImageTextAttack()
    attack.maxSeconds = specification.attack.maxSeconds
    attack.scale = try model.logitScale.exp().item()
    let features = try Tensor.withoutGradients { try model.encodeImage(images) }
    let encoded = try attack.encoded(
      candidates, encoder: TextAttackSpecification.encoder(model))
    let report = try attack.perturb(images: features, labels: labels, candidates: encoded)
    let prompts = labels.indices.map { report.prompts(image: $0, .all) }
    var record: LuaRecord = [
      "clean_accuracy": report.cleanAccuracy, "accuracy_true": report.accuracy(.trueClass),
      "accuracy_wrong": report.accuracy(.wrong), "accuracy_all": report.accuracy(.all),
      "robust": report.robust[.all] ?? [],
      "queries": ["encoded": report.queries.encoded, "cached": report.queries.cached] as LuaRecord,
    ]
    if cut + encoded.stopped > 0 {
      record["stopped"] = ["max_queries": cut, "max_seconds": encoded.stopped] as LuaRecord
    }
    return [prompts, record]
  }
}
