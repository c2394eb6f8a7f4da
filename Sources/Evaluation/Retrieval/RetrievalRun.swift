internal import Attacks
internal import ClipModels
internal import Datasets
internal import Diagnostics
internal import Files
internal import Kernels
internal import Processes
internal import Tensors
internal import Training

/// One evaluation under way.
final class RetrievalRun {
  let evaluation: RetrievalEvaluation
  private let model: ClipModel
  let data: Dataset
  private let encoder: DualEncoder
  private let start = ContinuousClock.now
  /// All captions in order, and the image of each.
  private let captions: [String]
  private let owners: [Int]
  let grouped: [[String]]
  let captionsHash: String
  let weights: String
  /// Of the features.
  let width: Int
  private var resolution = (width: 0, height: 0)
  private var images: Tensor?
  private var texts: Tensor?
  var record: RetrievalRecord?
  /// Galleries attacked on both sides, by label and record: rows and members of `worst` share those
  /// that are alike in all that fixes them.
  private var galleries: [String: RetrievalScenario] = [:]
  private var planned: [RetrievalScenario]?
  /// Time that earlier sessions spent on what the record held.
  var restoredSeconds = 0.0
  /// Images of all rows, finished and planned.
  var visits = (done: 0, planned: 1)

  init(_ evaluation: RetrievalEvaluation, _ model: ClipModel, _ data: Dataset) throws {
    self.evaluation = evaluation
    self.model = try model.frozen()
    self.data = data
    try model.checkCaptions(of: data)
    encoder = try DualEncoder(self.model)
    weights = try WeightsHash.of(self.model)
    width = model.configuration.embedding
    grouped = try (0..<data.count).map { try data.captions(at: $0) }
    captions = grouped.flatMap { $0 }
    captionsHash = String(SampleID.number(of: captions.joined(separator: "\n")), radix: 16)
    owners = grouped.enumerated().flatMap { image, texts in texts.map { _ in image } }
  }

  /// The rows, nothing computed: what is attacked, how, and within which budget.
  func plan() throws -> [RetrievalScenario] {
    if let planned { return planned }
    let rows =
      try [RetrievalScenario(kind: .clean)] + evaluation.images.map(blank)
      + evaluation.texts.map(blank) + evaluation.multimodal.map(blank)
    planned = rows
    return rows
  }

  /// Everything that fixes the result, as the record's first line holds it.
  func header() throws -> JSONValue {
    .object(
      (try about().object ?? []) + [
        .init(
          "rows",
          .array(try plan().map { .record(["label": .string($0.label), "attack": $0.record]) })),
        .init("batch", .integer(Int64(evaluation.batch))),
        .init("captions_hash", .string(captionsHash)),
        .init("machine", RobustnessReport.machine(model.precision.rawValue)),
      ])
  }

  private func about() throws -> JSONValue {
    .record([
      "kilpi": .string(RobustnessReport.version),
      "model": .record([
        "origin": .string(model.origin), "weights": .string(weights),
        "input_side": .integer(Int64(model.configuration.imageSize)),
      ]),
      "data": .record([
        "name": .string(data.name), "split": .string(data.split),
        "n": .integer(Int64(data.count)), "of": .integer(Int64(data.splitCount)),
        "captions": .integer(Int64(captions.count)), "digests": try data.digests().record,
        "notes": .array(data.notes.map { .string($0) }),
      ]),
      "threat": .record([
        "perturb_at": "native", "width": .integer(Int64(resolution.width)),
        "height": .integer(Int64(resolution.height)),
        "resize_in_graph": "bicubic, a = -0.75, half-pixel centres, no antialiasing",
      ]),
      "truncate": .bool(model.truncatesTexts),
      "ties": "pessimistic, own items last",
      "seed": evaluation.seed.map { .integer(Int64(bitPattern: $0)) } ?? .null,
    ])
  }

  func report(_ name: String) throws -> RetrievalReport {
    visits.planned = data.count * (1 + evaluation.images.count + (try differentGalleries()))
    let shape = try data.batch([0]).images.shape
    resolution = (shape[3], shape[2])
    try openRecord()
    let clean = try eachBatch("1 clean", "clean") { batch in
      RetrievalPart(first: 0, features: try self.features(batch.images))
    }
    let images = try gathered(clean)
    let texts = try encoder.text(captions)
    var rows = try plan()
    rows[0].ranks = try RetrievalRanks(images: images, texts: texts, owners: owners)
    for part in clean { rows[0].totals.add(part.totals) }
    self.images = images
    self.texts = texts
    for index in rows.indices.dropFirst() {
      let key = "\(index + 1) \(rows[index].label)"
      var place = index - 1
      if place < evaluation.images.count {
        try fill(&rows[index], key, evaluation.images[place])
        continue
      }
      place -= evaluation.images.count
      if place < evaluation.texts.count {
        try fill(&rows[index], key, evaluation.texts[place])
        continue
      }
      let both = evaluation.multimodal[place - evaluation.texts.count]
      if both.method == .worst {
        try fillWorst(&rows[index], key, both, clean: rows[0])
      } else {
        try fill(&rows[index], key, both)
      }
    }
    return RetrievalReport(
      name: name.isEmpty ? model.origin : name, data: data, captions: grouped, owners: owners,
      resolution: resolution, scenarios: rows, record: try about(), notes: record?.notes ?? [],
      seconds: start.seconds + restoredSeconds)
  }

  private func differentGalleries() throws -> Int {
    var seen: Set<String> = []
    for both in evaluation.multimodal {
      let methods =
        both.method == .worst ? try MultimodalMethod.captionMembers(both.methods) : [both.method]
      for method in methods {
        var member = both
        member.method = method
        let row = try blank(member)
        seen.insert(row.label + row.record.serialized())
      }
    }
    return seen.count
  }

  // MARK: Rows

  private func blank(_ attack: RetrievalEvaluation.ImageAttack) -> RetrievalScenario {
    let specification = attack.specification
    var row = RetrievalScenario(kind: .image, attack: specification.name)
    row.record = .object(
      [.init("objective", .string(attack.objective.rawValue))]
        + (EvaluatedImageAttack(specification).fullRecord.object ?? []))
    row.threat = EvaluatedImageAttack(specification).threat
    row.family = specification.family
    return row
  }

  private func blank(_ attack: RetrievalEvaluation.TextAttack) -> RetrievalScenario {
    var row = RetrievalScenario(kind: .text, attack: attack.specification.name)
    row.record = attack.specification.record
    guard attack.leavesImages else { return row }
    row.record = .object(
      (row.record.object ?? []).map { $0.key == "objective" ? .init("objective", "img") : $0 })
    return row
  }

  private func blank(_ specification: MultimodalSpecification) throws -> RetrievalScenario {
    var row = RetrievalScenario(
      kind: ScenarioKind(specification.method), attack: specification.name)
    row.threat = EvaluatedImageAttack(specification.image).threat
    if !specification.image.family.isEmpty {
      row.family = row.attack.replacing(specification.image.name, with: specification.image.family)
    }
    // The whole of the image attack: budget, draws, lattice, which point is kept.
    var members: [JSONValue.Member] = [
      .init("image", EvaluatedImageAttack(specification.image).fullRecord)
    ]
    members += (joint(specification).record.object ?? []).filter { $0.key != "image" }
    if specification.method == .worst {
      let names = try MultimodalMethod.captionMembers(specification.methods).map {
        ScenarioKind($0).rawValue
      }
      members.append(.init("members", .array((["clean"] + names).map { .string($0) })))
    }
    row.record = .object(members)
    return row
  }

  /// A gallery holds one image where pairs would need one for each caption.
  private func joint(_ specification: MultimodalSpecification) -> MultimodalSpecification {
    var specification = specification
    specification.isJoint = true
    if let seed = evaluation.seed { specification.text.attack.random = RandomSource(seed: seed) }
    return specification
  }

  private func fill(
    _ row: inout RetrievalScenario, _ key: String, _ attack: RetrievalEvaluation.ImageAttack
  ) throws {
    let specification = attack.specification
    let parts = try eachBatch(key, row.label) { batch in
      let step = MultimodalAttack(
        .independent, image: ImageStep(specification.attack, self.settings(specification, batch)),
        text: TextSteps(blind: { $0 }))
      let result = try step.runImages(
        self.encoder, images: batch.images, captions: batch.captions, objective: attack.objective)
      var part = RetrievalPart(first: 0, features: try self.features(result.images))
      part.totals.take(result.report, result.images)
      return part
    }
    for part in parts { row.totals.add(part.totals) }
    row.ranks = try ranks(images: gathered(parts))
  }

  private func fill(
    _ row: inout RetrievalScenario, _ key: String, _ attack: RetrievalEvaluation.TextAttack
  ) throws {
    let blank = row
    let json = try fromRoot(key) {
      var row = blank
      let begin = ContinuousClock.now
      row.take(try perturbed(attack, row.label))
      row.totals.seconds = begin.seconds
      return row.textJSON
    }
    guard row.take(json), row.texts.count == captions.count else {
      throw KilpiError("", "the record of '\(row.label)' cannot be read")
    }
    row.ranks = try ranks(texts: encoder.text(row.texts))
  }

  private func perturbed(
    _ attack: RetrievalEvaluation.TextAttack, _ label: String
  ) throws -> TextReport {
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
    return try named(label) {
      try text.perturb(captions.map { TextPrompt($0) }) { texts in
        try Tensor.withoutGradients { try model.encodeText(texts, normalize: !isRaw) }
      }
    }
  }

  private func fill(
    _ row: inout RetrievalScenario, _ key: String, _ specification: MultimodalSpecification
  ) throws {
    let same = row.label + row.record.serialized()
    if let known = galleries[same] {
      let record = row.record
      row = known
      row.record = record
      return
    }
    let specification = joint(specification)
    let session = try MultimodalSession(specification, model: model)
    let parts = try eachBatch(key, row.label) { batch in
      let settings = self.settings(specification.image, batch)
      let result = try session.run(images: batch.images, captions: batch.captions) {
        $0 = settings
      }
      var part = RetrievalPart(first: 0, features: try self.features(result.images))
      part.texts = result.captions.flatMap { $0 }
      part.totals.take(result.image, result.images)
      part.totals.limits = result.limits
      return part
    }
    for part in parts { row.totals.add(part.totals) }
    row.texts = parts.flatMap(\.texts)
    guard row.texts.count == captions.count else {
      throw KilpiError("", "the record of '\(row.label)' has \(row.texts.count) captions")
    }
    row.changedTexts = zip(captions, row.texts).count { $0 != $1 }
    row.ranks = try ranks(images: gathered(parts), texts: encoder.text(row.texts))
    galleries[same] = row
  }

  /// Every query at its worst over the members' galleries and the clean one; each gallery is
  /// adversarial as a whole.
  private func fillWorst(
    _ row: inout RetrievalScenario, _ key: String, _ specification: MultimodalSpecification,
    clean: RetrievalScenario
  ) throws {
    row.ranks = clean.ranks
    row.texts = captions
    for method in try MultimodalMethod.captionMembers(specification.methods) {
      var member = specification
      member.method = method
      var gallery = try blank(member)
      try fill(&gallery, "\(key): \(gallery.label)", member)
      row.add(gallery)
    }
    row.changedTexts = zip(captions, row.texts).count { $0 != $1 }
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

  /// Puts a row's name in front of what went wrong in it.
  func named<Result>(_ label: String, _ body: () throws -> Result) throws -> Result {
    do {
      return try body()
    } catch var error as KilpiError where error.kind == .host && error.function.isEmpty {
      error.problem = label + ": " + error.problem
      throw error
    }
  }
}
