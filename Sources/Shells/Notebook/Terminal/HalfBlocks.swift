internal import Diagnostics

/// How a colour is sent to a terminal.
package enum ColorDepth: Sendable {
  /// Any of 16.7 million colours.
  case full
  /// The 6 x 6 x 6 cube and the greys of the 256-colour palette, dithered.
  case indexed
}

/// Pictures as text: two pixels a cell, the upper as the colour of `▀`, the lower as its ground.
package enum HalfBlocks {
  /// Lines that show a picture, each ending with a reset and a newline.
  ///
  /// Larger pictures are averaged down to fit, smaller ones enlarged by a whole factor; the aspect
  /// stays, since a half block is about as wide as it is high.
  ///
  /// - Parameters:
  ///   - rgb: `height · width · 3` bytes, rows from the top.
  ///   - columns: cells to use at most.
  ///   - rows: text rows to use at most.
  /// - Returns: the text; "" when sizes do not fit the bytes or nothing is to be shown.
  package static func render(
    rgb: [UInt8], width: Int, height: Int, columns: Int, rows: Int, depth: ColorDepth
  ) -> String {
    let (pixels, overflow) = width.multipliedReportingOverflow(by: height)
    guard width > 0, height > 0, columns > 0, rows > 0, !overflow, pixels <= rgb.count / 3 else {
      return ""
    }
    let size = fitted(width: width, height: height, columns: columns, rows: rows)
    var picture = resampled(rgb, width, height, size.width, size.height)
    if depth == .indexed { dither(&picture, size.width, size.height) }
    var text = ""
    for row in stride(from: 0, to: size.height, by: 2) {
      var last = ""
      for column in 0..<size.width {
        let upper = color(picture, row * size.width + column, depth)
        var code = "38;\(upper);"
        if row + 1 < size.height {
          code += "48;" + color(picture, (row + 1) * size.width + column, depth)
        } else {
          code += "49"
        }
        if code != last { text += "\u{1B}[\(code)m" }
        last = code
        text += "▀"
      }
      text += "\u{1B}[0m\n"
    }
    return text
  }

  /// The size in pixels that a picture is shown at.
  static func fitted(
    width: Int, height: Int, columns: Int, rows: Int
  ) -> (width: Int, height: Int) {
    let factor = min(columns / width, rows * 2 / height)
    if factor >= 1 { return (width * factor, height * factor) }
    let scale = min(Double(columns) / Double(width), Double(rows * 2) / Double(height))
    return (
      max(1, Int(clamped: Double(width) * scale)), max(1, Int(clamped: Double(height) * scale))
    )
  }

  /// Box average on the way down, copies on the way up.
  private static func resampled(
    _ rgb: [UInt8], _ width: Int, _ height: Int, _ newWidth: Int, _ newHeight: Int
  ) -> [Float] {
    var result = [Float](repeating: 0, count: newWidth * newHeight * 3)
    for y in 0..<newHeight {
      let top = y * height / newHeight
      let bottom = max(top + 1, (y + 1) * height / newHeight)
      for x in 0..<newWidth {
        let left = x * width / newWidth
        let right = max(left + 1, (x + 1) * width / newWidth)
        var sums: (Int, Int, Int) = (0, 0, 0)
        for sourceY in top..<bottom {
          for sourceX in left..<right {
            let index = (sourceY * width + sourceX) * 3
            sums.0 += Int(rgb[index])
            sums.1 += Int(rgb[index + 1])
            sums.2 += Int(rgb[index + 2])
          }
        }
        let count = Float((bottom - top) * (right - left))
        let index = (y * newWidth + x) * 3
        result[index] = Float(sums.0) / count
        result[index + 1] = Float(sums.1) / count
        result[index + 2] = Float(sums.2) / count
      }
    }
    return result
  }

  private static func color(_ picture: [Float], _ pixel: Int, _ depth: ColorDepth) -> String {
    let red = level(picture[pixel * 3])
    let green = level(picture[pixel * 3 + 1])
    let blue = level(picture[pixel * 3 + 2])
    switch depth {
    case .full: return "2;\(red);\(green);\(blue)"
    case .indexed: return "5;\(paletteIndex(red, green, blue))"
    }
  }

  private static func level(_ value: Float) -> Int {
    Int(clamped: Double(min(255, max(0, value.rounded()))))
  }

  // MARK: 256 colours

  /// The palette entry of each pixel, dithered; sizes must fit the bytes.
  static func indexed(rgb: [UInt8], width: Int, height: Int) -> [Int] {
    var picture = rgb.prefix(width * height * 3).map { Float($0) }
    dither(&picture, width, height)
    return (0..<width * height).map {
      paletteIndex(
        level(picture[$0 * 3]), level(picture[$0 * 3 + 1]), level(picture[$0 * 3 + 2]))
    }
  }

  private static let cubeLevels = [0, 95, 135, 175, 215, 255]

  /// The palette entry nearest to a colour.
  static func paletteIndex(_ red: Int, _ green: Int, _ blue: Int) -> Int {
    let cube = (nearestLevel(red), nearestLevel(green), nearestLevel(blue))
    let grey = min(23, max(0, ((red + green + blue) / 3 - 3) / 10))
    let cubeColor = (cubeLevels[cube.0], cubeLevels[cube.1], cubeLevels[cube.2])
    let greyLevel = 8 + 10 * grey
    let wanted = (red, green, blue)
    return distance(wanted, (greyLevel, greyLevel, greyLevel)) < distance(wanted, cubeColor)
      ? 232 + grey : 16 + 36 * cube.0 + 6 * cube.1 + cube.2
  }

  /// The colour that a palette entry of the cube or the greys shows.
  static func paletteColor(_ index: Int) -> (Int, Int, Int) {
    if index >= 232 {
      let level = 8 + 10 * (index - 232)
      return (level, level, level)
    }
    let cube = index - 16
    return (cubeLevels[cube / 36], cubeLevels[cube / 6 % 6], cubeLevels[cube % 6])
  }

  private static func nearestLevel(_ value: Int) -> Int {
    value < 48 ? 0 : value < 115 ? 1 : min(5, (value - 35) / 40)
  }

  private static func distance(_ a: (Int, Int, Int), _ b: (Int, Int, Int)) -> Int {
    let d = (a.0 - b.0, a.1 - b.1, a.2 - b.2)
    return d.0 * d.0 + d.1 * d.1 + d.2 * d.2
  }

  /// Floyd and Steinberg's error diffusion towards the palette.
  private static func dither(_ picture: inout [Float], _ width: Int, _ height: Int) {
    for y in 0..<height {
      for x in 0..<width {
        let here = (y * width + x) * 3
        let index = paletteIndex(
          level(picture[here]), level(picture[here + 1]), level(picture[here + 2]))
        let shown = paletteColor(index)
        for (channel, value) in [shown.0, shown.1, shown.2].enumerated() {
          let error = picture[here + channel] - Float(value)
          picture[here + channel] = Float(value)
          spread(error * 7 / 16, x + 1, y)
          spread(error * 3 / 16, x - 1, y + 1)
          spread(error * 5 / 16, x, y + 1)
          spread(error * 1 / 16, x + 1, y + 1)
          func spread(_ part: Float, _ x: Int, _ y: Int) {
            guard x >= 0, x < width, y < height else { return }
            picture[(y * width + x) * 3 + channel] += part
          }
        }
      }
    }
  }
}
