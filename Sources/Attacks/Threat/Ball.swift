internal import Diagnostics
public import Tensors

/// All images within a budget of the clean ones and within `[0, 1]`, sample by sample.
///
/// The bounds of every pixel are computed once, in float64, and rounded inward, so that
/// `|x' − x| ≤ epsilon` holds exactly for L∞ when evaluated in float64: plain float32 arithmetic
/// exceeds the budget for several per cent of random pixels.
public struct Ball {
  /// The clean images `[N, C, H, W]`.
  public let clean: Tensor
  /// Smallest value of each pixel: `max(0, x − epsilon)`, rounded up.
  public let lower: Tensor
  /// Largest value of each pixel: `min(1, x + epsilon)`, rounded down.
  public let upper: Tensor
  /// The budget.
  public let budget: Budget

  /// Excess of an L2 norm that a projection leaves alone, so that projecting twice changes nothing.
  static let slack = 5e-7

  /// The ball of a budget around images in `[0, 1]`.
  public init(_ clean: Tensor, _ budget: Budget) throws {
    let bounds =
      clean.dtype == .float32
      ? try Ball.bounds(Float.self, clean, budget.epsilon)
      : try Ball.bounds(Double.self, clean, budget.epsilon)
    self.init(clean: clean, lower: bounds.lower, upper: bounds.upper, budget: budget)
  }

  private init(clean: Tensor, lower: Tensor, upper: Tensor, budget: Budget) {
    self.clean = clean
    self.lower = lower
    self.upper = upper
    self.budget = budget
  }

  /// The ball of some of the samples.
  public func rows(_ positions: [Int]) throws -> Ball {
    Ball(
      clean: try clean.rows(positions), lower: try lower.rows(positions),
      upper: try upper.rows(positions), budget: budget)
  }

  private static func bounds<T: PixelScalar>(
    _ type: T.Type, _ clean: Tensor, _ epsilon: Double
  ) throws -> (lower: Tensor, upper: Tensor) {
    try T.read(clean) { x in
      let upper = try T.make(clean.shape) { out in
        for index in x.indices {
          let center = Double(x[index])
          var bound = T(center + epsilon)
          while Double(bound) - center > epsilon { bound = bound.nextDown }
          out[index] = min(1, bound)
        }
      }
      let lower = try T.make(clean.shape) { out in
        for index in x.indices {
          let center = Double(x[index])
          var bound = T(center - epsilon)
          while center - Double(bound) > epsilon { bound = bound.nextUp }
          out[index] = max(0, bound)
        }
      }
      return (lower, upper)
    }
  }

  // MARK: Projection

  /// The nearest allowed images: idempotent bit by bit, and within ball and box after one call.
  ///
  /// L∞ clamps to the bounds. L2 scales the change to the budget when its float64 norm exceeds
  /// `epsilon · (1 + 5e-7)`, then clamps, which can only shrink it.
  public func projected(_ images: Tensor) throws -> Tensor {
    switch budget.norm {
    case .linf: return try images.detached().maximum(lower).minimum(upper)
    case .l2, .l1: return try moved(images, along: nil, by: 0)
    }
  }

  /// `P(x + length · direction)`: the sign of `gradient` for L∞, `gradient / ‖gradient‖₂` for L2.
  ///
  /// A zero gradient is a zero step; the direction does not depend on the gradient's scale.
  public func stepped(_ images: Tensor, along gradient: Tensor, by length: Double) throws -> Tensor
  {
    switch budget.norm {
    case .linf:
      return try images.signStepped(along: gradient, by: length, lower: lower, upper: upper)
    case .l2, .l1: return try moved(images, along: gradient, by: length)
    }
  }

  /// The direction of a step: the sign of each pixel for L∞, each sample over its norm for L2.
  public func direction(_ gradient: Tensor) throws -> Tensor {
    budget.norm == .linf ? try gradient.sign() : try RowScale.scaled(gradient, by: .norm)
  }

  private func moved(_ images: Tensor, along gradient: Tensor?, by length: Double) throws -> Tensor
  {
    let factors = try gradient.map { try RowScale.inverse(.norm, of: $0) }
    return clean.dtype == .float32
      ? try moved(Float.self, images, gradient, factors, length)
      : try moved(Double.self, images, gradient, factors, length)
  }

  private func moved<T: PixelScalar>(
    _ type: T.Type, _ images: Tensor, _ gradient: Tensor?, _ factors: [RowScale]?, _ length: Double
  ) throws -> Tensor {
    let n = clean.width
    return try T.read([clean, images, lower, upper, gradient ?? clean]) { read in
      try T.make(clean.shape) { out in
        var change = [Double](repeating: 0, count: n)
        for row in 0..<(clean.shape.first ?? 0) {
          try Interrupts.poll()
          let start = row * n
          let pixels = RowPixels(
            clean: read[0], lower: read[2], upper: read[3], start: start, count: n)
          for i in 0..<n {
            change[i] = Double(read[1][start + i]) - Double(read[0][start + i])
            if let factors {
              change[i] += length * factors[row].applied(to: Double(read[4][start + i]))
            }
          }
          let norm = RowPixels<T>.norm(change)
          let isInside = norm <= budget.epsilon * (1 + Ball.slack)
          if isInside && factors == nil {  // nothing but the box: keep the very bits
            for i in start..<start + n { out[i] = max(read[2][i], min(read[3][i], read[1][i])) }
            continue
          }
          if !isInside { for i in 0..<n { change[i] *= budget.epsilon / norm } }
          pixels.write(change, to: out, roundingInward: false)
          if pixels.norm(of: out) > budget.epsilon * (1 + Ball.slack) {
            pixels.write(change, to: out, roundingInward: true)
          }
        }
      }
    }
  }
}

/// One sample's pixels while a change is added to them.
private struct RowPixels<T: PixelScalar> {
  let clean: UnsafeBufferPointer<T>
  let lower: UnsafeBufferPointer<T>
  let upper: UnsafeBufferPointer<T>
  let start: Int
  let count: Int

  static func norm(_ change: [Double]) -> Double {
    var squares = 0.0
    for value in change { squares += value * value }
    return squares.squareRoot()
  }

  /// The norm of what was written: rounding to the pixel type can lengthen a small change.
  func norm(of pixels: UnsafeMutableBufferPointer<T>) -> Double {
    var squares = 0.0
    for i in start..<start + count {
      let moved = Double(pixels[i]) - Double(clean[i])
      squares += moved * moved
    }
    return squares.squareRoot()
  }

  /// Writes `clean + change` into the box, rounded to nearest, or towards `clean`.
  func write(
    _ change: [Double], to out: UnsafeMutableBufferPointer<T>, roundingInward: Bool
  ) {
    for i in 0..<count {
      let center = Double(clean[start + i])
      var pixel = T(center + change[i])
      while roundingInward, abs(Double(pixel) - center) > abs(change[i]) {
        pixel = change[i] > 0 ? pixel.nextDown : pixel.nextUp
      }
      out[start + i] = max(lower[start + i], min(upper[start + i], pixel))
    }
  }
}
