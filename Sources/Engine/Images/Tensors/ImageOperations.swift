internal import Diagnostics
public import Tensors

/// Operations on image tensors `[3, H, W]` that prepare or show data; none records a gradient.
///
/// The resize that a model does inside its graph is another one and belongs to the model.
public enum ImageOperations {
  /// The image at another size.
  ///
  /// With antialiasing an image whose values are all `k/255` is resized bit for bit as Pillow
  /// resizes the 8-bit image; other values take the same filter in floating point. Without
  /// antialiasing the filter is that of PyTorch's `interpolate` (cubic a = -0.75). What lay in
  /// `[0, 1]` stays there: the cubic's overshoot is cut off.
  ///
  /// - Parameter image: `[3, H, W]` or `[N, 3, H, W]`.
  /// - Throws: `KilpiError` when the shape is another, the size is not positive or too large, or
  ///   the image takes part in a recorded gradient.
  public static func resized(
    _ image: Tensor, width: Int, height: Int, filter: ResizeFilter = .bicubic,
    antialias: Bool = true
  ) throws -> Tensor {
    _ = try ImageSize.samples(width: width, height: height)
    return try mapped(image) { values in
      if antialias || filter == .nearest, let pixels = try PixelImage(exactly: values) {
        return try pixels.resized(width: width, height: height, filter: filter).tensor()
      }
      return try FloatResize(filter: filter, antialias: antialias)
        .resized(values, width: width, height: height)
    }
  }

  /// The image with its short side at `size`; the long side is `size · long / short`, truncated.
  public static func resizedShortSide(
    _ image: Tensor, to size: Int, filter: ResizeFilter = .bicubic, antialias: Bool = true
  ) throws -> Tensor {
    guard image.rank >= 2, let width = image.shape.last, width > 0 else {
      throw KilpiError("an image has the shape [3, H, W], not \(ImageValues.describe(image.shape))")
    }
    let height = image.shape[image.rank - 2]
    guard height > 0, size > 0, size <= ImageSize.largestSide else {
      throw KilpiError("size is \(size), outside 1 … \(ImageSize.largestSide)")
    }
    let long = size * max(width, height) / min(width, height)
    return try resized(
      image, width: width <= height ? size : long, height: width <= height ? long : size,
      filter: filter, antialias: antialias)
  }

  /// The middle `size` x `size` pixels of `[..., H, W]`; a view, the gradient passes.
  ///
  /// - Throws: `KilpiError` when a side is shorter than `size`.
  public static func centreCropped(
    _ image: Tensor, to size: Int, rule: CropRule = .torchvision
  ) throws -> Tensor {
    guard image.rank >= 2, size > 0, size <= image.shape[image.rank - 1],
      size <= image.shape[image.rank - 2]
    else {
      throw KilpiError(
        "cannot crop \(size) x \(size) from \(ImageValues.describe(image.shape))",
        advice: "resize the image first")
    }
    let y = rule.offset(length: image.shape[image.rank - 2], size: size)
    let x = rule.offset(length: image.shape[image.rank - 1], size: size)
    return try image.narrowed(image.rank - 2, start: y, length: size)
      .narrowed(image.rank - 1, start: x, length: size)
  }

  /// The image as a preset prepares it for a model of side `size`: resize and crop, in `[0, 1]`,
  /// never normalised.
  ///
  /// - Parameter image: `[3, H, W]` or `[N, 3, H, W]`.
  public static func preprocessed(
    _ image: Tensor, _ preset: PreprocessingPreset, size: Int = 224,
    crop rule: CropRule = .torchvision
  ) throws -> Tensor {
    switch preset {
    case .mmcoaSmall: return try mapped(image) { try $0.tensor() }
    case .openai:
      return try centreCropped(resizedShortSide(image, to: size), to: size, rule: rule)
        .contiguous()
    case .mmcoaImageNet:
      guard size > 0, size <= ImageSize.largestSide else {
        throw KilpiError("size is \(size), outside 1 … \(ImageSize.largestSide)")
      }
      let wide = try resizedShortSide(image, to: size * 256 / 224, filter: .bilinear)
      return try centreCropped(wide, to: size, rule: rule).contiguous()
    case .siglip: return try resized(image, width: size, height: size)
    }
  }

  /// The difference `a - b`, amplified and centred: `0.5 + gain · (a - b)`, cut to `[0, 1]`.
  ///
  /// - Parameters:
  ///   - a: any shape, for example the adversarial image.
  ///   - b: the same shape, for example the clean image.
  ///   - gain: 10 shows 8/255 as about 0.31 on either side of gray.
  public static func difference(_ a: Tensor, _ b: Tensor, gain: Double = 10) throws -> Tensor {
    guard a.shape == b.shape else {
      throw KilpiError(
        "the images differ in shape: \(ImageValues.describe(a.shape)) and \(ImageValues.describe(b.shape))"
      )
    }
    guard gain.isFinite else { throw KilpiError("gain is \(gain)") }
    let left = try a.detached().floats()
    let right = try b.detached().floats()
    return try Tensor.make(a.shape) { buffer in
      for i in buffer.indices {
        let value = 0.5 + gain * (Double(left[i]) - Double(right[i]))
        buffer[i] = Float(min(max(value, 0), 1))
      }
    }
  }

  /// Applies `body` to one image, or to each of a batch.
  private static func mapped(
    _ image: Tensor, _ body: (ImageValues) throws -> Tensor
  ) throws -> Tensor {
    guard !image.requiresGradient else {
      throw KilpiError(
        "this resize passes no gradient", advice: "detach the image; models resize in the graph")
    }
    guard image.rank == 4 else { return try body(ImageValues(image, checkRange: false)) }
    guard image.shape[0] > 0 else { throw KilpiError("the batch is empty") }
    let images = try (0..<image.shape[0]).mapped {
      try body(ImageValues(image.selected(0, $0), checkRange: false))
    }
    return try Tensor.stacked(images, axis: 0)
  }
}

extension ImageValues {
  /// The values as `[3, H, W]`.
  func tensor() throws -> Tensor { try Tensor(planes, shape: [3, height, width]) }
}

/// The resize of floating-point planes: Pillow's filter, or PyTorch's without antialiasing.
struct FloatResize {
  let filter: ResizeFilter
  let antialias: Bool

  func resized(_ image: ImageValues, width: Int, height: Int) throws -> Tensor {
    _ = try ImageSize.samples(width: width, height: image.height)
    let inRange = image.planes.allSatisfy { $0 >= 0 && $0 <= 1 }
    if filter == .nearest { return try nearest(image, width, height) }
    let columns = axis(from: image.width, to: width)
    let rows = axis(from: image.height, to: height)
    let count = 3 * image.height * width
    try MemoryReservation.ask(count.multipliedClamped(by: MemoryLayout<Float>.stride))
    var wide = [Float](repeating: 0, count: count)
    for line in 0..<(3 * image.height) {
      if line & 15 == 0 { try Interrupts.poll() }
      for i in 0..<width {
        var sum = 0.0
        for k in 0..<columns.counts[i] {
          sum +=
            columns.weights[i * columns.stride + k]
            * Double(image.planes[line * image.width + columns.starts[i] + k])
        }
        // Antialiasing cuts off here too, as the 8-bit resize does between its passes.
        wide[line * width + i] = Float(inRange && antialias ? min(max(sum, 0), 1) : sum)
      }
    }
    return try Tensor.make([3, height, width]) { result in
      for channel in 0..<3 {
        for i in 0..<height {
          if i & 15 == 0 { try Interrupts.poll() }
          for x in 0..<width {
            var sum = 0.0
            for k in 0..<rows.counts[i] {
              let line = channel * image.height + rows.starts[i] + k
              sum += rows.weights[i * rows.stride + k] * Double(wide[line * width + x])
            }
            let value = inRange ? min(max(sum, 0), 1) : sum
            result[(channel * height + i) * width + x] = Float(value)
          }
        }
      }
    }
  }

  private func axis(from n: Int, to m: Int) -> ResizeAxis {
    antialias
      ? ResizeAxis(antialiased: filter, from: n, to: m) : ResizeAxis(plain: filter, from: n, to: m)
  }

  private func nearest(_ image: ImageValues, _ width: Int, _ height: Int) throws -> Tensor {
    let columns = ResizeAxis.nearest(from: image.width, to: width)
    let rows = ResizeAxis.nearest(from: image.height, to: height)
    return try Tensor.make([3, height, width]) { result in
      var to = 0
      for channel in 0..<3 {
        for y in rows {
          try Interrupts.poll()
          for x in columns {
            result[to] = image.planes[(channel * image.height + y) * image.width + x]
            to += 1
          }
        }
      }
    }
  }
}
