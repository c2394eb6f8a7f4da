package import Diagnostics
package import Tensors

/// Which point of an attack's path is its result.
package enum Keep: String, Sendable, CaseIterable {
  /// A successful point before any other, then the one with the largest loss.
  case best
  /// The last point.
  case last
  /// The one with the largest loss, successful or not.
  case largestLoss = "largest-loss"
}

/// How success is decided.
package enum Judging: Sendable {
  /// Each result is evaluated again, alone (batch of one): what every reported number uses.
  case alone
  /// Not at all: no evaluation beyond the attack's own steps, and a report without verdicts. For
  /// training, where nobody reads them.
  case none
}

/// What all attacks have in common; each attack adds its own parameters.
package struct AttackSettings {
  /// What may change.
  package var threat: Threat
  /// How the search goes.
  package var search: Search
  /// What is evaluated and told beside the images.
  package var reporting = Reporting()

  /// The defaults at a budget (1/255 in L∞ when none is given).
  package init(budget: Budget = .default, seed: UInt64 = 0) {
    threat = Threat(budget: budget)
    search = Search(seed: seed)
  }

  /// The threat model of image attacks.
  package struct Threat {
    /// What may change.
    package var budget: Budget
    /// Minimum-norm attacks: what they find beyond the budget is no success and comes back clean.
    ///
    /// Otherwise the nearest adversarial image is the result however far it is, and the budget only
    /// counts in the report. Evaluations and trainers, whose rows have a budget, set it.
    package var isWithinBudgetOnly = false
    /// The model sees, and the attack returns, pixels on 8-bit levels within the budget.
    ///
    /// In L∞, attacks that follow gradients to their best point end with moves from level to level of
    /// the samples that are left.
    package var isOnEightBitLevels = false
    /// Which pixels may change; nil: all.
    ///
    /// At every point that is visited the others have the bits of the clean image.
    package var mask: PixelMask?

    /// Any pixel, within a budget.
    package init(budget: Budget = .default) { self.budget = budget }
  }

  /// What an attack increases, from where, and which point it keeps.
  package struct Search {
    /// What is increased; attacks that ignore it say so.
    package var loss: AttackLoss = .crossEntropy
    /// Root of every random draw.
    package var seed: UInt64 = 0
    /// Stable numbers of the samples, which key their random draws; nil means 1, 2, 3 and so on.
    package var sampleIDs: [UInt64]?
    /// Independent runs, each with random streams of its own; the best result of each sample stays.
    package var restarts = 1
    /// Which point is the result; nil means the attack's own habit.
    package var keep: Keep?
    /// Attack samples that meet the criterion when clean too; otherwise they come back unchanged.
    package var attacksAll = true
    /// Take samples out of the batch once they are solved.
    ///
    /// Not done for transfer attacks.
    package var stopsEarly = false
    /// Forward passes that gradients, losses and logits are averaged over, for stochastic models (EOT).
    package var draws = 1
    /// Where gradients and losses come from instead of the attacked classifier (their mean logits);
    /// success is judged on the attacked one, which the search itself then never asks.
    package var sources: [Classifier] = []
    /// Where the first run starts, `[N, C, H, W]`, instead of the attack's own start; it is projected
    /// onto the ball.
    ///
    /// FGSM, R-FGSM, DeepFool and AutoAttack have starts of their own.
    package var startPoints: Tensor?
    /// Samples worked on at once, to bound memory; 0 means all.
    ///
    /// Results do not depend on it.
    package var batch = 0

    package init(seed: UInt64 = 0) { self.seed = seed }
  }

  /// Verdicts, flags and progress: nothing here changes which points a search visits.
  package struct Reporting {
    /// How success is decided.
    package var judging = Judging.alone
    /// Record loss and margin of every step.
    package var recordsTrace = false
    /// Look for signs of masked gradients.
    package var probes = true
    /// The largest number of samples that probes spend passes on, 64 in any case; 0 leaves what the
    /// attack's own numbers tell.
    package var probedSamples = ModelProbes.limit
    /// What messages count samples, classes and steps from: 1 for callers whose users count so.
    package var firstIndex = 0
    /// Called after every step.
    package var progress: ProgressHandler?

    package init() {}
  }

  /// These settings as a trainer needs them: nothing but the steps, and the last point unless
  /// `keep` says otherwise.
  package func forTraining() -> AttackSettings {
    var copy = self
    copy.threat.isWithinBudgetOnly = true
    copy.search.keep = search.keep ?? .last
    copy.reporting.judging = .none
    copy.reporting.probes = false
    return copy
  }

  /// These settings for some of the samples: their ids, start points and masks.
  func rows(_ rows: [Int], of samples: Int) throws -> AttackSettings {
    guard rows.count < samples || rows != Array(0..<samples) else { return self }
    var copy = self
    let ids = search.sampleIDs ?? (0..<samples).map { UInt64($0) + 1 }
    copy.search.sampleIDs = rows.map { ids[$0] }
    copy.search.startPoints = try search.startPoints?.rows(rows)
    copy.threat.mask = try threat.mask?.rows(rows)
    return copy
  }

  func check(_ images: Tensor) throws {
    let samples = images.shape[0]
    if let startPoints = search.startPoints {
      guard startPoints.shape == images.shape, startPoints.dtype == images.dtype else {
        throw KilpiError(
          "init is \(startPoints.dtype.rawValue) \(startPoints.shape.prefix(8)), the images are "
            + "\(images.dtype.rawValue) \(images.shape.prefix(8))",
          advice: "one start point an image, of its size")
      }
      guard try startPoints.largestMagnitudes().allSatisfy(\.isFinite) else {
        throw KilpiError("init holds NaN or infinity")
      }
    }
    try threat.mask?.check(samples, Array(images.shape.dropFirst()))
    try checkParameters()
    if let sampleIDs = search.sampleIDs, sampleIDs.count != samples {
      throw KilpiError(
        "there are \(sampleIDs.count) sample ids for \(samples) images",
        advice: "give one id an image")
    }
  }
}

extension Budget {
  /// The step of iterative attacks when none is given: `2.5 · epsilon / steps`, for L∞ at least 1/255.
  func defaultStep(_ steps: Int) -> Double {
    let even = 2.5 * epsilon / Double(max(steps, 1))
    return norm == .linf ? max(1.0 / 255, even) : even
  }
}

// Parameters that several attacks have.
extension Parameter {
  /// `steps`, up to a million.
  static func steps(
    _ path: WritableKeyPath<Owner, Int>, _ doc: String = "gradient steps"
  ) -> Parameter {
    Parameter("steps", path, 1...1_000_000, doc)
  }

  /// `step`, by the rule of `Budget.defaultStep` when not given.
  static func step(_ path: WritableKeyPath<Owner, Double?>) -> Parameter {
    .length(
      "step", path, .above(0), "length of a step",
      absent: "max(1/255, 2.5 * eps / steps) for linf, 2.5 * eps / steps for l2 and l1,")
  }
}

extension AttackSettings: Parameterized {
  /// What all attacks share, but for budget, loss, seed and what is no plain value.
  package static var parameters: [Parameter<Self>] {
    [
      Parameter("restarts", \.search.restarts, 1...10_000, "random starts; the best counts"),
      Parameter(
        "keep", \.search.keep, of: [.best, .last], "which iterate is returned",
        absent: "the attack's own habit"),
      Parameter("eot", \.search.draws, 1...100_000, "passes a gradient is averaged over"),
      Parameter(
        "lattice", .integer(8...8),
        "8: the result lies on 8-bit levels, as a PNG can hold it; gradient attacks in linf end with moves "
          + "from level to level",
        get: { $0.threat.isOnEightBitLevels ? .integer(8) : nil },
        set: { settings, _ in settings.threat.isOnEightBitLevels = true }),
      Parameter("attack_all", \.search.attacksAll, "attack samples that are wrong when clean, too"),
      Parameter("early_stop", \.search.stopsEarly, "samples that are solved leave the batch"),
      Parameter(
        "probes", \.reporting.probes,
        "look for signs of masked gradients, at the cost of some 13 passes over the first images, at most "
          + "32; false for a quick look"),
      Parameter("trace", \.reporting.recordsTrace, "record loss and margin of every iterate"),
      Parameter("batch", \.search.batch, 0...1_000_000, "images at once; 0: all"),
    ]
  }
}
