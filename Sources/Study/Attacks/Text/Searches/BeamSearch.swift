internal import Diagnostics

/// The best `width` states at each depth and those of the greedy path, so that the result is never
/// worse than greedy's.
struct BeamSearch: TextSearchProcedure {
  let name = "beam"
  /// Partial edits kept at each depth.
  var width = 8

  static var parameters: [Parameter<BeamSearch>] {
    [Parameter("width", \.width, 1...100_000, "partial edits kept at each depth")]
  }

  func evaluations(_ space: TextSearchSpace) -> Int {
    let later = space.candidates.multipliedClamped(by: min(width, 1 << 20))
    return space.candidates.addingClamped(
      later.multipliedClamped(by: max(0, min(space.depth, 64) - 1)))
  }

  func best(
    _ run: TextRun, _ index: Int, path: [TextRun.Scored], sample: UInt64
  ) throws -> TextRun.Scored? {
    let subject = run.subjects[index]
    var best = path.last
    var level: [TextState] = [[:]]
    for depth in 0..<subject.depth where !run.scoring.isSpent(index) {
      var expanded: [TextState] = []
      var seen: Set<TextState> = []
      for state in level {
        for word in subject.attackable where state[word] == nil {
          for choice in subject.lists[word]?.indices ?? 0..<0 {
            var longer = state
            longer[word] = choice
            if seen.insert(longer).inserted, try subject.accepts(longer) { expanded.append(longer) }
          }
        }
      }
      if expanded.isEmpty { break }
      let values = try run.evaluate([(index, expanded)])[0]
      best = TextRun.best(expanded, values, above: best?.value ?? run.outcomes[index].value) ?? best
      let order = expanded.indices.sorted { (values[$1], $0) < (values[$0], $1) }
      level = order.prefix(width).map { expanded[$0] }
      if depth < path.count, !level.contains(path[depth].state) { level.append(path[depth].state) }
    }
    return best
  }
}
