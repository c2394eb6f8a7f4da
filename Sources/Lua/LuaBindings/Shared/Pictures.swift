internal import Diagnostics
internal import Images
package import LuaHost
internal import Tensors

/// A picture as a shell shows it: 8-bit RGB, rows from the top.
package struct Picture: Sendable {
  /// `height · width · 3` bytes.
  package var rgb: [UInt8]
  /// Columns.
  package var width: Int
  /// Rows.
  package var height: Int

  /// The picture as the bytes of a PNG file.
  package func png() throws -> [UInt8] {
    try ImageFile.encodePNG(PixelImage(width: width, height: height, pixels: rgb))
  }

  /// The picture with each pixel repeated by a whole factor, so that its longer side comes nearest to
  /// `side` from below; a larger picture stays as it is.
  package func enlarged(toSide side: Int) -> Picture {
    let factor = side / max(1, width, height)
    guard factor > 1 else { return self }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(rgb.count * factor * factor)
    for row in 0..<height {
      let line = (0..<width).flatMap { column -> [UInt8] in
        let start = (row * width + column) * 3
        return (0..<factor).flatMap { _ in rgb[start..<start + 3] }
      }
      for _ in 0..<factor { bytes += line }
    }
    return Picture(rgb: bytes, width: width * factor, height: height * factor)
  }
}

/// Where a state's pictures go; shells install a renderer.
final class PictureSink {
  /// Gives false when it cannot show the picture.
  var handler: (Picture) -> Bool = { _ in false }
}

extension LuaState {
  /// Shows pictures through `handler`, which gives false where it cannot; a line of text then
  /// stands for the picture.
  package func installPictures(_ handler: @escaping (Picture) -> Bool) {
    attachment(PictureSink.self) { PictureSink() }.handler = handler
  }

  /// Shows an image tensor, or says `<image 3x28x28>` where nothing can.
  func show(_ tensor: Tensor) throws {
    if show(pixels: try tensor.picture()) { return }
    let sizes = tensor.shape.map(String.init).joined(separator: "x")
    write("<image \(sizes)>\n", to: .standard)
  }

  /// Shows pixels; false where nothing can.
  func show(pixels image: PixelImage) -> Bool {
    let picture = Picture(rgb: image.pixels, width: image.width, height: image.height)
    return attachment(PictureSink.self) { PictureSink() }.handler(picture)
  }
}

extension Tensor {
  /// The pixels of `[3, H, W]`, `[1, H, W]` or `[H, W]`; a batch `[N, 3|1, H, W]` becomes a grid.
  func picture() throws -> PixelImage {
    switch rank {
    case 2: return try PixelImage(try unsqueezed(0))
    case 3: return try PixelImage(self)
    case 4:
      guard shape[0] > 0 else { throw KilpiError("the batch is empty") }
      let tiles = try (0..<shape[0]).mapped { ImageGrid.Tile(try PixelImage(selected(0, $0))) }
      return try ImageGrid().rendered(tiles)
    default:
      throw KilpiError(
        "an image has the shape \(ErrorText.shape(shape))",
        advice: "images are [3, H, W] or [1, H, W], batches [N, 3, H, W]")
    }
  }
  /// True for `[3, H, W]` and `[1, H, W]` of at least 8 pixels a side with all values in 0 … 1.
  func isImageLike() throws -> Bool {
    guard rank == 3, shape[0] == 3 || shape[0] == 1, shape[1] >= 8, shape[2] >= 8,
      dtype.isFloatingPoint, count <= 1 << 24
    else { return false }
    return try floats().allSatisfy { $0 >= 0 && $0 <= 1 }
  }
}
