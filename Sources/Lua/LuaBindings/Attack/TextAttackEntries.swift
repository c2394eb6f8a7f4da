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
    [
      .choice(
        "method", TextAttackMethod.allCases.map(\.rawValue),
        "bert (a masked language model, `mlm`), synonym (WordNet), embedding (nearest tokens), char (edits), or a search over the sources that "
          + "there are: beam, genetic, exhaustive; without it the same sources greedily: the mlm where one is given, else WordNet and "
          + "neighbours, without WordNet character edits"
      ),
      .string("name", "what tables and files call it; the method when not given"),
      .handle(
        "mlm", type: "mlm",
        "what text.load_mlm gave: suggests words, and its embedding is that of the nearest tokens, CLIP's when not given"
      ),
      .strings(
        "sources",
        "where candidates come from, in this order: mlm, wordnet, embed (nearest tokens), chars; alone and greedily chars is LEAF's search, "
          + "else every edit of one character"
      ),
      .choice(
        "search", TextSearchKind.allCases.map(\.rawValue), default: "greedy",
        "how combinations of words are searched; the methods beam, genetic, exhaustive set it"),
      .integer("width", default: 8, range: 1...100_000, "beam: partial edits kept at each depth"),
      .integer("population", default: 20, range: 2...100_000, "genetic: members of a generation"),
      .integer(
        "generations", default: 20, range: 0...100_000, "genetic: generations after the first"),
      .integer(
        "combinations", default: 1_000_000, range: 1...1_000_000_000,
        "exhaustive: a text with more combinations of edits is refused"),
      .choice(
        "importance", WordImportance.allCases.map(\.rawValue),
        "how words are ordered: by the text without the word, with a literal [UNK] for it, or as they stand; "
          + "delete, in coattack mode unk_literal, when not given"
      ),
      .strings(
        "stop_words",
        "words left alone, Kilpi's own list when not given; coattack compares them with case"),
      .choice(
        "senses", WordNet.SenseChoice.allCases.map(\.rawValue), default: "frequent",
        "synonyms: of the senses that make up a tenth of a word's uses (of a phrase that WordNet knows, of its own sense), or of all"
      ),
    ] + MaskedModelOptions.table + [
      .integer("words", default: 1, range: 0...100, "words that may change"),
      .integer("edits", default: 1, range: 0...100, "character edits of the method char"),
      .integer("k", default: 10, range: 1...1000, "candidates a word"),
      .choice(
        "scope", ["prompt", "class", "caption"],
        "what may change; the class words where they are known"),
      .boolean(
        "forbid_class_names",
        "never put in the name of a class; true, in coattack mode false, when not given"),
      .boolean(
        "forbid_antonyms",
        "never put in an antonym (WordNet); true, in coattack mode false, when not given"),
      .boolean("no_new_words", default: true, "char: an edit may not make another dictionary word"),
      .number(
        "max_change", range: 0...1, "largest share of changed words; no limit when not given"),
      .number(
        "min_word_cos", range: -1...1,
        "least cosine of a word and its substitute in the mlm's embedding, CLIP's without one; words that are no single token "
          + "are not judged; no limit when not given"
      ),
      .number(
        "min_sentence_cos", range: -1...1,
        "least cosine of the sentences before and after, by `encoder`; no limit when not given"),
      .any(
        "encoder", type: "mlm|clip model|function",
        "tells how alike sentences are, for reports and min_sentence_cos: what text.load_mlm gave, a clip model, or a function texts -> "
          + "features [N, D]"
      ),
      .integer(
        "max_queries", range: 1...1_000_000_000,
        "most texts encoded for each prompt, the clean one among them (TextAttack's query_budget); no limit when not given"
      ),
      .number(
        "max_seconds", range: 0...1e9,
        "longest time of the attack, looked at between batches of texts; the best until then is the result; no limit when not given"
      ),
      .strings(
        "kinds",
        "char: only edits of these kinds, one a word: swap (two edits), delete, insert, keyboard, homoglyph"
      ),
      .integer("sites", default: 20, range: 1...1000, "char: sites kept after the first pass"),
      .integer(
        "draws", range: 1...100_000,
        "char: random sites and symbols drawn instead of all (the cheap form LEAF trains with)"),
      .seed,
    ]

  static func specification(
    _ options: Options, _ call: Call, model: ClipModel, objective: TextObjective = .kl
  ) throws -> TextAttackSpecification {
    var chosen = TextAttackFactory.Options()
    chosen.method = try options.stringIfGiven("method").flatMap {
      TextAttackMethod(rawValue: $0)
    }
    try readSearch(options, &chosen)
    chosen.words = try options.integer("words")
    chosen.edits = try options.integer("edits")
    chosen.k = try options.integer("k")
    chosen.scope = try options.stringIfGiven("scope").flatMap { TextScope(rawValue: $0) }
    chosen.forbidsClassNames = try options.booleanIfGiven("forbid_class_names")
    chosen.forbidsAntonyms = try options.booleanIfGiven("forbid_antonyms")
    chosen.forbidsNewWords = try options.boolean("no_new_words")
    chosen.maxChange = try options.numberIfGiven("max_change")
    chosen.minWordCosine = try options.numberIfGiven("min_word_cos")
    chosen.minSentenceCosine = try options.numberIfGiven("min_sentence_cos")
    chosen.kinds = try names(options, "kinds") ?? []
    chosen.sites = try options.integer("sites")
    chosen.draws = try options.integerIfGiven("draws")
    chosen.senses = WordNet.SenseChoice(rawValue: try options.string("senses")) ?? .frequent
    chosen.masked = try MaskedModelOptions.read(options)
    chosen.stopWords = try options.stringsIfGiven("stop_words")
    chosen.maxQueries = try options.integerIfGiven("max_queries")
    chosen.maxSeconds = try options.numberIfGiven("max_seconds")
    if let seconds = chosen.maxSeconds, seconds <= 0 {
      throw options.problem("max_seconds", "is 0", advice: "it must be above 0")
    }
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

  /// Sources, search and its sizes; a size goes with its search alone.
  private static func readSearch(
    _ options: Options, _ chosen: inout TextAttackFactory.Options
  ) throws {
    chosen.sources = try names(options, "sources")
    if options.has("search") {
      chosen.search = TextSearchKind(rawValue: try options.string("search"))
    }
    let search = chosen.search?.rawValue ?? chosen.method?.rawValue
    for (name, owner) in [
      ("width", TextSearchKind.beam), ("population", .genetic), ("generations", .genetic),
      ("combinations", .exhaustive),
    ] where options.has(name) && search != owner.rawValue {
      throw options.problem(
        name, "goes with search = \"\(owner.rawValue)\"",
        advice: "give that search, or leave it out")
    }
    chosen.width = try options.integer("width")
    chosen.population = try options.integer("population")
    chosen.generations = try options.integer("generations")
    chosen.combinations = try options.integer("combinations")
    chosen.importance = try options.stringIfGiven("importance").flatMap {
      WordImportance(rawValue: $0)
    }
  }

  /// A list of names of one kind.
  private static func names<Name: RawRepresentable & CaseIterable>(
    _ options: Options, _ option: String
  ) throws -> [Name]? where Name.RawValue == String {
    try options.stringsIfGiven(option)?.map { text in
      guard let name = Name(rawValue: text) else {
        let known = Name.allCases.map(\.rawValue)
        throw options.problem(
          option, "holds \"\(text.prefix(40))\"",
          advice: NearestName.suggestion(for: text, among: known).map { "did you mean '\($0)'?" }
            ?? "there are " + known.joined(separator: ", "))
      }
      return name
    }
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
