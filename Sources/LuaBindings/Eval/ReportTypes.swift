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

extension EvalLibrary {
  private static let example = """
    local model = clip.create("tiny")
    local ds = data.from(tensor.rand{4, 3, 16, 16}, {1, 2, 1, 2}, {"cat", "dog"})
    local r = eval.robustness{model = model, data = ds}

    """

  static let reportType = HandleType(
    RobustnessHandle.self, name: "robustness report",
    doc: "Accuracies under attack, with everything that fixes them.",
    methods: [
      Method(
        "table", "() -> string", doc: "The table, as text.",
        example: example + "print(r:table():find(\"clean\") ~= nil)  --> true"
      ) { handle, _ in [handle.report.table()] },
      Method(
        "accuracy", "(scenario: string) -> number",
        doc:
          "The accuracy of a row in 0 … 1: \"clean\", \"image/pgd\", \"mm_t2i/pgd + char\", \"worst\".",
        example: example + "print(r:accuracy(\"clean\") <= 1)  --> true"
      ) { handle, call in
        let label = try call.string(1)
        guard let scenario = handle.report.scenario(label) else {
          let names = handle.report.scenarios.map(\.label)
          throw KilpiError(
            "", "there is no scenario '\(label.prefix(60))'",
            advice: "there are " + names.joined(separator: ", "))
        }
        return [scenario.accuracy.value]
      },
      Method(
        "save", "(folder: string)",
        doc: "Writes report.json, table.txt, table.md, table.csv and samples.jsonl.",
        example: example + """
          local folder = os.tmpname() .. "-report"
          r:save(folder)
          print(io.open(folder .. "/table.txt"):read("l") ~= nil)  --> true
          """
      ) { handle, call in
        try handle.report.save(call.path(1, writing: true))
        return []
      },
      Method(
        "plot", "(path: string)",
        doc: "A bar chart of the accuracies with intervals: PNG, SVG or PDF.",
        example: example + "print((pcall(r.plot, r, \"bars.doc\")))  --> false"
      ) { handle, call in
        try handle.report.plot(call.path(1, writing: true))
        return []
      },
      Method(
        "images", "(path: string [, options])",
        doc: "A picture of clean and adversarial images and their amplified difference.",
        options: [
          .integer("rows", range: 1...1000, "samples shown; all that were kept when not given")
        ],
        example: example + "print((pcall(r.images, r, \"/nowhere/grid.png\")))  --> false"
      ) { handle, call in
        let rows = try call.options(2).integerIfGiven("rows")
        try handle.report.images(call.path(1, writing: true), limit: rows)
        return []
      },
      Method(
        "to_table", "() -> table", doc: "Everything that report.json holds.",
        example: example + "print(type(r:to_table()))  --> table"
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
        "table", "() -> string", doc: "The table with paired differences to the first, as text.",
        example: example + """
          local c = eval.compare{{name = "a", report = r}, {name = "b", report = r}}
          print(#c:table() > 0)  --> true
          """
      ) { handle, _ in [handle.comparison.table()] },
      Method(
        "markdown", "() -> string", doc: "The table as Markdown.",
        example: example + """
          local c = eval.compare{{name = "a", report = r}, {name = "b", report = r}}
          print(c:markdown():sub(1, 1) ~= "")  --> true
          """
      ) { handle, _ in [handle.comparison.markdown] },
      Method(
        "save", "(folder: string)", doc: "Writes the comparison's JSON and tables.",
        example: example + """
          local c = eval.compare{{name = "a", report = r}, {name = "b", report = r}}
          print((pcall(c.save, c, "/dev/null/comparison")))  --> false
          """
      ) { handle, call in
        try handle.comparison.save(call.path(1, writing: true))
        return []
      },
      Method(
        "plot", "(path: string)", doc: "A grouped bar chart: PNG, SVG or PDF.",
        example: example + "print((pcall(eval.compare, {{report = r}})))  --> false"
      ) { handle, call in
        try handle.comparison.plot(call.path(1, writing: true))
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
