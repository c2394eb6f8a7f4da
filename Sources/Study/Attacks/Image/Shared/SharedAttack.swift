package import Diagnostics
package import Tensors

/// Labelled images that an attack reads in batches, for sets that memory does not hold at once.
package struct LabelledSource {
  /// True classes, 0-based, one a sample.
  package var labels: [Int]
  /// Stable numbers of the samples, which key their random draws.
  package var ids: [UInt64]
  /// The images `[n, C, H, W]` at some positions, in that order, in `[0, 1]`.
  package var images: (_ positions: [Int]) throws -> Tensor

  /// A source that reads.
  package init(labels: [Int], ids: [UInt64], images: @escaping ([Int]) throws -> Tensor) {
    self.labels = labels
    self.ids = ids
    self.images = images
  }

  /// Images that are in memory already; they are copied, since a classifier of the caller's may write
  /// into the tensor.
  package init(_ images: Tensor, labels: [Int], ids: [UInt64]? = nil) throws {
    let copy = try images.detached().cloned()
    self.init(labels: labels, ids: ids ?? labels.indices.map { UInt64($0) + 1 }) {
      try copy.rows($0)
    }
  }
}

/// What attacks with one change for all images have in common.
package struct SharedSettings {
  /// What is increased, summed over a batch.
  package var loss: AttackLoss = .crossEntropy
  /// The class that all images shall get, 0-based; nil for any but their own.
  ///
  /// Images whose label it is are judged, but not searched on.
  package var target: Int?
  /// Which pixels a universal perturbation may change; nil: all.
  package var mask: PixelMask?
  /// Share of the images that is kept out of the search and only judged, in `0 ..< 1`.
  package var heldOut = 0.2
  /// Images worked on at once.
  package var batch = 64
  /// Root of every random draw.
  package var seed: UInt64 = 0
  /// What messages count samples and classes from.
  package var firstIndex = 0
  /// Called after every step.
  package var progress: ProgressHandler?

  package init(seed: UInt64 = 0) { self.seed = seed }
}

/// One change for all images, and how every one of them fares with it.
package struct SharedResult {
  /// The change: `[C, H, W]` for a universal perturbation, `[C, s, s]` for a patch.
  package var change: Tensor
  /// Verdicts on all samples, each judged alone; `loss` and `margin` like those of other attacks.
  package var report: AttackReport
  /// Positions that the search did not see.
  package var heldOut: [Int] = []
  /// Upper left corner of each sample's patch, 0-based; empty for a universal perturbation.
  package var places: [(row: Int, column: Int)] = []
  /// Mean loss of every step's batch.
  package var losses: [Double] = []

  /// Share of some positions whose changed image gets the target, of those whose label it is not; nil
  /// where there are none, and without a target.
  package func hitRate(_ positions: [Int]) -> Double? {
    let leftOut = Set(report.leftOut)
    let positions = positions.filter { !leftOut.contains($0) }
    return report.targetHit.flatMap { hits in AttackReport.share(positions.map { hits[$0] }) }
  }

  /// Accuracies over some positions as `AttackReport` has them over all; nil of nothing.
  package func accuracies(
    _ positions: [Int]
  ) -> (clean: Double?, robust: Double?, strict: Double?) {
    func share(_ flags: [Bool]) -> Double? { AttackReport.share(positions.map { flags[$0] }) }
    return (
      share(report.cleanCorrect), share(report.correct), share(report.broken.map { !$0 })
    )
  }
}

/// One call of an attack with a shared change: batches, gradients, verdicts.
final class SharedRun {
  let source: LabelledSource
  let settings: SharedSettings
  /// Positions that the search sees, and those it does not.
  private(set) var fitted: [Int] = []
  private(set) var heldOut: [Int] = []
  private(set) var losses: [Double] = []
  private let objective: ClassifierObjective
  private let ledger: AttackLedger
  private let name: String
  private var report: AttackReport
  private var order: [Int] = []
  private var epoch = 0
  private var shape: [Int]?

  init(
    _ name: String, _ classifier: Classifier, _ source: LabelledSource, _ budget: Budget,
    _ settings: SharedSettings
  ) throws {
    self.name = name
    self.source = source
    self.settings = settings
    var inner = AttackSettings(budget: budget, seed: settings.seed)
    inner.search.loss = settings.loss
    inner.reporting.firstIndex = settings.firstIndex
    let labels = source.labels
    let criterion: Criterion =
      settings.target.map { target in
        .targeted(.classes(labels.map { _ in target }), labels: labels)
      } ?? .misclassified(labels)
    objective = ClassifierObjective(classifier, criterion, inner)
    ledger = AttackLedger(name, samples: labels.count, inner)
    report = AttackReport(budget: budget, distance: Distances())
    try check()
    report.attack = name
    report.seed = settings.seed
    report.sampleIDs = source.ids
    report.isJudged = true
    report.labels = labels
    report.targets = objective.goal?.targets
    report.leftOut = objective.goal?.leftOut ?? []
    var stream = RandomSource(seed: settings.seed).stream(.subset)
    let shuffled = try stream.permutation(labels.count)
    let count = Int(clamped: settings.heldOut * Double(labels.count))
    let leftOut = Set(report.leftOut)
    heldOut = shuffled.prefix(count).sorted()
    fitted = shuffled.dropFirst(count).filter { !leftOut.contains($0) }.sorted()
  }

  private func check() throws {
    guard !source.labels.isEmpty else { throw KilpiError("there are no images") }
    guard source.ids.count == source.labels.count else {
      throw KilpiError("there are \(source.ids.count) sample ids for \(source.labels.count) images")
    }
    guard settings.heldOut >= 0, settings.heldOut < 1 else {
      throw KilpiError(
        "holdout is \(Budget.number(settings.heldOut)), a share of at least 0, below 1 is needed")
    }
    guard settings.batch >= 1 else {
      throw KilpiError("batch is \(settings.batch), at least 1 is needed")
    }
  }

  /// Batches in one pass over the fitted samples.
  var batches: Int { fitted.count.parts(of: settings.batch) }

  /// The next batch: every pass over the samples has an order of its own.
  func next() throws -> [Int] {
    if order.isEmpty {
      var stream = RandomSource(seed: settings.seed).stream(.shuffle, step: epoch)
      order = try stream.permutation(fitted.count).map { fitted[$0] }
      epoch += 1
    }
    let batch = Array(order.prefix(settings.batch))
    order.removeFirst(batch.count)
    return batch
  }

  /// Images at some positions, all of one size and within `[0, 1]`.
  func images(_ rows: [Int]) throws -> Tensor {
    let images = try source.images(rows).detached().contiguous()
    guard images.rank == 4, images.shape[0] == rows.count, images.dtype.isFloatingPoint else {
      throw KilpiError("images are float [N, 3, H, W]")
    }
    let one = Array(images.shape.dropFirst())
    if let shape, shape != one {
      throw KilpiError(
        "images differ in size", advice: "\(name) needs one size for all; use a preset")
    }
    try PixelCheck.sizes(images)
    if shape == nil { try settings.mask?.check(source.labels.count, one) }
    shape = one
    try PixelCheck.range(images)
    return images
  }

  /// The ball around samples `rows`, with their part of the mask.
  func ball(_ images: Tensor, _ budget: Budget, _ rows: [Int]) throws -> Ball {
    try Ball(images, budget, settings.mask, rows: rows)
  }

  /// True when every image that could be searched on has the target for its label.
  var isIdle: Bool { fitted.isEmpty }

  /// Gradient of the summed loss with respect to images that are shown for samples `rows`.
  func gradient(_ shown: Tensor, _ rows: [Int]) throws -> Tensor {
    try Interrupts.poll()
    ledger.count(forwards: rows)
    return try PixelLeaf.at(shown) { leaf in
      let loss = try objective.evaluate(leaf.images, rows, .step).loss
      let step = try leaf.step(loss, rows, ledger, step: losses.count + 1)
      losses.append(step.losses.reduce(0, +) / Double(max(step.losses.count, 1)))
      return step.gradient
    }
  }

  func tell(_ done: Int, of total: Int) {
    let note = losses.last.map { "loss \(($0 * 1000).rounded() / 1000)" } ?? ""
    settings.progress?(ProgressEvent(name: name, completed: done, total: total, note: note))
  }

  /// Judges every sample alone, clean and changed.
  func result(
    _ change: Tensor, changed: (_ image: Tensor, _ row: Int) throws -> Tensor
  ) throws -> SharedResult {
    for row in source.labels.indices {
      try Interrupts.poll()
      // A copy: a source of the caller's may share its memory with the classifier.
      let clean = try images([row]).cloned()
      let shown = try changed(clean, row)
      let (before, after) = (
        try objective.verdict(clean, row, 1, ledger), try objective.verdict(shown, row, 1, ledger)
      )
      report.cleanPrediction.append(before.prediction)
      report.cleanCorrect.append(before.prediction == source.labels[row])
      report.prediction.append(after.prediction)
      report.margin.append(after.margin)
      report.loss.append(after.loss)
      report.success.append(objective.goal?.isMet(after.prediction, row: row) ?? false)
      let alike = try ImageQuality(clean, shown)
      report.quality.append(alike)
      let moved = try Distances(from: clean, to: shown)
      report.distance.linf += moved.linf
      report.distance.l2 += moved.l2
      report.distance.l1 += moved.l1
    }
    ledger.fill(&report)
    return SharedResult(change: change, report: report, heldOut: heldOut, losses: losses)
  }
}
