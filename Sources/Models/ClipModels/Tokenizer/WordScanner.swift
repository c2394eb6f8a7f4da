/// Splits cleaned text as CLIP's pattern does: `'s 't 're 've 'm 'll 'd`, runs of letters, single
/// digits, runs of anything else that is not whitespace.
struct WordScanner {
  /// Whether the pattern ignores case, as the reference's does although the text was lower-cased: a
  /// long s after an apostrophe then counts as `s`, and U+0345 (whose capital is a letter, while it
  /// is a mark) matches nothing and is passed over.
  var ignoresCase = true
  /// Texts that are one word each wherever a word may start: the reference's special tokens.
  var names: [[Unicode.Scalar]] = []

  /// Calls `body` with each word's scalars, in order.
  func words(
    of text: [Unicode.Scalar], _ body: (ArraySlice<Unicode.Scalar>) throws -> Void
  ) rethrows {
    var index = 0
    while index < text.count {
      if kind(text[index]) == .space {
        index += 1
        continue
      }
      let end = self.end(text, from: index)
      try body(text[index..<end])
      index = end
    }
  }

  private func end(_ text: [Unicode.Scalar], from start: Int) -> Int {
    if let name = names.first(where: { text[start...].starts(with: $0) }) {
      return start + name.count
    }
    if text[start] == "'", let end = contraction(text, at: start) { return end }
    let kind = self.kind(text[start])
    var end = start + 1
    if kind == .number { return end }
    while end < text.count, self.kind(text[end]) == kind { end += 1 }
    return end
  }

  private func contraction(_ text: [Unicode.Scalar], at start: Int) -> Int? {
    guard start + 1 < text.count else { return nil }
    func letter(_ index: Int) -> Unicode.Scalar? {
      guard index < text.count else { return nil }
      let scalar = text[index]
      let isCapital = ignoresCase && ("A"..."Z").contains(scalar)
      return isCapital ? Unicode.Scalar(UInt8(scalar.value) + 32) : scalar
    }
    switch letter(start + 1) {
    case "s", "t", "m", "d": return start + 2
    case "\u{17F}": return ignoresCase ? start + 2 : nil
    case "r", "v": return letter(start + 2) == "e" ? start + 3 : nil
    case "l": return letter(start + 2) == "l" ? start + 3 : nil
    default: return nil
    }
  }

  private func kind(_ scalar: Unicode.Scalar) -> Kind {
    ignoresCase && scalar == "\u{345}" ? .space : Kind(scalar)
  }

  private enum Kind {
    case letter, number, space, other

    init(_ scalar: Unicode.Scalar) {
      if scalar.isASCII {
        switch scalar {
        case "a"..."z", "A"..."Z": self = .letter
        case "0"..."9": self = .number
        default: self = TextCleaner.isSpace(scalar) ? .space : .other
        }
        return
      }
      switch scalar.properties.generalCategory {
      case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter:
        self = .letter
      case .decimalNumber, .letterNumber, .otherNumber: self = .number
      default: self = scalar.properties.isWhitespace ? .space : .other
      }
    }
  }
}
