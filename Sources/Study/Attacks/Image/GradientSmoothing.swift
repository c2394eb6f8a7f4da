internal import Diagnostics
internal import Glibc
internal import Tensors

/// Smoothing of gradients over the image: `K ∗ g` in each channel, zeros outside, `K` a Gaussian kernel
/// whose pixels are samples on ±3 standard deviations, with sum 1 (TI-FGSM, arXiv:1904.02884).
package struct GradientSmoothing: Equatable, Sendable {
  /// Side of the kernel, odd; nil means, along each axis, 5 for at most 32 pixels, 7 up to 64, else 15.
  package var size: Int?

  package init(size: Int? = nil) { self.size = size }

  func check() throws {
    if let size, size % 2 == 0 {
      throw KilpiError("smoothing is \(size), an odd side of 1 … 255 is needed")
    }
  }

  /// One axis of the kernel, which is the product of two.
  func weights(side: Int) -> [Double] {
    let count = size ?? (side <= 32 ? 5 : side <= 64 ? 7 : 15)
    guard count > 1 else { return [1] }
    let raw = (0..<count).map { index in
      let x = -3 + 6 * Double(index) / Double(count - 1)
      return exp(-x * x / 2)
    }
    let sum = raw.reduce(0, +)
    return raw.map { $0 / sum }
  }

  /// The smoothed gradient.
  func smoothed(_ gradient: Tensor) throws -> Tensor {
    gradient.dtype == .float32
      ? try smoothed(Float.self, gradient) : try smoothed(Double.self, gradient)
  }

  private func smoothed<T: PixelScalar>(_ type: T.Type, _ gradient: Tensor) throws -> Tensor {
    let (height, width) = (gradient.shape[2], gradient.shape[3])
    let across = weights(side: width).map { T($0) }
    let down = weights(side: height).map { T($0) }
    let planes = gradient.shape[0] * gradient.shape[1]
    return try T.read(gradient) { read in
      try T.make(gradient.shape) { out in
        var lines = [T](repeating: 0, count: height * width)
        for plane in 0..<planes {
          try Interrupts.poll()
          let start = plane * height * width
          // Along rows first, whole shifted rows at a time.
          for index in lines.indices { lines[index] = 0 }
          for (tap, weight) in across.enumerated() {
            let shift = tap - across.count / 2
            let (first, last) = (max(0, -shift), min(width, width - shift))
            guard first < last else { continue }
            for y in 0..<height {
              for x in first..<last {
                lines[y * width + x] += weight * read[start + y * width + x + shift]
              }
            }
          }
          for index in start..<start + height * width { out[index] = 0 }
          for (tap, weight) in down.enumerated() {
            let shift = tap - down.count / 2
            for y in max(0, -shift)..<max(max(0, -shift), min(height, height - shift)) {
              for x in 0..<width {
                out[start + y * width + x] += weight * lines[(y + shift) * width + x]
              }
            }
          }
        }
      }
    }
  }
}
