internal import Diagnostics

/// Which pixel a centre crop starts at when the margin is odd.
public enum CropRule: String, Sendable {
  /// `round((h - s) / 2)`, halves to even, as torchvision.
  case torchvision
  /// `(h - s) // 2`, as the Hugging Face processors.
  case huggingFace = "hf"

  /// The offset of a crop of `size` in a side of `length`.
  public func offset(length: Int, size: Int) -> Int {
    let margin = length - size
    switch self {
    case .torchvision: return Int((Double(margin) / 2).rounded(.toNearestOrEven))
    case .huggingFace: return margin / 2
    }
  }
}

/// A named recipe that brings an image to a model's size: resize and crop, never normalise.
public enum PreprocessingPreset: String, Sendable, CaseIterable {
  /// Bicubic, short side S, centre crop S (also called `clip`).
  case openai
  /// Native pixels; the model resizes inside its graph (CIFAR, STL-10, Tiny-ImageNet).
  case mmcoaSmall = "mmcoa_small"
  /// Bilinear, short side 256/224 · S, centre crop S (also called `tecoa`).
  case mmcoaImageNet = "mmcoa_imagenet"
  /// Bicubic to S x S without a crop, the aspect ratio lost, as SigLIP's processor.
  case siglip

  /// The preset of a name, or of an alias of it.
  ///
  /// - Throws: `KilpiError` that offers the nearest name.
  public init(named name: String) throws {
    let aliases = ["clip": Self.openai, "tecoa": .mmcoaImageNet]
    if let preset = Self(rawValue: name) ?? aliases[name] {
      self = preset
      return
    }
    let names = Self.allCases.map(\.rawValue) + aliases.keys
    throw KilpiError(
      "there is no preset '\(name)'",
      advice: NearestName.suggestion(for: name, among: names).map { "did you mean '\($0)'?" }
        ?? "presets: \(Self.allCases.map(\.rawValue).joined(separator: ", "))")
  }
}

extension PixelImage {
  /// The image with its short side at `size`; the long side is `size · long / short`, truncated.
  public func resizedShortSide(
    to size: Int, filter: ResizeFilter = .bicubic
  ) throws -> PixelImage {
    guard size > 0, size <= ImageSize.largestSide else {
      throw KilpiError("size is \(size), outside 1 … \(ImageSize.largestSide)")
    }
    let long = size * max(width, height) / min(width, height)
    return try width <= height
      ? resized(width: size, height: long, filter: filter)
      : resized(width: long, height: size, filter: filter)
  }

  /// The part of the image that starts at (`x`, `y`).
  ///
  /// - Throws: `KilpiError` when the part does not lie in the image.
  public func cropped(x: Int, y: Int, width newWidth: Int, height newHeight: Int) throws
    -> PixelImage
  {
    guard newWidth > 0, newHeight > 0, x >= 0, y >= 0, x <= width - newWidth,
      y <= height - newHeight
    else {
      throw KilpiError(
        "a crop of \(newWidth) x \(newHeight) at (\(x), \(y)) leaves the \(width) x \(height) image"
      )
    }
    var result: [UInt8] = []
    result.reserveCapacity(newWidth * newHeight * 3)
    for row in y..<(y + newHeight) {
      let start = (row * width + x) * 3
      result += pixels[start..<(start + newWidth * 3)]
    }
    return PixelImage(unchecked: newWidth, newHeight, result)
  }

  /// The middle `size` x `size` pixels.
  ///
  /// - Throws: `KilpiError` when a side is shorter than `size`.
  public func centreCropped(to size: Int, rule: CropRule = .torchvision) throws -> PixelImage {
    guard size > 0, size <= width, size <= height else {
      throw KilpiError(
        "cannot crop \(size) x \(size) from \(width) x \(height) pixels",
        advice: "resize the image first")
    }
    return try cropped(
      x: rule.offset(length: width, size: size), y: rule.offset(length: height, size: size),
      width: size, height: size)
  }

  /// The image as a preset prepares it for a model of side `size`.
  public func preprocessed(
    _ preset: PreprocessingPreset, size: Int = 224, crop rule: CropRule = .torchvision
  ) throws -> PixelImage {
    guard size > 0, size <= ImageSize.largestSide else {
      throw KilpiError("size is \(size), outside 1 … \(ImageSize.largestSide)")
    }
    switch preset {
    case .openai:
      return try resizedShortSide(to: size, filter: .bicubic).centreCropped(to: size, rule: rule)
    case .mmcoaSmall: return self
    case .mmcoaImageNet:
      return try resizedShortSide(to: size * 256 / 224, filter: .bilinear)
        .centreCropped(to: size, rule: rule)
    case .siglip: return try resized(width: size, height: size, filter: .bicubic)
    }
  }
}
