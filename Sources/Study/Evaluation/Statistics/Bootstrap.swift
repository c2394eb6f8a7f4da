internal import Diagnostics
package import Tensors

/// Percentile intervals of 95 % by resampling images with replacement.
///
/// Verdicts are right or wrong, so a resample is known by how many of each kind it holds: these
/// counts are drawn (binomial, by inversion of the exact distribution), which is the same as drawing
/// every image, and does not depend on the order of the images.
package enum Bootstrap {
  /// The interval of a mean over sets.
  ///
  /// Images are resampled within each set, the mean of the sets' shares is unweighted. One set gives
  /// the interval of its share.
  ///
  /// - Parameters:
  ///   - sets: shares of right images; each set has at least one.
  ///   - resamples: at least 1.
  ///   - random: the root of the draws; the same source gives the same interval.
  /// - Returns: nil without a set, or when a set is empty.
  /// - Throws: `KilpiError` on interrupt.
  package static func meanOverSets(
    _ sets: [Proportion], resamples: Int = 10_000, random: RandomSource = RandomSource(seed: 0)
  ) throws -> ClosedRange<Double>? {
    guard !sets.isEmpty, resamples >= 1, sets.allSatisfy({ $0.total > 0 }) else { return nil }
    let tables = sets.map { BinomialTable($0.total, Double($0.count) / Double($0.total)) }
    var stream = random.stream(.bootstrap)
    var means = [Double](repeating: 0, count: resamples)
    for index in means.indices {
      if index & 1023 == 0 { try Interrupts.poll() }
      for (set, table) in zip(sets, tables) {
        means[index] += Double(table.draw(stream.uniform())) / Double(set.total)
      }
      means[index] /= Double(sets.count)
    }
    return percentiles(&means)
  }

  /// The interval of the difference of two accuracies on the same images.
  ///
  /// - Parameters:
  ///   - total: images, at least 1.
  ///   - lost: images right before and wrong after.
  ///   - gained: images wrong before and right after.
  static func difference(
    total: Int, lost: Int, gained: Int, resamples: Int, random: RandomSource
  ) throws -> ClosedRange<Double> {
    let changed = lost + gained
    guard changed > 0 else { return 0...0 }
    let changes = BinomialTable(total, Double(changed) / Double(total))
    let share = Double(gained) / Double(changed)
    // How many of `n` changed images are gained, for each `n` that was drawn so far.
    var gains: [Int: BinomialTable] = [:]
    var stream = random.stream(.bootstrap)
    var values = [Double](repeating: 0, count: resamples)
    for index in values.indices {
      if index & 1023 == 0 { try Interrupts.poll() }
      let drawn = changes.draw(stream.uniform())
      let table = gains[drawn] ?? BinomialTable(drawn, share)
      gains[drawn] = table
      let up = table.draw(stream.uniform())
      values[index] = Double(up - (drawn - up)) / Double(total)
    }
    return percentiles(&values)
  }

  /// The 2.5 % and 97.5 % points, linear between order statistics.
  private static func percentiles(_ values: inout [Double]) -> ClosedRange<Double> {
    values.sort()
    func quantile(_ q: Double) -> Double {
      let place = q * Double(values.count - 1)
      let low = Int(clamped: place.rounded(.down))
      let rest = place - Double(low)
      return values[low] * (1 - rest) + values[min(low + 1, values.count - 1)] * rest
    }
    return quantile(0.025)...quantile(0.975)
  }
}

/// The binomial distribution as a table of cumulative probabilities around its mean; what lies more
/// than twelve standard deviations away is left out.
struct BinomialTable {
  private let first: Int
  private let cumulative: [Double]

  init(_ n: Int, _ p: Double) {
    guard n > 0, p > 0, p < 1 else {
      first = p >= 1 ? max(n, 0) : 0
      cumulative = [1]
      return
    }
    let mean = Double(n) * p
    let reach = 12 * (mean * (1 - p)).squareRoot() + 12
    let low = max(0, Int(mean - reach))
    let high = min(n, Int(mean + reach) + 1)
    let mode = min(max(Int(mean), low), high)
    var weights = [Double](repeating: 0, count: high - low + 1)
    weights[mode - low] = 1
    let odds = p / (1 - p)
    for k in stride(from: mode, to: high, by: 1) {
      weights[k + 1 - low] = weights[k - low] * Double(n - k) / Double(k + 1) * odds
    }
    for k in stride(from: mode, to: low, by: -1) {
      weights[k - 1 - low] = weights[k - low] * Double(k) / Double(n - k + 1) / odds
    }
    let sum = weights.reduce(0, +)
    var total = 0.0
    first = low
    cumulative = weights.map { weight in
      total += weight / sum
      return total
    }
  }

  /// The count at a uniform number in `[0, 1)`.
  func draw(_ uniform: Double) -> Int {
    var (low, high) = (0, cumulative.count - 1)
    while low < high {
      let middle = (low + high) / 2
      if uniform < cumulative[middle] { high = middle } else { low = middle + 1 }
    }
    return first + low
  }
}
