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

  var count: Int { labels.count }

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

  init(_ logits: Tensor, label: Int, classes: Int, sample: String) throws {
    guard logits.rank == 2, logits.shape[0] == 1, logits.dtype.isFloatingPoint else {
      throw KilpiError(
        "",
        "the classifier returned \(logits.dtype.rawValue) \(logits.shape.prefix(8)) for 1 image",
        advice: "logits are float [N, classes]")
    }
    let values = try logits.doubles()
    guard values.count == classes else {
      throw KilpiError(
        "", "the classifier has \(values.count) classes, the data \(classes)")
    }
    guard values.allSatisfy(\.isFinite) else {
      throw KilpiError(
        "", "the logits of sample '\(sample)' are not finite",
        advice: "check the classifier's output on this image")
    }
    var best = 0
    var other = -Double.infinity
    for (index, value) in values.enumerated() {
      if value > values[best] { best = index }
      if index != label { other = max(other, value) }
    }
    prediction = best
    margin = other - values[label]
    let top = values[best]
    loss = top + log(values.reduce(0) { $0 + exp($1 - top) }) - values[label]
  }
}

/// Turns finished work into progress: attacks weigh as much as their passes.
final class EvaluationMeter {
  private let total: Int
  private var done = 0
  private var weights: [String: Int] = [:]
  private let samples: Int
  private var finished: [String: Int] = [:]
  private let batch: Int

  init(_ evaluation: RobustnessEvaluation, samples: Int) {
    self.samples = samples
    batch = evaluation.batch
    weights["clean"] = 1
    for attack in evaluation.images { weights["image/" + attack.name] = Self.weight(attack) }
    for attack in evaluation.texts { weights["text/" + attack.name] = 1 }
    for attack in evaluation.multimodal {
      let isAdaptive = attack.method == .adaptive
      weights[(isAdaptive ? "mm_t2i/" : "mm_sep/") + attack.name] =
        isAdaptive ? Self.weight(attack.image) : 1
    }
    total = max(1, samples * weights.values.reduce(0, +))
  }

  /// A gradient step costs about three forward passes; early stopping saves some of them.
  private static func weight(_ attack: EvaluatedImageAttack) -> Int {
    let visits = (attack.attack as? any FixedBudgetAttack)?.plannedVisits ?? 20
    let (product, overflow) = visits.multipliedReportingOverflow(by: 3 * attack.settings.restarts)
    return overflow ? 1_000_000 : max(1, min(product, 1_000_000))
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

  /// Passes on an attack's own steps as part of the whole.
  func handler(_ label: String, _ progress: ProgressHandler?) -> ProgressHandler? {
    guard let progress else { return nil }
    return { [self] event in
      let count = min(batch, samples - (finished[label] ?? 0))
      let share = Double(event.completed) / Double(max(event.total, 1))
      let own = Int(share * Double(count * (weights[label] ?? 0)))
      progress(
        ProgressEvent(
          name: "evaluate", completed: min(done + own, total), total: total,
          note: label + (event.note.isEmpty ? "" : ", " + event.note)))
    }
  }
}
