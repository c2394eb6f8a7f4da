internal import CInterrupt
internal import CKernels

/// Row softmax of attention scores, per element type.
public protocol AttentionScalar: KernelScalar {
  /// `softmax(scale · s)` of each row in place, with an optional causal mask.
  static func attentionSoftmax(
    _ s: UnsafeMutablePointer<Self>, _ rows: Int, _ n: Int, _ scale: Self, _ causal: Bool)
  /// Turns `dP` into `dS` in place, given the probabilities.
  static func attentionSoftmaxGradient(
    _ p: UnsafePointer<Self>, _ dp: UnsafeMutablePointer<Self>, _ rows: Int, _ n: Int, _ scale: Self
  )
}

extension Float: AttentionScalar {
  /// See `AttentionScalar`.
  public static func attentionSoftmax(
    _ s: UnsafeMutablePointer<Float>, _ rows: Int, _ n: Int, _ scale: Float, _ causal: Bool
  ) { kilpi_attention_softmax_f32(s, rows, n, scale, causal) }
  /// See `AttentionScalar`.
  public static func attentionSoftmaxGradient(
    _ p: UnsafePointer<Float>, _ dp: UnsafeMutablePointer<Float>, _ rows: Int, _ n: Int,
    _ scale: Float
  ) { kilpi_attention_softmax_gradient_f32(p, dp, rows, n, scale) }
}

extension Double: AttentionScalar {
  /// See `AttentionScalar`.
  public static func attentionSoftmax(
    _ s: UnsafeMutablePointer<Double>, _ rows: Int, _ n: Int, _ scale: Double, _ causal: Bool
  ) { kilpi_attention_softmax_f64(s, rows, n, scale, causal) }
  /// See `AttentionScalar`.
  public static func attentionSoftmaxGradient(
    _ p: UnsafePointer<Double>, _ dp: UnsafeMutablePointer<Double>, _ rows: Int, _ n: Int,
    _ scale: Double
  ) { kilpi_attention_softmax_gradient_f64(p, dp, rows, n, scale) }
}

/// Multi-head self-attention over packed queries, keys and values, fused per (sample, head).
///
/// `qkv` is `[samples, tokens, 3 · width]` with queries, keys and values side by side in each row and
/// heads side by side in each of them; the result is `[samples, tokens, width]`. A head's scores stay
/// in cache; products inside are single-threaded, heads are spread over the pool.
public struct FusedAttention<Scalar: AttentionScalar> {
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
  private var scale: Scalar { 1 / Scalar(headWidth).squareRoot() }

  /// Computes the result; keeps the probabilities `[samples, heads, tokens, tokens]` when asked.
  ///
  /// - Returns: false when an interrupt stopped it.
  public func forward(
    _ qkv: UnsafePointer<Scalar>, into result: UnsafeMutablePointer<Scalar>,
    probabilities: UnsafeMutablePointer<Scalar>?
  ) -> Bool {
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
      Scalar.blasProduct(
        false, true, tokens, tokens, headWidth, 1, q, 3 * width, q + width, 3 * width, 0, p, tokens)
      Scalar.attentionSoftmax(p, tokens, tokens, scale, isCausal)
      Scalar.blasProduct(
        false, false, tokens, headWidth, tokens, 1, p, tokens, q + 2 * width, 3 * width, 0,
        result + sample * tokens * width + head * headWidth, width)
    }
    return !kilpi_interrupt_pending()
  }

  /// Computes the gradient with respect to `qkv` from that of the result.
  ///
  /// `dV = Pᵀ·dO`, `dP = dO·Vᵀ`, `dS = P∘(dP − rowsum(P∘dP))·scale`, `dQ = dS·K`, `dK = dSᵀ·Q`.
  public func backward(
    _ qkv: UnsafePointer<Scalar>, probabilities: UnsafePointer<Scalar>,
    gradient: UnsafePointer<Scalar>, into target: UnsafeMutablePointer<Scalar>
  ) -> Bool {
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
      Scalar.blasProduct(
        true, false, tokens, headWidth, tokens, 1, p, tokens, output, width, 0, dq + 2 * width,
        3 * width)
      Scalar.blasProduct(
        false, true, tokens, tokens, headWidth, 1, output, width, q + 2 * width, 3 * width, 0, ds,
        tokens)
      Scalar.attentionSoftmaxGradient(p, ds, tokens, tokens, scale)
      Scalar.blasProduct(
        false, false, tokens, headWidth, tokens, 1, ds, tokens, q + width, 3 * width, 0, dq,
        3 * width)
      Scalar.blasProduct(
        true, false, tokens, headWidth, tokens, 1, ds, tokens, q, 3 * width, 0, dq + width,
        3 * width)
    }
    return !kilpi_interrupt_pending()
  }
}
