import Files
import Images
import TestSupport
import Testing

/// Pixels against Pillow; fixture made by `scripts/reference/images.py`.
@Suite struct ReferenceTests {
  @Test func present() {
    #expect(ImageFixture.shared.png.count >= 45)
    #expect(ImageFixture.shared.jpeg.count >= 42)
    #expect(ImageFixture.shared.webp.count == 20)
    #expect(ImageFixture.shared.resize.count >= 75)
  }

  @Test func gray() throws {
    let image = try ImageFile.decode(Array("P5 3 1 255\nAz~".utf8), name: "x")
    #expect(image.pixels == [65, 65, 65, 122, 122, 122, 126, 126, 126])
  }

  /// Other largest values than 255; the numbers are those of Pillow 13.0.0's `convert("RGB")`.
  @Test func scaledPixmaps() throws {
    func pixels(_ header: String, _ values: [UInt8]) throws -> [UInt8] {
      try ImageFile.decode(Array(header.utf8) + values, name: "x").pixels
    }
    let wide: [UInt8] = [0, 0, 0, 128, 1, 0]
    #expect(
      try pixels("P6 2 2 15\n", Array(0..<12))
        == [0, 17, 34, 51, 68, 85, 102, 119, 136, 153, 170, 187])
    #expect(
      try pixels("P6 2 1 65535\n", wide + [255, 255, 127, 255, 254, 1]) == [0, 0, 1, 255, 127, 253])
    #expect(
      try pixels("P6 2 1 1000\n", wide + [3, 232, 2, 255, 0, 1]) == [0, 33, 65, 255, 196, 0])
    func gray(_ values: [UInt8]) -> [UInt8] { values.flatMap { [$0, $0, $0] } }
    // A value above the largest counts as the largest.
    #expect(try pixels("P5 2 2 15\n", [0, 7, 20, 14]) == gray([0, 119, 255, 238]))
    #expect(try pixels("P5 4 1 65535\n", wide + [255, 255]) == gray([0, 128, 255, 255]))
    #expect(try pixels("P5 4 1 1000\n", wide + [3, 232]) == gray([0, 255, 255, 255]))
    let deep = try ImageFile.decodeDeep(Array("P6 1 1 65535\n".utf8) + wide, name: "x")
    #expect(deep.pixels == [0, 128, 256])
  }

  @Test(
    arguments: ImageFixture.shared.png + ImageFixture.shared.jpeg + ImageFixture.shared.webp)
  func sameAsPillow(_ file: ImageFixture.File) throws {
    let image = try ImageFile.decode(file.bytes, name: file.name) { Issue.record("warned: \($0)") }
    #expect(image.width == file.width)
    #expect(image.height == file.height)
    #expect(image.pixels == file.rgb)
  }

  @Test(arguments: ImageFixture.shared.png + ImageFixture.shared.jpeg)
  func fullDepth(_ file: ImageFixture.File) throws {
    let image = try ImageFile.decodeDeep(file.bytes, name: file.name)
    if let full = file.full {
      let expected = stride(from: 0, to: full.count, by: 2).map {
        UInt16(full[$0]) << 8 | UInt16(full[$0 + 1])
      }
      #expect(image.pixels == expected)
    } else {
      #expect(image.pixels == file.rgb.map { UInt16($0) * 257 })
    }
  }

  @Test(arguments: ImageFixture.shared.resize)
  func resize(_ row: ImageFixture.Resize) throws {
    let made = try row.source.resized(width: row.width, height: row.height, filter: row.filter)
    #expect(made.width == row.width)
    #expect(made.height == row.height)
    #expect(made.pixels == row.rgb)
  }

  /// Real photographs: SHA-256 of the decoded pixels and of the `openai` preset at 224.
  @Test func photographs() throws {
    guard let folder = TestFiles.shared("data/photos") else { return }
    let reference = try JSONValue.parse(FileReader.bytes(at: folder + "/reference.json"))
    let files = reference["files"]?.object ?? []
    #expect(files.count >= 13)
    for member in files {
      let image = try ImageFile.load(folder + "/" + member.key)
      #expect(sha256(image.pixels) == member.value["rgb_sha256"]?.string, "\(member.key)")
      let small = try image.preprocessed(.openai, size: 224)
      #expect(sha256(small.pixels) == member.value["openai224_sha256"]?.string, "\(member.key)")
    }
  }
}
