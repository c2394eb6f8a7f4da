/// Single edits of a string's characters as LEAF defines them (arXiv:2506.03355).
///
/// A string of m scalars has 2m + 1 sites: the odd ones replace or delete a scalar, the even ones
/// insert before, between and after. The alphabet: delete, a-z, space, A-Z, 0-9, 32 punctuation
/// marks.
package enum CharacterEditing {
  /// The 95 printable symbols; together with "delete" the alphabet's 96.
  package static let symbols: [Unicode.Scalar] =
    Array("abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789".unicodeScalars)
    + Array("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~".unicodeScalars)

  /// The number of sites of a string of `count` scalars.
  package static func siteCount(_ count: Int) -> Int { 2 * count + 1 }

  /// The string after one edit, or nil when the edit does nothing.
  ///
  /// - Parameters:
  ///   - site: in `0 ..< siteCount(text.count)`.
  ///   - symbol: nil deletes, which does nothing at an insertion site.
  package static func edited(
    _ text: [Unicode.Scalar], site: Int, symbol: Unicode.Scalar?
  ) -> [Unicode.Scalar]? {
    guard site >= 0, site < siteCount(text.count) else { return nil }
    let index = site / 2
    var result = text
    if site % 2 == 1 {
      guard let symbol else {
        result.remove(at: index)
        return result
      }
      if text[index] == symbol { return nil }
      result[index] = symbol
      return result
    }
    guard let symbol else { return nil }
    result.insert(symbol, at: index)
    return result
  }

  /// The string with a space at a site (the scalar deleted where it is a space already), by which
  /// sites are ranked.
  static func marked(_ text: [Unicode.Scalar], site: Int) -> [Unicode.Scalar]? {
    if site % 2 == 1, text[site / 2] == " " { return edited(text, site: site, symbol: nil) }
    return edited(text, site: site, symbol: " ")
  }

  /// All strings one edit away, each once, in the order of sites and symbols.
  package static func allEdits(of word: String) -> [String] {
    let text = Array(word.unicodeScalars)
    var seen: Set<String> = [word]
    var result: [String] = []
    for site in 0..<siteCount(text.count) {
      for symbol in [nil] + symbols.map(Optional.some) {
        guard let edited = edited(text, site: site, symbol: symbol) else { continue }
        let string = self.string(edited)
        if seen.insert(string).inserted { result.append(string) }
      }
    }
    return result
  }

  /// The Levenshtein distance: the fewest scalars put in, left out or replaced that turn `a` into
  /// `b`; a swap of neighbours is two.
  ///
  /// Cost `O(a.count · b.count)`.
  package static func distance(_ a: String, _ b: String) -> Int {
    let b = Array(b.unicodeScalars)
    var row = Array(0...b.count)
    for (i, scalar) in a.unicodeScalars.enumerated() {
      var diagonal = row[0]
      row[0] = i + 1
      for j in b.indices {
        let replaced = diagonal + (scalar == b[j] ? 0 : 1)
        diagonal = row[j + 1]
        row[j + 1] = min(replaced, row[j] + 1, diagonal + 1)
      }
    }
    return row[b.count]
  }

  static func string(_ scalars: [Unicode.Scalar]) -> String {
    var view = String.UnicodeScalarView()
    view.append(contentsOf: scalars)
    return String(view)
  }
}
