internal import Attacks
internal import ClipModels
internal import Datasets
internal import Diagnostics
internal import Files
internal import Tensors
internal import Training

/// One evaluation under way.
final class RetrievalRun {
  private let evaluation: RetrievalEvaluation
  private let model: ClipModel
  private let data: Dataset
  private let encoder: DualEncoder
  private let start = ContinuousClock.now
  /// All captions in order, and the image of each.
  private let captions: [String]
  private let owners: [Int]
  private let grouped: [[String]]
  private var resolution = (width: 0, height: 0)
  private var images: Tensor?
  private var texts: Tensor?
  private var done = 0
  private var planned = 1

  init(_ evaluation: RetrievalEvaluation, _ model: ClipModel, _ data: Dataset) throws {
    self.evaluation = evaluation
    self.model = try model.frozen()
    self.data = data
    encoder = try DualEncoder(self.model)
    grouped = try (0..<data.count).map { try data.captions(at: $0) }
    captions = grouped.flatMap { $0 }
    owners = grouped.enumerated().flatMap { image, texts in texts.map { _ in image } }
  }

  func report(_ name: String) throws -> RetrievalReport {
    let galleries = try evaluation.multimodal.reduce(0) { count, both in
      try count + (both.method == .worst ? MultimodalMethod.captionMembers(both.methods).count : 1)
    }
    planned = data.count * (1 + evaluation.images.count + galleries)
    var clean = RetrievalScenario(kind: .clean)
    let begin = ContinuousClock.now
    let images = try eachBatch("clean") { batch in
      self.resolution = (batch.images.shape[3], batch.images.shape[2])
      return try self.features(batch.images)
    }
    let texts = try encoder.text(captions)
    clean.ranks = try RetrievalRanks(images: images, texts: texts, owners: owners)
    clean.seconds = begin.seconds
    self.images = images
    self.texts = texts
    var rows = [clean]
    for attack in evaluation.images { rows.append(try row(attack)) }
    for attack in evaluation.texts { rows.append(try row(attack)) }
    for attack in evaluation.multimodal {
      rows.append(try attack.method == .worst ? worst(attack, clean) : row(attack))
    }
    return RetrievalReport(
      name: name.isEmpty ? model.origin : name, data: data, captions: grouped, owners: owners,
      resolution: resolution, scenarios: rows,
      record: .record([
        "kilpi": .string(RobustnessReport.version),
        "model": .record([
          "origin": .string(model.origin), "weights": .string(try WeightsHash.of(model)),
          "input_side": .integer(Int64(model.configuration.imageSize)),
        ]),
        "data": .record([
          "name": .string(data.name), "split": .string(data.split),
          "n": .integer(Int64(data.count)), "of": .integer(Int64(data.splitCount)),
          "captions": .integer(Int64(captions.count)), "ids_hash": .string(data.fingerprint),
          "notes": .array(data.notes.map { .string($0) }),
        ]),
        "threat": .record([
          "perturb_at": "native", "width": .integer(Int64(resolution.width)),
          "height": .integer(Int64(resolution.height)),
          "resize_in_graph": "bicubic, a = -0.75, half-pixel centres, no antialiasing",
        ]),
        "ties": "pessimistic, own items last",
        "seed": evaluation.seed.map { .integer(Int64(bitPattern: $0)) } ?? .null,
      ]), seconds: start.seconds)
  }

  // MARK: Rows

  private func row(_ attack: RetrievalEvaluation.ImageAttack) throws -> RetrievalScenario {
    let specification = attack.specification
    var row = RetrievalScenario(kind: .image, attack: specification.name)
    row.record = .object(
      [.init("objective", .string(attack.objective.rawValue))]
        + (EvaluatedImageAttack(specification).fullRecord.object ?? []))
    row.budget = specification.settings.budget
    let begin = ContinuousClock.now
    let moved = try eachBatch(row.label) { batch in
      let step = MultimodalAttack(
        .independent, image: ImageStep(specification.attack, self.settings(specification, batch)),
        text: TextSteps(blind: { $0 }))
      let result = try step.runImages(
        self.encoder, images: batch.images, captions: batch.captions, objective: attack.objective)
      row.take(result.report, result.images)
      return try self.features(result.images)
    }
    row.ranks = try ranks(images: moved)
    row.seconds = begin.seconds
    return row
  }

  private func row(_ attack: RetrievalEvaluation.TextAttack) throws -> RetrievalScenario {
    var row = RetrievalScenario(kind: .text, attack: attack.specification.name)
    row.record = attack.specification.record
    let begin = ContinuousClock.now
    var text = attack.specification.attack
    text.random = evaluation.seed.map { RandomSource(seed: $0) } ?? text.random
    text.sampleIDs = captions.map { SampleID.number(of: $0) }
    text.progress = evaluation.progress
    if attack.leavesImages, let images {
      let each = try (0..<data.count).map { try images.narrowed(0, start: $0, length: 1) }
      text.objective = .images(owners.map { each[$0] })
    }
    let isRaw: Bool
    if case .l2 = text.objective { isRaw = true } else { isRaw = false }
    let model = self.model
    let report = try named(row.label) {
      try text.perturb(captions.map { TextPrompt($0) }) { texts in
        try Tensor.withoutGradients { try model.encodeText(texts, normalize: !isRaw) }
      }
    }
    row.take(report)
    row.ranks = try ranks(texts: encoder.text(report.texts))
    row.seconds = begin.seconds
    return row
  }

  private func row(_ specification: MultimodalSpecification) throws -> RetrievalScenario {
    var specification = specification
    // A gallery holds one image where pairs would need one for each caption.
    specification.isJoint = true
    if let seed = evaluation.seed { specification.text.attack.random = RandomSource(seed: seed) }
    var row = RetrievalScenario(
      kind: ScenarioKind(specification.method), attack: specification.name)
    row.record = specification.record
    row.budget = specification.image.settings.budget
    let begin = ContinuousClock.now
    let session = try MultimodalSession(specification, model: model)
    var changed: [String] = []
    let moved = try eachBatch(row.label) { batch in
      let settings = self.settings(specification.image, batch)
      let result = try session.run(images: batch.images, captions: batch.captions) {
        $0 = settings
      }
      changed += result.captions.flatMap { $0 }
      row.take(result.image, result.images)
      return try self.features(result.images)
    }
    row.texts = changed
    row.changedTexts = zip(captions, changed).count { $0 != $1 }
    row.ranks = try ranks(images: moved, texts: encoder.text(changed))
    row.seconds = begin.seconds
    return row
  }

  /// Every query at its worst over the members' galleries and the clean one; each gallery is
  /// adversarial as a whole.
  private func worst(
    _ specification: MultimodalSpecification, _ clean: RetrievalScenario
  ) throws -> RetrievalScenario {
    var row = RetrievalScenario(kind: ScenarioKind(.worst), attack: specification.name)
    row.budget = specification.image.settings.budget
    row.ranks = clean.ranks
    row.texts = captions
    var members = [JSONValue.string("clean")]
    for method in try MultimodalMethod.captionMembers(specification.methods) {
      var member = specification
      member.method = method
      let gallery = try self.row(member)
      members.append(.string(gallery.kind.rawValue))
      row.add(gallery)
    }
    row.changedTexts = zip(captions, row.texts).count { $0 != $1 }
    row.record = .object(
      (specification.record.object ?? []) + [.init("members", .array(members))])
    return row
  }

  // MARK: Parts

  private func ranks(images: Tensor? = nil, texts: Tensor? = nil) throws -> RetrievalRanks {
    guard let images = images ?? self.images, let texts = texts ?? self.texts else {
      throw KilpiError("", "the gallery has no features yet")
    }
    return try RetrievalRanks(images: images, texts: texts, owners: owners)
  }

  private func features(_ images: Tensor) throws -> Tensor {
    try Tensor.withoutGradients { try encoder.image(images.contiguous()) }
  }

  private func settings(
    _ specification: ImageAttackSpecification, _ batch: Batch
  ) -> AttackSettings {
    var settings = specification.settings
    settings.sampleIDs = batch.sampleIDs
    settings.seed = evaluation.seed ?? settings.seed
    settings.progress = nil
    return settings
  }

  /// Features of all images, some at a time.
  private func eachBatch(_ label: String, _ body: (Batch) throws -> Tensor) throws -> Tensor {
    var parts: [Tensor] = []
    for first in stride(from: 0, to: data.count, by: evaluation.batch) {
      try Interrupts.poll()
      let indices = Array(first..<min(first + evaluation.batch, data.count))
      let batch = try data.batch(indices)
      parts.append(try named(label) { try body(batch) })
      done += indices.count
      evaluation.progress?(
        ProgressEvent(name: "retrieval", completed: done, total: planned, note: label))
    }
    return try Tensor.concatenated(parts)
  }

  /// Puts a row's name in front of what went wrong in it.
  private func named<Result>(_ label: String, _ body: () throws -> Result) throws -> Result {
    do {
      return try body()
    } catch var error as KilpiError where error.kind == .host && error.function.isEmpty {
      error.problem = label + ": " + error.problem
      throw error
    }
  }
}
