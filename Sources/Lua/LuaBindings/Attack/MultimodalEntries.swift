internal import AttackPlans
internal import Attacks
internal import ClipModels
internal import Diagnostics
internal import Files
internal import LuaHost
internal import Tensors

/// Options of multimodal attacks, in calls and in attack tables.
enum MultimodalOptions {
  /// What the methods need beside the image and the text attack.
  static let own: [OptionSpec] =
    MultimodalParameters().options() + [
      .strings(
        "methods", "worst: what is chosen from for each sample; all methods that fit when not given"
      )
    ]

  /// The image attack of a call, which may be targeted, have a mask, and start from given images.
  static let imageCall: [OptionSpec] =
    ImageAttackOptions.table
    + ImageAttackOptions.call.filter { ["targeted", "mask", "init"].contains($0.name) }

  /// Attack tables of an evaluation.
  static let table: [OptionSpec] =
    [
      .choice(
        "method", MultimodalMethod.allCases.map(\.rawValue),
        "how the two attacks are put together; independent and adaptive when not given"),
      .table("image", ImageAttackOptions.table, "the image attack; attacks.image when not given"),
      .table("text", TextAttackOptions.table, "the text attack; attacks.text when not given"),
    ] + own

  /// `image` and `text` for the two attacks, `method` left to the caller.
  static func specification(
    _ method: MultimodalMethod, image: ImageAttackSpecification, text: TextAttackSpecification,
    _ options: Options
  ) throws -> MultimodalSpecification {
    var chosen = MultimodalSpecification(method, image: image, text: text)
    try options.read(into: &chosen.parameters)
    chosen.parameters.methods = try members(options)
    return chosen
  }

  /// What `worst` chooses from.
  static func members(_ options: Options) throws -> [MultimodalMethod] {
    try (options.stringsIfGiven("methods") ?? []).map { name in
      guard let member = MultimodalMethod(rawValue: name), member != .worst else {
        let names = MultimodalMethod.allCases.filter { $0 != .worst }.map(\.rawValue)
        throw options.problem(
          "methods", "holds \"\(name.prefix(40))\"",
          advice: NearestName.suggestion(for: name, among: names).map { "did you mean '\($0)'?" }
            ?? "there are " + names.joined(separator: ", "))
      }
      return member
    }
  }

  /// The image attack of a method; one with a budget of its own has ten steps unless told otherwise.
  ///
  /// - Parameters:
  ///   - evaluates: see `ImageAttackOptions.specification`.
  ///   - keepsMask: see there, too.
  static func image(
    _ options: Options, _ call: Call, _ method: MultimodalMethod, evaluates: Bool = false,
    keepsMask: Bool = false
  ) throws -> ImageAttackSpecification {
    var image = try ImageAttackOptions.specification(
      options, call, evaluates: evaluates && method.usualBudget == nil, keepsMask: keepsMask)
    if let usual = method.usualBudget, !options.has("eps"),
      image.settings.threat.budget.norm == .linf
    {
      image.settings.threat.budget = try Budget(.linf, usual)
    }
    return image
  }
}

extension AttackLibrary {
  static let multimodal: [Entry] = [
    Entry(
      "multimodal",
      "(model: clip model, images: tensor, labels: tensor|integer[]|string[], prompts: classifier|string[] [, options]) "
        + "-> images: tensor, prompts: string[], report: table",
      doc: """
        Attacks images and class prompts together. independent: each side against the clean other, the \
        published protocol (arXiv:2404.19287); adaptive: the prompts first, then the images against the \
        adversarial prompts; image-first: the images, then for each of them the worst prompts; \
        alternating: both again in turns; co-attack (arXiv:2206.09391) and sga (arXiv:2307.14061): in \
        feature space; worst: the best of several for each sample. `image` and `text` are tables as \
        attack.pgd and attack.text take them, with `method`. The prompts come back as one list, or where \
        images have their own as one list an image. Captions in place of labels (a string or a list for \
        each image, prompts nil) take independent, co-attack, sga and the worst of them (for each image the \
        pair that is least alike), and come back in lists. The report \
        has success (the label is not the top class; of a targeted image attack target_hit, target_hit_rate and left_out beside it, as in attack.pgd), image_success, text_success, clean_correct and loss per sample, and the reports of \
        both parts under image and text.
        """,
      options: [
        .choice(
          "method", MultimodalMethod.allCases.map(\.rawValue), default: "independent",
          "how the two attacks are put together"),
        .table("image", MultimodalOptions.imageCall, "the image attack"),
        .table("text", TextAttackOptions.table, "the text attack"),
        ClipLibrary.truncate,
      ] + MultimodalOptions.own,
      example: """
        local model, x = clip.create("tiny"), tensor.rand{2, 3, 16, 16}
        local options = {method = "image-first", text = {method = "char"}, image = {steps = 2}}
        local adv, texts, report = attack.multimodal(model, x, {1, 2}, {"a cat", "a dog"}, options)
        print(#texts, #texts[1], #report.success)  --> 2\t2\t2
        """
    ) { call in
      let options = try call.options(5)
      let model = try call.handle(1, as: ClipModel.self).truncating(options).frozen()
      let (images, isSingle) = try call.images(2, tolerance: 0)
      let method = MultimodalMethod(rawValue: try options.string("method")) ?? .independent
      var specification = try MultimodalOptions.specification(
        method, image: MultimodalOptions.image(options.options("image"), call, method),
        text: TextAttackOptions.specification(options.options("text"), call, model: model),
        options)
      try ImageAttackOptions.addPixels(
        options.options("image"), images, isSingle: isSingle, to: &specification.image.settings)
      if let captions = try call.captions(3) {
        guard call.isNone(4) else {
          throw KilpiError(
            "captions and prompts are both given",
            advice: "labels go with prompts, captions stand alone: pass nil")
        }
        guard try !options.options("image").has("targeted") else {
          throw KilpiError(
            "targeted goes with labels and prompts", advice: "captions have no classes")
        }
        guard captions.count == images.shape[0] else {
          throw KilpiError(
            "there are captions for \(captions.count) images, \(images.shape[0]) are given")
        }
        return try captioned(specification, model, images, captions, isSingle, call)
      }
      let classifier = try promptClassifier(call, model)
      let labels = try call.labels(3, classes: classifier.classNames.count)
      guard labels.count == images.shape[0] else {
        throw KilpiError("there are \(labels.count) labels for \(images.shape[0]) images")
      }
      let image = try options.options("image")
      if image.has("targeted") {
        specification.targets = try criterion(
          labels, image, classes: classifier.classNames.count
        ).targets
      }
      let session = try MultimodalSession(
        specification, classifier: classifier, progress: call.progress)
      let result = try session.run(images: images, labels: labels)
      let moved = isSingle ? try result.images.squeezed(0) : result.images
      let record = record(result.report, session)
      switch result.prompts {
      case .shared(let prompts): return [moved, prompts, record]
      case .perImage(let lists): return [moved, lists, record]
      }
    }
  ]

  private static func record(_ report: MultimodalReport, _ session: MultimodalSession) -> LuaRecord
  {
    var record: LuaRecord = [
      "method": report.method.rawValue, "success": report.success,
      "clean_correct": report.cleanCorrect, "image_success": report.imageSuccess,
      "text_success": report.textSuccess, "prediction": report.prediction.map { $0 + 1 },
      "loss": report.loss, "margin": report.margin, "clean_accuracy": report.cleanAccuracy,
      "robust_accuracy": report.robustAccuracy, "strict_accuracy": report.strictAccuracy,
      "image": AttackRecords.record(report.image),
    ]
    if let targets = report.targets {
      record["targets"] = targets.map { $0 + 1 }
      record["target_hit"] = report.targetHit
      record["target_hit_rate"] = report.targetHitRate
      record["left_out"] = report.leftOut.map { $0 + 1 }
    }
    if let text = session.textReport { record["text"] = AttackRecords.record(text) }
    if report.limits.isReached { record["stopped"] = AttackRecords.record(report.limits) }
    if !report.rounds.isEmpty { record["rounds"] = report.rounds }
    if !report.members.isEmpty {
      record["members"] = report.members
      record["chosen"] = report.chosen
    }
    return record
  }

  private static func captioned(
    _ specification: MultimodalSpecification, _ model: ClipModel, _ images: Tensor,
    _ captions: [[String]], _ isSingle: Bool, _ call: Call
  ) throws -> [any LuaConvertible] {
    let session = try MultimodalSession(specification, model: model, progress: call.progress)
    let result = try session.run(images: images, captions: captions)
    var record: LuaRecord = [
      "method": specification.method.rawValue, "similarity_before": result.similarityBefore,
      "similarity_after": result.similarityAfter, "image": AttackRecords.record(result.image),
    ]
    if let text = session.textReport { record["text"] = AttackRecords.record(text) }
    if result.limits.isReached { record["stopped"] = AttackRecords.record(result.limits) }
    if !result.members.isEmpty {
      record["members"] = result.members
      record["chosen"] = result.chosen
    }
    let isOne = isSingle && result.images.shape[0] == 1
    return [isOne ? try result.images.squeezed(0) : result.images, result.captions, record]
  }

  /// Class prompts as a classifier: one that is given, or one made of a prompt a class.
  private static func promptClassifier(
    _ call: Call, _ model: ClipModel
  ) throws -> ZeroShotClassifier {
    if let classifier = try call.handleIfPresent(4, as: ZeroShotClassifier.self) {
      return try classifier.with(model: model)
    }
    let prompts = try call.strings(4)
    return try ZeroShotClassifier(
      model, classNames: prompts, templates: ["{c}"], promptsByClass: prompts.map { [$0] })
  }
}
