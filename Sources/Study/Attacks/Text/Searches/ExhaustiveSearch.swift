internal import Diagnostics

/// Every combination within the budget.
struct ExhaustiveSearch: TextSearchProcedure {
  let name = "exhaustive"
  /// A text with more combinations of edits is refused.
  var limit = 1_000_000

  var beginsGreedily: Bool { false }
  static var parameters: [Parameter<ExhaustiveSearch>] {
    [
      Parameter(
        "combinations", \.limit, 1...1_000_000_000,
        "a text with more combinations of edits is refused")
    ]
  }

  func evaluations(_ space: TextSearchSpace) -> Int { space.combinations ?? 1 << 30 }

  func best(
    _ run: TextRun, _ index: Int, path: [TextRun.Scored], sample: UInt64
  ) throws -> TextRun.Scored? {
    let states = try run.subjects[index].allStates(limit: limit)
    var best: TextRun.Scored?
    var first = 0
    while first < states.count, !run.scoring.isSpent(index) {
      try Interrupts.poll()
      let part = Array(states[first..<min(first + 4096, states.count)])
      let values = try run.evaluate([(index, part)])[0]
      best = TextRun.best(part, values, above: best?.value ?? run.outcomes[index].value) ?? best
      first += part.count
    }
    return best
  }
}
