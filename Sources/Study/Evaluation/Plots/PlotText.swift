internal import Diagnostics

extension PlotWriter {
  /// A plot as text for a terminal: bars of blocks, a small curve a line, a table of a heatmap.
  ///
  /// Needs no other program. A value that is not finite is a gap.
  ///
  /// - Parameter width: columns of the terminal; at least 30 are used.
  /// - Throws: `KilpiError` when the plot has no data.
  package static func text(_ plot: PlotSpecification, width: Int = 80) throws -> String {
    try plot.check()
    var lines: [String] = []
    for line in [plot.title, plot.subtitle] where !line.isEmpty { lines.append(clean(line)) }
    switch plot.kind {
    case .bar: lines += bars(plot, width: max(width, 30))
    case .line: lines += curves(plot, width: max(width, 30))
    case .heatmap: lines += cells(plot)
    }
    return lines.joined(separator: "\n") + "\n"
  }

  /// Text without control characters, which a terminal would obey.
  private static func clean(_ text: String) -> String {
    String(
      String.UnicodeScalarView(
        text.unicodeScalars.map { $0.properties.generalCategory == .control ? " " : $0 }))
  }

  private static func number(_ value: Double, _ plot: PlotSpecification) -> String {
    guard value.isFinite else { return "-" }
    return plot.isPercent ? NumberText.fixed(value, 1) : NumberText.significant(value, 4)
  }

  private static func bars(_ plot: PlotSpecification, width: Int) -> [String] {
    let count = plot.series.map(\.y.count).max() ?? 0
    let names =
      plot.categories.isEmpty ? (0..<count).map { String($0 + 1) } : plot.categories.map(clean)
    let isNamed = plot.series.count > 1
    var rows: [(label: String, value: Double)] = []
    for place in 0..<count {
      for series in plot.series where place < series.y.count {
        let label = isNamed ? names[place] + " · " + clean(series.name) : names[place]
        rows.append((label, series.y[place]))
      }
    }
    let values = rows.map(\.value).filter(\.isFinite)
    let largest = plot.isPercent ? 100 : max(values.max() ?? 0, 0)
    let labels = rows.map { TextTable.cut($0.label, to: width / 3) }
    let widest = labels.map(TextTable.width).max() ?? 0
    let numbers = rows.map { number($0.value, plot) }
    let digits = numbers.map(\.count).max() ?? 0
    let room = max(8, width - widest - 2 - digits)
    return rows.indices.map { index in
      let value = rows[index].value
      let share = largest > 0 && value.isFinite ? min(max(value / largest, 0), 1) : 0
      return TextTable.padded(labels[index], to: widest) + " " + bar(share, room) + " "
        + TextTable.padded(numbers[index], to: digits, onLeft: true)
    }
  }

  /// A bar of `share · width` columns, in eighths.
  private static func bar(_ share: Double, _ width: Int) -> String {
    let eighths = Int(clamped: (share * Double(width) * 8).rounded())
    let parts = [" ", "▏", "▎", "▍", "▌", "▋", "▊", "▉"]
    let whole = eighths / 8
    let rest = eighths % 8 == 0 ? "" : parts[eighths % 8]
    let text = String(repeating: "█", count: whole) + rest
    return TextTable.padded(text, to: width)
  }

  private static func curves(_ plot: PlotSpecification, width: Int) -> [String] {
    let all = plot.series.flatMap(\.y).filter(\.isFinite)
    guard let low = all.min(), let high = all.max() else { return [] }
    let names = plot.series.enumerated().map {
      TextTable.cut($1.name.isEmpty ? "series \($0 + 1)" : clean($1.name), to: width / 3)
    }
    let widest = names.map(TextTable.width).max() ?? 0
    return zip(names, plot.series).map { name, series in
      let ends = number(series.y.first ?? .nan, plot) + " → " + number(series.y.last ?? .nan, plot)
      let room = max(8, width - widest - 2 - TextTable.width(ends))
      return TextTable.padded(name, to: widest) + " "
        + sparkline(series.y, low: low, high: high, width: room) + " " + ends
    }
  }

  /// Block heights between `low` and `high`; values are averaged when there are more than columns.
  static func sparkline(_ values: [Double], low: Double, high: Double, width: Int) -> String {
    let blocks = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"]
    let columns = min(values.count, max(width, 1))
    return (0..<columns).map { column in
      let part = values[column * values.count / columns..<(column + 1) * values.count / columns]
        .filter(\.isFinite)
      guard !part.isEmpty else { return " " }
      // Halves and shares, since sums and differences of large numbers leave what a number can be.
      let mean = part.reduce(0) { $0 + $1 / Double(part.count) }
      let share = high > low ? min(max((mean / 2 - low / 2) / (high / 2 - low / 2), 0), 1) : 0
      return blocks[min(7, Int(clamped: share * 8))]
    }.joined()
  }

  private static func cells(_ plot: PlotSpecification) -> [String] {
    let columns = plot.matrix.first?.count ?? 0
    let header = plot.categories.isEmpty ? (0..<columns).map { String($0 + 1) } : plot.categories
    let names =
      plot.rowNames.isEmpty ? plot.matrix.indices.map { String($0 + 1) } : plot.rowNames
    var table = TextTable(
      columns: [.init("", isNumber: false)] + header.map { .init(clean($0), isNumber: true) })
    for (name, row) in zip(names, plot.matrix) {
      table.rows.append([clean(name)] + row.map { number($0, plot) })
    }
    return table.lines(width: Int.max)
  }
}
