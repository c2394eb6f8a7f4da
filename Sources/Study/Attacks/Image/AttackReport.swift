public import Tensors

/// What happened at every step of an attack, by visit (restarts one after another) and sample; NaN
/// where a sample was not evaluated.
public struct AttackTrace: Sendable {
  /// Loss, `[visit][sample]`.
  public var loss: [[Double]] = []
  /// How far beyond the boundary, `[visit][sample]`; empty for attacks without labels.
  public var margin: [[Double]] = []
}

/// What one stage of an ensemble did.
public struct AttackStage: Equatable, Sendable {
  /// Its name, such as `apgd-t`.
  public var name: String
  /// Samples that were left for it.
  public var attacked: Int
  /// Samples of these that it broke.
  public var broken: Int
}

/// What an attack did, one entry a sample.
///
/// Verdicts come from evaluating each result again, alone. With `Judging.none`, and for attacks
/// without labels, `isJudged` is false and the arrays of verdicts are empty.
public struct AttackReport: Sendable {
  /// The attack's short name, such as `pgd`.
  public var attack = ""
  /// What it was allowed to change.
  public var budget: Budget
  /// Root of its random draws.
  public var seed: UInt64 = 0
  /// The samples' numbers.
  public var sampleIDs: [UInt64] = []
  /// True when the verdicts below were computed.
  public var isJudged = false
  /// The criterion is met by the returned image: its class differs from the label, or is the target.
  public var success: [Bool] = []
  /// The clean image is classified as its label.
  public var cleanCorrect: [Bool] = []
  /// True classes, 0-based.
  public var labels: [Int] = []
  /// Top class of the clean image, 0-based.
  public var cleanPrediction: [Int] = []
  /// Top class of the returned image, 0-based.
  public var prediction: [Int] = []
  /// The targets of a targeted attack, 0-based.
  public var targets: [Int]?
  /// Positions of samples whose target is their own label: they were not attacked.
  public var leftOut: [Int] = []
  /// How far the returned image is beyond the boundary: positive where the criterion is met.
  public var margin: [Double] = []
  /// The attack's loss at the returned image (the judging classifier's); NaN where not evaluated.
  public var loss: [Double] = []
  /// Distances between clean and returned images, in float64.
  public var distance: Distances
  /// How much the returned images look like the clean ones; empty where nobody reads verdicts.
  public var quality = ImageQuality()
  /// Minimum-norm attacks: distance of the nearest image that meets the criterion, in the budget's norm.
  ///
  /// 0 where the clean image does, infinite where none was found; nil for other attacks.
  public var nearest: [Double]?
  /// Ensembles: what each stage did, in order; empty for other attacks.
  public var stages: [AttackStage] = []
  /// Images that the models were given for each sample, clean passes, probes and verdicts included.
  public var forwards: [Int] = []
  /// Gradients that were taken for each sample.
  public var backwards: [Int] = []
  /// Signs of masked gradients.
  public var flags: [AttackFlag] = []
  /// Wall-clock time of the call.
  public var seconds = 0.0
  /// Every step, when asked for.
  public var trace: AttackTrace?

  /// The returned image is classified as the target of a targeted attack; nil for other attacks.
  public var targetHit: [Bool]? { targets == nil ? nil : success }
  /// Share of hits among the samples that were attacked for a target; nil when there are none.
  public var targetHitRate: Double? {
    targetHit.flatMap { Self.share($0, leavingOut: leftOut) }
  }

  /// The class of the returned image is the label, whatever the attack was for.
  ///
  /// For a minimum-norm attack the clean image counts in place of one beyond the budget.
  public var correct: [Bool] {
    labels.indices.map { index in
      let isWithin = nearest == nil || distance[budget.norm][index] <= budget.epsilon
      return (isWithin ? prediction : cleanPrediction)[index] == labels[index]
    }
  }

  /// A sample that was wrong when clean counts as broken, whatever the attack did; so does one that the
  /// returned image makes wrong, whichever class a targeted attack aimed at.
  ///
  /// For a minimum-norm attack an image beyond the budget breaks nothing.
  public var broken: [Bool] { zip(correct, cleanCorrect).map { !$0 || !$1 } }

  /// Minimum-norm attacks: share of samples whose nearest adversarial image lies within the budget.
  public var shareWithinBudget: Double? {
    nearest.flatMap { Self.share(zip(success, $0).map { $0 && $1 <= budget.epsilon }) }
  }

  /// Derives `nearest` from verdicts and distances.
  mutating func measureNearest() {
    nearest = zip(success, distance[budget.norm]).map { $0 ? $1 : .infinity }
  }

  // Shares of nothing are nil.

  /// Share of samples that are right when clean.
  public var cleanAccuracy: Double? { Self.share(cleanCorrect) }
  /// Accuracy on the returned images, from predictions and labels: a sample that the attack puts right
  /// counts as right.
  public var robustAccuracy: Double? { Self.share(correct) }
  /// Strict accuracy: the share of samples that are right when clean and withstand the attack.
  public var strictAccuracy: Double? { Self.share(broken.map { !$0 }) }
  /// Clean accuracy minus robust accuracy.
  public var successRateDrop: Double? {
    cleanAccuracy.flatMap { clean in robustAccuracy.map { clean - $0 } }
  }
  /// Share of the initially correct samples that the attack breaks; nil when none was correct.
  public var successRateLost: Double? {
    Self.share(zip(broken, cleanCorrect).filter(\.1).map(\.0))
  }

  /// - Parameter leftOut: positions that do not count; nothing is true of them.
  static func share(_ flags: [Bool], leavingOut leftOut: [Int] = []) -> Double? {
    let count = flags.count - leftOut.count
    return count > 0 ? Double(flags.count { $0 }) / Double(count) : nil
  }
}

/// Adversarial images and what the attack did.
public struct AttackResult {
  /// `[N, C, H, W]`, of the clean images' type.
  public var images: Tensor
  /// One entry a sample.
  public var report: AttackReport
}
