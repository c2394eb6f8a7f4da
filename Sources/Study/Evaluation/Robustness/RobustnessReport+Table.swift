internal import Attacks

// What a person reads. A row is never printed without the resolution at which its perturbation
// lives: the title carries it.

extension RobustnessReport: ScenarioReport {
  /// The data set and how much of it: `fashion-mnist test, 500 of 10000 samples`.
  package var dataTitle: String {
    let set = split.isEmpty ? dataName : dataName + " " + split
    return count == splitCount
      ? "\(set), \(count) samples"
      : "\(set), \(count) of \(splitCount) samples"
  }

  /// The rows' accuracies.
  package var summary: String {
    let rows = scenarios.map { scenario in
      "\(scenario.label) \(((scenario.accuracy.value ?? .nan) * 1000).rounded() / 10) %"
    }
    return "robustness report: " + rows.joined(separator: ", ")
  }

  /// Charts show accuracies.
  package func measures(
    k: Int
  ) -> (axis: String, series: [(name: String, value: (ScenarioResult) -> Proportion?)]) {
    ("accuracy", [("", { $0.accuracy })])
  }

  /// One row a scenario; values are shares, empty where nothing was measured.
  package var sheet: ResultSheet {
    ResultSheet(
      name: name, titles: [dataTitle, threatTitle], columns: columns, rows: scenarios,
      values: values, lines: scenarios, isExplained: scenarios.count > 1,
      notes: textNotes() + notes)
  }

  /// The attack as its row names it.
  private func attackName(_ row: ScenarioResult) -> String {
    if row.kind == .worst { return showsBudgets ? "all within" : "all above" }
    guard !row.attack.isEmpty else { return "-" }
    return (row.isOnSurvivors ? "+ " : "") + row.attack
  }

  private var columns: [ResultColumn<ScenarioResult>] {
    let hasQuality = scenarios.contains { $0.quality != nil }
    return [
      .key("scenario") { $0.scenarioCell },
      .key("attack") { attackName($0) },
      .key("budget", if: showsBudgets) { $0.budgetCell },
      .number("n", rank: 3) { String($0.accuracy.total) },
      .number("accuracy") { NumberText.percent($0.accuracy.value) },
      .number("95 % interval", rank: 1) { NumberText.points($0.accuracy.wilson) },
      .number("strict", rank: 2, means: "strict: right clean and attacked") {
        $0.kind == .clean ? "" : NumberText.percent($0.strict.value)
      },
      .number("drop", rank: 5, means: "drop: points lost") {
        $0.kind == .clean ? "" : NumberText.points($0.successDrop)
      },
      .number("lost", rank: 4, means: "lost: share of the initially right that is broken") {
        $0.kind == .clean ? "" : NumberText.percent($0.successLost)
      },
      .number("seconds", rank: 6) { $0.kind == .worst ? "" : NumberText.fixed($0.seconds, 1) },
      .number(
        "target hit", rank: 2, if: scenarios.contains { $0.targetHits != nil },
        means: "target hit: share of the attacked that got their target"
      ) { $0.targetHits.map { NumberText.percent($0.value) } ?? "" },
      .number(
        "SSIM", rank: 7, if: hasQuality,
        means: "SSIM, PSNR (dB): means over the images that changed"
      ) { $0.quality.map { NumberText.fixed($0.ssim, 3) } ?? "" },
      .number("PSNR", rank: 7, if: hasQuality) {
        $0.quality.map { NumberText.fixed($0.psnr, 1) } ?? ""
      },
      .text("flags", if: scenarios.contains { !$0.flags.isEmpty }) { $0.flagNames },
    ]
  }

  private var values: [ResultColumn<ScenarioResult>] {
    [
      .value("model") { _ in name }, .value("data") { _ in dataName },
      .value("split") { _ in split }, .value("width") { _ in width },
      .value("height") { _ in height }, .value("perturb_at") { _ in perturbationPlace.rawValue },
      .value("scenario") { $0.kind.rawValue }, .value("attack") { $0.attack },
      .value("norm") { $0.budget?.norm.rawValue }, .value("eps") { $0.budget?.epsilon },
      .value("threat") { $0.threatText }, .value("n") { $0.accuracy.total },
      .value("correct") { $0.accuracy.count }, .value("accuracy") { $0.accuracy.value },
      .value("low") { $0.accuracy.wilson?.lowerBound },
      .value("high") { $0.accuracy.wilson?.upperBound }, .value("strict") { $0.strict.value },
      .value("asr_drop") { $0.successDrop }, .value("asr_lost") { $0.successLost },
      .value("target_hit") { $0.targetHits?.value }, .value("left_out") { $0.leftOutCount },
      .value("max_linf") { $0.largest(.linf) }, .value("max_l2") { $0.largest(.l2) },
      .value("max_l1") { $0.largest(.l1) }, .value("ssim") { $0.quality?.ssim },
      .value("psnr") { $0.quality?.psnr }, .value("levenshtein") { text(of: $0)?.meanLevenshtein },
      .value("cosine") { text(of: $0)?.meanCosine },
      .value("on_survivors_of") { $0.follows.joined(separator: "; ") },
      .value("attacked") { $0.attackedCount }, .value("forwards") { $0.forwards },
      .value("backwards") { $0.backwards }, .value("seconds") { $0.seconds },
      .value("flags") { $0.flagNames }, .value("problems") { $0.problems.joined(separator: "; ") },
    ]
  }

  /// One line a text attack: how much it changed, and an example.
  func textNotes() -> [String] {
    texts.map { text in
      let changed = text.prompts.filter { !$0.edits.isEmpty }
      var line =
        "text/\(text.name): \(changed.count) of \(text.prompts.count) prompts changed, "
        + "\(NumberText.percent(text.classShare)) of edits in class names, "
        + "\(NumberText.percent(text.synonymShare)) synonyms"
      if let distance = text.meanLevenshtein {
        line += ", mean Levenshtein distance \(NumberText.fixed(distance, 1))"
      }
      if let cosine = text.meanCosine { line += ", mean cosine \(NumberText.fixed(cosine, 3))" }
      if let first = changed.first {
        line += "; for example '\(first.original)' → '\(first.adversarial)'"
      }
      return line
    }
  }

  /// What became of the prompts that a row was scored with; nil where they are the clean ones.
  private func text(of row: ScenarioResult) -> TextAttackRecord? {
    row.textAttack.isEmpty ? nil : texts.first { $0.name == row.textAttack }
  }
}
