internal import AttackPlans
internal import Attacks
internal import ClipModels
internal import Datasets
internal import Diagnostics
internal import Files
internal import Kernels
internal import Tensors
internal import Training

/// A retrieval under way: galleries that are attacked one after another.
final class RetrievalRun: EvaluationTask {
  static let kind = ResultFolder.Kind.retrieval
  var state: RunState<RetrievalPart>
  let evaluation: RetrievalEvaluation
  private let name: String
  private let model: ClipModel
  let data: Dataset
  private let encoder: DualEncoder
  /// All captions in order, and the image of each.
  private let captions: [String]
  private let owners: [Int]
  let grouped: [[String]]
  private let captionsHash: String
  private let weights: String
  /// Of the features.
  let width: Int
  private var resolution = (width: 0, height: 0)
  private var images: Tensor?
  private var texts: Tensor?
  /// The rows: what is attacked, how, within which budget, and what came of it.
  private var rows: [RetrievalScenario] = []
  /// Batches of the row that is measured.
  var finished: [RetrievalPart] = []
  /// What the record held when it was taken up: batches by row and first image, and text attacks.
  var known: [String: [Int: RetrievalPart]] = [:]
  var knownTexts: [String: JSONValue] = [:]
  /// Galleries attacked on both sides, by label and record: rows and members of `worst` share those
  /// that are alike in all that fixes them.
  private var galleries: [String: RetrievalScenario] = [:]

  init(
    _ evaluation: RetrievalEvaluation, _ model: ClipModel, _ data: Dataset, name: String
  ) throws {
    self.evaluation = evaluation
    self.name = name.isEmpty ? model.origin : name
    state = RunState(
      evaluation, images: data.count,
      meter: EvaluationMeter("retrieval", weights: [:], samples: data.count, batch: 1))
    self.model = try model.frozen()
    self.data = data
    try model.checkCaptions(of: data)
    encoder = try DualEncoder(self.model)
    weights = try self.model.weightsHash()
    width = model.configuration.embedding
    grouped = try (0..<data.count).map { try data.captions(at: $0) }
    captions = grouped.flatMap { $0 }
    captionsHash = String(SampleID.number(of: captions.joined(separator: "\n")), radix: 16)
    owners = grouped.enumerated().flatMap { image, texts in texts.map { _ in image } }
    rows =
      try [RetrievalScenario(kind: .clean)] + evaluation.images.map(blank)
      + evaluation.texts.map(blank) + evaluation.multimodal.map(blank)
  }

  // MARK: The task

  var planned: [(label: String, record: JSONValue)] { rows.map { ($0.label, $0.record) } }

  var common: [String] { get throws { [try data.fingerprint, captionsHash, weights] } }

  func prepare() throws {
    let shape = try data.batch([0]).images.shape
    resolution = (shape[3], shape[2])
    // Each gallery of images is gone through once; those of texts cost nothing that is known before.
    var weights = [key(0): 1]
    for index in evaluation.images.indices { weights[key(index + 1)] = 1 }
    var seen: Set<String> = []
    for (index, both) in evaluation.multimodal.enumerated() {
      let key = key(1 + evaluation.images.count + evaluation.texts.count + index)
      for (memberKey, member) in try members(both, key) {
        let row = try blank(member)
        if seen.insert(row.label + row.record.serialized()).inserted { weights[memberKey] = 1 }
      }
    }
    state.meter = EvaluationMeter(
      "retrieval", weights: weights, samples: data.count, batch: evaluation.batch)
  }

  func settings() -> [JSONValue.Member] {
    evaluation.recordedParameters + [
      .init("captions_hash", .string(captionsHash)),
      .init("machine", RobustnessReport.machine(model.precision.rawValue)),
    ]
  }

  func about() throws -> JSONValue {
    .record([
      "kilpi": .string(KilpiVersion.current),
      "model": .record([
        "origin": .string(model.origin), "weights": .string(weights),
        "input_side": .integer(Int64(model.configuration.imageSize)),
      ]),
      "data": .record([
        "name": .string(data.name), "split": .string(data.split),
        "n": .integer(Int64(data.count)), "of": .integer(Int64(data.splitCount)),
        "captions": .integer(Int64(captions.count)), "digests": try data.digests().record,
        "notes": .strings(data.notes),
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

  func measure() throws {
    let clean = try eachBatch(key(0), "clean") { batch in
      RetrievalPart(first: 0, features: try self.features(batch.images))
    }
    let images = try gathered(clean)
    let texts = try encoder.text(captions)
    rows[0].ranks = try RetrievalRanks(images: images, texts: texts, owners: owners)
    for part in clean { rows[0].totals.add(part.totals) }
    self.images = images
    self.texts = texts
    var index = 1
    func next(_ fill: (inout RetrievalScenario, String) throws -> Void) throws {
      var row = rows[index]
      try fill(&row, key(index))
      rows[index] = row
      index += 1
    }
    for attack in evaluation.images { try next { try fill(&$0, $1, attack) } }
    for attack in evaluation.texts { try next { try fill(&$0, $1, attack) } }
    for both in evaluation.multimodal {
      try next {
        if both.method == .worst { try fillWorst(&$0, $1, both) } else { try fill(&$0, $1, both) }
      }
    }
  }

  func report() throws -> RetrievalReport {
    RetrievalReport(
      name: name, data: data, captions: grouped, owners: owners, resolution: resolution,
      scenarios: rows, record: try about(), notes: state.record?.notes ?? [],
      seconds: state.seconds)
  }

  /// A row's name in the record.
  private func key(_ row: Int) -> String { "\(row + 1) \(rows[row].label)" }

  /// The galleries that a row goes through, by their names in the record.
  private func members(
    _ both: MultimodalSpecification, _ key: String
  ) throws -> [(key: String, attack: MultimodalSpecification)] {
    guard both.method == .worst else { return [(key, both)] }
    return try MultimodalMethod.captionMembers(both.methods).map { method in
      var member = both
      member.method = method
      return ("\(key): \(try blank(member).label)", member)
    }
  }

  // MARK: Rows

  private func blank(_ attack: RetrievalEvaluation.ImageAttack) -> RetrievalScenario {
    let specification = attack.specification
    var row = RetrievalScenario(kind: .image, attack: specification.name)
    row.record = .object(
      [.init("objective", .string(attack.objective.rawValue))]
        + (specification.fullRecord.object ?? []))
    row.threat = specification.threat
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
    row.threat = specification.image.threat
    if !specification.image.family.isEmpty {
      row.family = row.attack.replacing(specification.image.name, with: specification.image.family)
    }
    // The whole of the image attack: budget, draws, lattice, which point is kept.
    var members: [JSONValue.Member] = [
      .init("image", specification.image.fullRecord)
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
      try part.totals.take(result.report, result.images)
      return part
    }
    for part in parts { row.totals.add(part.totals) }
    row.ranks = try ranks(images: gathered(parts))
  }

  private func fill(
    _ row: inout RetrievalScenario, _ key: String, _ attack: RetrievalEvaluation.TextAttack
  ) throws {
    let blank = row
    let json = try once(
      knownTexts[key], line: { [.init("row", .string(key)), .init("text", $0)] }
    ) {
      var row = blank
      let begin = ContinuousClock.now
      row.take(try perturbed(attack, row.label))
      row.totals.seconds = begin.seconds
      return row.textJSON
    }
    guard row.take(json), row.texts.count == captions.count else {
      throw KilpiError("the record of '\(row.label)' cannot be read")
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
      try part.totals.take(result.image, result.images)
      part.totals.limits = result.limits
      return part
    }
    for part in parts { row.totals.add(part.totals) }
    row.texts = parts.flatMap(\.texts)
    guard row.texts.count == captions.count else {
      throw KilpiError("the record of '\(row.label)' has \(row.texts.count) captions")
    }
    row.changedTexts = zip(captions, row.texts).count { $0 != $1 }
    row.ranks = try ranks(images: gathered(parts), texts: encoder.text(row.texts))
    galleries[same] = row
  }

  /// Every query at its worst over the members' galleries and the clean one; each gallery is
  /// adversarial as a whole.
  private func fillWorst(
    _ row: inout RetrievalScenario, _ key: String, _ specification: MultimodalSpecification
  ) throws {
    row.ranks = rows[0].ranks
    row.texts = captions
    for (memberKey, member) in try members(specification, key) {
      var gallery = try blank(member)
      try fill(&gallery, memberKey, member)
      row.add(gallery)
    }
    row.changedTexts = zip(captions, row.texts).count { $0 != $1 }
  }

  // MARK: Parts

  private func ranks(images: Tensor? = nil, texts: Tensor? = nil) throws -> RetrievalRanks {
    guard let images = images ?? self.images, let texts = texts ?? self.texts else {
      throw KilpiError("the gallery has no features yet")
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
    settings.search.sampleIDs = batch.sampleIDs
    settings.search.seed = evaluation.seed ?? settings.search.seed
    settings.reporting.progress = nil
    return settings
  }
}
