internal import Diagnostics

/// How a resize weighs the pixels around a point.
public enum ResizeFilter: String, Sendable, CaseIterable {
  /// Cubic convolution, a = -0.5 (a = -0.75 without antialiasing, as PyTorch's `interpolate`).
  case bicubic
  /// Linear interpolation.
  case bilinear
  /// The nearest pixel.
  case nearest

  /// Pixels on either side that a weight reaches to, before widening.
  var support: Double { self == .bicubic ? 2 : 1 }

  /// The weight at distance `t`; `a` is the cubic's constant.
  func weight(_ t: Double, a: Double) -> Double {
    let t = abs(t)
    if self == .bilinear { return t < 1 ? 1 - t : 0 }
    if t < 1 { return ((a + 2) * t - (a + 3)) * t * t + 1 }
    if t < 2 { return (((t - 5) * t + 8) * t - 4) * a }
    return 0
  }
}

/// Which input pixels make each output pixel of one axis, and with what weights.
struct ResizeAxis {
  let input: Int
  let output: Int
  /// First input pixel of each output pixel.
  private(set) var starts: [Int] = []
  /// Number of input pixels of each output pixel.
  private(set) var counts: [Int] = []
  /// `stride` weights for each output pixel; they sum to 1.
  private(set) var weights: [Double] = []
  let stride: Int

  /// Pillow's widened filter: `scale = n/m`, `fs = max(scale, 1)`, support `S · fs`.
  init(antialiased filter: ResizeFilter, from n: Int, to m: Int) {
    input = n
    output = m
    let scale = Double(n) / Double(m)
    let widening = max(scale, 1)
    let support = filter.support * widening
    stride = Int(support.rounded(.up)) * 2 + 1
    starts.reserveCapacity(m)
    counts.reserveCapacity(m)
    weights = [Double](repeating: 0, count: m * stride)
    let narrowing = 1 / widening
    for i in 0..<m {
      let centre = (Double(i) + 0.5) * scale
      let low = max(Int(centre - support + 0.5), 0)
      let high = min(Int(centre + support + 0.5), n)
      var sum = 0.0
      for x in 0..<(high - low) {
        let weight = filter.weight(
          (Double(x + low) - centre + 0.5) * narrowing, a: -0.5)
        weights[i * stride + x] = weight
        sum += weight
      }
      if sum != 0 { for x in 0..<(high - low) { weights[i * stride + x] /= sum } }
      starts.append(low)
      counts.append(high - low)
    }
  }

  /// PyTorch's `interpolate` without antialiasing: 4 taps (a = -0.75) or 2, edge pixels repeated.
  init(plain filter: ResizeFilter, from n: Int, to m: Int) {
    input = n
    output = m
    let reach = filter == .bicubic ? 2 : 1
    stride = 2 * reach
    weights = [Double](repeating: 0, count: m * stride)
    for i in 0..<m {
      var source = (Double(i) + 0.5) * Double(n) / Double(m) - 0.5
      if filter == .bilinear { source = max(source, 0) }
      let floor = source.rounded(.down)
      let low = max(Int(floor) - reach + 1, 0)
      let high = min(Int(floor) + reach, n - 1)
      for tap in (1 - reach)...reach {
        let at = min(max(Int(floor) + tap, 0), n - 1)
        let weight = filter.weight(source - floor - Double(tap), a: -0.75)
        weights[i * stride + min(at, high) - low] += weight
      }
      starts.append(low)
      counts.append(high - low + 1)
    }
  }

  /// The weights in Pillow's fixed point, 22 fractional bits, rounded half away from zero.
  func fixedPoint() -> [Int32] {
    weights.map { Int32($0 * 4_194_304 + ($0 < 0 ? -0.5 : 0.5)) }
  }

  /// The pixel each output pixel copies, as Pillow walks: by adding the step, not multiplying.
  static func nearest(from n: Int, to m: Int) -> [Int] {
    let step = Double(n) / Double(m)
    var position = step * 0.5
    return (0..<m).map { _ in
      defer { position += step }
      return min(Int(position), n - 1)
    }
  }
}

extension PixelImage {
  /// The image at another size, bit for bit as Pillow's `resize`.
  ///
  /// Two passes, each rounded and clipped to 8 bits; downscaling widens the filter (antialiasing).
  /// The horizontal pass comes first, except where the height shrinks by more than twice as many
  /// pixels as the width: that is Pillow 13's rule (versions before it always went horizontally
  /// first, which differs for images more than twice as high as wide).
  ///
  /// - Throws: `KilpiError` when the size is not positive or too large, and on interrupt.
  public func resized(
    width newWidth: Int, height newHeight: Int, filter: ResizeFilter = .bicubic
  ) throws -> PixelImage {
    _ = try ImageSize.samples(width: newWidth, height: newHeight)
    if newWidth == width && newHeight == height { return self }
    if filter == .nearest { return try copiedNearest(newWidth, newHeight) }
    if newHeight < height, height - newHeight > 2 * (width - newWidth) {
      return try resizedRows(newHeight, filter).resizedColumns(newWidth, filter)
    }
    return try resizedColumns(newWidth, filter).resizedRows(newHeight, filter)
  }

  private func resizedColumns(_ count: Int, _ filter: ResizeFilter) throws -> PixelImage {
    guard count != width else { return self }
    _ = try ImageSize.samples(width: count, height: height)
    let axis = ResizeAxis(antialiased: filter, from: width, to: count)
    return PixelImage(unchecked: count, height, try Self.horizontal(pixels, rows: height, axis))
  }

  private func resizedRows(_ count: Int, _ filter: ResizeFilter) throws -> PixelImage {
    guard count != height else { return self }
    _ = try ImageSize.samples(width: width, height: count)
    let axis = ResizeAxis(antialiased: filter, from: height, to: count)
    return PixelImage(unchecked: width, count, try Self.vertical(pixels, width: width, axis))
  }

  private func copiedNearest(_ newWidth: Int, _ newHeight: Int) throws -> PixelImage {
    let columns = ResizeAxis.nearest(from: width, to: newWidth)
    let rows = ResizeAxis.nearest(from: height, to: newHeight)
    let samples = newWidth * newHeight * 3
    let result = try [UInt8](unsafeUninitializedCapacity: samples) { buffer, count in
      try pixels.withUnsafeBufferPointer { pixels in
        var at = 0
        for y in rows {
          try Interrupts.poll()
          for x in columns {
            let from = (y * width + x) * 3
            buffer[at] = pixels[from]
            buffer[at + 1] = pixels[from + 1]
            buffer[at + 2] = pixels[from + 2]
            at += 3
          }
        }
      }
      count = samples
    }
    return PixelImage(unchecked: newWidth, newHeight, result)
  }

  private static func horizontal(
    _ source: [UInt8], rows: Int, _ axis: ResizeAxis
  ) throws -> [UInt8] {
    let weights = axis.fixedPoint()
    let size = rows * axis.output * 3
    return try [UInt8](unsafeUninitializedCapacity: size) { result, count in
      try source.withUnsafeBufferPointer { source in
        try weights.withUnsafeBufferPointer { weights in
          for y in 0..<rows {
            if y & 63 == 0 { try Interrupts.poll() }
            let line = y * axis.input * 3
            for i in 0..<axis.output {
              var at = line + axis.starts[i] * 3
              var red: Int32 = half
              var green: Int32 = half
              var blue: Int32 = half
              let first = i * axis.stride
              for k in first..<(first + axis.counts[i]) {
                let weight = weights[k]
                red &+= weight &* Int32(source[at])
                green &+= weight &* Int32(source[at + 1])
                blue &+= weight &* Int32(source[at + 2])
                at += 3
              }
              let to = (y * axis.output + i) * 3
              result[to] = clipped(red)
              result[to + 1] = clipped(green)
              result[to + 2] = clipped(blue)
            }
          }
        }
      }
      count = size
    }
  }

  private static func vertical(
    _ source: [UInt8], width: Int, _ axis: ResizeAxis
  ) throws -> [UInt8] {
    let weights = axis.fixedPoint()
    let line = width * 3
    let size = axis.output * line
    return try [UInt8](unsafeUninitializedCapacity: size) { result, count in
      try source.withUnsafeBufferPointer { source in
        try weights.withUnsafeBufferPointer { weights in
          for i in 0..<axis.output {
            if i & 63 == 0 { try Interrupts.poll() }
            let first = i * axis.stride
            let top = axis.starts[i] * line
            for x in 0..<line {
              var sum = half
              var at = top + x
              for k in first..<(first + axis.counts[i]) {
                sum &+= weights[k] &* Int32(source[at])
                at += line
              }
              result[i * line + x] = clipped(sum)
            }
          }
        }
      }
      count = size
    }
  }

  private static var half: Int32 { 1 << 21 }

  private static func clipped(_ sum: Int32) -> UInt8 { UInt8(clamping: sum >> 22) }
}
