internal import Datasets
internal import Diagnostics
internal import Files
internal import Processes
internal import Tensors

// A retrieval over its batches: from the record where they stand there, shared among processes.

extension RetrievalRun {
  /// What all processes must have in common, as a few digits.
  func fingerprint() throws -> String {
    let parts =
      try plan().flatMap { [$0.label, $0.record.serialized()] }
      + [data.fingerprint, String(evaluation.batch), captionsHash, weights]
    return "retrieval " + String(SampleID.number(of: parts.joined(separator: "\n")), radix: 16)
  }

  /// Opens the record; the first process reads and writes the file, the others get what it read.
  func openRecord() throws {
    guard let folder = evaluation.output else { return }
    let processes = evaluation.processes
    // The record belongs to the run: holding it in turn would keep the folder's lock for ever.
    let fits: (RetrievalPart) -> Bool = { [weak self] in self?.fits($0) ?? false }
    if processes.isRoot {
      record = try RetrievalRecord(
        folder, header: header(), resumes: evaluation.resumes, fits: fits)
    }
    guard processes.size > 1 else { return }
    let text = JSONValue.array(record?.lines ?? []).serialized()
    let shared = try processes.fromRoot(Array(text.utf8))
    guard !processes.isRoot else { return }
    record = try RetrievalRecord(
      copying: JSONValue.parse(shared, limits: JSONLimits(bytes: 1 << 30)).array ?? [], fits: fits)
  }

  /// Whether a batch of the record is one of this evaluation.
  private func fits(_ part: RetrievalPart) -> Bool {
    guard part.first % evaluation.batch == 0, part.first < data.count else { return false }
    let end = min(part.first + evaluation.batch, data.count)
    let captions = grouped[part.first..<end].reduce(0) { $0 + $1.count }
    return part.count == end - part.first && part.features.shape[1] == width
      && (part.texts.isEmpty || part.texts.count == captions)
  }

  /// What the first process makes of a text attack, or the record holds of it, on all processes.
  func fromRoot(_ key: String, _ body: () throws -> JSONValue) throws -> JSONValue {
    let processes = evaluation.processes
    func own() throws -> JSONValue {
      if let known = record?.text(key) {
        restoredSeconds += known["totals"]?["seconds"]?.anyDouble ?? 0
        return known
      }
      let text = try body()
      try record?.append(key, text: text)
      return text
    }
    guard processes.size > 1 else { return try own() }
    let bytes = processes.isRoot ? Array(try own().serialized().utf8) : []
    return try JSONValue.parse(processes.fromRoot(bytes), limits: JSONLimits(bytes: 1 << 30))
  }

  /// What a row makes of all batches of images, in their order; processes take them in turn.
  ///
  /// - Parameters:
  ///   - key: the row's name in the record.
  ///   - label: its name in messages and progress.
  func eachBatch(
    _ key: String, _ label: String, _ body: (Batch) throws -> RetrievalPart
  ) throws -> [RetrievalPart] {
    let processes = evaluation.processes
    let starts = Array(stride(from: 0, to: data.count, by: evaluation.batch))
    var parts: [RetrievalPart] = []
    for round in stride(from: 0, to: starts.count, by: processes.size) {
      try Interrupts.poll()
      var own: RetrievalPart?
      if round + processes.rank < starts.count {
        own = try part(key, label, starts[round + processes.rank], body)
      }
      for part in try exchanged(own, key) {
        try record?.append(key, part)
        parts.append(part)
        visits.done += part.count
        evaluation.progress?(
          ProgressEvent(
            name: "retrieval", completed: visits.done, total: visits.planned, note: label))
      }
    }
    return parts
  }

  private func part(
    _ key: String, _ label: String, _ first: Int, _ body: (Batch) throws -> RetrievalPart
  ) throws -> RetrievalPart {
    let batch = try data.batch(Array(first..<min(first + evaluation.batch, data.count)))
    var pixels = ""
    if let record {
      pixels = Checksum.digits(
        Checksum.crc32(try batch.images.rowChecksums().joined(separator: " ")))
      if let known = try record.part(key, first: first, pixels: pixels) {
        restoredSeconds += known.totals.seconds
        return known
      }
    }
    let begin = ContinuousClock.now
    var part = try named(label) { try body(batch) }
    part.first = first
    part.pixels = pixels
    part.totals.seconds = begin.seconds
    return part
  }

  /// The parts of one round, in the order of the processes.
  private func exchanged(_ own: RetrievalPart?, _ key: String) throws -> [RetrievalPart] {
    let processes = evaluation.processes
    guard processes.size > 1 else { return own.map { [$0] } ?? [] }
    let text = try own.map { JSONValue.object(try $0.members(key: key)).serialized() } ?? ""
    return try processes.gathered(Array(text.utf8)).enumerated().compactMap { rank, bytes in
      if bytes.isEmpty { return nil }
      guard
        let part = try RetrievalPart(JSONValue.parse(bytes, limits: JSONLimits(bytes: 1 << 30)))
      else { throw KilpiError("", "a part of process \(rank + 1) cannot be read") }
      return part
    }
  }

  /// Features of all images.
  func gathered(_ parts: [RetrievalPart]) throws -> Tensor {
    try Tensor.concatenated(parts.map(\.features))
  }
}
