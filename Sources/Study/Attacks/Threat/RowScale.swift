internal import Tensors

/// A factor of one sample's gradient, kept in two parts so that neither overflows nor vanishes: the
/// gradient is divided by its largest magnitude first, then by what is left of its size.
struct RowScale {
  /// What a gradient is divided by.
  enum Size {
    /// The L2 norm.
    case norm
    /// The mean magnitude.
    case mean
    /// The L1 norm.
    case sum
  }

  let largest: Double
  let rest: Double

  /// `value · factor`; 0 for a zero gradient.
  func applied(to value: Double) -> Double { largest == 0 ? 0 : value / largest / rest }

  /// One over the size of each sample, computed in float64.
  static func inverse(_ size: Size, of gradient: Tensor) throws -> [RowScale] {
    gradient.dtype == .float32
      ? try inverse(Float.self, size, gradient) : try inverse(Double.self, size, gradient)
  }

  private static func inverse<T: PixelScalar>(
    _ type: T.Type, _ size: Size, _ gradient: Tensor
  ) throws -> [RowScale] {
    let n = gradient.width
    let largest = try gradient.largestMagnitudes()
    return try T.read(gradient) { g in
      largest.enumerated().map { row, top in
        guard top > 0 else { return RowScale(largest: 0, rest: 1) }
        var sum = 0.0
        for index in row * n..<(row + 1) * n {
          let scaled = Double(g[index]) / top
          sum += size == .norm ? scaled * scaled : abs(scaled)
        }
        switch size {
        case .norm: return RowScale(largest: top, rest: sum.squareRoot())
        case .mean: return RowScale(largest: top, rest: sum / Double(n))
        case .sum: return RowScale(largest: top, rest: sum)
        }
      }
    }
  }

  /// The size of each sample; 0 for a zero gradient.
  static func sizes(_ size: Size, of gradient: Tensor) throws -> [Double] {
    try inverse(size, of: gradient).map { $0.largest * $0.rest }
  }

  /// Every sample divided by its size; a zero sample stays zero.
  static func scaled(_ gradient: Tensor, by size: Size) throws -> Tensor {
    let factors = try inverse(size, of: gradient)
    return gradient.dtype == .float32
      ? try scaled(Float.self, gradient, factors) : try scaled(Double.self, gradient, factors)
  }

  private static func scaled<T: PixelScalar>(
    _ type: T.Type, _ gradient: Tensor, _ factors: [RowScale]
  ) throws -> Tensor {
    let n = gradient.width
    return try T.read(gradient) { g in
      try T.make(gradient.shape) { out in
        for (row, factor) in factors.enumerated() {
          for index in row * n..<(row + 1) * n {
            out[index] = T(factor.applied(to: Double(g[index])))
          }
        }
      }
    }
  }
}
