internal import Diagnostics
internal import Tensors

/// Random search with square windows that asks for logits alone: `square`.
///
/// The margin `max_{c≠y} z_c − z_y` is increased; a proposal is taken when it grows or the criterion is
/// met. L∞: the start is `x ± epsilon`, constant along columns, per channel; each step sets a window of
/// side `√(p_i · H · W)` to `x ± epsilon`, per channel. L2 and L1: the start is a grid of tiles of side
/// `⌊min(H, W)/5⌋` with a centre-peaked pattern split into a positive and a negative half; each step moves the
/// mass of one random window, and the unused budget, into another as `normalised(old + pattern)`, and
/// brings the whole back to `epsilon`. `p_i` is `p` over 1, 2, 4, … 512, changing after 10, 50, 200, 500,
/// 1,000, 2,000, 4,000, 6,000 and 8,000 steps.
///
/// The margin is its loss whatever the settings say.
///
/// Paper: Andriushchenko et al., arXiv:1912.00049. Deviations: windows and signs are drawn for each
/// sample, where the released code draws one window a batch; positions are uniform over `0 … H − h`,
/// the last included. Windows end at the edges of images that are less high or wide than they are.
package struct SquareAttack: FixedBudgetAttack {
  /// Images that the model is asked about, at least 1.
  package var queries: Int
  /// Share `p` of the pixels in the first windows, in `0 … 1`.
  package var share: Double
  /// Stretch the schedule of window sides, which is made for 10,000 queries, to `queries`.
  package var rescales: Bool

  /// Creates the attack; see the properties.
  package init(queries: Int = 5000, share: Double = 0.8, rescales: Bool = false) {
    self.queries = queries
    self.share = share
    self.rescales = rescales
  }

  package var name: String { "square" }
  package var ownLoss: AttackLoss? { .margin(clamp: nil) }
  /// False: it sees no gradient.
  package var followsGradient: Bool { false }
  package var usesGradients: Bool { false }
  package var plannedVisits: Int { queries }

  /// Queries and verdicts; no gradient.
  package func plannedCost(_ settings: AttackSettings) -> AttackCost {
    (AttackCost(forwards: queries, backwards: 0) * settings.search.restarts
      + AttackCost(forwards: 2, backwards: 0)) * settings.search.draws
  }

  /// Queries, share and the stretched schedule.
  package static var parameters: [Parameter<Self>] {
    [
      Parameter(
        "queries", \.queries, 1...100_000_000, "images that the model is asked about"),
      Parameter(
        "p", \.share, .above(0, atMost: 1), "share of the pixels in the first windows"),
      Parameter(
        "rescale", \.rescales,
        "stretch the schedule of window sides, made for 10,000 queries, to queries"),
    ]
  }

  package func perturb(_ search: PixelSearch) throws {
    let windows = SquareWindows(
      shape: search.ball.clean.shape, norm: search.settings.threat.budget.norm)
    var point = try search.start {
      try windows.start(search.ball, search.streams(.attackStart))
    }
    var visit = try search.visit(point, gradient: false)
    guard var kept = try search.survivors() else { return }
    point = try kept.of(point)
    var (losses, solved) = (kept.of(visit.losses), kept.of(visit.solved))
    // Where no pixel may change, there is nothing to propose.
    let moves = try search.ball.freeCounts().contains { $0 > 0 } ? queries : 1
    for query in 1..<max(moves, 1) {
      let size = windows.size(share: share(at: query - 1))
      let streams = search.streams(.attackStart, step: query)
      let next = try windows.proposed(point, search.ball, size, streams)
      visit = try search.visit(next, gradient: false)
      let isTaken = losses.indices.map {
        visit.losses[$0] > losses[$0] || visit.solved[$0] && !solved[$0]
      }
      for index in losses.indices where isTaken[index] {
        (losses[index], solved[index]) = (visit.losses[index], visit.solved[index])
      }
      point = try Tensor.chosen(isTaken, next, point)
      guard let staying = try search.survivors() else { return }
      kept = staying
      (point, losses, solved) = (try kept.of(point), kept.of(losses), kept.of(solved))
    }
    try search.finish(at: point, losses: losses, solved: solved)
  }

  /// The share of pixels in a window of step `i`, counted from 0.
  private func share(at step: Int) -> Double {
    let step = rescales ? Int(clamped: Double(step) / Double(queries) * 10_000) : step
    let changes = [10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000]
    return changes.reduce(share) { step > $1 ? $0 / 2 : $0 }
  }
}

extension Tensor {
  /// Each sample from `a` where `isFirst` says so, else from `b`.
  static func chosen(_ isFirst: [Bool], _ a: Tensor, _ b: Tensor) throws -> Tensor {
    guard isFirst.contains(true) else { return b }
    guard isFirst.contains(false) else { return a }
    let shape = [isFirst.count] + [Int](repeating: 1, count: Swift.max(0, a.shape.count - 1))
    let mask = try Tensor(isFirst.map { $0 ? Int64(1) : 0 }, shape: shape)
    return try Tensor.select(mask, a, b)
  }
}
