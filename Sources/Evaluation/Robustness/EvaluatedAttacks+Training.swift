internal import Attacks
public import Training

// Trainers and evaluations take the same descriptions of attacks.

extension EvaluatedImageAttack {
  /// The attack that a description stands for.
  public init(_ specification: ImageAttackSpecification) {
    self.init(
      name: specification.name, attack: specification.attack, settings: specification.settings,
      record: specification.record)
    family = specification.family
  }

  /// The description it was made of, but for its targets.
  public var specification: ImageAttackSpecification {
    var specification = ImageAttackSpecification(
      name: name, attack: attack, settings: settings)
    specification.family = family
    return specification
  }
}

extension EvaluatedTextAttack {
  /// The attack that a description stands for.
  public init(_ specification: TextAttackSpecification) {
    self.init(name: specification.name, record: specification.record) { classifier, progress in
      try specification.perturb(classifier, progress: progress)
    }
  }
}

extension EvaluatedMultimodalAttack {
  /// The attack that a description stands for.
  public init(_ specification: MultimodalSpecification) {
    self.init(
      specification.method, image: EvaluatedImageAttack(specification.image),
      text: EvaluatedTextAttack(specification.text))
    if specification.method == .independent || specification.method == .adaptive { return }
    joint = Joint(record: specification.record, imageRuns: specification.imageRuns) {
      let session = try MultimodalSession(specification, classifier: $0, progress: $1)
      return { images, labels, settings in
        try session.run(images: images, labels: labels, settings: settings)
      }
    }
  }
}
