import Diagnostics
import Files
import Images
import TestSupport
import Testing

/// What `scripts/reference/images.py` made: files and the pixels Pillow makes of them.
struct ImageFixture {
  /// One image file and its pixels.
  struct File: CustomTestStringConvertible, Sendable {
    let name: String
    let bytes: [UInt8]
    let width: Int
    let height: Int
    let rgb: [UInt8]
    let full: [UInt8]?
    var testDescription: String { name }
  }

  /// One resize.
  struct Resize: CustomTestStringConvertible, Sendable {
    let source: PixelImage
    let width: Int
    let height: Int
    let filter: ResizeFilter
    let rgb: [UInt8]
    var testDescription: String {
      "\(source.width) x \(source.height) to \(width) x \(height), \(filter)"
    }
  }

  let png: [File]
  let jpeg: [File]
  let webp: [File]
  let resize: [Resize]

  /// Empty when the fixture cannot be read; `ReferenceTests.present` then fails.
  static let shared: ImageFixture = (try? ImageFixture()) ?? ImageFixture(empty: ())

  private init(empty: Void) { (png, jpeg, webp, resize) = ([], [], [], []) }

  private init() throws {
    let json = try JSONValue.parse(FileReader.bytes(at: TestFiles.fixture("images.json")))
    func bytes(_ value: JSONValue?) -> [UInt8] { hexadecimal(value?.string ?? "") }
    func files(_ key: String) -> [File] {
      (json[key]?.array ?? []).map {
        File(
          name: $0["name"]?.string ?? "", bytes: bytes($0["file"]), width: $0["width"]?.int ?? 0,
          height: $0["height"]?.int ?? 0, rgb: bytes($0["rgb"]),
          full: $0["full"].map { bytes($0) })
      }
    }
    png = files("png")
    jpeg = files("jpeg")
    webp = files("webp")
    let sources = try (json["resize"]?["sources"]?.array ?? []).map {
      try PixelImage(
        width: $0["width"]?.int ?? 0, height: $0["height"]?.int ?? 0, pixels: bytes($0["rgb"]))
    }
    resize = (json["resize"]?["cases"]?.array ?? []).compactMap {
      guard let source = $0["source"]?.int, sources.indices.contains(source),
        let filter = ResizeFilter(rawValue: $0["filter"]?.string ?? "")
      else { return nil }
      return Resize(
        source: sources[source], width: $0["width"]?.int ?? 0, height: $0["height"]?.int ?? 0,
        filter: filter, rgb: bytes($0["rgb"]))
    }
  }
}

/// The bytes that hexadecimal text stands for.
func hexadecimal(_ text: String) -> [UInt8] {
  func value(_ digit: UInt8) -> UInt8 { digit >= 97 ? digit - 87 : digit - 48 }
  let digits = Array(text.utf8)
  return stride(from: 0, to: digits.count - 1, by: 2).map {
    value(digits[$0]) << 4 | value(digits[$0 + 1])
  }
}

/// An image of reproducible noise.
func noise(_ width: Int, _ height: Int, seed: UInt64 = 1) throws -> PixelImage {
  var state = seed &* 0x9e37_79b9_7f4a_7c15 | 1
  let pixels = (0..<(width * height * 3)).map { _ -> UInt8 in
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return UInt8(state >> 56)
  }
  return try PixelImage(width: width, height: height, pixels: pixels)
}
