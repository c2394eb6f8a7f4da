internal import AttackPlans
package import Attacks
internal import Diagnostics
package import Files
package import Networks
internal import Tensors

/// The optimiser of a run.
package struct OptimizerConfiguration: Equatable, Sendable {
  /// Which one.
  package enum Kind: String, Sendable, CaseIterable {
    /// Adam with decoupled decay.
    case adamW = "adamw"
    /// Adam without decay but what is asked for, coupled.
    case adam
    /// Adam with coupled decay on all weights.
    case coupledAdam = "adam_l2"
    /// Gradient descent with momentum.
    case sgd
  }

  /// Which one.
  package var kind = Kind.adamW
  /// Peak learning rate.
  package var learningRate = 1e-5
  /// Decay rates of the two moments.
  package var betas = [0.9, 0.98]
  /// Added to the root of the second moment.
  package var epsilon = 1e-6
  /// Weight of the gradients before.
  package var momentum = 0.9
  /// Weight decay, on weights with two axes and more.
  package var weightDecay = 1e-4
  /// The decay takes in weights of one axis or none, too.
  package var decaysAll = false

  /// The defaults of docs/methods/training.md, section 5.4.
  package init() {}

  /// Gradient descent with momentum 0.9 and no decay.
  static func sgd(rate: Double) -> OptimizerConfiguration {
    var made = OptimizerConfiguration()
    (made.kind, made.learningRate, made.weightDecay) = (.sgd, rate, 0)
    return made
  }

  /// The optimiser of some tensors.
  ///
  /// - Throws: `KilpiError` when `betas` are not two numbers from 0 to below 1.
  func optimizer(_ trained: [(name: String, tensor: Tensor)]) throws -> any Optimizer {
    if kind == .sgd {
      return try MomentumSGD(trained, momentum: momentum, weightDecay: weightDecay)
    }
    guard betas.count == 2, betas.allSatisfy({ (0..<1).contains($0) }) else {
      throw KilpiError(
        "betas are \(betas), two numbers from 0 to below 1 are needed",
        advice: "such as 0.9 and 0.98")
    }
    return try AdamW(
      trained, betas: (betas[0], betas[1]), epsilon: epsilon, weightDecay: weightDecay,
      isCoupled: kind != .adamW, decaysAll: decaysAll || kind == .coupledAdam)
  }
}

extension OptimizerConfiguration: Parameterized {
  /// All of them, in the order of records.
  package static var parameters: [Parameter<OptimizerConfiguration>] {
    let isAdam = { (own: OptimizerConfiguration) in own.kind != .sgd }
    return [
      Parameter(
        "name", \.kind,
        "adamw: decoupled decay; adam: coupled; adam_l2: coupled, on all weights; sgd: with momentum"
      ),
      Parameter("lr", \.learningRate, .within(0...10), "peak learning rate"),
      Parameter("betas", \.betas, "decay rates of Adam's moments").recorded(isAdam),
      Parameter(
        "eps", \.epsilon, .within(0...1), "added to the root of Adam's second moment"
      ).recorded(isAdam),
      Parameter(
        "momentum", \.momentum, .within(0...1), "weight of the gradients before, of sgd"
      ).recorded { !isAdam($0) },
      Parameter(
        "weight_decay", \.weightDecay, .within(0...10),
        "per unit of learning rate; not on norms, biases, scale"),
      Parameter(
        "decay_all", \.decaysAll, "the decay takes in norms, biases and the scale, too"
      ).recorded(\.decaysAll),
    ]
  }
}

/// Everything that fixes a training run, but for model, data and attacks.
package struct TrainingConfiguration: Sendable {
  /// Updates; wins over `epochs`.
  package var steps: Int?
  /// Passes over the data.
  package var epochs = 1
  /// Pairs a step.
  package var batch = 128
  /// The optimiser.
  package var optimizer = OptimizerConfiguration()
  /// Learning rate over the steps.
  package var schedule = LearningRateSchedule.cosine
  /// Steps of linear rise; a share of all steps below 1.
  package var warmup = 0.05
  /// Which weights are trained.
  package var trainable = TrainableSelection.both
  /// Which pairs match.
  package var targets = ContrastiveTargets.labelMean
  /// Largest Euclidean norm of the gradient; nil: not clipped.
  package var clipNorm: Double? = 1.0
  /// Share that the running mean of the weights keeps at each step; nil: there is none.
  package var averageDecay: Double?
  /// Keeps `logit_scale` within `0 … ln 100` after each step.
  package var clampsScale = true
  /// Templates of class prompts; one is drawn per sample and epoch when there are several.
  package var templates: [String] = []
  /// Parts in which a batch is encoded; the loss stays that of the whole batch.
  package var accumulate = 1
  /// Blocks keep their input alone and compute the rest again for gradients.
  package var recomputesActivations = false
  /// Root of all random numbers.
  package var seed: UInt64 = 0
  /// The run's folder; nil: nothing is written.
  package var output: String?
  /// Steps between checkpoints; 0: at the end only.
  package var checkpointEvery = 0
  /// How many of the newest checkpoints stay; nil: all.
  package var keptCheckpoints: Int? = 2
  /// Continue the run in `output`.
  package var resumes = false
  /// Descriptions of the attacks, for the record.
  package var attackRecords: [JSONValue.Member] = []

  package init() {}

  /// Steps of warm-up for a run of `total` steps.
  package func warmupSteps(total: Int) -> Int {
    warmup < 1 ? Int(clamped: (warmup * Double(total)).rounded()) : Int(clamped: warmup)
  }

  /// The fields that a resumed run must share, in the form of `run.json`.
  ///
  /// - Parameters:
  ///   - objective: the method.
  ///   - truncates: whether long texts are cut.
  func record(
    _ objective: any TrainingObjective, total: Int, truncates: Bool = false
  ) -> JSONValue {
    .object(
      [.init("method", .string(objective.name)), .init("steps", .integer(Int64(total)))]
        + objective.record + recordedParameters + [
          .init("optimizer", .object(optimizer.recordedParameters)),
          .init("warmup", .integer(Int64(warmupSteps(total: total)))),
          .init("train", .string(trainable.name)),
          .init("truncate", .bool(truncates)),
          .init("seed", .integer(Int64(bitPattern: seed))),
          .init("attacks", .object(attackRecords)),
        ])
  }
}

extension TrainingConfiguration: Parameterized {
  /// Its plain values; what is unrecorded leaves the weights as they are, or is recorded as steps.
  package static var parameters: [Parameter<TrainingConfiguration>] {
    [
      Parameter("epochs", \.epochs, 1...100_000, "passes over the data").unrecorded(),
      Parameter("steps", \.steps, 1...100_000_000, "updates; wins over epochs", absent: nil)
        .unrecorded(),
      Parameter("batch", \.batch, 2...65536, "pairs a step"),
      Parameter("schedule", \.schedule, "learning rate after the warm-up"),
      Parameter(
        "warmup", \.warmup, .within(0...1e9),
        "steps of linear rise, or a share of all steps below 1"
      ).unrecorded(),
      Parameter(
        "targets", \.targets,
        "which pairs of a batch match (docs/methods/training.md, section 5.2); for the MMCoA family "
          + "label when not given"),
      Parameter(
        "templates", \.templates,
        "class prompts with {c}; those of the data set when not given"),
      Parameter(
        "clip_norm", .number(.within(0...1e9)),
        "largest Euclidean norm of the gradient; 0: not clipped",
        get: { $0.clipNorm.map { .number($0) } },
        set: { configuration, value in
          if case .number(let limit) = value { configuration.clipNorm = limit > 0 ? limit : nil }
        }),
      Parameter(
        "ema", \.averageDecay, .within(0...1),
        "share that the running mean of the weights keeps at each step; the mean is result.average",
        absent: "none"
      ).recorded { $0.averageDecay != nil },
      Parameter(
        "accumulate", \.accumulate, 1...65536,
        "parts of equal size in which a batch is encoded, for less memory; exact: the loss is the "
          + "whole batch's; attacks take the whole batch"),
      Parameter(
        "checkpoint_activations", \.recomputesActivations,
        "blocks keep their input alone and compute the rest again for gradients, for less memory"
      ).unrecorded(),
      Parameter("clamp_scale", \.clampsScale, "keep the logit scale within 1 … 100"),
      Parameter(
        "checkpoint_every", \.checkpointEvery, 0...100_000_000,
        "steps between checkpoints; 0: at the end"
      ).unrecorded(),
    ]
  }
}
