internal import Diagnostics
internal import Tensors

/// One call on images with classes: pieces that several methods share are computed once.
final class MultimodalRun {
  let attack: MultimodalAttack
  let encoder: DualEncoder
  let images: Tensor
  let labels: [Int]
  let prompts: [String]
  /// Numbers of the samples, which key their random draws.
  let ids: [UInt64]
  private var blind: [String]?
  private var againstClean: AttackResult?
  private var first: MultimodalResult?
  private var clean: [SampleVerdict]?

  init(
    _ attack: MultimodalAttack, _ encoder: DualEncoder, _ images: Tensor, _ labels: [Int],
    _ prompts: [String]
  ) throws {
    self.attack = attack
    self.encoder = encoder
    self.images = images
    self.labels = labels
    self.prompts = prompts
    ids = attack.image.settings.search.sampleIDs ?? labels.indices.map { UInt64($0) + 1 }
    guard ids.count == labels.count else {
      throw KilpiError(
        "there are \(ids.count) sample ids for \(labels.count) images",
        advice: "give one id an image")
    }
  }

  /// Attacks in feature space.
  var stage: FeatureStage { FeatureStage(attack, encoder, images, ids) }

  // MARK: Shared pieces

  func blindPrompts() throws -> [String] {
    if let blind { return blind }
    let changed = try attack.blindTexts(prompts)
    blind = changed
    return changed
  }

  func imagesAgainstClean() throws -> AttackResult {
    if let againstClean { return againstClean }
    let result = try attackImages(encoder.classifier(prompts))
    againstClean = result
    return result
  }

  func cleanScores() throws -> [SampleVerdict] {
    if let clean { return clean }
    let scores = try SampleVerdict.all(encoder.classifier(prompts), images, labels)
    clean = scores
    return scores
  }

  func attackImages(_ classifier: Classifier) throws -> AttackResult {
    var settings = attack.image.settings
    settings.search.sampleIDs = ids
    let criterion =
      attack.targets.map { Criterion.targeted($0, labels: labels) } ?? .misclassified(labels)
    return try attack.image.attack.run(
      classifier, images: images, criterion: criterion, settings: settings)
  }

  /// For some of the samples the worst prompts, given their images.
  func promptsPerImage(
    _ images: Tensor, _ labels: [Int], _ method: MultimodalMethod
  ) throws -> [[String]] {
    let lists = try attack.perImage(method)(prompts, encoder.features(images), labels)
    guard lists.count == labels.count else {
      throw KilpiError(
        "the text attack returned \(lists.count) lists of prompts for \(labels.count) images")
    }
    for list in lists { _ = try MultimodalAttack.counted(list, prompts.count) }
    return lists
  }

  func imageFirst() throws -> MultimodalResult {
    if let first { return first }
    let moved = try imagesAgainstClean()
    let lists = try promptsPerImage(moved.images, labels, .imageFirst)
    let result = try finished(.imageFirst, moved, .perImage(lists), judgedClean: true)
    first = result
    return result
  }

  // MARK: In feature space

  /// Each image's own class prompts, from the prompts of all classes.
  func own(_ prompts: [String]) -> [[String]] {
    labels.map { Array(prompts[$0 * encoder.templates..<($0 + 1) * encoder.templates]) }
  }

  func checkLabels() throws {
    let classes = prompts.count / max(encoder.templates, 1)
    if let label = labels.first(where: { !(0..<classes).contains($0) }) {
      throw KilpiError(
        "a label is \(label + 1), classes are 1 … \(classes)", advice: "labels count from 1")
    }
  }

  // MARK: Verdicts

  /// Verdicts on the four pairs of clean and attacked sides.
  ///
  /// - Parameters:
  ///   - judgedClean: the image attack's own verdicts are those under the clean prompts.
  ///   - scores: the verdicts of the pairs, where they are known.
  func finished(
    _ method: MultimodalMethod, _ moved: AttackResult, _ changed: AdversarialPrompts,
    judgedClean: Bool = false, scores: [SampleVerdict]? = nil
  ) throws -> MultimodalResult {
    var report = MultimodalReport(method: method, image: moved.report)
    report.cleanPrediction = try cleanScores().map(\.prediction)
    report.cleanCorrect = zip(report.cleanPrediction, labels).map { $0 == $1 }
    func wrong(_ scores: [SampleVerdict]) -> [Bool] {
      zip(scores, labels).map { $0.prediction != $1 }
    }
    report.imageSuccess =
      judgedClean && moved.report.isJudged && attack.targets == nil
      ? moved.report.success
      : wrong(try SampleVerdict.all(encoder.classifier(prompts), moved.images, labels))
    report.textSuccess = wrong(try SampleVerdict.all(encoder, images, labels, changed))
    let both = try scores ?? SampleVerdict.all(encoder, moved.images, labels, changed)
    report.success = wrong(both)
    report.prediction = both.map(\.prediction)
    report.loss = both.map(\.loss)
    report.margin = both.map(\.margin)
    if let targets = moved.report.targets {
      let goal = Goal(labels: labels, targets: targets)
      report.targets = targets
      report.leftOut = moved.report.leftOut
      report.targetHit = both.enumerated().map { goal.isMet($1.prediction, row: $0) }
    }
    return MultimodalResult(images: moved.images, prompts: changed, report: report)
  }
}

extension AttackReport {
  /// Adds another run's counts for samples `rows` of this one.
  mutating func add(_ other: AttackReport, rows: [Int]) {
    for (position, row) in rows.enumerated() {
      if position < other.forwards.count { forwards[row] += other.forwards[position] }
      if position < other.backwards.count { backwards[row] += other.backwards[position] }
    }
    seconds += other.seconds
  }
}
