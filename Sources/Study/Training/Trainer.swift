public import Attacks
public import ClipModels
public import Datasets
public import Diagnostics
public import Files
internal import Glibc
internal import Networks
public import Processes
public import Tensors

/// What a trainer asks of an image attack: adversarial images for a step's batch.
///
/// The classifier is frozen: its weights record no gradient, so none can leak into the update.
public typealias ImageAttacker = (
  _ classifier: Classifier, _ images: Tensor, _ labels: Tensor,
  _ sampleIDs: [UInt64], _ step: Int
) throws -> Tensor

/// What a trainer asks of a text attack: an adversarial version of each distinct text.
public typealias TextAttacker = (
  _ encoder: @escaping ([String]) throws -> Tensor, _ texts: [TrainingText], _ step: Int
) throws -> [String]

/// A text to attack, with its class where it is a class prompt.
public struct TrainingText: Hashable, Sendable {
  /// The text.
  public var text: String
  /// Template and class name of a class prompt.
  public var prompt: Prompt?
  /// Its place among the distinct texts of its batch: what random draws for it are keyed by.
  public var number: UInt64

  /// Where a class prompt came from.
  public struct Prompt: Hashable, Sendable {
    /// The template.
    public var template: String
    /// The class name put into it.
    public var className: String
  }
}

/// What a run gives back.
public struct TrainingResult {
  /// The trained model; the one passed in stays as it was.
  public var model: ClipModel
  /// One row a step, from the first step on, also of a run that was resumed.
  public var history: [[JSONValue.Member]]
  /// Steps done in all.
  public var steps: Int
  /// Step the run was continued from; 0 for a new run.
  public var resumedFrom: Int
}

/// Contrastive and adversarial contrastive training of a CLIP.
///
/// Definitions: docs/methods/training.md, section 5.
public struct Trainer {
  /// How to train.
  public var configuration: TrainingConfiguration
  /// Makes adversarial images; needed by methods that attack images.
  public var imageAttack: ImageAttacker?
  /// Makes adversarial texts; needed by methods that attack texts.
  public var textAttack: TextAttacker?
  /// Receives progress.
  public var progress: ProgressHandler?
  /// Who shares the work; this process alone unless told otherwise.
  public var processes = ProcessGroup()
  /// Told what a person must know of the run's files, such as a damaged checkpoint.
  public var notice: ((String) -> Void)?
  /// Called after each step with its row; throwing stops the run.
  public var onStep: (([JSONValue.Member]) throws -> Void)?

  /// Creates a trainer.
  public init(_ configuration: TrainingConfiguration) { self.configuration = configuration }

  /// Trains a copy of `model` on `data`.
  ///
  /// One step, in this order: batch, image attack and text attack on frozen weights, one forward over
  /// clean and adversarial inputs, loss, gradients of the trained weights, clipping, AdamW, clamp.
  ///
  /// Several processes give the run of one, up to rounding: each attacks and encodes its share of a
  /// batch, the features are joined so that the loss is that of the whole batch, and gradients are
  /// summed. All call this with the same arguments and get the same result; the first alone writes.
  ///
  /// - Throws: `KilpiError` when data and configuration do not fit, when the loss or a gradient is not
  ///   finite (before the update), when the run's folder cannot be written, and on interrupt; the
  ///   last checkpoint stays. A run with a folder that is asked to end (SIGTERM) finishes its step,
  ///   saves it and throws.
  public func run(_ model: ClipModel, data: Dataset) throws -> TrainingResult {
    try check(data)
    return try processes.together(processes.size > 1 ? fingerprint(model, data) : "") {
      try TrainingSession(self, model: model, data: data).run()
    }
  }

  /// What all processes must have in common, as a few digits.
  private func fingerprint(_ model: ClipModel, _ data: Dataset) throws -> String {
    let settings = configuration.record(
      total: configuration.steps ?? 0, truncates: model.truncatesTexts
    ).serialized()
    let parts = [
      settings, String(configuration.epochs), try data.fingerprint,
      String(model.parameters.elementCount),
    ]
    return "train " + String(SampleID.number(of: parts.joined(separator: "\n")), radix: 16)
  }

  private func check(_ data: Dataset) throws {
    if configuration.method.attacksImages && imageAttack == nil {
      throw KilpiError("the method '\(configuration.method.rawValue)' needs an image attack")
    }
    if configuration.method.attacksTexts && textAttack == nil {
      throw KilpiError("the method '\(configuration.method.rawValue)' needs a text attack")
    }
    guard configuration.optimizer.learningRate > 0, configuration.optimizer.learningRate.isFinite
    else {
      throw KilpiError("the learning rate is \(configuration.optimizer.learningRate)")
    }
  }
}
