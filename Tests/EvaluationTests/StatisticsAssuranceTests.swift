import TestSupport
import Tensors
import Testing

@testable import Evaluation

/// R22: how often intervals hold the true value, over simulated data sets.
@Suite struct StatisticsAssuranceTests {
  /// One kind of interval at one truth.
  private struct Cell: Sendable {
    var id: String
    /// Draws a data set and says whether its interval holds the truth; nil for an interval of its own.
    var holds: @Sendable (inout RandomStream, RandomSource) throws -> Bool
  }

  private static func wilson(_ n: Int, _ p: Double, narrowed: Double = 1) -> Cell {
    let table = BinomialTable(n, p)
    return Cell(id: "wilson n=\(n) p=\(p)") { stream, _ in
      guard let interval = Proportion(table.draw(stream.uniform()), of: n).wilson else {
        return false
      }
      let middle = (interval.lowerBound + interval.upperBound) / 2
      let half = (interval.upperBound - interval.lowerBound) / 2 * narrowed
      return abs(p - middle) <= half
    }
  }

  private static func share(_ n: Int, _ p: Double) -> Cell {
    let table = BinomialTable(n, p)
    return Cell(id: "bootstrap n=\(n) p=\(p)") { stream, random in
      let drawn = Proportion(table.draw(stream.uniform()), of: n)
      return try Bootstrap.meanOverSets([drawn], resamples: 2000, random: random)?.contains(p)
        ?? false
    }
  }

  private static func sets(_ n: Int, _ p: [Double]) -> Cell {
    let tables = p.map { BinomialTable(n, $0) }
    return Cell(id: "mean over \(p.count) sets n=\(n)") { stream, random in
      let drawn = tables.map { Proportion($0.draw(stream.uniform()), of: n) }
      let truth = p.reduce(0, +) / Double(p.count)
      return try Bootstrap.meanOverSets(drawn, resamples: 2000, random: random)?.contains(truth)
        ?? false
    }
  }

  private static func paired(_ n: Int, lost: Double, gained: Double) -> Cell {
    let changes = BinomialTable(n, lost + gained)
    return Cell(id: "paired n=\(n) lost=\(lost) gained=\(gained)") { stream, random in
      let changed = changes.draw(stream.uniform())
      let up = BinomialTable(changed, gained / (lost + gained)).draw(stream.uniform())
      let before = (0..<n).map { $0 >= up }
      let after = (0..<n).map { $0 < up || $0 >= changed }
      return try PairedDifference(
        before: before, after: after, resamples: 2000, random: random
      ).interval.contains(gained - lost)
    }
  }

  private static let cells: [Cell] =
    [500, 1000, 5000].flatMap { n in
      [0.05, 0.1, 0.3, 0.5, 0.7, 0.9, 0.95].map { wilson(n, $0) }
    } + [share(500, 0.3), share(2000, 0.9), sets(500, [0.2, 0.5, 0.9])]
    + [
      paired(500, lost: 0.1, gained: 0.15), paired(1000, lost: 0.05, gained: 0.05),
      paired(2000, lost: 0.02, gained: 0.08),
    ]

  @Test func coverage() throws {
    let assurance = Assurance("statistics")
    var outcome = Assurance.Outcome()
    let trials = assurance.amount(smoke: 20, quick: 100, full: 10_000)
    for (index, cell) in Self.cells.enumerated() {
      let held = try Self.held(cell, index, trials, assurance)
      outcome.add("held: " + cell.id, Double(held))
      outcome.add("trials: " + cell.id, Double(trials))
      outcome.samples += trials
    }
    // A Wilson interval a fifth too narrow covers some 88 %: it must fall out of the band.
    let narrow = Self.wilson(1000, 0.3, narrowed: 0.8)
    let share = Double(try Self.held(narrow, 1000, 4000, assurance)) / 4000
    outcome.controls = [("an interval a fifth too narrow", abs(share - 0.95) > 0.01)]
    try assurance.report(outcome)
    #expect(outcome.controls.filter { !$0.isCaught }.map(\.id) == [])
    // Twenty trials say little; all cells together say that nothing is far off.
    let held = outcome.counts.filter { $0.key.hasPrefix("held") }.map(\.value).reduce(0, +)
    #expect((0.9...0.99).contains(held / Double(outcome.samples)))
  }

  private static func held(
    _ cell: Cell, _ index: Int, _ trials: Int, _ assurance: Assurance
  ) throws -> Int {
    var stream = RandomSource(seed: assurance.seed).stream(
      .probe, sample: UInt64(index), restart: assurance.part)
    return try (0..<trials).reduce(0) { sum, trial in
      let random = RandomSource(
        seed: UInt64(trial) &* 1_000_003 &+ UInt64(assurance.part) &+ assurance.seed)
      return try sum + (cell.holds(&stream, random) ? 1 : 0)
    }
  }
}
