internal import Diagnostics
internal import Tensors

/// The first stage of the model's graph: images at their own size to the model's side.
///
/// Cubic convolution with A = −0.75, half-pixel centres, repeated edges, no antialiasing, overshoot
/// kept (docs/methods.md, section 1.2): as PyTorch's `interpolate(mode="bicubic",
/// align_corners=False)`. Written as two products with small matrices, whose transposes are the
/// exact gradient.
struct InputStage {
  let side: Int

  /// `[N, 3, H, W]` to `[N, 3, side, side]`; the identity where the size fits.
  func callAsFunction(_ images: Tensor) throws -> Tensor {
    let (height, width) = (images.shape[2], images.shape[3])
    var x = images
    if width != side {
      x = try x.matmul(Self.weights(from: width, to: side, images.dtype).transposed())
    }
    if height != side {
      x = try Self.weights(from: height, to: side, images.dtype).matmul(x)
    }
    return x
  }

  /// The matrix `[to, from]` whose rows weigh the four taps of each output.
  static func weights(from n: Int, to m: Int, _ dtype: DType) throws -> Tensor {
    var values = [Double](repeating: 0, count: n * m)
    let scale = Double(n) / Double(m)
    for row in 0..<m {
      let centre = (Double(row) + 0.5) * scale - 0.5
      let first = Int(centre.rounded(.down))
      for tap in -1...2 {
        let index = Swift.min(Swift.max(first + tap, 0), n - 1)
        values[row * n + index] += cubic(centre - Double(first + tap))
      }
    }
    return try Tensor(values, shape: [m, n]).converted(to: dtype)
  }

  /// The cubic convolution kernel with A = −0.75.
  private static func cubic(_ offset: Double) -> Double {
    let (a, u) = (-0.75, Swift.abs(offset))
    if u <= 1 { return ((a + 2) * u - (a + 3)) * u * u + 1 }
    if u < 2 { return ((a * u - 5 * a) * u + 8 * a) * u - 4 * a }
    return 0
  }
}
