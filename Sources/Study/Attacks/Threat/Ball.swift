internal import Diagnostics
package import Tensors

/// All images within a budget of the clean ones and within `[0, 1]`, sample by sample.
///
/// The bounds of every pixel are computed once, in float64, and rounded inward, so that
/// `|x' − x| ≤ epsilon` holds exactly for L∞ when evaluated in float64: plain float32 arithmetic
/// exceeds the budget for several per cent of random pixels.
package struct Ball {
  /// The clean images `[N, C, H, W]`.
  package let clean: Tensor
  /// Smallest value of each pixel: `max(0, x − epsilon)`, rounded up.
  package let lower: Tensor
  /// Largest value of each pixel: `min(1, x + epsilon)`, rounded down.
  package let upper: Tensor
  package let budget: Budget
  /// 1 for pixels that may change, 0 for those that keep the clean image's bits, int64 of the images'
  /// shape; nil where all may.
  let mask: Tensor?

  /// How much shorter than the budget an L2 or L1 change gets that is too long, as a share: sums of
  /// squares in any order then stay within it.
  static let margin = 2e-13

  /// Share of the pixels that an L1 step moves.
  static let sparseShare = 0.05

  /// The ball of a budget around images in `[0, 1]`.
  package init(_ clean: Tensor, _ budget: Budget) throws {
    try self.init(clean, budget, mask: nil)
  }

  /// The ball in which the pixels of a mask may change, the others not at all.
  ///
  /// - Parameter mask: int64 zeros and ones of the images' shape.
  init(_ clean: Tensor, _ budget: Budget, mask: Tensor?) throws {
    var bounds =
      clean.dtype == .float32
      ? try Ball.bounds(Float.self, clean, budget.epsilon)
      : try Ball.bounds(Double.self, clean, budget.epsilon)
    if let mask {
      bounds.lower = try Tensor.select(mask, bounds.lower, clean)
      bounds.upper = try Tensor.select(mask, bounds.upper, clean)
    }
    self.init(
      clean: clean, lower: bounds.lower, upper: bounds.upper, budget: budget, mask: mask)
  }

  private init(clean: Tensor, lower: Tensor, upper: Tensor, budget: Budget, mask: Tensor?) {
    self.clean = clean
    self.lower = lower
    self.upper = upper
    self.budget = budget
    self.mask = mask
  }

  /// The ball of another budget around the same images, with the same mask.
  func with(_ budget: Budget) throws -> Ball { try Ball(clean, budget, mask: mask) }

  /// The ball of some of the samples.
  package func rows(_ positions: [Int]) throws -> Ball {
    Ball(
      clean: try clean.rows(positions), lower: try lower.rows(positions),
      upper: try upper.rows(positions), budget: budget, mask: try mask?.rows(positions))
  }

  // MARK: The mask

  /// Images with the clean image's bits wherever the mask holds pixels.
  package func held(_ images: Tensor) throws -> Tensor {
    guard let mask else { return images }
    return try Tensor.select(mask, images, clean)
  }

  /// A gradient or step, 0 wherever the mask holds pixels.
  package func free(_ gradient: Tensor) throws -> Tensor {
    guard let mask else { return gradient }
    return try Tensor.select(mask, gradient, Tensor.scalar(0, gradient.dtype))
  }

  /// Pixels of each sample that may change.
  func freeCounts() throws -> [Int] {
    let (samples, n) = (clean.shape.first ?? 0, clean.width)
    guard let mask else { return [Int](repeating: n, count: samples) }
    let flags = try mask.integers()
    return (0..<samples).map { row in
      flags[row * n..<(row + 1) * n].reduce(0) { $0 + Int($1) }
    }
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
  /// `epsilon`, then clamps, which can only shrink it. L1 is exact on ball and box together:
  /// `δ_j = sign(u_j) · min(max(|u_j| − λ, 0), m_j)`, `m_j` the room to the box in that direction,
  /// `λ ≥ 0` found among the sorted breakpoints (arXiv:2103.01208). What is too long gets `epsilon`
  /// less a share of 2e-13, and shorter where rounding to the pixels' type lengthened it: the float64
  /// norm never exceeds `epsilon`. Pixels that the mask holds keep their bits.
  package func projected(_ images: Tensor) throws -> Tensor {
    switch budget.norm {
    case .linf: return try held(images.detached().maximum(lower).minimum(upper))
    case .l2, .l1: return try moved(images, by: nil)
    }
  }

  /// `P(x + length · d)`: `d` is the sign of `gradient` for L∞, `gradient / ‖gradient‖₂` for L2, and
  /// for L1 the sign of the largest twentieth of the gradient's entries that the box does not block,
  /// over their number.
  ///
  /// A zero gradient is a zero step; the direction does not depend on the gradient's scale.
  package func stepped(_ images: Tensor, along gradient: Tensor, by length: Double) throws -> Tensor
  {
    switch budget.norm {
    case .linf:
      return try held(
        images.signStepped(along: gradient, by: length, lower: lower, upper: upper))
    case .l2, .l1:
      let lengths = [Double](repeating: length, count: clean.shape.first ?? 0)
      return try stepped(images, along: gradient, by: lengths)
    }
  }

  /// A step with a length for each sample, and for L1 with a number of entries for each.
  func stepped(
    _ images: Tensor, along gradient: Tensor, by lengths: [Double], entries: [Int]? = nil,
    passesOverBlocked: Bool = true
  ) throws -> Tensor {
    switch budget.norm {
    case .linf:
      let step = try gradient.sign() * column(lengths)
      return try held((images.detached() + step).maximum(lower).minimum(upper))
    case .l2:
      let gradient = try free(gradient)
      let factors = try RowScale.inverse(.norm, of: gradient)
      return try moved(images, by: .scaled(gradient, factors, lengths: lengths))
    case .l1:
      let (counts, gradient) = (try entries ?? usualEntries(), try free(gradient))
      return try moved(
        images,
        by: .sparse(
          gradient, counts: counts, lengths: lengths, passesOver: passesOverBlocked))
    }
  }

  /// The direction of a step at `point`: the sign of each pixel for L∞, each sample over its norm for
  /// L2, the sparse sign for L1.
  package func direction(_ gradient: Tensor, at point: Tensor) throws -> Tensor {
    let gradient = try free(gradient)
    switch budget.norm {
    case .linf: return try gradient.sign()
    case .l2: return try RowScale.scaled(gradient, by: .norm)
    case .l1: return try sparseSign(gradient, at: point, counts: usualEntries())
    }
  }

  /// Entries of a sparse step, a twentieth of the pixels that may change.
  private func usualEntries() throws -> [Int] {
    try freeCounts().map { max(1, Int(clamped: (Ball.sparseShare * Double($0)).rounded(.up))) }
  }

  /// One number a sample, ready to be broadcast; rounded up to the element type, so that a step of the
  /// whole budget ends on the bounds themselves.
  private func column(_ values: [Double]) throws -> Tensor {
    let shape = [values.count] + [Int](repeating: 1, count: max(0, clean.shape.count - 1))
    guard clean.dtype == .float32 else { return try Tensor(values, shape: shape) }
    let rounded = values.map { value in
      let near = Float(value)
      return Double(near) < value ? near.nextUp : near
    }
    return try Tensor(rounded, shape: shape)
  }
}
