import Images
import Testing

@testable import LuaBindings

@Suite struct PictureTests {
  /// One pixel over another, each repeated twice either way.
  @Test func smallPicturesGrowByAWholeFactor() {
    let (red, blue): ([UInt8], [UInt8]) = ([255, 0, 0], [0, 0, 255])
    let picture = Picture(rgb: red + blue, width: 1, height: 2)
    let larger = picture.enlarged(toSide: 5)
    #expect(larger.width == 2 && larger.height == 4)
    #expect(larger.rgb == red + red + red + red + blue + blue + blue + blue)
    #expect(picture.enlarged(toSide: 3).rgb == picture.rgb)
  }

  @Test func thePngHoldsThePixels() throws {
    let pixels = (0..<24).map { UInt8($0 * 10) }
    let png = try Picture(rgb: pixels, width: 4, height: 2).png()
    let image = try ImageFile.decode(png, name: "picture")
    #expect(image.pixels == pixels && image.width == 4 && image.height == 2)
  }
}
