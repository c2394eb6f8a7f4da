package import Tensors

/// What happened at every step of an attack, by visit (restarts one after another) and sample; NaN
/// where a sample was not evaluated.
package struct AttackTrace: Sendable {
  /// Loss, `[visit][sample]`.
  package var loss: [[Double]] = []
  /// How far beyond the boundary, `[visit][sample]`; empty for attacks without labels.
  package var margin: [[Double]] = []
}

/// What one stage of an ensemble did.
package struct AttackStage: Equatable, Sendable {
  /// Its name, such as `apgd-t`.
  package var name: String
  /// Samples that were left for it.
  package var attacked: Int
  /// Samples of these that it broke.
  package var broken: Int
}

/// What an attack did, one entry a sample.
///
/// Verdicts come from evaluating each result again, alone. With `Judging.none`, and for attacks
/// without labels, `isJudged` is false and the arrays of verdicts are empty.
package struct AttackReport: Sendable {
  /// The attack's short name, such as `pgd`.
  package var attack = ""
  /// What it was allowed to change.
  package var budget: Budget
  /// Root of its random draws.
  package var seed: UInt64 = 0
  /// The samples' numbers.
  package var sampleIDs: [UInt64] = []
  /// True when the verdicts below were computed.
  package var isJudged = false
  /// The criterion is met by the returned image: its class differs from the label, or is the target.
  package var success: [Bool] = []
  /// The clean image is classified as its label.
  package var cleanCorrect: [Bool] = []
  /// True classes, 0-based.
  package var labels: [Int] = []
  /// Top class of the clean image, 0-based.
  package var cleanPrediction: [Int] = []
  /// Top class of the returned image, 0-based.
  package var prediction: [Int] = []
  /// The targets of a targeted attack, 0-based.
  package var targets: [Int]?
  /// Positions of samples whose target is their own label: they were not attacked.
  package var leftOut: [Int] = []
  /// How far the returned image is beyond the boundary: positive where the criterion is met.
  package var margin: [Double] = []
  /// The attack's loss at the returned image (the judging classifier's); NaN where not evaluated.
  package var loss: [Double] = []
  /// Distances between clean and returned images, in float64.
  package var distance: Distances
  /// How much the returned images look like the clean ones; empty where nobody reads verdicts.
  package var quality = ImageQuality()
  /// Minimum-norm attacks: distance of the nearest image that meets the criterion, in the budget's norm.
  ///
  /// 0 where the clean image does, infinite where none was found; nil for other attacks.
  package var nearest: [Double]?
  /// Ensembles: what each stage did, in order; empty for other attacks.
  package var stages: [AttackStage] = []
  /// Images that the models were given for each sample, clean passes, probes and verdicts included.
  package var forwards: [Int] = []
  /// Gradients that were taken for each sample.
  package var backwards: [Int] = []
  /// Signs of masked gradients.
  package var flags: [AttackFlag] = []
  /// Wall-clock time of the call.
  package var seconds = 0.0
  /// Every step, when asked for.
  package var trace: AttackTrace?

  /// The returned image is classified as the target of a targeted attack; nil for other attacks.
  package var targetHit: [Bool]? { targets == nil ? nil : success }
  /// Share of hits among the samples that were attacked for a target; nil when there are none.
  package var targetHitRate: Double? {
    targetHit.flatMap { Self.share($0, leavingOut: leftOut) }
  }

  /// The class of the returned image is the label, whatever the attack was for.
  ///
  /// For a minimum-norm attack the clean image counts in place of one beyond the budget.
  package var correct: [Bool] {
    labels.indices.map { index in
      let isWithin = nearest == nil || distance[budget.norm][index] <= budget.epsilon
      return (isWithin ? prediction : cleanPrediction)[index] == labels[index]
    }
  }

  /// A sample that was wrong when clean counts as broken, whatever the attack did; so does one that the
  /// returned image makes wrong, whichever class a targeted attack aimed at.
  ///
  /// For a minimum-norm attack an image beyond the budget breaks nothing.
  package var broken: [Bool] { zip(correct, cleanCorrect).map { !$0 || !$1 } }

  /// Minimum-norm attacks: share of samples whose nearest adversarial image lies within the budget.
  package var shareWithinBudget: Double? {
    nearest.flatMap { Self.share(zip(success, $0).map { $0 && $1 <= budget.epsilon }) }
  }

  /// Derives `nearest` from verdicts and distances.
  mutating func measureNearest() {
    nearest = zip(success, distance[budget.norm]).map { $0 ? $1 : .infinity }
  }

  // Shares of nothing are nil.

  /// Share of samples that are right when clean.
  package var cleanAccuracy: Double? { Self.share(cleanCorrect) }
  /// Accuracy on the returned images, from predictions and labels: a sample that the attack puts right
  /// counts as right.
  package var robustAccuracy: Double? { Self.share(correct) }
  /// Strict accuracy: the share of samples that are right when clean and withstand the attack.
  package var strictAccuracy: Double? { Self.share(broken.map { !$0 }) }
  /// Clean accuracy minus robust accuracy.
  package var successRateDrop: Double? {
    cleanAccuracy.flatMap { clean in robustAccuracy.map { clean - $0 } }
  }
  /// Share of the initially correct samples that the attack breaks; nil when none was correct.
  package var successRateLost: Double? {
    Self.share(zip(broken, cleanCorrect).filter(\.1).map(\.0))
  }

  /// - Parameter leftOut: positions that do not count; nothing is true of them.
  static func share(_ flags: [Bool], leavingOut leftOut: [Int] = []) -> Double? {
    let count = flags.count - leftOut.count
    return count > 0 ? Double(flags.count { $0 }) / Double(count) : nil
  }
}

/// Adversarial images and what the attack did.
package struct AttackResult {
  /// `[N, C, H, W]`, of the clean images' type.
  package var images: Tensor
  /// One entry a sample.
  package var report: AttackReport
}
