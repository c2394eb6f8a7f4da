internal import AttackPlans
package import Attacks
internal import Files

/// A row of a report: what was changed, within which bounds, and whether it may be believed.
package protocol ScenarioRow {
  /// What was changed.
  var kind: ScenarioKind { get }
  /// The attack's name; empty where there is none.
  var attack: String { get }
  /// The attack's name without its budget, where rows differ in that alone; else empty.
  var family: String { get }
  /// What images may become; nil where they stay as they are.
  var threat: ThreatModel? { get }
  /// Which texts change, `prompts` or `captions`; nil for none.
  var changedSide: String? { get }
  /// Reasons why the row must not be believed.
  var problems: [String] { get }
}

extension ScenarioRow {
  /// Scenario and attack: `image/pgd`; `clean` and `worst` alone.
  package var label: String { attack.isEmpty ? kind.rawValue : kind.rawValue + "/" + attack }

  /// The norm and radius of its threat model.
  package var budget: Budget? { threat?.budget }

  /// What may be changed, in words: `linf 8/255`, `prompts`, `linf 8/255 and prompts`, `nothing`.
  package var threatText: String {
    let parts = [threat?.description, changedSide].compactMap { $0 }
    return parts.isEmpty ? "nothing" : parts.joined(separator: " and ")
  }

  /// The label without the budget.
  var familyLabel: String { kind.rawValue + "/" + family }

  /// Its name under bars, on two lines.
  var category: String { attack.isEmpty ? kind.rawValue : kind.rawValue + "\n" + attack }

  /// The cell `scenario` of tables.
  var scenarioCell: String { kind.rawValue + (problems.isEmpty ? "" : " (invalid)") }

  /// The cell `budget` of tables.
  var budgetCell: String { kind == .clean ? "-" : threatText }

  /// What tells it apart, as the first members of its JSON.
  var identity: [JSONValue.Member] {
    [
      .init("label", .string(label)), .init("scenario", .string(kind.rawValue)),
      .init("attack", .string(attack)), .init("family", .string(family)),
      .init("norm", budget.map { .string($0.norm.rawValue) } ?? .null),
      .init("eps", .optional(budget?.epsilon)), .init("threat", .string(threatText)),
      .init("threat_model", threat?.json ?? .null),
    ]
  }
}

/// A report of rows about one model, `clean` first.
package protocol ScenarioReport: ResultReport {
  /// What a row holds.
  associatedtype Row: ScenarioRow
  /// The model's name.
  var name: String { get }
  /// Rows, `clean` first.
  var scenarios: [Row] { get }
  /// The data set and how much of it.
  var dataTitle: String { get }
  /// Width of the images that were perturbed.
  var width: Int { get }
  /// Height of the images that were perturbed.
  var height: Int { get }
  /// Where the perturbation lives.
  var perturbationPlace: PerturbationPlace { get }
  /// What charts show of a row: the axis, and for each colour its name and the share.
  ///
  /// - Parameter k: the cut-off of recall.
  func measures(k: Int) -> (axis: String, series: [(name: String, value: (Row) -> Proportion?)])
}

extension ScenarioReport {
  /// The row of a label such as `clean`, `image/pgd` or `worst`; a kind's name alone is its first row,
  /// and none where its rows have different threat models.
  package func scenario(_ label: String) -> Row? { try? row(label) }

  /// The row of a label; see `scenario(_:)`.
  ///
  /// - Throws: `KilpiError` that names the rows there are.
  package func row(_ label: String) throws -> Row {
    let place = try ScenarioLabel.place(
      of: label,
      among: scenarios.map { .init($0.label, kind: $0.kind, family: $0.family, threat: $0.threat) })
    return scenarios[place]
  }

  /// The threat model: `linf 8/255 at 28 x 28 pixels (native)`.
  package var threatTitle: String {
    guard let first = scenarios.lazy.compactMap(\.threat).first else { return "images of " + place }
    return (showsBudgets ? "budgets of each row," : first.description) + " at " + place
  }

  /// Size and place of what is perturbed: `28 x 28 pixels (native)`.
  var place: String { "\(width) x \(height) pixels (\(perturbationPlace.rawValue))" }

  /// Rows differ in their threat models: each has its own beside it.
  var showsBudgets: Bool {
    let threats = scenarios.compactMap(\.threat)
    return threats.contains { $0 != threats[0] }
  }

  // MARK: Charts

  /// Bars of the rows with their intervals.
  package func barChart(k: Int = 1) -> PlotSpecification {
    var plot = PlotSpecification(.bar)
    plot.title = "\(name): \(dataTitle)"
    plot.subtitle = threatTitle
    let (axis, measures) = measures(k: k)
    plot.yLabel = axis + " (%), 95 % interval"
    plot.isPercent = true
    plot.categories = scenarios.map(\.category)
    plot.series = measures.map { .init($0.name, scenarios.map($0.value)) }
    return plot
  }

  /// Lines over budgets, one an attack that was run at several, each from the clean value at 0; nil where
  /// there is none.
  package func curveChart(k: Int = 1) -> PlotSpecification? {
    let curves = curves
    guard !curves.isEmpty else { return nil }
    var plot = PlotSpecification(.line)
    plot.title = "\(name): \(dataTitle)"
    plot.subtitle = "at " + place
    let (axis, measures) = measures(k: k)
    plot.yLabel = axis + " (%), 95 % interval"
    plot.isPercent = true
    let isLinf = curves.allSatisfy { $0.rows.allSatisfy { $0.budget?.norm == .linf } }
    plot.xLabel = isLinf ? "budget, linf, in levels of 1/255" : "budget in pixel units of 0 … 1"
    for (label, rows) in curves {
      let hasZero = rows.contains { $0.budget?.epsilon == 0 }
      let points = Array(hasZero ? [] : scenarios.prefix(1)) + rows
      for measure in measures {
        let showsLabel = curves.count > 1 || measure.name.isEmpty
        let names = [showsLabel ? label : "", measure.name].filter { !$0.isEmpty }
        var line = PlotSpecification.Series(
          names.joined(separator: ", "), points.map(measure.value))
        line.x = points.map { ($0.budget?.epsilon ?? 0) * (isLinf ? 255 : 1) }
        plot.series.append(line)
      }
    }
    return plot
  }

  /// Rows of one attack at several budgets of one norm, from small to large; none where there are no
  /// such.
  var curves: [(name: String, rows: [Row])] {
    let points = scenarios.filter { !$0.family.isEmpty }
    let normsDiffer = Set(points.compactMap(\.budget?.norm)).count > 1
    var names: [String] = []
    var rows: [String: [Row]] = [:]
    for row in points {
      guard let budget = row.budget, budget.isLimited else { continue }
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
}

extension PlotSpecification.Series {
  /// Shares in percent with their intervals; a missing one is a gap.
  init(_ name: String, _ shares: [Proportion?]) {
    func percent(_ value: Double?) -> Double { 100 * (value ?? .nan) }
    self.init(
      name: name, y: shares.map { percent($0?.value) },
      low: shares.map { percent($0?.wilson?.lowerBound) },
      high: shares.map { percent($0?.wilson?.upperBound) })
  }
}
