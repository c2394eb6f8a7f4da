package import AttackPlans
package import Attacks
package import Datasets
package import Diagnostics
package import Processes
internal import Tensors

/// Which samples of a data set are evaluated.
package enum SampleChoice: Equatable, Sendable {
  /// All samples of the split.
  case all
  /// So many, drawn with the evaluation's seed, in the order of the set.
  case random(Int)
  /// The samples with these ids, in this order.
  case ids([String])
}

/// Where a perturbation lives; the two are different threat models.
package enum PerturbationPlace: String, Sendable, CaseIterable {
  /// On the images at the data set's own size.
  case native
  /// On images brought to the model's input size first.
  case input
}

/// How attacked images are kept as files.
package enum SavedImages: String, Sendable, CaseIterable {
  /// 8-bit PNG in which an L∞ budget still holds.
  case png
  /// Tensors as they are, for budgets that 8 bits cannot hold.
  case float
}

/// Measures a classifier's accuracy when clean and under attacks on images, texts and both.
///
/// Predictions are the top class, ties to the lowest index, each image evaluated alone. A sample that
/// is wrong when clean counts as broken under image attacks and is not attacked; with adversarial
/// prompts it may become right, and then counts as right (the published protocol). All samples of the
/// choice count, and no others.
///
/// Image attacks run from small budgets to large ones, and within a budget in the order of their planned
/// passes, whatever the order of the list. Each runs on the samples that withstood those before it whose
/// budgets lie within its own (`ThreatModel.isNested`), and its row counts what these have left together.
/// A number never depends on attacks of another norm or of a larger budget. `attacksEach` runs every one
/// of them over all samples, in the given order.
package struct RobustnessEvaluation: EvaluationSettings {
  /// Attacks on images, each with a row of its own.
  package var images: [ImageAttackSpecification] = []
  /// Attacks on the class prompts, each with a row of its own.
  package var texts: [TextAttackSpecification] = []
  /// Attacks on both.
  package var multimodal: [MultimodalSpecification] = []
  /// The protocol whose attacks these are; nil for one's own.
  package var protocolName: String?
  /// Which samples are evaluated.
  package var samples = SampleChoice.all
  /// Root of random draws, in place of the attacks' own seeds; nil leaves those, and draws samples
  /// with 0.
  package var seed: UInt64?
  /// Samples attacked together, at least 1.
  package var batch = 64
  /// Attack samples that are wrong when clean too, as released code does; they stay counted as broken.
  package var attacksAll = false
  /// Run every image attack over all samples, so that its row is its own accuracy.
  package var attacksEach = false
  /// A folder for the record, which grows as samples are finished, and for saved images; nil for none.
  package var output: String?
  /// Go on with the record that stands in `output`: what is finished is not computed again.
  package var resumes = false
  /// Write attacked images to `output`, read them back, and judge what the files hold.
  package var savedImages: SavedImages?
  /// Where the perturbation lives.
  package var perturbationPlace = PerturbationPlace.native
  /// Look for signs of masked gradients once, with three attacks on up to 64 of the samples.
  package var probesGradients = true
  /// Samples whose pictures the report keeps, spread evenly over the evaluation.
  package var pictures = 6
  /// How the images were prepared before the evaluation, as the record names it.
  package var preprocessing = "none"
  /// Who shares the work; this process alone unless told otherwise.
  package var processes = ProcessGroup()
  /// Told as samples are finished.
  package var progress: ProgressHandler?

  /// Clean accuracy alone.
  package init() {}

  /// Runs the evaluation.
  ///
  /// Several processes take the batches in turn and give the report of one; all call this with the
  /// same arguments, and the first alone writes the record.
  ///
  /// - Parameters:
  ///   - subject: the classifier.
  ///   - data: labelled images of one size.
  /// - Throws: `KilpiError` when the set has no labels or other classes than the subject, two attacks
  ///   share a name, text is to be attacked behind a plain function, the record in `output` is
  ///   damaged or of another evaluation, or an attack fails (its row's name stands in front); on
  ///   interrupt.
  package func run(_ subject: EvaluationSubject, data: Dataset) throws -> RobustnessReport {
    try check(subject, data)
    let chosen = try choose(data)
    guard chosen.count > 0 else {
      throw KilpiError("there is no sample to evaluate in \(data.name)")
    }
    return try EvaluationRun(self, subject, chosen, whole: data).run()
  }

  /// What the evaluation will cost, at most: nothing is attacked.
  package func cost(_ subject: EvaluationSubject, data: Dataset) throws -> EvaluationCost {
    try check(subject, data)
    return EvaluationPlan(self).cost(samples: try choose(data).count)
  }

  /// Refuses a set with captions; who makes a classifier of the set's classes asks before.
  package static func requireClasses(_ data: Dataset) throws {
    guard data.count > 0 else {
      throw KilpiError("there is no sample to evaluate in \(data.name)")
    }
    guard !data.hasCaptions, !data.classNames.isEmpty else {
      throw KilpiError(
        "\(data.name) has captions, not classes", advice: "evaluate it with eval.retrieval")
    }
  }

  /// Text attacks without prompts.
  package static let noPrompts = KilpiError(
    "a plain function has no prompts to attack",
    advice: "pass a model or classifier with prompts, or leave text attacks out")

  private func check(_ subject: EvaluationSubject, _ data: Dataset) throws {
    try checkRun()
    guard pictures >= 0 else { throw KilpiError("pictures is \(pictures), below 0") }
    try Self.requireClasses(data)
    if !subject.classNames.isEmpty, subject.classNames.count != data.classNames.count {
      throw KilpiError(
        "the classifier has \(subject.classNames.count) classes, \(data.name) has "
          + "\(data.classNames.count)", advice: "make the classifier from the set's class_names")
    }
    try data.requireOrder(
      ofClasses: subject.classNames.isEmpty ? data.classNames : subject.classNames)
    if !texts.isEmpty || !multimodal.isEmpty, subject.zeroShot == nil || subject.reprompted == nil {
      throw Self.noPrompts
    }
    for attack in multimodal where attack.method.attacksTogether {
      guard subject.hasFeatures else {
        throw KilpiError(
          "method \"\(attack.method.rawValue)\" attacks the features of a CLIP, a function has logits alone",
          advice: "use independent or adaptive")
      }
      if savedImages != nil {
        throw KilpiError(
          "save_images cannot keep rows of method \"\(attack.method.rawValue)\", whose images go "
            + "with prompts of their own", advice: "leave it out, or keep them in another run")
      }
    }
    if perturbationPlace == .input, subject.inputSide == nil {
      throw KilpiError(
        "the input size of a plain function is not known", advice: "use perturb_at = \"native\"")
    }
    if output == nil, savedImages != nil {
      throw KilpiError("save_images needs out", advice: "name the evaluation's folder")
    }
    if savedImages == .png {
      let attacks =
        images
        + multimodal.filter { !$0.method.attacksTogether }.map(\.image)
      for attack in attacks where attack.settings.threat.budget.norm != .linf {
        throw KilpiError(
          "a PNG holds linf budgets, \(attack.name) has \(attack.settings.threat.budget.norm.rawValue)",
          advice: "use save_images = \"float\"")
      }
    }
    for attack in images + multimodal.map(\.image) {
      try attack.check(images: data.count)
      try attack.targets?.check(
        attack.name, classes: data.classNames.count, samples: data.count)
    }
    for attack in multimodal where attack.method.attacksTogether {
      let image = attack.image
      let given =
        image.targets != nil
        ? "targeted form" : image.mask != nil ? "mask" : image.start != nil ? "init" : nil
      if let given {
        throw KilpiError(
          "method \"\(attack.method.rawValue)\" has no \(given)",
          advice: "image rows, independent and adaptive have")
      }
    }
    try checkNames([
      images.map(\.name), texts.map(\.name),
      multimodal.map { ScenarioKind($0.method).rawValue + "/" + $0.name },
    ])
  }

  private func choose(_ data: Dataset) throws -> Dataset {
    switch samples {
    case .all: return data
    case .random(let count):
      guard count >= 1 else { throw KilpiError("samples is \(count), at least 1 is needed") }
      if count >= data.count { return data }
      return try data.take(count, random: RandomSource(seed: seed ?? 0))
    case .ids(let ids):
      let places = Dictionary(zip(data.ids, 0...), uniquingKeysWith: { first, _ in first })
      return try data.subset(
        ids.map { id in
          guard let place = places[id] else {
            let near = NearestName.suggestion(for: id, among: Array(data.ids.prefix(10_000)))
            throw KilpiError(
              "\(data.name) has no sample '\(id.prefix(40))'",
              advice: near.map { "did you mean '\($0)'?" })
          }
          return place
        })
    }
  }

  /// Where each sample of a choice stands in the whole set.
  ///
  /// - Throws: `KilpiError` where two samples have one id, and something is given for each of them.
  func places(_ chosen: Dataset, in whole: Dataset) throws -> [Int] {
    let attacks = images + multimodal.map(\.image)
    let isWhole = chosen.count == whole.count && chosen.ids == whole.ids
    if isWhole || !attacks.contains(where: \.goesByPlace) { return Array(0..<chosen.count) }
    var known: [String: Int] = [:]
    for (place, id) in whole.ids.enumerated() {
      guard known.updateValue(place, forKey: id) == nil else {
        throw KilpiError(
          "two samples of \(whole.name) have the id '\(id.prefix(40))'",
          advice: "evaluate all of them, or a subset that was made before")
      }
    }
    return try chosen.ids.map { id in
      guard let place = known[id] else {
        throw KilpiError("\(whole.name) has no sample '\(id.prefix(40))'")
      }
      return place
    }
  }
}

extension RobustnessEvaluation: Parameterized {
  /// Its plain values; records hold some of them as parts of the threat model.
  package static var parameters: [Parameter<RobustnessEvaluation>] {
    [
      Parameter(
        "perturb_at", \.perturbationPlace,
        "where the perturbation lives: at the images' own size, or at the model's side"
      ).unrecorded(),
      .batch,
      Parameter("pictures", \.pictures, 0...1000, "samples kept for r:images"),
      Parameter(
        "each", \.attacksEach,
        "every image attack on all samples; else cheapest first, each on what those before left"
      ).unrecorded(),
      Parameter(
        "probes", \.probesGradients, "look for masked gradients on up to 64 samples, once"),
      Parameter(
        "attack_all", \.attacksAll, "attack samples that are wrong when clean, too"
      ).unrecorded(),
      Parameter(
        "save_images", \.savedImages,
        "write attacked images to out, read them back and judge the files: png (linf) or float",
        absent: nil),
    ]
  }
}
