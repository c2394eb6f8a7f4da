import Diagnostics
import Tensors

@testable import Attacks

/// A linear image encoder over three pixels and a table of text features, for exact answers.
enum MultimodalToys {
  /// Features of prompts: each class has a clean prompt and two edits of it.
  static let table: [String: [Float]] = [
    "a": [1, 0, 0], "a1": [0.6, 0.3, 0.5], "a2": [0.9, 0, 0.4],
    "b": [0, 1, 0], "b1": [0.3, 0.9, -0.4], "b2": [0, 0.8, 0.5],
  ]
  static let scale = 5.0
  static let epsilon = 0.05
  /// Every choice of a prompt for each class, the clean one first.
  static let pairs = ["a", "a1", "a2"].flatMap { a in ["b", "b1", "b2"].map { [a, $0] } }

  static func text(_ texts: [String]) throws -> Tensor {
    let rows = try texts.map { text in
      guard let row = table[text] else { throw KilpiError("no prompt '\(text)'") }
      return row
    }
    return try Tensor(rows.flatMap { $0 }, shape: [texts.count, 3])
  }

  static var encoder: DualEncoder {
    DualEncoder(
      image: Classifier { try $0.reshaped([$0.shape[0], 3]) }, text: text, scale: scale)
  }

  /// Forty images and the class that each has with the clean prompts.
  static func images() throws -> (Tensor, [Int]) {
    var stream = RandomSource(seed: 6).stream(.subset)
    let images = try Tensor.random([40, 3, 1, 1], stream: &stream)
    let labels = try encoder.classifier(["a", "b"])(images).argmax(axis: 1).integers()
    return (images, labels.map { Int($0) })
  }

  static func step(_ attack: any ImageAttack = ProjectedGradientDescent(steps: 20)) throws
    -> ImageStep
  {
    var settings = AttackSettings(budget: try Budget(.linf, epsilon))
    settings.reporting.probes = false
    return ImageStep(attack, settings)
  }

  /// The best prompts of each image, by trying all pairs.
  static func perImage(_ prompts: [String], _ features: Tensor, _ labels: [Int]) throws
    -> [[String]]
  {
    let rows = try features.floats()
    return labels.enumerated().map { row, label in
      let image = Array(rows[row * 3..<row * 3 + 3])
      return pairs.max { margin(image, label, $0) < margin(image, label, $1) } ?? prompts
    }
  }

  /// `z_other − z_label` of an image under two prompts.
  static func margin(_ image: [Float], _ label: Int, _ pair: [String]) -> Double {
    zip(image, slope(label, pair)).reduce(0) { $0 + Double($1.0) * $1.1 }
  }

  static func slope(_ label: Int, _ pair: [String]) -> [Double] {
    let own = table[pair[label]] ?? []
    let other = table[pair[1 - label]] ?? []
    return zip(own, other).map { scale * (Double($1) - Double($0)) }
  }

  /// The largest margin that any image of the ball has under two prompts: each pixel goes to its
  /// end of the ball and the box.
  static func best(_ image: [Float], _ label: Int, _ pair: [String]) -> Double {
    zip(image, slope(label, pair)).reduce(0) { sum, term in
      let (x, w) = (Double(term.0), term.1)
      return sum + w * (w > 0 ? min(x + epsilon, 1) : max(x - epsilon, 0))
    }
  }

  /// The largest margin over images and prompts together.
  static func exact(_ images: Tensor, _ labels: [Int]) throws -> [Double] {
    let rows = try images.floats()
    return labels.enumerated().map { row, label in
      pairs.map { best(Array(rows[row * 3..<row * 3 + 3]), label, $0) }.max() ?? 0
    }
  }

  static func attack(
    _ method: MultimodalMethod, blind: [String] = ["a1", "b1"],
    step: ImageStep? = nil
  ) throws -> MultimodalAttack {
    try MultimodalAttack(
      method, image: step ?? self.step(),
      text: TextSteps(
        blind: { texts in texts.count == 2 ? blind : texts.map { $0 + "1" } },
        perImage: perImage, against: { texts, features in try against(texts, features) }))
  }

  /// The edit of each text that is least like its image.
  static func against(_ texts: [String], _ features: [Tensor]) throws -> [String] {
    try zip(texts, features).map { text, feature in
      let image = try feature.floats()
      func score(_ candidate: String) -> Float {
        zip(image, table[candidate] ?? []).reduce(0) { $0 + $1.0 * $1.1 }
      }
      return [text, text + "1", text + "2"].filter { table[$0] != nil }.min {
        score($0) < score($1)
      } ?? text
    }
  }

  static func run(_ attack: MultimodalAttack) throws -> MultimodalResult {
    let (images, labels) = try images()
    return try attack.run(encoder, images: images, labels: labels, prompts: ["a", "b"])
  }
}
