internal import Diagnostics
internal import Files

extension ClipModel {
  /// The tokenizer for a loaded model: CLIP's own, the base's, or the files in its folder.
  static func tokenizer(
    for configuration: ClipConfiguration, _ place: CheckpointPlace, _ options: CheckpointOptions
  ) throws -> (any TextTokenizer)? {
    if let standard = try standardTokenizer(for: configuration) { return standard }
    if configuration.score == .sigmoid, let own = try sentencePieces(beside: place.weights, options)
    {
      guard own.vocabularySize <= configuration.vocabulary else {
        throw KilpiError(
          "",
          "cannot load '\(place.weights)': the tokenizer beside it has \(own.vocabularySize) pieces, "
            + "the embedding \(configuration.vocabulary) rows")
      }
      return own
    }
    if let base = options.base, base.configuration.vocabulary == configuration.vocabulary {
      return base.tokenizer
    }
    return nil
  }

  /// The unigram tokenizer in the folder of a file of weights, if there is one; a `tokenizer.json`
  /// of another kind is none.
  private static func sentencePieces(
    beside weights: String, _ options: CheckpointOptions
  ) throws -> SentencePieceTokenizer? {
    let folder = weights.lastIndex(of: "/").map { String(weights[..<$0]) } ?? "."
    let model = folder + "/spiece.model"
    if FileReader.exists(model) { return try SentencePieceTokenizer(path: model) }
    let document = folder + "/tokenizer.json"
    guard FileReader.exists(document) else { return nil }
    do {
      return try SentencePieceTokenizer(path: document)
    } catch let error as KilpiError where error.kind == .host {
      options.note("no tokenizer: \(error.problem); token ids can be passed")
      return nil
    }
  }
}
