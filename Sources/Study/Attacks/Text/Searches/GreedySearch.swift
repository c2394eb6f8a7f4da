/// Words in the order of importance, the best candidate of each, until the budget is spent.
struct GreedySearch: TextSearchProcedure {
  let name = "greedy"
  static var parameters: [Parameter<GreedySearch>] { [] }

  func evaluations(_ space: TextSearchSpace) -> Int { 0 }

  func best(
    _ run: TextRun, _ index: Int, path: [TextRun.Scored], sample: UInt64
  ) throws -> TextRun.Scored? {
    path.last
  }
}
