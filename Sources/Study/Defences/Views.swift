package import Attacks
package import ClipModels
internal import Glibc
package import Tensors

/// Mean over flips and crops, `augmentations`: the control row of defences at test time.
///
/// The image, its corner crops and its central crop, each brought to the model's size by the model's own
/// resize, and the mirror images of all; class probabilities are averaged, and their logarithm is the logits.
package struct AugmentedViews: TestTimeDefence {
  /// Side of a crop as a share of the image's; 1: no crops.
  package var crop = 0.9
  /// Mirror images, too.
  package var flips = true
  package var seed: UInt64 = 0
  package var draws: Bool { false }

  package init() {}

  package var name: String { "augmentations" }
  package var summary: String { "the mean over mirror images and crops" }

  package static var parameters: [Parameter<AugmentedViews>] {
    [
      Parameter("crop", \.crop, .above(0, atMost: 1), "side of a crop as a share; 1: no crops"),
      Parameter("flips", \.flips, "mirror images, too"),
    ]
  }

  package func logits(_ images: Tensor, _ classifier: ZeroShotClassifier) throws -> Tensor {
    let (height, width) = (images.shape[2], images.shape[3])
    let rows = min(max(Int((crop * Double(height)).rounded()), 1), height)
    let columns = min(max(Int((crop * Double(width)).rounded()), 1), width)
    var views = [images]
    if rows < height || columns < width {
      let (down, right) = (height - rows, width - columns)
      for (top, left) in [(0, 0), (0, right), (down, 0), (down, right), (down / 2, right / 2)] {
        views.append(
          try images.narrowed(2, start: top, length: rows)
            .narrowed(3, start: left, length: columns))
      }
    }
    if flips { views += try views.map { try mirrored($0) } }
    return try Self.mean(views.map { try classifier.stepLogits($0.contiguous()) })
  }

  private func mirrored(_ images: Tensor) throws -> Tensor {
    let width = images.shape[3]
    let order = try Tensor((0..<width).reversed().map { Int64($0) }, shape: [width])
    return try images.indexSelected(3, order)
  }

  /// The logarithm of the mean of class probabilities.
  static func mean(_ views: [Tensor]) throws -> Tensor {
    let logs = try Tensor.stacked(views.map { try $0.logSoftmax() })
    return try logs.logSumExp(axes: [0]) - log(Double(views.count))
  }
}

/// Mean over draws of Gaussian noise, `noise`: the control row of randomised defences.
package struct NoisyViews: TestTimeDefence {
  /// Standard deviation of the noise in `[0, 1]` units.
  package var deviation = 8.0 / 255
  /// Draws.
  package var count = 8
  package var seed: UInt64 = 0

  package init() {}

  package var name: String { "noise" }
  package var summary: String { "the mean over draws of Gaussian noise" }

  package static var parameters: [Parameter<NoisyViews>] {
    [
      .length("sigma", \.deviation, .within(0...10), "standard deviation of the noise"),
      Parameter("draws", \.count, 1...100_000, "draws of noise"),
    ]
  }

  package func logits(_ images: Tensor, _ classifier: ZeroShotClassifier) throws -> Tensor {
    let views = try (0..<count).map { index in
      let noise = try drawn(images, draw: index) { stream, shape in
        try Tensor.randomNormal(shape, stream: &stream) * deviation
      }
      return try classifier.stepLogits((images + noise).clamped(0, 1))
    }
    return try AugmentedViews.mean(views)
  }
}
