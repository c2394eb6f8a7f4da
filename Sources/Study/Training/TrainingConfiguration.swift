internal import AttackPlans
package import Attacks
internal import Diagnostics
package import Files
package import Networks
internal import Tensors

/// How a run trains.
package enum TrainingMethod: String, Sendable, CaseIterable {
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
  package var attacksImages: Bool { self == .mmcoa || self == .imageOnly }
  /// True when the method attacks texts.
  package var attacksTexts: Bool { self == .mmcoa || self == .textOnly }
}

/// Which weights a run trains.
package enum TrainableSelection: Equatable, Sendable {
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
  package var name: String {
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
package struct TermWeights: Equatable, Sendable {
  /// Of `2Φ(s·I'·Tᵀ)`.
  package var image = 0.5
  /// Of `2Φ(s·I·T'ᵀ)`.
  package var text = 0.5
  /// Of `2Φ(s·I·Tᵀ)`; not part of the published method.
  package var clean = 0.0
  /// Of `2Φ(s·I'·T'ᵀ)`; not part of the published method.
  package var bothAdversarial = 0.0

  /// The published weights.
  package init() {}
}

extension TermWeights: Parameterized {
  /// All of them.
  package static var parameters: [Parameter<TermWeights>] {
    [
      Parameter("image", \.image, .finite, "of the term with adversarial images"),
      Parameter("text", \.text, .finite, "of the term with adversarial texts"),
      Parameter("clean", \.clean, .finite, "of a clean term; not in the published method"),
      Parameter(
        "advadv", \.bothAdversarial, .finite,
        "of a term with both adversarial; not in the published method"),
    ]
  }
}

/// The optimiser of a run.
package struct OptimizerConfiguration: Equatable, Sendable {
  /// Peak learning rate.
  package var learningRate = 1e-5
  /// Decay rates of the two moments.
  package var betas = [0.9, 0.98]
  /// Added to the root of the second moment.
  package var epsilon = 1e-6
  /// Decoupled weight decay, on weights with two axes and more.
  package var weightDecay = 1e-4

  /// The defaults of docs/methods/training.md, section 5.4.
  package init() {}

  /// AdamW of some tensors.
  ///
  /// - Throws: `KilpiError` when `betas` are not two numbers from 0 to below 1.
  func adamW(_ trained: [(name: String, tensor: Tensor)]) throws -> AdamW {
    guard betas.count == 2, betas.allSatisfy({ (0..<1).contains($0) }) else {
      throw KilpiError(
        "betas are \(betas), two numbers from 0 to below 1 are needed",
        advice: "such as 0.9 and 0.98")
    }
    return try AdamW(
      trained, betas: (betas[0], betas[1]), epsilon: epsilon, weightDecay: weightDecay)
  }
}

extension OptimizerConfiguration: Parameterized {
  /// All of them, in the order of records.
  package static var parameters: [Parameter<OptimizerConfiguration>] {
    [
      Parameter("lr", \.learningRate, .within(0...10), "peak learning rate"),
      Parameter("betas", \.betas, "decay rates of the moments"),
      Parameter(
        "eps", \.epsilon, .within(0...1), "added to the root of the second moment"),
      Parameter(
        "weight_decay", \.weightDecay, .within(0...10),
        "per unit of learning rate; not on norms, biases, scale"),
    ]
  }
}

/// Everything that fixes a training run, but for model, data and attacks.
package struct TrainingConfiguration: Sendable {
  /// How it trains.
  package var method = TrainingMethod.contrastive
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
  /// Weights of the loss's terms.
  package var weights = TermWeights()
  /// Which pairs match.
  package var targets = ContrastiveTargets.labelMean
  /// Largest Euclidean norm of the gradient; nil: not clipped.
  package var clipNorm: Double? = 1.0
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
  func warmupSteps(total: Int) -> Int {
    warmup < 1 ? Int(clamped: (warmup * Double(total)).rounded()) : Int(clamped: warmup)
  }

  /// The fields that a resumed run must share, in the form of `run.json`.
  ///
  /// - Parameter truncates: whether long texts are cut.
  func record(total: Int, truncates: Bool = false) -> JSONValue {
    .object(
      [.init("method", .string(method.rawValue)), .init("steps", .integer(Int64(total)))]
        + recordedParameters + [
          .init("optimizer", .object([.init("name", "adamw")] + optimizer.recordedParameters)),
          .init("warmup", .integer(Int64(warmupSteps(total: total)))),
          .init("train", .string(trainable.name)),
          .init("weights", .object(weights.recordedParameters)),
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
