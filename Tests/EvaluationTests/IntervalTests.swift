import Diagnostics
import Glibc
import Tensors
import Testing

@testable import Evaluation

@Suite("intervals") struct IntervalTests {
  struct WilsonCase: CustomTestStringConvertible, Sendable {
    let count: Int
    let total: Int
    let low: Double
    let high: Double
    var testDescription: String { "\(count) of \(total)" }
  }

  /// Values of the formula in float64, computed by hand in Python.
  static let wilson = [
    WilsonCase(count: 8, total: 10, low: 0.4901624691221323, high: 0.9433178490622331),
    WilsonCase(count: 0, total: 10, low: 0, high: 0.2775328030260577),
    WilsonCase(count: 10, total: 10, low: 0.7224671969739421, high: 1),
    WilsonCase(count: 415, total: 500, low: 0.7945883011009423, high: 0.860379634115654),
    WilsonCase(count: 21, total: 500, low: 0.02763231001797491, high: 0.0633515859541431),
    WilsonCase(count: 1, total: 1, low: 0.20654931179180275, high: 1),
  ]

  @Test(arguments: wilson) func wilsonInterval(_ row: WilsonCase) throws {
    let interval = try #require(Proportion(row.count, of: row.total).wilson)
    #expect(abs(interval.lowerBound - row.low) < 1e-14)
    #expect(abs(interval.upperBound - row.high) < 1e-14)
  }

  @Test func nothingMeasuredIsMissing() {
    #expect(Proportion([]).value == nil)
    #expect(Proportion([]).wilson == nil)
    #expect(Proportion(3, of: 2).wilson == nil)
  }

  /// Exact coverage: the sum of binomial probabilities over counts whose interval holds p.
  @Test(arguments: [0.05, 0.1, 0.3, 0.5, 0.83, 0.95]) func wilsonCoverage(_ p: Double) throws {
    let n = 500
    // In logarithms: (1 - p)ⁿ itself can be too small for a Double.
    var logProbability = Double(n) * log(1 - p)
    var coverage = 0.0
    for count in 0...n {
      let interval = try #require(Proportion(count, of: n).wilson)
      if interval.contains(p) { coverage += exp(logProbability) }
      if count < n {
        logProbability += log(Double(n - count) / Double(count + 1) * p / (1 - p))
      }
    }
    #expect((0.943...0.957).contains(coverage), "\(coverage)")
  }

  @Test(arguments: [
    (lost: 0, gained: 0, p: 1.0), (lost: 1, gained: 9, p: 22.0 / 1024),
    (lost: 9, gained: 1, p: 22.0 / 1024), (lost: 0, gained: 5, p: 0.0625),
    (lost: 4, gained: 4, p: 1.0), (lost: 0, gained: 1000, p: 0.0),
  ]) func mcNemar(_ row: (lost: Int, gained: Int, p: Double)) {
    #expect(abs(PairedTests.mcNemar(lost: row.lost, gained: row.gained) - row.p) < 1e-12)
  }

  @Test func pairedDifference() throws {
    // 100 samples, 10 gained: the bootstrap of the sum is binomial(100, 0.1), whose 2.5 % and 97.5 %
    // points are 5 and 16 (one below and above within the noise of 10,000 resamples).
    let before = (0..<100).map { $0 >= 10 }
    let after = [Bool](repeating: true, count: 100)
    let one = try PairedDifference(before: before, after: after)
    #expect(one.total == 100 && one.gained == 10 && one.lost == 0)
    #expect(one.value == 0.1)
    #expect((0.04...0.05).contains(one.interval.lowerBound))
    #expect((0.16...0.17).contains(one.interval.upperBound))
    #expect(one.isDifference)
    #expect(
      try PairedDifference(before: before, after: after) == one, "the same seed, the same bits")
    let other = try PairedDifference(
      before: before, after: after, random: RandomSource(seed: 1))
    #expect((0.04...0.06).contains(other.interval.lowerBound))
    let none = try PairedDifference(before: after, after: after)
    #expect(none.interval == 0...0 && none.value == 0 && none.p == 1 && !none.isDifference)
  }

  @Test func pairedDifferenceRefuses() {
    #expect(
      throws: KilpiError("a paired difference needs the same samples twice, not 1 and 2")
    ) { try PairedDifference(before: [true], after: [true, false]) }
    #expect(throws: KilpiError.self) { try PairedDifference(before: [], after: []) }
  }
}
