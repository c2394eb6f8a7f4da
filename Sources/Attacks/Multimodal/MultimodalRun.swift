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
  private var clean: [PairScore]?

  init(
    _ attack: MultimodalAttack, _ encoder: DualEncoder, _ images: Tensor, _ labels: [Int],
    _ prompts: [String]
  ) throws {
    self.attack = attack
    self.encoder = encoder
    self.images = images
    self.labels = labels
    self.prompts = prompts
    ids = attack.image.settings.sampleIDs ?? labels.indices.map { UInt64($0) + 1 }
    guard ids.count == labels.count else {
      throw KilpiError(
        "", "there are \(ids.count) sample ids for \(labels.count) images",
        advice: "give one id an image")
    }
  }

  func result(_ method: MultimodalMethod) throws -> MultimodalResult {
    switch method {
    case .independent:
      return try finished(method, imagesAgainstClean(), .shared(blindPrompts()), judgedClean: true)
    case .adaptive:
      let changed = try blindPrompts()
      let moved = try attackImages(encoder.classifier(changed))
      return try finished(method, moved, .shared(changed))
    case .imageFirst: return try imageFirst()
    case .alternating: return try alternating()
    case .coAttack: return try coAttack()
    case .sga: return try sga()
    case .worst: return try worst()
    }
  }

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

  func cleanScores() throws -> [PairScore] {
    if let clean { return clean }
    let scores = try PairScore.all(encoder.classifier(prompts), images, labels)
    clean = scores
    return scores
  }

  private func attackImages(_ classifier: @escaping Classifier) throws -> AttackResult {
    var settings = attack.image.settings
    settings.sampleIDs = ids
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
        "", "the text attack returned \(lists.count) lists of prompts for \(labels.count) images")
    }
    for list in lists { _ = try MultimodalAttack.counted(list, prompts.count) }
    return lists
  }

  private func imageFirst() throws -> MultimodalResult {
    if let first { return first }
    let moved = try imagesAgainstClean()
    let lists = try promptsPerImage(moved.images, labels, .imageFirst)
    let result = try finished(.imageFirst, moved, .perImage(lists), judgedClean: true)
    first = result
    return result
  }

  // MARK: Alternating

  /// Further rounds for the samples whose loss still grows; a pair that succeeds is not given up
  /// for one that does not.
  private func alternating() throws -> MultimodalResult {
    let ball = try attack.ballAttack(.alternating)
    let start = try imageFirst()
    guard case .perImage(var lists) = start.prompts else { return start }
    let moved = try start.images.cloned()
    var scores = zip(start.report.prediction, zip(start.report.loss, start.report.margin)).map {
      PairScore(prediction: $0, loss: $1.0, margin: $1.1)
    }
    var image = start.report.image
    var rounds = labels.map { _ in 1 }
    var active = Array(labels.indices)
    for round in stride(from: 2, through: attack.rounds, by: 1) where !active.isEmpty {
      let truth = active.map { labels[$0] }
      let next = try followed(ball, active, truth, moved, lists)
      let choice = try promptsPerImage(next.images, truth, .alternating)
      let found = try PairScore.all(encoder, next.images, truth, .perImage(choice))
      image.add(next.report, rows: active)
      var growing: [Int] = []
      for (position, row) in active.enumerated() {
        let (old, new) = (scores[row], found[position])
        let losesSuccess = old.prediction != labels[row] && new.prediction == labels[row]
        guard new.loss > old.loss, !losesSuccess else { continue }
        scores[row] = new
        lists[row] = choice[position]
        rounds[row] = round
        growing.append(row)
        try moved.narrowed(0, start: row, length: 1).assign(
          next.images.narrowed(0, start: position, length: 1))
      }
      active = growing
    }
    image.distance = try Distances(from: images, to: moved)
    var result = try finished(
      .alternating, AttackResult(images: moved, report: image), .perImage(lists), scores: scores)
    result.report.rounds = rounds
    return result
  }

  /// The image attack again for some samples, from where they are, each against its own prompts.
  private func followed(
    _ ball: any FixedBudgetAttack, _ active: [Int], _ truth: [Int], _ moved: Tensor,
    _ lists: [[String]]
  ) throws -> AttackResult {
    let classes = try Tensor.stacked(active.map { try encoder.classFeatures(lists[$0]) })
    var settings = attack.image.settings
    settings.sampleIDs = active.map { ids[$0] }
    settings.startPoints = try moved.rows(active)
    settings.mask = try settings.mask?.rows(active)
    settings.judging = .none
    return try ball.maximize(
      encoder.loss(attack.image.settings.loss, classes: classes, truth),
      images: images.rows(active), settings: settings)
  }

  // MARK: In feature space

  /// Each image's own class prompts, from the prompts of all classes.
  private func own(_ prompts: [String]) -> [[String]] {
    labels.map { Array(prompts[$0 * encoder.templates..<($0 + 1) * encoder.templates]) }
  }

  private func checkLabels() throws {
    let classes = prompts.count / max(encoder.templates, 1)
    if let label = labels.first(where: { !(0..<classes).contains($0) }) {
      throw KilpiError(
        "", "a label is \(label + 1), classes are 1 … \(classes)",
        advice: "labels count from 1 in Lua")
    }
  }

  private func coAttack() throws -> MultimodalResult {
    try checkLabels()
    let changed = try blindPrompts()
    let stage = FeatureStage(attack, encoder, images, ids)
    return try finished(.coAttack, stage.coAttack(own(changed)), .shared(changed))
  }

  /// The captions of an image are the prompts of its class; the other classes stay clean.
  private func sga() throws -> MultimodalResult {
    try checkLabels()
    let (moved, captions) = try FeatureStage(attack, encoder, images, ids).sga(own(prompts))
    let lists = zip(labels, captions).map { label, captions in
      var list = prompts
      list.replaceSubrange(
        label * encoder.templates..<(label + 1) * encoder.templates, with: captions)
      return list
    }
    return try finished(.sga, moved, .perImage(lists))
  }

  // MARK: Worst

  private func worst() throws -> MultimodalResult {
    let members = attack.methods.isEmpty ? fitting : attack.methods
    var best = try cleanScores()
    var lists = labels.map { _ in prompts }
    var chosen = labels.map { _ in "clean" }
    let moved = try images.cloned()
    var image = AttackReport(budget: attack.image.settings.budget, distance: Distances())
    image.attack = "worst"
    image.sampleIDs = ids
    image.seed = attack.image.settings.seed
    image.forwards = labels.map { _ in 0 }
    image.backwards = image.forwards
    for method in members {
      let member = try result(method)
      image.add(member.report.image, rows: Array(labels.indices))
      for row in labels.indices {
        let new = PairScore(
          prediction: member.report.prediction[row], loss: member.report.loss[row],
          margin: member.report.margin[row])
        let (was, now) = (best[row].prediction != labels[row], new.prediction != labels[row])
        guard now != was ? now : new.loss > best[row].loss else { continue }
        best[row] = new
        lists[row] = member.prompts.prompts(image: row)
        chosen[row] = method.scenario
        try moved.narrowed(0, start: row, length: 1).assign(
          member.images.narrowed(0, start: row, length: 1))
      }
    }
    image.distance = try Distances(from: images, to: moved)
    var found = try finished(
      .worst, AttackResult(images: moved, report: image), .perImage(lists), scores: best)
    found.report.members = ["clean"] + members.map(\.scenario)
    found.report.chosen = chosen
    return found
  }

  /// The methods that the given attacks can carry out.
  private var fitting: [MultimodalMethod] {
    MultimodalMethod.allCases.filter { method in
      switch method {
      case .worst: return false
      case .imageFirst: return attack.text.perImage != nil
      case .alternating:
        return attack.text.perImage != nil && attack.image.attack is any FixedBudgetAttack
      case .coAttack: return attack.image.attack is any FixedBudgetAttack
      case .sga:
        return attack.text.against != nil && attack.image.attack is any FixedBudgetAttack
      case .independent, .adaptive: return true
      }
    }
  }

  // MARK: Verdicts

  /// Verdicts on the four pairs of clean and attacked sides.
  ///
  /// - Parameters:
  ///   - judgedClean: the image attack's own verdicts are those under the clean prompts.
  ///   - scores: the verdicts of the pairs, where they are known.
  private func finished(
    _ method: MultimodalMethod, _ moved: AttackResult, _ changed: AdversarialPrompts,
    judgedClean: Bool = false, scores: [PairScore]? = nil
  ) throws -> MultimodalResult {
    var report = MultimodalReport(method: method, image: moved.report)
    report.cleanPrediction = try cleanScores().map(\.prediction)
    report.cleanCorrect = zip(report.cleanPrediction, labels).map { $0 == $1 }
    func wrong(_ scores: [PairScore]) -> [Bool] { zip(scores, labels).map { $0.prediction != $1 } }
    report.imageSuccess =
      judgedClean && moved.report.isJudged && attack.targets == nil
      ? moved.report.success
      : wrong(try PairScore.all(encoder.classifier(prompts), moved.images, labels))
    report.textSuccess = wrong(try PairScore.all(encoder, images, labels, changed))
    let both = try scores ?? PairScore.all(encoder, moved.images, labels, changed)
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
