internal import Diagnostics

/// An RGB image of 8 bits a channel: what a file holds and what data sets keep in memory.
public struct PixelImage: Equatable, Sendable {
  /// Columns, at least 1.
  public let width: Int
  /// Rows, at least 1.
  public let height: Int
  /// The samples in the order `[height, width, 3]`, 0 to 255.
  public let pixels: [UInt8]

  /// Wraps samples in the order `[height, width, 3]`.
  ///
  /// - Throws: `KilpiError` when the sizes are not positive or do not fit the number of samples.
  public init(width: Int, height: Int, pixels: [UInt8]) throws {
    guard try ImageSize.samples(width: width, height: height) == pixels.count else {
      throw KilpiError("\(width) x \(height) RGB pixels do not fit \(pixels.count) values")
    }
    self.init(unchecked: width, height, pixels)
  }

  /// A gray image with its values copied to the three channels; `gray` is `[height, width]`.
  public init(width: Int, height: Int, gray: [UInt8]) throws {
    guard try ImageSize.samples(width: width, height: height) == gray.count * 3 else {
      throw KilpiError("\(width) x \(height) gray pixels do not fit \(gray.count) values")
    }
    let pixels = [UInt8](unsafeUninitializedCapacity: gray.count * 3) { buffer, count in
      for (i, value) in gray.enumerated() {
        buffer[3 * i] = value
        buffer[3 * i + 1] = value
        buffer[3 * i + 2] = value
      }
      count = gray.count * 3
    }
    self.init(unchecked: width, height, pixels)
  }

  /// For callers that made `pixels` of the right size themselves.
  init(unchecked width: Int, _ height: Int, _ pixels: [UInt8]) {
    self.width = width
    self.height = height
    self.pixels = pixels
  }

  /// An image of one colour.
  public static func filled(
    width: Int, height: Int, red: UInt8, green: UInt8, blue: UInt8
  ) throws -> PixelImage {
    let samples = try ImageSize.samples(width: width, height: height)
    let pixels = [UInt8](unsafeUninitializedCapacity: samples) { buffer, count in
      for at in stride(from: 0, to: samples, by: 3) {
        buffer[at] = red
        buffer[at + 1] = green
        buffer[at + 2] = blue
      }
      count = samples
    }
    return PixelImage(unchecked: width, height, pixels)
  }
}

/// An RGB image of 16 bits a channel; value / 65535 is the brightness.
public struct DeepImage: Equatable, Sendable {
  /// Columns, at least 1.
  public let width: Int
  /// Rows, at least 1.
  public let height: Int
  /// The samples in the order `[height, width, 3]`, 0 to 65535.
  public let pixels: [UInt16]

  /// Wraps samples in the order `[height, width, 3]`.
  ///
  /// - Throws: `KilpiError` when the sizes are not positive or do not fit the number of samples.
  public init(width: Int, height: Int, pixels: [UInt16]) throws {
    guard try ImageSize.samples(width: width, height: height) == pixels.count else {
      throw KilpiError("\(width) x \(height) RGB pixels do not fit \(pixels.count) values")
    }
    self.width = width
    self.height = height
    self.pixels = pixels
  }
}

/// Sizes that images may have.
enum ImageSize {
  static let largestSide = 1_000_000
  static let largestPixelCount = 100_000_000

  /// The number of samples `3 · width · height`, once the sizes have been checked.
  static func samples(width: Int, height: Int) throws -> Int {
    guard width > 0, height > 0 else {
      throw KilpiError("an image of \(width) x \(height) pixels has no pixels")
    }
    let (pixels, overflow) = width.multipliedReportingOverflow(by: height)
    guard width <= largestSide, height <= largestSide else {
      throw KilpiError(
        "an image of \(width) x \(height) pixels has a side of more than \(largestSide) pixels")
    }
    guard !overflow, pixels <= largestPixelCount else {
      throw KilpiError("an image of \(width) x \(height) pixels is larger than 100 million pixels")
    }
    try MemoryReservation.ask(pixels * 3)
    return pixels * 3
  }
}
