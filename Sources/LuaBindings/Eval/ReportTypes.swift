internal import Attacks
internal import Diagnostics
internal import Evaluation
internal import Files
internal import LuaHost

/// A report as scripts hold it.
final class RobustnessHandle: LuaObject {
  let report: RobustnessReport
  init(_ report: RobustnessReport) { self.report = report }
}

/// A comparison as scripts hold it.
final class ComparisonHandle: LuaObject {
  let comparison: RobustnessComparison
  init(_ comparison: RobustnessComparison) { self.comparison = comparison }
}

extension Call {
  /// One of a result's tables, by the first argument.
  func tableFormat(
    text: @autoclosure () -> String, markdown: @autoclosure () -> String,
    latex: @autoclosure () -> String, csv: @autoclosure () -> String
  ) throws -> String {
    switch isNone(1) ? "text" : try string(1) {
    case "text": return text()
    case "markdown": return markdown()
    case "latex": return latex()
    case "csv": return csv()
    case let other:
      throw KilpiError(
        "", "there is no format '\(other.prefix(40))'",
        advice: "formats are \"text\", \"markdown\", \"latex\" and \"csv\"")
    }
  }
}

extension EvalLibrary {
  private static let reportExample =
    example + """
      local r = eval.robustness{model = model, data = ds}

      """

  /// A row's accuracy and threat model.
  private static func accuracy(_ row: ScenarioResult) -> [any LuaConvertible] {
    row.kind == .clean ? [row.accuracy.value] : [row.accuracy.value, row.threatText]
  }

  private static func accuracies(_ row: ScenarioResult) -> LuaRecord {
    var record: LuaRecord = [
      "row": row.label, "accuracy": row.accuracy.value, "strict": row.strict.value,
      "n": row.accuracy.total, "threat": row.threatText,
    ]
    if let interval = row.accuracy.wilson {
      record["low"] = interval.lowerBound
      record["high"] = interval.upperBound
    }
    if let budget = row.budget {
      record["norm"] = budget.norm.rawValue
      record["eps"] = budget.epsilon
    }
    if row.isOnSurvivors { record["on_survivors_of"] = LuaList(row.follows) }
    if let hits = row.targetHits {
      record["target_hit"] = hits.value
      record["left_out"] = row.samples.count(where: \.isLeftOut)
    }
    return record
  }

  static let reportType = HandleType(
    RobustnessHandle.self, name: "robustness report",
    doc: "Accuracies under attack, with everything that fixes them.",
    methods: [
      Method(
        "table", "([format: string]) -> string",
        doc: "The table: \"text\" when not given, \"markdown\", \"latex\" (booktabs) or \"csv\".",
        example: reportExample + "print(r:table():find(\"clean\") ~= nil)  --> true"
      ) { handle, call in
        let report = handle.report
        return [
          try call.tableFormat(
            text: report.table(), markdown: report.markdown, latex: report.latex, csv: report.csv)
        ]
      },
      Method(
        "accuracy", "([scenario: string]) -> number, string|nil",
        doc: """
          The accuracy of a row in 0 … 1 and what may be changed in it ("linf 8/255", "prompts"; nil when \
          clean): "clean", "image/pgd", "image/pgd@2/255", "mm_t2i/pgd + char", "worst". A name that stands for \
          rows of different budgets is refused. Without a name a list of all rows {row =, accuracy =, strict =, \
          n =, low =, high =, norm =, eps =, threat =, on_survivors_of =}, the last the rows whose survivors alone \
          were attacked.
          """,
        example: reportExample + "print(r:accuracy(\"clean\") <= 1, #r:accuracy())  --> true\t1"
      ) { handle, call in
        if call.isNone(1) { return [LuaList(handle.report.scenarios.map(accuracies))] }
        return accuracy(try handle.report.row(call.string(1)))
      },
      Method(
        "strict", "(scenario: string) -> number, string|nil",
        doc: """
          The share of samples that are right both clean and in a row, in 0 … 1, and what may be changed: \
          what comparisons rest on. Under new prompts accuracy may count images that were wrong when clean.
          """,
        example: reportExample + "print(r:strict(\"clean\") == r:accuracy(\"clean\"))  --> true"
      ) { handle, call in
        let row = try handle.report.row(call.string(1))
        return row.kind == .clean ? [row.strict.value] : [row.strict.value, row.threatText]
      },
      Method(
        "save", "(folder: string)",
        doc: """
          Writes report.json, table.txt, table.md, table.csv and samples.jsonl, which eval.load reads. The first \
          line of samples.jsonl says its conventions: classes count from 0 there (from 1 in Lua), and margin \
          is negative where the label, or not yet the target, is on top.
          """,
        example: reportExample + """
          local folder = os.tmpname() .. "-report"
          r:save(folder)
          print(io.open(folder .. "/table.txt"):read("l") ~= nil)  --> true
          """
      ) { handle, call in
        try handle.report.save(call.path(1, writing: true))
        return []
      },
      Method(
        "plot", "(path: string [, options])",
        doc: """
          The accuracies with intervals: bars, or accuracy against budget where an attack has a list of budgets \
          (kind = "bars" draws bars there, too). PNG, SVG or PDF.
          """,
        options: [
          .choice("kind", ["bars", "curve"], "the form; curve where there are several budgets")
        ],
        example: reportExample + "print((pcall(r.plot, r, \"bars.doc\")))  --> false"
      ) { handle, call in
        let kind = try call.options(2).stringIfGiven("kind")
        try handle.report.plot(
          call.path(1, writing: true), asCurve: kind.map { $0 == "curve" })
        return []
      },
      Method(
        "images", "(path: string [, options])",
        doc: "A picture of clean and adversarial images and their amplified difference.",
        options: [
          .integer("rows", range: 1...1000, "samples shown; all that were kept when not given")
        ],
        example: reportExample + "print((pcall(r.images, r, \"/nowhere/grid.png\")))  --> false"
      ) { handle, call in
        let rows = try call.options(2).integerIfGiven("rows")
        try handle.report.images(call.path(1, writing: true), limit: rows)
        return []
      },
      Method(
        "to_table", "() -> table", doc: "Everything that report.json holds.",
        example: reportExample + "print(type(r:to_table()))  --> table"
      ) { handle, _ in [JSONConversion.Pushed(value: handle.report.json)] },
    ],
    metamethods: [
      Entry("__tostring", "(r) -> string", doc: "One line.") { call in
        let report = try call.handle(1, as: RobustnessHandle.self).report
        let rows = report.scenarios.map { scenario in
          "\(scenario.label) \(((scenario.accuracy.value ?? .nan) * 1000).rounded() / 10) %"
        }
        return ["robustness report: " + rows.joined(separator: ", ")]
      },
      Entry("__print", "(r) -> string", doc: "The table.") { call in
        [try call.handle(1, as: RobustnessHandle.self).report.table()]
      },
      Entry("__display", "(r) -> table", doc: "The table.") { call in
        let report = try call.handle(1, as: RobustnessHandle.self).report
        return [
          LuaRecord([("text/plain", report.table()), ("text/markdown", report.markdown)])
        ]
      },
    ])

  static let comparisonType = HandleType(
    ComparisonHandle.self, name: "comparison", doc: "Several reports side by side.",
    methods: [
      Method(
        "table", "([format: string]) -> string",
        doc: """
          The table with paired differences to the first: "text" when not given, "markdown", "latex" (booktabs) \
          or "csv".
          """,
        example: reportExample + """
          local c = eval.compare{{name = "a", report = r}, {name = "b", report = r}}
          print(#c:table() > 0)  --> true
          """
      ) { handle, call in
        let all = handle.comparison
        return [
          try call.tableFormat(
            text: all.table(), markdown: all.markdown, latex: all.latex, csv: all.csv)
        ]
      },
      Method(
        "accuracy", "(model: string, scenario: string) -> number, string|nil",
        doc: "The accuracy of a model in a row, and what may be changed in it; see r:accuracy.",
        example: reportExample + """
          local c = eval.compare{{name = "a", report = r}, {name = "b", report = r}}
          print(c:accuracy("a", "clean") == r:accuracy("clean"))  --> true
          """
      ) { handle, call in
        accuracy(try handle.comparison.report(call.string(1)).row(call.string(2)))
      },
      Method(
        "difference", "(model: string, scenario: string) -> table|nil",
        doc: """
          The difference of a model's strict accuracy to the first one's: {difference =, low =, high =, p =, \
          p_corrected =, is_difference =, n =, lost =, gained =}, shares in 0 … 1; nil where they share no row.
          """,
        example: reportExample + """
          local c = eval.compare{{name = "a", report = r}, {name = "b", report = r}}
          print(c:difference("b", "clean").p)  --> 1.0
          """
      ) { handle, call in
        let (name, label) = (try call.string(1), try call.string(2))
        let row = try handle.comparison.report(name).row(label)
        guard let one = handle.comparison.tested(name, row: row.label) else {
          return [LuaValue.nil]
        }
        var record: LuaRecord = [
          "difference": one.paired.value, "low": one.paired.interval.lowerBound,
          "high": one.paired.interval.upperBound, "p": one.paired.p,
          "is_difference": one.isDifference, "n": one.paired.total, "lost": one.paired.lost,
          "gained": one.paired.gained,
        ]
        if let corrected = one.corrected { record["p_corrected"] = corrected }
        return [record]
      },
      Method(
        "to_table", "() -> table", doc: "Everything that comparison.json holds.",
        example: reportExample + """
          local c = eval.compare{{name = "a", report = r}, {name = "b", report = r}}
          print(#c:to_table().differences)  --> 1
          """
      ) { handle, _ in [JSONConversion.Pushed(value: handle.comparison.json)] },
      Method(
        "markdown", "() -> string", doc: "The table as Markdown.",
        example: reportExample + """
          local c = eval.compare{{name = "a", report = r}, {name = "b", report = r}}
          print(c:markdown():sub(1, 1) ~= "")  --> true
          """
      ) { handle, _ in [handle.comparison.markdown] },
      Method(
        "save", "(folder: string)", doc: "Writes the comparison's JSON and tables.",
        example: reportExample + """
          local c = eval.compare{{name = "a", report = r}, {name = "b", report = r}}
          print((pcall(c.save, c, "/dev/null/comparison")))  --> false
          """
      ) { handle, call in
        try handle.comparison.save(call.path(1, writing: true))
        return []
      },
      Method(
        "plot", "(path: string [, options])",
        doc: """
          Grouped bars, or accuracy against budget where an attack has a list of budgets: PNG, SVG or PDF.
          """,
        options: [
          .choice("kind", ["bars", "curve"], "the form; curve where there are several budgets")
        ],
        example: reportExample + "print((pcall(eval.compare, {{report = r}})))  --> false"
      ) { handle, call in
        let kind = try call.options(2).stringIfGiven("kind")
        try handle.comparison.plot(
          call.path(1, writing: true), asCurve: kind.map { $0 == "curve" })
        return []
      },
    ],
    metamethods: [
      Entry("__tostring", "(c) -> string", doc: "One line.") { call in
        let comparison = try call.handle(1, as: ComparisonHandle.self).comparison
        return ["comparison of " + comparison.reports.map(\.name).joined(separator: ", ")]
      },
      Entry("__print", "(c) -> string", doc: "The table.") { call in
        [try call.handle(1, as: ComparisonHandle.self).comparison.table()]
      },
    ])
}
