internal import ClipModels
internal import Datasets
internal import Diagnostics
public import Tensors

/// One step's pairs: images, texts, and which of them match.
public struct TrainingBatch {
  /// `[B, 3, H, W]`.
  public var images: Tensor
  /// One text an image.
  public var texts: [String]
  /// Items of one group match each other: the class, or one number a distinct caption.
  public var groups: [Int]
  /// Classes, 0-based; nil for captions.
  public var labels: [Int]?
  /// Stable numbers of the samples.
  public var sampleIDs: [UInt64]
  /// Template drawn for each sample; nil for captions.
  public var templates: [Int]?
}

/// Draws the batches of a run: a function of seed and step alone, so that resuming is exact.
struct BatchSchedule {
  let data: Dataset
  let configuration: TrainingConfiguration
  let templates: [String]
  let stepsPerEpoch: Int
  let total: Int
  private let source: RandomSource

  init(_ data: Dataset, _ configuration: TrainingConfiguration) throws {
    guard configuration.batch >= 2 else {
      throw KilpiError("", "the batch size is \(configuration.batch); contrastive losses need 2")
    }
    guard configuration.batch % configuration.accumulate == 0 else {
      throw KilpiError(
        "",
        "accumulate is \(configuration.accumulate), which does not divide the batch of "
          + "\(configuration.batch)")
    }
    guard data.count >= configuration.batch else {
      throw KilpiError(
        "", "the data set has \(data.count) samples, fewer than the batch of \(configuration.batch)"
      )
    }
    self.data = data
    self.configuration = configuration
    templates = configuration.templates.isEmpty ? data.templates : configuration.templates
    stepsPerEpoch = data.count / configuration.batch
    total = configuration.steps ?? configuration.epochs * stepsPerEpoch
    source = RandomSource(seed: configuration.seed)
    guard total >= 1 else {
      throw KilpiError("", "the run has \(total) steps, at least 1 is needed")
    }
  }

  /// The samples' order in an epoch.
  func order(epoch: Int) -> [Int] {
    var options = BatchOptions(size: configuration.batch)
    options.shuffle = true
    options.random = source
    options.epoch = epoch
    return data.order(options)
  }

  /// The batch of a step, given its epoch's order.
  func batch(step: Int, order: [Int]) throws -> TrainingBatch {
    let epoch = step / stepsPerEpoch
    let start = step % stepsPerEpoch * configuration.batch
    let drawn = try data.batch(Array(order[start..<start + configuration.batch]))
    var texts: [String] = []
    guard let labelTensor = drawn.labels else {
      for (captions, id) in zip(drawn.captions, drawn.sampleIDs) {
        var stream = source.stream(.trainingText, sample: id, step: epoch)
        guard !captions.isEmpty else {
          throw KilpiError("", "a sample has neither label nor caption")
        }
        texts.append(captions[stream.integer(below: captions.count)])
      }
      var groups: [String: Int] = [:]
      let numbers = texts.map { text -> Int in
        let next = groups.count
        return groups[text]
          ?? {
            groups[text] = next; return next
          }()
      }
      return TrainingBatch(
        images: drawn.images, texts: texts, groups: numbers, labels: nil,
        sampleIDs: drawn.sampleIDs, templates: nil)
    }
    let labels = try labelTensor.integers().map { Int($0) }
    var chosen: [Int] = []
    for (label, id) in zip(labels, drawn.sampleIDs) {
      var stream = source.stream(.trainingText, sample: id, step: epoch)
      let template = templates.count == 1 ? 0 : stream.integer(below: templates.count)
      chosen.append(template)
      guard let text = ZeroShotClassifier.filled(templates[template], data.classNames[label]) else {
        throw KilpiError(
          "", "the template '\(templates[template].prefix(40))' has no place for the class name",
          advice: "write {c} where it goes")
      }
      texts.append(text)
    }
    return TrainingBatch(
      images: drawn.images, texts: texts, groups: labels, labels: labels,
      sampleIDs: drawn.sampleIDs, templates: chosen)
  }
}
