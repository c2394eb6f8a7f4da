internal import Attacks

/// What stands under a table of results because of one row.
extension ScenarioResult {
  /// Which samples an image attack (+) ran on.
  var survivorsNote: String {
    let wrong = samples.count { $0.wasNotAttacked && !$0.wasBrokenBefore }
    let broken = samples.count(where: \.wasBrokenBefore)
    return
      "image attacks (+) run cheapest first on what those before left within the same budget or a "
      + "smaller one (\(label): on \(attackedCount) of \(samples.count) samples; "
      + (wrong > 0 ? "\(wrong) were wrong when clean, " : "")
      + "\(broken) broken before); each = true runs all on all"
  }

  /// How many samples have their own class as the target.
  ///
  /// The worst case repeats rows above it.
  var leftOutNote: String? {
    let count = leftOutCount
    guard count > 0, kind != .worst else { return nil }
    return
      "\(label): \(count) of \(samples.count) samples are left out, whose target is their own class"
  }

  /// The attack's flags, what the saved file lost of it, and its broken promises.
  var attackNotes: [String] {
    var notes = flags.map { flag, batches in
      "\(label): \(flag.kind.rawValue)"
        + (flag.kind == .limitReached ? "" : " in \(batches) batches") + ": \(flag.detail)"
    }
    guard kind != .worst else { return notes }
    if let lost = lostInFileNote { notes.append(lost) }
    notes += problems.map { "\(label) is invalid: \($0)" }
    return notes
  }

  private var lostInFileNote: String? {
    let lost = samples.count { $0.flags.contains(SampleRecord.lostInFile) }
    guard lost > 0 else { return nil }
    var reason = ""
    if let budget, budget.norm == .linf, budget.epsilon < 1.0 / 255 {
      reason = "8 bits hold steps of 1/255 and eps is less; "
    }
    return "\(label): the attack broke \(lost) samples that the saved file does not break: "
      + reason + "save_images = \"float\" keeps images as they are"
  }
}
