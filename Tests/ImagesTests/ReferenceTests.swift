import Files
import Images
import TestSupport
import Testing

/// Pixels against Pillow; fixture made by `scripts/reference/images.py`.
@Suite struct ReferenceTests {
  @Test func present() {
    #expect(ImageFixture.shared.png.count >= 45)
    #expect(ImageFixture.shared.jpeg.count >= 30)
    #expect(ImageFixture.shared.webp.count == 20)
    #expect(ImageFixture.shared.resize.count >= 75)
  }

  @Test func gray() throws {
    let image = try ImageFile.decode(Array("P5 3 1 255\nAz~".utf8), name: "x")
    #expect(image.pixels == [65, 65, 65, 122, 122, 122, 126, 126, 126])
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
