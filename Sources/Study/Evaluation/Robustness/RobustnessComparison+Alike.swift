internal import AttackPlans
internal import Attacks
internal import Diagnostics
internal import Files

// What two reports must have in common.

extension RobustnessComparison {
  /// Refuses reports on other samples, labels, class names or images.
  ///
  /// Reports of older versions, without digests, are held to ids and labels.
  static func requireSameData(
    _ one: (name: String, report: RobustnessReport),
    _ first: (name: String, report: RobustnessReport)
  ) throws {
    let pair = "'\(one.name)' and '\(first.name)'"
    let (own, other) = (one.report, first.report)
    let advice = "evaluate both on the same data"
    guard own.sampleIDs == other.sampleIDs else {
      throw KilpiError(
        own.count == other.count
          ? "\(pair) are about other samples, such as '\(own.sampleIDs.first ?? "")' and "
            + "'\(other.sampleIDs.first ?? "")'"
          : "\(pair) are about \(own.count) and \(other.count) samples",
        advice: "evaluate both on the same samples")
    }
    let labels = zip(own.scenarios[0].samples, other.scenarios[0].samples)
    if let sample = labels.first(where: { $0.label != $1.label }) {
      throw KilpiError(
        "\(pair) differ in labels: sample '\(sample.0.id)' is class \(sample.0.label + 1) and class "
          + "\(sample.1.label + 1)", advice: advice)
    }
    guard own.classNames.count == other.classNames.count else {
      throw KilpiError(
        "\(pair) have \(own.classNames.count) and \(other.classNames.count) classes", advice: advice
      )
    }
    guard let before = own.record["data"]?["digests"], let after = other.record["data"]?["digests"]
    else { return }
    for (part, what) in [("classes", "class names"), ("contents", "images")]
    where before[part] != after[part] {
      throw KilpiError(
        "\(pair) differ in the \(what) of their data, whose samples have the same ids",
        advice: advice)
    }
  }
}

/// How the attacks of two rows of one label differ.
struct AttackDifferences {
  /// In what the attack may do: edits and constraints of texts, what it aims at.
  private(set) var ofThreat: [String] = []
  /// In its strength: steps, restarts, loss, seed and the like.
  private(set) var ofStrength: [String] = []

  /// Members of a text attack's record that say which texts are allowed, and others that are another goal.
  private static let threat: Set<String> = [
    "words", "edits", "scope", "forbid_class_names", "forbid_antonyms", "no_new_words",
    "max_change",
    "min_sentence_cos", "min_word_cos", "kinds", "text_threat", "targeted", "objective",
  ]

  init(_ before: ScenarioResult, _ after: ScenarioResult) {
    guard before.kind != .worst, before.record != .null, after.record != .null else { return }
    var seen = Set<String>()
    for difference in before.record.differences(to: after.record) {
      let name = difference.name
      // Survivors are compared by the rows before; the budget is the threat model, and compared as that.
      if ["on_survivors", "family", "eps", "eps_255", "norm", "lattice", "mask"].contains(name) {
        continue
      }
      let values =
        "\(name) \(JSONDifference.short(difference.after)), not \(JSONDifference.short(difference.before))"
      guard seen.insert(values).inserted else { continue }
      // A list of kinds has no names inside.
      let isThreat = difference.path.split(separator: ".").contains {
        Self.threat.contains(String($0))
      }
      if isThreat { ofThreat.append(values) } else { ofStrength.append(values) }
    }
  }

  /// The differences in strength, at most four of them; nil for none.
  var text: String? {
    guard !ofStrength.isEmpty else { return nil }
    let rest = ofStrength.count > 4 ? ", and \(ofStrength.count - 4) more" : ""
    return ofStrength.prefix(4).joined(separator: ", ") + rest
  }
}
