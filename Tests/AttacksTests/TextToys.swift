import Attacks
import Tensors
import Testing

/// A toy model of text: words map to fixed pseudo-random vectors, a text to the sum of its words'
/// vectors weighted by place, so that single and joint edits matter and nothing is separable.
final class ToyEncoder {
  let width: Int
  /// Every text that was encoded, in order: what the query counter must agree with.
  private(set) var encoded: [String] = []
  private(set) var calls = 0
  var isConstant = false

  init(width: Int = 6) { self.width = width }

  func encode(_ texts: [String]) throws -> Tensor {
    calls += 1
    encoded += texts
    return try Tensor(texts.flatMap(features), shape: [texts.count, width])
  }

  func features(_ text: String) -> [Float] {
    if isConstant { return [Float](repeating: 1, count: width) }
    var sum = [Double](repeating: 0.3, count: width)
    for (place, word) in TextWords(text).cores.enumerated() {
      for index in sum.indices {
        sum[index] += Self.noise(word.lowercased(), index) * (1 + 0.3 * Double(place))
      }
    }
    // A product of coordinates couples the words.
    let mixed = sum.indices.map { sum[$0] + 0.5 * sum[$0] * sum[($0 + 1) % width] }
    return mixed.map(Float.init)
  }

  private static func noise(_ word: String, _ index: Int) -> Double {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325 &+ UInt64(index)
    for byte in word.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
    hash = (hash ^ (hash >> 31)) &* 0x9E37_79B9_7F4A_7C15
    return Double(hash >> 40) / Double(1 << 24) * 2 - 1
  }
}

/// Three made-up words for a word, each one word to a tokenizer.
func toySubstitutes(_ word: String) -> [String] {
  ["x", "y", "z"].map { word.lowercased() + $0 }
}

/// A thesaurus of made-up words: three substitutes for every word.
var toySource: CandidateSource {
  CandidateSource("toy", substitutes: toySubstitutes)
}

/// A thesaurus given as a table.
func tableSource(_ table: [String: [String]], name: String = "wordnet") -> CandidateSource {
  CandidateSource(name, substitutes: { table[$0.lowercased()] ?? [] })
}

/// A tokenizer over bytes, one token a byte, case folded and spaces collapsed.
func byteTokens(context: Int = 77) -> TextTokens {
  TextTokens(
    context: context,
    ids: { text in
      text.lowercased().split(separator: " ").joined(separator: " ").utf8.map(Int.init)
    },
    decode: { String(decoding: $0.map { UInt8($0) }, as: UTF8.self) })
}

/// The objectives that need nothing but the texts, and one of one's own.
var toyObjectives: [(name: String, objective: TextObjective)] {
  [
    ("kl", .kl), ("cosine", .cosine), ("l2", .l2(reference: nil)),
    (
      "custom",
      .custom { clean, candidates in
        let first = try clean.floats()[0]
        let rows = try candidates.floats()
        let width = candidates.shape[1]
        return (0..<candidates.shape[0]).map { Double(first - rows[$0 * width]) }
      }
    ),
  ]
}
