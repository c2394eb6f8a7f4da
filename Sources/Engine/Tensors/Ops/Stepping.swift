internal import CKernels
internal import Diagnostics

extension Tensor {
  /// `min(max(x + step · sign(g), lower), upper)`, elementwise, in one pass over a copy of `x`.
  ///
  /// `sign(0)` is 0. The step is rounded up to the element type, so that a step of the whole budget
  /// ends on the bounds themselves. No gradient is recorded.
  ///
  /// - Parameters:
  ///   - gradient: `g`, of this tensor's shape and type, as are `lower` and `upper`.
  ///   - step: a length in the units of `x`.
  /// - Throws: `KilpiError` when shapes or types differ.
  public func signStepped(
    along gradient: Tensor, by step: Double, lower: Tensor, upper: Tensor
  ) throws -> Tensor {
    guard dtype.isFloatingPoint else { throw unsupported(dtype) }
    for other in [gradient, lower, upper] where other.shape != shape || other.dtype != dtype {
      throw KilpiError(
        "a step needs \(dtype.rawValue) \(Shape.describe(shape)), got \(other.dtype.rawValue) "
          + Shape.describe(other.shape))
    }
    let result = try Tensor(uninitialized: shape, dtype)
    gather(into: result)
    let (g, low, high) = (try gradient.ordered(), try lower.ordered(), try upper.ordered())
    var length = step
    if dtype == .float32 {
      let single = Float(step)
      length = Double(Double(single) < step ? single.nextUp : single)
    }
    keeping(g, low, high) {
      kilpi_sign_step(dtype.code, result.raw, g.raw, low.raw, high.raw, length, result.count)
    }
    return result
  }
}
