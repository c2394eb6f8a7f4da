internal import Tensors

/// Random changes to training images; a sample's draw depends on seed, sample id and epoch alone.
package struct Augmentation: Equatable, Sendable {
  /// Largest shift in pixels in each direction; what comes in from outside is black.
  package var crop = 0
  /// True to mirror half of the images left to right.
  package var flip = false
  /// Largest relative change of brightness and of contrast, from 0.
  package var color = 0.0

  /// No change; set what is wanted.
  package init() {}

  func apply(
    to planes: UnsafeMutableBufferPointer<Float>, width: Int, height: Int,
    stream: inout RandomStream
  ) {
    // Every draw is made whatever is switched on, so that switches do not disturb each other.
    let mirrored = stream.uniform() < 0.5
    let dx = stream.integer(below: 2 * max(crop, 0) + 1) - max(crop, 0)
    let dy = stream.integer(below: 2 * max(crop, 0) + 1) - max(crop, 0)
    let brightness = 1 + color * (2 * stream.uniform() - 1)
    let contrast = 1 + color * (2 * stream.uniform() - 1)
    if dx != 0 || dy != 0 || (flip && mirrored) {
      let original = Array(planes)
      for line in 0..<(3 * height) {
        let y = line % height + dy
        for x in 0..<width {
          let from = (flip && mirrored ? width - 1 - x : x) + dx
          let inside = (0..<width).contains(from) && (0..<height).contains(y)
          planes[line * width + x] = inside ? original[(line + dy) * width + from] : 0
        }
      }
    }
    guard color != 0 else { return }
    let mean = planes.reduce(0.0) { $0 + Double($1) } / Double(max(planes.count, 1))
    for i in planes.indices {
      let value = (mean + (Double(planes[i]) - mean) * contrast) * brightness
      planes[i] = Float(min(max(value, 0), 1))
    }
  }
}
