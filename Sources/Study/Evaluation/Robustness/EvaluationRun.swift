internal import AttackPlans
internal import Attacks
internal import ClipModels
internal import Datasets
internal import Diagnostics
internal import Files
internal import Images
internal import Processes
internal import Tensors

/// An evaluation of classes under way: rows that grow batch by batch.
final class EvaluationRun: EvaluationTask {
  static let kind = ResultFolder.Kind.robustness
  var state: RunState<FinishedPart>
  let evaluation: RobustnessEvaluation
  let subject: EvaluationSubject
  let data: Dataset
  let plan: EvaluationPlan
  /// Rows in the order of the plan, `clean` first.
  var rows: [ScenarioResult]
  private let whole: Dataset
  /// What the record held when it was taken up.
  var known = FinishedUnits()
  /// What a function answers for a few samples; see `functionAnswers`.
  private var answers = JSONValue.null
  /// Prompts attacked so far, by the attack's name.
  var texts: [String: (record: TextAttackRecord, classifier: Classifier)] = [:]
  var textOrder: [String] = []
  /// Multimodal methods made so far, by row.
  var joint: [Int: MultimodalSession] = [:]
  /// Pictures by their place in `pictured`; nil as long as the sample is not evaluated.
  var pictures: [PictureRow?]
  /// Which samples' pictures are kept, spread evenly: sets are often sorted by class.
  let pictured: [Int]
  private var resolution: (width: Int, height: Int) = (0, 0)
  /// Where each evaluated sample stands in the whole set, which targets, masks and starts go by.
  private let wholePlaces: [Int]

  init(
    _ evaluation: RobustnessEvaluation, _ subject: EvaluationSubject, _ data: Dataset,
    whole: Dataset
  ) throws {
    self.evaluation = evaluation
    self.subject = subject
    self.data = data
    self.whole = whole
    plan = EvaluationPlan(evaluation)
    // Attacks weigh as much as their passes; a cap keeps sums over samples within range.
    let weights = Dictionary(
      plan.rows.map { ($0.label, max(1, min($0.cost.time, 1 << 24))) },
      uniquingKeysWith: { first, _ in first })
    state = RunState(
      evaluation, images: data.count,
      meter: EvaluationMeter(
        "evaluate", weights: weights, samples: data.count, batch: evaluation.batch))
    let blank = SampleRecord(
      id: "", label: 0, cleanPrediction: 0, prediction: nil, isCorrect: false)
    rows = plan.rows.map {
      var row = ScenarioResult($0.kind, attack: $0.name)
      row.samples = [SampleRecord](repeating: blank, count: data.count)
      return row
    }
    wholePlaces = try evaluation.places(data, in: whole)
    let kept = min(evaluation.pictures, data.count)
    pictured = (0..<kept).map { $0 * data.count / kept }
    pictures = [PictureRow?](repeating: nil, count: kept)
  }

  // MARK: The task

  var planned: [(label: String, record: JSONValue)] { plan.rows.map { ($0.label, $0.record) } }

  var common: [String] {
    get throws { [try data.fingerprint, String(evaluation.pictures), subject.weights ?? ""] }
  }

  func prepare() throws {
    let images = try placed(data.batch([0]).images)
    resolution = (images.shape[3], images.shape[2])
    try prepareJointRows()
    if evaluation.output != nil { answers = try functionAnswers() }
  }

  func about() throws -> JSONValue {
    try RobustnessReport.record(
      subject, evaluation, data, of: whole.count, resolution: resolution,
      classNames: subject.classNames.isEmpty ? data.classNames : subject.classNames)
  }

  func settings() -> [JSONValue.Member] {
    [
      .init("answers", answers), .init("conventions", RecordConventions.samples),
    ] + evaluation.recordedParameters
  }

  func take(line: JSONValue) -> Bool { known.take(line) }

  func measure() throws {
    state.meter.announce(plan.cost(samples: data.count).description, evaluation.progress)
    try attackTexts()
    try eachBatch { try evaluate(data.batch(Array($0)), first: $0.lowerBound) }
  }

  func report() throws -> RobustnessReport {
    describeRows()
    flagBlackBoxes()
    let (flags, note) = try probedFlags()
    return try RobustnessReport(
      subject: subject, evaluation: evaluation, data: data, of: whole.count,
      resolution: resolution, scenarios: rows + worstRows(rows),
      texts: textOrder.compactMap { texts[$0]?.record }, pictures: pictures.compactMap { $0 },
      seconds: state.seconds, cost: plan.cost(samples: data.count), flags: flags,
      notes: [note].compactMap { $0 } + (state.record?.notes ?? [])
        + [known.note].compactMap { $0 })
  }

  // MARK: One batch

  private func evaluate(_ batch: Batch, first: Int) throws {
    let images = try placed(batch.images)
    guard let labelTensor = batch.labels else {
      throw KilpiError("a sample of \(data.name) has no label")
    }
    let part = BatchPart(
      images: images, labels: try labelTensor.integers().map { Int($0) }, ids: batch.ids,
      sampleIDs: batch.sampleIDs, first: first,
      places: Array(wholePlaces[first..<first + batch.ids.count]))
    let pixels = state.record == nil ? nil : try images.rowChecksums()
    if let pixels { try known.check(pixels: pixels, part.ids, first: first) }
    if try !restored(0, part) {
      let begin = ContinuousClock.now
      let scores = try score(subject.classifier, images, part, "clean")
      var unit = EvaluationUnit(samples: records(scores, part, clean: scores))
      unit.seconds = begin.seconds
      try commit(0, part, unit, pixels: pixels)
    }
    let clean = rows[0].samples[first..<first + part.count].map { Score($0) }
    try keepClean(part, clean)

    var attacked: [String: AttackResult] = [:]
    for index in plan.rows.indices.dropFirst() where try !restored(index, part) {
      let row = plan.rows[index]
      switch row.kind {
      case .image:
        attacked[row.imageKey] = try attack(index, subject.classifier, part, clean)
      case .text:
        guard let changed = texts[row.textKey] else { continue }
        try fill(index, part, judge: changed.classifier) { part, _ in
          let scores = try score(changed.classifier, part.images, part, row.label)
          return (nil, EvaluationUnit(samples: records(scores, part, clean: clean)))
        }
      case ScenarioKind(.adaptive):
        guard let changed = texts[row.textKey] else { continue }
        _ = try attack(index, changed.classifier, part, clean)
      case ScenarioKind(.independent):
        guard let image = row.image, let changed = texts[row.textKey] else { continue }
        let others = leftOut(image, part, clean)
        try fill(index, part, except: others, judge: changed.classifier) { part, positions in
          // A row that was restored has no images any more.
          let moved =
            try attacked[row.imageKey]
            ?? result(image, subject.classifier, part, label: row.label)
          attacked[row.imageKey] = moved
          let scores = try score(changed.classifier, moved.images, part, row.label)
          return try rescored(
            row, moved, part, records(scores, part, clean: positions.map { clean[$0] }))
        }
      case .clean, .worst: continue
      default: try attackJointly(index, part, clean)
      }
    }
  }

  /// The images where the perturbation shall live.
  func placed(_ images: Tensor) throws -> Tensor {
    guard evaluation.perturbationPlace == .input, let side = subject.inputSide else {
      return images
    }
    return try ImageOperations.preprocessed(images, .openai, size: side)
  }

  /// Appends a batch to a row: what an attack made of some samples, and the others as they are.
  ///
  /// - Parameters:
  ///   - others: by their positions, samples that are not attacked.
  ///   - classifier: judges images that are read back from their files.
  ///   - body: attacked images and verdicts of the samples at some positions, in their order.
  func fill(
    _ index: Int, _ whole: BatchPart, except others: [Int: SampleRecord] = [:],
    judge classifier: Classifier,
    _ body: (_ part: BatchPart, _ positions: [Int]) throws -> (images: Tensor?, EvaluationUnit)
  ) throws {
    let begin = ContinuousClock.now
    let positions = (0..<whole.count).filter { others[$0] == nil }
    var unit = EvaluationUnit(samples: [])
    if !positions.isEmpty {
      let part = try whole.selected(positions)
      let images: Tensor?
      (images, unit) = try body(part, positions)
      if let images {
        if let kind = evaluation.savedImages {
          try save(kind, index, images, part, positions, classifier, &unit)
        }
        try keepPictures(whole, index, images, unit.samples)
      }
    }
    var next = unit.samples.makeIterator()
    unit.samples = (0..<whole.count).compactMap { others[$0] ?? next.next() }
    unit.seconds = begin.seconds
    try commit(index, whole, unit)
  }

  /// Images of another row, or of this one alone, judged with other prompts.
  private func rescored(
    _ row: PlannedRow, _ moved: AttackResult, _ part: BatchPart, _ samples: [SampleRecord]
  ) throws -> (Tensor, EvaluationUnit) {
    let distances = try Distances(from: part.images, to: moved.images)
    let quality = try ImageQuality(part.images, moved.images)
    var samples = samples
    for place in samples.indices {
      samples[place].take(distances, quality, at: place)
      samples[place].target = moved.report.targets?[place]
    }
    guard !row.takesImages, let image = row.image else {
      return (moved.images, EvaluationUnit(samples: samples))
    }
    // The images were attacked for this row alone, whose passes they are.
    for place in samples.indices {
      samples[place].forwards = 1 + moved.report.forwards[place]
      samples[place].backwards = moved.report.backwards[place]
    }
    return try (
      moved.images, unit(samples, moved.report, moved.images, image.settings.threat.budget)
    )
  }

  private func records(_ scores: [Score], _ part: BatchPart, clean: [Score]) -> [SampleRecord] {
    scores.enumerated().map { index, score in
      var record = part.record(index, clean[index], prediction: score.prediction)
      record.margin = score.margin
      record.loss = score.loss
      record.forwards = 1
      return record
    }
  }

  /// Evaluates each image alone, so that a verdict does not depend on its neighbours in a batch.
  func score(
    _ classifier: Classifier, _ images: Tensor, _ part: BatchPart, _ label: String
  ) throws -> [Score] {
    try Tensor.withoutGradients {
      try (0..<part.count).map { index in
        try Interrupts.poll()
        let image = try images.narrowed(0, start: index, length: 1).contiguous()
        let logits = try named(label) { try classifier(image) }
        return try named(label) {
          try Score(
            logits, label: part.labels[index], classes: data.classNames.count,
            sample: part.ids[index])
        }
      }
    }
  }

  // MARK: Finished parts

  /// Takes a row's part of a batch from the record, if it was finished there.
  private func restored(_ index: Int, _ part: BatchPart) throws -> Bool {
    let label = rows[index].label
    guard let unit = known.unit(label, first: part.first, count: part.count),
      unit.samples.map(\.id) == part.ids
    else { return false }
    try finish(
      FinishedPart(row: index, label: label, first: part.first, unit: unit, isRestored: true))
    if index > 0 { try restorePictures(part, index) }
    return true
  }

  func commit(
    _ index: Int, _ part: BatchPart, _ unit: EvaluationUnit, pixels: [String]? = nil
  ) throws {
    try finish(
      FinishedPart(
        row: index, label: rows[index].label, first: part.first, unit: unit, pixels: pixels))
  }

  func append(_ index: Int, _ first: Int, _ unit: EvaluationUnit) {
    rows[index].samples.replaceSubrange(first..<first + unit.samples.count, with: unit.samples)
    rows[index].seconds += unit.seconds
    for problem in unit.problems where rows[index].problems.count < 8 {
      rows[index].problems.append(problem)
    }
    for flag in unit.flags {
      if let place = rows[index].flags.firstIndex(where: { $0.flag.kind == flag.kind }) {
        rows[index].flags[place].batches += 1
      } else {
        rows[index].flags.append((flag, 1))
      }
    }
  }

  // MARK: After the last batch

  private func describeRows() {
    for (index, row) in plan.rows.enumerated() where index > 0 {
      rows[index].threat = row.threat
      rows[index].family = family(row)
      rows[index].record = row.record
      rows[index].follows = row.nested.map { rows[$0].label }
    }
  }
}
