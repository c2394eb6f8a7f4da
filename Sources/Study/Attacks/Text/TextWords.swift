/// A text cut into the words that a model's tokenizer sees, of which each keeps the bytes around its
/// core.
///
/// Only cores are ever edited; `text` is put together from the parts without losing a byte.
package struct TextWords: Sendable, Equatable {
  /// One word.
  package struct Word: Sendable, Equatable {
    /// Punctuation before the core; may be empty.
    package var prefix: String
    /// What attacks edit; empty for a word of punctuation alone.
    package var core: String
    /// Punctuation after the core; may be empty.
    package var suffix: String
    /// Where the core lies in the text, in UTF-8 bytes.
    package var coreRange: Range<Int>
    /// Whether the word is the end of a contraction, such as `'s`, which is never edited.
    package var isEnding = false
    /// The core with its ending (`don't` for `don` and for `'t`), by which stop words are known.
    package var contraction = ""
  }

  /// What separates words.
  package enum Splitting: Sendable {
    /// As CLIP's byte pairs: `'s 't 're 've 'm 'll 'd`, runs of letters, single digits; whatever
    /// stands between is kept with the word before it.
    ///
    /// Two deviations, where the pattern cuts what a reader would not: an apostrophe behind no letter
    /// is a quotation mark (`'dog'` is one word), and marks stay with their letters.
    case bytePairs
    /// As BERT's WordPiece: every punctuation mark separates, letters and digits stay together;
    /// endings as above.
    case wordPieces
    /// As SigLIP's SentencePiece, which drops punctuation: whitespace; an ending is the word's suffix.
    case sentencePieces
    /// Whitespace; punctuation at the ends is set apart.
    case whitespace
    /// Single spaces; punctuation stays in the core, as in released code.
    case singleSpaces
  }

  /// The whole text.
  package let text: String
  /// What separated the words.
  package let splitting: Splitting
  /// The words in order.
  package let words: [Word]
  /// What stands before each word, and after the last one: whitespace, or nothing between words that
  /// are glued together.
  let gaps: [String]

  /// Cuts `text`.
  package init(_ text: String, splitting: Splitting = .bytePairs) {
    self.text = text
    self.splitting = splitting
    if splitting == .singleSpaces {
      (words, gaps) = Self.spaceWords(text)
      return
    }
    let cutter = WordCutter(text, splitting)
    var words: [Word] = []
    var gaps: [String] = []
    var gapStart = 0
    var index = 0
    while index < cutter.scalars.count {
      if cutter.isSpace(index) {
        index += 1
        continue
      }
      var end = index
      while end < cutter.scalars.count, !cutter.isSpace(end) { end += 1 }
      let own = cutter.words(index..<end)
      gaps.append(cutter.string(gapStart..<index))
      gaps += own.dropFirst().map { _ in "" }
      words += own
      index = end
      gapStart = end
    }
    gaps.append(cutter.string(gapStart..<cutter.scalars.count))
    self.words = words
    self.gaps = gaps
  }

  /// The number of words.
  package var count: Int { words.count }
  /// The cores in order.
  package var cores: [String] { words.map(\.core) }
  /// The words in order with the punctuation around them.
  package var pieces: [String] { words.map { $0.prefix + $0.core + $0.suffix } }
  /// Whether some words stand together without whitespace.
  var isGlued: Bool { gaps.dropFirst().dropLast().contains("") }

  /// The text with other cores at some words; all else keeps its bytes.
  package func replacing(_ cores: [Int: String]) -> String {
    var result = ""
    for (index, word) in words.enumerated() {
      result += gaps[index] + word.prefix + (cores[index] ?? word.core) + word.suffix
    }
    return result + gaps[words.count]
  }

  /// The text without the core of one word, and without one of the gaps when nothing of the word
  /// remains.
  package func deleting(_ index: Int) -> String {
    var result = ""
    for (position, word) in words.enumerated() {
      if position == index, isBare(index) { continue }
      // Of the gaps beside a word that is gone the latter stays, unless it is none.
      let follows = position == index + 1 && isBare(index)
      result += follows && (index == 0 || gaps[position].isEmpty) ? gaps[index] : gaps[position]
      result += word.prefix + (position == index ? "" : word.core) + word.suffix
    }
    return result + gaps[words.count]
  }

  /// Some words with all that they are written with, as they stand in the text.
  func text(of range: Range<Int>) -> String {
    range.map { index in
      let word = words[index]
      return (index == range.lowerBound ? "" : gaps[index]) + word.prefix + word.core + word.suffix
    }.joined()
  }

  /// Some cores and what is between them, as they stand in the text.
  func core(of range: Range<Int>) -> String {
    guard let first = range.first, let last = range.last else { return "" }
    let bytes = words[first].coreRange.lowerBound..<words[last].coreRange.upperBound
    return String(decoding: Array(text.utf8)[bytes], as: UTF8.self)
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
}
