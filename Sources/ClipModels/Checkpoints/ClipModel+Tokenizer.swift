internal import Diagnostics
internal import Files

extension ClipModel {
  /// The tokenizer for a loaded model: CLIP's own, the base's, or the files in its folder.
  static func tokenizer(
    for configuration: ClipConfiguration, _ place: CheckpointPlace, base: ClipModel?
  ) throws -> (any TextTokenizer)? {
    if let standard = try standardTokenizer(for: configuration) { return standard }
    if configuration.score == .sigmoid, let own = try sentencePieces(beside: place.weights) {
      guard own.vocabularySize <= configuration.vocabulary else {
        throw KilpiError(
          "",
          "cannot load '\(place.weights)': the tokenizer beside it has \(own.vocabularySize) pieces, "
            + "the embedding \(configuration.vocabulary) rows")
      }
      return own
    }
    if let base, base.configuration.vocabulary == configuration.vocabulary { return base.tokenizer }
    return nil
  }

  /// The unigram tokenizer in the folder of a file of weights, if there is one; a `tokenizer.json`
  /// of another kind is none.
  private static func sentencePieces(beside weights: String) throws -> SentencePieceTokenizer? {
    let folder = weights.lastIndex(of: "/").map { String(weights[..<$0]) } ?? "."
    let model = folder + "/spiece.model"
    if FileReader.exists(model) { return try SentencePieceTokenizer(path: model) }
    let document = folder + "/tokenizer.json"
    return FileReader.exists(document) ? try? SentencePieceTokenizer(path: document) : nil
  }
}
