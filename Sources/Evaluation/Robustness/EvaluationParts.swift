internal import Attacks
internal import Diagnostics
internal import Glibc
internal import Tensors

/// Some samples of an evaluation together.
struct BatchPart {
  let images: Tensor
  let labels: [Int]
  let ids: [String]
  let sampleIDs: [UInt64]
  /// Where its first sample stands in the evaluation.
  let first: Int
  /// Where its samples stand in the whole data set.
  var places: [Int] = []

  var count: Int { labels.count }

  /// Some of its samples.
  func selected(_ positions: [Int]) throws -> BatchPart {
    if positions.count == count { return self }
    let index = try Tensor(positions.map { Int64($0) }, shape: [positions.count])
    return BatchPart(
      images: try images.indexSelected(0, index), labels: positions.map { labels[$0] },
      ids: positions.map { ids[$0] }, sampleIDs: positions.map { sampleIDs[$0] }, first: first,
      places: places.isEmpty ? [] : positions.map { places[$0] })
  }

  func record(_ index: Int, _ clean: Score, prediction: Int) -> SampleRecord {
    SampleRecord(
      id: ids[index], label: labels[index], cleanPrediction: clean.prediction,
      prediction: prediction, isCorrect: prediction == labels[index])
  }
}

/// What the logits of one image say.
struct Score {
  /// Top class, ties to the lowest index.
  let prediction: Int
  /// Best logit of another class minus the label's.
  let margin: Double
  /// Cross-entropy, in float64.
  let loss: Double

  /// What a record says about a clean image.
  init(_ record: SampleRecord) {
    prediction = record.cleanPrediction
    margin = record.margin ?? .nan
    loss = record.loss ?? .nan
  }

  init(_ logits: Tensor, label: Int, classes: Int, sample: String) throws {
    guard logits.rank == 2, logits.shape[0] == 1, logits.dtype.isFloatingPoint else {
      throw KilpiError(
        "",
        "the classifier returned \(logits.dtype.rawValue) \(logits.shape.prefix(8)) for 1 image",
        advice: "logits are float [N, classes]")
    }
    let values = try logits.finiteScores { _ in "sample '\(sample)'" }
    guard values.count == classes else {
      throw KilpiError(
        "", "the classifier has \(values.count) classes, the data \(classes)")
    }
    let best = Tensor.topClass(values)
    var other = -Double.infinity
    for (index, value) in values.enumerated() where index != label { other = max(other, value) }
    prediction = best
    margin = other - values[label]
    let top = values[best]
    loss = top + log(values.reduce(0) { $0 + exp($1 - top) }) - values[label]
  }
}

/// Turns finished work into progress: attacks weigh as much as their passes.
final class EvaluationMeter {
  private var total: Int
  private var done = 0
  private let weights: [String: Int]
  private let samples: Int
  private var finished: [String: Int] = [:]
  private let batch: Int

  init(_ plan: EvaluationPlan, samples: Int, batch: Int) {
    self.samples = samples
    self.batch = batch
    // A cap keeps sums over samples within range.
    let weights = Dictionary(
      plan.rows.map { ($0.label, max(1, min($0.cost.time, 1 << 24))) },
      uniquingKeysWith: { first, _ in first })
    self.weights = weights
    let (product, overflow) = samples.multipliedReportingOverflow(
      by: weights.values.reduce(0, +))
    total = overflow ? Int.max : max(1, product)
  }

  /// Says what is planned, before anything runs.
  func announce(_ cost: EvaluationCost, _ progress: ProgressHandler?) {
    progress?(
      ProgressEvent(name: "evaluate", completed: 0, total: total, note: cost.description))
  }

  /// Takes what an earlier run did out of the whole, so that the time left is that of the rest.
  func restored(_ label: String, _ count: Int) {
    total = max(1, total - count * (weights[label] ?? 0))
    finished[label, default: 0] += count
  }

  /// Reports so many samples of a row as done.
  func finished(_ label: String, _ count: Int, _ progress: ProgressHandler?) {
    done += count * (weights[label] ?? 0)
    finished[label, default: 0] += count
    progress?(
      ProgressEvent(
        name: "evaluate", completed: min(done, total), total: total,
        note: "\(label) \(finished[label] ?? 0) of \(samples)"))
  }

  /// The progress of a text attack under a name of its own: what it costs is not known beforehand, so
  /// it is no part of the whole.
  static func own(_ label: String, _ progress: ProgressHandler?) -> ProgressHandler? {
    guard let progress else { return nil }
    return { event in
      progress(
        ProgressEvent(
          name: label, completed: event.completed, total: event.total, note: event.note))
    }
  }

  /// Passes on an attack's own steps as part of the whole.
  func handler(_ label: String, _ progress: ProgressHandler?) -> ProgressHandler? {
    guard let progress else { return nil }
    return { [self] event in
      let count = min(batch, samples - (finished[label] ?? 0))
      let share = Double(event.completed) / Double(max(event.total, 1))
      let own = Int(clamped: share * Double(count * (weights[label] ?? 0)))
      progress(
        ProgressEvent(
          name: "evaluate", completed: min(done + own, total), total: total,
          note: label + (event.note.isEmpty ? "" : ", " + event.note)))
    }
  }
}
