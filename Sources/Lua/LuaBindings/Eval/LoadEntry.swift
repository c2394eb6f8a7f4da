internal import Diagnostics
internal import Evaluation
internal import Files
internal import LuaHost

extension EvalLibrary {
  static let load = Entry(
    "load", "(folder: string) -> robustness report|comparison",
    doc: """
      A report that r:save or eval.robustness{out =} has written, or a comparison of eval.compare{out =}, \
      with all its samples and without pictures. Nothing is computed again.
      """,
    example: example + """
      local folder = os.tmpname() .. "-saved"
      local r = eval.robustness{model = model, data = ds, out = folder}
      print(eval.load(folder):accuracy("clean") == r:accuracy("clean"))  --> true
      """
  ) { call in
    let folder = try call.path(1)
    for name in ["report.json", "samples.jsonl", "comparison.json"] {
      try call.state.checkFile(folder + "/" + name, writing: false)
    }
    if FileReader.exists(folder + "/comparison.json") {
      return [ComparisonHandle(try RobustnessComparison(saved: folder))]
    }
    return [RobustnessHandle(try RobustnessReport(saved: folder))]
  }
}
