internal import Diagnostics

/// Typing errors and look-alike letters: every single edit of one kind.
public enum CharacterEdits {
  /// The kinds, named as scripts name them.
  public enum Kind: String, Sendable, CaseIterable {
    /// Two neighbouring letters swapped.
    case swap
    /// A letter left out.
    case delete
    /// A letter a-z put in.
    case insert
    /// A letter replaced by one beside it on a QWERTY keyboard.
    case keyboard
    /// A letter replaced by one that looks alike.
    case homoglyph

    /// The Levenshtein distance of one edit.
    public var cost: Int { self == .swap ? 2 : 1 }

    /// Edits of a letter that are certain, to ask for memory before there is any.
    fileprivate var perLetter: Int { self == .insert ? 25 : 0 }
  }

  /// Every word that one edit of a kind makes, each once, from left to right.
  ///
  /// - Returns: words different from `word` and not empty, each with its Levenshtein cost.
  /// - Throws: `KilpiError` when the words, whose number grows with the length, do not fit into memory; on
  ///   interrupt.
  public static func edits(of word: String, _ kind: Kind) throws -> [(text: String, cost: Int)] {
    try ask(of: word, kind)
    let letters = Array(word.unicodeScalars)
    let size = bytes(of: word)
    let reservation = try MemoryReservation()
    defer { withExtendedLifetime(reservation) {} }
    var (unreserved, looks) = (0, 0)
    var seen: Set<[Unicode.Scalar]> = [letters, []]
    var result: [(text: String, cost: Int)] = []
    func add(_ edited: [Unicode.Scalar]) throws {
      looks += size
      if looks >= 1 << 18 {
        try Interrupts.poll()
        looks = 0
      }
      guard seen.insert(edited).inserted else { return }
      unreserved += size
      if unreserved >= 1 << 18 {
        try reservation.grow(by: unreserved)
        unreserved = 0
      }
      var view = String.UnicodeScalarView()
      view.append(contentsOf: edited)
      result.append((String(view), kind.cost))
    }
    func replaced(_ index: Int, _ letter: Unicode.Scalar) -> [Unicode.Scalar] {
      var copy = letters
      copy[index] = letter
      return copy
    }
    switch kind {
    case .swap:
      for index in letters.indices.dropLast() {
        var copy = letters
        copy.swapAt(index, index + 1)
        try add(copy)
      }
    case .delete:
      for index in letters.indices {
        var copy = letters
        copy.remove(at: index)
        try add(copy)
      }
    case .insert:
      for index in 0...letters.count {
        for letter in "abcdefghijklmnopqrstuvwxyz".unicodeScalars {
          var copy = letters
          copy.insert(letter, at: index)
          try add(copy)
        }
      }
    case .keyboard:
      for index in letters.indices {
        for letter in neighbours(of: letters[index]) { try add(replaced(index, letter)) }
      }
    case .homoglyph:
      for index in letters.indices {
        for letter in lookAlikes[letters[index]] ?? [] { try add(replaced(index, letter)) }
      }
    }
    return result
  }

  /// Checks that the edits of a word that are certain would fit into memory.
  ///
  /// - Throws: `KilpiError` of kind `memory` when not.
  public static func ask(of word: String, _ kind: Kind) throws {
    try MemoryReservation.ask(
      bytes(of: word).multipliedClamped(by: word.unicodeScalars.count * kind.perLetter))
  }

  /// What an edited word takes, as scalars and as text.
  private static func bytes(of word: String) -> Int {
    word.unicodeScalars.count * MemoryLayout<Unicode.Scalar>.stride + word.utf8.count + 128
  }

  /// The keys beside a letter or digit, keeping its case.
  private static func neighbours(of letter: Unicode.Scalar) -> [Unicode.Scalar] {
    let isUpper = ("A"..."Z").contains(letter)
    let key = isUpper ? Unicode.Scalar(UInt8(letter.value) + 32) : letter
    guard let keys = keyboard[key] else { return [] }
    return keys.map {
      isUpper && ("a"..."z").contains($0) ? Unicode.Scalar(UInt8($0.value) - 32) : $0
    }
  }

  /// Keys that touch on a QWERTY keyboard, from its rows; each row is shifted by half a key.
  private static let keyboard: [Unicode.Scalar: [Unicode.Scalar]] = {
    let rows = ["1234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm"].map { Array($0.unicodeScalars) }
    var result: [Unicode.Scalar: [Unicode.Scalar]] = [:]
    for (row, keys) in rows.enumerated() {
      for (column, key) in keys.enumerated() {
        // The row above touches at column and column + 1, the row below at column - 1 and column.
        let places = [
          (row, column - 1), (row, column + 1), (row - 1, column), (row - 1, column + 1),
          (row + 1, column - 1), (row + 1, column),
        ]
        result[key] = places.compactMap { row, column in
          rows.indices.contains(row) && rows[row].indices.contains(column)
            ? rows[row][column] : nil
        }
      }
    }
    return result
  }()

  /// Letters of other scripts that look like Latin ones.
  private static let lookAlikes: [Unicode.Scalar: [Unicode.Scalar]] = [
    "a": ["\u{430}", "\u{251}"], "b": ["\u{44C}"], "c": ["\u{441}"], "d": ["\u{501}"],
    "e": ["\u{435}"], "g": ["\u{261}"], "h": ["\u{4BB}"], "i": ["\u{456}"], "j": ["\u{458}"],
    "k": ["\u{3BA}"], "l": ["\u{4CF}", "1"], "n": ["\u{578}"], "o": ["\u{43E}", "\u{3BF}", "0"],
    "p": ["\u{440}"], "q": ["\u{51B}"], "r": ["\u{433}"], "s": ["\u{455}"], "u": ["\u{57D}"],
    "v": ["\u{3BD}", "\u{475}"], "w": ["\u{51D}"], "x": ["\u{445}"], "y": ["\u{443}"],
    "A": ["\u{410}", "\u{391}"], "B": ["\u{412}", "\u{392}"], "C": ["\u{421}"],
    "E": ["\u{415}", "\u{395}"], "H": ["\u{41D}", "\u{397}"], "I": ["\u{406}", "\u{399}"],
    "J": ["\u{408}"], "K": ["\u{41A}", "\u{39A}"], "M": ["\u{41C}", "\u{39C}"], "N": ["\u{39D}"],
    "O": ["\u{41E}", "\u{39F}", "0"], "P": ["\u{420}", "\u{3A1}"], "S": ["\u{405}"],
    "T": ["\u{422}", "\u{3A4}"], "X": ["\u{425}", "\u{3A7}"], "Y": ["\u{4AE}", "\u{3A5}"],
    "Z": ["\u{396}"], "0": ["O"], "1": ["l"],
  ]
}
