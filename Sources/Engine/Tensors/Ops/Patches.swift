internal import CKernels
internal import Diagnostics

extension Tensor {
  /// Square patches of images as rows, with a factor and an offset a channel fused into the copy.
  ///
  /// `[N, C, H, W]` gives `[N, (H/p)·(W/p), C·p·p]`: patches row by row, and in each the channels,
  /// then rows, then columns, as a convolution's weight `[out, C, p, p]` lies. A rest of the image
  /// that fills no patch is left out. Gradient: scattered back, times the factor.
  ///
  /// - Parameters:
  ///   - factor: one number a channel.
  ///   - offset: one number a channel, added after the factor.
  public static func patches(
    of images: Tensor, size: Int, factor: [Double], offset: [Double]
  ) throws -> Tensor {
    guard images.rank == 4, (1...1 << 16).contains(size), factor.count == images.shape[1],
      offset.count == factor.count,
      images.dtype.isFloatingPoint
    else {
      throw KilpiError(
        "images \(Shape.describe(images.shape)) do not give patches of \(size) pixels",
        advice: "images are [N, C, H, W]")
    }
    let (n, c, h, w) = (images.shape[0], images.shape[1], images.shape[2], images.shape[3])
    let grid = kilpi_grid(samples: n, channels: c, height: h, width: w, patch: size)
    let shape = [n, (h / size) * (w / size), c * size * size]
    let source = try images.ordered()
    let result = try Tensor(uninitialized: shape, images.dtype)
    keeping(source) {
      kilpi_patches(images.dtype.code, source.raw, result.raw, grid, factor, offset)
    }
    let (original, type) = (images.shape, images.dtype)
    return record("patches", result, from: [images]) { g, _ in
      let g = try g.ordered()
      let covered = h % size == 0 && w % size == 0
      let out =
        covered ? try Tensor(uninitialized: original, type) : try Tensor.zeros(original, type)
      keeping(g) {
        kilpi_patches_gradient(type.code, g.raw, out.raw, grid, factor)
      }
      return [out]
    }
  }
}
