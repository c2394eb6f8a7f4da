package import ClipModels
package import Diagnostics
internal import Glibc
package import Tensors

/// What randomised smoothing says of one image.
package struct Certificate: Equatable, Sendable {
  /// The class of the smoothed classifier, 0-based; nil: it abstains.
  package let label: Int?
  /// No change shorter than this in L2, in `[0, 1]` units, moves the class; 0 where it abstains.
  package let radius: Double
  /// How many of the draws gave the class.
  package let count: Int
}

/// Randomised smoothing with its certificate (arXiv:1902.02918).
///
/// `g(x) = argmax_c P(f(x + N(0, σ²)) = c)` on pixels as they are. `n₀` draws choose the class, `n` others give
/// `p̲`, the lower Clopper-Pearson bound of its probability at confidence `1 − α`; the radius is
/// `σ · Φ⁻¹(p̲)` where `p̲ > 1/2`, else it abstains. Forward passes only.
package struct RandomizedSmoothing: Sendable {
  /// `σ`, in `[0, 1]` units.
  package var deviation: Double
  /// `n`: draws that estimate the probability.
  package var draws = 1000
  /// `n₀`: draws that choose the class.
  package var choosing = 100
  /// `α`: how often the certificate may be wrong.
  package var alpha = 0.001
  /// Images at once.
  package var batch = 128
  /// Root of the noise.
  package var seed: UInt64 = 0

  package init(deviation: Double) { self.deviation = deviation }

  /// Certificates of images `[N, 3, H, W]`.
  ///
  /// - Throws: `KilpiError` for a deviation that is not positive, and on interrupt.
  package func certify(
    _ images: Tensor, _ classifier: ZeroShotClassifier, progress: ProgressHandler? = nil
  ) throws -> [Certificate] {
    guard deviation > 0, deviation.isFinite else {
      throw KilpiError("sigma is \(deviation), a positive number is needed")
    }
    let judge = try classifier.judge()
    return try Tensor.withoutGradients {
      try (0..<images.shape[0]).map { row in
        let image = try images.detached().narrowed(0, start: row, length: 1)
        var stream = RandomSource(seed: seed).stream(.defence, sample: UInt64(row) + 1)
        let first = try counts(image, judge, choosing, &stream)
        let label = first.indices.max { (first[$0], -$0) < (first[$1], -$1) } ?? 0
        let count = try counts(image, judge, draws, &stream)[label]
        progress?(
          ProgressEvent(name: "certify", completed: row + 1, total: images.shape[0], note: ""))
        let bound = Self.lowerBound(count, of: draws, alpha: alpha)
        guard bound > 0.5 else { return Certificate(label: nil, radius: 0, count: count) }
        return Certificate(
          label: label, radius: deviation * Self.inverseNormal(bound), count: count)
      }
    }
  }

  private func counts(
    _ image: Tensor, _ classifier: ZeroShotClassifier, _ total: Int, _ stream: inout RandomStream
  ) throws -> [Int] {
    var counts = [Int](repeating: 0, count: classifier.classNames.count)
    for start in stride(from: 0, to: total, by: max(batch, 1)) {
      try Interrupts.poll()
      let size = min(max(batch, 1), total - start)
      let noise = try Tensor.randomNormal([size] + image.shape.dropFirst(), stream: &stream)
      let noisy = try image + noise.converted(to: image.dtype) * deviation
      for label in try classifier.stepLogits(noisy).argmax(axis: 1).integers() {
        counts[Int(label)] += 1
      }
    }
    return counts
  }

  // MARK: Bounds

  /// The lower Clopper-Pearson bound of a share at confidence `1 − alpha`: the `p` at which `count` or more
  /// of `total` have the probability `alpha`.
  package static func lowerBound(_ count: Int, of total: Int, alpha: Double) -> Double {
    guard count > 0, total > 0 else { return 0 }
    if count == total { return pow(alpha, 1 / Double(total)) }
    var (low, high) = (0.0, Double(count) / Double(total))
    for _ in 0..<200 {
      let middle = (low + high) / 2
      if upperTail(count, of: total, middle) < alpha { low = middle } else { high = middle }
    }
    return low
  }

  /// `P(X ≥ count)` of a binomial, summed from the largest term of the tail outwards.
  static func upperTail(_ count: Int, of total: Int, _ p: Double) -> Double {
    guard p > 0 else { return 0 }
    let n = Double(total)
    func logTerm(_ k: Double) -> Double {
      lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1) + k * log(p) + (n - k) * log1p(-p)
    }
    var sum = 0.0
    for k in count...total { sum += exp(logTerm(Double(k))) }
    return min(sum, 1)
  }

  /// `Φ⁻¹(p)` by bisection of `erfc`.
  package static func inverseNormal(_ p: Double) -> Double {
    guard p > 0, p < 1 else { return p <= 0 ? -.infinity : .infinity }
    var (low, high) = (-40.0, 40.0)
    for _ in 0..<200 {
      let middle = (low + high) / 2
      if 0.5 * erfc(-middle / 2.0.squareRoot()) < p { low = middle } else { high = middle }
    }
    return (low + high) / 2
  }
}
