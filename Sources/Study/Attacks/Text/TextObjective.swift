internal import Diagnostics
internal import Glibc
package import Tensors

/// Text to features: `B` strings to `[B, D]`, raw or L2-normalised.
package typealias TextFunction = ([String]) throws -> Tensor

/// What a text attack makes large; `e` and `e'` are the L2-normalised features of the clean text
/// and of a candidate, `[D]` (docs/methods/text-attacks.md, section 3.2).
package enum TextObjective {
  /// `KL(softmax(e) ‖ softmax(e'))` over the coordinates: the choice of Co-Attack
  /// (arXiv:2206.09391) and MMCoA (arXiv:2404.19287).
  case kl
  /// `1 - ⟨e, e'⟩`.
  case cosine
  /// `-mean ⟨e', I⟩` over the features of a prompt's images, `[M, D]` a prompt, normalised here
  /// (SGA, arXiv:2307.14061). With it the true class's prompt loses its images.
  case images([Tensor])
  /// `‖g(t') - g₀(t)‖²` on the features as the encoder gives them (LEAF, arXiv:2506.03355); `g₀` is
  /// the encoder itself unless another is given.
  case l2(reference: TextFunction?)
  /// One's own: the clean features `[D]` and those of candidates `[K, D]`, as the encoder gives
  /// them, to `K` values.
  case custom((_ clean: Tensor, _ candidates: Tensor) throws -> [Double])

  /// The name in scripts and records.
  package var name: String {
    switch self {
    case .kl: return "kl"
    case .cosine: return "cosine"
    case .images: return "img"
    case .l2: return "l2"
    case .custom: return "custom"
    }
  }
}

/// An objective with what it needs of one clean text, ready for candidates.
struct ObjectiveEvaluator {
  private enum Form {
    case kl(logs: [Double])
    case cosine([Double])
    case images([Double])
    case l2([Double])
    case custom(Tensor, (Tensor, Tensor) throws -> [Double])
  }

  private let form: Form

  /// - Parameters:
  ///   - objective: what to compute.
  ///   - prompt: the prompt's index, for its images.
  ///   - clean: the clean text's features as the encoder gives them; for `l2` those of `g₀`.
  init(_ objective: TextObjective, prompt: Int, clean: [Float]) throws {
    let unit = Self.normalized(clean)
    switch objective {
    case .kl: form = .kl(logs: Self.logSoftmax(unit))
    case .cosine: form = .cosine(unit)
    case .l2: form = .l2(clean.map(Double.init))
    case .custom(let body): form = .custom(try Tensor(clean, shape: [clean.count]), body)
    case .images(let images):
      guard prompt < images.count else {
        throw KilpiError(
          "there are images for \(images.count) prompts, prompt \(prompt + 1) has none")
      }
      let shape = images[prompt].shape
      guard shape.count == 2, shape[0] > 0, shape[1] == clean.count else {
        throw KilpiError(
          "image features are \(shape), the text features have \(clean.count) values",
          advice: "give [M, \(clean.count)] for each prompt")
      }
      let rows = try images[prompt].floats()
      var mean = [Double](repeating: 0, count: shape[1])
      for row in 0..<shape[0] {
        let unit = Self.normalized(Array(rows[(row * shape[1])..<((row + 1) * shape[1])]))
        for index in mean.indices { mean[index] += unit[index] / Double(shape[0]) }
      }
      form = .images(mean)
    }
  }

  /// The objective of each row of `[K, D]`.
  func values(_ rows: [[Float]]) throws -> [Double] {
    if case .custom(let clean, let body) = form {
      let width = rows.first?.count ?? 0
      let values = try body(clean, Tensor(rows.flatMap { $0 }, shape: [rows.count, width]))
      guard values.count == rows.count else {
        throw KilpiError("the objective gave \(values.count) values for \(rows.count) candidates")
      }
      return values
    }
    return rows.map(value)
  }

  private func value(_ row: [Float]) -> Double {
    switch form {
    case .kl(let logs):
      let others = Self.logSoftmax(Self.normalized(row))
      var sum = 0.0
      for (p, q) in zip(logs, others) { sum += exp(p) * (p - q) }
      return sum
    case .cosine(let clean): return 1 - Self.dot(clean, Self.normalized(row))
    case .images(let mean): return -Self.dot(mean, Self.normalized(row))
    case .l2(let clean):
      var sum = 0.0
      for (a, b) in zip(clean, row) { sum += (Double(b) - a) * (Double(b) - a) }
      return sum
    case .custom: return .nan
    }
  }

  /// The row over its length; a row of zeros stays.
  static func normalized(_ row: [Float]) -> [Double] {
    var sum = 0.0
    for value in row { sum += Double(value) * Double(value) }
    if sum == 0 { return [Double](repeating: 0, count: row.count) }
    let length = sum.squareRoot()
    return row.map { Double($0) / length }
  }

  private static func dot(_ a: [Double], _ b: [Double]) -> Double {
    var sum = 0.0
    for (x, y) in zip(a, b) { sum += x * y }
    return sum
  }

  private static func logSoftmax(_ row: [Double]) -> [Double] {
    let top = row.max() ?? 0
    var sum = 0.0
    for value in row { sum += exp(value - top) }
    let shift = top + log(sum)
    return row.map { $0 - shift }
  }
}
