/// The steps of a `tokenizer.json` around a unigram model.
struct DocumentSteps: Sendable {
  /// A part of a text after all steps.
  enum Part {
    case token(AddedToken)
    /// What pieces are looked up in; none crosses its ends.
    case piece(ArraySlice<Unicode.Scalar>)
  }

  private let normalizers: [NormalizerStep]
  private let splits: [SplitStep]
  private let literals: [AddedToken]
  private let finder: AddedTokenFinder
  private let normalizedFinder: AddedTokenFinder

  /// - Parameter literals: added tokens that are looked for in texts.
  init(_ normalizers: [NormalizerStep], _ splits: [SplitStep], _ literals: [AddedToken]) throws {
    self.normalizers = normalizers
    self.splits = splits
    self.literals = literals
    (finder, normalizedFinder) = try AddedTokenFinder.pair(literals, normalizers)
  }

  /// One more than the largest id of an added token.
  var endID: Int { (literals.map(\.id).max() ?? -1) + 1 }

  /// The name of an added token.
  func name(of id: Int) -> String? {
    literals.first { $0.id == id }.map { TextCleaner.string($0.name) }
  }

  /// What stands for a space in pieces.
  var mark: Unicode.Scalar? {
    for case .metaspace(let mark, _, _) in splits { return mark }
    return nil
  }

  /// Whether the mark is put in front of a text.
  var marksFront: Bool {
    for case .metaspace(_, let prepends, _) in splits { return prepends != .never }
    return false
  }

  /// The parts of a text, in order: added tokens first, then normaliser, other added tokens, and splits.
  func parts(of text: String) throws -> [Part] {
    var result: [Part] = []
    let whole = Array(text.unicodeScalars)
    try AddedTokenFinder.walk(whole, finder, normalizedFinder, normalizers) { part in
      switch part {
      case .token(let token): result.append(.token(token))
      case .text(let text, let isStart):
        result += SplitStep.pieces(of: text, splits, isStart: isStart).map { .piece($0) }
      }
    }
    return result
  }
}
