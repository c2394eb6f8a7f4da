internal import AttackPlans
internal import Attacks
internal import ClipModels
internal import Defences
internal import Diagnostics
internal import Kernels
internal import LuaHost
internal import Tensors

/// The module `attack`.
enum AttackLibrary {
  static let library = Library(
    "attack",
    doc: """
      Adversarial attacks on images, texts and both. Image attacks are called as attack.NAME(classifier, \
      images, labels, options) and give the adversarial images and a report; the classifier is what \
      model:classifier returns, or any function from images to logits.
      """,
    entries: ImageAttackRow.all.map(imageEntry) + embedding + shared + probes + texts + multimodal)

  /// A linear classifier of four pixels, for examples.
  static let example = """
    local w = tensor.from{{1, -1}, {2, 0}, {0, 1}}:reshape{3, 2}
    local function classify(x) return x:mean{axis = {3, 4}}:matmul(w) end
    local x, y = tensor.full({2, 3, 2, 2}, 0.5), {1, 1}

    """

  private static let budgetDoc = """
     Images are [N, 3, H, W] in [0, 1] at their own size, labels count from 1. The result stays \
    within eps of the images and within [0, 1], exactly; success is judged by evaluating each \
    result alone. The report has success, clean_correct and loss per sample, distance {linf, l2, \
    l1}, quality {ssim, psnr}, queries {forward, backward}, flags (warnings about masked gradients) and \
    seconds.
    """ + targetDoc

  private static let targetDoc = """
     clean_accuracy and robust_accuracy are counted from predictions and labels (an image that the attack \
    puts right is right), strict_accuracy from images that are right before and after, as evaluations do; \
    shares of nothing are nil. Of a targeted attack, success means that the \
    target was hit: target_hit per sample and target_hit_rate say the same, and left_out lists the \
    samples whose target is their own label, which are not attacked. quality compares with the clean images: \
    ssim (11 x 11 Gaussian windows, smaller ones where the image is; 1 for equal images) and psnr in dB \
    (infinite for equal images).
    """

  private static let nearestDoc = """
     Images are [N, 3, H, W] in [0, 1] at their own size, labels count from 1. The result is the \
    nearest image found that is classified otherwise, judged alone; images that are wrong already, \
    and those for which nothing was found, come back unchanged. The report has nearest (the distance \
    per sample, in the norm; 0 or infinite in these two cases), within_eps (the share at a distance \
    of at most eps; beyond it the clean image counts in accuracies), and what other attacks report. In attack tables of eval and train, results \
    beyond eps count as failures.
    """ + targetDoc

  private static func budgetExample(_ row: ImageAttackRow) -> String {
    """
    local adv, report = attack.\(row.name)(classify, x, y, {eps = "8/255"})
    print((adv - x):abs():max():item() <= 8 / 255 + 1e-7, #report.success)  --> true\t2
    """
  }

  /// The exact distances of the example are 0.3 (L∞) and 1 (L2).
  private static func nearestExample(_ row: ImageAttackRow) -> String {
    let limit = row.attack.norms.first == .linf ? "0.3 * 1.03" : "1.03"
    return """
      local adv, report = attack.\(row.name)(classify, x, y)
      print(report.success[1], report.nearest[1] <= \(limit))  --> true\ttrue
      """
  }

  private static func imageEntry(_ row: ImageAttackRow) -> Entry {
    Entry(
      row.name,
      "(classifier: classifier|function, images: tensor, labels: tensor|integer[] [, options]) "
        + "-> adversarial: tensor, report: table",
      doc: row.doc + (row.isNearest ? nearestDoc : budgetDoc),
      options: ImageAttackOptions.budget(of: row.attack) + row.options
        + ImageAttackOptions.call(of: row.attack),
      example: example
        + (row.example ?? (row.isNearest ? nearestExample(row) : budgetExample(row)))
    ) { call in
      let options = try call.options(4)
      let (classifier, classes) = try call.classifier(1)
      let (images, isSingle) = try call.images(2, tolerance: 0)
      let labels = try call.labels(3, classes: classes)
      guard labels.count == images.shape[0] else {
        throw KilpiError("there are \(labels.count) labels for \(images.shape[0]) images")
      }
      var attack = row.attack
      var settings = try ImageAttackOptions.settings(
        options, call, for: attack, isUnlimited: row.isNearest)
      try options.read(into: &attack)
      attack = attack.following(settings.search.loss)
      try ImageAttackOptions.addPixels(options, images, isSingle: isSingle, to: &settings)
      settings.search.sampleIDs = try options.integersIfGiven("sample_ids")?.map {
        UInt64(bitPattern: Int64($0))
      }
      settings.search.sources = try call.sources(options)
      if try !options.boolean("progress") { settings.reporting.progress = nil }
      let criterion = try criterion(labels, options, classes: classes)
      let result = try attack.run(
        classifier, images: images, criterion: criterion, settings: settings)
      let adversarial = isSingle ? try result.images.squeezed(0) : result.images
      return [adversarial, AttackRecords.record(result.report)]
    }
  }

  static func criterion(
    _ labels: [Int], _ options: Options, classes: Int?
  ) throws -> Criterion {
    guard options.has("targeted") else { return .misclassified(labels) }
    switch options.value("targeted").string {
    case "random": return .targeted(.random, labels: labels)
    case "least-likely": return .targeted(.leastLikely, labels: labels)
    case "all": return .targeted(.all, labels: labels)
    case let name?:
      throw options.problem(
        "targeted", "is '\(name.prefix(40))'",
        advice: "labels, \"random\", \"least-likely\" or \"all\"")
    case nil:
      let targets = try options.labelsIfGiven("targeted", classes: classes) ?? []
      guard targets.count == labels.count else {
        throw KilpiError("there are \(targets.count) targets for \(labels.count) labels")
      }
      return .targeted(.classes(targets), labels: labels)
    }
  }
}

extension Call {
  /// A classifier argument as a closure on frozen weights, and its number of classes where known.
  func classifier(_ index: Int) throws -> (closure: Classifier, classes: Int?) {
    if let handle = try handleIfPresent(index, as: ZeroShotClassifier.self) {
      return (try Classifier(handle), handle.classNames.count)
    }
    if let handle = try handleIfPresent(index, as: DefendedClassifier.self) {
      return (handle.classifier, handle.base.classNames.count)
    }
    guard kind(index) == .function else {
      throw badArgument(index, expected: "classifier or function")
    }
    return (try function(index).classifier(), nil)
  }

  /// The classifiers of the option `source`.
  func sources(_ options: Options) throws -> [Classifier] {
    let value = options.value("source")
    if value.isNil { return [] }
    func one(_ value: LuaValue) throws -> Classifier {
      if let handle = value.object(as: ZeroShotClassifier.self) { return try Classifier(handle) }
      if let function = value.function { return function.classifier("the source function") }
      if let handle = value.object(as: DefendedClassifier.self) { return handle.classifier }
      throw options.problem(
        "source", "holds a \(value.typeName), not a classifier or function",
        advice: value.object(as: ClipModel.self) == nil
          ? nil : "model:classifier(names) makes one")
    }
    if let list = value.table {
      let sources = try list.array().map(one)
      guard !sources.isEmpty else {
        throw options.problem("source", "holds no classifier", advice: "leave it out")
      }
      return sources
    }
    return [try one(value)]
  }
}
