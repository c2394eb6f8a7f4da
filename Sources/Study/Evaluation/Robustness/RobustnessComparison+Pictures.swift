internal import Diagnostics
package import Images

extension RobustnessComparison {
  /// Bars of all reports, grouped by row.
  package func barChart(k: Int = 1) -> PlotSpecification {
    var plot = PlotSpecification(.bar)
    plot.title = dataTitle + ": " + reports.map(\.name).joined(separator: ", ")
    plot.subtitle = threatTitle
    plot.yLabel = "accuracy (%), 95 % interval"
    plot.isPercent = true
    plot.categories = rows.map { label in
      reports.lazy.compactMap { Self.row($0.report, label) }.first
        .map(\.category) ?? label
    }
    plot.series = reports.map { name, report in
      .init(name, rows.map { Self.row(report, $0)?.accuracy })
    }
    return plot
  }

  /// Lines of accuracy against budget, one a report and attack that was run at several budgets; nil where
  /// there is none.
  package func curveChart(k: Int = 1) -> PlotSpecification? {
    let plots = reports.compactMap { name, report in
      report.curveChart().map { (name, report, $0) }
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

  /// The same samples for every report: the clean images with their true classes, then each report's
  /// attacked images with what it takes them for, green where right, red where wrong.
  ///
  /// - Parameters:
  ///   - row: which attack's images, by its label; nil for the first.
  ///   - limit: at most so many samples; nil for all that every report kept.
  /// - Throws: `KilpiError` when a report kept no pictures of the row, or they share no sample.
  package func grid(row: String? = nil, limit: Int? = nil) throws -> PixelImage {
    let first = reports[0].report
    let chosen = try PictureSheet.row(row, of: first)
    for (_, report) in reports { _ = try PictureSheet.row(chosen, of: report) }
    var sheet = PictureSheet(
      title: "\(chosen), \(threatTitle)",
      rowTitles: ["clean"] + reports.map { TextTable.cut($0.name, to: 24) })
    for picture in first.pictures where sheet.columns.count < limit ?? .max {
      let attacked = reports.compactMap { _, report in
        report.pictures.first { $0.id == picture.id }?.attacked.first { $0.row == chosen }
      }
      guard attacked.count == reports.count else { continue }
      let clean = ImageGrid.Tile(
        try PixelImage(picture.image), caption: "true: " + first.className(picture.label))
      sheet.columns.append(
        try [clean]
          + attacked.map {
            try first.tile($0.image, prediction: $0.prediction, label: picture.label)
          })
    }
    guard !sheet.columns.isEmpty else {
      throw KilpiError(
        "the reports kept no pictures of the same samples",
        advice: "evaluate both on the same samples")
    }
    return try sheet.rendered()
  }

  /// Writes the grid as an image file; see `grid(row:limit:)`.
  package func images(_ path: String, row: String? = nil, limit: Int? = nil) throws {
    try ImageFile.save(grid(row: row, limit: limit), to: path)
  }
}
