internal import Diagnostics
internal import Evaluation
internal import Files
internal import Images
internal import LuaHost
internal import Tensors

/// The module `plot`.
enum PlotLibrary {
  static let library = Library(
    "plot",
    doc: """
      Charts through gnuplot: PNG, SVG or PDF by the path's extension, text in the terminal without a \
      path. Numbers are given as tables; NaN is a gap.
      """,
    entries: [line, bar, heatmap])

  private static let labels: [OptionSpec] = [
    .string("title", default: "", "title"), .string("xlabel", default: "", "label of the x axis"),
    .string("ylabel", default: "", "label of the y axis"),
    .string("path", "file to write; text in the terminal when not given"),
    .boolean("percent", default: false, "values are percentages: an axis from 0 to 100"),
  ]

  private static let series = OptionSpec.any(
    "series", type: "table[]", "several curves: {name = …, x = {…}, y = {…}}")

  private static let line = Entry(
    "line", "(options: table)", doc: "Curves: y over x, or several series.",
    options: [
      .numbers("x", "positions; 1, 2, … when not given"), .numbers("y", "values"), series,
      .boolean("logx", default: false, "logarithmic x axis"),
      .boolean("logy", default: false, "logarithmic y axis"),
    ] + labels,
    example: """
      local path = os.tmpname() .. ".svg"
      plot.line{y = {2.3, 1.1, 0.6, 0.4}, title = "loss", xlabel = "epoch", path = path}
      print(io.open(path):read("l"):sub(1, 5))  --> <?xml
      """
  ) { call in
    let options = try call.options(1)
    var plot = PlotSpecification(.line)
    plot.hasLogX = try options.boolean("logx")
    plot.hasLogY = try options.boolean("logy")
    plot.series = try curves(options, call)
    for index in plot.series.indices where plot.series[index].x.isEmpty {
      plot.series[index].x = try plot.series[index].y.indices.mapped { Double($0 + 1) }
    }
    return try finish(plot, options, call)
  }

  private static let bar = Entry(
    "bar", "(options: table)", doc: "Bars: one value a category, or several series side by side.",
    options: [.strings("categories", "names under the bars"), .numbers("y", "values"), series]
      + labels,
    example: """
      local path = os.tmpname() .. ".svg"
      plot.bar{y = {85, 12}, categories = {"clean", "pgd"}, percent = true, path = path}
      print(io.open(path):read("l"):sub(1, 5))  --> <?xml
      """
  ) { call in
    let options = try call.options(1)
    var plot = PlotSpecification(.bar)
    plot.series = try curves(options, call)
    plot.categories =
      try options.stringsIfGiven("categories")
      ?? (plot.series.first?.y.indices.map { String($0 + 1) } ?? [])
    return try finish(plot, options, call)
  }

  private static let heatmap = Entry(
    "heatmap", "(options: table)", doc: "A matrix as colours, with its values written in.",
    options: [
      OptionSpec.any("matrix", type: "number[][]", "rows of numbers, the same length each")
        .mandatory,
      .strings("columns", "names of the columns"), .strings("rows", "names of the rows"),
    ] + labels,
    example: """
      local path = os.tmpname() .. ".svg"
      plot.heatmap{matrix = {{9, 1}, {2, 8}}, rows = {"cat", "dog"}, columns = {"cat", "dog"}, path = path}
      print(io.open(path):read("l"):sub(1, 5))  --> <?xml
      """
  ) { call in
    let options = try call.options(1)
    var plot = PlotSpecification(.heatmap)
    let matrix = try JSONConversion.value(options.tree("matrix"))
    guard let rows = matrix.array ?? (matrix.object?.isEmpty == true ? [] : nil) else {
      throw options.problem("matrix", "must be a list of rows")
    }
    plot.matrix = try rows.map { row in
      try (row.array ?? []).map { cell in
        guard let number = cell.double else {
          throw options.problem("matrix", "holds something other than numbers")
        }
        return number
      }
    }
    let width = plot.matrix.first?.count ?? 0
    plot.categories = try options.stringsIfGiven("columns") ?? (0..<width).map { String($0 + 1) }
    plot.rowNames = try options.stringsIfGiven("rows") ?? plot.matrix.indices.map { String($0 + 1) }
    return try finish(plot, options, call)
  }

  private static func curves(_ options: Options, _ call: Call) throws -> [PlotSpecification.Series]
  {
    guard let list = try options.value("series").table?.array() else {
      guard let y = try options.numbersIfGiven("y") else {
        throw KilpiError("there is nothing to draw", advice: "give y or series")
      }
      let x = options.has("x") ? try options.numbers("x") : []
      return [PlotSpecification.Series(name: "", x: x, y: y)]
    }
    return try list.enumerated().map { index, entry in
      let item = try call.options(
        entry.table,
        specs: [
          .string("name", default: "", "name in the legend"), .numbers("x", "positions"),
          .numbers("y", "values"), .numbers("low", "lower ends of intervals"),
          .numbers("high", "upper ends of intervals"),
        ], path: "series[\(index + 1)].")
      return PlotSpecification.Series(
        name: try item.string("name"), x: try item.numbersIfGiven("x") ?? [],
        y: try item.numbersIfGiven("y") ?? [], low: try item.numbersIfGiven("low") ?? [],
        high: try item.numbersIfGiven("high") ?? [])
    }
  }

  private static func finish(
    _ plot: PlotSpecification, _ options: Options, _ call: Call
  ) throws -> [any LuaConvertible] {
    var plot = plot
    plot.title = try options.string("title")
    plot.xLabel = try options.string("xlabel")
    plot.yLabel = try options.string("ylabel")
    plot.isPercent = try options.boolean("percent")
    if let path = try options.pathIfGiven("path", writing: true) {
      try PlotWriter.save(plot, to: path)
    } else {
      call.state.write(try PlotWriter.text(plot, width: 80) + "\n", to: .standard)
    }
    return []
  }
}
