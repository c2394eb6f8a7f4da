internal import CInterrupt
internal import CKernels

/// Multi-head self-attention over packed queries, keys and values, fused per (sample, head).
///
/// `qkv` is `[samples, tokens, 3 · width]` with queries, keys and values side by side in each row and
/// heads side by side in each of them; the result is `[samples, tokens, width]`. A head's scores stay
/// in cache; products inside are single-threaded, heads are spread over the pool.
public struct FusedAttention {
  /// Number of sequences.
  public var samples: Int
  /// Length of each sequence.
  public var tokens: Int
  /// Width of queries, keys and values, all heads together.
  public var width: Int
  /// Number of heads; divides `width`.
  public var heads: Int
  /// True when a token sees itself and those before it only.
  public var isCausal: Bool

  /// Describes the shapes.
  public init(samples: Int, tokens: Int, width: Int, heads: Int, isCausal: Bool) {
    self.samples = samples
    self.tokens = tokens
    self.width = width
    self.heads = heads
    self.isCausal = isCausal
  }

  private var headWidth: Int { width / heads }

  /// Computes the result; keeps the probabilities `[samples, heads, tokens, tokens]` on request.
  ///
  /// - Returns: false when an interrupt stopped it.
  public func forward<Scalar: KernelScalar>(
    _: Scalar.Type, _ qkv: UnsafeRawPointer, into result: UnsafeMutableRawPointer,
    probabilities: UnsafeMutableRawPointer?
  ) -> Bool {
    let qkv = qkv.assumingMemoryBound(to: Scalar.self)
    let result = result.assumingMemoryBound(to: Scalar.self)
    let probabilities = probabilities?.assumingMemoryBound(to: Scalar.self)
    let scale = Scalar.rootReciprocal(headWidth)
    BLAS.prepare()
    let square = tokens * tokens
    WorkerPool.run(tasks: samples * heads) { task in
      if kilpi_interrupt_pending() { return }
      let (sample, head) = (task / heads, task % heads)
      let scratch =
        probabilities == nil ? UnsafeMutablePointer<Scalar>.allocate(capacity: square) : nil
      defer { scratch?.deallocate() }
      guard let p = probabilities.map({ $0 + task * square }) ?? scratch else { return }
      let q = qkv + sample * tokens * 3 * width + head * headWidth
      Scalar.taskProduct(
        false, true, tokens, tokens, headWidth, 1, q, 3 * width, q + width, 3 * width, 0, p, tokens)
      kilpi_attention_softmax(Scalar.code, p, tokens, tokens, scale, isCausal)
      Scalar.taskProduct(
        false, false, tokens, headWidth, tokens, 1, p, tokens, q + 2 * width, 3 * width, 0,
        result + sample * tokens * width + head * headWidth, width)
    }
    return !kilpi_interrupt_pending()
  }

  /// Computes the gradient with respect to `qkv` from that of the result.
  ///
  /// `dV = Pᵀ·dO`, `dP = dO·Vᵀ`, `dS = P∘(dP − rowsum(P∘dP))·scale`, `dQ = dS·K`, `dK = dSᵀ·Q`.
  public func backward<Scalar: KernelScalar>(
    _: Scalar.Type, _ qkv: UnsafeRawPointer, probabilities: UnsafeRawPointer,
    gradient: UnsafeRawPointer, into target: UnsafeMutableRawPointer
  ) -> Bool {
    let qkv = qkv.assumingMemoryBound(to: Scalar.self)
    let probabilities = probabilities.assumingMemoryBound(to: Scalar.self)
    let gradient = gradient.assumingMemoryBound(to: Scalar.self)
    let target = target.assumingMemoryBound(to: Scalar.self)
    let scale = Scalar.rootReciprocal(headWidth)
    BLAS.prepare()
    let square = tokens * tokens
    WorkerPool.run(tasks: samples * heads) { task in
      if kilpi_interrupt_pending() { return }
      let (sample, head) = (task / heads, task % heads)
      let p = probabilities + task * square
      let offset = sample * tokens * 3 * width + head * headWidth
      let q = qkv + offset
      let dq = target + offset
      let output = gradient + sample * tokens * width + head * headWidth
      let ds = UnsafeMutablePointer<Scalar>.allocate(capacity: square)
      defer { ds.deallocate() }
      Scalar.taskProduct(
        true, false, tokens, headWidth, tokens, 1, p, tokens, output, width, 0, dq + 2 * width,
        3 * width)
      Scalar.taskProduct(
        false, true, tokens, tokens, headWidth, 1, output, width, q + 2 * width, 3 * width, 0, ds,
        tokens)
      kilpi_attention_softmax_gradient(Scalar.code, p, ds, tokens, tokens, scale, isCausal)
      Scalar.taskProduct(
        false, false, tokens, headWidth, tokens, 1, ds, tokens, q + width, 3 * width, 0, dq,
        3 * width)
      Scalar.taskProduct(
        true, false, tokens, headWidth, tokens, 1, ds, tokens, q, 3 * width, 0, dq + width,
        3 * width)
    }
    return !kilpi_interrupt_pending()
  }
}

/// Multi-head attention of one query a sample over the tokens of the sample, fused per (sample, head).
///
/// `queries` is `[samples, width]`; `memory` is `[samples, tokens, 2 · width]`, keys and values side by
/// side; the result is `[samples, width]`. A sample sees its first `lengths[sample]` tokens.
public struct PooledAttention {
  /// Number of sequences.
  public var samples: Int
  /// Length of the longest sequence, the stride of `memory`.
  public var tokens: Int
  /// Width of queries, keys and values, all heads together.
  public var width: Int
  /// Number of heads; divides `width`.
  public var heads: Int
  /// Tokens that each sample sees, at least 1.
  public var lengths: [Int]

  /// Describes the shapes.
  public init(samples: Int, tokens: Int, width: Int, heads: Int, lengths: [Int]) {
    self.samples = samples
    self.tokens = tokens
    self.width = width
    self.heads = heads
    self.lengths = lengths
  }

  private var headWidth: Int { width / heads }

  /// Computes the result and the probabilities `[samples, heads, tokens]`.
  ///
  /// - Returns: false when an interrupt stopped it.
  public func forward<Scalar: KernelScalar>(
    _: Scalar.Type, _ queries: UnsafeRawPointer, _ memory: UnsafeRawPointer,
    into result: UnsafeMutableRawPointer, probabilities: UnsafeMutableRawPointer
  ) -> Bool {
    let queries = queries.assumingMemoryBound(to: Scalar.self)
    let memory = memory.assumingMemoryBound(to: Scalar.self)
    let result = result.assumingMemoryBound(to: Scalar.self)
    let probabilities = probabilities.assumingMemoryBound(to: Scalar.self)
    let scale = Scalar.rootReciprocal(headWidth)
    BLAS.prepare()
    WorkerPool.run(tasks: samples) { sample in
      if kilpi_interrupt_pending() { return }
      let (count, row) = (lengths[sample], 2 * width)
      for head in 0..<heads {
        let p = probabilities + (sample * heads + head) * tokens
        let offset = sample * width + head * headWidth
        let keys = memory + sample * tokens * row + head * headWidth
        p.update(repeating: 0, count: tokens)
        Scalar.taskProduct(
          false, true, 1, count, headWidth, 1, queries + offset, width, keys, row, 0, p, count)
        kilpi_attention_softmax(Scalar.code, p, 1, count, scale, false)
        Scalar.taskProduct(
          false, false, 1, headWidth, count, 1, p, count, keys + width, row, 0, result + offset,
          width)
      }
    }
    return !kilpi_interrupt_pending()
  }

  /// Computes the gradients with respect to queries and memory; `memoryGradient` holds zeros.
  ///
  /// `dV = p ⊗ dO`, `dp = V·dO`, `ds = p∘(dp − ⟨p, dp⟩)·scale`, `dq = Kᵀ·ds`, `dK = ds ⊗ q`.
  public func backward<Scalar: KernelScalar>(
    _: Scalar.Type, _ queries: UnsafeRawPointer, _ memory: UnsafeRawPointer,
    probabilities: UnsafeRawPointer, gradient: UnsafeRawPointer,
    queryGradient: UnsafeMutableRawPointer, memoryGradient: UnsafeMutableRawPointer
  ) -> Bool {
    let queries = queries.assumingMemoryBound(to: Scalar.self)
    let memory = memory.assumingMemoryBound(to: Scalar.self)
    let probabilities = probabilities.assumingMemoryBound(to: Scalar.self)
    let gradient = gradient.assumingMemoryBound(to: Scalar.self)
    let queryGradient = queryGradient.assumingMemoryBound(to: Scalar.self)
    let memoryGradient = memoryGradient.assumingMemoryBound(to: Scalar.self)
    let scale = Scalar.rootReciprocal(headWidth)
    BLAS.prepare()
    WorkerPool.run(tasks: samples) { sample in
      if kilpi_interrupt_pending() { return }
      let (count, row) = (lengths[sample], 2 * width)
      let ds = UnsafeMutablePointer<Scalar>.allocate(capacity: count)
      defer { ds.deallocate() }
      for head in 0..<heads {
        let p = probabilities + (sample * heads + head) * tokens
        let offset = sample * width + head * headWidth
        let start = sample * tokens * row + head * headWidth
        let (keys, target) = (memory + start, memoryGradient + start)
        Scalar.taskProduct(
          true, false, count, headWidth, 1, 1, p, count, gradient + offset, width, 0,
          target + width, row)
        Scalar.taskProduct(
          false, true, 1, count, headWidth, 1, gradient + offset, width, keys + width, row, 0, ds,
          count)
        kilpi_attention_softmax_gradient(Scalar.code, p, ds, 1, count, scale, false)
        Scalar.taskProduct(
          false, false, 1, headWidth, count, 1, ds, count, keys, row, 0, queryGradient + offset,
          width)
        Scalar.taskProduct(
          true, false, count, headWidth, 1, 1, ds, count, queries + offset, width, 0, target, row)
      }
    }
    return !kilpi_interrupt_pending()
  }
}
