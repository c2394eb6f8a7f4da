/// HTML character references, resolved as Python's `html.unescape` does (HTML 5's rules for valid
/// and for sloppy references) and as ftfy's stricter first pass does.
enum HTMLEntities {
  /// Values of the named references, name without `&` and `;`.
  private static let values: [String: (value: [Unicode.Scalar], legacy: Bool)] = {
    var values: [String: (value: [Unicode.Scalar], legacy: Bool)] = [:]
    values.reserveCapacity(2200)
    for entry in table.split(whereSeparator: { $0 == " " || $0 == "\n" }) {
      let halves = entry.split(separator: ":")
      guard halves.count == 2 else { continue }
      let legacy = halves[0].hasSuffix("*")
      let name = String(legacy ? halves[0].dropLast() : halves[0])
      let scalars = halves[1].split(separator: "+").compactMap {
        UInt32($0, radix: 16).flatMap(Unicode.Scalar.init)
      }
      values[name] = (scalars, legacy)
    }
    return values
  }()

  /// The longest sloppy name, `&[^…]{1,32}`.
  private static let longestName = 32

  /// Resolves as Python's `html.unescape` does.
  ///
  /// Names with and without semicolon, the longest match; numeric references with the browsers'
  /// table for 0x80 ... 0x9F.
  static func unescape(_ text: [Unicode.Scalar]) -> [Unicode.Scalar] {
    guard text.contains("&") else { return text }
    var result: [Unicode.Scalar] = []
    result.reserveCapacity(text.count)
    var index = 0
    while index < text.count {
      let scalar = text[index]
      guard scalar == "&" else {
        result.append(scalar)
        index += 1
        continue
      }
      index += 1
      if let (number, end) = numeric(text, at: index) {
        result += resolve(number)
        index = end
        continue
      }
      let end = sloppyNameEnd(text, at: index)
      guard end > index, let (value, used) = named(text[index..<end]) else {
        result.append("&")
        // What the reference's pattern matched is not looked at again.
        result += text[index..<end]
        index = end
        continue
      }
      result += value
      result += text[(index + used)..<end]
      index = end
    }
    return result
  }

  /// ftfy's pass: only `&name;` and `&#number;` with a semicolon, and capitals such as `&EACUTE;`.
  static func unescapeStrictly(_ text: [Unicode.Scalar]) -> [Unicode.Scalar] {
    guard text.contains("&") else { return text }
    var result: [Unicode.Scalar] = []
    result.reserveCapacity(text.count)
    var index = 0
    while index < text.count {
      guard text[index] == "&", let end = strictEnd(text, at: index) else {
        result.append(text[index])
        index += 1
        continue
      }
      let reference = Array(text[index..<end])
      result += strictValue(reference) ?? reference
      index = end
    }
    return result
  }

  // MARK: - Parts

  /// `#[0-9]+;?` or `#[xX][0-9a-fA-F]+;?` at `index`; the number is capped, all that is too large
  /// being equal.
  private static func numeric(_ text: [Unicode.Scalar], at index: Int) -> (UInt32, Int)? {
    guard index + 1 < text.count, text[index] == "#" else { return nil }
    var position = index + 1
    var radix: UInt32 = 10
    if text[position] == "x" || text[position] == "X" {
      radix = 16
      position += 1
    }
    let first = position
    var number: UInt32 = 0
    while position < text.count, let digit = digit(text[position]), digit < radix {
      number = min(number * radix + digit, 0x110000)
      position += 1
    }
    guard position > first else { return nil }
    if position < text.count, text[position] == ";" { position += 1 }
    return (number, position)
  }

  private static func digit(_ scalar: Unicode.Scalar) -> UInt32? {
    switch scalar {
    case "0"..."9": scalar.value - 0x30
    case "a"..."f": scalar.value - 0x61 + 10
    case "A"..."F": scalar.value - 0x41 + 10
    default: nil
    }
  }

  private static func resolve(_ number: UInt32) -> [Unicode.Scalar] {
    switch number {
    case 0: return ["\u{FFFD}"]
    case 0x0D: return ["\r"]
    case 0x80...0x9F: return [TextCleaner.windows1252(number)]
    case 0x1...0x8, 0xB, 0xE...0x1F, 0x7F, 0xFDD0...0xFDEF: return []
    default:
      if number <= 0x10FFFF, number & 0xFFFE == 0xFFFE { return [] }
      return [Unicode.Scalar(number) ?? "\u{FFFD}"]
    }
  }

  /// The end of `[^\t\n\f <&#;]{1,32};?`, or `index` when nothing matches.
  private static func sloppyNameEnd(_ text: [Unicode.Scalar], at index: Int) -> Int {
    var position = index
    loop: while position < text.count, position - index < longestName {
      switch text[position] {
      case "\t", "\n", "\u{0C}", " ", "<", "&", "#", ";": break loop
      default: position += 1
      }
    }
    if position > index, position < text.count, text[position] == ";" { position += 1 }
    return position
  }

  /// The value of the name, or of its longest prefix that is valid without a semicolon, and how
  /// many scalars were used.
  private static func named(_ name: ArraySlice<Unicode.Scalar>) -> ([Unicode.Scalar], Int)? {
    let closed = name.last == ";"
    if closed, let entry = values[string(name.dropLast())] { return (entry.value, name.count) }
    if !closed, let entry = values[string(name)], entry.legacy { return (entry.value, name.count) }
    var count = name.count - 1
    while count > 1 {
      if let entry = values[string(name.prefix(count))], entry.legacy {
        return (entry.value, count)
      }
      count -= 1
    }
    return nil
  }

  private static func string(_ scalars: ArraySlice<Unicode.Scalar>) -> String {
    var text = String.UnicodeScalarView()
    text.append(contentsOf: scalars)
    return String(text)
  }

  /// The end of `&#?[0-9A-Za-z]{1,24};` at `index`.
  private static func strictEnd(_ text: [Unicode.Scalar], at index: Int) -> Int? {
    var position = index + 1
    if position < text.count, text[position] == "#" { position += 1 }
    let first = position
    while position < text.count, isAlphanumeric(text[position]) { position += 1 }
    guard position > first, position - first <= 24, position < text.count, text[position] == ";"
    else { return nil }
    return position + 1
  }

  private static func isAlphanumeric(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar {
    case "0"..."9", "a"..."z", "A"..."Z": true
    default: false
    }
  }

  private static func strictValue(_ reference: [Unicode.Scalar]) -> [Unicode.Scalar]? {
    if reference[1] == "#" {
      let value = unescape(reference)
      return value.contains(";") ? nil : value
    }
    let name = string(reference[1..<(reference.count - 1)])
    if let entry = values[name] { return entry.value }
    // Names in capitals stand for the capital letter, where HTML itself gives them no meaning.
    let lower = name.lowercased()
    guard let entry = values[lower], lower.uppercased() == name, unescape(reference) == reference
    else { return nil }
    return entry.value.flatMap { Array($0.properties.uppercaseMapping.unicodeScalars) }
  }
}
