internal import Attacks

// What a person reads. A row is never printed without the resolution at which its perturbation
// lives: the title carries it.

extension RobustnessReport {
  /// The data set and how much of it: `fashion-mnist test, 500 of 10000 samples`.
  public var dataTitle: String {
    let set = split.isEmpty ? dataName : dataName + " " + split
    return count == splitCount
      ? "\(set), \(count) samples"
      : "\(set), \(count) of \(splitCount) samples"
  }

  /// The threat model: `linf 8/255 at 28 x 28 pixels (native)`.
  public var threatTitle: String {
    if let budget = commonBudget { return budget + " at " + place }
    let hasBudgets = scenarios.contains { $0.threat != nil }
    return hasBudgets ? "budgets of each row, at " + place : "images of " + place
  }

  /// Size and place of what is perturbed: `28 x 28 pixels (native)`.
  var place: String { "\(width) x \(height) pixels (\(perturbationPlace.rawValue))" }

  /// The one threat model of all rows that change images.
  private var commonBudget: String? {
    guard let first = scenarios.lazy.compactMap(\.threat).first,
      scenarios.allSatisfy({ $0.threat == nil || $0.threat == first })
    else { return nil }
    return first.description
  }

  /// Rows differ in their threat models: each has its own beside it.
  var showsBudgets: Bool { commonBudget == nil && scenarios.contains { $0.threat != nil } }

  /// The attack as its row names it.
  func attackName(_ row: ScenarioResult) -> String {
    if row.kind == .worst { return showsBudgets ? "all within" : "all above" }
    guard !row.attack.isEmpty else { return "-" }
    return (row.isOnSurvivors ? "+ " : "") + row.attack
  }

  /// The table of the rows.
  func rowTable() -> TextTable {
    var columns: [TextTable.Column] = [
      .init("scenario", isNumber: false, isKey: true),
      .init("attack", isNumber: false, isKey: true),
    ]
    if showsBudgets { columns.append(.init("budget", isNumber: false, isKey: true)) }
    columns += [
      .init("n", isNumber: true, rank: 3), .init("accuracy", isNumber: true),
      .init("95 % interval", isNumber: true, rank: 1), .init("strict", isNumber: true, rank: 2),
      .init("drop", isNumber: true, rank: 5), .init("lost", isNumber: true, rank: 4),
      .init("seconds", isNumber: true, rank: 6),
    ]
    let hasTargets = scenarios.contains { $0.targetHits != nil }
    if hasTargets { columns.append(.init("target hit", isNumber: true, rank: 2)) }
    let hasQuality = scenarios.contains { $0.quality != nil }
    if hasQuality {
      columns.append(.init("SSIM", isNumber: true, rank: 7))
      columns.append(.init("PSNR", isNumber: true, rank: 7))
    }
    var table = TextTable(columns: columns)
    let hasFlags = scenarios.contains { !$0.flags.isEmpty }
    if hasFlags { table.columns.append(.init("flags", isNumber: false)) }
    for row in scenarios {
      let isClean = row.kind == .clean
      let interval = row.accuracy.wilson.map {
        NumberText.fixed(100 * $0.lowerBound, 1) + " … "
          + NumberText.fixed(100 * $0.upperBound, 1)
      }
      var cells = [
        row.kind.rawValue + (row.problems.isEmpty ? "" : " (invalid)"), attackName(row),
      ]
      if showsBudgets { cells.append(isClean ? "-" : row.threatText) }
      let drop = row.successDrop.map { NumberText.fixed(100 * $0, 1) } ?? "-"
      cells += [
        String(row.accuracy.total), NumberText.percent(row.accuracy.value), interval ?? "-",
        isClean ? "" : NumberText.percent(row.strict.value), isClean ? "" : drop,
        isClean ? "" : NumberText.percent(row.successLost),
        row.kind == .worst ? "" : NumberText.fixed(row.seconds, 1),
      ]
      if hasTargets { cells.append(row.targetHits.map { NumberText.percent($0.value) } ?? "") }
      if hasQuality {
        cells.append(row.quality.map { NumberText.fixed($0.ssim, 3) } ?? "")
        cells.append(row.quality.map { NumberText.fixed($0.psnr, 1) } ?? "")
      }
      if hasFlags { cells.append(row.flags.map(\.flag.kind.rawValue).joined(separator: " ")) }
      table.rows.append(cells)
    }
    return table
  }

  /// The result as text: title, threat model, one row a scenario, notes.
  ///
  /// - Parameter width: columns of the terminal; a wider table is set in blocks, and no column left out.
  public func table(width: Int = 100) -> String {
    let width = max(width, 40)
    var lines = TextTable.wrapped("\(name): \(dataTitle)", width: width, indent: "  ")
    lines += TextTable.wrapped(threatTitle, width: width, indent: "  ")
    lines.append("")
    lines += rowTable().lines(width: width)
    lines.append("")
    if let explanation {
      lines += TextTable.wrapped(explanation, width: width, indent: "  ")
    }
    for note in textNotes() + notes {
      lines += TextTable.wrapped(note, width: width, indent: "  ")
    }
    if lines.last == "" { lines.removeLast() }
    return lines.joined(separator: "\n") + "\n"
  }

  /// What the columns mean; nil where there are none to explain.
  private var explanation: String? {
    if scenarios.count < 2 { return nil }
    return
      "strict: right clean and attacked; drop: points lost; lost: share of the initially right "
      + "that is broken"
      + (scenarios.contains { $0.targetHits != nil }
        ? "; target hit: share of the attacked that got their target" : "")
      + (scenarios.contains { $0.quality != nil }
        ? "; SSIM, PSNR (dB): means over the images that changed" : "")
  }

  /// The result in LaTeX: a `tabular` with the rules of booktabs; what else is known as comments.
  public var latex: String {
    rowTable().latex(
      remarks: ["\(name): \(dataTitle)", threatTitle] + (explanation.map { [$0] } ?? [])
        + textNotes() + notes)
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

  /// The result in Markdown.
  public var markdown: String {
    var text = "**\(name)**: \(dataTitle); \(threatTitle)\n\n" + rowTable().markdown()
    for note in textNotes() + notes { text += "\n- " + note.onOneLine }
    return text + (texts.isEmpty && notes.isEmpty ? "" : "\n")
  }

  /// The rows as comma-separated values; numbers are shares, empty where nothing was measured.
  public var csv: String {
    func number(_ value: Double?) -> String { value.map { "\($0)" } ?? "" }
    var rows = [
      [
        "model", "data", "split", "width", "height", "perturb_at", "scenario", "attack", "norm",
        "eps", "threat", "n", "correct", "accuracy", "low", "high", "strict", "asr_drop",
        "asr_lost", "target_hit", "left_out", "max_linf", "max_l2", "max_l1", "ssim",
        "psnr", "levenshtein", "cosine", "on_survivors_of", "attacked",
        "forwards", "backwards", "seconds", "flags", "problems",
      ]
    ]
    for row in scenarios {
      let interval = row.accuracy.wilson
      rows.append([
        name, dataName, split, String(width), String(height), perturbationPlace.rawValue,
        row.kind.rawValue, row.attack, row.budget?.norm.rawValue ?? "",
        number(row.budget?.epsilon), row.threatText, String(row.accuracy.total),
        String(row.accuracy.count),
        number(row.accuracy.value), number(interval?.lowerBound), number(interval?.upperBound),
        number(row.strict.value), number(row.successDrop), number(row.successLost),
        number(row.targetHits?.value), String(row.samples.count(where: \.isLeftOut)),
        number(row.largest(.linf)), number(row.largest(.l2)), number(row.largest(.l1)),
        number(row.quality?.ssim), number(row.quality?.psnr),
        number(text(of: row)?.meanLevenshtein), number(text(of: row)?.meanCosine),
        row.follows.joined(separator: "; "),
        String(row.attackedCount), String(row.forwards), String(row.backwards),
        number(row.seconds), row.flags.map(\.flag.kind.rawValue).joined(separator: " "),
        row.problems.joined(separator: "; "),
      ])
    }
    return TextTable.csv(rows)
  }
}
