internal import CKernels
internal import Diagnostics

extension Tensor {
  /// One AdamW step in place, unseen by the tape; see `Networks.AdamW` for the formula.
  ///
  /// The gradient counts `scale` times (clipping needs no copy); `corrections` are `1/(1 − βⁿ)` of the
  /// two moments.
  public func adamWStep(
    gradient: Tensor, scale: Double = 1, first: Tensor, second: Tensor, learningRate: Double,
    betas: (Double, Double), epsilon: Double, weightDecay: Double, corrections: (Double, Double)
  ) throws {
    guard isContiguous, first.isContiguous, second.isContiguous, gradient.shape == shape,
      first.shape == shape, second.shape == shape, gradient.dtype == dtype, first.dtype == dtype,
      second.dtype == dtype, dtype.isFloatingPoint
    else { throw KilpiError("gradient and moments do not fit the weight") }
    let g = try gradient.ordered()
    storage.version += 1
    keeping(self, first, second, g) {
      kilpi_adamw(
        dtype.code, raw, g.raw, first.raw, second.raw, count, scale, learningRate, betas.0, betas.1,
        epsilon, weightDecay, corrections.0, corrections.1)
    }
  }

  /// Index of the first element that is NaN or infinite, in row-major order; nil when all are finite.
  public func firstNotFinite() throws -> Int? {
    guard dtype.isFloatingPoint else { return nil }
    let source = try ordered()
    let index = keeping(source) { kilpi_first_not_finite(dtype.code, source.raw, count) }
    return index == count ? nil : index
  }

  /// `Σ x²` over all elements in float64, unseen by the tape.
  public func sumOfSquares() throws -> Double {
    guard dtype.isFloatingPoint else { throw unsupported(dtype) }
    let source = try ordered()
    return keeping(source) { kilpi_sum_of_squares(dtype.code, source.raw, count) }
  }
}
