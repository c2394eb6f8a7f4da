internal import Attacks
internal import ClipModels
internal import Datasets
internal import Diagnostics
internal import Files
internal import Images
internal import Kernels
internal import Tensors

/// One evaluation under way: rows that grow batch by batch.
final class EvaluationRun {
  let evaluation: RobustnessEvaluation
  let subject: EvaluationSubject
  let data: Dataset
  private let whole: Dataset
  private let start = ContinuousClock.now
  /// Prompts attacked so far, by the attack's name.
  private var texts: [String: (record: TextAttackRecord, classifier: Classifier)] = [:]
  private var textOrder: [String] = []
  private var clean = ScenarioResult(.clean)
  private var rows: [ScenarioResult] = []
  private var pictures: [PictureRow] = []
  private var resolution: (width: Int, height: Int) = (0, 0)
  private var meter: EvaluationMeter

  init(
    _ evaluation: RobustnessEvaluation, _ subject: EvaluationSubject, _ data: Dataset,
    whole: Dataset
  ) {
    self.evaluation = evaluation
    self.subject = subject
    self.data = data
    self.whole = whole
    meter = EvaluationMeter(evaluation, samples: data.count)
  }

  func report() throws -> RobustnessReport {
    try attackTexts()
    rows = evaluation.images.map { ScenarioResult(.image, attack: $0.name) }
    rows += evaluation.texts.map { ScenarioResult(.text, attack: $0.name) }
    rows += evaluation.multimodal.map {
      ScenarioResult(
        $0.method == .independent ? .multimodalIndependent : .multimodalAdaptive, attack: $0.name)
    }
    var first = 0
    while first < data.count {
      let indices = Array(first..<min(first + evaluation.batch, data.count))
      try evaluate(data.batch(indices))
      first += evaluation.batch
    }
    describeRows()
    var scenarios = [clean] + rows
    if rows.count > 1 { scenarios.append(worst(scenarios)) }
    return RobustnessReport(
      subject: subject, evaluation: evaluation, data: data, of: whole.count,
      resolution: resolution, scenarios: scenarios,
      texts: textOrder.compactMap { texts[$0]?.record }, pictures: pictures,
      seconds: start.seconds)
  }

  // MARK: Texts

  private func attackTexts() throws {
    for attack in evaluation.texts + evaluation.multimodal.map(\.text)
    where texts[attack.name] == nil {
      guard let zeroShot = subject.zeroShot, let reprompted = subject.reprompted else { continue }
      let begin = ContinuousClock.now
      let report = try named("text/" + attack.name) {
        try attack.perturb(zeroShot, meter.handler("text/" + attack.name, evaluation.progress))
      }
      let prompts = zeroShot.prompts
      guard report.texts.count == prompts.count else {
        throw KilpiError(
          "",
          "text/\(attack.name): the attack gave \(report.texts.count) prompts for "
            + "\(prompts.count)")
      }
      let record = TextAttackRecord(
        name: attack.name, record: attack.record,
        prompts: report.results.map { result in
          .init(
            original: result.original, adversarial: result.adversarial,
            edits: result.edits.map { $0.old + " → " + $0.new })
        },
        changedShare: report.changedShare, synonymShare: report.synonymShare,
        classShare: report.classShare, encoded: report.queries.encoded, seconds: begin.seconds)
      texts[attack.name] = (record, try reprompted(report.texts))
      textOrder.append(attack.name)
    }
  }

  // MARK: One batch

  private func evaluate(_ batch: Batch) throws {
    let images = try placed(batch.images)
    resolution = (images.shape[3], images.shape[2])
    guard let labelTensor = batch.labels else {
      throw KilpiError("", "a sample of \(data.name) has no label")
    }
    let labels = try labelTensor.integers().map { Int($0) }
    let part = BatchPart(
      images: images, labels: labels, ids: batch.ids, sampleIDs: batch.sampleIDs,
      first: clean.samples.count)
    let begin = ContinuousClock.now
    let scores = try score(subject.classifier, images, part, "clean")
    append(scores, part, clean: scores, to: &clean)
    clean.seconds += begin.seconds
    meter.finished("clean", part.count, evaluation.progress)
    keepPictures(part, scores)

    var attacked: [String: Tensor] = [:]
    for (index, attack) in evaluation.images.enumerated() {
      attacked[attack.name] = try run(attack, subject.classifier, part, scores, row: index)
    }
    for (index, attack) in evaluation.texts.enumerated() {
      guard let changed = texts[attack.name] else { continue }
      try score(
        changed.classifier, images, part, scores, row: evaluation.images.count + index, moved: nil)
    }
    for (offset, attack) in evaluation.multimodal.enumerated() {
      let index = evaluation.images.count + evaluation.texts.count + offset
      guard let changed = texts[attack.text.name] else { continue }
      if attack.method == .adaptive {
        _ = try run(attack.image, changed.classifier, part, scores, row: index)
        continue
      }
      if attacked[attack.image.name] == nil {
        attacked[attack.image.name] = try result(
          attack.image, subject.classifier, part, label: rows[index].label
        ).images
      }
      try score(
        changed.classifier, images, part, scores, row: index, moved: attacked[attack.image.name])
    }
  }

  /// The images where the perturbation shall live.
  private func placed(_ images: Tensor) throws -> Tensor {
    guard evaluation.perturbationPlace == .input, let side = subject.inputSide else {
      return images
    }
    return try ImageOperations.preprocessed(images, .openai, size: side)
  }

  /// An attack's images and report, with the evaluation's settings.
  private func result(
    _ attack: EvaluatedImageAttack, _ classifier: @escaping Classifier, _ part: BatchPart,
    label: String
  ) throws -> AttackResult {
    var settings = self.settings(attack)
    settings.sampleIDs = part.sampleIDs
    settings.firstIndex = part.first + 1
    settings.progress = meter.handler(label, evaluation.progress)
    return try named(label) {
      try attack.attack.run(
        classifier, images: part.images, criterion: .misclassified(part.labels),
        settings: settings)
    }
  }

  private func settings(_ attack: EvaluatedImageAttack) -> AttackSettings {
    var settings = attack.settings
    settings.attacksAll = evaluation.attacksAll
    // A sample that leaves at its first success has a small loss: enough for its own row, but too
    // weak for `mm_sep`, which scores the same images with other prompts.
    settings.stopsEarly = !evaluation.multimodal.contains {
      $0.method == .independent && $0.image.name == attack.name
    }
    settings.judging = .alone
    settings.seed = evaluation.seed ?? settings.seed
    return settings
  }

  /// Runs an image attack and appends its verdicts to a row.
  private func run(
    _ attack: EvaluatedImageAttack, _ classifier: @escaping Classifier, _ part: BatchPart,
    _ clean: [Score], row: Int
  ) throws -> Tensor {
    let begin = ContinuousClock.now
    let result = try result(attack, classifier, part, label: rows[row].label)
    let report = result.report
    guard report.isJudged, report.prediction.count == part.count else {
      throw KilpiError("", "\(rows[row].label): the attack gave no verdicts")
    }
    for index in 0..<part.count {
      var record = part.record(index, clean[index], prediction: report.prediction[index])
      // Wrong when clean is broken, whatever an attack on it (attack_all) makes of it. The adaptive
      // attack is judged by the prompts that it saw.
      record.isCorrect =
        report.prediction[index] == part.labels[index]
        && (rows[row].kind == .multimodalAdaptive || record.isCleanCorrect)
      record.margin = report.margin[index]
      record.loss = report.loss[index]
      record.linf = report.distance.linf[index]
      record.l2 = report.distance.l2[index]
      record.l1 = report.distance.l1[index]
      record.forwards = report.forwards[index]
      record.backwards = report.backwards[index]
      if !evaluation.attacksAll, !report.cleanCorrect[index] { record.flags.append("not_attacked") }
      rows[row].samples.append(record)
    }
    for flag in report.flags {
      if let place = rows[row].flags.firstIndex(where: { $0.flag.kind == flag.kind }) {
        rows[row].flags[place].batches += 1
      } else {
        rows[row].flags.append((flag, 1))
      }
    }
    try checkBounds(result, settings(attack).budget, row: row)
    rows[row].seconds += begin.seconds
    keepPictures(part, row: row, result.images)
    meter.finished(rows[row].label, part.count, evaluation.progress)
    return result.images
  }

  /// The budget must hold, checked in float64: exactly in L∞, to 1e-6 relative in the other norms.
  private func checkBounds(_ result: AttackResult, _ budget: Budget, row: Int) throws {
    let slack = budget.norm == .linf ? 0 : 1e-6 * budget.epsilon
    let largest = result.report.distance[budget.norm].max() ?? 0
    if largest > budget.epsilon + slack {
      note("the change \(largest) is larger than the budget, \(budget.description)", row: row)
    }
    let isInside = try result.images.withPixels { values in
      values.allSatisfy { $0 >= 0 && $0 <= 1 }
    }
    if !isInside { note("adversarial pixels leave 0 … 1", row: row) }
  }

  private func note(_ problem: String, row: Int) {
    if rows[row].problems.count < 8 { rows[row].problems.append(problem) }
  }

  /// Scores images with a classifier and appends the verdicts to a row.
  private func score(
    _ classifier: Classifier, _ images: Tensor, _ part: BatchPart, _ clean: [Score], row: Int,
    moved: Tensor?
  ) throws {
    let begin = ContinuousClock.now
    let scores = try score(classifier, moved ?? images, part, rows[row].label)
    append(scores, part, clean: clean, to: &rows[row])
    if let moved {
      let distances = try Distances(from: images, to: moved)
      for index in 0..<part.count {
        let place = part.first + index
        rows[row].samples[place].linf = distances.linf[index]
        rows[row].samples[place].l2 = distances.l2[index]
        rows[row].samples[place].l1 = distances.l1[index]
      }
    }
    rows[row].seconds += begin.seconds
    if let moved { keepPictures(part, row: row, moved) }
    meter.finished(rows[row].label, part.count, evaluation.progress)
  }

  private func append(
    _ scores: [Score], _ part: BatchPart, clean: [Score], to row: inout ScenarioResult
  ) {
    for (index, score) in scores.enumerated() {
      var record = part.record(index, clean[index], prediction: score.prediction)
      record.margin = score.margin
      record.loss = score.loss
      record.forwards = 1
      row.samples.append(record)
    }
  }

  /// Evaluates each image alone, so that a verdict does not depend on its neighbours in a batch.
  private func score(
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

  // MARK: After the last batch

  private func describeRows() {
    for index in rows.indices {
      let offset = index - evaluation.images.count
      if offset < 0 {
        describe(index, image: evaluation.images[index], text: nil)
      } else if offset < evaluation.texts.count {
        describe(index, image: nil, text: evaluation.texts[offset])
      } else {
        let both = evaluation.multimodal[offset - evaluation.texts.count]
        describe(index, image: both.image, text: both.text)
      }
    }
  }

  private func describe(_ row: Int, image: EvaluatedImageAttack?, text: EvaluatedTextAttack?) {
    var members: [JSONValue.Member] = []
    if var image {
      image.settings = settings(image)
      rows[row].budget = image.settings.budget
      members.append(.init("image", image.fullRecord))
    }
    if let text { members.append(.init("text", text.record)) }
    rows[row].record = .object(members)
  }

  /// Each sample's worst over all rows: right only where it is right in every one of them.
  private func worst(_ scenarios: [ScenarioResult]) -> ScenarioResult {
    var row = ScenarioResult(.worst)
    row.samples = clean.samples.indices.map { index in
      let sample = clean.samples[index]
      let breaking = scenarios.filter { !$0.samples[index].isCorrect }
      var record = SampleRecord(
        id: sample.id, label: sample.label, cleanPrediction: sample.cleanPrediction,
        prediction: nil, isCorrect: breaking.isEmpty)
      record.flags = breaking.map { "broken_by:" + $0.label }
      return record
    }
    row.record = .array(scenarios.map { .string($0.label) })
    row.problems = scenarios.flatMap { row in row.problems.map { row.label + ": " + $0 } }
    return row
  }

  // MARK: Pictures

  private func keepPictures(_ part: BatchPart, _ scores: [Score]) {
    for index in 0..<part.count where part.first + index < evaluation.pictures {
      guard let image = try? part.images.selected(0, index).cloned() else { continue }
      pictures.append(
        PictureRow(
          id: part.ids[index], label: part.labels[index], image: image,
          prediction: scores[index].prediction))
    }
  }

  private func keepPictures(_ part: BatchPart, row: Int, _ images: Tensor) {
    for index in 0..<part.count where part.first + index < pictures.count {
      guard let image = try? images.selected(0, index).cloned(),
        let prediction = rows[row].samples[part.first + index].prediction
      else { continue }
      pictures[part.first + index].attacked.append((rows[row].label, image, prediction))
    }
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

extension ContinuousClock.Instant {
  /// Seconds since this moment.
  var seconds: Double {
    let passed = duration(to: .now).components
    return Double(passed.seconds) + Double(passed.attoseconds) * 1e-18
  }
}

extension Tensor {
  /// Runs `body` over all values as float32.
  func withPixels<R>(_ body: (UnsafeBufferPointer<Float>) throws -> R) throws -> R {
    let same = dtype == .float32 ? detached() : try detached().converted(to: .float32)
    return try same.withFloats(body)
  }
}
