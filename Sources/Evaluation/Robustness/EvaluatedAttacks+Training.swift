public import Training

// Trainers and evaluations take the same descriptions of attacks.

extension EvaluatedImageAttack {
  /// The attack that a description stands for.
  public init(_ specification: ImageAttackSpecification) {
    self.init(
      name: specification.name, attack: specification.attack, settings: specification.settings,
      record: specification.record)
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
