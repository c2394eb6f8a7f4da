internal import Diagnostics
internal import Glibc
package import Tensors

extension Ball {
  /// A random point of the ball for each sample, clipped to the box.
  ///
  /// L∞: `x + U(−epsilon, epsilon)` for each pixel. L2: uniform in the ball, a Gaussian direction of
  /// length `epsilon · u^(1/d)` for `d` pixels. L1: uniform in the ball, `d` of `d + 1` normalised
  /// exponentials with random signs.
  ///
  /// - Parameter streams: one stream a sample, so that the draw does not depend on the batch.
  package func randomPoints(_ streams: [RandomStream]) throws -> Tensor {
    try drawn(streams, isFar: false)
  }

  /// A random point far from the clean image for each sample, clipped to the box, where APGD starts.
  ///
  /// L∞: `x + epsilon · u / max|u|`, `u ~ U(−1, 1)`. L2: a Gaussian direction of length `epsilon`. L1:
  /// the projection of a standard Gaussian.
  package func farPoints(_ streams: [RandomStream]) throws -> Tensor {
    try drawn(streams, isFar: true)
  }

  private func drawn(_ streams: [RandomStream], isFar: Bool) throws -> Tensor {
    clean.dtype == .float32
      ? try drawn(Float.self, streams, isFar) : try drawn(Double.self, streams, isFar)
  }

  private func drawn<T: PixelScalar>(
    _ type: T.Type, _ streams: [RandomStream], _ isFar: Bool
  ) throws -> Tensor {
    let n = clean.width
    let (flags, free) = (try mask?.integers(), try freeCounts())
    let points = try T.read(clean) { x in
      try T.make(clean.shape) { out in
        var change = [Double](repeating: 0, count: n)
        for (row, first) in streams.enumerated() {
          try Interrupts.poll()
          var stream = first
          let start = row * n
          draw(
            &change, &stream, isFar: isFar, flags: flags?[start..<start + n], free: free[row])
          for i in 0..<n { out[start + i] = T(Double(x[start + i]) + change[i]) }
        }
      }
    }
    return try projected(points)
  }

  /// - Parameters:
  ///   - flags: the sample's part of the mask; nil: all pixels may change.
  ///   - free: how many may.
  private func draw(
    _ change: inout [Double], _ stream: inout RandomStream, isFar: Bool,
    flags: ArraySlice<Int64>?, free: Int
  ) {
    let epsilon = budget.epsilon
    func scale(by factor: Double) { for i in change.indices { change[i] *= factor } }
    // The draw is one among the pixels that may change.
    func hold() {
      guard let flags else { return }
      for (i, flag) in flags.enumerated() where flag == 0 { change[i] = 0 }
    }
    switch (budget.norm, isFar) {
    case (.linf, _):
      for i in change.indices { change[i] = 2 * stream.uniform() - 1 }
      hold()
      let largest = isFar ? change.reduce(0) { max($0, abs($1)) } : 1
      scale(by: largest > 0 ? epsilon / largest : 0)
    case (.l2, _):
      for i in change.indices { change[i] = stream.normal() }
      hold()
      var squares = 0.0
      for value in change { squares += value * value }
      let radius = isFar ? epsilon : epsilon * pow(stream.uniform(), 1 / Double(max(free, 1)))
      scale(by: squares > 0 ? radius / squares.squareRoot() : 0)
    case (.l1, true):
      for i in change.indices { change[i] = stream.normal() }
      hold()
    case (.l1, false):
      func exponential() -> Double { -log(1 - stream.uniform()) }
      var sum = exponential()  // what is left to the surface
      for i in change.indices {
        let size = exponential()
        change[i] = stream.uniform() < 0.5 ? -size : size
      }
      hold()
      for value in change { sum += abs(value) }
      scale(by: sum > 0 ? epsilon / sum : 0)
    }
  }

  /// The allowed image on 8-bit levels `k / 255` that is nearest to each pixel.
  ///
  /// L2 rounds towards the clean image, so that the norm cannot grow. Pixels that the mask holds keep
  /// their bits, on a level or not.
  ///
  /// - Throws: `KilpiError` when no level lies within the budget of some pixel, which cannot happen
  ///   for images that are on 8-bit levels themselves.
  package func onEightBitLevels(_ images: Tensor) throws -> Tensor {
    clean.dtype == .float32
      ? try onEightBitLevels(Float.self, images) : try onEightBitLevels(Double.self, images)
  }

  private func onEightBitLevels<T: PixelScalar>(
    _ type: T.Type, _ images: Tensor
  ) throws -> Tensor {
    let flags = try mask?.integers()
    return try T.read([clean, images, lower, upper]) { read in
      try T.make(clean.shape) { out in
        for i in read[0].indices {
          let (x, z) = (read[0][i], read[1][i])
          if let flags, flags[i] == 0 {
            out[i] = x
            continue
          }
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
            throw budget.norm == .linf
              ? KilpiError(
                "no 8-bit level lies within \(budget.description) of a pixel of \(Double(x))",
                advice: "lattice = 8 needs images on 8-bit levels, or a larger eps")
              : KilpiError(
                "a pixel of \(Double(x)) is on no 8-bit level",
                advice: "in \(budget.norm.rawValue) lattice = 8 needs images on levels: "
                  + "round(images * 255) / 255")
          }
          out[i] = pixel
        }
      }
    }
  }
}
