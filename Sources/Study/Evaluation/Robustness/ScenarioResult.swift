package import Attacks
internal import Diagnostics
package import Files

/// What became of one sample in one scenario.
///
/// What was not measured is nil, never 0.
package struct SampleRecord: Equatable, Sendable {
  /// The sample's stable id.
  package var id: String
  /// True class, 0-based.
  package var label: Int
  /// Top class of the clean image with the clean prompts, 0-based.
  package var cleanPrediction: Int
  /// Top class in the scenario, 0-based; nil in `worst`, which has none of its own.
  package var prediction: Int?
  /// Counts as right in the scenario.
  package var isCorrect: Bool
  /// Best logit of another class minus the label's: positive where the top class is wrong.
  package var margin: Double?
  /// The attack's loss at the result, or the cross-entropy where no attack ran.
  package var loss: Double?
  /// Largest change of a pixel value.
  package var linf: Double?
  /// Euclidean length of the change of the image.
  package var l2: Double?
  /// Sum of the absolute changes of the image.
  package var l1: Double?
  /// Structural similarity of the image to the clean one.
  package var ssim: Double?
  /// Peak signal-to-noise ratio of the change in decibels; infinite where nothing changed.
  package var psnr: Double?
  /// Images that the model was given for this sample.
  package var forwards: Int?
  /// Gradients that were taken for this sample.
  package var backwards: Int?
  /// The class that a targeted attack aimed at, 0-based.
  package var target: Int?
  /// Remarks: `not_attacked` (wrong when clean), `broken_before:ROW` (an earlier attack of the set had
  /// broken it within the same budget or a smaller one, so that this one did not run), `lost_in_file` (the
  /// saved image is no longer wrong), `target_is_label` (left out of the row), and in `worst` what broke
  /// the sample.
  package var flags: [String] = []

  static let notAttacked = "not_attacked"
  static let brokenBefore = "broken_before:"
  static let lostInFile = "lost_in_file"
  static let targetIsLabel = "target_is_label"

  /// Its target is its own class: no attack ran, and the row does not count it.
  package var isLeftOut: Bool { flags.contains(Self.targetIsLabel) }

  /// An earlier attack of the set had broken it: this one did not run.
  package var wasBrokenBefore: Bool { flags.contains { $0.hasPrefix(Self.brokenBefore) } }

  /// It was wrong when clean, and no attack ran on it.
  package var wasNotAttacked: Bool { flags.contains(Self.notAttacked) }

  /// A record without measurements.
  package init(id: String, label: Int, cleanPrediction: Int, prediction: Int?, isCorrect: Bool) {
    self.id = id
    self.label = label
    self.cleanPrediction = cleanPrediction
    self.prediction = prediction
    self.isCorrect = isCorrect
  }

  /// Takes over how far the image is from the clean one, and how much it looks like it.
  mutating func take(_ distances: Distances, _ quality: ImageQuality, at position: Int) {
    (linf, l2, l1) = (
      distances.linf[position], distances.l2[position], distances.l1[position]
    )
    guard quality.ssim.indices.contains(position), quality.psnr.indices.contains(position) else {
      return
    }
    (ssim, psnr) = (quality.ssim[position], quality.psnr[position])
  }

  /// The clean image with the clean prompts is classified as its label.
  package var isCleanCorrect: Bool { cleanPrediction == label }
  /// Right when clean, and right here.
  package var isStrictlyCorrect: Bool { isCorrect && isCleanCorrect }
}

/// One row of a result: a scenario over all evaluated samples.
package struct ScenarioResult: ScenarioRow {
  /// What was changed.
  package let kind: ScenarioKind
  /// The attack's name; empty for `clean` and `worst`.
  package let attack: String
  /// Everything that fixes the attack.
  package var record = JSONValue.null
  /// What the images' change was bounded by; nil when they were not changed.
  ///
  /// In `worst` what all its
  /// members stay within.
  package var threat: ThreatModel?
  /// The attack without its budget, where rows differ in that alone: the points of one curve.
  package var family = ""
  /// Earlier rows whose survivors alone were attacked; the row counts what all of them leave.
  package var follows: [String] = []
  /// `worst`: the labels of the rows it is taken over.
  package var members: [String] = []
  /// The text attack whose prompts it was scored with, by its name in the report; empty for none.
  package var textAttack = ""
  /// One record a sample, in the order of the evaluation.
  package var samples: [SampleRecord] = []
  /// Wall-clock time spent on this row beyond what it shares with others.
  package var seconds = 0.0
  /// Signs of masked gradients, with the number of batches that showed them.
  package var flags: [(flag: AttackFlag, batches: Int)] = []
  /// The attack ran only on what earlier ones had left; the row counts what both leave.
  package var isOnSurvivors: Bool { !follows.isEmpty }
  /// Reasons why the row must not be believed; empty for a valid one.
  package var problems: [String] = []

  /// An empty row.
  package init(_ kind: ScenarioKind, attack: String = "") {
    self.kind = kind
    self.attack = attack
  }

  /// `prompts`, where they change.
  package var changedSide: String? {
    let changes =
      kind == .worst
      ? members.contains { !$0.hasPrefix(ScenarioKind.image.rawValue + "/") && $0 != "clean" }
      : kind != .clean && kind != .image
    return changes ? "prompts" : nil
  }

  /// The samples that the row says something about: all but those whose target is their own class.
  package var counted: [SampleRecord] { samples.filter { !$0.isLeftOut } }
  /// Right or wrong, sample by sample.
  package var correct: [Bool] { counted.map(\.isCorrect) }
  /// Share that counts as right.
  package var accuracy: Proportion { Proportion(correct) }
  /// Share that is right both clean and in the scenario.
  package var strict: Proportion { Proportion(counted.map(\.isStrictlyCorrect)) }

  /// Targeted attacks: the share of the attacked samples that got their target; nil for others.
  package var targetHits: Proportion? {
    let aimed = samples.filter { $0.target != nil && !$0.isLeftOut && !$0.wasNotAttacked }
    guard samples.contains(where: { $0.target != nil }) else { return nil }
    return Proportion(aimed.map { $0.prediction == $0.target })
  }

  /// `asr_drop`: clean accuracy minus accuracy here, a share as all rates; nil without samples.
  package var successDrop: Double? {
    guard let here = accuracy.value, let clean = Proportion(counted.map(\.isCleanCorrect)).value
    else { return nil }
    return clean - here
  }

  /// `asr_lost`: the share of the initially correct samples that is wrong here; nil when none was
  /// correct.
  package var successLost: Double? {
    let initially = counted.filter(\.isCleanCorrect)
    return Proportion(initially.map { !$0.isCorrect }).value
  }

  /// How much the changed images look like the clean ones: means of SSIM and of PSNR in decibels over the
  /// images that changed; nil where none did.
  package var quality: (ssim: Double, psnr: Double)? {
    let changed = samples.compactMap { sample in
      sample.ssim.flatMap { ssim in sample.psnr.map { (ssim, $0) } }
    }.filter { $0.1.isFinite }
    guard !changed.isEmpty else { return nil }
    let count = Double(changed.count)
    return (changed.reduce(0) { $0 + $1.0 } / count, changed.reduce(0) { $0 + $1.1 } / count)
  }

  /// Samples that the row's attack ran on; 0 in `clean` and `worst`, which have none of their own.
  ///
  /// Neither those that were wrong when clean and therefore left alone count, nor those that an earlier
  /// attack of the set had broken.
  package var attackedCount: Int {
    if kind == .clean || kind == .worst { return 0 }
    return samples.count { !$0.wasBrokenBefore && !$0.wasNotAttacked && !$0.isLeftOut }
  }

  /// Images that the model was given, over all samples.
  package var forwards: Int { samples.reduce(0) { $0 + ($1.forwards ?? 0) } }
  /// Gradients that were taken, over all samples.
  package var backwards: Int { samples.reduce(0) { $0 + ($1.backwards ?? 0) } }

  /// The largest distance of any sample in a norm; nil where images were not changed.
  package func largest(_ norm: Norm) -> Double? {
    samples.compactMap { sample in
      switch norm {
      case .linf: return sample.linf
      case .l2: return sample.l2
      case .l1: return sample.l1
      }
    }.max()
  }
}

extension ScenarioResult {
  /// Samples whose target is their own class.
  package var leftOutCount: Int { samples.count(where: \.isLeftOut) }

  /// The kinds of its flags.
  var flagNames: String { flags.map(\.flag.kind.rawValue).joined(separator: " ") }

  /// What a clean accuracy that may be a guess's means for everything else; nil for a better one.
  ///
  /// Near chance: the interval reaches down to one in so many classes.
  func chanceNote(classes: Int) -> String? {
    guard classes > 1, let low = accuracy.wilson?.lowerBound, low <= 1 / Double(classes) else {
      return nil
    }
    return "clean accuracy, \(NumberText.percent(accuracy.value)), is near chance "
      + "(\(NumberText.percent(1 / Double(classes))) of \(classes) classes): accuracy under attack says "
      + "little"
  }
}

/// What a text attack did to the prompts of an evaluation.
package struct TextAttackRecord: Equatable, Sendable {
  /// One prompt before and after.
  package struct Prompt: Equatable, Sendable {
    /// The prompt as given.
    package var original: String
    /// The adversarial prompt.
    package var adversarial: String
    /// Edits as `old → new`.
    package var edits: [String]
    /// Levenshtein distance of the adversarial prompt from the original, in Unicode scalars.
    package var levenshtein = 0
    /// The cosine of the two sentences by the attack's `encoder`; nil without one.
    package var cosine: Double?
    /// The limit that ended its search, `max_queries` or `max_seconds`; nil for none.
    package var stopped: String?
  }

  /// The attack's name.
  package var name: String
  /// Its parameters.
  package var record: JSONValue
  /// All prompts, in the classifier's order.
  package var prompts: [Prompt]
  /// Share of prompts that changed.
  package var changedShare: Double
  /// Share of edits that are synonyms of what they replaced; nil without edits.
  package var synonymShare: Double?
  /// Share of edits that hit a word of a class name; nil without edits.
  package var classShare: Double?
  /// Texts encoded.
  package var encoded: Int
  /// Wall-clock time of the attack.
  package var seconds: Double

  /// The mean Levenshtein distance over the prompts, unchanged ones counting 0; nil without prompts.
  package var meanLevenshtein: Double? {
    prompts.isEmpty
      ? nil : Double(prompts.reduce(0) { $0.addingClamped($1.levenshtein) }) / Double(prompts.count)
  }
  /// The mean cosine of the sentences before and after; nil where none was measured.
  package var meanCosine: Double? {
    let cosines = prompts.compactMap(\.cosine)
    return cosines.isEmpty ? nil : cosines.reduce(0, +) / Double(cosines.count)
  }
  /// How many prompts' searches a limit ended.
  package var limits: TextLimits {
    var limits = TextLimits()
    limits.searches = prompts.count
    limits.maxQueries = prompts.count { $0.stopped == TextFlag.maxQueries.rawValue }
    limits.maxSeconds = prompts.count { $0.stopped == TextFlag.maxSeconds.rawValue }
    return limits
  }
}
