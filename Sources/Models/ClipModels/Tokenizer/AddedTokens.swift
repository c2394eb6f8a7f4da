/// A token that stands beside a tokenizer's model and is looked for in texts before anything else.
struct AddedToken: Sendable {
  var name: [Unicode.Scalar]
  var id: Int
  /// Whether it takes the whitespace before it.
  var takesLeft = false
  /// Whether it takes the whitespace behind it.
  var takesRight = false
  /// Whether it is looked for in the text after its normaliser.
  var isNormalized = false
}

/// Finds added tokens as tokenizers does: the leftmost, of several there the longest.
struct AddedTokenFinder: Sendable {
  /// A piece of a text: a token, or text with whether it starts where the whole text starts.
  enum Part {
    case token(AddedToken)
    case text([Unicode.Scalar], isStart: Bool)
  }

  private let byFirst: [Unicode.Scalar: [AddedToken]]

  init(_ tokens: [AddedToken]) {
    let sorted = tokens.filter { !$0.name.isEmpty }.sorted { $0.name.count > $1.name.count }
    byFirst = Dictionary(grouping: sorted) { $0.name[0] }
  }

  /// The pieces of a text, in order; empty texts are left out.
  func parts(of text: [Unicode.Scalar], isStart: Bool = true) -> [Part] {
    var parts: [Part] = []
    var first = 0
    func cut(_ end: Int) {
      if end > first {
        parts.append(.text(Array(text[first..<end]), isStart: isStart && first == 0))
      }
    }
    var index = byFirst.isEmpty ? text.count : 0
    while index < text.count {
      let found = byFirst[text[index]]?.first { text[index...].starts(with: $0.name) }
      guard let found else {
        index += 1
        continue
      }
      var start = index
      index += found.name.count
      if found.takesLeft {
        while start > first, text[start - 1].properties.isWhitespace { start -= 1 }
      }
      var end = index
      if found.takesRight {
        while end < text.count, text[end].properties.isWhitespace { end += 1 }
      }
      cut(start)
      parts.append(.token(found))
      index = end
      first = end
    }
    cut(text.count)
    return parts
  }

  /// Those that are looked for in a text as it is, and those in the text after its normaliser.
  static func pair(
    _ tokens: [AddedToken], _ steps: [NormalizerStep]
  ) throws -> (asItIs: AddedTokenFinder, normalized: AddedTokenFinder) {
    let normalized = try tokens.filter(\.isNormalized).map { token in
      var token = token
      token.name = try NormalizerStep.apply(steps, to: token.name)
      return token
    }
    return (
      AddedTokenFinder(tokens.filter { !$0.isNormalized }), AddedTokenFinder(normalized)
    )
  }

  /// The parts of a text before and after its normaliser, in order.
  static func walk(
    _ text: [Unicode.Scalar], _ asItIs: AddedTokenFinder, _ normalized: AddedTokenFinder,
    _ steps: [NormalizerStep], _ body: (Part) throws -> Void
  ) throws {
    for part in asItIs.parts(of: text) {
      guard case .text(let text, let isStart) = part else {
        try body(part)
        continue
      }
      let clean = try NormalizerStep.apply(steps, to: text)
      for part in normalized.parts(of: clean, isStart: isStart) { try body(part) }
    }
  }
}
