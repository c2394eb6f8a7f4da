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

  /// A sample's record; without a prediction it is not right.
  func record(_ index: Int, _ clean: Score, prediction: Int?) -> SampleRecord {
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
        "the classifier returned \(logits.dtype.rawValue) \(logits.shape.prefix(8)) for 1 image",
        advice: "logits are float [N, classes]")
    }
    let values = try logits.finiteScores { _ in "sample '\(sample)'" }
    guard values.count == classes else {
      throw KilpiError("the classifier has \(values.count) classes, the data \(classes)")
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
