internal import CPNG
internal import CTurboJPEG
internal import CWebP
internal import Diagnostics

/// A text that a C function fills in.
private func withMessage<Result>(
  _ body: (UnsafeMutablePointer<CChar>, Int) throws -> Result
) throws -> Result {
  try withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { buffer in
    buffer.initialize(repeating: 0)
    guard let start = buffer.baseAddress else {
      throw KilpiError("not enough memory", kind: .memory)
    }
    return try body(start, buffer.count)
  }
}

private func unreadable(_ name: String, _ message: UnsafePointer<CChar>) -> KilpiError {
  let text = String(cString: message)
  // "IDAT: CRC error" keeps its capitals, "Not enough image data" does not.
  let isWord = text.dropFirst().first?.isLowercase ?? false
  let reason = isWord ? text.prefix(1).lowercased() + text.dropFirst() : text
  let cut = text.hasPrefix("it ends") || text.lowercased().contains("premature")
  return KilpiError(
    "cannot read '\(name)': \(reason)", advice: cut ? "copy or download it again" : nil)
}

extension ImageFile {
  /// The libraries that decode, with their versions where they tell them.
  public static var libraries: String {
    let webp = kilpi_webp_version()
    return "libpng \(String(cString: kilpi_png_version())), libjpeg-turbo, "
      + "libwebp \(webp >> 16).\(webp >> 8 & 255).\(webp & 255)"
  }
}

enum PNGCodec {
  static func decode(_ bytes: [UInt8], name: String) throws -> PixelImage {
    let (width, height) = try size(bytes, name: name)
    let samples = try ImageSize.samples(width: width, height: height)
    let pixels = try [UInt8](unsafeUninitializedCapacity: samples) { buffer, count in
      try withMessage { message, size in
        guard
          kilpi_png_read8(bytes, bytes.count, buffer.baseAddress, samples, message, size) == 0
        else {
          try Interrupts.poll()
          throw unreadable(name, message)
        }
      }
      count = samples
    }
    return PixelImage(unchecked: width, height, pixels)
  }

  static func decodeDeep(_ bytes: [UInt8], name: String) throws -> DeepImage {
    let (width, height) = try size(bytes, name: name)
    let samples = try ImageSize.samples(width: width, height: height)
    let pixels = try [UInt16](unsafeUninitializedCapacity: samples) { buffer, count in
      try withMessage { message, size in
        guard
          kilpi_png_read16(bytes, bytes.count, buffer.baseAddress, samples, message, size) == 0
        else {
          try Interrupts.poll()
          throw unreadable(name, message)
        }
      }
      count = samples
    }
    return try DeepImage(width: width, height: height, pixels: pixels)
  }

  static func encode(
    _ pixels: UnsafeRawBufferPointer, _ width: Int, _ height: Int, depth: Int32, compression: Int
  ) throws -> [UInt8] {
    guard (0...9).contains(compression) else {
      throw KilpiError("compression is \(compression), outside 0 … 9")
    }
    var block: UnsafeMutablePointer<UInt8>?
    var count = 0
    try withMessage { message, size in
      guard
        kilpi_png_write(
          pixels.baseAddress, UInt32(width), UInt32(height), depth, Int32(compression), &block,
          &count, message, size) == 0
      else {
        try Interrupts.poll()
        throw KilpiError("cannot encode a PNG: \(String(cString: message))")
      }
    }
    defer { kilpi_png_free(block) }
    return Array(UnsafeBufferPointer(start: block, count: count))
  }

  private static func size(_ bytes: [UInt8], name: String) throws -> (width: Int, height: Int) {
    var info = kilpi_png_info()
    try withMessage { message, size in
      guard kilpi_png_header(bytes, bytes.count, &info, message, size) == 0 else {
        throw unreadable(name, message)
      }
    }
    return (Int(info.width), Int(info.height))
  }
}

enum JPEGCodec {
  static func decode(
    _ bytes: [UInt8], name: String, onWarning: ImageFile.WarningHandler
  ) throws -> PixelImage {
    var info = kilpi_jpeg_info()
    try withMessage { message, size in
      guard kilpi_jpeg_header(bytes, bytes.count, &info, message, size) == 0 else {
        throw unreadable(name, message)
      }
    }
    guard info.width > 0, info.height > 0 else {
      throw KilpiError(
        "cannot read '\(name)': it ends after \(bytes.count) bytes",
        advice: "copy or download it again")
    }
    guard [1, 3, 4].contains(info.components) else {
      throw KilpiError(
        "cannot read '\(name)': it has \(info.components) components; gray, colour and CMYK are read",
        advice: "convert it to PNG")
    }
    let samples: Int
    do {
      samples = try ImageSize.samples(width: Int(info.width), height: Int(info.height))
    } catch let error as KilpiError {
      throw KilpiError("cannot read '\(name)': \(error.problem)")
    }
    var warning: String?
    let pixels = try [UInt8](unsafeUninitializedCapacity: samples) { buffer, count in
      try withMessage { message, size in
        let status = kilpi_jpeg_read(
          bytes, bytes.count, &info, buffer.baseAddress, message, size)
        if status < 0 { throw unreadable(name, message) }
        if status > 0 {
          // The decoder fills what is missing with gray and calls it a warning; only its first
          // warning is known, so the end mark is looked for besides.
          let text = String(cString: message)
          if text.lowercased().contains("premature") || !hasEndMark(bytes) {
            throw KilpiError(
              "cannot read '\(name)': its image data end too early",
              advice: "copy or download it again")
          }
          warning = "'\(name)': \(text)"
        }
      }
      count = samples
    }
    if let warning { onWarning(warning) }
    return PixelImage(unchecked: Int(info.width), Int(info.height), pixels)
  }

  static func encode(_ image: PixelImage, quality: Int) throws -> [UInt8] {
    guard (1...100).contains(quality) else {
      throw KilpiError("quality is \(quality), outside 1 … 100")
    }
    guard image.width <= 65_535, image.height <= 65_535 else {
      throw KilpiError("a JPEG side has at most 65535 pixels", advice: "write a PNG")
    }
    var block: UnsafeMutablePointer<UInt8>?
    var count = 0
    try withMessage { message, size in
      guard
        kilpi_jpeg_write(
          image.pixels, Int32(image.width), Int32(image.height), Int32(quality), 444, &block,
          &count, message, size) == 0
      else { throw KilpiError("cannot encode a JPEG: \(String(cString: message))") }
    }
    defer { kilpi_jpeg_free(block) }
    return Array(UnsafeBufferPointer(start: block, count: count))
  }

  /// True when an end-of-image mark follows the first scan.
  private static func hasEndMark(_ bytes: [UInt8]) -> Bool {
    var at = 2
    while at + 4 <= bytes.count, bytes[at] == 0xff {
      let length = Int(bytes[at + 2]) << 8 | Int(bytes[at + 3])
      let isScan = bytes[at + 1] == 0xda
      at += 2 + length
      if isScan { break }
    }
    guard at < bytes.count else { return false }
    return (at..<bytes.count - 1).contains { bytes[$0] == 0xff && bytes[$0 + 1] == 0xd9 }
  }
}

enum WebPCodec {
  static func decode(_ bytes: [UInt8], name: String) throws -> PixelImage {
    var info = kilpi_webp_info()
    try withMessage { message, size in
      guard kilpi_webp_header(bytes, bytes.count, &info, message, size) == 0 else {
        throw unreadable(name, message)
      }
    }
    let samples: Int
    do {
      samples = try ImageSize.samples(width: Int(info.width), height: Int(info.height))
    } catch let error as KilpiError {
      throw KilpiError("cannot read '\(name)': \(error.problem)")
    }
    let pixels = try [UInt8](unsafeUninitializedCapacity: samples) { buffer, count in
      try withMessage { message, size in
        guard
          kilpi_webp_read(bytes, bytes.count, &info, buffer.baseAddress, message, size) == 0
        else { throw unreadable(name, message) }
      }
      count = samples
    }
    return PixelImage(unchecked: Int(info.width), Int(info.height), pixels)
  }
}

enum PPMCodec {
  /// Reads `P6` (or `P5`, gray), width, height, the largest value, one white space, then the pixels.
  ///
  /// Values are scaled as in Pillow: `round(255 · v / max)`; gray above 255 becomes 16 bits, which are clipped.
  static func decode(_ bytes: [UInt8], name: String) throws -> PixelImage {
    let raster = try Raster(bytes, name: name)
    let isClipped = raster.isGray && raster.largest > 255
    let table = raster.table(to: isClipped ? 65_535 : 255).map { UInt8(clamping: $0) }
    return PixelImage(unchecked: raster.width, raster.height, raster.samples { table[$0] })
  }

  /// All 16 bits; nil for a file that has 8.
  static func decodeDeep(_ bytes: [UInt8], name: String) throws -> DeepImage? {
    let raster = try Raster(bytes, name: name)
    guard raster.largest > 255 else { return nil }
    let table = raster.table(to: 65_535)
    return try DeepImage(
      width: raster.width, height: raster.height, pixels: raster.samples { table[$0] })
  }
}

/// A binary graymap or pixmap: its header read, its values still in the bytes.
private struct Raster {
  let width: Int
  let height: Int
  let isGray: Bool
  /// The value that stands for white, 1 to 65535; above 255 a value has two bytes.
  let largest: Int
  private let values: ArraySlice<UInt8>

  /// What each value of the file becomes: `round(top · v / largest)`, ties to even, at most `top`.
  func table(to top: Int) -> [UInt16] {
    (0..<(largest > 255 ? 65_536 : 256)).map { value in
      let scaled = (Double(value) / Double(largest) * Double(top)).rounded(.toNearestOrEven)
      return UInt16(clamping: min(Int(clamped: scaled), top))
    }
  }

  /// The samples as RGB.
  func samples<Value>(_ value: (Int) -> Value) -> [Value] {
    var result: [Value] = []
    let size = largest > 255 ? 2 : 1
    result.reserveCapacity(values.count / size * (isGray ? 3 : 1))
    for place in stride(from: values.startIndex, to: values.endIndex, by: size) {
      let sample = size == 1 ? Int(values[place]) : Int(values[place]) << 8 | Int(values[place + 1])
      let pixel = value(sample)
      result.append(pixel)
      if isGray {
        result.append(pixel)
        result.append(pixel)
      }
    }
    return result
  }

  init(_ bytes: [UInt8], name: String) throws {
    func refusal(_ reason: String, advice: String? = nil) -> KilpiError {
      KilpiError("cannot read '\(name)': \(reason)", advice: advice)
    }
    var at = 2
    var numbers: [Int] = []
    while numbers.count < 3 {
      while at < bytes.count, Self.isSpace(bytes[at]) || bytes[at] == UInt8(ascii: "#") {
        if bytes[at] == UInt8(ascii: "#") {
          while at < bytes.count, bytes[at] != UInt8(ascii: "\n") { at += 1 }
        } else {
          at += 1
        }
      }
      let start = at
      while at < bytes.count, at - start < 9, (48...57).contains(bytes[at]) { at += 1 }
      guard let number = Int(String(decoding: bytes[start..<at], as: UTF8.self)) else {
        throw refusal("its header is damaged at byte \(start)")
      }
      numbers.append(number)
    }
    guard at < bytes.count, Self.isSpace(bytes[at]) else {
      throw refusal("its header is damaged at byte \(at)")
    }
    guard (1...65_535).contains(numbers[2]) else {
      throw refusal("its largest value is \(numbers[2]), outside 1 … 65535")
    }
    let samples: Int
    do {
      samples = try ImageSize.samples(width: numbers[0], height: numbers[1])
    } catch let error as KilpiError {
      throw refusal(error.problem)
    }
    isGray = bytes[1] == UInt8(ascii: "5")
    let whole = at + 1 + (isGray ? samples / 3 : samples) * (numbers[2] > 255 ? 2 : 1)
    guard bytes.count >= whole else {
      throw refusal(
        "it ends after \(bytes.count) of \(whole) bytes", advice: "copy or download it again")
    }
    values = bytes[(at + 1)..<whole]
    (width, height, largest) = (numbers[0], numbers[1], numbers[2])
  }

  private static func isSpace(_ byte: UInt8) -> Bool { byte == 32 || (9...13).contains(byte) }
}
