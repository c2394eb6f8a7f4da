internal import Diagnostics
internal import Glibc
internal import Tensors

/// Edited texts crossed and mutated over generations (arXiv:1804.07998); the best member and the greedy
/// result are always kept.
///
/// Parents are drawn by the softmax of the objective, standardised over the population: the
/// objectives differ by orders of magnitude between kinds.
struct GeneticSearch: TextSearchProcedure {
  let name = "genetic"
  var isRandom: Bool { true }
  /// Members of a generation.
  var population = 20
  /// Generations after the first.
  var generations = 20

  static var parameters: [Parameter<GeneticSearch>] {
    [
      Parameter("population", \.population, 2...100_000, "members of a generation"),
      Parameter("generations", \.generations, 0...100_000, "generations after the first"),
    ]
  }

  func evaluations(_ space: TextSearchSpace) -> Int {
    min(population, 1 << 20) * (min(generations, 1 << 9) + 1)
  }

  func best(
    _ run: TextRun, _ index: Int, path: [TextRun.Scored], sample: UInt64
  ) throws -> TextRun.Scored? {
    let subject = run.subjects[index]
    let start = path.last
    guard subject.depth > 0, !run.scoring.isSpent(index) else { return start }
    var members: [TextState] = []
    if let start { members.append(start.state) }
    var stream = run.attack.random.stream(.textAttack, sample: sample)
    while members.count < population {
      members.append(try mutated([:], subject, &stream) ?? [:])
    }
    var best = start
    for generation in 0...generations {
      try Interrupts.poll()
      let values = try run.evaluate([(index, members)])[0]
      best = TextRun.best(members, values, above: best?.value ?? run.outcomes[index].value) ?? best
      if generation == generations || run.scoring.isSpent(index) { break }
      let weights = Self.softmaxOfStandardised(values)
      var stream = run.attack.random.stream(.textAttack, sample: sample, step: generation + 1)
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
