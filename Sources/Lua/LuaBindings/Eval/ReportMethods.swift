internal import Diagnostics
internal import Evaluation
internal import Files
internal import LuaHost

/// A result as scripts hold it.
final class ReportHandle<Report: ResultReport & SendableMetatype>: LuaObject {
  let report: Report
  init(_ report: Report) { self.report = report }
}

typealias RobustnessHandle = ReportHandle<RobustnessReport>
typealias ComparisonHandle = ReportHandle<RobustnessComparison>
typealias RetrievalHandle = ReportHandle<RetrievalReport>

/// What every result offers scripts.
struct ReportMethods<Report: ResultReport & SendableMetatype> {
  /// Lines of an example that make a result `r`.
  let example: String
  /// What `save` writes.
  let files: String
  /// What `plot` draws.
  let charts: String
  /// The option `k` of charts of recall.
  var cutoff: [OptionSpec] = []

  /// The methods that print, save and draw.
  var methods: [Method<ReportHandle<Report>>] {
    [
      Method(
        "table", "([format: string]) -> string",
        doc: "The table: \"text\" when not given, \"markdown\", \"latex\" (booktabs) or \"csv\".",
        example: example + "print(#r:table() > 0, #r:table(\"csv\") > 0)  --> true\ttrue"
      ) { handle, call in
        if call.isNone(1) { return [handle.report.table()] }
        let name = try call.string(1)
        guard let format = TableFormat(rawValue: name) else {
          throw KilpiError(
            "there is no format '\(name.prefix(40))'",
            advice: "formats are \"text\", \"markdown\", \"latex\" and \"csv\"")
        }
        return [handle.report.table(format)]
      },
      Method(
        "markdown", "() -> string", doc: "The table as Markdown.",
        example: example + "print(r:markdown() == r:table(\"markdown\"))  --> true"
      ) { handle, _ in [handle.report.table(.markdown)] },
      Method(
        "save", "(folder: string)", doc: "Writes " + files,
        example: example + """
          local folder = os.tmpname() .. "-saved"
          r:save(folder)
          print(io.open(folder .. "/\(files.prefix { $0 != "," })"):read(1))  --> {
          """
      ) { handle, call in
        try handle.report.save(call.path(1, writing: true))
        return []
      },
      Method(
        "plot", "(path: string [, options])", doc: charts + " PNG, SVG or PDF.",
        options: cutoff + [
          .choice("kind", ["bars", "curve"], "the form; curve where there are several budgets")
        ],
        example: example + """
          local path = os.tmpname() .. ".svg"
          r:plot(path)
          print(io.open(path):read(5))  --> <?xml
          """
      ) { handle, call in
        let options = try call.options(2)
        let kind = try options.stringIfGiven("kind")
        try handle.report.plot(
          call.path(1, writing: true), k: cutoff.isEmpty ? 1 : options.integer("k"),
          asCurve: kind.map { $0 == "curve" })
        return []
      },
      Method(
        "to_table", "() -> table", doc: "Everything that the saved JSON file holds.",
        example: example + "print(type(r:to_table().notes))  --> table"
      ) { handle, _ in [JSONConversion.Pushed(value: handle.report.json)] },
    ]
  }

  /// How values are shown.
  var metamethods: [Entry] {
    @Sendable func report(_ call: Call) throws -> Report {
      try call.handle(1, as: ReportHandle<Report>.self).report
    }
    return [
      Entry("__tostring", "(r) -> string", doc: "One line.") { [try report($0).summary] },
      Entry("__print", "(r) -> string", doc: "The table.") { [try report($0).table()] },
      Entry("__display", "(r) -> table", doc: "The table.") { call in
        let report = try report(call)
        return [
          LuaRecord([("text/plain", report.table()), ("text/markdown", report.table(.markdown))])
        ]
      },
    ]
  }
}
