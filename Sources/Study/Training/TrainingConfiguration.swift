internal import Diagnostics
public import Files
public import Networks

/// How a run trains.
public enum TrainingMethod: String, Sendable, CaseIterable {
  /// Plain contrastive training: `Φ(s·I·Tᵀ)`.
  case contrastive
  /// The same loss as a fine-tuning baseline.
  case clean
  /// Adversarial images against clean texts and clean images against adversarial texts
  /// (arXiv:2404.19287): `w_img·2Φ(s·I'·Tᵀ) + w_txt·2Φ(s·I·T'ᵀ)`.
  case mmcoa
  /// The image term of `mmcoa` alone.
  case imageOnly = "image-only"
  /// The text term of `mmcoa` alone.
  case textOnly = "text-only"

  /// True when the method attacks images.
  public var attacksImages: Bool { self == .mmcoa || self == .imageOnly }
  /// True when the method attacks texts.
  public var attacksTexts: Bool { self == .mmcoa || self == .textOnly }
}

/// Which weights a run trains.
public enum TrainableSelection: Equatable, Sendable {
  /// All of them.
  case both
  /// The image tower with its projection.
  case visual
  /// The text tower with its projection, and the scale.
  case text
  /// The last blocks of both towers, their final norms and projections.
  case lastBlocks(Int)
  /// Biases and norms.
  case biasNorm

  /// Its name in records.
  public var name: String {
    switch self {
    case .both: return "both"
    case .visual: return "visual"
    case .text: return "text"
    case .lastBlocks(let count): return "last_blocks=\(count)"
    case .biasNorm: return "bias_norm"
    }
  }

  /// True when the weight `name` is trained; `layers` are the blocks of the two towers.
  func includes(_ name: String, layers: (vision: Int, text: Int)) -> Bool {
    let isVision = name.hasPrefix("visual.")
    switch self {
    case .both: return true
    case .visual: return isVision
    case .text: return !isVision
    case .biasNorm:
      return name.hasSuffix("bias")
        || ["ln_", ".ln.", ".bn", ".downsample.1."].contains { name.contains($0) }
    case .lastBlocks(let count):
      let parts = name.split(separator: ".")
      if let place = parts.firstIndex(of: "resblocks"), place + 1 < parts.count,
        let block = Int(parts[place + 1])
      {
        return block >= (isVision ? layers.vision : layers.text) - count
      }
      // The stages of a residual network count as its blocks.
      if isVision, parts.count > 1, parts[1].hasPrefix("layer"),
        let stage = Int(parts[1].dropFirst(5))
      {
        return stage > layers.vision - count
      }
      return [
        "visual.ln_post", "visual.proj", "visual.attn", "ln_final", "text_projection",
      ].contains {
        name.hasPrefix($0)
      }
    }
  }
}

/// Weights of the four possible terms of the loss.
public struct TermWeights: Equatable, Sendable {
  /// Of `2Φ(s·I'·Tᵀ)`.
  public var image = 0.5
  /// Of `2Φ(s·I·T'ᵀ)`.
  public var text = 0.5
  /// Of `2Φ(s·I·Tᵀ)`; not part of the published method.
  public var clean = 0.0
  /// Of `2Φ(s·I'·T'ᵀ)`; not part of the published method.
  public var bothAdversarial = 0.0

  /// The published weights.
  public init() {}
}

/// The optimiser of a run.
public struct OptimizerConfiguration: Equatable, Sendable {
  /// Peak learning rate.
  public var learningRate = 1e-5
  /// Decay rates of the moments.
  public var betas = (0.9, 0.98)
  /// Added to the root of the second moment.
  public var epsilon = 1e-6
  /// Decoupled weight decay, on weights with two axes and more.
  public var weightDecay = 1e-4

  /// The defaults of docs/methods/training.md, section 5.4.
  public init() {}

  /// Equal in every field.
  public static func == (a: OptimizerConfiguration, b: OptimizerConfiguration) -> Bool {
    a.learningRate == b.learningRate && a.betas == b.betas && a.epsilon == b.epsilon
      && a.weightDecay == b.weightDecay
  }
}

/// Everything that fixes a training run, but for model, data and attacks.
public struct TrainingConfiguration: Sendable {
  /// How it trains.
  public var method = TrainingMethod.contrastive
  /// Updates; wins over `epochs`.
  public var steps: Int?
  /// Passes over the data.
  public var epochs = 1
  /// Pairs a step.
  public var batch = 128
  /// The optimiser.
  public var optimizer = OptimizerConfiguration()
  /// Learning rate over the steps.
  public var schedule = LearningRateSchedule.cosine
  /// Steps of linear rise; a share of all steps below 1.
  public var warmup = 0.05
  /// Which weights are trained.
  public var trainable = TrainableSelection.both
  /// Weights of the loss's terms.
  public var weights = TermWeights()
  /// Which pairs match.
  public var targets = ContrastiveTargets.labelMean
  /// Largest Euclidean norm of the gradient; nil: not clipped.
  public var clipNorm: Double? = 1.0
  /// Keeps `logit_scale` within `0 … ln 100` after each step.
  public var clampsScale = true
  /// Templates of class prompts; one is drawn per sample and epoch when there are several.
  public var templates: [String] = []
  /// Parts in which a batch is encoded; the loss stays that of the whole batch.
  public var accumulate = 1
  /// Blocks keep their input alone and compute the rest again for gradients.
  public var recomputesActivations = false
  /// Root of all random numbers.
  public var seed: UInt64 = 0
  /// The run's folder; nil: nothing is written.
  public var output: String?
  /// Steps between checkpoints; 0: at the end only.
  public var checkpointEvery = 0
  /// How many of the newest checkpoints stay; nil: all.
  public var keptCheckpoints: Int? = 2
  /// Continue the run in `output`.
  public var resumes = false
  /// Descriptions of the attacks, for the record.
  public var attackRecords: [JSONValue.Member] = []

  /// The defaults.
  public init() {}

  /// Steps of warm-up for a run of `total` steps.
  func warmupSteps(total: Int) -> Int {
    warmup < 1 ? Int(clamped: (warmup * Double(total)).rounded()) : Int(clamped: warmup)
  }

  /// The fields that a resumed run must share, in the form of `run.json`.
  ///
  /// - Parameter truncates: whether long texts are cut.
  func record(total: Int, truncates: Bool = false) -> JSONValue {
    .object(
      [
        .init("method", .string(method.rawValue)), .init("steps", .integer(Int64(total))),
        .init("batch", .integer(Int64(batch))),
        .init("accumulate", .integer(Int64(accumulate))),
        .init(
          "optimizer",
          .object([
            .init("name", "adamw"), .init("lr", .number(optimizer.learningRate)),
            .init("betas", [.number(optimizer.betas.0), .number(optimizer.betas.1)]),
            .init("eps", .number(optimizer.epsilon)),
            .init("weight_decay", .number(optimizer.weightDecay)),
          ])),
        .init("schedule", .string(schedule.rawValue)),
        .init("warmup", .integer(Int64(warmupSteps(total: total)))),
        .init("train", .string(trainable.name)),
        .init(
          "weights",
          .object([
            .init("image", .number(weights.image)), .init("text", .number(weights.text)),
            .init("clean", .number(weights.clean)),
            .init("advadv", .number(weights.bothAdversarial)),
          ])),
        .init("targets", .string(targets.rawValue)),
        .init("clip_norm", clipNorm.map { .number($0) } ?? .null),
        .init("clamp_scale", .bool(clampsScale)),
        .init("templates", .array(templates.map { .string($0) })),
        .init("truncate", .bool(truncates)),
        .init("seed", .integer(Int64(bitPattern: seed))), .init("attacks", .object(attackRecords)),
      ])
  }
}
