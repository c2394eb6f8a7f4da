internal import Diagnostics
internal import Glibc
public import Tensors

extension Ball {
  /// A random point of the ball for each sample, clipped to the box.
  ///
  /// L∞: `x + U(−epsilon, epsilon)` for each pixel. L2: uniform in the ball, a Gaussian direction of
  /// length `epsilon · u^(1/d)` for `d` pixels.
  ///
  /// - Parameter streams: one stream a sample, so that the draw does not depend on the batch.
  public func randomPoints(_ streams: [RandomStream]) throws -> Tensor {
    clean.dtype == .float32
      ? try randomPoints(Float.self, streams) : try randomPoints(Double.self, streams)
  }

  private func randomPoints<T: PixelScalar>(
    _ type: T.Type, _ streams: [RandomStream]
  ) throws -> Tensor {
    let n = clean.width
    let points = try T.read(clean) { x in
      try T.make(clean.shape) { out in
        for (row, first) in streams.enumerated() {
          try Interrupts.poll()
          var stream = first
          let start = row * n
          if budget.norm == .linf {
            for i in start..<start + n {
              out[i] = T(Double(x[i]) + budget.epsilon * (2 * stream.uniform() - 1))
            }
            continue
          }
          var direction = [Double](repeating: 0, count: n)
          var squares = 0.0
          for i in 0..<n {
            direction[i] = stream.normal()
            squares += direction[i] * direction[i]
          }
          let radius = budget.epsilon * pow(stream.uniform(), 1 / Double(max(n, 1)))
          let scale = squares > 0 ? radius / squares.squareRoot() : 0
          for i in 0..<n { out[start + i] = T(Double(x[start + i]) + scale * direction[i]) }
        }
      }
    }
    return try projected(points)
  }

  /// The allowed image on 8-bit levels `k / 255` that is nearest to each pixel.
  ///
  /// L2 rounds towards the clean image, so that the norm cannot grow.
  ///
  /// - Throws: `KilpiError` when no level lies within the budget of some pixel, which cannot happen
  ///   for images that are on 8-bit levels themselves.
  public func onEightBitLevels(_ images: Tensor) throws -> Tensor {
    clean.dtype == .float32
      ? try onEightBitLevels(Float.self, images) : try onEightBitLevels(Double.self, images)
  }

  private func onEightBitLevels<T: PixelScalar>(
    _ type: T.Type, _ images: Tensor
  ) throws -> Tensor {
    try T.read([clean, images, lower, upper]) { read in
      try T.make(clean.shape) { out in
        for i in read[0].indices {
          let (x, z) = (read[0][i], read[1][i])
          var level = (z * 255).rounded()
          if budget.norm != .linf {
            // Towards x; one level back where float rounding of k / 255 went past the pixel.
            level = z >= x ? (z * 255).rounded(.down) : (z * 255).rounded(.up)
            if z >= x, (level + 1) / 255 <= z { level += 1 }
            if z < x, (level - 1) / 255 >= z { level -= 1 }
          }
          if level / 255 > read[3][i] { level -= 1 }
          if level / 255 < read[2][i] { level += 1 }
          let pixel = level / 255
          let isNearer = budget.norm == .linf || abs(pixel - x) <= abs(z - x)
          guard pixel >= read[2][i], pixel <= read[3][i], isNearer else {
            throw KilpiError(
              "", "no 8-bit level lies within \(budget.description) of a pixel of \(Double(x))",
              advice: "lattice = 8 needs images on 8-bit levels, or a larger eps")
          }
          out[i] = pixel
        }
      }
    }
  }
}
