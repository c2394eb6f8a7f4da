internal import Diagnostics
internal import Tensors

/// Values and, for classifiers, logits of some samples' images.
typealias Evaluate = (
  _ images: Tensor, _ rows: [Int], _ pass: ModelPass
) throws -> (loss: Tensor, logits: Tensor?)

/// A classifier under attack: checked logits, the goal of each sample, verdicts.
final class ClassifierObjective {
  let criterion: Criterion
  private let classifier: Classifier
  private let settings: AttackSettings
  /// Number of classes, known after the first pass.
  private(set) var classes: Int?
  /// Labels and targets; nil until targets that depend on clean logits are chosen.
  private(set) var goal: Goal?
  private var chosenTargets: [Int: Int] = [:]

  init(_ classifier: Classifier, _ criterion: Criterion, _ settings: AttackSettings) {
    self.classifier = classifier
    self.criterion = criterion
    self.settings = settings
    switch criterion.targets {
    case nil: goal = Goal(labels: criterion.labels, targets: nil)
    case .classes(let targets):
      goal = Goal(labels: criterion.labels, targets: targets, leavesLabelsOut: true)
    default: break
    }
  }

  /// Numbers of labels and targets must be those of the images.
  func check(samples: Int) throws {
    var lists = [("label", criterion.labels.count)]
    if case .classes(let targets) = criterion.targets { lists.append(("target", targets.count)) }
    for (name, count) in lists where count != samples {
      throw KilpiError(
        "there are \(count) \(name)s for \(samples) images", advice: "give one \(name) an image")
    }
  }

  // MARK: Passes

  /// Steps and verdicts of the classifier differ.
  var hasTwoForms: Bool { classifier.hasTwoForms }

  /// Logits of the attacked classifier.
  func logits(_ images: Tensor, _ pass: ModelPass = .judge) throws -> Tensor {
    try checked(classifier[pass](images), images)
  }

  /// Logits that decide, averaged over the draws of a stochastic classifier; without a gradient.
  func passes(
    _ images: Tensor, _ rows: [Int], _ draws: Int, _ ledger: AttackLedger
  ) throws -> Tensor {
    try Tensor.withoutGradients {
      ledger.count(forwards: rows)
      var sum = try logits(images)
      for _ in 1..<draws {
        ledger.count(forwards: rows)
        sum = try sum + logits(images)
      }
      return draws == 1 ? sum : try sum / Double(draws)
    }
  }

  /// The verdict on one image, evaluated alone.
  func verdict(
    _ image: Tensor, _ row: Int, _ draws: Int, _ ledger: AttackLedger
  ) throws -> SampleVerdict {
    guard let goal else { throw KilpiError("the targets are not chosen yet") }
    let logits = try passes(image, [row], draws, ledger)
    let verdict = try Verdicts(logits, rows: [row], goal: goal, base: settings.reporting.firstIndex)
    let value = try Tensor.withoutGradients { () -> Double in try loss(logits, [row]).item() }
    return SampleVerdict(
      prediction: verdict.predictions[0], loss: value, margin: verdict.margins[0])
  }

  /// True when `prediction` is the label of sample `row`.
  func isRight(_ prediction: Int, row: Int) -> Bool { prediction == criterion.labels[row] }

  /// Loss and logits of where gradients come from.
  func evaluate(
    _ images: Tensor, _ rows: [Int], _ pass: ModelPass
  ) throws -> (loss: Tensor, logits: Tensor?) {
    let logits = try sourceLogits(images, pass)
    return (try loss(logits, rows), logits)
  }

  /// The same with a loss that pulls towards `aims`, although the attack is untargeted.
  func evaluate(
    _ images: Tensor, _ rows: [Int], _ pass: ModelPass, aims: [Int]
  ) throws -> (loss: Tensor, logits: Tensor?) {
    let logits = try sourceLogits(images, pass)
    let labels = try Tensor(rows.map { Int64(criterion.labels[$0]) }, shape: [rows.count])
    let targets = try Tensor(aims.map { Int64($0) }, shape: [rows.count])
    let loss = try settings.search.loss.values(logits: logits, labels: labels, targets: targets)
    return (try checkedLoss(loss, rows: rows.count), logits)
  }

  /// The attack's loss of given logits.
  func loss(_ logits: Tensor, _ rows: [Int]) throws -> Tensor {
    guard let goal else { throw KilpiError("the targets are not chosen yet") }
    let loss = try settings.search.loss.values(
      logits: logits, labels: goal.labels(rows), targets: goal.targets(rows))
    return try checkedLoss(loss, rows: rows.count)
  }

  private func sourceLogits(_ images: Tensor, _ pass: ModelPass) throws -> Tensor {
    guard let first = settings.search.sources.first else { return try logits(images, pass) }
    var sum = try checked(first[pass](images), images)
    for source in settings.search.sources.dropFirst() {
      sum = try sum + checked(source[pass](images), images)
    }
    return settings.search.sources.count == 1
      ? sum : try sum / Double(settings.search.sources.count)
  }

  private func checked(_ logits: Tensor, _ images: Tensor) throws -> Tensor {
    let samples = images.shape[0]
    guard logits.rank == 2, logits.shape[0] == samples, logits.dtype.isFloatingPoint else {
      throw KilpiError(
        "the classifier returned \(logits.dtype.rawValue) \(describe(logits.shape)) for "
          + "\(samples) images", advice: "logits are float [N, classes]")
    }
    if let classes, classes == logits.shape[1] { return logits }
    try learn(logits)
    return logits
  }

  /// What the first logits tell: the number of classes must fit labels, targets and loss.
  private func learn(_ logits: Tensor) throws {
    let count = logits.shape[1]
    if let classes {
      throw KilpiError("the classifiers disagree: \(classes) and \(count) classes")
    }
    let fewest = settings.search.loss.fewestClasses(isTargeted: criterion.isTargeted)
    guard count >= fewest else {
      let isRatio = fewest > 2
      throw KilpiError(
        isRatio
          ? "the \(fewest > 3 ? "targeted " : "")dlr loss needs \(fewest) classes, the "
            + "classifier has \(count)"
          : "the classifier has \(count) class\(count == 1 ? "" : "es"), at least 2 are needed",
        advice: isRatio ? "use loss = \"ce\" or \"margin\"" : nil)
    }
    let base = settings.reporting.firstIndex
    func inspect(_ name: String, _ values: [Int]) throws {
      for (row, value) in values.enumerated() where !(0..<count).contains(value) {
        throw KilpiError(
          "\(name)[\(row + base)] is \(value &+ base), classes are \(base) … "
            + "\(count - 1 + base)", advice: base == 1 ? "\(name) count from 1" : nil)
      }
    }
    try inspect("labels", criterion.labels)
    if case .classes(let targets) = criterion.targets { try inspect("targets", targets) }
    try refuseProbabilities(logits)
    classes = count
  }

  /// Rows that are non-negative and sum to 1 are probabilities: attacks on them look far weaker.
  private func refuseProbabilities(_ logits: Tensor) throws {
    let (values, count) = (try logits.doubles(), logits.shape[1])
    guard !values.isEmpty else { return }
    for start in stride(from: 0, to: values.count, by: count) {
      let row = values[start..<start + count]
      if row.contains(where: { !($0 >= 0) }) || abs(row.reduce(0, +) - 1) > 1e-5 { return }
    }
    throw KilpiError(
      "the classifier returns probabilities: every row is non-negative and sums to 1",
      advice: "return logits, without the softmax")
  }

  private func describe(_ shape: [Int]) -> String {
    "[" + shape.prefix(8).map(String.init).joined(separator: ", ") + "]"
  }

  // MARK: Goals

  /// True when targets depend on the clean logits, batch by batch.
  var choosesTargets: Bool { criterion.targets == .random || criterion.targets == .leastLikely }

  /// Chooses targets that depend on the clean logits of samples `rows`.
  func chooseTargets(_ logits: [Double], _ rows: [Int], _ ids: [UInt64]) {
    guard choosesTargets, let choice = criterion.targets, let classes else { return }
    let random = RandomSource(seed: settings.search.seed)
    for (position, row) in rows.enumerated() where chosenTargets[row] == nil {
      let values = logits[position * classes..<(position + 1) * classes]
      if choice == .leastLikely {
        // Never the label: that target would repair a sample that is wrong already.
        chosenTargets[row] = (0..<classes).filter { $0 != criterion.labels[row] }
          .min { values[values.startIndex + $0] < values[values.startIndex + $1] }
      } else {
        var stream = random.stream(.attackStart, sample: ids[row], restart: -1)
        let draw = stream.integer(below: classes - 1)
        chosenTargets[row] = draw >= criterion.labels[row] ? draw + 1 : draw
      }
    }
    goal = Goal(
      labels: criterion.labels,
      targets: criterion.labels.indices.map { chosenTargets[$0] ?? criterion.labels[$0] })
  }
}

/// Top classes and margins of rows of logits `[n, classes]`.
struct Verdicts {
  var predictions: [Int] = []
  var margins: [Double] = []

  /// - Parameters:
  ///   - base: what messages count samples from.
  ///   - when: what messages end with, such as ` at step 3`.
  /// - Throws: `KilpiError` for logits that are not finite.
  init(_ logits: Tensor, rows: [Int], goal: Goal, base: Int, when: String = "") throws {
    let scores = try logits.finiteScores(when: when) { "sample \(rows[$0] + base)" }
    let classes = logits.shape[1]
    for (position, row) in rows.enumerated() {
      let values = scores[position * classes..<(position + 1) * classes]
      predictions.append(Tensor.topClass(values))
      margins.append(goal.margin(values, row: row))
    }
  }
}
