internal import ClipModels
internal import Datasets
internal import Diagnostics
internal import LuaHost
internal import Tensors

extension ZeroShotClassifier: ClassifierValue {
  func logits(of images: Tensor) throws -> Tensor { try logits(images) }
}

extension ClipLibrary {
  static let classifierType = HandleType(
    ZeroShotClassifier.self, name: "classifier",
    doc: "A zero-shot classifier made of a model and class prompts; attacks take it as it is.",
    methods: predictions + defences,
    fields: [
      Field(
        "class_names", type: "string[]", doc: "The class names, as given.",
        get: { classifier, _ in classifier.classNames }),
      Field(
        "prompts", type: "string[]", doc: "The prompts, class by class.",
        get: { classifier, _ in classifier.prompts }),
      Field(
        "model", type: "clip model", doc: "The model.", get: { classifier, _ in classifier.model }),
    ],
    metamethods: [
      Entry(
        "__call", "(classifier, images: tensor) -> tensor", doc: "The same as cls:logits(images)."
      ) { call in
        let classifier = try call.handle(1, as: ZeroShotClassifier.self)
        return [try classifier.logits(call.images(2).batch)]
      },
      Entry("__tostring", "(classifier) -> string", doc: "One line: classes and first prompt.") {
        call in
        let classifier = try call.handle(1, as: ZeroShotClassifier.self)
        let first = classifier.prompts.first.map { ", \"\($0)\" …" } ?? ""
        return ["classifier: \(classifier.classNames.count) classes\(first)"]
      },
    ])

  private static let create = """
    local model = clip.create("tiny")
    local cls = model:classifier{"cat", "dog"}

    """

  private static let predictions: [Method<ZeroShotClassifier>] = [
    Method(
      "logits", "(images: tensor) -> tensor",
      doc:
        "Logits [N, C] of images [N, 3, H, W] in [0, 1]; differentiable with respect to the images.",
      example: create + "print(cls:logits(tensor.rand{3, 3, 16, 16}):size(2))  --> 2"
    ) { classifier, call in [try classifier.logits(call.images(1).batch)] },
    Method(
      "predict", "(images: tensor) -> labels: tensor, scores: tensor",
      doc: "The best class of each image, from 1, and its probability; ties go to the lower class.",
      example: create + """
        local labels, scores = cls:predict(tensor.rand{3, 3, 16, 16})
        print(#labels, scores:max():item() <= 1)  --> 3\ttrue
        """
    ) { classifier, call in
      let (labels, scores) = try classifier.predict(call.images(1).batch) {
        "sample \($0 + 1)"
      }
      return [try labels.oneBased(), scores]
    },
    Method(
      "accuracy", "(dataset: dataset [, options]) -> number",
      doc: """
        Share of a data set's images whose best class is their label, in 0 … 1. The set must have as \
        many classes as the classifier, and those that both name at the same places.
        """,
      options: [.integer("batch", default: 128, range: 1...65536, "images at once")],
      example: create + """
        local ds = data.from(tensor.rand{4, 3, 16, 16}, {1, 2, 1, 2}, {"cat", "dog"})
        print(cls:accuracy(ds) <= 1)  --> true
        """
    ) { classifier, call in
      let dataset = try call.handle(1, as: Dataset.self)
      guard dataset.count > 0 else { throw KilpiError("the data set is empty") }
      guard !dataset.hasCaptions else {
        throw KilpiError("the data set has captions, not labels")
      }
      guard dataset.classNames.count == classifier.classNames.count else {
        throw KilpiError(
          "the classifier has \(classifier.classNames.count) classes, the data set has "
            + "\(dataset.classNames.count)",
          advice: "make the classifier from the set's class_names, or name all classes in data.from"
        )
      }
      try dataset.requireOrder(ofClasses: classifier.classNames)
      let options = try BatchOptions(size: call.options(2).integer("batch"))
      let batches = try dataset.batches(options)
      var (correct, seen) = (0, 0)
      while let batch = try batches.next() {
        let labels = try batch.labels?.integers() ?? []
        let predicted = try classifier.predict(batch.images) { "sample '\(batch.ids[$0])'" }
          .labels.integers()
        correct += zip(predicted, labels).count { $0 == $1 }
        seen += batch.count
        call.progress(
          ProgressEvent(name: "accuracy", completed: seen, total: dataset.count))
      }
      return [Double(correct) / Double(seen)]
    },
    Method(
      "with_prompts", "(prompts: string[] [, options]) -> classifier",
      doc: "The same classes with other prompts, in the order of `prompts`: adversarial ones, say.",
      options: [ClipLibrary.truncate],
      example: create + "print(cls:with_prompts({\"a cat\", \"a dog\"}).prompts[1])  --> a cat"
    ) { classifier, call in
      let model = try classifier.model.truncating(call.options(2))
      let other = try classifier.with(model: model).withPrompts(call.strings(1))
      try other.checkFit()
      return [other]
    },
  ]
}
