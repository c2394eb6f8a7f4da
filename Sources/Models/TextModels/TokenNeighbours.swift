internal import Diagnostics
internal import Networks
public import Tensors

/// Words by their rows in a model's token embedding: the nearest to a word, the cosine of two.
///
/// Cosine of mean-centred rows: without centring all embeddings share a direction, and everything
/// is near everything. Near words need not mean the same; antonyms are near as a rule.
public final class TokenNeighbours {
  private let words: [String]
  private let row: [String: Int]
  private let features: Tensor

  /// - Parameters:
  ///   - embeddings: `[V, D]`, one row a token.
  ///   - words: for each token the word that it is by itself, nil for pieces of words.
  /// - Throws: `KilpiError` when sizes differ or there is no word.
  public init(embeddings: Tensor, words: [String?]) throws {
    guard embeddings.shape.count == 2, embeddings.shape[0] == words.count else {
      throw KilpiError("embeddings are \(embeddings.shape) for \(words.count) tokens")
    }
    let kept = words.indices.filter { words[$0] != nil }
    guard !kept.isEmpty else { throw KilpiError("no token is a whole word") }
    self.words = kept.compactMap { words[$0] }
    row = Dictionary(
      self.words.enumerated().map { ($1.lowercased(), $0) }, uniquingKeysWith: { first, _ in first }
    )
    features = try Tensor.withoutGradients {
      let table = try embeddings.converted(to: .float32)
      let centred = try table - table.mean(axes: [0], keepDimensions: true)
      let indices = try Tensor(kept.map(Int64.init), shape: [kept.count])
      return try centred.indexSelected(0, indices).normalized(axis: -1)
    }
  }

  /// The nearest words, nearest first; empty for a word that is no single token.
  ///
  /// - Parameters:
  ///   - k: the most that are given, at least 0.
  ///   - minimumCosine: the least cosine, in -1 ... 1.
  public func neighbours(
    of word: String, k: Int = 10, minimumCosine: Double = 0.5
  ) throws -> [(word: String, cosine: Double)] {
    guard let index = row[word.lowercased()] else { return [] }
    let cosines = try Tensor.withoutGradients {
      try features.narrowed(0, start: index, length: 1).matmul(features, transposeB: true).floats()
    }
    let near = cosines.indices.filter { $0 != index && Double(cosines[$0]) >= minimumCosine }
    return near.sorted { (cosines[$1], $0) < (cosines[$0], $1) }.prefix(max(k, 0))
      .map { (words[$0], Double(cosines[$0])) }
  }

  /// The cosine of two words, without regard to case; nil when one of them is no single token.
  public func cosine(of word: String, and other: String) throws -> Double? {
    guard let first = row[word.lowercased()], let second = row[other.lowercased()] else {
      return nil
    }
    return try Tensor.withoutGradients {
      let pair = try [first, second].map { try features.narrowed(0, start: $0, length: 1) }
      return try Double((pair[0] * pair[1]).sum().item())
    }
  }
}

extension MaskedLanguageModel {
  /// Words near each other in the model's own word embedding; an encoder without a head has it too.
  ///
  /// Words are the pieces that letters alone make up and that do not continue a word.
  /// - Throws: `KilpiError` when the vocabulary has none.
  public func neighbours() throws -> TokenNeighbours {
    let table = try parameters.required("embeddings.word_embeddings.weight").detached()
    let words = try (0..<table.shape[0]).mapped { id -> String? in
      guard let piece = tokenizer.piece(of: id), !piece.isEmpty,
        piece.unicodeScalars.allSatisfy(\.properties.isAlphabetic)
      else { return nil }
      return piece
    }
    return try TokenNeighbours(embeddings: table, words: words)
  }
}
