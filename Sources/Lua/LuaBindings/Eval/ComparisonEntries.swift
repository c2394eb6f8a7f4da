internal import Datasets
internal import Diagnostics
internal import Evaluation
internal import LuaHost
internal import Processes

/// `eval.compare`.
enum ComparisonEntries {
  private static let specs: [OptionSpec] =
    [.handle("data", type: "dataset", "labelled images; not needed with reports")]
    + EvalLibrary.common.dropFirst() + [
      EvalLibrary.resume,
      .choice(
        "correction", RobustnessComparison.Correction.allCases.map(\.rawValue), default: "none",
        "of p for the number of tests in the table: none, or Holm's"),
    ]

  static let compare = Entry(
    "compare", "(options: table) -> comparison",
    doc: """
      Several models on the same samples under the same attacks: one table with the paired differences \
      to the first, of strict accuracy (right clean and attacked): new prompts may put wrong images right, \
      which is no robustness. A * marks p < 0.05 (McNemar's exact test, which decides) with a bootstrap \
      interval that excludes 0; correction = "holm" corrects p for the number of tests. The list part holds \
      {name = …, model = …} entries, or {name = …, report = …} with reports that eval.robustness has made \
      on the same samples, or that eval.load has read: other samples, labels, images, class names or \
      threat models are refused, attacks of another strength (steps, restarts, loss, seed) noted. With out, every model has a folder of its own in it \
      (1-NAME, 2-NAME, …), where its record grows and its report is written: after a crash or Ctrl-C the \
      same call with resume = true goes on.
      """,
    options: specs,
    example: EvalLibrary.example + """
      local r = eval.robustness{model = model, data = ds}
      local c = eval.compare{{name = "before", report = r}, {name = "after", report = r}}
      print(c:table():find("after") ~= nil)  --> true
      """
  ) { call in
    let given = try call.table(1)
    try EvaluationHints.check(models: given, known: specs)
    let list = try given.array()
    guard list.count >= 2 else {
      throw KilpiError(
        "\(ErrorText.count(list.count, "model")) \(list.count == 1 ? "is" : "are") given, at least 2 are needed",
        advice: "write eval.compare{{name = …, model = …}, {name = …, model = …}, data = …}")
    }
    let table = try call.state.makeTable()
    for (key, value) in try given.pairs() where key.int == nil {
      if let name = key.string { try table.set(name, value) }
    }
    let options = try EvalLibrary.evaluationOptions(table, specs, call)
    let out = try options.pathIfGiven("out", writing: true)
    let reports = try list.enumerated().map { index, entry in
      try report(entry, index + 1, of: list.count, options, out, call)
    }
    let comparison = try RobustnessComparison(
      reports,
      correction: RobustnessComparison.Correction(rawValue: options.string("correction")) ?? .none)
    if let out, call.processes.isRoot { try comparison.save(out) }
    return [ComparisonHandle(comparison)]
  }

  private static func report(
    _ entry: LuaValue, _ number: Int, of count: Int, _ options: Options, _ out: String?,
    _ call: Call
  ) throws -> (name: String, report: RobustnessReport) {
    guard let table = entry.table else {
      throw KilpiError(
        "[\(number)] is a \(entry.typeName), a table is needed",
        advice: "write {name = …, model = …}, or {name = …, report = …}")
    }
    let item = try call.options(
      table,
      specs: [
        .string("name", default: "model \(number)", "its name"),
        .any("model", type: EvalLibrary.modelType, "what to evaluate"),
        .handle("report", type: "robustness report", "made before"),
      ], path: "[\(number)].")
    let name = try item.string("name")
    if let report = try item.handleIfGiven("report", as: RobustnessHandle.self) {
      return (name, report.report)
    }
    guard let data = try options.handleIfGiven("data", as: Dataset.self) else {
      throw KilpiError("data is missing", advice: "or give reports")
    }
    let subject = try EvalLibrary.subject(item.value("model"), data, options, call, name: name)
    var evaluation = try EvalLibrary.evaluation(options, call, subject, data)
    evaluation.output = out.map {
      RobustnessComparison.folder(of: name, number: number, in: $0)
    }
    if let progress = evaluation.progress {
      evaluation.progress = { event in
        var event = event
        event.name = "\(name) (\(number) of \(count))"
        progress(event)
      }
    }
    let report = try evaluation.run(subject, data: data)
    if let folder = evaluation.output, evaluation.processes.isRoot { try report.save(folder) }
    return (name, report)
  }
}
