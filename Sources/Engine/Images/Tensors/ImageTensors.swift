internal import Diagnostics
public import Tensors

/// The values that bytes stand for: `byte / 255`, rounded once to `Float`.
enum Levels {
  static let eight: [Float] = (0...255).map { Float($0) / 255 }

  static func value(_ level: Int, bits: Int) -> Float {
    bits == 8 ? Float(level) / 255 : Float(level) / 65_535
  }
}

extension PixelImage {
  /// The image as `[3, height, width]`, `float32`, `byte / 255`.
  public func tensor() throws -> Tensor {
    try Tensor.make([3, height, width]) { try writePlanes(into: $0) { try Interrupts.poll() } }
  }

  /// Images of one size as `[count, 3, height, width]`.
  ///
  /// - Throws: `KilpiError` when there is none or the sizes differ.
  public static func batch(_ images: [PixelImage]) throws -> Tensor {
    guard let first = images.first else { throw KilpiError("there is no image to stack") }
    for (i, image) in images.enumerated()
    where image.width != first.width || image.height != first.height {
      throw KilpiError(
        "image \(i + 1) has \(image.width) x \(image.height) pixels, the first has \(first.width) x \(first.height)",
        advice: "bring them to one size first")
    }
    let shape = [images.count, 3, first.height, first.width]
    return try Tensor.make(shape) { buffer in
      let size = first.pixels.count
      for (i, image) in images.enumerated() {
        image.writePlanes(
          into: UnsafeMutableBufferPointer(rebasing: buffer[(i * size)..<((i + 1) * size)]))
      }
    }
  }

  /// Writes the three planes, `byte / 255`, to a buffer of `3 · width · height` values.
  public func writePlanes(into buffer: UnsafeMutableBufferPointer<Float>) {
    writePlanes(into: buffer) {}
  }

  /// The same with `look` called now and then, for large images.
  private func writePlanes(
    into buffer: UnsafeMutableBufferPointer<Float>, look: () throws -> Void
  ) rethrows {
    let plane = width * height
    guard buffer.count >= 3 * plane else { return }
    try Levels.eight.withUnsafeBufferPointer { levels in
      try pixels.withUnsafeBufferPointer { pixels in
        var at = 0
        for i in 0..<plane {
          if i & 0xFFFFF == 0xFFFFF { try look() }
          buffer[i] = levels[Int(pixels[at])]
          buffer[i + plane] = levels[Int(pixels[at + 1])]
          buffer[i + 2 * plane] = levels[Int(pixels[at + 2])]
          at += 3
        }
      }
    }
  }

  /// The 8-bit image nearest to a tensor: `floor(255 · x + 0.5)`.
  ///
  /// - Parameter tensor: `[3, H, W]`, or `[1, H, W]` for gray; floating point, in `[0, 1]`.
  /// - Throws: `KilpiError` when the shape is another, or a value is not in `[0, 1]`.
  public init(_ tensor: Tensor) throws {
    let values = try ImageValues(tensor)
    let pixels = try values.interleaved { UInt8($0 * 255 + 0.5) }
    self.init(unchecked: values.width, values.height, pixels)
  }

  /// The image whose tensor is exactly `tensor`, or nil when a value is not a multiple of 1/255.
  init?(exactly values: ImageValues) throws {
    for (index, value) in values.planes.enumerated() {
      if index & 0xFFFFF == 0 { try Interrupts.poll() }
      guard value >= 0, value <= 1, Levels.eight[Int(value * 255 + 0.5)] == value else {
        return nil
      }
    }
    let pixels = try values.interleaved { UInt8($0 * 255 + 0.5) }
    self.init(unchecked: values.width, values.height, pixels)
  }
}

extension DeepImage {
  /// The image as `[3, height, width]`, `float32`, `value / 65535`.
  public func tensor() throws -> Tensor {
    try Tensor.make([3, height, width]) { buffer in
      let plane = width * height
      for i in 0..<plane {
        for channel in 0..<3 {
          buffer[channel * plane + i] = Float(pixels[3 * i + channel]) / 65_535
        }
      }
    }
  }

  /// The 16-bit image nearest to a tensor: `floor(65535 · x + 0.5)`; shapes as for 8 bits.
  public init(_ tensor: Tensor) throws {
    let values = try ImageValues(tensor)
    try self.init(
      width: values.width, height: values.height,
      pixels: try values.interleaved { UInt16($0 * 65_535 + 0.5) })
  }
}

/// The values of one image tensor, shape and range checked.
struct ImageValues {
  let width: Int
  let height: Int
  /// `[3, height, width]`.
  let planes: [Float]

  /// Reads `[3, H, W]`, or `[1, H, W]` with its plane three times.
  init(_ tensor: Tensor, checkRange: Bool = true) throws {
    guard tensor.rank == 3, tensor.shape[0] == 3 || tensor.shape[0] == 1 else {
      let several = tensor.rank == 4 && tensor.shape[1] == 3
      throw KilpiError(
        "an image has the shape [3, H, W], not \(ImageValues.describe(tensor.shape))",
        advice: several ? "take one image of the batch" : nil)
    }
    guard tensor.dtype != .int64 else {
      throw KilpiError(
        "an image holds numbers of floating point in 0 … 1, not int64",
        advice: "divide bytes by 255")
    }
    height = tensor.shape[1]
    width = tensor.shape[2]
    _ = try ImageSize.samples(width: width, height: height)
    let values = try tensor.detached().floats()
    planes = tensor.shape[0] == 3 ? values : values + values + values
    if checkRange { try Self.checkRange(values) }
  }

  private static func checkRange(_ values: [Float]) throws {
    var low = Float.infinity
    var high = -Float.infinity
    for (index, value) in values.enumerated() {
      if index & 0xFFFFF == 0 { try Interrupts.poll() }
      guard !value.isNaN else { throw KilpiError("the image holds nan") }
      low = min(low, value)
      high = max(high, value)
    }
    guard low >= 0, high <= 1 else {
      throw KilpiError(
        "the image's values lie in \(low) … \(high), outside 0 … 1",
        advice: "clamp them to 0 … 1 first; for bytes divide by 255")
    }
  }

  /// The values in the order `[height, width, 3]`, each through `convert`.
  func interleaved<Sample>(_ convert: (Double) -> Sample) throws -> [Sample] {
    let plane = width * height
    return try [Sample](unsafeUninitializedCapacity: 3 * plane) { buffer, count in
      for i in 0..<plane {
        if i & 0xFFFF == 0 { try Interrupts.poll() }
        for channel in 0..<3 {
          (buffer.baseAddress.map { $0 + 3 * i + channel })?.initialize(
            to: convert(Double(planes[channel * plane + i])))
        }
      }
      count = 3 * plane
    }
  }

  static func describe(_ shape: [Int]) -> String {
    "[" + shape.prefix(8).map(String.init).joined(separator: ", ") + "]"
  }
}
