internal import CKernels
internal import Diagnostics

/// Two operands on a common shape and type, in the form that the kernels take.
struct BroadcastPair {
  let a: Tensor
  let b: Tensor
  let shape: [Int]
  let plane: kilpi_plane

  /// Both brought to the type of a mixed operation.
  ///
  /// - Throws: `KilpiError` when the shapes do not broadcast.
  init(_ left: Tensor, _ right: Tensor) throws {
    let dtype = DType.common(left, right)
    try self.init(
      each: left.detached().converted(to: dtype), right.detached().converted(to: dtype))
  }

  /// Each in the type that it has.
  ///
  /// - Throws: `KilpiError` when the shapes do not broadcast.
  init(each left: Tensor, _ right: Tensor) throws {
    var a = left.detached()
    var b = right.detached()
    let shape = try Shape.broadcast(a.shape, b.shape)
    func strides(_ x: Tensor) -> [Int] {
      Shape.broadcastStrides(x.shape, x.strides, to: shape)
    }
    var (sizes, steps) = Shape.collapse(shape, [strides(a), strides(b)])
    let fits = sizes.count <= 2 && steps.allSatisfy { [0, 1].contains($0.last ?? 0) }
    if !fits {  // a general stride pattern: put the operands in order first
      if a.shape == shape { a = try a.ordered() } else { a = try a.expanded(shape).ordered() }
      if b.shape == shape { b = try b.ordered() } else { b = try b.expanded(shape).ordered() }
      (sizes, steps) = Shape.collapse(shape, [a.strides, b.strides])
    }
    self.a = a
    self.b = b
    self.shape = shape
    plane = kilpi_plane(
      rows: sizes.count == 2 ? sizes[0] : 1, columns: sizes.last ?? 1,
      a_row: sizes.count == 2 ? steps[0][0] : 0, a_column: steps[0].last ?? 0,
      b_row: sizes.count == 2 ? steps[1][0] : 0, b_column: steps[1].last ?? 0)
  }
}

extension DType {
  /// The type of a mixed operation: floating point beats int64, float64 beats float32; a tensor
  /// without axes does not widen one that has them.
  static func common(_ a: Tensor, _ b: Tensor) -> DType {
    if a.dtype == b.dtype { return a.dtype }
    if a.dtype == .int64 { return b.dtype }
    if b.dtype == .int64 { return a.dtype }
    if a.rank == 0, b.rank > 0 { return b.dtype }
    if b.rank == 0, a.rank > 0 { return a.dtype }
    return .float64
  }
}

extension Tensor {
  static func binary(_ op: kilpi_binary_code, _ a: Tensor, _ b: Tensor) throws -> Tensor {
    let pair = try BroadcastPair(a, b)
    let dtype = pair.a.dtype
    guard dtype.isFloatingPoint || kilpi_binary_takes_int64(op) else { throw unsupported(dtype) }
    let result = try Tensor(uninitialized: pair.shape, dtype)
    if result.count == 0 { return result }
    keeping(pair.a, pair.b) {
      kilpi_binary(result.dtype.code, op, pair.a.raw, pair.b.raw, result.raw, pair.plane)
    }
    return result
  }

  /// A tensor without axes of this tensor's type, or of float32 for a fraction beside int64.
  func companion(_ value: Double) throws -> Tensor {
    if dtype == .int64, Int64(exactly: value) == nil { return try Tensor.scalar(value, .float32) }
    return try Tensor.scalar(value, dtype)
  }

  /// Elementwise sum, with broadcasting.
  public static func + (a: Tensor, b: Tensor) throws -> Tensor {
    record("add", try binary(KILPI_ADD, a, b), from: [a, b]) { g, _ in [g, g] }
  }

  /// Elementwise difference, with broadcasting.
  public static func - (a: Tensor, b: Tensor) throws -> Tensor {
    record("sub", try binary(KILPI_SUBTRACT, a, b), from: [a, b]) { g, needs in
      [g, needs[1] ? try -g : nil]
    }
  }

  /// Elementwise product, with broadcasting; `matmul` is the matrix product.
  public static func * (a: Tensor, b: Tensor) throws -> Tensor {
    let result = try binary(KILPI_MULTIPLY, a, b)
    guard willRecord([a, b]) else { return result }
    let x = b.node == nil ? nil : Saved(a)
    let y = a.node == nil ? nil : Saved(b)
    return record("mul", result, from: [a, b]) { g, needs in
      [
        needs[0] ? try y.map { try g * $0.value() } : nil,
        needs[1] ? try x.map { try g * $0.value() } : nil,
      ]
    }
  }

  /// Elementwise quotient, with broadcasting; int64 operands give float32.
  public static func / (a: Tensor, b: Tensor) throws -> Tensor {
    let left = a.dtype == .int64 && b.dtype == .int64 ? try a.converted(to: .float32) : a
    let result = try binary(KILPI_DIVIDE, left, b)
    guard willRecord([a, b]) else { return result }
    let divisor = Saved(b)
    let quotient = Saved(result)
    return record("div", result, from: [a, b]) { g, needs in
      let share = try g / divisor.value()
      return [share, needs[1] ? try -(share * quotient.value()) : nil]
    }
  }

  /// `aᵇ`, elementwise with broadcasting; int64 with int64 stays int64, and wraps as `*` does.
  ///
  /// Gradients: `b·aᵇ⁻¹` and `aᵇ·ln a` (0 where `a` is 0).
  ///
  /// - Throws: `KilpiError` for negative exponents in int64.
  public func pow(_ exponent: Tensor) throws -> Tensor {
    if dtype == .int64, exponent.dtype == .int64 { return try integerPower(exponent) }
    let base = dtype == .int64 ? try converted(to: .float32) : self
    let result = try Tensor.binary(KILPI_POWER, base, exponent)
    guard Tensor.willRecord([self, exponent]) else { return result }
    let (a, b, y) = (Saved(base), Saved(exponent), Saved(result))
    return Tensor.record("pow", result, from: [self, exponent]) { g, needs in
      let (a, b) = (try a.value(), try b.value())
      var gradients: [Tensor?] = [nil, nil]
      if needs[0] {
        let slope = try b * a.pow(try b - 1.0)
        // 0 · 0⁻¹ is not a number, but the slope of a⁰ is 0 everywhere
        let zero = try b.equal(Tensor.scalar(0, b.dtype)).expanded(slope.shape)
        gradients[0] = try g * Tensor.select(zero, Tensor.scalar(0, slope.dtype), slope)
      }
      if needs[1] {
        let positive = try a.greater(Tensor.scalar(0, a.dtype))
        let logarithm = try Tensor.select(positive, a, Tensor.scalar(1, a.dtype)).log()
        gradients[1] = try g * y.value() * logarithm
      }
      return gradients
    }
  }

  private func integerPower(_ exponent: Tensor) throws -> Tensor {
    let shape = try Shape.broadcast(shape, exponent.shape)
    let (base, exponent) = (try expanded(shape).ordered(), try exponent.expanded(shape).ordered())
    let result = try Tensor(uninitialized: shape, .int64)
    try keeping(base, exponent) {
      for i in 0..<result.count {
        if i & 0xFFFF == 0xFFFF { try Interrupts.poll() }
        var (factor, rest, value) = (base.i64[i], exponent.i64[i], Int64(1))
        guard rest >= 0 else {
          throw KilpiError(
            "the exponent \(rest) is negative, which int64 has no result for",
            advice: "convert with to(\"float32\")")
        }
        while rest > 0 {
          if rest & 1 == 1 { value &*= factor }
          factor &*= factor
          rest >>= 1
        }
        result.i64[i] = value
      }
    }
    return result
  }

  /// `aᵇ` for one exponent.
  public func pow(_ exponent: Double) throws -> Tensor { try pow(companion(exponent)) }

  /// The smaller of two, elementwise.
  ///
  /// The gradient goes to the smaller, to the first at a tie.
  public func minimum(_ other: Tensor) throws -> Tensor {
    try extremum("minimum", KILPI_MINIMUM, other)
  }

  /// The larger of two, elementwise.
  ///
  /// The gradient goes to the larger, to the first at a tie.
  public func maximum(_ other: Tensor) throws -> Tensor {
    try extremum("maximum", KILPI_MAXIMUM, other)
  }

  private func extremum(_ name: String, _ op: kilpi_binary_code, _ other: Tensor) throws -> Tensor {
    let result = try Tensor.binary(op, self, other)
    guard Tensor.willRecord([self, other]) else { return result }
    let (a, b) = (Saved(self), Saved(other))
    return Tensor.record(name, result, from: [self, other]) { g, needs in
      let (a, b) = (try a.value(), try b.value())
      let first = op == KILPI_MINIMUM ? try a.lessEqual(b) : try a.greaterEqual(b)
      let zero = try Tensor.scalar(0, g.dtype)
      return [
        needs[0] ? try Tensor.select(first, g, zero) : nil,
        needs[1] ? try Tensor.select(first, zero, g) : nil,
      ]
    }
  }

  // MARK: Comparisons: int64, 1 where true

  private func compared(_ op: kilpi_comparison, _ other: Tensor) throws -> Tensor {
    if dtype == .int64, other.dtype.isFloatingPoint { return try comparedExactly(op, other) }
    if other.dtype == .int64, dtype.isFloatingPoint {
      let turned: kilpi_comparison =
        switch op {
        case KILPI_LESS: KILPI_GREATER
        case KILPI_LESS_EQUAL: KILPI_GREATER_EQUAL
        case KILPI_GREATER: KILPI_LESS
        case KILPI_GREATER_EQUAL: KILPI_LESS_EQUAL
        default: op
        }
      return try other.comparedExactly(turned, self)
    }
    let pair = try BroadcastPair(self, other)
    let result = try Tensor(uninitialized: pair.shape, .int64)
    if result.count == 0 { return result }
    keeping(pair.a, pair.b) {
      kilpi_compare(pair.a.dtype.code, op, pair.a.raw, pair.b.raw, result.i64, pair.plane)
    }
    return result
  }

  /// int64 beside floating point, as Lua compares them: no common type holds all numbers of both.
  private func comparedExactly(_ op: kilpi_comparison, _ other: Tensor) throws -> Tensor {
    let pair = try BroadcastPair(each: self, other.detached().converted(to: .float64))
    let result = try Tensor(uninitialized: pair.shape, .int64)
    if result.count == 0 { return result }
    keeping(pair.a, pair.b) {
      kilpi_compare_mixed(op, pair.a.i64, pair.b.f64, result.i64, pair.plane)
    }
    return result
  }

  /// 1 where equal, else 0.
  public func equal(_ other: Tensor) throws -> Tensor { try compared(KILPI_EQUAL, other) }
  /// 1 where less, else 0.
  public func less(_ other: Tensor) throws -> Tensor { try compared(KILPI_LESS, other) }
  /// 1 where less or equal, else 0.
  public func lessEqual(_ other: Tensor) throws -> Tensor { try compared(KILPI_LESS_EQUAL, other) }
  /// 1 where greater, else 0.
  public func greater(_ other: Tensor) throws -> Tensor { try compared(KILPI_GREATER, other) }
  /// 1 where greater or equal, else 0.
  public func greaterEqual(_ other: Tensor) throws -> Tensor {
    try compared(KILPI_GREATER_EQUAL, other)
  }

  /// int64: 0 where this is 0, else another number; 0.5 and NaN are not 0.
  private func nonzero() throws -> Tensor {
    guard dtype.isFloatingPoint else { return self }
    return try equal(Tensor.scalar(0, dtype)).equal(Tensor.scalar(0, .int64))
  }

  /// `a` where `condition` is not 0, else `b`; all three broadcast.
  public static func select(_ condition: Tensor, _ a: Tensor, _ b: Tensor) throws -> Tensor {
    let shape = try Shape.broadcast(try Shape.broadcast(condition.shape, a.shape), b.shape)
    let dtype = DType.common(a, b)
    let flags = try condition.detached().nonzero().expanded(shape).ordered()
    let left = try a.detached().converted(to: dtype).expanded(shape).ordered()
    let right = try b.detached().converted(to: dtype).expanded(shape).ordered()
    let result = try Tensor(uninitialized: shape, dtype)
    keeping(flags, left, right) {
      kilpi_select(dtype.code, flags.i64, left.raw, right.raw, result.raw, result.count)
    }
    guard willRecord([a, b]) else { return result }
    let kept = Saved(flags)
    return record("where", result, from: [a, b]) { g, needs in
      let (flags, zero) = (try kept.value(), try Tensor.scalar(0, g.dtype))
      return [
        needs[0] ? try select(flags, g, zero) : nil, needs[1] ? try select(flags, zero, g) : nil,
      ]
    }
  }

  // MARK: Numbers as operands

  /// Adds a number.
  public static func + (a: Tensor, b: Double) throws -> Tensor { try a + a.companion(b) }
  /// Adds to a number.
  public static func + (a: Double, b: Tensor) throws -> Tensor { try b.companion(a) + b }
  /// Subtracts a number.
  public static func - (a: Tensor, b: Double) throws -> Tensor { try a - a.companion(b) }
  /// Subtracts from a number.
  public static func - (a: Double, b: Tensor) throws -> Tensor { try b.companion(a) - b }
  /// Multiplies by a number.
  public static func * (a: Tensor, b: Double) throws -> Tensor { try a * a.companion(b) }
  /// Multiplies a number.
  public static func * (a: Double, b: Tensor) throws -> Tensor { try b.companion(a) * b }
  /// Divides by a number.
  public static func / (a: Tensor, b: Double) throws -> Tensor { try a / a.companion(b) }
  /// Divides a number.
  public static func / (a: Double, b: Tensor) throws -> Tensor { try b.companion(a) / b }
}
