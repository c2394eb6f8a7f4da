package import ClipModels
package import Datasets
package import Diagnostics
package import Files
internal import Glibc
internal import Networks
package import Processes
package import Tensors

/// What a trainer asks of an image attack: adversarial images for a step's batch.
///
/// What is attacked is frozen: its weights record no gradient, so none can leak into the update.
package typealias ImageAttacker = (
  _ target: AdversaryTarget, _ images: Tensor, _ sampleIDs: [UInt64], _ step: Int
) throws -> Tensor

/// What a trainer asks of a text attack: an adversarial version of each distinct text.
package typealias TextAttacker = (
  _ target: TextAdversaryTarget, _ texts: [TrainingText], _ step: Int
) throws -> [String]

/// A text to attack, with its class where it is a class prompt.
package struct TrainingText: Hashable, Sendable {
  package var text: String
  /// Template and class name of a class prompt.
  package var prompt: Prompt?
  /// Its place among the distinct texts of its batch: what random draws for it are keyed by.
  package var number: UInt64

  /// Where a class prompt came from.
  package struct Prompt: Hashable, Sendable {
    package var template: String
    /// The class name put into it.
    package var className: String
  }
}

/// What a run gives back.
package struct TrainingResult {
  /// The trained model; the one passed in stays as it was.
  package var model: ClipModel
  /// The running mean of its weights; nil where none was asked for.
  package var average: ClipModel?
  /// The model of the best look, its step and share; nil without validation.
  package var best: (model: ClipModel, step: Int, value: Double)?
  /// One row a step, from the first step on, also of a run that was resumed.
  package var history: [[JSONValue.Member]]
  /// Steps done in all.
  package var steps: Int
  /// Step the run was continued from; 0 for a new run.
  package var resumedFrom: Int
}

/// Training of a CLIP by one of the methods of `TrainingObjectives`.
///
/// Definitions: docs/methods/training.md, section 5.
package struct Trainer {
  /// The method: its loss, and what its attacks increase.
  package var objective: any TrainingObjective
  /// How to train.
  package var configuration: TrainingConfiguration
  /// Makes adversarial images; needed by methods that attack images.
  package var imageAttack: ImageAttacker?
  /// Makes adversarial texts; needed by methods that attack texts.
  package var textAttack: TextAttacker?
  /// Looks at held-out data on the way; nil: none.
  package var validation: Validation?
  /// Receives progress.
  package var progress: ProgressHandler?
  /// Who shares the work; this process alone unless told otherwise.
  package var processes = ProcessGroup()
  /// Told what a person must know of the run's files, such as a damaged checkpoint.
  package var notice: ((String) -> Void)?
  /// Called after each step with its row; false ends the run there, as if it had been planned so long, and
  /// throwing stops it.
  package var onStep: (([JSONValue.Member]) throws -> Bool)?

  package init(_ objective: any TrainingObjective, _ configuration: TrainingConfiguration) {
    (self.objective, self.configuration) = (objective, configuration)
  }

  /// Trains a copy of `model` on `data`.
  ///
  /// One step, in this order: batch, image attack and text attack on frozen weights, one forward over
  /// clean and adversarial inputs, loss, gradients of the trained weights, clipping, update, clamp.
  ///
  /// Several processes give the run of one, up to rounding: each attacks and encodes its share of a
  /// batch, the features are joined so that the loss is that of the whole batch, and gradients are
  /// summed. All call this with the same arguments and get the same result; the first alone writes.
  ///
  /// - Throws: `KilpiError` when data and configuration do not fit, when the loss or a gradient is not
  ///   finite (before the update), when the run's folder cannot be written, and on interrupt; the
  ///   last checkpoint stays. A run with a folder that is asked to end (SIGTERM) finishes its step,
  ///   saves it and throws.
  package func run(_ model: ClipModel, data: Dataset) throws -> TrainingResult {
    try check(data)
    return try processes.together(processes.size > 1 ? fingerprint(model, data) : "") {
      try TrainingSession(self, model: model, data: data).run()
    }
  }

  /// What all processes must have in common, as a few digits.
  private func fingerprint(_ model: ClipModel, _ data: Dataset) throws -> String {
    let settings = configuration.record(
      objective, total: configuration.steps ?? 0, truncates: model.truncatesTexts
    ).serialized()
    let parts = [
      settings, String(configuration.epochs), try data.fingerprint,
      String(model.parameters.elementCount),
    ]
    return "train " + String(SampleID.number(of: parts.joined(separator: "\n")), radix: 16)
  }

  private func check(_ data: Dataset) throws {
    if objective.attacksImages && imageAttack == nil {
      throw KilpiError("the method '\(objective.name)' needs an image attack")
    }
    try validation?.check(data)
    if objective.attacksTexts && textAttack == nil {
      throw KilpiError("the method '\(objective.name)' needs a text attack")
    }
    guard configuration.optimizer.learningRate > 0, configuration.optimizer.learningRate.isFinite
    else {
      throw KilpiError("the learning rate is \(configuration.optimizer.learningRate)")
    }
  }
}
