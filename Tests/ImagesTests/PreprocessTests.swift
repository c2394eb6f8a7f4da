import Diagnostics
import Files
import Images
import TestSupport
import Testing

/// Presets against the reference pipelines; fixture made by `scripts/reference/preprocess.py`.
@Suite struct PreprocessTests {
  /// One preset at one size, and what the reference makes of a picture.
  struct Case: Sendable {
    let preset: PreprocessingPreset
    let crop: CropRule
    let size: Int
    let rgb: [UInt8]?
    let sha256: String?
  }

  /// A picture's file and what is expected of it.
  struct Picture: CustomTestStringConvertible, Sendable {
    let name: String
    let file: [UInt8]
    let cases: [Case]
    var testDescription: String { name }
  }

  private static let fixture = try? JSONValue.parse(
    FileReader.bytes(at: TestFiles.fixture("preprocess.json")))

  static let pictures: [Picture] = (fixture?["pictures"]?.array ?? []).map { picture in
    Picture(
      name: picture["name"]?.string ?? "", file: hexadecimal(picture["file"]?.string ?? ""),
      cases: (picture["cases"]?.array ?? []).compactMap { row in
        guard let preset = PreprocessingPreset(rawValue: row["preset"]?.string ?? ""),
          let crop = CropRule(rawValue: row["crop"]?.string ?? ""), let size = row["size"]?.int
        else { return nil }
        return Case(
          preset: preset, crop: crop, size: size, rgb: (row["rgb"]?.string).map(hexadecimal),
          sha256: row["sha256"]?.string)
      })
  }

  @Test func present() {
    #expect(Self.pictures.count == 20)
    for picture in Self.pictures {
      #expect(picture.cases.count == 9)
      #expect(Set(picture.cases.map(\.preset)).count == PreprocessingPreset.allCases.count)
    }
  }

  @Test("B46: presets give the pixels of the reference, antialiasing included", arguments: pictures)
  func sameAsTheReference(_ picture: Picture) throws {
    let image = try ImageFile.decode(picture.file, name: picture.name)
    for row in picture.cases {
      let made = try image.preprocessed(row.preset, size: row.size, crop: row.crop)
      let what = "\(row.preset) \(row.crop) \(row.size)"
      if row.preset != .mmcoaSmall {
        #expect(made.width == row.size && made.height == row.size, "\(what)")
      }
      if let rgb = row.rgb {
        #expect(made.pixels == rgb, "\(what)")
        // A tensor of such an image takes the same way.
        let tensor = try ImageOperations.preprocessed(
          image.tensor(), row.preset, size: row.size, crop: row.crop)
        #expect(try PixelImage(tensor).pixels == rgb, "\(what), as a tensor")
      } else {
        #expect(sha256(made.pixels) == row.sha256, "\(what)")
      }
    }
  }

  @Test func theCropRulesDiffer() throws {
    let image = try noise(12, 9)
    #expect(
      try image.preprocessed(.openai, size: 9, crop: .torchvision)
        != image.preprocessed(.openai, size: 9, crop: .huggingFace))
  }

  /// Real photographs, of which only hashes are committed.
  @Test func photographs() throws {
    guard let folder = TestFiles.shared("data/photos") else { return }
    let rows = Self.fixture?["photographs"]?.object ?? []
    #expect(rows.count >= 13)
    for row in rows {
      let image = try ImageFile.load(folder + "/" + row.key)
      #expect(sha256(image.pixels) == row.value["rgb"]?.string, "\(row.key)")
      for (key, preset, crop) in [
        ("openai/torchvision", PreprocessingPreset.openai, CropRule.torchvision),
        ("openai/hf", .openai, .huggingFace), ("siglip/torchvision", .siglip, .torchvision),
        ("mmcoa_imagenet/torchvision", .mmcoaImageNet, .torchvision),
      ] {
        let made = try image.preprocessed(preset, size: 224, crop: crop)
        #expect(sha256(made.pixels) == row.value[key]?.string, "\(row.key) \(key)")
      }
      #expect(try image.preprocessed(.mmcoaSmall) == image)
    }
  }
}
