internal import Diagnostics
package import Tensors

/// How a data set is cut into batches.
package struct BatchOptions {
  /// Samples in a batch, at least 1; the last batch may be smaller.
  package var size: Int
  /// True for a random order, another one each epoch.
  package var shuffle = false
  /// Where the order and the augmentation come from.
  package var random = RandomSource(seed: 0)
  /// The epoch, from 0: order and augmentation depend on it and on the seed alone.
  package var epoch = 0
  /// True to leave out a last batch that is smaller than `size`.
  package var dropLast = false
  /// Random changes to each image; nil for none.
  package var augmentation: Augmentation?

  /// Batches of `size` in the set's own order.
  package init(size: Int) { self.size = size }
}

/// Some samples together.
package struct Batch {
  /// `[N, 3, H, W]`, `float32`, in `[0, 1]`.
  package let images: Tensor
  /// `[N]`, `int64`, classes counted from 0; nil in sets with captions.
  package let labels: Tensor?
  /// The captions of each sample; empty lists in sets with classes.
  package let captions: [[String]]
  /// The stable ids.
  package let ids: [String]
  /// The 64-bit numbers of the ids, for random streams.
  package let sampleIDs: [UInt64]
  /// Where the samples stand in the data set.
  package let indices: [Int]

  /// Samples in the batch.
  package var count: Int { indices.count }
}

/// The batches of one epoch, one after another.
package final class BatchIterator {
  /// How many batches the epoch has.
  package let count: Int

  private let dataset: Dataset
  private let options: BatchOptions
  private let order: [Int]
  private var next_ = 0

  init(_ dataset: Dataset, _ options: BatchOptions) throws {
    guard options.size >= 1 else {
      throw KilpiError("the batch size is \(options.size), less than 1")
    }
    self.dataset = dataset
    self.options = options
    order = try dataset.order(options)
    count =
      options.dropLast
      ? order.count / options.size : order.count.parts(of: options.size)
  }

  /// The next batch, nil at the end of the epoch.
  ///
  /// - Throws: `KilpiError` when an image cannot be decoded or has another size, on interrupt.
  package func next() throws -> Batch? {
    guard next_ < count else { return nil }
    let start = next_ * options.size
    next_ += 1
    let end = min(start.addingClamped(options.size), order.count)
    return try dataset.batch((start..<end).mapped { order[$0] }, options)
  }
}

extension Dataset {
  /// The batches of one epoch.
  ///
  /// - Throws: `KilpiError` when the batch size is below 1.
  package func batches(_ options: BatchOptions) throws -> BatchIterator {
    try BatchIterator(self, options)
  }

  /// The order of the samples in one epoch: a function of seed and epoch alone.
  ///
  /// - Throws: `KilpiError` on interrupt.
  package func order(_ options: BatchOptions) throws -> [Int] {
    guard options.shuffle else { return try (0..<count).mapped { $0 } }
    var stream = options.random.stream(.shuffle, step: options.epoch)
    return try stream.permutation(count)
  }

  /// The samples at `indices` as one batch; of `options`, the augmentation and its key are used.
  ///
  /// - Throws: `KilpiError` when there is no sample, an index is out of range, an image cannot be
  ///   decoded or has another size than the first.
  package func batch(_ indices: [Int], _ options: BatchOptions = BatchOptions(size: 1)) throws
    -> Batch
  {
    guard let first = indices.first else { throw KilpiError("a batch needs a sample") }
    try Interrupts.poll()
    let places = 0..<indices.count
    let chosen = try places.mapped { try row(at: indices[$0]) }
    let size = try source.size(at: row(at: first))
    // An id is a text of its own, of 48 bytes as a rule.
    let ids = try places.mapped(bytes: 48) { source.id(at: chosen[$0]) }
    let numbers = try places.mapped { SampleID.number(of: ids[$0]) }
    let each = 3 * size.width * size.height
    let images = try Tensor.make([chosen.count, 3, size.height, size.width]) { buffer in
      for (i, row) in chosen.enumerated() {
        if i & 0xFF == 0xFF { try Interrupts.poll() }
        let other = try source.size(at: row)
        guard other == size else {
          throw KilpiError(
            "sample '\(ids[i])' has \(other.width) x \(other.height) pixels, '\(ids[0])' has \(size.width) x \(size.height)",
            advice: "give a preset, so that all have one size")
        }
        let part = UnsafeMutableBufferPointer(rebasing: buffer[(i * each)..<((i + 1) * each)])
        try source.writePlanes(at: row, into: part)
        if let augmentation = options.augmentation {
          var stream = options.random.stream(
            .augmentation, sample: numbers[i], step: options.epoch)
          augmentation.apply(to: part, width: size.width, height: size.height, stream: &stream)
        }
      }
    }
    let labels = try places.mapped { source.label(at: chosen[$0]).map(Int64.init) }
      .compactMap { $0 }
    return Batch(
      images: images,
      labels: labels.count == chosen.count ? try Tensor(labels, shape: [labels.count]) : nil,
      captions: try places.mapped { source.captions(at: chosen[$0]) }, ids: ids, sampleIDs: numbers,
      indices: indices)
  }
}
