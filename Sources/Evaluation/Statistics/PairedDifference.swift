internal import Diagnostics
public import Tensors

/// The difference of two accuracies over the same samples.
public struct PairedDifference: Equatable, Sendable {
  /// Samples that both were asked for.
  public let total: Int
  /// Samples right before and wrong after.
  public let lost: Int
  /// Samples wrong before and right after.
  public let gained: Int
  /// The percentile interval of 95 % of the paired bootstrap, as shares.
  public let interval: ClosedRange<Double>

  /// Accuracy after minus accuracy before.
  public var value: Double { Double(gained - lost) / Double(total) }
  /// McNemar's exact two-sided p-value.
  public var p: Double { PairedTests.mcNemar(lost: lost, gained: gained) }
  /// A difference is called one only when its interval excludes 0.
  public var isDifference: Bool { !interval.contains(0) }

  /// Compares verdicts on the same samples in the same order.
  ///
  /// - Parameters:
  ///   - before: right or wrong, one a sample.
  ///   - after: the same samples in the same order.
  ///   - resamples: bootstrap resamples of the samples, at least 1.
  ///   - random: the root of the resampling; the same source gives the same interval.
  /// - Throws: `KilpiError` when the counts differ or there is no sample, on interrupt.
  public init(
    before: [Bool], after: [Bool], resamples: Int = 10_000,
    random: RandomSource = RandomSource(seed: 0)
  ) throws {
    guard before.count == after.count, !before.isEmpty, resamples >= 1 else {
      throw KilpiError(
        "",
        "a paired difference needs the same samples twice, not \(before.count) and "
          + "\(after.count)")
    }
    let differences = zip(before, after).map { Int($1 ? 1 : 0) - ($0 ? 1 : 0) }
    total = before.count
    lost = differences.lazy.filter { $0 < 0 }.count
    gained = differences.lazy.filter { $0 > 0 }.count
    interval = try Self.bootstrap(differences, resamples, random)
  }

  private static func bootstrap(
    _ differences: [Int], _ resamples: Int, _ random: RandomSource
  ) throws -> ClosedRange<Double> {
    guard differences.contains(where: { $0 != 0 }) else { return 0...0 }
    var stream = random.stream(.bootstrap)
    let n = UInt64(differences.count)
    var sums = [Int](repeating: 0, count: resamples)
    for index in sums.indices {
      if index & 255 == 0 { try Interrupts.poll() }
      var sum = 0
      var bits: UInt64 = 0
      for draw in 0..<differences.count {
        // 32 bits choose an index by multiplication; the bias, n / 2³², is far below the noise.
        bits = draw & 1 == 0 ? stream.next() : bits >> 32
        sum += differences[Int(((bits & 0xFFFF_FFFF) * n) >> 32)]
      }
      sums[index] = sum
    }
    sums.sort()
    func quantile(_ q: Double) -> Double {
      let place = q * Double(resamples - 1)
      let low = Int(place.rounded(.down))
      let rest = place - Double(low)
      let value = Double(sums[low]) * (1 - rest) + Double(sums[min(low + 1, resamples - 1)]) * rest
      return value / Double(n)
    }
    return quantile(0.025)...quantile(0.975)
  }
}
