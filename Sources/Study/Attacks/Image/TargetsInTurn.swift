internal import Diagnostics
internal import Tensors

/// A targeted attack at every other class in turn, `targeted = "all"`: for each sample the best of
/// them is kept, a reached target before any other.
struct TargetsInTurn {
  let attack: any ImageAttack
  let classifier: Classifier
  /// A copy, which a classifier of the caller's cannot write into between the runs.
  let images: Tensor
  let labels: [Int]
  let settings: AttackSettings

  init(
    attack: any ImageAttack, classifier: Classifier, images: Tensor, labels: [Int],
    settings: AttackSettings
  ) throws {
    (self.attack, self.classifier, self.labels) = (attack, classifier, labels)
    self.images = try images.detached().cloned()
    var settings = settings
    settings.search.startPoints = try settings.search.startPoints?.detached().cloned()
    self.settings = settings
  }

  func result() throws -> AttackResult {
    let samples = images.shape.first ?? 0
    guard samples > 0, labels.count == samples, let classes = try classCount(), classes > 1 else {
      // The ordinary run says what is wrong, or has nothing to do.
      let criterion: Criterion =
        labels.isEmpty ? .targeted(.classes([]), labels: []) : .misclassified(labels)
      return try attack.run(classifier, images: images, criterion: criterion, settings: settings)
    }
    var merged: AttackResult?
    for shift in 1..<classes {
      let rows = (0..<samples).filter { row in
        guard settings.search.stopsEarly, let merged, merged.report.isJudged else { return true }
        return !merged.report.success[row]
      }
      if rows.isEmpty { break }
      let part = try run(
        rows, targets: rows.map { (labels[$0] + shift) % classes }, probes: shift == 1)
      merged = try merged.map { try better($0, part, rows) } ?? part
    }
    guard var merged else { return try run([], targets: [], probes: true) }
    // The pass that told the number of classes.
    merged.report.forwards[0] += 1
    return merged
  }

  private func classCount() throws -> Int? {
    guard images.rank == 4, images.dtype.isFloatingPoint else { return nil }
    let first = try images.narrowed(0, start: 0, length: 1).contiguous()
    let logits = try Tensor.withoutGradients { try classifier(first) }
    return logits.rank == 2 ? logits.shape[1] : nil
  }

  /// - Parameter probes: the signs of masked gradients that ask the model; once tells all.
  private func run(_ rows: [Int], targets: [Int], probes: Bool) throws -> AttackResult {
    var settings = try settings.rows(rows, of: labels.count)
    if !probes { settings.reporting.probedSamples = 0 }
    return try attack.run(
      classifier, images: rows.count < labels.count ? images.rows(rows) : images,
      criterion: .targeted(.classes(targets), labels: rows.map { labels[$0] }), settings: settings)
  }

  /// The better result of each sample; counts add up.
  private func better(
    _ old: AttackResult, _ new: AttackResult, _ rows: [Int]
  ) throws -> AttackResult {
    var result = old
    result.images = try old.images.cloned()
    for (position, row) in rows.enumerated() {
      result.report.forwards[row] += new.report.forwards[position]
      result.report.backwards[row] += new.report.backwards[position]
      guard isBetter(new.report, position, than: old.report, row) else { continue }
      try result.images.narrowed(0, start: row, length: 1)
        .assign(new.images.narrowed(0, start: position, length: 1))
      result.report.take(new.report, position, at: row)
    }
    for flag in new.report.flags
    where !result.report.flags.contains(where: { $0.kind == flag.kind }) {
      result.report.flags.append(flag)
    }
    result.report.seconds += new.report.seconds
    return result
  }

  private func isBetter(
    _ new: AttackReport, _ position: Int, than old: AttackReport, _ row: Int
  ) -> Bool {
    guard new.isJudged else { return true }
    if new.success[position] != old.success[row] { return new.success[position] }
    if let nearest = new.nearest, let before = old.nearest {
      return nearest[position] < before[row]
    }
    return new.margin[position] > old.margin[row]
  }
}

extension AttackReport {
  /// Takes over what another report says about one of its samples.
  mutating func take(_ other: AttackReport, _ position: Int, at row: Int) {
    loss[row] = other.loss[position]
    distance.linf[row] = other.distance.linf[position]
    distance.l2[row] = other.distance.l2[position]
    distance.l1[row] = other.distance.l1[position]
    quality.take(other.quality, position, at: row)
    if let target = other.targets?[position] { targets?[row] = target }
    if let length = other.nearest?[position] { nearest?[row] = length }
    guard isJudged else { return }
    success[row] = other.success[position]
    prediction[row] = other.prediction[position]
    margin[row] = other.margin[position]
  }
}
