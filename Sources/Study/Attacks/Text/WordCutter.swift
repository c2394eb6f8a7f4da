/// Cuts what stands between whitespace into words; see `TextWords.Splitting`.
struct WordCutter {
  let scalars: [Unicode.Scalar]
  /// Where each scalar starts, in UTF-8 bytes, and where the text ends.
  private let offsets: [Int]
  private let splitting: TextWords.Splitting

  init(_ text: String, _ splitting: TextWords.Splitting) {
    scalars = Array(text.unicodeScalars)
    self.splitting = splitting
    var offsets = [0]
    offsets.reserveCapacity(scalars.count + 1)
    for scalar in scalars { offsets.append(offsets[offsets.count - 1] + UTF8.width(scalar)) }
    self.offsets = offsets
  }

  func isSpace(_ index: Int) -> Bool { scalars[index].properties.isWhitespace }

  func string(_ range: Range<Int>) -> String {
    var view = String.UnicodeScalarView()
    view.append(contentsOf: scalars[range])
    return String(view)
  }

  /// The words of a stretch without whitespace; one of punctuation alone where there is no other.
  func words(_ range: Range<Int>) -> [TextWords.Word] {
    let cores: [Core]
    switch splitting {
    case .bytePairs, .wordPieces: cores = split(range)
    case .sentencePieces, .whitespace, .singleSpaces: cores = []
    }
    if cores.isEmpty {
      // A reference's letters are none of the text's.
      let hasReference = range.contains { entity($0, range.upperBound) != nil }
      return [
        hasReference ? word(range, core: range.upperBound..<range.upperBound) : stripped(range)
      ]
    }
    return cores.indices.map { index in
      let core = cores[index].range
      let start = index == 0 ? range.lowerBound : core.lowerBound
      let end = index + 1 < cores.count ? cores[index + 1].range.lowerBound : range.upperBound
      var word = word(start..<end, core: core)
      word.isEnding = cores[index].isEnding
      word.contraction = contraction(cores, index)
      return word
    }
  }

  // MARK: - Parts

  private struct Core {
    var range: Range<Int>
    var isEnding = false
  }

  private func word(_ range: Range<Int>, core: Range<Int>) -> TextWords.Word {
    TextWords.Word(
      prefix: string(range.lowerBound..<core.lowerBound), core: string(core),
      suffix: string(core.upperBound..<range.upperBound),
      coreRange: offsets[core.lowerBound]..<offsets[core.upperBound])
  }

  private func contraction(_ cores: [Core], _ index: Int) -> String {
    var whole = cores[index].range
    if cores[index].isEnding {
      if index > 0, cores[index - 1].range.upperBound == whole.lowerBound {
        whole = cores[index - 1].range.lowerBound..<whole.upperBound
      }
    } else if index + 1 < cores.count, cores[index + 1].isEnding,
      cores[index + 1].range.lowerBound == whole.upperBound
    {
      whole = whole.lowerBound..<cores[index + 1].range.upperBound
    }
    return plain(whole)
  }

  /// With straight apostrophes, as lists of stop words are written.
  private func plain(_ range: Range<Int>) -> String {
    var view = String.UnicodeScalarView()
    view.append(contentsOf: scalars[range].map { Self.isApostrophe($0) ? "'" : $0 })
    return String(view)
  }

  private func split(_ range: Range<Int>) -> [Core] {
    var cores: [Core] = []
    var index = range.lowerBound
    while index < range.upperBound {
      if let end = entity(index, range.upperBound) {
        index = end
      } else if Self.isApostrophe(scalars[index]) {
        let isBehindWord = cores.last?.range.upperBound == index
        if isBehindWord, let end = ending(index, range.upperBound) {
          cores.append(Core(range: index..<end, isEnding: true))
          index = end
        } else {
          index += 1
        }
      } else if let end = wordEnd(index, range.upperBound) {
        cores.append(Core(range: index..<end))
        index = end
      } else {
        index += 1
      }
    }
    return cores
  }

  /// The end of the word that starts at `start`; nil where none does.
  private func wordEnd(_ start: Int, _ limit: Int) -> Int? {
    func belongs(_ index: Int) -> Bool {
      let scalar = scalars[index]
      if Self.isApostrophe(scalar) || entity(index, limit) != nil { return false }
      return splitting == .wordPieces
        ? !TextWords.isPunctuation(scalar)
        : Self.isLetter(scalar) || index > start && isMark(scalar)
    }
    if splitting == .bytePairs, Self.isNumber(scalars[start]) { return start + 1 }
    guard belongs(start) else { return nil }
    var end = start + 1
    while end < limit, belongs(end) { end += 1 }
    return end
  }

  /// The end of `'s 't 're 've 'm 'll 'd` in any case, with a straight or a curly apostrophe.
  private func ending(_ start: Int, _ limit: Int) -> Int? {
    func letter(_ place: Int) -> Unicode.Scalar? {
      guard place < limit else { return nil }
      let scalar = scalars[place]
      return ("A"..."Z").contains(scalar) ? Unicode.Scalar(scalar.value + 32) : scalar
    }
    switch letter(start + 1) {
    case "s", "t", "m", "d": return start + 2
    case "r", "v": return letter(start + 2) == "e" ? start + 3 : nil
    case "l": return letter(start + 2) == "l" ? start + 3 : nil
    default: return nil
    }
  }

  /// The end of an HTML reference such as `&amp;`, which CLIP's cleaning resolves.
  private func entity(_ start: Int, _ limit: Int) -> Int? {
    guard splitting == .bytePairs, scalars[start] == "&" else { return nil }
    var end = start + 1
    if end < limit, scalars[end] == "#" { end += 1 }
    let first = end
    while end < limit, end - first < 32, scalars[end].isASCII,
      Self.isLetter(scalars[end]) || Self.isNumber(scalars[end])
    {
      end += 1
    }
    return end > first && end < limit && scalars[end] == ";" ? end + 1 : nil
  }

  /// The stretch as one word, its punctuation set apart.
  private func stripped(_ range: Range<Int>) -> TextWords.Word {
    let first = range.first { !TextWords.isPunctuation(scalars[$0]) } ?? range.upperBound
    let last = range.last { !TextWords.isPunctuation(scalars[$0]) } ?? first - 1
    var core = first..<(last + 1)
    let whole = core
    if splitting == .sentencePieces,
      let apostrophe = core.last(where: { Self.isApostrophe(scalars[$0]) }),
      apostrophe > core.lowerBound, ending(apostrophe, core.upperBound) == core.upperBound
    {
      core = core.lowerBound..<apostrophe
    }
    var word = word(range, core: core)
    word.contraction = plain(whole)
    return word
  }

  // MARK: - Kinds of characters

  /// The apostrophes that CLIP's cleaning makes one.
  static func isApostrophe(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar {
    case "'", "\u{2BC}", "\u{2018}"..."\u{201B}", "\u{FF07}": return true
    default: return false
    }
  }

  static func isLetter(_ scalar: Unicode.Scalar) -> Bool {
    if scalar.isASCII {
      return ("a"..."z").contains(scalar) || ("A"..."Z").contains(scalar)
    }
    switch scalar.properties.generalCategory {
    case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter:
      return true
    default: return false
    }
  }

  static func isNumber(_ scalar: Unicode.Scalar) -> Bool {
    if scalar.isASCII { return ("0"..."9").contains(scalar) }
    switch scalar.properties.generalCategory {
    case .decimalNumber, .letterNumber, .otherNumber: return true
    default: return false
    }
  }

  private func isMark(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .nonspacingMark, .spacingMark, .enclosingMark: return true
    default: return false
    }
  }
}
