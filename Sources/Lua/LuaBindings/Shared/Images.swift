internal import Diagnostics
internal import LuaHost
internal import Tensors

extension Call {
  /// Images `[N, 3, H, W]`, or one as `[3, H, W]`, which gets a batch of one; values in 0 … 1.
  ///
  /// - Parameter tolerance: how far values may leave 0 … 1; rounding in a script's own arithmetic
  ///   is no reason to refuse an image, but attacks allow none.
  /// - Returns: the batch, and whether it was a single image (results then lose the batch axis).
  func images(
    _ index: Int, name: String = "images", tolerance: Double = PixelRange.rounding
  ) throws -> (batch: Tensor, isSingle: Bool) {
    let tensor = try handle(index, as: Tensor.self)
    switch (tensor.rank, tensor.shape.suffix(3).first) {
    case (4, 3):
      try PixelRange.check(tensor, name, tolerance: tolerance)
      return (tensor, false)
    case (3, 3):
      try PixelRange.check(tensor, name, tolerance: tolerance)
      return (try tensor.unsqueezed(0), true)
    default:
      throw KilpiError(
        "\(name) have shape \(ErrorText.shape(tensor.shape))",
        advice: "images are [N, 3, H, W] or [3, H, W] with values in 0 … 1")
    }
  }
}

extension Options {
  /// An option of images `[N, 3, H, W]` with values in 0 … 1.
  func images(_ name: String) throws -> Tensor {
    let tensor = try handle(name, as: Tensor.self)
    guard tensor.rank == 4, tensor.shape[1] == 3 else {
      throw KilpiError(
        "\(name) have shape \(ErrorText.shape(tensor.shape))",
        advice: "images are [N, 3, H, W] with values in 0 … 1")
    }
    try PixelRange.check(tensor, name)
    return tensor
  }
}

/// The check that pixels are unnormalised: floating point in 0 … 1.
///
/// It belongs to the bindings: what floor 1 passes between attack and model was checked once.
enum PixelRange {
  /// What rounding of a script's arithmetic may add: a mean of two white pixels, say.
  static let rounding = 1e-6

  /// Refuses the first value that is not in 0 … 1.
  ///
  /// - Parameters:
  ///   - images: `[C, H, W]`, or `[N, C, H, W]`; the message then counts images from 1.
  ///   - single: how the message names an image without a batch.
  static func check(
    _ images: Tensor, _ name: String = "images", single: String = "the image",
    tolerance: Double = rounding
  ) throws {
    func place(_ index: Int) -> String {
      guard images.rank == 4, images.shape[0] > 0 else { return single }
      return "\(name)[\(index / (images.count / images.shape[0]) + 1)]"
    }
    guard images.dtype.isFloatingPoint else {
      throw KilpiError(
        "\(images.rank == 4 ? "\(name) hold" : "\(single) holds") \(images.dtype.rawValue), "
          + "not floating point", advice: "divide bytes by 255")
    }
    if images.dtype == .float32 {
      let one = Float(1).bitPattern
      let first: (index: Int, value: Float)? = try images.withFloats { values in
        // As bits, 0 … 1 is one range without a branch for NaN; a look at each value follows only
        // where something lies outside (-0, too).
        var top: UInt32 = 0
        for value in values { top = max(top, value.bitPattern) }
        return top <= one ? nil : firstOutside(values, tolerance: Float(tolerance))
      }
      if let first { throw problem(place(first.index), Double(first.value)) }
      return
    }
    let first = try images.doubles().withUnsafeBufferPointer {
      firstOutside($0, tolerance: tolerance)
    }
    if let first { throw problem(place(first.index), first.value) }
  }

  private static func firstOutside<T: BinaryFloatingPoint>(
    _ values: UnsafeBufferPointer<T>, tolerance: T
  ) -> (index: Int, value: T)? {
    let (low, high) = (-tolerance, 1 + tolerance)
    for index in values.indices where !(values[index] >= low && values[index] <= high) {
      return (index, values[index])
    }
    return nil
  }

  private static func problem(_ place: String, _ value: Double) -> KilpiError {
    // A float32's own shortest digits: 1.1, not 1.100000023841858.
    let text =
      Int64(exactly: value) == nil && value.isFinite && Double(Float(value)) == value
      ? "\(Float(value))" : ErrorText.number(value)
    let shown = "\(place) holds \(text)"
    if value.isNaN { return KilpiError(shown, advice: "check what made the image") }
    return KilpiError(
      shown + ", outside 0 … 1",
      advice: value > -0.01 && value < 1.01
        ? "x:clamp(0, 1) cuts it off"
        : "divide bytes by 255; leave normalising to the model")
  }
}
