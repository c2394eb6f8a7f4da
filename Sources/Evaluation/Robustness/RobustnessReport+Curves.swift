internal import Attacks

// Accuracy against budget, for attacks that were run at several.

extension RobustnessReport {
  /// Rows of one attack at several budgets of one norm, from small to large; none where there are no
  /// such.
  var curves: [(name: String, rows: [ScenarioResult])] {
    var names: [String] = []
    var rows: [String: [ScenarioResult]] = [:]
    for row in scenarios {
      guard let budget = row.budget, !row.family.isEmpty, budget.isLimited else { continue }
      let name = row.familyLabel + (normsDiffer ? " (\(budget.norm.rawValue))" : "")
      if rows[name] == nil { names.append(name) }
      rows[name, default: []].append(row)
    }
    return names.compactMap { name in
      let points = (rows[name] ?? []).sorted {
        ($0.budget?.epsilon ?? 0) < ($1.budget?.epsilon ?? 0)
      }
      return points.count > 1 ? (name, points) : nil
    }
  }

  private var normsDiffer: Bool {
    Set(scenarios.filter { !$0.family.isEmpty }.compactMap(\.budget?.norm)).count > 1
  }

  /// Lines of accuracy against budget, one an attack that was run at several budgets, each from the clean
  /// accuracy at 0; nil where there is none.
  public func curveSpecification() -> PlotSpecification? {
    guard !curves.isEmpty else { return nil }
    var plot = PlotSpecification(.line)
    plot.title = "\(name): \(dataTitle)"
    plot.subtitle = "at " + place
    plot.yLabel = "accuracy (%), 95 % interval"
    plot.isPercent = true
    let isLinf = curves.allSatisfy { $0.rows.allSatisfy { $0.budget?.norm == .linf } }
    plot.xLabel = isLinf ? "budget, linf, in levels of 1/255" : "budget in pixel units of 0 … 1"
    plot.series = curves.map { name, rows in series(name, rows, inLevels: isLinf) }
    return plot
  }

  /// One attack's accuracies at its budgets, behind the clean one at 0.
  func series(
    _ name: String, _ rows: [ScenarioResult], inLevels: Bool
  ) -> PlotSpecification.Series {
    let hasZero = rows.contains { $0.budget?.epsilon == 0 }
    let points = Array(hasZero ? [] : scenarios.prefix(1)) + rows
    var series = Self.series(name, points)
    series.x = points.map { ($0.budget?.epsilon ?? 0) * (inLevels ? 255 : 1) }
    return series
  }
}

extension RobustnessComparison {
  /// Lines of accuracy against budget, one a report and attack that was run at several budgets; nil where
  /// there is none.
  public func curveSpecification() -> PlotSpecification? {
    let plots = reports.compactMap { name, report in
      report.curveSpecification().map { (name, report, $0) }
    }
    guard var plot = plots.first?.2 else { return nil }
    plot.title = dataTitle + ": " + reports.map(\.name).joined(separator: ", ")
    let several = plots.contains { $0.1.curves.count > 1 }
    plot.series = plots.flatMap { name, _, own in
      own.series.map { series in
        var series = series
        series.name = several ? name + ", " + series.name : name
        return series
      }
    }
    return plot
  }
}
