internal import Diagnostics
internal import Tensors

/// Random resizing of images before a gradient is taken: with a probability, to a side
/// `r ~ U{⌊ratio · S⌋ … S − 1}`, `S` the longer side and the other in proportion, bilinear, padded with zeros
/// to the old size at a random place; a draw of its own for every sample (DI-FGSM, arXiv:1803.06978).
package struct InputDiversity: Equatable, Sendable {
  /// Probability that a sample is resized.
  package var probability: Double
  /// Smallest side as a share of the image's.
  package var ratio: Double

  package init(probability: Double = 0.5, ratio: Double = 0.9) {
    self.probability = probability
    self.ratio = ratio
  }
}

/// One draw of resizing and padding a batch: a linear map `T` of each sample, and its transpose.
struct RandomResize {
  /// One axis of one sample: the old pixels and weights of each new one.
  struct Axis {
    /// Two taps for each of the `size` pixels placed from `offset` on; the others are zero.
    var offset = 0
    var taps: [(low: Int, high: Int, share: Double)] = []

    /// Bilinear with half-pixel centres, without antialiasing.
    init(from old: Int, to new: Int, offset: Int) {
      self.offset = offset
      taps = (0..<new).map { index in
        let center = (Double(index) + 0.5) * Double(old) / Double(new) - 0.5
        let source = min(max(center, 0), Double(old - 1))
        let low = Int(source)
        return (low, min(low + 1, old - 1), source - Double(low))
      }
    }
  }

  /// Rows and columns of each sample; nil where it stays as it is.
  let axes: [(rows: Axis, columns: Axis)?]

  /// Draws for images `[n, C, H, W]`, from one stream a sample.
  init(_ diversity: InputDiversity, shape: [Int], _ streams: inout [RandomStream]) {
    let (height, width) = (shape[2], shape[3])
    let longer = max(height, width)
    let smallest = max(1, Int(clamped: (diversity.ratio * Double(longer)).rounded(.down)))
    func inProportion(_ side: Int, _ new: Int) -> Int {
      max(
        1,
        min(side, Int(clamped: (Double(side) * Double(new) / Double(max(longer, 1))).rounded())))
    }
    axes = streams.indices.map { row in
      let isChosen = streams[row].uniform() < diversity.probability
      guard isChosen, smallest < longer else { return nil }
      let side = smallest + streams[row].integer(below: longer - smallest)
      let (rows, columns) = (inProportion(height, side), inProportion(width, side))
      let top = streams[row].integer(below: height - rows + 1)
      let left = streams[row].integer(below: width - columns + 1)
      return (
        Axis(from: height, to: rows, offset: top), Axis(from: width, to: columns, offset: left)
      )
    }
  }

  /// `T x`.
  func applied(to images: Tensor) throws -> Tensor {
    images.dtype == .float32
      ? try mapped(Float.self, images, transposed: false)
      : try mapped(Double.self, images, transposed: false)
  }

  /// `Tᵀ g`: the gradient with respect to `x` of what has the gradient `g` with respect to `T x`.
  func pulledBack(_ gradient: Tensor) throws -> Tensor {
    gradient.dtype == .float32
      ? try mapped(Float.self, gradient, transposed: true)
      : try mapped(Double.self, gradient, transposed: true)
  }

  private func mapped<T: PixelScalar>(
    _ type: T.Type, _ images: Tensor, transposed: Bool
  ) throws -> Tensor {
    let (channels, height, width) = (images.shape[1], images.shape[2], images.shape[3])
    let plane = height * width
    return try T.read(images) { read in
      try T.make(images.shape) { out in
        for (row, axes) in axes.enumerated() {
          try Interrupts.poll()
          for start in stride(
            from: row * channels * plane, to: (row + 1) * channels * plane, by: plane)
          {
            guard let axes else {
              for index in start..<start + plane { out[index] = read[index] }
              continue
            }
            for index in start..<start + plane { out[index] = 0 }
            for (y, vertical) in axes.rows.taps.enumerated() {
              let line = start + (axes.rows.offset + y) * width + axes.columns.offset
              let (upper, lower) = (start + vertical.low * width, start + vertical.high * width)
              let b = T(vertical.share)
              for (x, horizontal) in axes.columns.taps.enumerated() {
                let a = T(horizontal.share)
                let (low, high) = (horizontal.low, horizontal.high)
                if transposed {
                  let value = read[line + x]
                  out[upper + low] += (1 - b) * (1 - a) * value
                  out[upper + high] += (1 - b) * a * value
                  out[lower + low] += b * (1 - a) * value
                  out[lower + high] += b * a * value
                } else {
                  let top = (1 - a) * read[upper + low] + a * read[upper + high]
                  let bottom = (1 - a) * read[lower + low] + a * read[lower + high]
                  out[line + x] = min(1, max(0, (1 - b) * top + b * bottom))
                }
              }
            }
          }
        }
      }
    }
  }
}
