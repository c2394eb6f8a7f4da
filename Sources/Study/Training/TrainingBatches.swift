internal import ClipModels
internal import Datasets
internal import Diagnostics
package import Tensors

/// One step's pairs: images, texts, and which of them match.
///
/// Where several processes share the work, each holds the images of its own samples and knows of all
/// others what costs nothing to know.
package struct TrainingBatch {
  /// Which of the batch's `B` samples belong to this process; all of them where it is alone.
  package var rows: Range<Int>
  package var images: Tensor
  /// One text a sample of the whole batch, as everything below.
  package var texts: [String]
  /// Items of one group match each other: the class, or one number a distinct caption.
  package var groups: [Int]
  /// Classes, 0-based; nil for captions.
  package var labels: [Int]?
  /// Stable numbers of the samples.
  package var sampleIDs: [UInt64]
  /// Template drawn for each sample; nil for captions.
  package var templates: [Int]?
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
      throw KilpiError("the batch size is \(configuration.batch); contrastive losses need 2")
    }
    guard configuration.batch % configuration.accumulate == 0 else {
      throw KilpiError(
        "accumulate is \(configuration.accumulate), which does not divide the batch of "
          + "\(configuration.batch)")
    }
    guard data.count >= configuration.batch else {
      throw KilpiError(
        "the data set has \(data.count) samples, fewer than the batch of \(configuration.batch)")
    }
    self.data = data
    self.configuration = configuration
    templates = configuration.templates.isEmpty ? data.templates : configuration.templates
    stepsPerEpoch = data.count / configuration.batch
    total = configuration.steps ?? configuration.epochs.multipliedClamped(by: stepsPerEpoch)
    source = RandomSource(seed: configuration.seed)
    guard total >= 1 else {
      throw KilpiError("the run has \(total) steps, at least 1 is needed")
    }
  }

  /// The samples' order in an epoch.
  func order(epoch: Int) throws -> [Int] {
    var options = BatchOptions(size: configuration.batch)
    options.shuffle = true
    options.random = source
    options.epoch = epoch
    return try data.order(options)
  }

  /// The batch of a step, given its epoch's order.
  ///
  /// - Parameters:
  ///   - rows: whose images are decoded; nil for all.
  func batch(step: Int, order: [Int], rows: Range<Int>? = nil) throws -> TrainingBatch {
    let epoch = step / stepsPerEpoch
    let start = step % stepsPerEpoch * configuration.batch
    let indices = Array(order[start..<start + configuration.batch])
    let rows = rows ?? indices.indices
    let images = try data.batch(Array(indices[rows])).images
    let sampleIDs = try indices.map { try data.sampleID(at: $0) }
    let labels = try indices.compactMap { try data.label(at: $0) }
    guard labels.count == indices.count else {
      let texts = try zip(indices, sampleIDs).map { index, id in
        var stream = source.stream(.trainingText, sample: id, step: epoch)
        let captions = try data.captions(at: index)
        guard !captions.isEmpty else {
          throw KilpiError("a sample has neither label nor caption")
        }
        return captions[stream.integer(below: captions.count)]
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
        rows: rows, images: images, texts: texts, groups: numbers, labels: nil,
        sampleIDs: sampleIDs, templates: nil)
    }
    var texts: [String] = []
    var chosen: [Int] = []
    for (label, id) in zip(labels, sampleIDs) {
      var stream = source.stream(.trainingText, sample: id, step: epoch)
      let template = templates.count == 1 ? 0 : stream.integer(below: templates.count)
      chosen.append(template)
      guard let text = ZeroShotClassifier.filled(templates[template], data.classNames[label]) else {
        throw KilpiError(
          "the template '\(templates[template].prefix(40))' has no place for the class name",
          advice: "write {c} where it goes")
      }
      texts.append(text)
    }
    return TrainingBatch(
      rows: rows, images: images, texts: texts, groups: labels, labels: labels,
      sampleIDs: sampleIDs, templates: chosen)
  }
}
