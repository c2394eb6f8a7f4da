internal import Attacks
internal import ClipModels
internal import Diagnostics
internal import LuaHost
internal import Tensors
internal import Training

extension AttackLibrary {
  static let multimodal: [Entry] = [
    Entry(
      "multimodal",
      "(model: clip model, images: tensor, labels: tensor|integer[], prompts: classifier|string[] [, options]) "
        + "-> images: tensor, prompts: string[], report: table",
      doc: """
        Attacks images and class prompts together. independent: each side against the clean other, the \
        published protocol; adaptive: the prompts first, then the images against the adversarial \
        prompts. `image` and `text` are tables as attack.pgd and attack.text take them, with `method`. \
        The report has success, image_success, text_success and clean_correct per sample, and the \
        reports of both parts under image and text (arXiv:2404.19287).
        """,
      options: [
        .choice(
          "method", ["independent", "adaptive"], default: "independent", "order of the two attacks"),
        .table("image", ImageAttackOptions.table, "the image attack"),
        .table("text", TextAttackOptions.table, "the text attack"),
      ],
      example: """
        local model = clip.create("tiny")
        local x, y, t, report = tensor.rand{1, 3, 16, 16}, {1}, {method = "char", sites = 2}
        x, t, report = attack.multimodal(model, x, y, {"a cat", "a dog"}, {text = t})
        print(#t, #report.success)  --> 2\t1
        """
    ) { call in
      let options = try call.options(5)
      let model = try call.handle(1, as: ClipModel.self).frozen()
      let (images, isSingle) = try call.images(2, tolerance: 0)
      let classifier = try promptClassifier(call, model)
      let labels = try call.labels(3, classes: classifier.classNames.count)
      guard labels.count == images.shape[0] else {
        throw KilpiError("", "there are \(labels.count) labels for \(images.shape[0]) images")
      }
      let image = try ImageAttackOptions.specification(options.options("image"), call)
      let text = try TextAttackOptions.specification(options.options("text"), call, model: model)
      var textReport: TextReport?
      let order = MultimodalAttack.Order(rawValue: try options.string("method")) ?? .independent
      let progress = call.progress
      let attack = MultimodalAttack(
        order,
        image: { met, images, criterion in
          try image.attack.run(met, images: images, criterion: criterion, settings: image.settings)
        },
        text: .shared { _ in
          let found = try text.perturb(classifier, progress: progress)
          textReport = found
          return found.texts
        })
      let result = try attack.run(
        { prompts in
          let met = try classifier.withPrompts(prompts)
          return { try met.logits($0) }
        }, images: images, labels: labels, prompts: classifier.prompts)
      let report = result.report
      let record: LuaRecord = [
        "success": report.success, "clean_correct": report.cleanCorrect,
        "image_success": report.imageSuccess, "text_success": report.textSuccess,
        "prediction": report.prediction.map { $0 + 1 }, "loss": report.loss,
        "clean_accuracy": report.cleanAccuracy, "robust_accuracy": report.robustAccuracy,
        "image": AttackRecords.record(report.image),
        "text": textReport.map { AttackRecords.record($0) },
      ]
      return [
        isSingle ? try result.images.squeezed(0) : result.images,
        result.prompts.prompts(image: 0), record,
      ]
    }
  ]

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
