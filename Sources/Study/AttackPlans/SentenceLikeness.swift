internal import Diagnostics
internal import Networks
package import Tensors
package import TextModels

/// What tells how alike sentences are: a masked language model, a CLIP model, or features of one's
/// own.
package struct SentenceEncoder {
  /// What records say it was.
  package var record: String
  /// Features `[N, D]` of sentences, finite.
  package var features: ([String]) throws -> Tensor

  /// Features of one's own.
  package init(record: String, features: @escaping ([String]) throws -> Tensor) {
    self.record = record
    self.features = features
  }

  /// The mean over the tokens of a masked language model's last block, special tokens included;
  /// sentences beyond its context are cut.
  package init(_ model: MaskedLanguageModel) {
    record = model.fingerprint
    features = { texts in
      try Tensor.stacked(
        texts.map { text in
          let ids = try model.tokenizer.ids(of: text).prefix(model.configuration.context - 2)
          let tokens = [model.tokenizer.classID] + ids + [model.tokenizer.separatorID]
          return try model.features([tokens]).mean(axes: [1]).reshaped([-1])
        })
    }
  }
}

/// How alike two sentences are: the cosine of their features.
///
/// Sentences are encoded once and kept, as long as their features are few: a search shows millions.
final class SentenceLikeness {
  private let encoder: SentenceEncoder
  private var known: [[UInt8]: [Double]] = [:]
  /// Numbers that are kept, at most some 32 MB.
  private static let kept = 1 << 22

  init(_ encoder: SentenceEncoder) { self.encoder = encoder }

  /// The cosine of two sentences.
  ///
  /// - Throws: `KilpiError` when the encoder's features are not one finite row a sentence.
  func cosine(_ a: String, _ b: String) throws -> Double {
    let (x, y) = (try features(a), try features(b))
    guard x.count == y.count else {
      throw KilpiError(
        "encoder gave \(x.count) values for one text and \(y.count) for another",
        advice: "it must give [N, D] for N texts")
    }
    var (product, first, second) = (0.0, 0.0, 0.0)
    for (p, q) in zip(x, y) {
      product += p * q
      first += p * p
      second += q * q
    }
    let cosine = product / (first * second).squareRoot()
    guard cosine.isFinite else {
      throw KilpiError(
        "encoder's features of '\(a.prefix(40))' and '\(b.prefix(40))' have no cosine",
        advice: "features must be finite and not all zero")
    }
    return cosine
  }

  private func features(_ text: String) throws -> [Double] {
    let key = Array(text.utf8)
    if let row = known[key] { return row }
    let features = try Tensor.withoutGradients { try encoder.features([text]) }
    guard features.rank == 2, features.shape[0] == 1, features.shape[1] > 0 else {
      throw KilpiError(
        "encoder gave \(features.shape) for 1 text", advice: "it must give [N, D] for N texts")
    }
    let row = try features.doubles()
    if known.count.multipliedClamped(by: row.count) >= Self.kept { known.removeAll() }
    known[key] = row
    return row
  }
}
