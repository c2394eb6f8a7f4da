internal import Diagnostics

/// Writes the gnuplot script of a plot.
///
/// Goals, in order: no text of a user can be anything but text; the picture reads well without
/// settings; the script depends on the specification alone.
///
/// Text goes into single-quoted strings, in which gnuplot knows no escapes and runs no commands (in
/// double quotes a backtick runs a shell), and is drawn with `noenhanced`. Category names are labels,
/// not tics, since tics read `%` as a number format. Data blocks hold numbers only.
struct GnuplotScript {
  /// A picture format.
  enum Format: String, CaseIterable {
    case png, svg, pdf

    func terminal(_ width: Int, _ height: Int) -> String {
      switch self {
      case .png:
        return "pngcairo noenhanced size \(width),\(height) font 'DejaVu Sans,12' background "
          + "rgb '#ffffff'"
      case .svg:
        return "svg noenhanced size \(width),\(height) font 'DejaVu Sans,12' background '#ffffff'"
      case .pdf:
        let (w, h) = (Double(width) / 100, Double(height) / 100)
        return "pdfcairo noenhanced size \(w)in,\(h)in font 'DejaVu Sans,12' background "
          + "rgb '#ffffff'"
      }
    }
  }

  /// Colours that stay apart for colour-blind readers (Okabe and Ito), after a quiet first one.
  static let colors = [
    "#8c96a3", "#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#56b4e9", "#b8a800",
  ]

  let plot: PlotSpecification
  private var bytes: [UInt8] = []

  /// Bytes that the script of a point takes at most: four numbers of 24 digits, in an array that doubles.
  private static let pointBytes = 200

  /// The script of a checked specification, in UTF-8.
  ///
  /// - Throws: `KilpiError` of kind `memory` when there is no room, and on interrupt.
  static func text(_ plot: PlotSpecification, format: Format) throws -> [UInt8] {
    let points =
      plot.series.reduce(0) { $0 + $1.y.count } + 2 * plot.matrix.reduce(0) { $0 + $1.count }
    try MemoryReservation.ask(points.multipliedClamped(by: pointBytes))
    var script = GnuplotScript(plot: plot)
    script.add("set terminal " + format.terminal(plot.width, plot.height))
    script.writeFrame()
    switch plot.kind {
    case .bar: try script.writeBars()
    case .line: try script.writeLines()
    case .heatmap: try script.writeHeatmap()
    }
    return script.bytes
  }

  private init(plot: PlotSpecification) { self.plot = plot }

  mutating func add(_ line: String) {
    bytes.append(contentsOf: line.utf8)
    bytes.append(UInt8(ascii: "\n"))
  }

  /// A text as a gnuplot string: single quotes, doubled inside; control characters become spaces.
  static func quoted(_ text: String) -> String {
    var result = "'"
    for scalar in text.unicodeScalars {
      switch scalar.properties.generalCategory {
      case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate: result += " "
      default: result += scalar == "'" ? "''" : String(scalar)
      }
    }
    return result + "'"
  }

  /// A number in data: gaps are NaN.
  static func number(_ value: Double) -> String { value.isFinite ? "\(value)" : "NaN" }

  // MARK: What all kinds share

  private mutating func writeFrame() {
    add("set encoding utf8")
    add("set border 3 linecolor rgb '#666666'")
    add("set tics nomirror textcolor rgb '#333333'")
    add("set ytics scale 0.5")
    let isTitled = !plot.title.isEmpty
    let top = 40.0 / Double(plot.height)
    if isTitled {
      writeCentred(plot.title, y: 1 - 0.8 * top, size: 15, color: "#222222")
    }
    if !plot.subtitle.isEmpty {
      writeCentred(plot.subtitle, y: 1 - (isTitled ? 1.5 : 0.7) * top, size: 11, color: "#666666")
    }
    let rows = (isTitled ? 1.3 : 0.5) + (plot.subtitle.isEmpty ? 0 : 0.7)
    add("set tmargin at screen \(Self.short(1 - rows * top))")
    if !plot.yLabel.isEmpty {
      add("set ylabel \(Self.quoted(plot.yLabel)) noenhanced textcolor rgb '#333333'")
    }
    if plot.kind != .heatmap {
      add("set grid ytics linetype 1 linewidth 1 linecolor rgb '#e4e4e4'")
      let isNamed = plot.series.contains { !$0.name.isEmpty }
      add(
        isNamed
          ? "set key noenhanced center bmargin horizontal samplen 2 spacing 1.3" : "set key off")
    }
    if plot.hasLogY, plot.kind != .heatmap { add("set logscale y") }
  }

  /// A line of text across the picture, smaller when it would not fit, cut when it still does not.
  private mutating func writeCentred(_ text: String, y: Double, size: Int, color: String) {
    // DejaVu Sans is about 0.62 of its size wide on average; a point is 4/3 pixels here.
    func fits(_ size: Int) -> Int {
      Int(clamped: Double(plot.width - 20) / (0.62 * 4 / 3 * Double(size)))
    }
    let chosen = (9...size).reversed().first { text.count <= fits($0) } ?? 9
    let cut = text.count <= fits(chosen) ? text : text.prefix(fits(chosen) - 1) + "…"
    add(
      "set label \(Self.quoted(String(cut))) noenhanced at screen 0.5,\(Self.short(y)) center "
        + "font 'DejaVu Sans,\(chosen)' textcolor rgb '\(color)'")
  }

  /// Names under the places 0, 1, 2, … of the x axis, broken into up to three lines.
  ///
  /// - Returns: lines that were needed.
  mutating func writeCategories(_ names: [String]) -> Int {
    let columns = max(4, Int(clamped: Double(plot.width - 110) / Double(max(names.count, 1)) / 9.0))
    let broken = names.map { Self.broken($0, columns: columns) }
    for (index, lines) in broken.enumerated() {
      for (row, line) in lines.enumerated() {
        let offset = -0.9 - 1.15 * Double(row)
        add(
          "set label \(Self.quoted(line)) noenhanced at first \(index), graph 0 center "
            + "offset 0,\(Self.short(offset)) font 'DejaVu Sans,11' textcolor rgb '#333333'")
      }
    }
    return broken.map(\.count).max() ?? 1
  }

  /// A name in at most three lines of at most `columns` characters, broken at its own line ends
  /// first.
  static func broken(_ name: String, columns: Int) -> [String] {
    var lines = name.split(whereSeparator: \.isNewline).flatMap {
      TextTable.wrapped(String($0), width: columns)
    }
    if lines.count > 3 { lines = Array(lines[..<2]) + [lines[2] + "…"] }
    return lines.map { $0.count <= columns ? $0 : $0.prefix(max(columns - 1, 1)) + "…" }
  }

  /// Room below the axes for names, axis label and legend.
  mutating func writeBottom(nameLines: Int) {
    var rows = 1.6 + 1.15 * Double(nameLines)
    if !plot.xLabel.isEmpty {
      let down = -Double(max(nameLines - 1, 0)) * 1.15
      add(
        "set xlabel \(Self.quoted(plot.xLabel)) noenhanced textcolor rgb '#333333' offset 0,"
          + Self.short(down))
      rows += 1.2
    }
    if plot.kind != .heatmap, plot.series.contains(where: { !$0.name.isEmpty }) { rows += 1.4 }
    add("set bmargin \(Self.short(rows))")
  }

  /// A number with at most three decimals, for places.
  static func short(_ value: Double) -> String { "\((value * 1000).rounded() / 1000)" }
}
