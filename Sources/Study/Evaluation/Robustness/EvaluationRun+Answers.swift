internal import AttackPlans
internal import Attacks
internal import Datasets
internal import Files
internal import Tensors

// Functions have no weights that a record could name: their answers stand for them.

extension EvaluationRun {
  /// The logits that a function gives for up to four clean samples, spread evenly, each alone, at most 64
  /// classes of them; null for a model, whose weights are hashed.
  ///
  /// Of one that answers twice differently
  /// (it draws at random) the record says that alone.
  func functionAnswers() throws -> JSONValue {
    guard subject.weights == nil else { return .null }
    let count = min(4, data.count)
    var answers: [JSONValue.Member] = []
    for place in (0..<count).map({ $0 * data.count / count }) {
      let images = try placed(data.batch([place]).images)
      let (first, second) = (try logits(images), try logits(images))
      guard first == second else { return "random" }
      answers.append(
        .init("sample \(place + 1)", .array(first.prefix(64).map { .number($0) })))
    }
    return .object(answers)
  }

  private func logits(_ images: Tensor) throws -> [Double] {
    try named("clean") {
      try Tensor.withoutGradients { try subject.classifier(images).detached().doubles() }
    }
  }
}
