internal import Datasets
internal import Diagnostics
internal import Files
internal import Tensors

// What a retrieval finishes: batches of images, row by row.

extension RetrievalRun {
  func part(_ json: JSONValue) throws -> RetrievalPart? {
    try RetrievalPart(json).flatMap { fits($0) ? $0 : nil }
  }

  func take(_ part: RetrievalPart) { finished.append(part) }

  func write(_ part: RetrievalPart, to record: RunRecord) throws -> RetrievalPart {
    try record.append(part.members())
    return part
  }

  func take(line: JSONValue) throws -> Bool {
    if let key = line["row"]?.string, let text = line["text"] {
      knownTexts[key] = text
      return true
    }
    guard let part = try part(line) else { return false }
    known[part.key, default: [:]][part.first] = part
    return true
  }

  /// Whether a batch of the record is one of this evaluation.
  private func fits(_ part: RetrievalPart) -> Bool {
    guard part.first % evaluation.batch == 0, part.first < data.count else { return false }
    let end = min(part.first + evaluation.batch, data.count)
    let captions = grouped[part.first..<end].reduce(0) { $0 + $1.count }
    return part.count == end - part.first && part.features.shape[1] == width
      && (part.texts.isEmpty || part.texts.count == captions)
  }

  /// What a row makes of all batches of images, in their order.
  ///
  /// - Parameters:
  ///   - key: the row's name in the record.
  ///   - label: its name in messages.
  func eachBatch(
    _ key: String, _ label: String, _ body: (Batch) throws -> RetrievalPart
  ) throws -> [RetrievalPart] {
    finished = []
    try eachBatch { places in
      try finish(part(key, label, places, body))
    }
    defer { finished = [] }
    return finished.sorted { $0.first < $1.first }
  }

  private func part(
    _ key: String, _ label: String, _ places: Range<Int>, _ body: (Batch) throws -> RetrievalPart
  ) throws -> RetrievalPart {
    let batch = try data.batch(Array(places))
    let first = places.lowerBound
    var pixels = ""
    if state.record != nil {
      pixels = Checksum.digits(
        Checksum.crc32(try batch.images.rowChecksums().joined(separator: " ")))
      if var part = known[key]?[first] {
        guard part.pixels == pixels else {
          throw KilpiError(
            "images \(first + 1) … \(places.upperBound) have other pixels than when the record was begun",
            advice: "use the same data, or another out")
        }
        part.isRestored = true
        return part
      }
    }
    let begin = ContinuousClock.now
    var part = try named(label) { try body(batch) }
    part.key = key
    part.first = first
    part.pixels = pixels
    part.totals.seconds = begin.seconds
    return part
  }

  /// Features of all images.
  func gathered(_ parts: [RetrievalPart]) throws -> Tensor {
    try Tensor.concatenated(parts.map(\.features))
  }
}
