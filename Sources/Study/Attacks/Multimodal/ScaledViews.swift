internal import Diagnostics
internal import Tensors

/// The copies in which SGA shows an image to the encoder beside the image itself.
///
/// A copy of scale `r`: noise `N(0, noise²)` is added, the image is resampled to
/// `⌊r·H⌋ × ⌊r·W⌋`, cut to `[0, 1]`, and resampled back; both ways by cubic convolution with
/// A = −0.75, half-pixel centres, repeated edges. Paper: arXiv:2307.14061.
package struct ScaledViews: Equatable, Sendable {
  /// Scales of the copies, above 0; none for the image alone.
  package var scales = [0.5, 0.75, 1.25, 1.5]
  /// Standard deviation of the noise, in pixel units, at least 0.
  package var noise = 0.05

  /// The scales and the noise of the paper's code.
  package init() {}

  func check() throws {
    if let scale = scales.first(where: { !($0 > 0 && $0 <= 16) }) {
      throw KilpiError("a scale is \(scale), outside 0 … 16")
    }
  }

  /// One copy of images `[n, C, H, W]`, with gradients.
  ///
  /// - Parameter streams: one an image, for its noise.
  func copy(_ images: Tensor, scale: Double, _ streams: [RandomStream]) throws -> Tensor {
    let (height, width) = (images.shape[2], images.shape[3])
    var x = images
    if noise > 0 {
      let each = images.count / max(images.shape[0], 1)
      let values = streams.flatMap { stream -> [Double] in
        var stream = stream
        return (0..<each).map { _ in stream.normal() * noise }
      }
      x = try x + Tensor(values, shape: images.shape).converted(to: images.dtype)
    }
    let small = (
      height: Int(clamped: scale * Double(height)), width: Int(clamped: scale * Double(width))
    )
    guard small.height > 0, small.width > 0 else {
      throw KilpiError(
        "scale \(scale) leaves no pixel of images of \(height) x \(width)",
        advice: "use larger scales")
    }
    x = try Self.resampled(x, height: small.height, width: small.width).clamped(0, 1)
    return try Self.resampled(x, height: height, width: width)
  }

  /// Cubic resampling as two products, whose transposes are the exact gradient.
  static func resampled(_ images: Tensor, height: Int, width: Int) throws -> Tensor {
    let x = try images.matmul(
      weights(from: images.shape[3], to: width, images.dtype).transposed())
    return try weights(from: images.shape[2], to: height, images.dtype).matmul(x)
  }

  /// The matrix `[to, from]` whose rows weigh the four taps of each output.
  private static func weights(from n: Int, to m: Int, _ dtype: DType) throws -> Tensor {
    var values = [Double](repeating: 0, count: n * m)
    let ratio = Double(n) / Double(m)
    for row in 0..<m {
      let centre = (Double(row) + 0.5) * ratio - 0.5
      let first = Int(clamped: centre.rounded(.down))
      for tap in -1...2 {
        let index = min(max(first + tap, 0), n - 1)
        values[row * n + index] += cubic(centre - Double(first + tap))
      }
    }
    return try Tensor(values, shape: [m, n]).converted(to: dtype)
  }

  private static func cubic(_ offset: Double) -> Double {
    let (a, u) = (-0.75, abs(offset))
    if u <= 1 { return ((a + 2) * u - (a + 3)) * u * u + 1 }
    if u < 2 { return ((a * u - 5 * a) * u + 8 * a) * u - 4 * a }
    return 0
  }
}
