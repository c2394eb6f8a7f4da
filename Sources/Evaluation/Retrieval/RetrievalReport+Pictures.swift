internal import Attacks

extension RetrievalReport {
  /// Bars of recall at `k`, a group a row and a colour a direction.
  public func plotSpecification(k: Int) -> PlotSpecification {
    var plot = PlotSpecification(.bar)
    plot.title = "\(name): \(dataTitle)"
    plot.subtitle = threatTitle
    plot.yLabel = "R@\(k) (%), 95 % interval"
    plot.isPercent = true
    plot.categories = scenarios.map {
      $0.attack.isEmpty ? $0.kind.rawValue : $0.kind.rawValue + "\n" + $0.attack
    }
    plot.series = RetrievalDirection.allCases.map { series($0, scenarios, k: k) }
    return plot
  }

  /// Lines of recall at `k` against budget, one an attack and direction, from the clean recall at 0; nil
  /// where no attack was run at several budgets.
  public func curveSpecification(k: Int) -> PlotSpecification? {
    let groups = Dictionary(
      grouping: scenarios.filter { !$0.family.isEmpty && $0.budget?.isLimited == true }
    ) { "\($0.kind.rawValue)/\($0.family) (\($0.budget?.norm.rawValue ?? ""))" }
    .filter { $0.value.count > 1 }.sorted { $0.key < $1.key }
    guard !groups.isEmpty else { return nil }
    let isLinf = groups.allSatisfy { $0.value.allSatisfy { $0.budget?.norm == .linf } }
    var plot = PlotSpecification(.line)
    plot.title = "\(name): \(dataTitle)"
    plot.subtitle = "at \(width) x \(height) pixels (native)"
    plot.xLabel = isLinf ? "budget, linf, in levels of 1/255" : "budget in pixel units of 0 … 1"
    plot.yLabel = "R@\(k) (%), 95 % interval"
    plot.isPercent = true
    for (label, rows) in groups {
      let rows = rows.sorted { ($0.budget?.epsilon ?? 0) < ($1.budget?.epsilon ?? 0) }
      let hasZero = rows.contains { $0.budget?.epsilon == 0 }
      let points = Array(hasZero ? [] : scenarios.prefix(1)) + rows
      for direction in RetrievalDirection.allCases {
        var line = series(direction, points, k: k)
        line.name = groups.count > 1 ? "\(label), \(line.name)" : line.name
        line.x = points.map { ($0.budget?.epsilon ?? 0) * (isLinf ? 255 : 1) }
        plot.series.append(line)
      }
    }
    return plot
  }

  private func series(
    _ direction: RetrievalDirection, _ rows: [RetrievalScenario], k: Int
  ) -> PlotSpecification.Series {
    let recalls = rows.map { $0.recall(direction, at: k) }
    func percent(_ value: Double?) -> Double { 100 * (value ?? .nan) }
    return .init(
      name: direction == .imageToText ? "finds captions" : "finds images",
      y: recalls.map { percent($0?.value) },
      low: recalls.map { percent($0?.wilson?.lowerBound) },
      high: recalls.map { percent($0?.wilson?.upperBound) })
  }

  /// Writes the picture; see `RobustnessReport.plot(_:asCurve:)`.
  public func plot(_ path: String, k: Int = 1, asCurve: Bool? = nil) throws {
    let curve = asCurve == false ? nil : curveSpecification(k: k)
    if asCurve == true, curve == nil { throw PlotSpecification.noCurve }
    try PlotWriter.save(curve ?? plotSpecification(k: k), to: path)
  }
}
