internal import Diagnostics
package import Tensors

/// The difference of two accuracies over the same samples.
package struct PairedDifference: Equatable, Sendable {
  /// Samples that both were asked for.
  package let total: Int
  /// Samples right before and wrong after.
  package let lost: Int
  /// Samples wrong before and right after.
  package let gained: Int
  /// The percentile interval of 95 % of the paired bootstrap, as shares.
  package let interval: ClosedRange<Double>

  /// Accuracy after minus accuracy before.
  package var value: Double { Double(gained - lost) / Double(total) }
  /// McNemar's exact two-sided p-value.
  package var p: Double { PairedTests.mcNemar(lost: lost, gained: gained) }
  /// Below which p a difference is called one.
  package static let level = 0.05
  /// A difference is called one when p is below 0.05, which decides, and the interval excludes 0.
  ///
  /// The percentile interval alone is too sure for a handful of samples: five gained and none lost are
  /// p = 0.0625, and their interval excludes 0.
  package var isDifference: Bool { isDifference(p: p) }

  /// The same with a p that was corrected for the number of tests.
  package func isDifference(p: Double) -> Bool { p < Self.level && !interval.contains(0) }

  /// Compares verdicts on the same samples in the same order.
  ///
  /// - Parameters:
  ///   - before: right or wrong, one a sample.
  ///   - after: the same samples in the same order.
  ///   - resamples: bootstrap resamples of the samples, at least 1.
  ///   - random: the root of the resampling; the same source gives the same interval.
  /// - Throws: `KilpiError` when the counts differ or there is no sample, on interrupt.
  package init(
    before: [Bool], after: [Bool], resamples: Int = 10_000,
    random: RandomSource = RandomSource(seed: 0)
  ) throws {
    guard before.count == after.count, !before.isEmpty, resamples >= 1 else {
      throw KilpiError(
        "a paired difference needs the same samples twice, not \(before.count) and "
          + "\(after.count)")
    }
    total = before.count
    lost = zip(before, after).count { $0 && !$1 }
    gained = zip(before, after).count { !$0 && $1 }
    interval = try Bootstrap.difference(
      total: total, lost: lost, gained: gained, resamples: resamples, random: random)
  }
}
