internal import Diagnostics
public import Tensors

/// The words nearest to a word among a model's token embeddings.
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
      throw KilpiError("", "embeddings are \(embeddings.shape) for \(words.count) tokens")
    }
    let kept = words.indices.filter { words[$0] != nil }
    guard !kept.isEmpty else { throw KilpiError("", "no token is a whole word") }
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
}
