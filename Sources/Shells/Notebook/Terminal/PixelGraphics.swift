/// Pictures by the protocols of terminals that show pixels.
package enum PixelGraphics {
  /// Pixels to which the longer side of a small picture is enlarged, by a whole factor.
  package static let side = 256

  /// Kitty's protocol: PNG bytes in base64, at most 4,096 characters a piece.
  ///
  /// `q=2` keeps the terminal from answering, which would be taken for typing. A picture with the
  /// number of an earlier one takes that away.
  package static func kitty(png: [UInt8], number: UInt32? = nil) -> String {
    let encoded = Array(base64(png).utf8)
    var text = ""
    var start = 0
    repeat {
      let end = min(start + 4096, encoded.count)
      let more = end < encoded.count ? 1 : 0
      let name = number.map { "i=\($0)," } ?? ""
      let keys = start == 0 ? "a=T,f=100,\(name)q=2,m=\(more)" : "q=2,m=\(more)"
      text +=
        "\u{1B}_G\(keys);" + String(decoding: encoded[start..<end], as: UTF8.self) + "\u{1B}\\"
      start = end
    } while start < encoded.count
    return text + "\n"
  }

  /// iTerm2's protocol: one file of PNG bytes in base64, shown in the line.
  package static func iterm(png: [UInt8], width: Int, height: Int) -> String {
    "\u{1B}]1337;File=inline=1;size=\(png.count);width=\(width)px;height=\(height)px"
      + ";preserveAspectRatio=1:" + base64(png) + "\u{7}\n"
  }

  /// Sixels: bands of six rows, each a row of characters for every colour in it.
  ///
  /// Colours are the 240 of the 256-colour palette's cube and greys, dithered.
  ///
  /// - Returns: the text; "" when sizes do not fit the bytes.
  package static func sixel(rgb: [UInt8], width: Int, height: Int) -> String {
    let (pixels, overflow) = width.multipliedReportingOverflow(by: height)
    guard width > 0, height > 0, !overflow, pixels <= rgb.count / 3 else { return "" }
    let indices = HalfBlocks.indexed(rgb: rgb, width: width, height: height)
    var text = "\u{1B}P0;1;0q\"1;1;\(width);\(height)"
    for index in Set(indices).sorted() {
      let color = HalfBlocks.paletteColor(index)
      let percents = [color.0, color.1, color.2].map { String(($0 * 100 + 127) / 255) }
      text += "#\(index);2;" + percents.joined(separator: ";")
    }
    for top in stride(from: 0, to: height, by: 6) {
      let rows = min(6, height - top)
      let band = indices[(top * width)..<((top + rows) * width)]
      let colors = Set(band).sorted()
      for (place, color) in colors.enumerated() {
        let bits = (0..<width).map { x -> UInt8 in
          var bits: UInt8 = 0
          for row in 0..<rows where band[band.startIndex + row * width + x] == color {
            bits |= 1 << UInt8(row)
          }
          return bits
        }
        text += "#\(color)" + runs(bits) + (place + 1 < colors.count ? "$" : "-")
      }
    }
    return text + "\u{1B}\\\n"
  }

  /// Six pixels a character, repeated ones as a count: `!12~`.
  private static func runs(_ bits: [UInt8]) -> String {
    var text = ""
    var start = 0
    while start < bits.count {
      var end = start
      while end < bits.count, bits[end] == bits[start] { end += 1 }
      let character = String(Character(Unicode.Scalar(63 + bits[start])))
      let count = end - start
      text += count > 3 ? "!\(count)" + character : String(repeating: character, count: count)
      start = end
    }
    return text
  }

  /// Standard base64 with padding.
  static func base64(_ bytes: [UInt8]) -> String {
    let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    var result: [UInt8] = []
    result.reserveCapacity((bytes.count + 2) / 3 * 4)
    for start in stride(from: 0, to: bytes.count, by: 3) {
      let count = min(3, bytes.count - start)
      var word = 0
      for offset in 0..<3 { word = word << 8 | (offset < count ? Int(bytes[start + offset]) : 0) }
      for position in 0..<4 {
        result.append(
          position <= count
            ? alphabet[word >> (18 - 6 * position) & 63] : UInt8(ascii: "="))
      }
    }
    return String(decoding: result, as: UTF8.self)
  }
}
