internal import Diagnostics
internal import Kernels

extension Tensor {
  /// Multi-head attention of one query a sample over the sample's tokens: `softmax(q·Kᵀ/√d) V`.
  ///
  /// Where one token's feature alone is read behind the last block, it needs the keys and values of
  /// all tokens but one query; pooling heads ask with a learnt query.
  ///
  /// - Parameters:
  ///   - queries: `[N, W]`.
  ///   - memory: `[N, T, 2·W]`, keys and values side by side.
  ///   - heads: divides `W`.
  ///   - lengths: how many of its first tokens each sample sees; nil: all.
  /// - Returns: `[N, W]`. The probabilities are kept for the gradient.
  public static func pooledAttention(
    _ queries: Tensor, memory: Tensor, heads: Int, lengths: [Int]? = nil
  ) throws -> Tensor {
    guard queries.rank == 2, memory.rank == 3, memory.shape[0] == queries.shape[0],
      memory.shape[2] == 2 * queries.shape[1], heads > 0, queries.shape[1] % heads == 0,
      queries.shape[1] > 0,
      memory.shape[1] > 0 || queries.shape[0] == 0, queries.dtype == memory.dtype,
      queries.dtype.isFloatingPoint,
      lengths.map({ lengths in
        lengths.count == queries.shape[0]
          && lengths.allSatisfy { (1...Swift.max(memory.shape[1], 1)).contains($0) }
      }) ?? true
    else {
      throw KilpiError(
        "queries \(Shape.describe(queries.shape)) and memory \(Shape.describe(memory.shape)) do not "
          + "fit \(heads) heads", advice: "queries are [N, W], memory [N, T, 2 * W]",
        in: "pooledAttention")
    }
    let (samples, width, tokens) = (queries.shape[0], queries.shape[1], memory.shape[1])
    let (asked, told) = (try queries.ordered(), try memory.ordered())
    let result = try Tensor(uninitialized: [samples, width], queries.dtype)
    let kept = try Tensor(uninitialized: [samples, heads, tokens], queries.dtype)
    let counts = lengths ?? Array(repeating: tokens, count: samples)
    let pooled = PooledAttention(
      samples: samples, tokens: tokens, width: width, heads: heads, lengths: counts)
    let finished = keeping(asked, told, result, kept) {
      pooled.forward(
        queries.dtype.scalar, asked.raw, told.raw, into: result.raw, probabilities: kept.raw)
    }
    if !finished { try Interrupts.poll() }
    guard willRecord([queries, memory]) else { return result }
    let (first, second) = (Saved(asked), Saved(told))
    return record("pooledAttention", result, from: [queries, memory]) { g, _ in
      let (q, m, g) = (try first.value(), try second.value(), try g.ordered())
      let dq = try Tensor(uninitialized: q.shape, q.dtype)
      let dm = try Tensor.zeros(m.shape, m.dtype)
      let finished = keeping(q, m, kept, g) {
        pooled.backward(
          q.dtype.scalar, q.raw, m.raw, probabilities: kept.raw, gradient: g.raw,
          queryGradient: dq.raw, memoryGradient: dm.raw)
      }
      if !finished { try Interrupts.poll() }
      return [dq, dm]
    }
  }
}
