internal import Attacks
internal import Diagnostics
internal import Evaluation
internal import LuaHost

extension EvalLibrary {
  private static let reportExample =
    example + """
      local r = eval.robustness{model = model, data = ds}

      """

  private static let comparisonExample =
    example + """
      local a = eval.robustness{model = model, data = ds}
      local r = eval.compare{{name = "a", report = a}, {name = "b", report = a}}

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
      record["left_out"] = row.leftOutCount
    }
    return record
  }

  private static let reports = ReportMethods<RobustnessReport>(
    example: reportExample,
    files: """
      report.json, table.txt, table.md, table.csv and samples.jsonl, which eval.load reads. The first \
      line of samples.jsonl says its conventions: classes count from 0 there (from 1 in Lua), and margin \
      is negative where the label, or not yet the target, is on top.
      """,
    charts: """
      The accuracies with intervals: bars, or accuracy against budget where an attack has a list of budgets \
      (kind = "bars" draws bars there, too).
      """)

  static let reportType = HandleType(
    RobustnessHandle.self, name: "robustness report",
    doc: "Accuracies under attack, with everything that fixes them.",
    methods: [
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
        "protocol", "() -> string",
        doc: """
          One line that says what was measured: version, protocol, hashes of weights, sample ids and prompts, \
          resolution, every attack with budget, steps and restarts, and what counts as right.
          """,
        example: reportExample + "print(r:protocol():match(\"n=4\"))  --> n=4"
      ) { handle, _ in [handle.report.protocolLine] },
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
        "images", "(path: string [, options])",
        doc: "A picture of clean and adversarial images and their amplified difference.",
        options: [
          .integer("rows", range: 1...1000, "samples shown; all that were kept when not given")
        ],
        example: example + """
          local r = eval.robustness{model = model, data = ds, attacks = {image = {{method = "fgsm"}}}}
          local path = os.tmpname() .. ".png"
          r:images(path)
          print(image.load(path):size(1))  --> 3
          """
      ) { handle, call in
        let rows = try call.options(2).integerIfGiven("rows")
        try handle.report.images(call.path(1, writing: true), limit: rows)
        return []
      },
    ] + reports.methods, metamethods: reports.metamethods)

  private static let comparisons = ReportMethods<RobustnessComparison>(
    example: comparisonExample,
    files: "comparison.json, comparison.txt, comparison.md and comparison.csv.",
    charts: "Grouped bars, or accuracy against budget where an attack has a list of budgets.")

  static let comparisonType = HandleType(
    ComparisonHandle.self, name: "comparison",
    doc: "Several reports side by side, with paired differences to the first.",
    methods: [
      Method(
        "accuracy", "(model: string, scenario: string) -> number, string|nil",
        doc: "The accuracy of a model in a row, and what may be changed in it; see r:accuracy.",
        example: comparisonExample + """
          print(r:accuracy("a", "clean") <= 1)  --> true
          """
      ) { handle, call in
        accuracy(try handle.report.report(call.string(1)).row(call.string(2)))
      },
      Method(
        "difference", "(model: string, scenario: string) -> table|nil",
        doc: """
          The difference of a model's strict accuracy to the first one's: {difference =, low =, high =, p =, \
          p_corrected =, is_difference =, n =, lost =, gained =}, shares in 0 … 1; nil where they share no row.
          """,
        example: comparisonExample + """
          print(r:difference("b", "clean").p)  --> 1.0
          """
      ) { handle, call in
        let (name, label) = (try call.string(1), try call.string(2))
        let row = try handle.report.report(name).row(label)
        guard let one = handle.report.tested(name, row: row.label) else {
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
    ] + comparisons.methods, metamethods: comparisons.metamethods)
}
