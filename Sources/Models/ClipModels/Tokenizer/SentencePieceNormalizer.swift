internal import Diagnostics
internal import Files

/// What SentencePiece does to a text before it looks pieces up.
///
/// The model file brings its own table of replacements (`CharacterMap`), so that nothing depends on
/// this machine's Unicode version. Then spaces: leading, trailing and repeated ones go, one is put in
/// front, each becomes U+2581, as the model file says.
struct SentencePieceNormalizer: Sendable {
  /// Replacements of characters; nil: none.
  var map: CharacterMap?
  /// Whether a space is put in front of the text.
  var addsDummyPrefix = true
  /// Whether spaces at the ends go, and repeated ones are one.
  var removesExtraSpaces = true
  /// Whether spaces become U+2581.
  var escapesSpaces = true
  /// Whether the dummy space is put behind the text.
  var suffixesSpaces = false
  /// Pieces that are left as they are.
  var userDefined: ByteTrie?

  /// The defaults of the format.
  init() {}

  /// Takes over the fields of a `NormalizerSpec`; as the format asks, those of a later one win.
  mutating func merge(_ message: ArraySlice<UInt8>) throws {
    var reader = ProtobufReader(message)
    while let field = try reader.next() {
      switch (field.number, field.value) {
      case (2, .bytes(let bytes)) where !bytes.isEmpty: map = try CharacterMap(bytes)
      case (3, .integer(let flag)): addsDummyPrefix = flag != 0
      case (4, .integer(let flag)): removesExtraSpaces = flag != 0
      case (5, .integer(let flag)): escapesSpaces = flag != 0
      default: break
      }
    }
  }

  /// The text as pieces are looked up in it.
  ///
  /// - Parameter text: valid UTF-8.
  /// - Throws: `KilpiError` when a replacement table makes the text absurdly long.
  func callAsFunction(_ text: [UInt8]) throws -> [UInt8] {
    // The longest replacement of Unicode is 11 times as long.
    let limit = text.count * 32 + 1024
    let space = escapesSpaces ? SentencePieceModel.spaceSymbol : [0x20]
    var rest = text[...]
    if removesExtraSpaces {
      while !rest.isEmpty {
        let (part, length) = prefix(of: rest)
        guard part.elementsEqual([0x20]) else { break }
        rest = rest.dropFirst(length)
      }
    }
    if rest.isEmpty { return [] }
    var result: [UInt8] = []
    result.reserveCapacity(text.count + 16)
    if addsDummyPrefix, !suffixesSpaces { result += space }
    var afterSpace = removesExtraSpaces
    while !rest.isEmpty {
      let (whole, length) = prefix(of: rest)
      rest = rest.dropFirst(length)
      let part = afterSpace ? whole.drop { $0 == 0x20 } : whole
      for byte in part {
        if byte == 0x20 { result += space } else { result.append(byte) }
      }
      if let last = part.last { afterSpace = last == 0x20 }
      if !removesExtraSpaces { afterSpace = false }
      guard result.count <= limit else {
        throw KilpiError(
          "the tokenizer's character map makes a text of \(text.count) bytes longer than "
            + "\(limit)", advice: "its spiece.model or tokenizer.json is damaged")
      }
    }
    if removesExtraSpaces {
      while result.count >= space.count, result.suffix(space.count).elementsEqual(space) {
        result.removeLast(space.count)
      }
    }
    if addsDummyPrefix, suffixesSpaces { result += space }
    return result
  }

  /// What the longest known start of a text becomes, and its length; one character at least.
  private func prefix(of text: ArraySlice<UInt8>) -> (ArraySlice<UInt8>, Int) {
    if var node = userDefined.map({ _ in ByteTrie.root }), let userDefined {
      var longest = 0
      for (place, byte) in text.enumerated() {
        guard let next = userDefined.child(of: node, byte) else { break }
        node = next
        if userDefined.value(at: node) != nil { longest = place + 1 }
      }
      if longest > 0 { return (text.prefix(longest), longest) }
    }
    if let map, let found = map.replacement(of: text) { return found }
    let length = SentencePieceTokenizer.characterLength(text)
    return (text.prefix(length), length)
  }
}

/// A table of replacements as SentencePiece stores it: a double-array trie over the texts to replace,
/// and the replacements one after another, each ended by a zero.
///
/// Each unit of the trie holds a label, a step to its children and whether a text ends; the unit
/// reached by the zero label holds where the replacement starts. Every step is checked.
struct CharacterMap: Sendable {
  private let units: [UInt32]
  private let replacements: [UInt8]

  /// - Throws: `KilpiError` when the sizes do not agree.
  init(_ bytes: ArraySlice<UInt8>) throws {
    func word(_ offset: Int) -> UInt32 {
      let start = bytes.startIndex + offset
      return (0..<4).reduce(0) { $0 | UInt32(bytes[start + $1]) << UInt32(8 * $1) }
    }
    guard bytes.count >= 4 else {
      throw KilpiError("its character map has \(bytes.count) bytes")
    }
    let size = Int(word(0))
    guard size > 0, size % 4 == 0, size <= bytes.count - 4 else {
      throw KilpiError(
        "its character map says \(size) bytes of a trie, it has \(bytes.count - 4) in all")
    }
    units = (0..<(size / 4)).map { word(4 + 4 * $0) }
    replacements = Array(bytes.dropFirst(4 + size))
    guard replacements.last == 0 else {
      throw KilpiError("the last replacement of its character map has no end")
    }
  }

  /// What the longest known start of a text becomes, and its length; nil when none is known.
  func replacement(of text: ArraySlice<UInt8>) -> (ArraySlice<UInt8>, Int)? {
    find(text, shortest: false)
  }

  /// What the shortest known start of a text becomes, which is what tokenizers' `Precompiled` takes.
  func firstReplacement(of text: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
    find(text, shortest: true)?.0
  }

  private func find(_ text: ArraySlice<UInt8>, shortest: Bool) -> (ArraySlice<UInt8>, Int)? {
    var place = Self.step(units[0])
    var found: (start: Int, length: Int)?
    for (index, byte) in text.enumerated() {
      place ^= Int(byte)
      guard units.indices.contains(place) else { break }
      let unit = units[place]
      guard unit & 0x8000_00FF == UInt32(byte) else { break }
      place ^= Self.step(unit)
      if unit >> 8 & 1 == 1 {
        guard units.indices.contains(place) else { break }
        found = (Int(units[place] & 0x7FFF_FFFF), index + 1)
        if shortest { break }
      }
    }
    guard let found, replacements.indices.contains(found.start) else { return nil }
    let end = replacements[found.start...].firstIndex(of: 0) ?? replacements.count
    return (replacements[found.start..<end], found.length)
  }

  private static func step(_ unit: UInt32) -> Int {
    Int(unit >> 10) << Int((unit & 1 << 9) >> 6)
  }
}
