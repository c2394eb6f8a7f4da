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
    let place = "\(width) x \(height) pixels (\(perturbationPlace.rawValue))"
    guard let budget = commonBudget else {
      let hasBudgets = scenarios.contains { $0.budget != nil }
      return hasBudgets ? "budgets of each row, at " + place : "images of " + place
    }
    return budget + " at " + place
  }

  /// The one budget of all rows that have one.
  private var commonBudget: String? {
    let budgets = Set(scenarios.compactMap { $0.budget?.description })
    return budgets.count == 1 ? budgets.first : nil
  }

  /// The attack as its row names it, with its budget where rows differ in it.
  func attackName(_ row: ScenarioResult) -> String {
    if row.kind == .worst { return "all above" }
    guard !row.attack.isEmpty else { return "-" }
    let name = (row.isOnSurvivors ? "+ " : "") + row.attack
    guard commonBudget == nil, let budget = row.budget else { return name }
    return name + " " + budget.description
  }

  /// The table of the rows.
  func rowTable() -> TextTable {
    var table = TextTable(columns: [
      .init("scenario", isNumber: false), .init("attack", isNumber: false),
      .init("n", isNumber: true, rank: 3), .init("accuracy", isNumber: true),
      .init("95 % interval", isNumber: true, rank: 1), .init("strict", isNumber: true, rank: 5),
      .init("drop", isNumber: true, rank: 4), .init("lost", isNumber: true, rank: 2),
      .init("seconds", isNumber: true, rank: 6),
    ])
    let hasFlags = scenarios.contains { !$0.flags.isEmpty }
    if hasFlags { table.columns.append(.init("flags", isNumber: false)) }
    for row in scenarios {
      let isClean = row.kind == .clean
      let interval = row.accuracy.wilson.map {
        NumberText.fixed(100 * $0.lowerBound, 1) + " … "
          + NumberText.fixed(100 * $0.upperBound, 1)
      }
      table.rows.append(
        [
          row.kind.rawValue + (row.problems.isEmpty ? "" : " (invalid)"), attackName(row),
          String(row.samples.count), NumberText.percent(row.accuracy.value), interval ?? "-",
          isClean ? "" : NumberText.percent(row.strict.value),
          isClean ? "" : row.successDrop.map { NumberText.fixed($0, 1) } ?? "-",
          isClean ? "" : NumberText.percent(row.successLost),
          row.kind == .worst ? "" : NumberText.fixed(row.seconds, 1),
        ] + (hasFlags ? [row.flags.map(\.flag.kind.rawValue).joined(separator: " ")] : []))
    }
    return table
  }

  /// The result as text: title, threat model, one row a scenario, notes.
  ///
  /// - Parameter width: columns of the terminal; columns of less interest are left out below about 90.
  public func table(width: Int = 100) -> String {
    let width = max(width, 40)
    var lines = TextTable.wrapped("\(name): \(dataTitle)", width: width, indent: "  ")
    lines += TextTable.wrapped(threatTitle, width: width, indent: "  ")
    lines.append("")
    lines += rowTable().lines(width: width)
    lines.append("")
    if scenarios.count > 1 {
      lines += TextTable.wrapped(
        "strict: right clean and attacked; drop: points lost; lost: share of the initially right "
          + "that is broken", width: width, indent: "  ")
    }
    for note in textNotes() + notes {
      lines += TextTable.wrapped(note, width: width, indent: "  ")
    }
    if lines.last == "" { lines.removeLast() }
    return lines.joined(separator: "\n") + "\n"
  }

  /// One line a text attack: how much it changed, and an example.
  func textNotes() -> [String] {
    texts.map { text in
      let changed = text.prompts.filter { !$0.edits.isEmpty }
      var line =
        "text/\(text.name): \(changed.count) of \(text.prompts.count) prompts changed, "
        + "\(NumberText.percent(text.classShare)) of edits in class names, "
        + "\(NumberText.percent(text.synonymShare)) synonyms"
      if let first = changed.first {
        line += "; for example '\(first.original)' → '\(first.adversarial)'"
      }
      return line
    }
  }

  /// The result in Markdown.
  public var markdown: String {
    var text = "**\(name)**: \(dataTitle); \(threatTitle)\n\n" + rowTable().markdown()
    for note in textNotes() + notes { text += "\n- " + note.replacing("\n", with: " ") }
    return text + (texts.isEmpty && notes.isEmpty ? "" : "\n")
  }

  /// The rows as comma-separated values; numbers are shares, empty where nothing was measured.
  public var csv: String {
    func number(_ value: Double?) -> String { value.map { "\($0)" } ?? "" }
    var rows = [
      [
        "model", "data", "split", "width", "height", "perturb_at", "scenario", "attack", "norm",
        "eps", "n", "correct", "accuracy", "low", "high", "strict", "asr_drop", "asr_lost",
        "max_linf", "max_l2", "max_l1", "attacked", "forwards", "backwards", "seconds", "flags",
        "problems",
      ]
    ]
    for row in scenarios {
      let interval = row.accuracy.wilson
      rows.append([
        name, dataName, split, String(width), String(height), perturbationPlace.rawValue,
        row.kind.rawValue, row.attack, row.budget?.norm.rawValue ?? "",
        number(row.budget?.epsilon), String(row.samples.count), String(row.accuracy.count),
        number(row.accuracy.value), number(interval?.lowerBound), number(interval?.upperBound),
        number(row.strict.value), number(row.successDrop), number(row.successLost),
        number(row.largest(.linf)), number(row.largest(.l2)), number(row.largest(.l1)),
        String(row.attackedCount), String(row.forwards), String(row.backwards),
        number(row.seconds), row.flags.map(\.flag.kind.rawValue).joined(separator: " "),
        row.problems.joined(separator: "; "),
      ])
    }
    return TextTable.csv(rows)
  }
}
