/// A sign that gradients are masked, so that robustness may be an illusion.
package struct AttackFlag: Equatable, Sendable {
  /// What was noticed; the raw values are the names in reports.
  package enum Kind: String, Sendable, CaseIterable {
    /// Passes of one batch differ.
    case randomisedOutput = "randomised_output"
    /// What a sample gets depends on the others of its batch: statistics of training mode, say.
    case trainMode = "train_mode"
    /// The model takes gradients while it classifies.
    case inferenceGradient = "inference_gradient"
    /// Input gradients of unbroken samples are zero, or vanish beside those of the others.
    case zeroGradient = "zero_gradient"
    /// The logits do not change with small changes of the image, but do with larger ones.
    case quantisedInput = "quantised_input"
    /// Random points of the ball broke more samples than gradients did with as many queries.
    case randomBeatsGradient = "random_beats_gradient"
    /// The iterative attack broke fewer samples than a single step.
    case singleBeatsIterative = "single_beats_iterative"
    /// An attack without gradients broke samples that had survived those with gradients.
    case blackboxBeatsWhitebox = "blackbox_beats_whitebox"
    /// Fifty steps without a budget left samples unbroken.
    case unboundedNotTotal = "unbounded_not_total"
    /// The second half of the steps hardly raised the loss, although samples survive.
    case lossFlat = "loss_flat"
    /// There are too few classes for the attack as it is defined.
    case fewClasses = "few_classes"
    /// A limit of queries or of time ended the search of texts before its end.
    case limitReached = "limit_reached"
  }

  /// What was noticed.
  package var kind: Kind
  /// The numbers behind it.
  package var detail: String

  package init(_ kind: Kind, _ detail: String) {
    self.kind = kind
    self.detail = detail
  }
}

// Rules that compare numbers an attack has anyway.
extension AttackFlag {
  /// `zero_gradient`: more than 1 % of the unbroken samples have an input gradient of zero, or below
  /// 1e-12 of the median.
  ///
  /// - Parameters:
  ///   - sizes: largest magnitude of each sample's first gradient; nil where none was taken.
  ///   - isBroken: the attack succeeded.
  package static func zeroGradient(_ sizes: [Double?], isBroken: [Bool]) -> AttackFlag? {
    let known = sizes.compactMap { $0 }.sorted()
    guard !known.isEmpty else { return nil }
    let median = known[known.count / 2]
    let unbroken = zip(sizes, isBroken).compactMap { size, isBroken in isBroken ? nil : size }
    let dead = unbroken.filter { $0 <= 1e-12 * median }.count
    guard !unbroken.isEmpty, Double(dead) > 0.01 * Double(unbroken.count) else { return nil }
    return AttackFlag(
      .zeroGradient, "\(dead) of \(unbroken.count) unbroken samples have no input gradient")
  }

  /// `single_beats_iterative`: a single step broke more of the same samples than all steps did, by over
  /// half a point, and by three samples at least.
  ///
  /// On ordinary models it is one now and then, and two on one model of two hundred.
  package static func singleBeatsIterative(
    single: Int, iterative: Int, of samples: Int
  ) -> AttackFlag? {
    guard Double(single - iterative) > max(2, 0.005 * Double(samples)) else { return nil }
    return AttackFlag(
      .singleBeatsIterative,
      "one step broke \(single) of \(samples) samples, the iterative attack \(iterative)")
  }

  /// `random_beats_gradient`: random points broke more of the same samples with as many queries.
  package static func randomBeatsGradient(
    random: Int, gradient: Int, of samples: Int
  ) -> AttackFlag? {
    guard random > gradient else { return nil }
    return AttackFlag(
      .randomBeatsGradient,
      "random points broke \(random) of \(samples) samples, gradients \(gradient)")
  }

  /// `blackbox_beats_whitebox`: an attack without gradients, or a transfer attack, broke survivors of
  /// attacks with gradients: over 0.2 points of all samples.
  package static func blackboxBeatsWhitebox(
    survivorsBroken: Int, of samples: Int
  ) -> AttackFlag? {
    guard Double(survivorsBroken) > 0.002 * Double(samples) else { return nil }
    return AttackFlag(
      .blackboxBeatsWhitebox,
      "\(survivorsBroken) of \(samples) samples survived attacks with gradients only")
  }

  /// `few_classes`: an attack was to aim at more classes than there are besides the label.
  package static func fewClasses(_ classes: Int, targets: Int) -> AttackFlag? {
    guard targets > classes - 1 else { return nil }
    return AttackFlag(
      .fewClasses, "\(targets) targets were asked for, there are \(classes) classes")
  }

  /// `loss_flat`: between half the steps and all of them the best loss of the survivors rose by under
  /// 0.1 %, and the attack has no good reason to stand still.
  ///
  /// A good reason is to have converged: an ordinary model's loss is flat, too, once the images lie on
  /// the border of the ball and their gradients push outwards. So nothing is said where the survivors
  /// used 60 % of their budget (a random start alone uses half of it), unless their last gradients are
  /// gone, as those of a capped loss are.
  ///
  /// - Parameters:
  ///   - half: best loss of each survivor after half the steps.
  ///   - full: after all of them.
  ///   - used: mean share of the budget that they used, or of the room that pixels had in it, in `0 ... 1`.
  ///   - vanished: how many of them have no gradient left at the end.
  package static func lossFlat(
    half: [Double], full: [Double], used: Double, vanished: Int = 0
  ) -> AttackFlag? {
    guard !half.isEmpty, half.count == full.count else { return nil }
    let isGone = Double(vanished) > 0.01 * Double(half.count)
    guard used < 0.6 || isGone else { return nil }
    let (before, after) = (half.reduce(0, +), full.reduce(0, +))
    guard after - before < 1e-3 * abs(before) else { return nil }
    let share = (used * 1000).rounded() / 10
    return AttackFlag(
      .lossFlat,
      "twice the steps raised the loss of \(half.count) survivors from "
        + "\(Float(before / Double(half.count))) to \(Float(after / Double(half.count))), using "
        + "\(share) % of the room in the budget"
        + (isGone ? "; \(vanished) have no gradient left" : ""))
  }
}
