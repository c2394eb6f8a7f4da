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

  /// Excess of an L2 or L1 norm that a projection leaves alone, so that projecting twice changes nothing.
  static let slack = 5e-7

  /// Share of the pixels that an L1 step moves.
  static let sparseShare = 0.05

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
  /// `epsilon · (1 + 5e-7)`, then clamps, which can only shrink it. L1 is exact on ball and box
  /// together: `δ_j = sign(u_j) · min(max(|u_j| − λ, 0), m_j)`, `m_j` the room to the box in that
  /// direction, `λ ≥ 0` found among the sorted breakpoints (arXiv:2103.01208).
  public func projected(_ images: Tensor) throws -> Tensor {
    switch budget.norm {
    case .linf: return try images.detached().maximum(lower).minimum(upper)
    case .l2, .l1: return try moved(images, by: nil)
    }
  }

  /// `P(x + length · d)`: `d` is the sign of `gradient` for L∞, `gradient / ‖gradient‖₂` for L2, and
  /// for L1 the sign of the largest twentieth of the gradient's entries that the box does not block,
  /// over their number.
  ///
  /// A zero gradient is a zero step; the direction does not depend on the gradient's scale.
  public func stepped(_ images: Tensor, along gradient: Tensor, by length: Double) throws -> Tensor
  {
    switch budget.norm {
    case .linf:
      return try images.signStepped(along: gradient, by: length, lower: lower, upper: upper)
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
      return try (images.detached() + step).maximum(lower).minimum(upper)
    case .l2:
      let factors = try RowScale.inverse(.norm, of: gradient)
      return try moved(images, by: .scaled(gradient, factors, lengths: lengths))
    case .l1:
      let counts = entries ?? usualEntries
      return try moved(
        images,
        by: .sparse(
          gradient, counts: counts, lengths: lengths, passesOver: passesOverBlocked))
    }
  }

  /// The direction of a step at `point`: the sign of each pixel for L∞, each sample over its norm for
  /// L2, the sparse sign for L1.
  public func direction(_ gradient: Tensor, at point: Tensor) throws -> Tensor {
    switch budget.norm {
    case .linf: return try gradient.sign()
    case .l2: return try RowScale.scaled(gradient, by: .norm)
    case .l1: return try sparseSign(gradient, at: point, counts: usualEntries)
    }
  }

  /// Entries of a sparse step, a twentieth of the pixels.
  private var usualEntries: [Int] {
    let count = Int((Ball.sparseShare * Double(clean.width)).rounded(.up))
    return [Int](repeating: max(1, count), count: clean.shape.first ?? 0)
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
