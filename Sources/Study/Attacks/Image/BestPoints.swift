internal import Tensors

/// The best point of each sample so far: a successful one before any other, then the largest loss.
final class BestPoints {
  /// Results of samples `first ..< first + n` of the call's batch; the clean images at first.
  let images: Tensor
  private let first: Int
  private let ranksBySuccess: Bool
  private(set) var losses: [Double]
  private(set) var solved: [Bool]

  /// - Parameter ranksBySuccess: false when the loss alone decides.
  init(clean: Tensor, first: Int, ranksBySuccess: Bool = true) throws {
    self.ranksBySuccess = ranksBySuccess
    images = try clean.cloned()
    self.first = first
    losses = [Double](repeating: -.infinity, count: clean.shape[0])
    solved = [Bool](repeating: false, count: clean.shape[0])
  }

  /// Takes the points that are better than what is kept; `wanted` leaves out some of them.
  func offer(
    _ points: Tensor, rows: [Int], losses: [Double], solved: [Bool], wanted: [Bool]?
  ) throws {
    for (position, row) in rows.enumerated() where wanted?[position] ?? true {
      let index = row - first
      let isBetter =
        ranksBySuccess && solved[position] != self.solved[index]
        ? solved[position] : losses[position] > self.losses[index]
      guard isBetter else { continue }
      self.losses[index] = losses[position]
      self.solved[index] = solved[position]
      try copy(points, position, index)
    }
  }

  /// Takes the points whatever they are worth.
  func replace(_ points: Tensor, rows: [Int]) throws {
    for (position, row) in rows.enumerated() { try copy(points, position, row - first) }
  }

  /// Puts the clean image back where the best point lies beyond a budget.
  func drop(beyond budget: Budget, clean: Tensor) throws {
    let distances = try Distances(from: clean, to: images)[budget.norm]
    for index in distances.indices where distances[index] > budget.epsilon {
      solved[index] = false
      losses[index] = -.infinity
      try copy(clean, index, index)
    }
  }

  /// True when a sample needs no further run.
  func isDone(_ row: Int, in settings: AttackSettings, _ plan: SearchPlan) -> Bool {
    guard solved[row - first] else { return false }
    // A nearest point's loss is minus its distance.
    return !plan.isNearest || -losses[row - first] <= settings.threat.budget.epsilon
  }

  /// True when the kept point of a sample of the call's batch meets the criterion.
  func isSolved(_ row: Int) -> Bool { solved[row - first] }

  /// The distance of a nearest point, whose loss is minus that.
  func distance(_ row: Int) -> Double { -losses[row - first] }

  /// The kept points of samples of the call's batch.
  func images(_ rows: [Int]) throws -> Tensor { try images.rows(rows.map { $0 - first }) }

  private func copy(_ points: Tensor, _ position: Int, _ index: Int) throws {
    let target = try images.narrowed(0, start: index, length: 1)
    try target.assign(points.narrowed(0, start: position, length: 1))
  }
}
