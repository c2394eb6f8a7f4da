internal import Attacks
package import Files

// A comparison as people read it, and as files hold it.

extension RobustnessComparison: ResultReport {
  var dataTitle: String { reports[0].report.dataTitle }
  var threatTitle: String { reports[0].report.threatTitle }

  /// The names of what is compared.
  package var summary: String {
    "comparison of " + reports.map(\.name).joined(separator: ", ")
  }

  /// Accuracies and differences, a row a label; values a line a report and row.
  package var sheet: ResultSheet {
    let showsBudgets = reports.contains { $0.report.showsBudgets }
    let keys: [ResultColumn<String>] = [
      .key("row") { $0 },
      .key("budget", if: showsBudgets) { label in
        reports.lazy.compactMap { Self.row($0.report, label) }.first?.budgetCell ?? "-"
      },
    ]
    return ResultSheet(
      titles: [dataTitle, threatTitle], columns: keys + reports.indices.flatMap(columns),
      rows: rows, values: values,
      lines: reports.flatMap { name, report in report.scenarios.map { (name, $0) } }, notes: notes)
  }

  /// The columns of a report, those of the differences behind the first one's.
  private func columns(_ index: Int) -> [ResultColumn<String>] {
    let (name, report) = reports[index]
    // Some row counts samples that are wrong when clean: both accuracies are shown.
    let showsAccuracy = reports.contains {
      $0.report.scenarios.contains { $0.accuracy != $0.strict }
    }
    let strict = (showsAccuracy ? "strict " : "") + "accuracy: right clean and attacked"
    let own: [ResultColumn<String>] = [
      .number(name, rank: index, means: index == 0 ? strict : nil) {
        NumberText.percent(Self.row(report, $0)?.strict.value)
      },
      .number(
        "(accuracy)", rank: index, if: showsAccuracy,
        means: index == 0 ? "(accuracy): right attacked, whatever the clean image was" : nil
      ) { NumberText.percent(Self.row(report, $0)?.accuracy.value) },
    ]
    guard index > 0 else { return own }
    let corrected = correction == .holm
    let meaning =
      "difference to \(reports[0].name) of strict accuracy in points over the same samples: paired "
      + "bootstrap interval, exact McNemar p"
      + (corrected ? " by Holm's correction for \(differences.count) tests" : "")
      + "; * p < 0.05, which decides, and the interval excludes 0"
    let paired: [ResultColumn<String>] = [
      .number("difference", rank: index, means: index == 1 ? meaning : nil) {
        guard let tested = tested(name, row: $0) else { return "-" }
        let value = tested.paired.value
        return (value > 0 ? "+" : "") + NumberText.points(value) + (tested.isDifference ? "*" : " ")
      },
      .number("95 % interval", rank: index) {
        NumberText.points(tested(name, row: $0)?.paired.interval)
      },
      .number(corrected ? "p (Holm)" : "p", rank: index) {
        guard let tested = tested(name, row: $0) else { return "-" }
        let p = tested.corrected ?? tested.paired.p
        return p < 0.0001 ? "<0.0001" : NumberText.fixed(p, 4)
      },
    ]
    return own + paired
  }

  private var values: [ResultColumn<(name: String, row: ScenarioResult)>] {
    func paired(_ line: (name: String, row: ScenarioResult)) -> PairedDifference? {
      difference(line.name, row: line.row.label)
    }
    return [
      .value("name") { $0.name }, .value("row") { $0.row.label },
      .value("norm") { $0.row.budget?.norm.rawValue }, .value("eps") { $0.row.budget?.epsilon },
      .value("threat") { $0.row.threatText }, .value("n") { $0.row.accuracy.total },
      .value("strict") { $0.row.strict.value },
      .value("strict_low") { $0.row.strict.wilson?.lowerBound },
      .value("strict_high") { $0.row.strict.wilson?.upperBound },
      .value("accuracy") { $0.row.accuracy.value },
      .value("low") { $0.row.accuracy.wilson?.lowerBound },
      .value("high") { $0.row.accuracy.wilson?.upperBound },
      .value("difference") { paired($0)?.value },
      .value("difference_low") { paired($0)?.interval.lowerBound },
      .value("difference_high") { paired($0)?.interval.upperBound }, .value("p") { paired($0)?.p },
      .value("p_corrected") { tested($0.name, row: $0.row.label)?.corrected },
      .value("is_difference") { tested($0.name, row: $0.row.label)?.isDifference },
    ]
  }

  /// The reports' records and the differences.
  package var json: JSONValue {
    .record([
      "correction": .string(correction.rawValue),
      "reports": .array(
        reports.map { .record(["name": .string($0.name), "report": $0.report.json]) }),
      "differences": .array(
        differences.map { one in
          .record([
            "name": .string(one.name), "to": .string(reports[0].name), "row": .string(one.row),
            "of": "strict", "n": .integer(Int64(one.paired.total)),
            "difference": .number(one.paired.value), "interval": .interval(one.paired.interval),
            "is_difference": .bool(one.isDifference), "p": .number(one.paired.p),
            "p_corrected": .optional(one.corrected),
            "lost": .integer(Int64(one.paired.lost)),
            "gained": .integer(Int64(one.paired.gained)),
          ])
        }), "notes": .strings(notes),
    ])
  }

  /// `comparison.json` and its tables.
  package var files: ResultFiles { ResultFiles(table: "comparison", report: "comparison") }

  /// Where a model's own record and report stand in a comparison's folder, `1-NAME`.
  package static func folder(of name: String, number: Int, in folder: String) -> String {
    "\(folder)/\(number)-\(FileNames.plain(name))"
  }
}
