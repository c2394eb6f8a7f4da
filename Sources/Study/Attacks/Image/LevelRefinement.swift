internal import Diagnostics
internal import Tensors

/// The last part of a gradient attack on 8-bit levels: hill climbing from level to level.
///
/// A step of a search moves every pixel by a level or more, so that the search jumps to and fro across
/// a bend of the loss which a shorter step would follow. A level is the shortest there is; what can
/// shrink instead is the number of pixels. Beginning at the best point of each sample that is not solved,
/// pixels are ranked by the size of their gradient, and groups of them move one level up it: all, the
/// first half, the first quarter and so on to the first alone, and what each of them leaves out of the
/// one before. The best group is taken where the loss grew. Where none helps, or there is no gradient to
/// follow, the climb begins again at a random point of the ball.
struct LevelRefinement {
  /// Moves of a sample.
  static let rounds = 8

  /// True for attacks that follow gradients step by step and return their best point, within an L∞
  /// budget: projections of other norms leave no neighbouring levels to choose from.
  static func fits(_ attack: any FixedBudgetAttack, _ keep: Keep, _ settings: AttackSettings)
    -> Bool
  {
    settings.threat.isOnEightBitLevels && settings.threat.budget.norm == .linf
      && settings.search.sources.isEmpty
      && keep == .best && attack.followsGradient && attack.plannedVisits > 1
  }

  /// Passes for each sample, at most: as for a million pixels, since their number is not known yet.
  static func plannedCost(_ settings: AttackSettings) -> AttackCost {
    guard settings.threat.isOnEightBitLevels, settings.threat.budget.norm == .linf,
      settings.search.sources.isEmpty,
      settings.search.keep ?? .best == .best
    else { return AttackCost(forwards: 0, backwards: 0) }
    let move = AttackCost(forwards: 1 + groups(of: 1 << 20).count, backwards: 1)
    return move * rounds * settings.search.draws
  }

  /// Parts of a ranking of `count` pixels, as half-open ranges.
  static func groups(of count: Int) -> [Range<Int>] {
    guard count > 0 else { return [] }
    var (groups, size) = ([0..<count], count)
    while size > 1 {
      let half = (size + 1) / 2
      groups += [0..<half, half..<size]
      size = half
    }
    return groups
  }

  /// One move of the samples of a search.
  ///
  /// - Returns: the positions of those that are not solved, and where they go on.
  static func round(
    _ search: PixelSearch, from start: Tensor
  ) throws -> (positions: [Int], points: Tensor) {
    let point = try search.ball.onEightBitLevels(start)
    let here = try search.visit(point)
    guard let gradient = here.gradient else { return ([], point) }
    var (losses, solved) = (here.losses, here.solved)
    var (next, isMoved) = (point, losses.map { _ in false })
    let moves = try LevelMoves(search.ball, point, gradient)
    for number in 0..<moves.count {
      let candidate = try moves.point(number)
      let visit = try search.visit(candidate, gradient: false)
      let isBetter = losses.indices.map {
        visit.solved[$0] != solved[$0] ? visit.solved[$0] : visit.losses[$0] > losses[$0]
      }
      next = try Tensor.chosen(isBetter, candidate, next)
      for position in losses.indices where isBetter[position] {
        (losses[position], solved[position]) = (visit.losses[position], visit.solved[position])
        isMoved[position] = true
      }
    }
    let elsewhere = try search.ball.randomPoints(search.streams(.attackStart))
    let positions = solved.indices.filter { !solved[$0] }
    return (positions, try Tensor.chosen(isMoved, next, elsewhere).rows(positions))
  }
}

/// The neighbours of points on 8-bit levels that one round looks at.
private struct LevelMoves {
  /// How many there are for each sample; samples with fewer free pixels repeat their last one.
  let count: Int
  private let ball: Ball
  private let point: Tensor
  private let gradient: Tensor
  /// Free pixels of each sample, the largest gradient first.
  private var ranked: [[Int]] = []
  private let groups: [[Range<Int>]]

  init(_ ball: Ball, _ point: Tensor, _ gradient: Tensor) throws {
    (self.ball, self.point, self.gradient) = (ball, point, gradient)
    ranked =
      point.dtype == .float32
      ? try Self.ranked(Float.self, ball, point, gradient)
      : try Self.ranked(Double.self, ball, point, gradient)
    groups = ranked.map { LevelRefinement.groups(of: $0.count) }
    count = groups.map(\.count).max() ?? 0
  }

  /// Pixels that have a level to go to.
  private static func ranked<T: PixelScalar>(
    _ type: T.Type, _ ball: Ball, _ point: Tensor, _ gradient: Tensor
  ) throws -> [[Int]] {
    let width = point.width
    return try T.read([point, gradient, ball.lower, ball.upper]) { read in
      try (0..<point.shape[0]).mapped { row in
        (row * width..<(row + 1) * width).filter { index in
          let slope = read[1][index]
          guard slope != 0 else { return false }
          let next = Self.next(read[0][index], slope > 0)
          return next >= read[2][index] && next <= read[3][index]
        }.sorted { a, b in
          let (x, y) = (abs(read[1][a]), abs(read[1][b]))
          return x == y ? a < b : x > y
        }.map { $0 - row * width }
      }
    }
  }

  private static func next<T: PixelScalar>(_ pixel: T, _ isUp: Bool) -> T {
    ((pixel * 255).rounded() + (isUp ? 1 : -1)) / 255
  }

  /// The neighbour of every sample by the group of that number.
  func point(_ number: Int) throws -> Tensor {
    point.dtype == .float32 ? try point(Float.self, number) : try point(Double.self, number)
  }

  private func point<T: PixelScalar>(_ type: T.Type, _ number: Int) throws -> Tensor {
    let width = point.width
    return try T.read([point, gradient]) { read in
      try T.make(point.shape) { out in
        for index in read[0].indices { out[index] = read[0][index] }
        for row in ranked.indices {
          guard
            let group = groups[row].isEmpty ? nil : groups[row][min(number, groups[row].count - 1)]
          else { continue }
          for pixel in ranked[row][group] {
            let index = row * width + pixel
            out[index] = Self.next(read[0][index], read[1][index] > 0)
          }
        }
      }
    }
  }
}
