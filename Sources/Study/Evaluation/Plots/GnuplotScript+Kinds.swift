// The three kinds of plots; what they share stands in GnuplotScript.swift.
internal import Diagnostics

extension GnuplotScript {
  /// How values are written beside bars and in cells.
  private var valueFormat: String { plot.isPercent ? "%.1f" : "%.3g" }

  /// The first colour is grey, for what others are compared with; a single series takes the second.
  private func color(_ index: Int) -> String {
    let shifted = plot.series.count == 1 ? 1 : index
    return Self.colors[shifted % Self.colors.count]
  }

  private mutating func writeValueAxis(top: Double?) {
    if plot.isPercent {
      add("set yrange [0:100]")
      add("set ytics 20")
    } else if let top {
      add("set yrange [*:\(Self.number(top))]")
    }
  }

  /// Values of all series that count, error bars included.
  private var allValues: [Double] {
    plot.series.flatMap { $0.y + $0.low + $0.high }.filter(\.isFinite)
  }

  // MARK: Bars

  mutating func writeBars() throws {
    let count = plot.series.map(\.y.count).max() ?? 0
    let names =
      plot.categories.isEmpty ? (0..<count).map { String($0 + 1) } : plot.categories
    let largest = allValues.max() ?? 1
    if !plot.isPercent, !plot.hasLogY, (allValues.min() ?? 0) >= 0 { add("set yrange [0:*]") }
    let hasRoom = !plot.isPercent && !plot.hasLogY && largest > 0
    if hasRoom, (allValues.min() ?? 0) >= 0 {
      add("set yrange [0:\(Self.number(largest * 1.12))]")
    } else {
      writeValueAxis(top: nil)
    }
    add("set xrange [-0.6:\(Self.short(Double(count) - 0.4))]")
    add("unset xtics")
    writeBottom(nameLines: writeCategories(names))
    add("set style fill solid 1 noborder")
    let share = 0.8 / Double(plot.series.count)
    for (index, series) in plot.series.enumerated() {
      add("$s\(index) << EOD")
      let shift = (Double(index) - Double(plot.series.count - 1) / 2) * share
      for (place, value) in series.y.enumerated() where value.isFinite {
        if place & 0xFFF == 0xFFF { try Interrupts.poll() }
        let low = series.low.isEmpty ? value : series.low[place]
        let high = series.high.isEmpty ? value : series.high[place]
        add(
          [Double(place) + shift, value, low, high].map(Self.number).joined(separator: " "))
      }
      add("EOD")
    }
    var parts: [String] = []
    for (index, series) in plot.series.enumerated() {
      parts.append(
        "$s\(index) using 1:2:(\(Self.short(share * 0.92))) with boxes linecolor rgb "
          + "'\(color(index))' title \(Self.quoted(series.name)) noenhanced")
    }
    // Bars of error are arrows with flat heads: gnuplot's own leave a hole around their middle.
    for (index, series) in plot.series.enumerated() where !series.low.isEmpty {
      parts.append(
        "$s\(index) using 1:3:(0):($4 > $3 ? $4 - $3 : NaN) with vectors heads size screen "
          + "0.004,90 linewidth 1.2 linecolor rgb '#333333' notitle")
    }
    let pixels = Double(plot.width - 110) / Double(count + 1) * share
    if pixels >= 14 {
      let size = pixels >= 34 ? 10 : 8
      for index in plot.series.indices {
        parts.append(
          "$s\(index) using 1:($4 > $2 ? $4 : $2):(sprintf('\(valueFormat)', $2)) with labels "
            + "offset 0,0.7 font 'DejaVu Sans,\(size)' textcolor rgb '#333333' notitle")
      }
    }
    add("plot " + parts.joined(separator: ", \\\n  "))
  }

  // MARK: Lines

  mutating func writeLines() throws {
    if plot.isPercent { writeValueAxis(top: nil) }
    if plot.hasLogX { add("set logscale x") }
    add("set grid xtics ytics linetype 1 linewidth 1 linecolor rgb '#e4e4e4'")
    add("set xtics scale 0.5")
    var nameLines = 1
    if !plot.categories.isEmpty {
      add("unset xtics")
      add("set xrange [-0.3:\(Self.short(Double(plot.categories.count) - 0.7))]")
      nameLines = writeCategories(plot.categories)
    }
    writeBottom(nameLines: nameLines)
    for (index, series) in plot.series.enumerated() {
      add("$s\(index) << EOD")
      for (place, value) in series.y.enumerated() {
        if place & 0xFFF == 0xFFF { try Interrupts.poll() }
        let x = series.x.isEmpty ? Double(place) : series.x[place]
        guard x.isFinite, value.isFinite else {
          // An empty line ends a stretch of the line.
          add("")
          continue
        }
        let low = series.low.isEmpty ? value : series.low[place]
        let high = series.high.isEmpty ? value : series.high[place]
        add([x, value, low, high].map(Self.number).joined(separator: " "))
      }
      add("EOD")
    }
    var parts: [String] = []
    // Bars of error are arrows with flat heads: gnuplot's own leave a hole around their middle.
    for (index, series) in plot.series.enumerated() where !series.low.isEmpty {
      parts.append(
        "$s\(index) using 1:3:4 with filledcurves fillstyle transparent solid 0.18 noborder "
          + "linecolor rgb '\(color(index))' notitle")
    }
    for (index, series) in plot.series.enumerated() {
      let form =
        series.y.count <= 40 ? "linespoints pointtype 7 pointsize 0.9" : "lines"
      parts.append(
        "$s\(index) using 1:2 with \(form) linewidth 2.2 linecolor rgb '\(color(index))' title "
          + "\(Self.quoted(series.name)) noenhanced")
    }
    add("plot " + parts.joined(separator: ", \\\n  "))
  }

  // MARK: Heatmaps

  mutating func writeHeatmap() throws {
    let (rows, columns) = (plot.matrix.count, plot.matrix[0].count)
    let values = plot.matrix.flatMap { $0 }.filter(\.isFinite)
    let low = plot.isPercent ? 0 : values.min() ?? 0
    let high = plot.isPercent ? 100 : values.max() ?? 1
    add("unset key")
    add("set border 0")
    add("unset xtics")
    add("set palette defined (0 '#f7fbff', 0.5 '#6baed6', 1 '#08306b')")
    add("set cbrange [\(Self.number(low)):\(Self.number(high > low ? high : low + 1))]")
    add("set xrange [-0.5:\(Self.short(Double(columns) - 0.5))]")
    add("set yrange [\(Self.short(Double(rows) - 0.5)):-0.5]")
    let names = plot.rowNames.isEmpty ? (1...rows).map(String.init) : plot.rowNames
    let widest = min(names.map(\.count).max() ?? 1, 24)
    add("set lmargin \(widest + (plot.yLabel.isEmpty ? 2 : 5))")
    add("unset ytics")
    for (row, name) in names.enumerated() {
      add(
        "set label \(Self.quoted(Self.broken(name, columns: 24).joined(separator: " "))) "
          + "noenhanced at graph 0, first \(row) right offset -1,0 font 'DejaVu Sans,11' "
          + "textcolor rgb '#333333'")
    }
    let header = plot.categories.isEmpty ? (1...columns).map(String.init) : plot.categories
    writeBottom(nameLines: writeCategories(header))
    // The image needs every cell; labels of cells without a value would read NaN.
    for (block, isWhole) in [("$cells", true), ("$known", false)] {
      add("\(block) << EOD")
      for (row, line) in plot.matrix.enumerated() {
        try Interrupts.poll()
        for (column, value) in line.enumerated() where isWhole || value.isFinite {
          add("\(column) \(row) \(Self.number(value))")
        }
      }
      add("EOD")
    }
    var parts = ["$cells using 1:2:3 with image pixels notitle"]
    if columns * rows <= 400 {
      let middle = Self.number(low + 0.55 * (high - low))
      for (condition, ink) in [("<", "#222222"), (">=", "#ffffff")] {
        parts.append(
          "$known using 1:2:($3 \(condition) \(middle) ? sprintf('\(valueFormat)', $3) : '') "
            + "with labels font 'DejaVu Sans,11' textcolor rgb '\(ink)' notitle")
      }
    }
    add("plot " + parts.joined(separator: ", \\\n  "))
  }
}
