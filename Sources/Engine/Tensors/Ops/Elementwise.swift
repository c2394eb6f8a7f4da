internal import CKernels

extension Tensor {
  /// An elementwise function of one operand: a row of `KILPI_UNARY` in `CKernels/include/operations.h`,
  /// which holds value and slope and says whether it takes int64.
  private func unary(_ name: String, _ op: kilpi_unary_code) throws -> Tensor {
    guard dtype.isFloatingPoint || kilpi_unary_takes_int64(op) else { throw unsupported(dtype) }
    let source = try ordered()
    let result = try Tensor(uninitialized: shape, dtype)
    keeping(source) {
      kilpi_unary(dtype.code, op, source.raw, result.raw, count)
    }
    guard Tensor.willRecord([self]) else { return result }
    let x = Saved(source)
    let y = Saved(result)
    return Tensor.record(name, result, from: [self]) { gradient, _ in
      let (x, y, g) = (try x.value(), try y.value(), try gradient.ordered())
      let out = try Tensor(uninitialized: x.shape, x.dtype)
      keeping(x, y, g) {
        kilpi_unary_gradient(x.dtype.code, op, x.raw, y.raw, g.raw, out.raw, x.count)
      }
      return [out]
    }
  }

  /// `-x`.
  public static prefix func - (x: Tensor) throws -> Tensor {
    try x.unary("neg", KILPI_NEGATE)
  }
  /// `|x|`.
  ///
  /// Gradient: `sign(x)`, 0 at 0.
  public func abs() throws -> Tensor { try unary("abs", KILPI_ABS) }
  /// `eˣ`.
  ///
  /// In float32 by a polynomial, relative error below 2e-7; below −86.5 it is 0.
  public func exp() throws -> Tensor { try unary("exp", KILPI_EXP) }
  /// Natural logarithm.
  public func log() throws -> Tensor { try unary("log", KILPI_LOG) }
  /// `√x`.
  public func sqrt() throws -> Tensor { try unary("sqrt", KILPI_SQRT) }
  /// `1/√x`.
  public func rsqrt() throws -> Tensor { try unary("rsqrt", KILPI_RSQRT) }
  /// `x²`.
  public func square() throws -> Tensor { try unary("square", KILPI_SQUARE) }
  /// Sine, `x` in radians.
  public func sin() throws -> Tensor { try unary("sin", KILPI_SIN) }
  /// Cosine, `x` in radians.
  public func cos() throws -> Tensor { try unary("cos", KILPI_COS) }
  /// Hyperbolic tangent.
  public func tanh() throws -> Tensor { try unary("tanh", KILPI_TANH) }
  /// `1 / (1 + e⁻ˣ)`.
  public func sigmoid() throws -> Tensor { try unary("sigmoid", KILPI_SIGMOID) }
  /// `log(1 + eˣ)`, computed as `max(x, 0) + log1p(e^−|x|)`.
  ///
  /// Gradient: `sigmoid(x)`. In float32, below −86.5 it is 0.
  public func softplus() throws -> Tensor { try unary("softplus", KILPI_SOFTPLUS) }
  /// `max(x, 0)`.
  ///
  /// Gradient at 0: 0.
  public func relu() throws -> Tensor { try unary("relu", KILPI_RELU) }
  /// `x · Φ(x)`, with the exact normal distribution function (arXiv:1606.08415).
  public func gelu() throws -> Tensor { try unary("gelu", KILPI_GELU) }
  /// `x · sigmoid(1.702 x)`, the activation of OpenAI's CLIP (arXiv:1606.08415, section 2).
  public func quickGELU() throws -> Tensor { try unary("quick_gelu", KILPI_QUICK_GELU) }
  /// `½ x (1 + tanh(√(2/π) (x + 0.044715 x³)))`, the approximation of GELU that SigLIP and some BERTs
  /// are trained with (arXiv:1606.08415, section 2).
  public func tanhGELU() throws -> Tensor { try unary("gelu", KILPI_TANH_GELU) }
  /// −1, 0 or 1; `sign(0) = 0`.
  ///
  /// Gradient: 0.
  public func sign() throws -> Tensor { try unary("sign", KILPI_SIGN) }
  /// Largest integer not above `x`.
  ///
  /// Gradient: 0.
  public func floor() throws -> Tensor { try unary("floor", KILPI_FLOOR) }
  /// Nearest integer, ties to even.
  ///
  /// Gradient: 0.
  public func round() throws -> Tensor { try unary("round", KILPI_ROUND) }

  /// `min(max(x, low), high)`; a nil bound is none.
  ///
  /// Gradient: 1 inside and at the bounds, else 0.
  public func clamped(_ low: Double?, _ high: Double?) throws -> Tensor {
    let lo = low ?? -.infinity
    let hi = high ?? .infinity
    guard dtype.isFloatingPoint else { throw unsupported(dtype) }
    let source = try ordered()
    let result = try Tensor(uninitialized: shape, dtype)
    keeping(source) {
      kilpi_clamp(dtype.code, source.raw, result.raw, count, lo, hi)
    }
    guard Tensor.willRecord([self]) else { return result }
    let x = Saved(source)
    return Tensor.record("clamp", result, from: [self]) { gradient, _ in
      let (x, g) = (try x.value(), try gradient.ordered())
      let out = try Tensor(uninitialized: x.shape, x.dtype)
      keeping(x, g) {
        kilpi_clamp_gradient(x.dtype.code, x.raw, g.raw, out.raw, x.count, lo, hi)
      }
      return [out]
    }
  }

  /// A copy with storage of its own; the gradient passes through.
  public func cloned() throws -> Tensor {
    let copy = try Tensor(uninitialized: shape, dtype)
    gather(into: copy)
    return Tensor.record("clone", copy, from: [self]) { gradient, _ in [gradient] }
  }

  /// This tensor when its elements lie in order, else a copy in order; the gradient passes through.
  public func contiguous() throws -> Tensor { isContiguous ? self : try cloned() }
}
