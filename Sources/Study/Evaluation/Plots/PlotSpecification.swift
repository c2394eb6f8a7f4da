internal import Diagnostics

/// What a plot shows; writers turn it into a picture or into text.
package struct PlotSpecification: Equatable, Sendable {
  /// The form of the plot.
  package enum Kind: String, Sendable, CaseIterable {
    /// One group of bars a category, one bar a series.
    case bar
    /// One line a series.
    case line
    /// Coloured cells of a matrix.
    case heatmap
  }

  /// One row of bars, or one line.
  package struct Series: Equatable, Sendable {
    /// Its name in the legend; empty for none.
    package var name: String
    /// Places on the x axis, or empty for 0, 1 and so on; bars stand at their categories anyway.
    package var x: [Double]
    /// Values; one that is not finite leaves a gap.
    package var y: [Double]
    /// Lower ends of error bars; empty for none.
    package var low: [Double]
    /// Upper ends of error bars; empty for none.
    package var high: [Double]

    package init(
      name: String = "", x: [Double] = [], y: [Double], low: [Double] = [], high: [Double] = []
    ) {
      self.name = name
      self.x = x
      self.y = y
      self.low = low
      self.high = high
    }
  }

  /// The form of the plot.
  package var kind: Kind
  /// Text above the plot.
  package var title = ""
  /// A smaller second line above the plot.
  package var subtitle = ""
  /// Text along the x axis.
  package var xLabel = ""
  /// Text along the y axis.
  package var yLabel = ""
  /// The lines, or the bars of one colour.
  package var series: [Series] = []
  /// Names under groups of bars, or of a heatmap's columns.
  package var categories: [String] = []
  /// Names of a heatmap's rows.
  package var rowNames: [String] = []
  /// A heatmap's values, row by row.
  package var matrix: [[Double]] = []
  /// Values are percentages: the axis runs from 0 to 100.
  package var isPercent = false
  /// Logarithmic x axis.
  package var hasLogX = false
  /// Logarithmic y axis.
  package var hasLogY = false
  /// Width of the picture in pixels.
  package var width = 1000
  /// Height of the picture in pixels.
  package var height = 600

  /// An empty plot of a kind.
  package init(_ kind: Kind) { self.kind = kind }

  /// Checks that lengths agree and that there is something to show.
  ///
  /// - Throws: `KilpiError` naming the series and the lengths.
  package func check() throws {
    guard (100...10_000).contains(width), (100...10_000).contains(height) else {
      throw KilpiError("the size \(width) x \(height) is outside 100 … 10000 pixels")
    }
    if kind == .heatmap { return try checkMatrix() }
    guard !series.isEmpty else { throw KilpiError("there is no series to plot") }
    for (index, one) in series.enumerated() {
      let name = one.name.isEmpty ? "series \(index + 1)" : "series '\(one.name.prefix(40))'"
      if one.y.isEmpty { throw KilpiError("\(name) has no values") }
      for (what, list) in [("x", one.x), ("low", one.low), ("high", one.high)]
      where !list.isEmpty && list.count != one.y.count {
        throw KilpiError("\(name) has \(list.count) values of \(what) and \(one.y.count) of y")
      }
      guard one.low.isEmpty == one.high.isEmpty else {
        throw KilpiError("\(name) has only one end of its error bars")
      }
      if kind == .bar, !categories.isEmpty, one.y.count != categories.count {
        throw KilpiError(
          "\(name) has \(one.y.count) values for \(categories.count) categories",
          advice: "write nan for a value that is missing")
      }
    }
    guard series.contains(where: { $0.y.contains(where: \.isFinite) }) else {
      throw KilpiError("no value is finite: there is nothing to plot")
    }
  }

  private func checkMatrix() throws {
    guard let width = matrix.first?.count, width > 0 else {
      throw KilpiError("the heatmap has no values")
    }
    for (index, row) in matrix.enumerated() where row.count != width {
      throw KilpiError(
        "row \(index + 1) of the heatmap has \(row.count) values, the first has \(width)")
    }
    for (what, names, count) in [
      ("columns", categories, width), ("rows", rowNames, matrix.count),
    ] where !names.isEmpty && names.count != count {
      throw KilpiError("there are \(names.count) names for \(count) \(what) of the heatmap")
    }
    guard matrix.contains(where: { $0.contains(where: \.isFinite) }) else {
      throw KilpiError("no value is finite: there is nothing to plot")
    }
  }
}

extension PlotSpecification {
  /// The largest size of a number that gnuplot's axes can hold.
  private static let largest = 1e307

  /// Checks that a picture can hold the numbers.
  ///
  /// - Throws: `KilpiError` with the first that it cannot.
  func checkDrawable() throws {
    let lists =
      series.enumerated().flatMap { index, one in
        [one.x, one.y, one.low, one.high].map { ("series \(index + 1)", $0) }
      } + matrix.map { ("the heatmap", $0) }
    for (what, list) in lists {
      guard let value = list.first(where: { $0.isFinite && $0.magnitude > Self.largest }) else {
        continue
      }
      throw KilpiError(
        "\(what) holds \(value), larger than \(Self.largest), which no axis can show",
        advice: "divide the numbers first")
    }
  }

  /// No attack was run at several budgets.
  static let noCurve = KilpiError(
    "no attack was run at several budgets",
    advice: "give a list, eps = {\"1/255\", \"2/255\"}, or leave kind out")
}
