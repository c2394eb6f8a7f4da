internal import ClipModels
internal import Datasets
internal import Diagnostics
internal import Files
internal import Networks
internal import Tensors

extension TrainingSession {
  /// Begins the run's folder, or takes up the run that stands in it.
  func openFolder() throws {
    guard let path = configuration.output else { return }
    guard configuration.resumes, RunFolder.holdsRun(path) else {
      let folder = try RunFolder.create(path)
      self.folder = folder
      try describe(folder)
      return
    }
    let lock = try FolderLock(path)
    AtomicFile.removeLeftovers(in: path)
    let (found, damaged) = try TrainingCheckpoint.newest(in: path, schedule: schedule)
    let problems = damaged.map { "\($0.name): \($0.reason)" }
    guard let checkpoint = found else {
      throw KilpiError(
        damaged.isEmpty
          ? "the run in '\(path)' has no checkpoint to resume from"
          : "no checkpoint of the run in '\(path)' can be resumed from: "
            + problems.prefix(4).joined(separator: "; "),
        advice: damaged.isEmpty
          ? "remove the folder, or choose another out"
          : "bring its files back as they were written, or choose another out")
    }
    try checkpoint.check(against: record)
    try checkpoint.restore(weights, optimizer: optimizer, average: average)
    let folder = try RunFolder(path, lock, keeping: checkpoint.contents)
    self.folder = folder
    step = checkpoint.step
    hasSaved = true
    history = checkpoint.rows
    // Out of the way of the checkpoint that will have the same name, and there to be looked at.
    for (name, _) in damaged {
      try FileReader.rename(
        "\(path)/checkpoints/\(name)", to: "\(path)/checkpoints/\(name).damaged")
    }
    for problem in problems {
      try folder.note("passed over a damaged checkpoint: \(problem)")
      trainer.notice?("passed over a damaged checkpoint: \(problem); goes on from step \(step)")
    }
    try folder.note("resumed at step \(step)")
    if checkpoint.contents.metricsDigest == nil {
      trainer.notice?(
        "the checkpoint is of an earlier version, without digests: metrics.jsonl, metrics.csv and "
          + "run.json are taken as they are")
    }
    let record = try RunFolder.recordDigest(path)
    if record == nil { try describe(folder) }
    if let record, let written = checkpoint.contents.recordDigest, record != written {
      try describe(folder)
      trainer.notice?("run.json was changed after it was written: it is written again")
    }
  }

  /// Settings and data: what fixes the run beside its model, as checkpoints and `run.json` hold it.
  static func settings(
    _ trainer: Trainer, _ schedule: BatchSchedule, _ model: ClipModel
  ) throws -> JSONValue {
    var configuration = trainer.configuration
    configuration.templates = schedule.data.hasCaptions ? [] : schedule.templates
    return .object(
      (configuration.record(
        trainer.objective, total: schedule.total, truncates: model.truncatesTexts
      ).object ?? [])
        + [
          .init("validation", trainer.validation?.record ?? .null),
          .init("precision", .string("\(model.precision)")),
          .init("data", .string("\(schedule.data.name)/\(schedule.data.split)")),
          .init("data_digests", try schedule.data.digests().record),
        ])
  }

  /// Writes what the run is.
  private func describe(_ folder: RunFolder) throws {
    let count = optimizer.parameters.reduce(0) { $0 + $1.tensor.count }
    try folder.record(
      .object([
        .init("kind", "training"),
        .init("configuration", try Self.settings(trainer, schedule, model)),
        .init("checkpoint_activations", .bool(configuration.recomputesActivations)),
        .init("model", .string(model.origin)),
        .init("trained_tensors", .integer(Int64(optimizer.parameters.count))),
        .init("trained_weights", .integer(Int64(count))),
        .init("weights", .integer(Int64(model.parameters.elementCount))),
      ]))
    try folder.note(
      "training \(configuration.trainable.name): \(count) weights in \(optimizer.parameters.count) tensors"
    )
  }

  /// Appends the row of the step just done.
  func keep(_ row: [JSONValue.Member]) throws {
    history.append(row)
    guard let folder else { return }
    do {
      try events?.append(row)
    } catch let error as KilpiError where error.kind == .host {
      // Curves are drawn from it; the run's own files are others.
      events = nil
      trainer.notice?("\(error.problem); the run goes on without TensorBoard's file")
    }
    do {
      try folder.append(row)
    } catch let error as KilpiError where error.kind == .host {
      throw stopped(by: error, folder)
    }
  }

  func saveCheckpoint() throws {
    guard let folder else { return }
    do {
      try folder.check()
    } catch let error as KilpiError {
      throw stopped(by: error, folder)
    }
    do {
      try saveState(folder)
      hasSaved = true
    } catch let error as KilpiError where error.kind == .host && step < schedule.total {
      try? folder.note("the checkpoint of step \(step) could not be saved: \(error)")
      trainer.notice?(
        "the checkpoint of step \(step) could not be saved: \(error.problem); the run goes on")
    }
  }

  private func saveState(_ folder: RunFolder) throws {
    let checkpoint = TrainingCheckpoint(
      step: step, weights: weights, optimizer: optimizer, average: average,
      contents: folder.contents, configuration: record)
    try checkpoint.save(
      in: folder.path, keeping: configuration.keptCheckpoints, schedule: schedule)
  }

  /// Writes the trained model.
  func saveModel() throws {
    guard let folder else { return }
    do {
      try folder.check()
    } catch let error as KilpiError {
      throw stopped(by: error, folder)
    }
    try model.save(folder.path + "/model")
  }

  /// The error of a run that cannot write on.
  ///
  /// Where `resume` would find nothing, all that is in memory, rows and state, is written once more: to the
  /// same place, or beside it when anything stands there, which may be about to be removed as well.
  private func stopped(by error: KilpiError, _ folder: RunFolder) -> KilpiError {
    let what = "\(error.problem), after step \(step) of \(schedule.total)"
    if let step = resumableStep(folder) {
      return KilpiError(what, advice: Self.goesOn(step, folder.path), in: error.function)
    }
    let beside = [folder.path + ".rescued"] + (2...9).map { "\(folder.path).rescued\($0)" }
    for path in [folder.path] + beside where !FileReader.exists(path) {
      guard let new = try? RunFolder.create(path) else { continue }
      do {
        try describe(new)
        try new.note("written again after step \(step): '\(folder.path)' was removed or changed")
        for row in history { try new.append(row) }
        try saveState(new)
      } catch { continue }
      guard resumableStep(new) == step else { continue }
      let name = path == folder.path ? "it was written again" : "'\(path)' was written"
      return KilpiError(
        what,
        advice: "\(name) with all rows and the state of this step: resume = true goes on there",
        in: error.function)
    }
    return KilpiError(
      what, advice: "its state could not be written anywhere else: begin again", in: error.function)
  }

  /// How a run that was ended goes on; nil where nothing was to be kept.
  var wayOn: String? {
    guard let folder else { return nil }
    if let step = resumableStep(folder) { return Self.goesOn(step, folder.path) }
    return hasSaved
      ? "'\(folder.path)' was changed during the run and can no longer be gone on with: begin again "
        + "with another out"
      : "'\(folder.path)' holds no checkpoint yet: remove it and start again; "
        + "checkpoint_every saves on the way"
  }

  private static func goesOn(_ step: Int, _ path: String) -> String {
    "resume = true goes on from step \(step) in '\(path)'"
  }

  /// The step from which `resume` would go on now; nil when there is none.
  private func resumableStep(_ folder: RunFolder) -> Int? {
    guard (try? folder.check()) != nil else { return nil }
    guard Interrupts.isPending else {
      return try? TrainingCheckpoint.newest(in: folder.path, schedule: schedule).checkpoint?.step
    }
    // Nothing that takes time may run now: the files must be there as they were written.
    guard (try? folder.checkFiles()) != nil else { return nil }
    return try? TrainingCheckpoint.files(in: folder.path).last { $0.step <= step }?.step
  }
}
