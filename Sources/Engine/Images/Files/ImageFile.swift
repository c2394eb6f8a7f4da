internal import Diagnostics
internal import Files

/// The kinds of image file that Kilpi reads and writes.
public enum ImageFormat: String, Sendable, CaseIterable {
  /// Portable Network Graphics, 1 to 16 bits.
  case png
  /// JPEG, gray or colour, 8 bits, sequential or progressive.
  case jpeg
  /// Binary portable pixmap (P6) or graymap (P5) of any largest value.
  case ppm
  /// WebP, lossy or lossless; read only.
  case webp

  /// The format that the first bytes of a file announce, nil for none of them.
  public static func recognised(from bytes: some Collection<UInt8>) -> ImageFormat? {
    if bytes.starts(with: [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]) { return .png }
    if bytes.starts(with: [0xff, 0xd8, 0xff]) { return .jpeg }
    if bytes.starts(with: [0x50, 0x36]) || bytes.starts(with: [0x50, 0x35]) { return .ppm }
    if bytes.starts(with: "RIFF".utf8), bytes.dropFirst(8).starts(with: "WEBP".utf8) {
      return .webp
    }
    return nil
  }

  /// The name of a kind of image that is not read, by the first bytes of a file; nil for none.
  public static func foreignKind(of bytes: some Collection<UInt8>) -> String? {
    for (kind, starts) in [
      ("GIF", ["GIF8"]), ("TIFF", ["II*\0", "MM\0*", "II+\0", "MM\0+"]), ("BMP", ["BM"]),
      ("JPEG 2000", ["\0\0\0\u{0C}jP  "]), ("JPEG XL", ["\0\0\0\u{0C}JXL "]),
      ("ASCII PPM", ["P2", "P3"]), ("bitmap (PBM)", ["P1", "P4"]), ("icon", ["\0\0\u{1}\0"]),
      ("PSD", ["8BPS"]), ("PDF", ["%PDF-"]), ("SVG", ["<svg"]),
    ] where starts.contains(where: { bytes.starts(with: $0.utf8) }) { return kind }
    if bytes.starts(with: [0xff, 0x0a]) { return "JPEG XL" }
    guard bytes.dropFirst(4).starts(with: "ftyp".utf8) else { return nil }
    // A box of brands: the first, then a version, then those it is compatible with.
    let brands = String(decoding: bytes.dropFirst(8).prefix(32), as: UTF8.self)
    if brands.contains("avif") || brands.contains("avis") { return "AVIF" }
    return ["heic", "heix", "heim", "heis", "hevc", "mif1", "msf1"].contains { brands.contains($0) }
      ? "HEIC" : nil
  }

  /// The format that a file name's extension stands for, nil for none of them.
  public init?(path: String) {
    let name = path.split(separator: "/", omittingEmptySubsequences: false).last ?? ""
    guard let dot = name.lastIndex(of: ".") else { return nil }
    switch name[name.index(after: dot)...].lowercased() {
    case "png": self = .png
    case "jpg", "jpeg": self = .jpeg
    case "ppm", "pgm": self = .ppm
    case "webp": self = .webp
    default: return nil
    }
  }
}

/// Image files: decoded by content, encoded by name, the same pixels as Pillow's
/// `open(path).convert("RGB")`.
///
/// Alpha and transparency are dropped without compositing; gamma, colour profiles and orientation
/// tags are ignored. Files are limited to 1 GiB and 100 million pixels.
public enum ImageFile {
  /// Receives what a decoder found odd but not wrong, one line each.
  public typealias WarningHandler = (String) -> Void

  /// Reads an image at 8 bits.
  ///
  /// Gray PNG and PGM of 16 bits are clipped at 255, other 16-bit PNG keeps its high byte, PPM is scaled, as
  /// in Pillow.
  ///
  /// - Throws: `KilpiError` naming the file when it cannot be opened, is truncated, damaged, too
  ///   large or of an unknown kind.
  public static func load(
    _ path: String, onWarning: WarningHandler = { _ in }
  ) throws -> PixelImage {
    try decode(FileReader.bytes(at: path), name: path, onWarning: onWarning)
  }

  /// Reads an image with all its bits: 16-bit PNG and PPM whole, everything else times 257.
  public static func loadDeep(
    _ path: String, onWarning: WarningHandler = { _ in }
  ) throws -> DeepImage {
    try decodeDeep(FileReader.bytes(at: path), name: path, onWarning: onWarning)
  }

  /// Decodes the bytes of an image file at 8 bits; `name` is for messages.
  public static func decode(
    _ bytes: [UInt8], name: String, onWarning: WarningHandler = { _ in }
  ) throws -> PixelImage {
    switch try format(of: bytes, name: name) {
    case .png: return try PNGCodec.decode(bytes, name: name)
    case .jpeg: return try JPEGCodec.decode(bytes, name: name, onWarning: onWarning)
    case .ppm: return try PPMCodec.decode(bytes, name: name)
    case .webp: return try WebPCodec.decode(bytes, name: name)
    }
  }

  /// Decodes the bytes of an image file with all their bits; `name` is for messages.
  public static func decodeDeep(
    _ bytes: [UInt8], name: String, onWarning: WarningHandler = { _ in }
  ) throws -> DeepImage {
    switch try format(of: bytes, name: name) {
    case .png: return try PNGCodec.decodeDeep(bytes, name: name)
    case .ppm: if let image = try PPMCodec.decodeDeep(bytes, name: name) { return image }
    case .jpeg, .webp: break
    }
    let image = try decode(bytes, name: name, onWarning: onWarning)
    return try DeepImage(
      width: image.width, height: image.height, pixels: image.pixels.map { UInt16($0) * 257 })
  }

  /// The bytes of a PNG file with these pixels; `compression` is zlib's level 0 to 9.
  public static func encodePNG(_ image: PixelImage, compression: Int = 6) throws -> [UInt8] {
    try image.pixels.withUnsafeBytes {
      try PNGCodec.encode($0, image.width, image.height, depth: 8, compression: compression)
    }
  }

  /// The bytes of a 16-bit PNG file with these pixels.
  public static func encodePNG(_ image: DeepImage, compression: Int = 6) throws -> [UInt8] {
    try image.pixels.withUnsafeBytes {
      try PNGCodec.encode($0, image.width, image.height, depth: 16, compression: compression)
    }
  }

  /// The bytes of a JPEG file, colour at full resolution; `quality` is 1 to 100.
  public static func encodeJPEG(_ image: PixelImage, quality: Int = 95) throws -> [UInt8] {
    try JPEGCodec.encode(image, quality: quality)
  }

  /// The bytes of a binary PPM file.
  public static func encodePPM(_ image: PixelImage) -> [UInt8] {
    Array("P6\n\(image.width) \(image.height)\n255\n".utf8) + image.pixels
  }

  /// Writes an image in the format that the path's extension names: png, jpg, jpeg or ppm.
  ///
  /// The file appears whole or not at all.
  public static func save(_ image: PixelImage, to path: String) throws {
    switch ImageFormat(path: path) {
    case .png: try AtomicFile.write(encodePNG(image), to: path)
    case .jpeg: try AtomicFile.write(encodeJPEG(image), to: path)
    case .ppm: try AtomicFile.write(encodePPM(image), to: path)
    case .webp:
      throw KilpiError(
        "WebP is read, not written: '\(path)'", advice: "end the name in .png, .jpg or .ppm")
    case nil:
      throw KilpiError(
        "cannot tell the format of '\(path)'", advice: "end the name in .png, .jpg or .ppm")
    }
  }

  /// Writes a 16-bit PNG; the path must end in .png.
  public static func save(_ image: DeepImage, to path: String) throws {
    guard ImageFormat(path: path) == .png else {
      throw KilpiError(
        "16 bits can be written as PNG only, not to '\(path)'", advice: "end the name in .png")
    }
    try AtomicFile.write(encodePNG(image), to: path)
  }

  private static func format(of bytes: [UInt8], name: String) throws -> ImageFormat {
    if let format = ImageFormat.recognised(from: bytes) { return format }
    if let kind = ImageFormat.foreignKind(of: bytes) {
      throw KilpiError(
        "cannot read '\(name)': it is \(kind), a kind of image that is not read",
        advice: "convert it to PNG first")
    }
    let reason = bytes.isEmpty ? "it is empty" : "it is not a PNG, JPEG, WebP or PPM image"
    throw KilpiError("cannot read '\(name)': \(reason)")
  }
}
