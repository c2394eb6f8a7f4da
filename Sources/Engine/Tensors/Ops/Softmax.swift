internal import CKernels
internal import Diagnostics

extension Tensor {
  /// `eˣ / Σ eˣ` along an axis, computed around the maximum.
  ///
  /// Gradient: `y ∘ (g − Σ g∘y)`.
  public func softmax(axis: Int = -1) throws -> Tensor { try softmax(axis, logarithm: false) }

  /// `x − log Σ eˣ` along an axis, computed around the maximum.
  ///
  /// Gradient: `g − eʸ · Σ g`.
  public func logSoftmax(axis: Int = -1) throws -> Tensor { try softmax(axis, logarithm: true) }

  private func softmax(_ axis: Int, logarithm: Bool) throws -> Tensor {
    guard dtype.isFloatingPoint else { throw unsupported(dtype) }
    let axis = try Shape.axis(axis, of: shape)
    if axis != rank - 1 {
      return try transposed(axis, rank - 1).softmax(rank - 1, logarithm: logarithm)
        .transposed(axis, rank - 1)
    }
    let n = shape[axis]
    let rows = n == 0 ? 0 : count / n
    let source = try ordered()
    let result = try Tensor(uninitialized: shape, dtype)
    keeping(source) {
      kilpi_softmax(dtype.code, source.raw, result.raw, rows, n, logarithm)
    }
    guard Tensor.willRecord([self]) else { return result }
    let y = Saved(result)
    return Tensor.record(logarithm ? "log_softmax" : "softmax", result, from: [self]) { g, _ in
      let (y, g) = (try y.value(), try g.ordered())
      let out = try Tensor(uninitialized: y.shape, y.dtype)
      keeping(y, g) {
        kilpi_softmax_gradient(y.dtype.code, y.raw, g.raw, out.raw, rows, n, logarithm)
      }
      return [out]
    }
  }

  /// `x / ‖x‖₂` along an axis; rows of zeros stay zeros.
  ///
  /// Norms are computed in float64.
  ///
  /// Gradient: `(g − y · ⟨y, g⟩) / ‖x‖`, 0 for a row of zeros.
  public func normalized(axis: Int = -1) throws -> Tensor {
    guard dtype.isFloatingPoint else { throw unsupported(dtype) }
    let axis = try Shape.axis(axis, of: shape)
    if axis != rank - 1 {
      return try transposed(axis, rank - 1).normalized(axis: rank - 1).transposed(axis, rank - 1)
    }
    let n = shape[axis]
    let rows = n == 0 ? 0 : count / n
    let source = try ordered()
    let result = try Tensor(uninitialized: shape, dtype)
    let norms = try Tensor(uninitialized: [rows], dtype)
    keeping(source) {
      kilpi_normalize(dtype.code, source.raw, result.raw, norms.raw, rows, n)
    }
    guard Tensor.willRecord([self]) else { return result }
    let y = Saved(result)
    return Tensor.record("normalize", result, from: [self]) { g, _ in
      let (y, g) = (try y.value(), try g.ordered())
      let out = try Tensor(uninitialized: y.shape, y.dtype)
      keeping(y, norms, g) {
        kilpi_normalize_gradient(y.dtype.code, y.raw, norms.raw, g.raw, out.raw, rows, n)
      }
      return [out]
    }
  }

  /// `(x − mean) / √(variance + epsilon) · weight + bias` over the last axis (arXiv:1607.06450).
  ///
  /// `x` is `[…, n]`, `weight` and `bias` are `[n]`; the variance is the biased one.
  public static func layerNorm(
    _ x: Tensor, weight: Tensor, bias: Tensor, epsilon: Double = 1e-5
  ) throws -> Tensor {
    guard x.dtype.isFloatingPoint, weight.dtype == x.dtype, bias.dtype == x.dtype else {
      throw KilpiError("input, weight and bias must share one floating-point type")
    }
    guard let n = x.shape.last, weight.shape == [n], bias.shape == [n] else {
      throw KilpiError(
        "input \(Shape.describe(x.shape)), weight \(Shape.describe(weight.shape)) and bias "
          + "\(Shape.describe(bias.shape)) do not fit")
    }
    let rows = n == 0 ? 0 : x.count / n
    let (source, gain, shift) = (try x.ordered(), try weight.ordered(), try bias.ordered())
    let result = try Tensor(uninitialized: x.shape, x.dtype)
    let mean = try Tensor(uninitialized: [rows], x.dtype)
    let scale = try Tensor(uninitialized: [rows], x.dtype)
    keeping(source, gain, shift) {
      kilpi_layer_norm(
        x.dtype.code, source.raw, gain.raw, shift.raw, result.raw, mean.raw, scale.raw, rows, n,
        epsilon)
    }
    guard willRecord([x, weight, bias]) else { return result }
    let (kept, keptGain) = (Saved(source), Saved(gain))
    return record("layer_norm", result, from: [x, weight, bias]) { g, needs in
      let (x, gain, g) = (try kept.value(), try keptGain.value(), try g.ordered())
      var gradients: [Tensor?] = [nil, nil, nil]
      try keeping(x, gain, mean, scale, g) {
        if needs[0] {
          let out = try Tensor(uninitialized: x.shape, x.dtype)
          kilpi_layer_norm_gradient(
            x.dtype.code, x.raw, gain.raw, mean.raw, scale.raw, g.raw, out.raw, rows, n)
          gradients[0] = out
        }
        if needs[1] {
          let out = try Tensor(uninitialized: [rows, n], x.dtype)
          kilpi_layer_norm_gain(x.dtype.code, x.raw, mean.raw, scale.raw, g.raw, out.raw, rows, n)
          gradients[1] = try out.sum(axes: [0])
        }
        if needs[2] { gradients[2] = try g.reshaped([rows, n]).sum(axes: [0]) }
      }
      return gradients
    }
  }
}
