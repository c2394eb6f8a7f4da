import Diagnostics
import Files
import Images
import TestSupport
import Testing

@Suite struct PixelImageTests {
  @Test(arguments: [(1, 1), (7, 5), (64, 3)])
  func filesKeepPixels(_ size: (Int, Int)) throws {
    let image = try noise(size.0, size.1)
    try withTemporaryDirectory { folder in
      for name in ["a.png", "a.ppm"] {
        try ImageFile.save(image, to: folder + "/" + name)
        #expect(try ImageFile.load(folder + "/" + name) == image)
      }
      let deep = try DeepImage(
        width: size.0, height: size.1, pixels: image.pixels.map { UInt16($0) &* 259 })
      try ImageFile.save(deep, to: folder + "/deep.PNG")
      #expect(try ImageFile.loadDeep(folder + "/deep.PNG") == deep)
      let high = try ImageFile.load(folder + "/deep.PNG")
      #expect(high.pixels == deep.pixels.map { UInt8($0 >> 8) })
      try ImageFile.save(image, to: folder + "/a.jpg")
      #expect(try ImageFile.load(folder + "/a.jpg").width == image.width)
    }
  }

  @Test func namesAndSizes() throws {
    let image = try noise(2, 2)
    #expect(
      throws: KilpiError(
        "cannot tell the format of 'a.gif'", advice: "end the name in .png, .jpg or .ppm")
    ) { try ImageFile.save(image, to: "a.gif") }
    #expect(throws: KilpiError("2 x 3 RGB pixels do not fit 12 values")) {
      try PixelImage(width: 2, height: 3, pixels: image.pixels)
    }
    #expect(throws: KilpiError("an image of 0 x 3 pixels has no pixels")) {
      try PixelImage(width: 0, height: 3, pixels: [])
    }
    #expect(throws: KilpiError.self) {
      try PixelImage(width: Int.max, height: 3, pixels: [])
    }
    #expect(throws: KilpiError.self) { try image.resized(width: 1 << 40, height: 1 << 40) }
    #expect(throws: KilpiError.self) { try image.resized(width: 0, height: 1) }
  }

  @Test(arguments: [
    (4, 2, CropRule.torchvision, 1), (5, 2, .torchvision, 2), (7, 2, .torchvision, 2),
    (5, 2, .huggingFace, 1), (7, 2, .huggingFace, 2), (3, 3, .torchvision, 0),
  ])
  func cropOffset(_ length: Int, _ size: Int, _ rule: CropRule, _ offset: Int) {
    #expect(rule.offset(length: length, size: size) == offset)
  }

  @Test func cropsAndPresets() throws {
    let image = try noise(30, 20)
    let middle = try image.centreCropped(to: 10)
    #expect(middle == (try image.cropped(x: 10, y: 5, width: 10, height: 10)))
    let line = Array(image.pixels[480..<510])
    #expect(Array(middle.pixels.prefix(30)) == line)
    #expect(
      throws: KilpiError(
        "cannot crop 21 x 21 from 30 x 20 pixels", advice: "resize the image first")
    ) { try image.centreCropped(to: 21) }
    let short = try image.resizedShortSide(to: 7)
    #expect([short.width, short.height] == [10, 7])
    let made = try image.preprocessed(.openai, size: 16)
    #expect([made.width, made.height] == [16, 16])
    #expect(try image.preprocessed(.mmcoaSmall) == image)
    let tecoa = try image.preprocessed(.mmcoaImageNet, size: 14)
    #expect(
      tecoa == (try image.resizedShortSide(to: 16, filter: .bilinear).centreCropped(to: 14)))
    #expect(try PreprocessingPreset(named: "tecoa") == .mmcoaImageNet)
    #expect(
      throws: KilpiError("there is no preset 'opena'", advice: "did you mean 'openai'?")
    ) { try PreprocessingPreset(named: "opena") }
  }

  @Test func grids() throws {
    let white = try PixelImage.filled(width: 4, height: 4, red: 255, green: 255, blue: 255)
    let black = try PixelImage.filled(width: 4, height: 4, red: 0, green: 0, blue: 0)
    var grid = ImageGrid(columns: 2, scale: 2)
    grid.padding = 3
    let plain = try grid.rendered([.init(black), .init(white), .init(black)])
    #expect([plain.width, plain.height] == [25, 25])
    #expect(plain.pixels.filter { $0 == 0 }.count == 384)
    grid.title = "clean | adversarial"
    grid.rowTitles = ["shirt"]
    grid.columnTitles = ["a", "b"]
    let labelled = try grid.rendered([.init(white, caption: "bag 0.93"), .init(white)])
    #expect(labelled.width > plain.width)
    #expect(labelled.pixels.contains(0))
    #expect(throws: KilpiError("a grid needs at least one image")) { try grid.rendered([]) }
    grid.scale = 0
    #expect(throws: KilpiError("scale is 0, outside 1 … 10000")) {
      try grid.rendered([.init(black)])
    }
  }
}
