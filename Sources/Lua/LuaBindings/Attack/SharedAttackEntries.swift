internal import Attacks
internal import Datasets
internal import Diagnostics
internal import LuaHost
internal import Tensors

extension AttackLibrary {
  /// Attacks with one change for all images.
  static let shared = [universal, patch]

  private static let signature =
    "(classifier: classifier|function, images: tensor|dataset, labels: tensor|integer[]|nil, "
    + "options) -> "

  private static let verdicts = """
     A fifth of the images (holdout) is not searched on; every image is judged alone. The report has \
    success, clean_correct, prediction, margin and loss per sample, fitted and held_out {n, \
    clean_accuracy, robust_accuracy, strict_accuracy; none of nothing}, held_out_samples (their numbers), losses (one a step), \
    quality {ssim, psnr}, queries and seconds. clean_accuracy and robust_accuracy are counted from predictions and labels, strict_accuracy from \
    images that are right before and after; with \
    targeted, success and target_hit say which images get the target, fitted and held_out have \
    target_hit_rate too, and images whose label it is are judged, but left out of the search and of the hits: \
    left_out lists them. Labels of a data set are its own when nil.
    """

  private static let common: [OptionSpec] = [
    .any(
      "loss", type: "string|function", default: "ce",
      "\"ce\", \"margin\", \"dlr\", or a function (logits, labels) -> [N] that is increased"),
    .integer("targeted", "the class that every image shall get; any but its own when not given"),
    .number(
      "holdout", default: 0.2, range: 0...0.999999, "share of the images that is only judged"),
    .integer("batch", default: 64, range: 1...1_000_000, "images at once"), .seed,
    .boolean("progress", default: true, "show a progress bar"),
  ]

  private static let universal = Entry(
    "universal", signature + "delta: tensor, report: table",
    doc: """
      One perturbation [3, H, W] for all images of a set: steps along the sum of a batch's gradients, \
      projected onto the budget (arXiv:1610.08401, arXiv:1811.11304).
      """ + verdicts,
    options: [
      .budget("eps", "budget, 1/255 for linf, no default for l2"),
      .choice("norm", ["linf", "l2"], default: "linf", "norm of the budget"),
      .handle(
        "mask", type: "tensor",
        "1 for pixels that may change, 0 for those that keep their bits: [H, W] or [C, H, W] for all images, "
          + "[N, 1, H, W] or [N, C, H, W] for each"),
    ] + UniversalPerturbation().options() + common,
    example: example + """
      local delta, report = attack.universal(classify, x, y, {eps = "8/255", holdout = 0.5})
      print(delta:size(1), delta:abs():max():item() <= 8 / 255, report.held_out.n)  --> 3\ttrue\t1
      """
  ) { call in
    let options = try call.options(4)
    let (classifier, classes) = try call.classifier(1)
    let source = try call.labelledSource(2, labels: 3, classes: classes)
    let norm = try Norm.named(options.string("norm"))
    let epsilon = try options.budgetIfGiven("eps", limit: norm == .linf ? 1 : nil)
    guard let value = epsilon ?? (norm == .linf ? 1.0 / 255 : nil) else {
      throw KilpiError("norm = \"\(norm)\" has no default budget", advice: "give eps")
    }
    var attack = UniversalPerturbation()
    try options.read(into: &attack)
    var settings = try settings(options, call, classes: classes)
    settings.mask = try ImageAttackOptions.mask(options)
    let result = try attack.run(
      classifier, source, budget: Budget(norm, value), settings: settings)
    return [result.change, record(result)]
  }

  private static let patch = Entry(
    "patch", signature + "patch: tensor, report: table",
    doc: """
      A square patch [3, s, s] that replaces the pixels under it, at a random place for each image and \
      step (arXiv:1712.09665); on images that are less high or wide than the square, a rectangle of the same \
      area. For a patch at a place of your own, attack.pgd takes mask, with eps = 1.
      """ + verdicts + " places gives the row and column of each image's patch when it was judged.",
    options: AdversarialPatch().options() + common,
    example: example + """
      local patch, report = attack.patch(classify, x, y, {area = 0.25, steps = 20})
      print(patch:size(2), report.distance.linf[1] <= 0.5, #report.places)  --> 1\ttrue\t2
      """
  ) { call in
    let options = try call.options(4)
    let (classifier, classes) = try call.classifier(1)
    let source = try call.labelledSource(2, labels: 3, classes: classes)
    var attack = AdversarialPatch()
    try options.read(into: &attack)
    let result = try attack.run(
      classifier, source, settings: settings(options, call, classes: classes))
    return [result.change, record(result)]
  }

  private static func settings(
    _ options: Options, _ call: Call, classes: Int?
  ) throws -> SharedSettings {
    var settings = SharedSettings(seed: try call.randomSource(options).seed)
    settings.loss = try ImageAttackOptions.loss(options)
    settings.heldOut = try options.number("holdout")
    settings.batch = try options.integer("batch")
    settings.firstIndex = 1
    if let target = try options.integerIfGiven("targeted") {
      settings.target = try Call.zeroBased([target], classes: classes, name: "targeted")[0]
    }
    settings.progress = try options.boolean("progress") ? call.progress : nil
    return settings
  }

  private static func record(_ result: SharedResult) -> LuaRecord {
    var record = AttackRecords.record(result.report)
    let heldOut = Set(result.heldOut)
    func part(_ positions: [Int]) -> LuaRecord {
      let (clean, robust, strict) = result.accuracies(positions)
      return [
        "n": positions.count, "clean_accuracy": clean, "robust_accuracy": robust,
        "strict_accuracy": strict, "target_hit_rate": result.hitRate(positions),
      ]
    }
    record["fitted"] = part(result.report.success.indices.filter { !heldOut.contains($0) })
    record["held_out"] = part(result.heldOut)
    record["held_out_samples"] = result.heldOut.map { $0 + 1 }
    record["losses"] = result.losses
    if !result.places.isEmpty {
      record["places"] = LuaList(
        result.places.map { ["row": $0.row + 1, "column": $0.column + 1] as LuaRecord })
    }
    return record
  }
}

extension Call {
  /// Labelled images: a tensor with labels, or a data set, whose labels may be given instead.
  func labelledSource(_ index: Int, labels: Int, classes: Int?) throws -> LabelledSource {
    if let data = try handleIfPresent(index, as: Dataset.self) {
      let positions = Array(0..<data.count)
      let own = try positions.map { try data.label(at: $0) }
      var values = own.compactMap { $0 }
      if !isNone(labels) { values = try self.labels(labels, classes: classes) }
      guard values.count == data.count else {
        throw KilpiError(
          "there are \(values.count) labels for \(data.count) images",
          advice: "sets with captions need labels")
      }
      return LabelledSource(labels: values, ids: try positions.map { try data.sampleID(at: $0) }) {
        try data.batch($0).images
      }
    }
    let (images, _) = try images(index, tolerance: 0)
    let values = try self.labels(labels, classes: classes)
    guard values.count == images.shape[0] else {
      throw KilpiError("there are \(values.count) labels for \(images.shape[0]) images")
    }
    return try LabelledSource(images, labels: values)
  }
}
