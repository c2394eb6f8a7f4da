import Diagnostics
import Images
import Testing

/// Files that must be refused with one clear error, whatever they claim.
@Suite struct HostileFileTests {
  struct Case: CustomTestStringConvertible, Sendable {
    let name: String
    let bytes: [UInt8]
    let message: String
    var testDescription: String { name }
  }

  /// A chunk with its checksum, as PNG wants it.
  static func chunk(_ kind: String, _ data: [UInt8]) -> [UInt8] {
    let body = Array(kind.utf8) + data
    return big(UInt32(data.count)) + body + big(crc32(body))
  }

  static func big(_ value: UInt32) -> [UInt8] {
    [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> $0) }
  }

  static func crc32(_ bytes: [UInt8]) -> UInt32 {
    var crc = ~UInt32(0)
    for byte in bytes {
      crc ^= UInt32(byte)
      for _ in 0..<8 { crc = crc & 1 == 1 ? crc >> 1 ^ 0xedb8_8320 : crc >> 1 }
    }
    return ~crc
  }

  static let signature: [UInt8] = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]

  static func header(_ width: UInt32, _ height: UInt32, depth: UInt8 = 8, kind: UInt8 = 2)
    -> [UInt8]
  {
    let size: [UInt8] = big(width) + big(height)
    let kinds: [UInt8] = [depth, kind, 0, 0, 0]
    return signature + chunk("IHDR", size + kinds)
  }

  static let cases: [Case] = [
    Case(name: "empty", bytes: [], message: "cannot read 'x': it is empty"),
    Case(
      name: "text", bytes: Array("hello".utf8),
      message: "cannot read 'x': it is not a PNG, JPEG, WebP or PPM image"),
    Case(
      name: "PGM cut", bytes: Array("P5 2 2 255\n123".utf8),
      message: "cannot read 'x': it ends after 14 of 15 bytes (copy or download it again)"),
    Case(
      name: "50,000 x 50,000 in 1 KB",
      bytes: header(50_000, 50_000) + chunk("IDAT", [UInt8](repeating: 0, count: 900)),
      message: "cannot read 'x': it has 50000 x 50000 pixels, more than 100 million"),
    Case(
      name: "10,000 x 10,000 without pixels", bytes: header(10_000, 10_000),
      message: "cannot read 'x': it ends after 33 bytes (copy or download it again)"),
    Case(
      name: "side above 1,000,000", bytes: header(1_000_001, 1) + chunk("IDAT", [0]),
      message: "cannot read 'x': invalid IHDR data"),
    Case(
      name: "zero width", bytes: header(0, 1) + chunk("IDAT", [0]),
      message: "cannot read 'x': invalid IHDR data"),
    Case(
      name: "depth 3", bytes: header(4, 4, depth: 3) + chunk("IDAT", [0]),
      message: "cannot read 'x': invalid IHDR data"),
    Case(
      name: "palette without PLTE", bytes: header(4, 4, kind: 3) + chunk("IDAT", [0]),
      message: "cannot read 'x': IDAT: missing PLTE before IDAT"),
    Case(
      name: "garbage for pixels",
      bytes: header(4, 4) + chunk("IDAT", [1, 2, 3, 4, 5, 6, 7]) + chunk("IEND", []),
      message: "cannot read 'x': IDAT: incorrect header check"),
    Case(
      name: "PPM cut", bytes: Array("P6 2 2 255\n12345".utf8),
      message: "cannot read 'x': it ends after 16 of 23 bytes (copy or download it again)"),
    Case(
      name: "PPM huge", bytes: Array("P6 50000 50000 255\n".utf8),
      message:
        "cannot read 'x': an image of 50000 x 50000 pixels is larger than 100 million pixels"),
    Case(
      name: "PPM 16 bits, cut", bytes: Array("P6 1 1 65535\n12345".utf8),
      message: "cannot read 'x': it ends after 18 of 19 bytes (copy or download it again)"),
    Case(
      name: "PPM of 17 bits", bytes: Array("P6 1 1 65536\n123456".utf8),
      message: "cannot read 'x': its largest value is 65536, outside 1 … 65535"),
    Case(
      name: "PPM of no bits", bytes: Array("P6 1 1 0\n123456".utf8),
      message: "cannot read 'x': its largest value is 0, outside 1 … 65535"),
    Case(
      name: "JPEG of two components",
      bytes: [
        0xff, 0xd8, 0xff, 0xc0, 0, 14, 8, 0, 1, 0, 1, 2, 1, 0x11, 0, 2, 0x11, 0, 0xff, 0xda, 0, 10,
      ]
        + [2, 1, 0, 2, 0, 0, 63, 0, 0xff, 0xd9],
      message:
        "cannot read 'x': it has 2 components; gray, colour and CMYK are read (convert it to PNG)"),
    Case(
      name: "PPM no numbers", bytes: Array("P6 a".utf8),
      message: "cannot read 'x': its header is damaged at byte 3"),
    Case(
      name: "JPEG of two bytes and a mark", bytes: [0xff, 0xd8, 0xff],
      message: "cannot read 'x': it ends after 3 bytes (copy or download it again)"),
  ]

  @Test(arguments: cases)
  func refused(_ row: Case) {
    #expect(throws: KilpiError.self) { try ImageFile.decode(row.bytes, name: "x") }
    do {
      _ = try ImageFile.decode(row.bytes, name: "x")
    } catch let error as KilpiError {
      #expect(error.description.lowercased() == row.message.lowercased())
    } catch {
      Issue.record("\(error)")
    }
  }

  /// Kinds that are not read are named by their first bytes.
  static let foreign: [(String, [UInt8])] = [
    ("GIF", Array("GIF89a\u{1}\0".utf8)), ("TIFF", Array("II*\0\u{8}\0".utf8)),
    ("TIFF", Array("MM\0*\0\0".utf8)), ("BMP", Array("BM\u{46}\0\0\0".utf8)),
    ("AVIF", [0, 0, 0, 28] + Array("ftypavif\0\0\0\0avifmif1miaf".utf8)),
    ("AVIF", [0, 0, 0, 28] + Array("ftypmif1\0\0\0\0mif1avifmiaf".utf8)),
    ("HEIC", [0, 0, 0, 24] + Array("ftypheic\0\0\0\0mif1heic".utf8)),
    ("JPEG 2000", [0, 0, 0, 12] + Array("jP  \r\n".utf8)), ("JPEG XL", [0xff, 0x0a, 0, 0]),
    ("ASCII PPM", Array("P3 1 1 255 1 2 3".utf8)), ("PSD", Array("8BPS\0\u{1}".utf8)),
  ]

  @Test(arguments: foreign.indices) func otherKindsAreNamed(index: Int) {
    let (kind, bytes) = Self.foreign[index]
    #expect(
      throws: KilpiError(
        "cannot read 'x': it is \(kind), a kind of image that is not read",
        advice: "convert it to PNG first")
    ) { try ImageFile.decode(bytes, name: "x") }
  }

  /// A WebP of nothing but a header.
  static func webp(_ chunk: String, _ data: [UInt8]) -> [UInt8] {
    func little(_ value: Int) -> [UInt8] { (0..<4).map { UInt8(value >> (8 * $0) & 255) } }
    let body = Array(("WEBP" + chunk).utf8) + little(data.count) + data
    return Array("RIFF".utf8) + little(body.count) + body
  }

  static let webps: [Case] = [
    Case(
      name: "a canvas of 16384 x 16384, animated",
      bytes: webp("VP8X", [2, 0, 0, 0, 0xff, 0x3f, 0, 0xff, 0x3f, 0]),
      message:
        "cannot read 'x': an image of 16384 x 16384 pixels is larger than 100 million pixels"),
    Case(
      name: "a canvas of 9,000 x 9,000 without frames",
      bytes: webp("VP8X", [2, 0, 0, 0, 0x27, 0x23, 0, 0x27, 0x23, 0]),
      message: "cannot read 'x': its animation is damaged"),
    Case(
      name: "no picture", bytes: webp("EXIF", [1, 2]),
      message: "cannot read 'x': its data are damaged"),
    Case(
      name: "cut in the mark", bytes: Array("RIFF\u{10}\0\0\0WEBPVP8L".utf8),
      message: "cannot read 'x': it ends after 16 bytes (copy or download it again)"),
  ]

  @Test(arguments: webps) func refusedWebP(_ row: Case) { refused(row) }

  /// A flipped bit changes pixels or is an error, and never ends the process.
  @Test(arguments: ImageFixture.shared.webp) func flippedWebPBits(_ file: ImageFixture.File) {
    for at in file.bytes.indices {
      var damaged = file.bytes
      damaged[at] ^= 1 << UInt8(at % 8)
      if let image = try? ImageFile.decode(damaged, name: "x") {
        #expect(image.pixels.count == image.width * image.height * 3)
      }
    }
  }

  /// Every prefix of a file is an error.
  @Test(
    arguments: ImageFixture.shared.png + ImageFixture.shared.jpeg + ImageFixture.shared.webp)
  func truncatedAnywhere(_ file: ImageFixture.File) {
    for length in 0..<file.bytes.count {
      #expect(throws: KilpiError.self, "\(length) of \(file.bytes.count) bytes") {
        try ImageFile.decode(Array(file.bytes[..<length]), name: "x")
      }
    }
  }

  /// A flipped bit of a PNG is always an error: each chunk has a checksum.
  @Test(arguments: ImageFixture.shared.png.prefix(6))
  func flippedBits(_ file: ImageFixture.File) {
    for at in file.bytes.indices {
      var damaged = file.bytes
      damaged[at] ^= 1 << UInt8(at % 8)
      #expect(throws: KilpiError.self, "byte \(at)") {
        try ImageFile.decode(damaged, name: "x")
      }
    }
  }

  /// A damaged JPEG may still decode, but never ends the process.
  @Test(arguments: ImageFixture.shared.jpeg)
  func flippedJPEGBits(_ file: ImageFixture.File) {
    for at in file.bytes.indices {
      var damaged = file.bytes
      damaged[at] ^= 1 << UInt8(at % 8)
      if let image = try? ImageFile.decode(damaged, name: "x") {
        #expect(image.pixels.count == image.width * image.height * 3)
      }
    }
  }

  /// Indices past the palette are black, and never read outside it.
  @Test func shortPalette() throws {
    let pixels: [UInt8] = [0x78, 0x01, 0x01, 0x05, 0x00, 0xfa, 0xff, 0, 0, 1, 2, 200]
    let adler: UInt32 = {
      var (a, b): (UInt32, UInt32) = (1, 0)
      for byte in pixels[7...] {
        a = (a + UInt32(byte)) % 65521
        b = (b + a) % 65521
      }
      return b << 16 | a
    }()
    var file = Self.header(4, 1, kind: 3)
    file += Self.chunk("PLTE", [9, 8, 7, 6, 5, 4])
    file += Self.chunk("IDAT", pixels + Self.big(adler))
    file += Self.chunk("IEND", [])
    let image = try ImageFile.decode(file, name: "x")
    #expect(image.pixels == [9, 8, 7, 6, 5, 4, 0, 0, 0, 0, 0, 0])
  }
}
