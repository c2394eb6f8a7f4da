internal import Diagnostics
internal import Glibc
package import Tensors

/// How much an image looks like another, one value a sample.
///
/// SSIM (Wang et al. 2004): means, variances and covariance under a Gaussian window of 11 x 11 pixels with
/// standard deviation 1.5, `C₁ = 0.01²`, `C₂ = 0.03²` (the range of pixels is 1), at every place where the
/// window lies inside the image, averaged over places and channels:
///
///     (2 μ_x μ_y + C₁)(2 σ_xy + C₂) / ((μ_x² + μ_y² + C₁)(σ_x² + σ_y² + C₂))
///
/// Along an axis of fewer than 11 pixels the window is the largest odd size that fits, its weights
/// normalised again. PSNR is `−10 log₁₀` of the mean squared difference of all values; infinite for equal
/// images. Both in float64.
package struct ImageQuality: Equatable, Sendable {
  /// Structural similarity, 1 for equal images.
  package var ssim: [Double] = []
  /// Peak signal-to-noise ratio in decibels.
  package var psnr: [Double] = []

  /// Nothing measured yet.
  init() {}

  /// Compares two batches `[N, C, H, W]` of one shape and type, sample by sample.
  package init(_ clean: Tensor, _ moved: Tensor) throws {
    guard clean.rank == 4, clean.shape == moved.shape, clean.dtype == moved.dtype else {
      throw KilpiError("images \(clean.shape) and \(moved.shape) cannot be compared")
    }
    if clean.dtype == .float32 {
      try measure(Float.self, clean, moved)
    } else {
      try measure(Double.self, clean, moved)
    }
  }

  /// Puts another comparison's samples behind these.
  mutating func append(_ other: ImageQuality) {
    ssim += other.ssim
    psnr += other.psnr
  }

  /// Takes over what another comparison says about one of its samples.
  mutating func take(_ other: ImageQuality, _ position: Int, at row: Int) {
    guard ssim.indices.contains(row), other.ssim.indices.contains(position) else { return }
    (ssim[row], psnr[row]) = (other.ssim[position], other.psnr[position])
  }

  private mutating func measure<T: PixelScalar>(
    _ type: T.Type, _ clean: Tensor, _ moved: Tensor
  ) throws {
    let (channels, height, width) = (clean.shape[1], clean.shape[2], clean.shape[3])
    let (plane, count) = (height * width, clean.width)
    var filter = GaussianFilter(height, width)
    try T.read([clean, moved]) { read in
      for row in 0..<clean.shape[0] {
        try Interrupts.poll()
        var (squares, similarity) = (0.0, 0.0)
        let part = row * count..<(row + 1) * count
        for index in part {
          let change = Double(read[1][index]) - Double(read[0][index])
          squares += change * change
        }
        // Equal images, also those without a pixel, differ in nothing.
        guard squares > 0 else {
          ssim.append(1)
          psnr.append(.infinity)
          continue
        }
        for start in stride(from: part.lowerBound, to: part.upperBound, by: plane) {
          let x = (start..<start + plane).map { Double(read[0][$0]) }
          let y = (start..<start + plane).map { Double(read[1][$0]) }
          similarity += filter.similarity(x, y)
        }
        ssim.append(similarity / Double(channels))
        psnr.append(-10 * log10(squares / Double(count)))
      }
    }
  }
}

/// A separable Gaussian window over planes of one size.
private struct GaussianFilter {
  private let height: Int
  private let width: Int
  private let rows: [Double]
  private let columns: [Double]
  private var lines: [Double]

  init(_ height: Int, _ width: Int) {
    (self.height, self.width) = (height, width)
    (rows, columns) = (Self.weights(height), Self.weights(width))
    lines = [Double](repeating: 0, count: max(0, height * (width - columns.count + 1)))
  }

  private static func weights(_ side: Int) -> [Double] {
    let size = min(11, max(1, side - (1 - side % 2)))
    let raw = (0..<size).map { index in
      let x = Double(index - size / 2) / 1.5
      return exp(-x * x / 2)
    }
    let sum = raw.reduce(0, +)
    return raw.map { $0 / sum }
  }

  /// The mean similarity of two planes.
  mutating func similarity(_ x: [Double], _ y: [Double]) -> Double {
    let (a, b) = (smoothed(x), smoothed(y))
    let squares = (smoothed(x.map { $0 * $0 }), smoothed(y.map { $0 * $0 }))
    let products = smoothed(zip(x, y).map { $0 * $1 })
    let (c1, c2) = (0.0001, 0.0009)
    var sum = 0.0
    for i in a.indices {
      let means = a[i] * b[i]
      let (p, q) = (a[i] * a[i], b[i] * b[i])
      let shared = (2 * means + c1) * (2 * (products[i] - means) + c2)
      sum += shared / ((p + q + c1) * (squares.0[i] - p + squares.1[i] - q + c2))
    }
    return sum / Double(max(a.count, 1))
  }

  /// Weighted means at every place where the window lies inside.
  private mutating func smoothed(_ plane: [Double]) -> [Double] {
    let (high, wide) = (height - rows.count + 1, width - columns.count + 1)
    for row in 0..<height {
      for column in 0..<wide {
        var sum = 0.0
        for (tap, weight) in columns.enumerated() {
          sum += weight * plane[row * width + column + tap]
        }
        lines[row * wide + column] = sum
      }
    }
    var result = [Double](repeating: 0, count: high * wide)
    for row in 0..<high {
      for (tap, weight) in rows.enumerated() {
        for column in 0..<wide {
          result[row * wide + column] += weight * lines[(row + tap) * wide + column]
        }
      }
    }
    return result
  }
}
