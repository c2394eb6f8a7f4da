internal import Diagnostics

/// A colour of 8 bits a channel.
public struct PixelColor: Equatable, Sendable {
  /// Red, 0 to 255.
  public var red: UInt8
  /// Green, 0 to 255.
  public var green: UInt8
  /// Blue, 0 to 255.
  public var blue: UInt8

  /// Creates a colour.
  public init(_ red: UInt8, _ green: UInt8, _ blue: UInt8) {
    self.red = red
    self.green = green
    self.blue = blue
  }

  /// Black.
  public static let black = PixelColor(0, 0, 0)
  /// White.
  public static let white = PixelColor(255, 255, 255)
  /// A dark red, for what went wrong.
  public static let red = PixelColor(176, 0, 32)
  /// A dark green, for what went right.
  public static let green = PixelColor(0, 110, 50)
}

/// A picture being drawn; what lies outside it is cut off.
struct Canvas {
  let width: Int
  let height: Int
  private var pixels: [UInt8]

  init(width: Int, height: Int, background: PixelColor) throws {
    let blank = try PixelImage.filled(
      width: width, height: height, red: background.red, green: background.green,
      blue: background.blue)
    self.width = width
    self.height = height
    pixels = blank.pixels
  }

  var image: PixelImage { PixelImage(unchecked: width, height, pixels) }

  mutating func set(_ x: Int, _ y: Int, _ color: PixelColor) {
    guard (0..<width).contains(x), (0..<height).contains(y) else { return }
    let at = (y * width + x) * 3
    pixels[at] = color.red
    pixels[at + 1] = color.green
    pixels[at + 2] = color.blue
  }

  /// Copies `image` to (`x`, `y`), each pixel as a square of side `scale`.
  mutating func draw(_ image: PixelImage, x: Int, y: Int, scale: Int) {
    for row in 0..<(image.height * scale) where (0..<height).contains(y + row) {
      let source = row / scale * image.width
      for column in 0..<(image.width * scale) where (0..<width).contains(x + column) {
        let from = (source + column / scale) * 3
        let to = ((y + row) * width + x + column) * 3
        pixels[to] = image.pixels[from]
        pixels[to + 1] = image.pixels[from + 1]
        pixels[to + 2] = image.pixels[from + 2]
      }
    }
  }

  /// Writes one line of text with its top left corner at (`x`, `y`).
  mutating func write(_ text: String, x: Int, y: Int, scale: Int, color: PixelColor) {
    var left = x
    for character in text {
      for row in 0..<BitmapFont.height {
        for column in 0..<BitmapFont.width
        where BitmapFont.isSet(character, column: column, row: row) {
          for dy in 0..<scale {
            for dx in 0..<scale {
              set(left + column * scale + dx, y + row * scale + dy, color)
            }
          }
        }
      }
      left += TextLayout.advance * scale
    }
  }
}

/// Text in lines of a limited length.
enum TextLayout {
  /// Dots from one character to the next, and from one line to the next.
  static let advance = BitmapFont.width + 1
  static let lineHeight = BitmapFont.height + 2

  /// The width of `text` in pixels.
  static func width(of text: String, scale: Int) -> Int {
    max(0, text.count * advance - 1) * scale
  }

  /// `text` broken at spaces into lines of at most `columns` characters; longer words are cut into
  /// pieces, and beyond `limit` lines the last one ends in `…`.
  ///
  /// Reads no further than the lines that are kept, so a long text costs no more than they do.
  static func lines(_ text: String, columns: Int, limit: Int) -> [String] {
    let columns = max(columns, 1)
    var lines: [String] = []
    var (line, lineCount) = ("", 0)
    var (word, wordCount) = ("", 0)
    func end() {
      lines.append(line)
      (line, lineCount) = ("", 0)
    }
    func place() {
      guard wordCount > 0 else { return }
      if lineCount > 0, lineCount + 1 + wordCount > columns { end() }
      line += (lineCount == 0 ? "" : " ") + word
      lineCount += (lineCount == 0 ? 0 : 1) + wordCount
      (word, wordCount) = ("", 0)
    }
    for character in text {
      if character == "\n" {
        place()
        end()
      } else if character == " " {
        place()
      } else {
        if wordCount == columns {
          if lineCount > 0 { end() }
          lines.append(word)
          (word, wordCount) = ("", 0)
        }
        word.append(character)
        wordCount += 1
      }
      if lines.count > limit { break }
    }
    place()
    end()
    guard lines.count > limit else { return lines }
    let last = lines[limit - 1].prefix(max(columns - 1, 0)) + "…"
    return Array(lines[..<(limit - 1)]) + [String(last)]
  }
}
