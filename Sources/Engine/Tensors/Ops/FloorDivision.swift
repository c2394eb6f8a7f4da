internal import CKernels
internal import Diagnostics

extension Tensor {
  /// `⌊a / b⌋`, elementwise with broadcasting; the quotient that `remainder` leaves its rest of.
  ///
  /// The exact quotient is rounded down, as PyTorch's `floor_divide` has it: `1 // 0.1` is 9, since the double
  /// 0.1 is a little more than a tenth, though `1 / 0.1` rounds up to 10. `±∞ // b` is NaN. Gradient: 0.
  ///
  /// - Throws: `KilpiError` for a divisor of 0 in int64, and when the shapes do not broadcast.
  public func floorDivided(by b: Tensor) throws -> Tensor {
    let result = try Tensor.floorBinary(KILPI_FLOOR_DIVIDE, self, b)
    return Tensor.record("floor_divide", result, from: [self, b]) { g, needs in
      let none = try Tensor.zeros(g.shape, g.dtype)
      return [needs[0] ? none : nil, needs[1] ? none : nil]
    }
  }

  /// `a − ⌊a / b⌋ · b`, with the sign of `b`, elementwise with broadcasting; exact but for the addition
  /// of `b` where the signs differ, as in Lua and PyTorch.
  ///
  /// Gradients: 1 and `−⌊a / b⌋`.
  ///
  /// - Throws: `KilpiError` for a divisor of 0 in int64, and when the shapes do not broadcast.
  public func remainder(_ b: Tensor) throws -> Tensor {
    let result = try Tensor.floorBinary(KILPI_REMAINDER, self, b)
    guard Tensor.willRecord([self, b]) else { return result }
    let (dividend, divisor) = (Saved(self), Saved(b))
    return Tensor.record("remainder", result, from: [self, b]) { g, needs in
      let quotient =
        needs[1] ? try dividend.value().floorDivided(by: divisor.value()) : nil
      return [g, try quotient.map { try -(g * $0) }]
    }
  }

  private static func floorBinary(_ op: kilpi_binary_code, _ a: Tensor, _ b: Tensor) throws
    -> Tensor
  {
    let result = try binary(op, a, b)
    // Without elements there is nothing to divide.
    if result.dtype == .int64, result.count > 0 {
      let zeros = try b.equal(Tensor.scalar(0, .int64)).max()
      guard try zeros.item() == 0 else {
        throw KilpiError("division by zero in int64", advice: "floats give inf and nan")
      }
    }
    return result
  }
}
