internal import Networks
internal import Tensors
internal import TextModels

/// How alike two sentences are: the cosine of their features, each the mean over the tokens of a
/// masked language model's last block, special tokens included.
///
/// Sentences are encoded once and kept.
final class SentenceLikeness {
  private let model: MaskedLanguageModel
  private var known: [[UInt8]: [Double]] = [:]

  init(_ model: MaskedLanguageModel) { self.model = model }

  /// The cosine of two sentences; those beyond the model's context are cut.
  func cosine(_ a: String, _ b: String) throws -> Double {
    let (x, y) = (try features(a), try features(b))
    var (product, first, second) = (0.0, 0.0, 0.0)
    for (p, q) in zip(x, y) {
      product += p * q
      first += p * p
      second += q * q
    }
    return product / (first * second).squareRoot()
  }

  private func features(_ text: String) throws -> [Double] {
    let key = Array(text.utf8)
    if let row = known[key] { return row }
    let room = model.configuration.context - 2
    let ids = try model.tokenizer.ids(of: text).prefix(room)
    let tokens = [model.tokenizer.classID] + ids + [model.tokenizer.separatorID]
    let row = try model.features([tokens]).mean(axes: [1]).doubles()
    known[key] = row
    return row
  }
}
