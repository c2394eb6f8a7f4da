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
        "",
        "a step needs \(dtype.rawValue) \(Shape.describe(shape)), got \(other.dtype.rawValue) "
          + Shape.describe(other.shape))
    }
    let result = try Tensor(uninitialized: shape, dtype)
    gather(into: result)
    let (g, low, high) = (try gradient.ordered(), try lower.ordered(), try upper.ordered())
    keeping(g, low, high) {
      if dtype == .float32 {
        var length = Float(step)
        if Double(length) < step { length = length.nextUp }
        kilpi_sign_step_f32(result.f32, g.f32, low.f32, high.f32, length, result.count)
      } else {
        kilpi_sign_step_f64(result.f64, g.f64, low.f64, high.f64, step, result.count)
      }
    }
    return result
  }
}
