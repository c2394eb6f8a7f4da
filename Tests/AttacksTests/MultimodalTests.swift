import Attacks
import Diagnostics
import Tensors
import Testing

/// Image and text attacks together, on a linear image encoder and a table of prompt features.
@Suite struct MultimodalTests {
  /// Features of prompts: each class has a clean prompt and two edits of it.
  static let table: [String: [Float]] = [
    "a": [1, 0, 0], "a1": [0.6, 0.3, 0], "a2": [0.9, 0, 0.4],
    "b": [0, 1, 0], "b1": [0.3, 0.9, 0], "b2": [0, 0.8, 0.5],
  ]

  static func classifier(_ prompts: [String]) throws -> Classifier {
    let rows = try prompts.map { prompt in
      guard let row = table[prompt] else { throw KilpiError("", "no prompt '\(prompt)'") }
      return row
    }
    let text = try Tensor(rows.flatMap { $0 }, shape: [1, prompts.count, 3])
    return { images in
      try (images.reshaped([images.shape[0], 1, 3]) * text).sum(axes: [2]) * 5.0
    }
  }

  static func images() throws -> (Tensor, [Int]) {
    var stream = RandomSource(seed: 6).stream(.subset)
    let images = try Tensor.random([40, 3, 1, 1], stream: &stream)
    let labels = try classifier(["a", "b"])(images).argmax(axis: 1).integers().map { Int($0) }
    return (images, labels)
  }

  static func image(
    _ classifier: @escaping Classifier, _ images: Tensor, _ criterion: Criterion
  ) throws -> AttackResult {
    var settings = AttackSettings(budget: try Budget(.linf, 0.05))
    settings.probes = false
    settings.loss = .margin(clamp: nil)
    return try ProjectedGradientDescent(steps: 20).run(
      classifier, images: images, criterion: criterion, settings: settings)
  }

  static func exact(_ prompts: [String]) throws -> [Bool] {
    let (images, labels) = try images()
    return try image(classifier(prompts), images, .misclassified(labels)).report.success
  }

  @Test("independent ≤ adaptive ≤ the worst over all texts (O9)")
  func ordering() throws {
    let (images, labels) = try Self.images()
    let change: MultimodalAttack.TextStep = .shared { _ in ["a1", "b1"] }
    func run(_ order: MultimodalAttack.Order) throws -> MultimodalReport {
      try MultimodalAttack(order, image: Self.image, text: change).run(
        Self.classifier, images: images, labels: labels, prompts: ["a", "b"]
      ).report
    }
    let (independent, adaptive) = (try run(.independent), try run(.adaptive))
    #expect(independent.cleanAccuracy == 1)
    #expect(adaptive.success == (try Self.exact(["a1", "b1"])))
    var worst = [Bool](repeating: false, count: 40)
    for first in ["a", "a1", "a2"] {
      for second in ["b", "b1", "b2"] {
        worst = zip(worst, try Self.exact([first, second])).map { $0 || $1 }
      }
    }
    for index in labels.indices {
      #expect(!independent.success[index] || adaptive.success[index])
      #expect(!adaptive.success[index] || worst[index])
    }
    #expect(independent.robustAccuracy >= adaptive.robustAccuracy)
    #expect(adaptive.robustAccuracy < 1 && worst.contains(false))
    #expect(independent.imageSuccess == (try Self.exact(["a", "b"])))
    #expect(adaptive.textSuccess == independent.textSuccess)
  }

  @Test("image first: every image meets its own prompts, chosen for the attacked image")
  func imageFirst() throws {
    let (images, labels) = try Self.images()
    var shown: Tensor?
    let change: MultimodalAttack.TextStep = .perImage { prompts, images, labels in
      shown = images
      return try labels.enumerated().map { row, label in
        let one = try images.narrowed(0, start: row, length: 1)
        let pairs = ["a", "a1", "a2"].flatMap { first in ["b", "b1", "b2"].map { [first, $0] } }
        let margins = try pairs.map { pair in
          let logits = try Self.classifier(pair)(one).doubles()
          return logits[1 - label] - logits[label]
        }
        let best = margins.indices.max { margins[$0] < margins[$1] } ?? 0
        return pairs[best]
      }
    }
    let result = try MultimodalAttack(.imageFirst, image: Self.image, text: change).run(
      Self.classifier, images: images, labels: labels, prompts: ["a", "b"])
    #expect(try bits(try #require(shown)) == bits(result.images))
    #expect(result.report.robustAccuracy < 1)
    for index in labels.indices {
      #expect(!result.report.imageSuccess[index] || result.report.success[index])
      let prompts = result.prompts.prompts(image: index)
      let one = try result.images.narrowed(0, start: index, length: 1)
      let top = try Self.classifier(prompts)(one).argmax(axis: 1).integers()[0]
      #expect(Int(top) == result.report.prediction[index])
    }
  }

  @Test("orders that do not fit, and wrong numbers of prompts")
  func refusals() throws {
    let (images, labels) = try Self.images()
    func text(_ order: MultimodalAttack.Order, _ step: MultimodalAttack.TextStep) -> String {
      message {
        _ = try MultimodalAttack(order, image: Self.image, text: step).run(
          Self.classifier, images: images, labels: labels, prompts: ["a", "b"])
      }
    }
    #expect(
      text(.imageFirst, .shared { $0 })
        == "method \"image-first\" needs a text attack for each image")
    #expect(
      text(.adaptive, .perImage { prompts, _, labels in labels.map { _ in prompts } })
        == "method \"adaptive\" needs a text attack without images")
    #expect(
      text(.independent, .shared { _ in ["a"] })
        == "the text attack returned 1 prompts for 2 classes")
    #expect(
      text(.imageFirst, .perImage { prompts, _, _ in [prompts] })
        == "the text attack returned 1 lists of prompts for 40 images")
  }
}
