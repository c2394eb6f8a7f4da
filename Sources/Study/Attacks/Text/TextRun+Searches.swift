internal import Diagnostics
internal import Glibc
internal import Tensors

extension TextRun {
  /// Every combination within the budget.
  func exhaustive(_ index: Int, limit: Int) throws -> Scored? {
    let states = try subjects[index].allStates(limit: limit)
    var best: Scored?
    var first = 0
    while first < states.count, !scoring.isSpent(index) {
      try Interrupts.poll()
      let part = Array(states[first..<min(first + 4096, states.count)])
      let values = try evaluate([(index, part)])[0]
      best = Self.best(part, values, above: best?.value ?? outcomes[index].value) ?? best
      first += part.count
    }
    return best
  }

  /// The best `width` states at each depth and those of the greedy path, so that the result is
  /// never worse than greedy's.
  func beam(_ index: Int, width: Int, path: [Scored]) throws -> Scored? {
    let subject = subjects[index]
    var best = path.last
    var level: [TextState] = [[:]]
    for depth in 0..<subject.depth where !scoring.isSpent(index) {
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
      let values = try evaluate([(index, expanded)])[0]
      best = Self.best(expanded, values, above: best?.value ?? outcomes[index].value) ?? best
      let order = expanded.indices.sorted { (values[$1], $0) < (values[$0], $1) }
      level = order.prefix(width).map { expanded[$0] }
      if depth < path.count, !level.contains(path[depth].state) { level.append(path[depth].state) }
    }
    return best
  }

  /// Edited texts crossed and mutated; the best member and the greedy result are always kept.
  ///
  /// Parents are drawn by the softmax of the objective, standardised over the population: the
  /// objectives differ by orders of magnitude between kinds.
  func genetic(
    _ index: Int, population: Int, generations: Int, start: Scored?, sample: UInt64
  ) throws -> Scored? {
    let subject = subjects[index]
    guard subject.depth > 0, !scoring.isSpent(index) else { return start }
    var members: [TextState] = []
    if let start { members.append(start.state) }
    var stream = attack.random.stream(.textAttack, sample: sample)
    while members.count < population {
      members.append(try mutated([:], subject, &stream) ?? [:])
    }
    var best = start
    for generation in 0...generations {
      try Interrupts.poll()
      let values = try evaluate([(index, members)])[0]
      best = Self.best(members, values, above: best?.value ?? outcomes[index].value) ?? best
      if generation == generations || scoring.isSpent(index) { break }
      let weights = Self.softmaxOfStandardised(values)
      var stream = attack.random.stream(.textAttack, sample: sample, step: generation + 1)
      var children: [TextState] = []
      if let best { children.append(best.state) }
      while children.count < population {
        let mother = members[Self.draw(weights, &stream)]
        let father = members[Self.draw(weights, &stream)]
        var child: TextState = [:]
        for word in subject.attackable {
          if let choice = (stream.uniform() < 0.5 ? mother : father)[word] { child[word] = choice }
        }
        // Two texts within the constraints may cross to one that is not.
        if let mutant = try mutated(child, subject, &stream) {
          children.append(mutant)
        } else {
          let isAllowed = try child.count <= subject.depth && subject.accepts(child)
          children.append(isAllowed ? child : mother)
        }
      }
      members = children
    }
    return best
  }

  /// The state with one more or one other edit, cut to the budget; nil when the constraints object.
  private func mutated(
    _ state: TextState, _ subject: TextSubject, _ stream: inout RandomStream
  ) throws -> TextState? {
    let words = subject.attackable
    let word = words[stream.integer(below: words.count)]
    var result = state
    result[word] = stream.integer(below: subject.lists[word]?.count ?? 0)
    while result.count > subject.depth {
      let others = result.keys.sorted().filter { $0 != word }
      result[others[stream.integer(below: others.count)]] = nil
    }
    return try subject.accepts(result) ? result : nil
  }

  private static func softmaxOfStandardised(_ values: [Double]) -> [Double] {
    let mean = values.reduce(0, +) / Double(values.count)
    let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count)
    if variance == 0 { return values.map { _ in 1 / Double(values.count) } }
    let raised = values.map { exp(($0 - mean) / variance.squareRoot()) }
    let sum = raised.reduce(0, +)
    return raised.map { $0 / sum }
  }

  private static func draw(_ weights: [Double], _ stream: inout RandomStream) -> Int {
    var rest = stream.uniform()
    for (index, weight) in weights.enumerated() {
      rest -= weight
      if rest < 0 { return index }
    }
    return weights.count - 1
  }
}
