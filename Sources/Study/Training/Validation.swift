package import AttackPlans
internal import Attacks
internal import ClipModels
package import Datasets
internal import Diagnostics
internal import Files
internal import Networks
internal import Processes
internal import Tensors

/// Looks at a model on data that it is not trained on, every so many steps of a run.
///
/// The model of the best look is kept; test data have no part in the choice.
///
/// Definitions: docs/methods/training.md, section 5.5.
package struct Validation {
  /// What the best model is chosen by.
  package enum Choice: String, Sendable, CaseIterable {
    /// Share of images that are right clean and under the attack.
    case robust
    /// Share of images that are right.
    case clean
  }

  /// Images with labels.
  package var data: Dataset
  /// Steps between looks; the last step always has one.
  package var every: Int
  /// The attack of the look; nil: clean images alone.
  package var attack: ImageAttackSpecification?
  /// What the best model is chosen by.
  package var choice = Choice.robust
  /// Looks without a better one after which the run ends; nil: it goes to its end.
  package var patience: Int?
  /// Images at once.
  package var batch = 128

  package init(_ data: Dataset, every: Int) { (self.data, self.every) = (data, every) }

  /// The shares of a look.
  struct Look: Equatable {
    var clean: Double
    var robust: Double?
  }

  /// The column that the choice goes by.
  var column: String { choice == .robust && attack != nil ? "val_robust" : "val_clean" }

  /// Refuses a set that cannot be looked at.
  func check(_ training: Dataset) throws {
    guard every >= 1 else { throw KilpiError("validate_every is \(every), at least 1 is needed") }
    guard data.count > 0, !data.hasCaptions, !data.classNames.isEmpty else {
      throw KilpiError(
        "the validation set has no images with labels", advice: "give a set of classes")
    }
    guard data.classNames == training.classNames else {
      throw KilpiError("the validation set has other classes than the training set")
    }
    guard data.ids.allSatisfy({ $0.hasPrefix("memory#") }) else {
      return try training.requireDisjoint(from: data)
    }
    // Numbers of tensors in memory say nothing about what they hold: equal pixels do.
    let shared = Set(training.overlap(with: data))
    let own = Dictionary(zip(training.ids, 0...), uniquingKeysWith: { first, _ in first })
    for (place, id) in data.ids.enumerated() where shared.contains(id) {
      guard let other = own[id] else { continue }
      let (a, b) = (try data.batch([place]).images, try training.batch([other]).images)
      if a.shape == b.shape, try a.doubles() == b.doubles() {
        return try training.requireDisjoint(from: data)
      }
    }
  }

  /// Accuracies of a classifier whose weights record no gradient.
  func look(_ classifier: ZeroShotClassifier) throws -> Look {
    var (clean, robust) = (0, 0)
    let target = try Classifier(frozen: classifier)
    for start in stride(from: 0, to: data.count, by: batch) {
      try Interrupts.poll()
      let places = Array(start..<min(start + batch, data.count))
      let images = try data.batch(places).images
      let labels = try places.compactMap { try data.label(at: $0) }
      guard let attack else {
        let found = try classifier.predict(images).labels.integers()
        clean += zip(found, labels).count { $0 == Int64($1) }
        continue
      }
      var settings = attack.settings
      settings.search.sampleIDs = try places.map { try data.sampleID(at: $0) }
      settings.search.attacksAll = false
      settings.search.stopsEarly = true
      settings.reporting.probes = false
      settings.reporting.progress = nil
      settings.threat.isWithinBudgetOnly = true
      let report = try attack.attack.run(
        target, images: images, criterion: .misclassified(labels), settings: settings
      ).report
      clean += report.cleanCorrect.count { $0 }
      robust += zip(report.cleanCorrect, report.success).count { $0 && !$1 }
    }
    let total = Double(data.count)
    return Look(clean: Double(clean) / total, robust: attack == nil ? nil : Double(robust) / total)
  }

  // MARK: The best step

  /// Step and share of the best look among rows; the first of equal ones.
  func best(_ rows: [[JSONValue.Member]]) -> (step: Int, value: Double)? {
    var best: (step: Int, value: Double)?
    for row in rows {
      guard let value = row.first(where: { $0.key == column })?.value.double,
        let step = row.first(where: { $0.key == "step" })?.value.int
      else { continue }
      if value > best?.value ?? -1 { best = (step, value) }
    }
    return best
  }

  /// Looks since the best one.
  func looksSinceBest(_ rows: [[JSONValue.Member]]) -> Int {
    guard let best = best(rows) else { return 0 }
    return rows.count { row in
      row.first { $0.key == "step" }?.value.int ?? 0 > best.step
        && row.first { $0.key == column }?.value.double != nil
    }
  }

  /// What records say of it.
  var record: JSONValue {
    .object([
      .init("data", .string("\(data.name)/\(data.split)")),
      .init("samples", .integer(Int64(data.count))), .init("every", .integer(Int64(every))),
      .init("select", .string(choice.rawValue)),
      .init("patience", patience.map { .integer(Int64($0)) } ?? .null),
      .init("attack", attack?.record ?? .null),
    ])
  }
}

extension TrainingSession {
  /// The columns of a look for the row of the step just done; empty values where there was none.
  func validationColumns(step: Int) throws -> [JSONValue.Member] {
    guard let validation = trainer.validation, let classifier else { return [] }
    var columns: [JSONValue.Member] = [.init("val_clean", .null)]
    if validation.attack != nil { columns.append(.init("val_robust", .null)) }
    guard step % validation.every == 0 || step == schedule.total else { return columns }
    guard processes.isRoot else { return columns }
    let look = try validation.look(classifier)
    columns[0].value = .number(look.clean)
    if let robust = look.robust { columns[1].value = .number(robust) }
    return columns
  }

  /// Keeps the weights of a step whose look is the best so far, in memory and in the run's folder.
  func keepBest() throws {
    guard let validation = trainer.validation, let best = validation.best(history),
      best.step == step
    else { return }
    let kept = try model.copy()
    kept.folder = configuration.output.map { $0 + "/best" }
    kept.origin = kept.folder ?? "trained (\(objective.name)), best at step \(step)"
    bestModel = kept
    guard let folder, processes.isRoot else { return }
    try folder.check()
    try kept.save(folder.path + "/best")
  }

  /// The model of the best look: that in memory, or of the run's folder where the run was resumed.
  func best() throws -> (model: ClipModel, step: Int, value: Double)? {
    guard let validation = trainer.validation, let best = validation.best(history) else {
      return nil
    }
    if let bestModel { return (bestModel, best.step, best.value) }
    guard let folder, FileReader.exists(folder.path + "/best") else { return nil }
    let loaded = try ClipModel.load(folder.path + "/best")
    loaded.tokenizer = model.tokenizer
    return (loaded, best.step, best.value)
  }
}
