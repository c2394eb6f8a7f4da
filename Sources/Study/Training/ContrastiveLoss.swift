package import ClipModels
internal import Diagnostics
internal import Glibc
package import Tensors

/// Which pairs of a batch count as matching (docs/methods/training.md, section 5.2).
package enum ContrastiveTargets: String, Sendable, CaseIterable {
  /// Item `i` matches text `i` alone; duplicates act as negatives.
  case identity
  /// All pairs of one label, every pair weighs the same: a class weighs `n²`.
  case label
  /// All pairs of one label, every row weighs the same.
  case labelMean = "label_mean"
  /// The summed probability of the matching texts: no floor.
  case labelLogSum = "label_lse"
}

/// The symmetric contrastive loss `Φ(S) = ½ [ℓ(S) + ℓ(Sᵀ)]` over scaled similarities.
package enum ContrastiveLoss {
  /// `Φ(S)` for a batch.
  ///
  /// With `y_ij = 1` where items `i` and `j` share a group, `n_i = Σ_j y_ij`, `p_ij = softmax_j S_ij`:
  /// `identity` is `−(1/B) Σ log p_ii`; `label` `−(Σ y)⁻¹ Σ y_ij log p_ij`; `label_mean`
  /// `−(1/B) Σ_i n_i⁻¹ Σ_j y_ij log p_ij`; `label_lse` `−(1/B) Σ_i log Σ_j y_ij p_ij`.
  ///
  /// - Parameters:
  ///   - similarities: `[B, B]`, `s · I · Tᵀ`.
  ///   - groups: the label (or caption group) of each item.
  ///   - score: with `.sigmoid`, `ℓ(S) = −(1/B) Σ_ij log σ((2y_ij − 1) S_ij)` (arXiv:2303.15343), the
  ///     similarities with their bias; `identity` takes `y_ij = 1` on the diagonal alone.
  package static func symmetric(
    _ similarities: Tensor, groups: [Int], targets: ContrastiveTargets,
    score: ClipConfiguration.Score = .softmax
  ) throws -> Tensor {
    try check(similarities, groups)
    if score == .sigmoid { return try pairwise(similarities, groups, targets) }
    let forward = try oneSided(similarities, groups, targets)
    let backward = try oneSided(similarities.transposed(), groups, targets)
    return try (forward + backward) * 0.5
  }

  /// What each item adds to `B·Φ(S)`, `[B]`: half of its row's value and half of its column's.
  ///
  /// `label` weighs all rows alike here, as `label_mean` does; only the weight of an item differs, not where
  /// its gradient points.
  package static func perSample(
    _ similarities: Tensor, groups: [Int], targets: ContrastiveTargets,
    score: ClipConfiguration.Score = .softmax
  ) throws -> Tensor {
    try check(similarities, groups)
    let size = groups.count
    if score == .sigmoid { return try pairLosses(similarities, groups, targets).sum(axes: [1]) }
    let items = targets == .identity ? Array(groups.indices) : groups
    func rows(_ s: Tensor) throws -> Tensor {
      if targets == .labelLogSum {
        let blocked = try Tensor.scalar(-.infinity, s.dtype)
        let own = try Tensor.select(matching(groups), s, blocked).logSumExp(axes: [1])
        return try s.logSumExp(axes: [1]) - own
      }
      let weights = try matchWeights(items, perRow: true).converted(to: s.dtype) * Double(size)
      return try -(s.logSoftmax() * weights).sum(axes: [1])
    }
    return try (rows(similarities) + rows(similarities.transposed())) * 0.5
  }

  private static func check(_ similarities: Tensor, _ groups: [Int]) throws {
    let size = groups.count
    guard similarities.shape == [size, size] else {
      throw KilpiError("similarities \(similarities.shape) do not fit a batch of \(size)")
    }
  }

  private static func oneSided(
    _ s: Tensor, _ groups: [Int], _ targets: ContrastiveTargets
  ) throws -> Tensor {
    let size = groups.count
    switch targets {
    case .identity:
      let diagonal = try Tensor((0..<size).map { Int64($0) }, shape: [size])
      return try Tensor.crossEntropy(logits: s, labels: diagonal)
    case .label, .labelMean:
      let weights = try matchWeights(groups, perRow: targets == .labelMean).converted(to: s.dtype)
      return try -(s.logSoftmax() * weights).sum()
    case .labelLogSum:
      let matches = try matching(groups)
      let blocked = try Tensor.scalar(-.infinity, s.dtype)
      let own = try Tensor.select(matches, s, blocked).logSumExp(axes: [1])
      return try (s.logSumExp(axes: [1]) - own).mean()
    }
  }

  /// The sigmoid loss; it is its own transpose.
  ///
  /// `−log σ(x) = log(1 + e⁻ˣ)`, by a stable sum.
  private static func pairwise(
    _ s: Tensor, _ groups: [Int], _ targets: ContrastiveTargets
  ) throws -> Tensor {
    try pairLosses(s, groups, targets).sum() * (1 / Double(groups.count))
  }

  /// `−log σ((2y_ij − 1) S_ij)` of every pair.
  private static func pairLosses(
    _ s: Tensor, _ groups: [Int], _ targets: ContrastiveTargets
  ) throws -> Tensor {
    let items = targets == .identity ? Array(groups.indices) : groups
    let signs = try (matching(items).converted(to: s.dtype) * 2 - 1)
    let against = try -(s * signs)
    let zeros = try Tensor.zeros(s.shape, s.dtype)
    return try Tensor.stacked([zeros, against]).logSumExp(axes: [0])
  }

  /// `y` as int64 `[B, B]`.
  private static func matching(_ groups: [Int]) throws -> Tensor {
    let values = groups.flatMap { a in groups.map { Int64(a == $0 ? 1 : 0) } }
    return try Tensor(values, shape: [groups.count, groups.count])
  }

  /// The weight of each `log p_ij`: rows sum to `1/B`, or all to 1.
  private static func matchWeights(_ groups: [Int], perRow: Bool) throws -> Tensor {
    let counts = groups.reduce(into: [Int: Int]()) { $0[$1, default: 0] += 1 }
    let pairs = counts.values.reduce(0) { $0 + $1 * $1 }
    let values = groups.flatMap { a -> [Double] in
      let each = perRow ? 1 / Double(groups.count * (counts[a] ?? 1)) : 1 / Double(pairs)
      return groups.map { a == $0 ? each : 0 }
    }
    return try Tensor(values, shape: [groups.count, groups.count])
  }

  /// The least value that `identity`, `label` and `label_mean` can reach when texts of a group are
  /// equal: the mean of `ln n` over the items (over the pairs for `label`); 0 for `label_lse`.
  ///
  /// The sigmoid loss has one for `identity` alone: texts of `n` items that are wanted once and not
  /// wanted `n − 1` times cost `n (ln n − (n − 1) ln(1 − 1/n)) / B`.
  package static func floor(
    groups: [Int], targets: ContrastiveTargets, score: ClipConfiguration.Score = .softmax
  ) -> Double {
    // Sorted, since a dictionary's order differs from call to call and the sum's last bit with it.
    let counts = groups.reduce(into: [Int: Int]()) { $0[$1, default: 0] += 1 }.values.map(
      Double.init
    ).sorted()
    if score == .sigmoid {
      guard targets == .identity else { return 0 }
      let total = counts.filter { $0 > 1 }.reduce(0) { sum, n in
        sum + n * (log(n) - (n - 1) * log(1 - 1 / n))
      }
      return total / Double(Swift.max(groups.count, 1))
    }
    switch targets {
    case .labelLogSum: return 0
    case .label:
      let pairs = counts.reduce(0) { $0 + $1 * $1 }
      return counts.reduce(0) { $0 + $1 * $1 * log($1) } / Swift.max(pairs, 1)
    default:
      return counts.reduce(0) { $0 + $1 * log($1) } / Double(Swift.max(groups.count, 1))
    }
  }
}
