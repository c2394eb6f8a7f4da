internal import AttackPlans
internal import Attacks
internal import ClipModels
internal import Datasets
internal import Diagnostics
internal import Files
internal import Glibc
internal import Networks
internal import Processes
internal import Tensors

/// One run of a trainer: its model, optimiser, folder and position.
final class TrainingSession {
  let trainer: Trainer
  let configuration: TrainingConfiguration
  let objective: any TrainingObjective
  let processes: ProcessGroup
  let schedule: BatchSchedule
  let weights: TrainedWeights
  /// The model that the run began with.
  let original: ClipModel
  /// The storage of the trained weights without gradients: what attacks see.
  private let frozen: ClipModel
  /// The classes by the weights as they are; nil for captions.
  let classifier: ZeroShotClassifier?
  /// The classes by the model that the run began with.
  let originalClassifier: ZeroShotClassifier?
  /// A weight of the text tower is trained.
  let trainsTexts: Bool
  let optimizer: any Optimizer
  /// The running mean of the trained weights; nil for none.
  let average: WeightAverage?
  /// Everything that a resumed run must share: settings, data, the model's build.
  let record: JSONValue
  var folder: RunFolder?
  /// The rows for TensorBoard; nil without a folder, or once it could not be written.
  var events: EventFile?
  var step = 0
  /// Whether a checkpoint of this run was written or read.
  var hasSaved = false
  var history: [[JSONValue.Member]] = []
  /// The weights of the best look of this process's own steps.
  var bestModel: ClipModel?
  /// It was said that equal texts count as wrong for each other.
  private var hasNotedRepeats = false

  /// The model that is trained.
  var model: ClipModel { weights.plain }

  init(_ trainer: Trainer, model: ClipModel, data: Dataset) throws {
    self.trainer = trainer
    let configuration = trainer.configuration
    (self.configuration, objective) = (configuration, trainer.objective)
    processes = trainer.processes
    schedule = try BatchSchedule(data, configuration)
    guard configuration.batch >= processes.size else {
      throw KilpiError(
        "the batch of \(configuration.batch) cannot be split over \(processes.size) processes",
        advice: "each needs a sample: a larger batch, or fewer processes")
    }
    weights = try TrainedWeights(model, configuration.trainable, seed: configuration.seed)
    original = try model.frozen()
    frozen = try weights.plain.frozen()
    if data.classNames.isEmpty || data.hasCaptions {
      guard !objective.needsLabels else {
        throw KilpiError(
          "\(data.name) has captions, method '\(objective.name)' needs labels and class names",
          advice: "train on a set of classes, or with adversarial or mmcoa")
      }
      (classifier, originalClassifier) = (nil, nil)
    } else {
      let own = try ZeroShotClassifier(
        frozen, classNames: data.classNames, templates: schedule.templates)
      classifier = own
      originalClassifier = try own.with(model: original)
    }
    // Before the first step, not in the middle of the run.
    try model.checkCaptions(of: data)
    try classifier?.checkFit()
    weights.plain.recomputesActivations = configuration.recomputesActivations
    trainsTexts = weights.trained.contains {
      !$0.name.hasPrefix("visual.") && !$0.name.hasPrefix("lora.visual.")
        && !$0.name.hasPrefix("logit_")
    }
    optimizer = try configuration.optimizer.optimizer(weights.trained)
    let trained = weights.trained
    average = try configuration.averageDecay.map { try WeightAverage(trained, decay: $0) }
    let build = SampleID.number(
      of: (model.configuration.fitsHuggingFace
        ? model.configuration.huggingFaceJSON : model.configuration.openCLIPJSON).serialized())
    // A run without a folder cannot be gone on from.
    guard configuration.output != nil else {
      record = .null
      return
    }
    record = .object(
      (try Self.settings(trainer, schedule, model).object ?? [])
        + [.init("model_build", .string(String(build, radix: 16)))]
        // What the loss compares with must be the same model again.
        + (objective.readsOriginal || configuration.trainable.lowRank != nil
          ? [.init("original", .string(try model.weightsHash()))] : []))
  }

  func run() throws -> TrainingResult {
    if processes.isRoot {
      try openFolder()
      events = try folder.map { try EventFile($0.path, rows: history) }
    }
    try shareState()
    // Under mpirun SIGTERM is an interrupt of all processes.
    guard folder != nil, processes.size == 1 else { return try train() }
    let result = try Termination.held { try train() }
    if Termination.isRequested { throw ended }
    return result
  }

  private func train() throws -> TrainingResult {
    let resumedFrom = step
    let rows = processes.share(of: configuration.batch)
    var epoch = -1
    var order: [Int] = []
    while step < schedule.total {
      if step / schedule.stepsPerEpoch != epoch {
        epoch = step / schedule.stepsPerEpoch
        order = try schedule.order(epoch: epoch)
      }
      let row: [JSONValue.Member]
      do {
        let batch = try schedule.batch(step: step, order: order, rows: rows)
        row = try fromRoot(
          oneStep(batch, epoch: epoch) + validationColumns(step: step + 1))
      } catch let error as KilpiError where error.kind == .interrupted {
        throw interrupted(error)
      }
      step += 1
      try keep(row)
      try keepBest()
      var goesOn = true
      do {
        goesOn = try trainer.onStep?(row) ?? true
      } catch  where Interrupts.isPending {
        throw interrupted(KilpiError("interrupted", kind: .interrupted))
      }
      let loss = row.first { $0.key == "loss" }?.value.double ?? .nan
      trainer.progress?(
        ProgressEvent(
          name: objective.name, completed: step, total: schedule.total,
          note: "loss \((loss * 1000).rounded() / 1000)"))
      let every = configuration.checkpointEvery
      let isEnding = folder != nil && Termination.isRequested
      if let patience = trainer.validation?.patience,
        trainer.validation?.looksSinceBest(history) ?? 0 >= patience
      {
        goesOn = false
        try folder?.note("no better look in \(patience): the run ends at step \(step)")
      }
      if isEnding || every > 0 && step % every == 0 || step == schedule.total || !goesOn {
        try saveCheckpoint()
      }
      if !goesOn { break }
      if isEnding && step < schedule.total { throw ended }
    }
    for (_, tensor) in weights.trained { try tensor.setRequiresGradient(false) }
    try shareWeights()
    model.recomputesActivations = false
    // Not those of the model that the run began with.
    model.folder = configuration.output.map { $0 + "/model" }
    model.origin = model.folder ?? "trained (\(objective.name))"
    if processes.isRoot { try saveModel() }
    let mean = try average.map { try weights.model(of: $0.means) }
    mean?.folder = nil
    mean?.origin = "mean of " + model.origin
    return TrainingResult(
      model: model, average: mean, best: try best(), history: history, steps: step,
      resumedFrom: resumedFrom)
  }

  private func interrupted(_ error: KilpiError) -> KilpiError {
    KilpiError(
      "interrupted at step \(step) of \(schedule.total)", advice: wayOn, kind: .interrupted,
      in: error.function)
  }

  private var ended: KilpiError {
    KilpiError(
      "terminated after step \(step) of \(schedule.total)", advice: wayOn, kind: .interrupted)
  }

  /// Says once a run that `identity` makes equal texts of a batch negatives of each other.
  private func noteRepeats(_ groups: [Int]) throws {
    let repeats = groups.count - Set(groups).count
    guard objective.comparesPairs, configuration.targets == .identity, repeats > 0,
      !hasNotedRepeats, processes.isRoot
    else { return }
    hasNotedRepeats = true
    let text =
      "identity targets: \(repeats) of \(groups.count) texts in the batch of step \(step + 1) repeat "
      + "another, which counts as wrong for them (label_mean takes equal texts as matches)"
    try folder?.note(text)
    trainer.notice?(text)
  }

  // MARK: One step

  func oneStep(_ batch: TrainingBatch, epoch: Int) throws -> [JSONValue.Member] {
    let start = Clock.seconds
    try noteRepeats(batch.groups)
    let features = try StepFeatures(self, batch)
    let loss = try features.lossAndGradients()
    let gradients = loss.gradients
    let norm = try processes.rootValue(checkedNorm(gradients))
    let rate =
      configuration.optimizer.learningRate
      * configuration.schedule.factor(
        step: step, total: schedule.total,
        warmup: configuration.warmupSteps(total: schedule.total))
    try optimizer.update(
      gradients: gradients, scale: clippingFactor(norm: norm), learningRate: rate)
    if configuration.clampsScale { try clampScale() }
    try weights.settle()
    try average?.update(weights.trained)
    var row: [JSONValue.Member] = [
      .init("step", .integer(Int64(step + 1))), .init("epoch", .integer(Int64(epoch + 1))),
      .init("loss", .number(loss.value)),
    ]
    for term in loss.terms { row.append(.init("loss_" + term.name, .number(term.loss))) }
    if objective.comparesPairs {
      let floor = ContrastiveLoss.floor(
        groups: batch.groups, targets: configuration.targets, score: model.configuration.score)
      row.append(.init("floor", .number(floor)))
    }
    row += [
      .init("gradient_norm", .number(norm)), .init("lr", .number(rate)),
      .init("scale", .number(exp(try model.logitScale.item()))),
      .init("attack_seconds", .number((features.attackSeconds * 1000).rounded() / 1000)),
      .init("seconds", .number(((Clock.seconds - start) * 1000).rounded() / 1000)),
    ]
    return row
  }

  /// What an inner attack may look at.
  private func adversary(_ batch: TrainingBatch) -> AdversaryStep {
    let (frozen, processes) = (frozen, processes)
    let source = RandomSource(seed: configuration.seed)
    let step = step
    return AdversaryStep(
      model: frozen, original: original, batch: batch, classifier: classifier,
      targets: configuration.targets,
      texts: {
        try Tensor.withoutGradients {
          try processes.joined(frozen.encodeText(Array(batch.texts[batch.rows])))
        }
      },
      stream: {
        source.stream(
          .attackStart, sample: batch.sampleIDs[batch.rows.lowerBound + $0], restart: -2, step: step
        )
      })
  }

  /// Adversarial images of this process's samples.
  func attackImages(_ batch: TrainingBatch) throws -> Tensor {
    guard let attack = trainer.imageAttack else {
      throw KilpiError(
        "the method '\(objective.name)' needs an image attack", advice: "give image_attack")
    }
    return try attack(
      objective.imageTarget(adversary(batch)), batch.images, Array(batch.sampleIDs[batch.rows]),
      step
    ).detached()
  }

  /// An adversarial version of each text of the whole batch; each process attacks a part of the
  /// distinct ones.
  func attackTexts(_ batch: TrainingBatch) throws -> [String] {
    guard let attack = trainer.textAttack else {
      throw KilpiError(
        "the method '\(objective.name)' needs a text attack", advice: "give text_attack")
    }
    var places: [String: Int] = [:]
    var unique: [TrainingText] = []
    for (index, text) in batch.texts.enumerated() where places[text] == nil {
      places[text] = unique.count
      var prompt: TrainingText.Prompt?
      if let labels = batch.labels, let templates = batch.templates {
        prompt = TrainingText.Prompt(
          template: schedule.templates[templates[index]],
          className: schedule.data.classNames[labels[index]])
      }
      unique.append(TrainingText(text: text, prompt: prompt, number: UInt64(unique.count)))
    }
    let target = try objective.textTarget(adversary(batch))
    let share = processes.share(of: unique.count)
    let own =
      try share.isEmpty
      ? []
      : Tensor.withoutGradients {
        try attack(target, Array(unique[share]), step)
      }
    let attacked = try processes.joined(own)
    guard attacked.count == unique.count else {
      throw KilpiError("the text attack gave \(attacked.count) texts for \(unique.count)")
    }
    return batch.texts.map { attacked[places[$0] ?? 0] }
  }

  // MARK: Gradients and weights

  func notFinite(_ what: String) -> KilpiError {
    // Before the first update no learning rate can be the cause.
    let weights = model.parameters.entries.first { parameter in
      (try? parameter.tensor.sumOfSquares().isFinite) == false
    }
    let cause = weights.map { "'\($0.name)' of the model is not finite: check its weights" }
    return KilpiError(
      "\(what) at step \(step + 1)",
      advice: cause ?? "lower the learning rate; the weights are those of the step before")
  }

  private func checkedNorm(_ gradients: [Tensor]) throws -> Double {
    var total = 0.0
    for (gradient, (name, _)) in zip(gradients, optimizer.parameters) {
      let square = try gradient.sumOfSquares()
      guard square.isFinite else { throw notFinite("the gradient of '\(name)' is not finite") }
      total += square
    }
    return total.squareRoot()
  }

  private func clippingFactor(norm: Double) -> Double {
    guard let limit = configuration.clipNorm, norm > limit, norm > 0 else { return 1 }
    return limit / norm
  }

  /// CLIP's bound on the scale; SigLIP has none, and its published scale lies above it.
  private func clampScale() throws {
    guard model.configuration.score == .softmax else { return }
    let scale = model.logitScale
    let value = try scale.item()
    let bounded = min(max(value, 0), log(100))
    if bounded != value {
      try Tensor.withoutGradients { try scale.assign(Tensor.scalar(bounded, scale.dtype)) }
    }
  }

  // MARK: Files

  /// Brings every process to the state of the first, which alone reads and writes the run's folder.
  private func shareState() throws {
    guard processes.size > 1 else { return }
    step = try Int(checked: processes.rootValue(Double(step)), "the root's step")
    try shareWeights()
    guard step > 0 else { return }
    let rows = JSONValue.array(history.map { .object($0) }).serialized()
    history =
      try JSONValue.parse(
        processes.fromRoot(Array(rows.utf8)), limits: JSONLimits(bytes: 1 << 30)
      ).array?.compactMap(\.object) ?? []
    func shared(_ moments: [String: Tensor]) throws -> [String: Tensor] {
      var result: [String: Tensor] = [:]
      for (name, _) in optimizer.parameters {
        if let tensor = moments[name] { result[name] = try processes.rootValues(tensor) }
      }
      return result
    }
    var state: [String: [String: Tensor]] = [:]
    for (slot, moments) in optimizer.state.sorted(by: { $0.key < $1.key }) {
      state[slot] = try shared(moments)
    }
    try optimizer.restore(step: step, state: state)
    if let average { try average.restore(shared(average.means)) }
  }

  /// The first process's weights, on all of them.
  private func shareWeights() throws {
    guard processes.size > 1 else { return }
    try Tensor.withoutGradients {
      let extra = weights.trained.filter { model.parameters[$0.name] == nil }
      for (_, tensor) in model.parameters.entries + extra {
        try tensor.assign(processes.rootValues(tensor.detached()))
      }
    }
  }

  /// The first process's row: times differ between the processes, and scripts decide by rows.
  private func fromRoot(_ row: [JSONValue.Member]) throws -> [JSONValue.Member] {
    guard processes.size > 1 else { return row }
    let bytes = try processes.fromRoot(Array(JSONValue.object(row).serialized().utf8))
    return try JSONValue.parse(bytes).object ?? row
  }
}
