internal import Diagnostics

/// A step of a Hugging Face normaliser with its arguments, as tokenizers 0.23 does it.
enum NormalizerStep: Sendable {
  /// `NFC`.
  case composed
  /// `Lowercase`: every character by itself, so that a capital sigma is never a final one.
  case lowercase
  /// `Strip`: whitespace at the ends.
  case strip(left: Bool, right: Bool)
  /// `Replace`.
  case replace(TextPattern, with: [Unicode.Scalar])
  /// `Prepend`, of a text that is not empty.
  case prepend([Unicode.Scalar])
  /// `Nmt`: control characters go, odd spaces become plain ones.
  case nmt
  /// `Precompiled`: a table of replacements.
  case precompiled(CharacterMap)

  /// The text after all steps.
  ///
  /// - Throws: `KilpiError` when they make it absurdly long.
  static func apply(
    _ steps: [NormalizerStep], to text: [Unicode.Scalar]
  ) throws -> [Unicode.Scalar] {
    let limit = text.count * 32 + 1024
    var result = text
    for step in steps { result = try step.apply(to: result, limit: limit) }
    return result
  }

  private func apply(to text: [Unicode.Scalar], limit: Int) throws -> [Unicode.Scalar] {
    switch self {
    case .composed: return TextCleaner.normalized(text)
    case .lowercase: return TextCleaner.lowercased(text, finalSigma: false)
    case .strip(let left, let right):
      var rest = text[...]
      if left { rest = rest.drop { $0.properties.isWhitespace } }
      if right { while let last = rest.last, last.properties.isWhitespace { rest.removeLast() } }
      return Array(rest)
    case .prepend(let front): return text.isEmpty ? text : front + text
    case .nmt: return text.compactMap(Self.withoutControls)
    case .replace(let pattern, let content):
      var result: [Unicode.Scalar] = []
      result.reserveCapacity(text.count)
      var index = 0
      while index < text.count {
        if let end = pattern.end(in: text, at: index) {
          result += content
          index = end
        } else {
          result.append(text[index])
          index += 1
        }
        try Self.check(result.count, text.count, limit)
      }
      return result
    case .precompiled(let map):
      var result: [UInt8] = []
      for character in TextCleaner.string(text) {
        // The reference looks a short cluster up as a whole, where the shortest match stands for all of
        // it, and others character by character.
        let whole = Array(character.utf8)
        if whole.count < 6, let replacement = map.firstReplacement(of: whole[...]) {
          result += replacement
        } else {
          for scalar in character.unicodeScalars {
            let part = Array(UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
            result += map.firstReplacement(of: part[...]) ?? part[...]
          }
        }
        try Self.check(result.count, text.count, limit)
      }
      return Array(String(decoding: result, as: UTF8.self).unicodeScalars)
    }
  }

  private static func check(_ count: Int, _ before: Int, _ limit: Int) throws {
    guard count <= limit else {
      throw KilpiError(
        "the tokenizer's normalizer makes a text of \(before) characters longer than \(limit)",
        advice: "its tokenizer.json is damaged")
    }
  }

  private static func withoutControls(_ scalar: Unicode.Scalar) -> Unicode.Scalar? {
    switch scalar.value {
    case 0x01...0x08, 0x0B, 0x0E...0x1F, 0x7F, 0x8F, 0x9F: return nil
    case 0x09, 0x0A, 0x0C, 0x0D, 0x1680, 0x200B...0x200F, 0x2028, 0x2029, 0x2581, 0xFEFF, 0xFFFD:
      return " "
    default: return scalar
    }
  }
}

/// What a step looks for: a text, or a run of characters of one set.
///
/// Of regular expressions those are known that tokenizers' files use: one character or class (`[…]`, `\s`),
/// alone or repeated (`+`, `{n}`, `{n,}`, `{n,m}`), and plain text.
enum TextPattern: Sendable {
  case text([Unicode.Scalar])
  case run(CharacterClass, count: ClosedRange<Int>)

  /// The pattern of a step's JSON `Regex`; nil for any other expression.
  init?(expression: String) {
    var reader = ExpressionReader(expression)
    var atoms: [CharacterClass] = []
    while !reader.isAtEnd {
      if let count = atoms.isEmpty ? nil : reader.repetition() {
        guard atoms.count == 1, reader.isAtEnd else { return nil }
        self = .run(atoms[0], count: count)
        return
      }
      guard let atom = reader.atom() else { return nil }
      atoms.append(atom)
    }
    if atoms.count == 1 {
      self = .run(atoms[0], count: 1...1)
      return
    }
    let text = atoms.compactMap(\.single)
    guard !text.isEmpty, text.count == atoms.count else { return nil }
    self = .text(text)
  }

  /// Where a match that starts at `start` ends; nil where none does.
  func end(in text: [Unicode.Scalar], at start: Int) -> Int? {
    switch self {
    case .text(let wanted):
      return !wanted.isEmpty && text[start...].starts(with: wanted) ? start + wanted.count : nil
    case .run(let set, let count):
      var end = start
      while end < text.count, end - start < count.upperBound, set.contains(text[end]) { end += 1 }
      return end - start >= count.lowerBound ? end : nil
    }
  }
}

/// A set of characters, as a class of a regular expression names it.
struct CharacterClass: Sendable {
  var ranges: [ClosedRange<Unicode.Scalar>] = []
  var hasSpaces = false
  var isNegated = false

  func contains(_ scalar: Unicode.Scalar) -> Bool {
    let isListed =
      hasSpaces && scalar.properties.isWhitespace || ranges.contains { $0.contains(scalar) }
    return isListed != isNegated
  }

  /// The one character of the set; nil for another set.
  var single: Unicode.Scalar? {
    guard !hasSpaces, !isNegated, ranges.count == 1, ranges[0].lowerBound == ranges[0].upperBound
    else { return nil }
    return ranges[0].lowerBound
  }

  /// True when every character of it is ASCII punctuation.
  var isPunctuation: Bool {
    !hasSpaces && !isNegated
      && ranges.allSatisfy { range in
        (range.lowerBound.value...range.upperBound.value).prefix(128).allSatisfy {
          switch $0 {
          case 0x21...0x2F, 0x3A...0x40, 0x5B...0x60, 0x7B...0x7E: true
          default: false
          }
        }
      }
  }

  /// True when it is whitespace, or the space alone.
  var isSpaces: Bool {
    !isNegated && (hasSpaces || !ranges.isEmpty)
      && ranges.allSatisfy {
        $0.lowerBound == $0.upperBound && $0.lowerBound.properties.isWhitespace
      }
  }
}

/// Reads the parts of a regular expression; what it does not know is nil.
private struct ExpressionReader {
  private let scalars: [Unicode.Scalar]
  private var index = 0

  init(_ expression: String) { scalars = Array(expression.unicodeScalars) }

  var isAtEnd: Bool { index >= scalars.count }
  private var next: Unicode.Scalar? { isAtEnd ? nil : scalars[index] }

  private mutating func take() -> Unicode.Scalar? {
    guard let scalar = next else { return nil }
    index += 1
    return scalar
  }

  mutating func atom() -> CharacterClass? {
    switch next {
    case "[": return set()
    case ".", "(", ")", "|", "^", "$", "*", "+", "?", "{", "]", "}", nil: return nil
    default: return item()
    }
  }

  /// A character, or an escape.
  private mutating func item() -> CharacterClass? {
    guard let scalar = take() else { return nil }
    guard scalar == "\\" else { return CharacterClass(ranges: [scalar...scalar]) }
    guard let escaped = take() else { return nil }
    switch escaped {
    case "s": return CharacterClass(hasSpaces: true)
    case "n": return CharacterClass(ranges: ["\n"..."\n"])
    case "r": return CharacterClass(ranges: ["\r"..."\r"])
    case "t": return CharacterClass(ranges: ["\t"..."\t"])
    default:
      guard escaped.isASCII, !WordCharacters.contains(escaped) else { return nil }
      return CharacterClass(ranges: [escaped...escaped])
    }
  }

  private mutating func set() -> CharacterClass? {
    index += 1
    var result = CharacterClass()
    if next == "^" {
      result.isNegated = true
      index += 1
    }
    while let scalar = next, scalar != "]" || result.ranges.isEmpty && !result.hasSpaces {
      // An inner set, an intersection and a set that starts with its end have meanings of their own.
      if scalar == "[" || scalar == "]"
        || scalar == "&" && scalars[index...].starts(with: ["&", "&"])
      {
        return nil
      }
      guard let first = item() else { return nil }
      result.hasSpaces = result.hasSpaces || first.hasSpaces
      guard next == "-", index + 1 < scalars.count, scalars[index + 1] != "]" else {
        result.ranges += first.ranges
        continue
      }
      index += 1
      guard next != "[", let last = item()?.single, let low = first.single, low <= last else {
        return nil
      }
      result.ranges.append(low...last)
    }
    return take() == "]" ? result : nil
  }

  /// `+`, `{n}`, `{n,}` or `{n,m}`; nil for anything else.
  mutating func repetition() -> ClosedRange<Int>? {
    let start = index
    func isFollowed() -> Bool { isAtEnd }
    switch take() {
    case "+":
      if isFollowed() { return 1...Int.max }
    case "{":
      var bounds: [Int?] = [nil]
      while let scalar = take(), scalar != "}" {
        if scalar == ",", bounds.count == 1 {
          bounds.append(nil)
        } else if let digit = Int(String(scalar)), (bounds[bounds.count - 1] ?? 0) < 100_000 {
          bounds[bounds.count - 1] = (bounds[bounds.count - 1] ?? 0) * 10 + digit
        } else {
          index = start
          return nil
        }
      }
      if scalars[index - 1] == "}", isFollowed(), let low = bounds[0], low > 0 {
        let high = bounds.count == 1 ? low : bounds[1] ?? Int.max
        if low <= high { return low...high }
      }
    default: break
    }
    index = start
    return nil
  }
}

/// Letters and digits of ASCII: escapes of them have meanings of their own.
private enum WordCharacters {
  static func contains(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar {
    case "a"..."z", "A"..."Z", "0"..."9": true
    default: false
    }
  }
}
