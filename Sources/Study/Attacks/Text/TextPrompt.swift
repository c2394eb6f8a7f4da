internal import Diagnostics

/// Which words of a text an attack may edit.
package enum TextScope: String, Sendable, CaseIterable {
  /// The words of the class name.
  case classWords = "class"
  /// Every word of a prompt but stop words.
  case prompt
  /// Every word of a caption but stop words.
  case caption
}

/// A text to attack, and where its class name stands, if that is known.
package struct TextPrompt: Sendable, Equatable, Hashable {
  package let text: String
  /// Where the class name stands, as ranges of UTF-8 bytes in order; empty when unknown.
  package let spans: [Range<Int>]

  /// A text whose class words are not known.
  package init(_ text: String) {
    self.text = text
    spans = []
  }

  /// The prompt that a template makes for a class: every `{c}`, `{}` or `{class}` becomes the name,
  /// whose place is kept.
  ///
  /// - Throws: `KilpiError` when the template has none of them.
  package init(template: String, className: String) throws {
    var text = ""
    var spans: [Range<Int>] = []
    var rest = template[...]
    while let place = Self.place(in: rest) {
      text += rest[..<place.lowerBound]
      let start = text.utf8.count
      text += className
      spans.append(start..<text.utf8.count)
      rest = rest[place.upperBound...]
    }
    guard !spans.isEmpty else {
      throw KilpiError(
        "the template '\(template)' has no place for the class name", advice: "write {c} there")
    }
    self.text = text + rest
    self.spans = spans
  }

  /// A text in which class names are looked for: as whole words, case and plural folded, the name
  /// with the most words winning, and the last place where it stands.
  ///
  /// - Parameter splitting: how the attack splits words.
  package init(
    _ text: String, findingAnyOf classNames: [String],
    splitting: TextWords.Splitting = .bytePairs
  ) {
    self.text = text
    let words = TextWords(text, splitting: splitting)
    let folded = words.cores.map { FoldedWord($0) }
    var best: (count: Int, start: Int)?
    for name in classNames {
      let parts = TextWords(name, splitting: splitting).cores.map { FoldedWord($0) }
      guard !parts.isEmpty, parts.count <= folded.count, parts.count >= best?.count ?? 1 else {
        continue
      }
      let starts = (0...(folded.count - parts.count)).reversed()
      let found = starts.first { start in
        zip(folded[start...], parts).allSatisfy { $0.matches($1) }
      }
      guard let found else { continue }
      if parts.count > best?.count ?? 0 || found > best?.start ?? -1 {
        best = (parts.count, found)
      }
    }
    guard let best else {
      spans = []
      return
    }
    let first = words.words[best.start].coreRange.lowerBound
    spans = [first..<words.words[best.start + best.count - 1].coreRange.upperBound]
  }

  /// The words whose core overlaps the class name.
  func classWords(_ words: TextWords) -> [Int] {
    words.words.indices.filter { index in
      spans.contains { $0.overlaps(words.words[index].coreRange) }
    }
  }

  private static func place(in text: Substring) -> Range<Substring.Index>? {
    var start = text.startIndex
    while let brace = text[start...].firstIndex(of: "{") {
      for name in ["{c}", "{}", "{class}"] where text[brace...].hasPrefix(name) {
        return brace..<text.index(brace, offsetBy: name.count)
      }
      start = text.index(after: brace)
    }
    return nil
  }
}
