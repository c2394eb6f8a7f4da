package import Attacks
package import ClipModels

extension Classifier {
  /// A zero-shot classifier under attack: gradients flow to the images alone.
  package init(_ classifier: ZeroShotClassifier) throws {
    try self.init(frozen: classifier.with(model: classifier.model.frozen()))
  }

  /// A zero-shot classifier whose weights record no gradient, with the features of its prompts.
  ///
  /// Steps have the model's precision, verdicts are float32.
  package init(frozen classifier: ZeroShotClassifier) throws {
    let judge = try classifier.judge()
    if judge === classifier {
      self.init { try classifier.stepLogits($0) }
    } else {
      self.init(step: { try classifier.stepLogits($0) }, judge: { try judge.stepLogits($0) })
    }
  }
}
