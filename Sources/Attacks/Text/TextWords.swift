/// A text cut into words, of which each keeps the bytes around its core.
///
/// Words are what whitespace separates; leading and trailing punctuation is set apart as prefix and
/// suffix, and only the core in between is ever edited. `text` is put together from the parts
/// without losing a byte.
public struct TextWords: Sendable, Equatable {
  /// One word.
  public struct Word: Sendable, Equatable {
    /// Punctuation before the core; may be empty.
    public var prefix: String
    /// What attacks edit; empty for a word of punctuation alone.
    public var core: String
    /// Punctuation after the core; may be empty.
    public var suffix: String
    /// Where the core lies in the text, in UTF-8 bytes.
    public var coreRange: Range<Int>
  }

  /// What separates words.
  public enum Splitting: Sendable {
    /// Whitespace; punctuation is set apart.
    case whitespace
    /// Single spaces; punctuation stays in the core, as in released code.
    case singleSpaces
  }

  /// The whole text.
  public let text: String
  /// What separated the words.
  public let splitting: Splitting
  /// The words in order.
  public let words: [Word]
  /// The whitespace before each word, and after the last one.
  let gaps: [String]

  /// Cuts `text`.
  public init(_ text: String, splitting: Splitting = .whitespace) {
    self.text = text
    self.splitting = splitting
    if splitting == .singleSpaces {
      (words, gaps) = Self.spaceWords(text)
      return
    }
    var words: [Word] = []
    var gaps: [String] = []
    var gap = String.UnicodeScalarView()
    var piece: [Unicode.Scalar] = []
    var offset = 0
    for scalar in text.unicodeScalars {
      if scalar.properties.isWhitespace {
        if !piece.isEmpty {
          words.append(Self.word(piece, end: offset))
          piece = []
        }
        gap.append(scalar)
      } else {
        if piece.isEmpty {
          gaps.append(String(gap))
          gap = String.UnicodeScalarView()
        }
        piece.append(scalar)
      }
      offset += UTF8.width(scalar)
    }
    if !piece.isEmpty { words.append(Self.word(piece, end: offset)) }
    gaps.append(String(gap))
    self.words = words
    self.gaps = gaps
  }

  /// The number of words.
  public var count: Int { words.count }
  /// The cores in order.
  public var cores: [String] { words.map(\.core) }
  /// The words in order with the punctuation around them: all that whitespace separates.
  public var pieces: [String] { words.map { $0.prefix + $0.core + $0.suffix } }

  /// The text with other cores at some words; all else keeps its bytes.
  public func replacing(_ cores: [Int: String]) -> String {
    var result = ""
    for (index, word) in words.enumerated() {
      result += gaps[index] + word.prefix + (cores[index] ?? word.core) + word.suffix
    }
    return result + gaps[words.count]
  }

  /// The text without the core of one word, and without one of the gaps when nothing of the word
  /// remains.
  public func deleting(_ index: Int) -> String {
    var result = ""
    for (position, word) in words.enumerated() {
      let bare = position == index && word.prefix.isEmpty && word.suffix.isEmpty
      if bare { continue }
      let skipsGap = position == index + 1 && index == 0 && isBare(index)
      result += skipsGap ? gaps[0] : gaps[position]
      result += word.prefix + (position == index ? "" : word.core) + word.suffix
    }
    return result + gaps[words.count]
  }

  /// Whether a scalar is stripped from a word's ends.
  static func isPunctuation(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x21...0x2F, 0x3A...0x40, 0x5B...0x60, 0x7B...0x7E: return true
    case 0..<0x80: return false
    default: break
    }
    switch scalar.properties.generalCategory {
    case .connectorPunctuation, .dashPunctuation, .openPunctuation, .closePunctuation,
      .initialPunctuation, .finalPunctuation, .otherPunctuation:
      return true
    default: return false
    }
  }

  /// The words between single spaces; two spaces have an empty word between them.
  private static func spaceWords(_ text: String) -> ([Word], [String]) {
    var offset = 0
    let words = text.split(separator: " " as Swift.Character, omittingEmptySubsequences: false).map
    {
      let range = offset..<(offset + $0.utf8.count)
      offset = range.upperBound + 1
      return Word(prefix: "", core: String($0), suffix: "", coreRange: range)
    }
    let gaps = words.indices.map { $0 == 0 ? "" : " " } + [""]
    return (words, gaps)
  }

  private func isBare(_ index: Int) -> Bool {
    words[index].prefix.isEmpty && words[index].suffix.isEmpty
  }

  private static func word(_ piece: [Unicode.Scalar], end: Int) -> Word {
    let first = piece.firstIndex { !isPunctuation($0) } ?? piece.count
    let last = piece.lastIndex { !isPunctuation($0) } ?? first - 1
    let suffix = string(piece[(last + 1)...])
    let core = string(piece[first..<(last + 1)])
    let coreEnd = end - suffix.utf8.count
    return Word(
      prefix: string(piece[..<first]), core: core, suffix: suffix,
      coreRange: (coreEnd - core.utf8.count)..<coreEnd)
  }

  private static func string(_ scalars: ArraySlice<Unicode.Scalar>) -> String {
    var view = String.UnicodeScalarView()
    view.append(contentsOf: scalars)
    return String(view)
  }
}
