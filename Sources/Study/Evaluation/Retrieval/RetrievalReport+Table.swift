internal import Attacks

// What people read.

extension RetrievalReport: ScenarioReport {
  /// The gallery: `flickr8k test, 1000 images and 5000 captions`.
  package var dataTitle: String {
    let set = split.isEmpty ? dataName : dataName + " " + split
    return "\(set), \(ids.count) images and \(owners.count) captions"
  }

  /// Galleries are attacked at their images' own size.
  package var perturbationPlace: PerturbationPlace { .native }

  /// The rows' labels.
  package var summary: String {
    "retrieval report: " + scenarios.map(\.label).joined(separator: ", ")
  }

  /// Charts show recall at `k` in both directions.
  package func measures(
    k: Int
  ) -> (axis: String, series: [(name: String, value: (RetrievalScenario) -> Proportion?)]) {
    (
      "R@\(k)",
      RetrievalDirection.allCases.map { direction in
        ("finds " + direction.found, { $0.recall(direction, at: k) })
      }
    )
  }

  /// One direction of a row.
  private struct Line {
    let row: RetrievalScenario
    let direction: RetrievalDirection
    let clean: RetrievalScenario?

    /// What stands once a row.
    func once(_ text: @autoclosure () -> String) -> String {
      direction == RetrievalDirection.allCases.first ? text() : ""
    }
    func recall(_ k: Int) -> Proportion? { row.recall(direction, at: k) }
    func lost(_ k: Int) -> Double? { clean.flatMap { row.lost(direction, at: k, from: $0) } }
    func drop(_ k: Int) -> Double? { clean.flatMap { row.drop(direction, at: k, from: $0) } }
  }

  /// Two rows a scenario; values a line a scenario, direction and cut-off, shares in 0 … 1.
  package var sheet: ResultSheet {
    let rows = scenarios.flatMap { row in
      RetrievalDirection.allCases.map { Line(row: row, direction: $0, clean: scenarios.first) }
    }
    return ResultSheet(
      name: name, titles: [dataTitle, threatTitle], columns: columns, rows: rows, values: values,
      lines: rows.flatMap { line in RetrievalEvaluation.cutoffs.map { (line, $0) } },
      notes: textNotes() + notes)
  }

  private var columns: [ResultColumn<Line>] {
    let cutoffs = RetrievalEvaluation.cutoffs
    func each(
      _ name: String, rank: Int, _ meaning: String, _ cell: @escaping (Line, Int) -> String
    ) -> [ResultColumn<Line>] {
      cutoffs.map { k in
        .number("\(name)@\(k)", rank: rank, means: k == cutoffs.first ? meaning : nil) {
          cell($0, k)
        }
      }
    }
    let keys: [ResultColumn<Line>] = [
      .key("scenario") { line in line.once(line.row.scenarioCell) },
      .key("attack") { line in line.once(line.row.attack.isEmpty ? "-" : line.row.attack) },
      .key("budget", if: showsBudgets) { line in line.once(line.row.budgetCell) },
      .key("finds") { $0.direction.found },
      .number("n", rank: 3) { String($0.row.ranks?.ranks($0.direction).count ?? 0) },
    ]
    let recalls = each(
      "R", rank: 0,
      "R@k: share with an own item among the first k, ties broken against it"
    ) { NumberText.percent($0.recall($1)?.value) }
    let lost = each(
      "lost", rank: 1, "lost: share of those found before that are not found any more"
    ) { $0.row.kind == .clean ? "" : NumberText.percent($0.lost($1)) }
    let drops = each("drop", rank: 2, "drop: points of recall lost") {
      $0.row.kind == .clean ? "" : NumberText.points($0.drop($1))
    }
    return keys + recalls + lost + drops + [
      .number("seconds", rank: 4) { line in line.once(NumberText.fixed(line.row.seconds, 1)) }
    ]
  }

  private var values: [ResultColumn<(line: Line, k: Int)>] {
    [
      .value("model") { _ in name }, .value("data") { _ in dataName },
      .value("split") { _ in split }, .value("images") { _ in ids.count },
      .value("captions") { _ in owners.count }, .value("width") { _ in width },
      .value("height") { _ in height }, .value("scenario") { $0.line.row.kind.rawValue },
      .value("attack") { $0.line.row.attack }, .value("norm") { $0.line.row.budget?.norm.rawValue },
      .value("eps") { $0.line.row.budget?.epsilon }, .value("threat") { $0.line.row.threatText },
      .value("direction") { $0.line.direction.rawValue }, .value("k") { $0.k },
      .value("n") { $0.line.recall($0.k)?.total ?? 0 },
      .value("hits") { $0.line.recall($0.k)?.count ?? 0 },
      .value("recall") { $0.line.recall($0.k)?.value },
      .value("low") { $0.line.recall($0.k)?.wilson?.lowerBound },
      .value("high") { $0.line.recall($0.k)?.wilson?.upperBound },
      .value("asr_drop") { $0.line.drop($0.k) }, .value("asr_lost") { $0.line.lost($0.k) },
      .value("seconds") { $0.line.row.seconds },
      .value("problems") { $0.line.row.problems.joined(separator: "; ") },
    ]
  }

  /// One line a row with changed captions: how many changed, and an example.
  private func textNotes() -> [String] {
    let flat = captions.flatMap { $0 }
    return scenarios.filter { !$0.texts.isEmpty }.map { row in
      var line = "\(row.label): \(row.changedTexts) of \(flat.count) captions changed"
      if let share = row.synonymShare {
        line += ", \(NumberText.percent(share)) of edits are synonyms"
      }
      if let limits = row.totals.limits.text { line += "; \(limits)" }
      if let example = zip(flat, row.texts).first(where: { $0 != $1 }) {
        line += "; for example '\(example.0)' → '\(example.1)'"
      }
      return line
    }
  }
}
