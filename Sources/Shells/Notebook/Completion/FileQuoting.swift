/// How the name of a file is written where the cursor is.
///
/// Names are bytes. What a place cannot hold, such as a control character on the prompt's line, makes
/// no name there: it is not offered.
enum FileQuoting: Equatable, Sendable {
  /// As it is, up to the end of the line.
  case plain
  /// Inside a string of Lua.
  case lua(Character)
  /// A word of a shell; its quote stands at the front.
  case shell(Character?)

  /// The name behind what is typed so far; nil when its end is half an escape.
  func decode(_ typed: String) -> [UInt8]? {
    switch self {
    case .plain: return Array(typed.utf8)
    case .lua: return Self.decodedLua(Array(typed.utf8))
    case .shell: return ShellWord(Array(typed.utf8)).name
    }
  }

  /// What stands for a name here, without a quote behind it; nil when nothing does.
  func encode(_ name: [UInt8]) -> String? {
    switch self {
    case .plain:
      return Self.text(name).flatMap { $0.last?.isWhitespace == true ? nil : $0 }
    case .lua(let quote):
      return Self.encodedLua(name, quote)
    case .shell(let quote):
      guard let text = Self.text(name) else { return nil }
      return quote.map { String($0) + Self.quoted(text, $0) } ?? Self.escaped(text)
    }
  }

  /// What ends the name.
  var end: String {
    switch self {
    case .plain, .shell(nil): return ""
    case .lua(let quote), .shell(.some(let quote)): return String(quote)
    }
  }

  /// Whether the name of a file is whole with its quote; in Lua more may be put to a string.
  var endsNames: Bool {
    if case .shell = self { return true }
    return false
  }

  /// Whether a character shows itself and nothing else.
  static func isPlain(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0..<32, 127..<160, 0x2028, 0x2029, 0x202A...0x202E, 0x2066...0x2069: return false
    default: return true
    }
  }

  /// The text that bytes are; nil when they are none, or hold what does not show.
  private static func text(_ name: [UInt8]) -> String? {
    guard let text = String(validating: name, as: UTF8.self),
      text.unicodeScalars.allSatisfy(isPlain)
    else { return nil }
    return text
  }

  // MARK: Lua

  private static let escapes: [(UInt8, UInt8)] = [
    (UInt8(ascii: "n"), 10), (UInt8(ascii: "t"), 9), (UInt8(ascii: "r"), 13),
    (UInt8(ascii: "a"), 7), (UInt8(ascii: "b"), 8), (UInt8(ascii: "f"), 12),
    (UInt8(ascii: "v"), 11), (UInt8(ascii: "\\"), UInt8(ascii: "\\")),
    (UInt8(ascii: "\""), UInt8(ascii: "\"")), (UInt8(ascii: "'"), UInt8(ascii: "'")),
  ]

  private static func encodedLua(_ name: [UInt8], _ quote: Character) -> String {
    var result = ""
    var rest = name[...]
    while !rest.isEmpty {
      guard let scalar = firstScalar(rest) else {
        result += "\\x" + hex(rest.removeFirst())
        continue
      }
      let bytes = rest.prefix(UTF8.width(scalar))
      rest = rest.dropFirst(bytes.count)
      if scalar == "\\" || Character(scalar) == quote {
        result += "\\" + String(scalar)
      } else if scalar == "\n" {
        result += "\\n"
      } else if isPlain(scalar) {
        result.unicodeScalars.append(scalar)
      } else {
        result += bytes.map { "\\x" + hex($0) }.joined()
      }
    }
    return result
  }

  private static func firstScalar(_ bytes: ArraySlice<UInt8>) -> Unicode.Scalar? {
    var decoder = UTF8()
    var iterator = bytes.makeIterator()
    guard case .scalarValue(let scalar) = decoder.decode(&iterator) else { return nil }
    return scalar
  }

  private static func hex(_ byte: UInt8) -> String {
    let digits = Array("0123456789ABCDEF")
    return String([digits[Int(byte >> 4)], digits[Int(byte & 15)]])
  }

  private static func decodedLua(_ typed: [UInt8]) -> [UInt8]? {
    var name: [UInt8] = []
    var rest = typed[...]
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "\\") else {
        name.append(byte)
        continue
      }
      guard let letter = rest.popFirst() else { return nil }
      if let escape = escapes.first(where: { $0.0 == letter }) {
        name.append(escape.1)
      } else if letter == UInt8(ascii: "x") {
        let digits = String(decoding: rest.prefix(2), as: UTF8.self)
        guard rest.count >= 2, let value = UInt8(digits, radix: 16) else { return nil }
        name.append(value)
        rest = rest.dropFirst(2)
      } else if (48...57).contains(letter) {
        let digits = [letter] + rest.prefix(2).prefix { (48...57).contains($0) }
        guard let value = UInt8(String(decoding: digits, as: UTF8.self)) else { return nil }
        name.append(value)
        rest = rest.dropFirst(digits.count - 1)
      } else {
        return nil
      }
    }
    return name
  }

  // MARK: Shell

  /// Characters that mean themselves to a shell wherever they stand.
  private static let harmless = Set("_-./,+:@%^=".unicodeScalars)

  private static func escaped(_ text: String) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
      let isLetter =
        ("a"..."z").contains(scalar) || ("A"..."Z").contains(scalar)
        || ("0"..."9").contains(scalar)
      if !isLetter, !harmless.contains(scalar), scalar.value < 128 { result += "\\" }
      result.unicodeScalars.append(scalar)
    }
    return result
  }

  private static func quoted(_ text: String, _ quote: Character) -> String {
    text.map { character in
      if quote == "'" { return character == "'" ? "'\\''" : String(character) }
      return "\"\\$`".contains(character) ? "\\" + String(character) : String(character)
    }.joined()
  }
}

/// The word at the end of a shell's line.
struct ShellWord: Equatable {
  /// Where it starts, in bytes.
  var start = 0
  /// The quote that it starts with.
  var quote: Character?
  /// What it stands for; nil when its end is half an escape.
  var name: [UInt8]? = []

  /// Reads a line.
  ///
  /// - Parameter separators: what stands between words beside white space.
  init(_ line: [UInt8], separators: String = "") {
    let separators = Set((separators + " \t\n").utf8)
    var open: UInt8?
    var bytes: [UInt8] = []
    var isEscaped = false
    for (index, byte) in line.enumerated() {
      if isEscaped {
        // Between double quotes the backslash stays in front of most characters.
        if open != nil, !Set("\"\\$`".utf8).contains(byte) { bytes.append(UInt8(ascii: "\\")) }
        bytes.append(byte)
        isEscaped = false
      } else if byte == UInt8(ascii: "\\"), open != UInt8(ascii: "'") {
        isEscaped = true
      } else if byte == open {
        open = nil
      } else if open != nil {
        bytes.append(byte)
      } else if byte == UInt8(ascii: "'") || byte == UInt8(ascii: "\"") {
        open = byte
        if index == start { quote = Character(Unicode.Scalar(byte)) }
      } else if separators.contains(byte) {
        (start, quote, bytes) = (index + 1, nil, [])
      } else {
        bytes.append(byte)
      }
    }
    name = isEscaped ? nil : bytes
    // A quote that was closed already does not go on.
    if open == nil { quote = nil }
  }
}
