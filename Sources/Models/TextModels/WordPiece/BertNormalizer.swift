// The standard library's normaliser, as in ClipModels' TextCleaner.
@_spi(_Unicode) internal import Swift

/// What BERT does to a text before it looks words up, with the place of every character kept.
///
/// As the reference (tokenizers' `BertNormalizer`): control characters go, whitespace becomes a
/// space, Chinese characters stand alone, accents are stripped (form D without nonspacing marks),
/// letters lower-cased one by one. The reference's tables are those of Unicode 8.0, so that later
/// characters count as letters there, and here.
struct BertNormalizer: Sendable, Equatable {
  /// Whether letters are made small.
  var lowercases = true
  /// Whether accents go; nil: with `lowercases`.
  var stripsAccents: Bool?
  /// Whether each Chinese character is a word.
  var splitsChinese = true

  /// A character of the result, and the UTF-8 bytes of the text that it comes from.
  struct Character {
    var scalar: Unicode.Scalar
    var start: Int
    var end: Int
  }

  func callAsFunction(_ text: String) -> [Character] {
    var result: [Character] = []
    result.reserveCapacity(text.utf8.count)
    var end = 0
    var isPlain = true
    for scalar in text.unicodeScalars {
      let start = end
      end += UTF8.width(scalar)
      if !scalar.isASCII { isPlain = false }
      if Self.isRemoved(scalar) { continue }
      let isSpace = Self.isSpace(scalar)
      let alone = !isSpace && splitsChinese && Self.isChinese(scalar)
      if alone { result.append(Character(scalar: " ", start: start, end: start)) }
      result.append(Character(scalar: isSpace ? " " : scalar, start: start, end: end))
      if alone { result.append(Character(scalar: " ", start: end, end: end)) }
    }
    if stripsAccents ?? lowercases, !isPlain { result = Self.stripped(result) }
    if lowercases { result = Self.lowercased(result) }
    return result
  }

  /// Form D without nonspacing marks.
  private static func stripped(_ text: [Character]) -> [Character] {
    var result: [Character] = []
    result.reserveCapacity(text.count)
    for character in text {
      // Compositions newer than Unicode 12 are unknown to the reference; there are none before it.
      if character.scalar.value < 0xC0
        || character.scalar.value > 0xFFFF && !isOld(character.scalar)
      {
        result.append(character)
        continue
      }
      for scalar in String(Swift.Character(character.scalar))._nfd {
        result.append(Character(scalar: scalar, start: character.start, end: character.end))
      }
    }
    reorder(&result)
    result.removeAll { isNonspacingMark($0.scalar) }
    return result
  }

  /// Canonical order: runs of marks by combining class, equal ones as they stand.
  private static func reorder(_ text: inout [Character]) {
    func order(_ index: Int) -> UInt8 {
      let scalar = text[index].scalar
      return scalar.value < 0x300 ? 0 : scalar.properties.canonicalCombiningClass.rawValue
    }
    var start = 0
    while start < text.count {
      guard order(start) != 0 else {
        start += 1
        continue
      }
      var run: [(order: UInt8, place: Int, character: Character)] = []
      while start + run.count < text.count {
        let place = start + run.count
        let class_ = order(place)
        if class_ == 0 { break }
        run.append((class_, place, text[place]))
      }
      run.sort { ($0.order, $0.place) < ($1.order, $1.place) }
      for (offset, entry) in run.enumerated() { text[start + offset] = entry.character }
      start += run.count
    }
  }

  private static func lowercased(_ text: [Character]) -> [Character] {
    var result: [Character] = []
    result.reserveCapacity(text.count)
    for character in text {
      if character.scalar.isASCII {
        var small = character
        if ("A"..."Z").contains(character.scalar) {
          small.scalar = Unicode.Scalar(UInt8(character.scalar.value) + 32)
        }
        result.append(small)
        continue
      }
      for scalar in character.scalar.properties.lowercaseMapping.unicodeScalars {
        result.append(Character(scalar: scalar, start: character.start, end: character.end))
      }
    }
    return result
  }

  // MARK: - Kinds of characters

  /// Whether a character is punctuation, a word by itself.
  static func isPunctuation(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x21...0x2F, 0x3A...0x40, 0x5B...0x60, 0x7B...0x7E: return true
    case 0..<0x80: return false
    // Punctuation in Unicode 8.0, no more.
    case 0x166D, 0x111C9: return true
    default: break
    }
    switch scalar.properties.generalCategory {
    case .connectorPunctuation, .dashPunctuation, .openPunctuation, .closePunctuation,
      .initialPunctuation, .finalPunctuation, .otherPunctuation:
      return isOld(scalar)
    default: return false
    }
  }

  static func isSpace(_ scalar: Unicode.Scalar) -> Bool {
    if scalar.isASCII { return scalar == " " || scalar == "\t" || scalar == "\n" || scalar == "\r" }
    return scalar.properties.isWhitespace
  }

  private static func isRemoved(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x20..<0x7F, 9, 10, 13: return false
    case 0, 0xFFFD: return true
    default: break
    }
    switch scalar.properties.generalCategory {
    case .control, .format, .privateUse: return isOld(scalar)
    default: return false
    }
  }

  private static func isNonspacingMark(_ scalar: Unicode.Scalar) -> Bool {
    if scalar.value < 0x300 { return false }
    switch scalar.value {
    // Those whose category changed after Unicode 8.0.
    case 0x1734, 0x1171E: return true
    case 0x1885, 0x1886, 0xA9BD, 0x111C9: return false
    default: break
    }
    return scalar.properties.generalCategory == .nonspacingMark && isOld(scalar)
  }

  /// Whether a character was there in Unicode 8.0.
  private static func isOld(_ scalar: Unicode.Scalar) -> Bool {
    guard let age = scalar.properties.age else { return false }
    return age.major <= 8 && (age.major < 8 || age.minor == 0)
  }

  private static func isChinese(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    // The fifth range starts 256 too late in the reference, so here too.
    case 0x4E00...0x9FFF, 0x3400...0x4DBF, 0x20000...0x2A6DF, 0x2A700...0x2B81F, 0x2B920...0x2CEAF,
      0xF900...0xFAFF, 0x2F800...0x2FA1F:
      return true
    default: return false
    }
  }
}
