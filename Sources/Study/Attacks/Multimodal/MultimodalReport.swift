internal import Diagnostics
package import Tensors

/// The prompts that a multimodal attack returns, one a class and template.
package enum AdversarialPrompts: Equatable, Sendable {
  /// The same for all images.
  case shared([String])
  /// A list for each image.
  case perImage([[String]])

  /// The class prompts that image `index` meets.
  package func prompts(image index: Int) -> [String] {
    switch self {
    case .shared(let prompts): return prompts
    case .perImage(let lists): return lists[index]
    }
  }
}

/// What a multimodal attack did, one entry a sample; verdicts come from images evaluated alone.
package struct MultimodalReport: Sendable {
  /// How the two sides were put together.
  package var method: MultimodalMethod
  /// Right with the clean image and the clean prompts.
  package var cleanCorrect: [Bool] = []
  /// Top class with both clean, 0-based.
  package var cleanPrediction: [Int] = []
  /// Wrong with both attacked: the number that counts.
  package var success: [Bool] = []
  /// Wrong with the attacked image and the clean prompts.
  package var imageSuccess: [Bool] = []
  /// Wrong with the clean image and the attacked prompts.
  package var textSuccess: [Bool] = []
  /// Top class with both attacked, 0-based.
  package var prediction: [Int] = []
  /// Cross-entropy of the label with both attacked.
  package var loss: [Double] = []
  /// Best logit of another class minus the label's, with both attacked.
  package var margin: [Double] = []
  /// The targets of a targeted attack, 0-based.
  package var targets: [Int]?
  /// Whether the top class with both attacked is the target; empty for an untargeted attack.
  package var targetHit: [Bool] = []
  /// Positions of samples whose target is their own label: their images were not attacked, they hit
  /// nothing, and the rate of hits does not count them.
  package var leftOut: [Int] = []
  /// What the image attack reported, against what it saw; of `worst` the sums over its members.
  package var image: AttackReport
  /// Searches of texts that were made for this report, those whose results were at hand left out.
  package var limits = TextLimits()
  /// `alternating`: the round whose pair was kept, from 1.
  package var rounds: [Int] = []
  /// `worst`: what was tried, `clean` first.
  package var members: [String] = []
  /// `worst`: the member whose pair was kept.
  package var chosen: [String] = []

  /// A sample that was wrong when clean counts as broken.
  package var broken: [Bool] { zip(success, cleanCorrect).map { $0 || !$1 } }
  // Shares of nothing are nil.

  /// Share of samples that are right when clean.
  package var cleanAccuracy: Double? { AttackReport.share(cleanCorrect) }
  /// Accuracy with both attacked, from predictions and labels.
  package var robustAccuracy: Double? { AttackReport.share(success.map { !$0 }) }
  /// Strict accuracy: the share of samples that are right when clean and withstand both attacks.
  package var strictAccuracy: Double? { AttackReport.share(broken.map { !$0 }) }
  /// Share of hits among the samples that were attacked for a target; nil when there are none.
  package var targetHitRate: Double? {
    targets.flatMap { _ in AttackReport.share(targetHit, leavingOut: leftOut) }
  }
}

/// Adversarial images and prompts, and what the attack did.
package struct MultimodalResult {
  package var images: Tensor
  /// The prompts that go with them.
  package var prompts: AdversarialPrompts
  /// One entry a sample.
  package var report: MultimodalReport
}

extension SampleVerdict {
  /// Verdicts on images under prompts that are the same for all, `batch` at a time.
  static func all(
    _ classifier: Classifier, _ images: Tensor, _ labels: [Int], batch: Int = 1
  ) throws -> [SampleVerdict] {
    var found: [SampleVerdict] = []
    try Tensor.withoutGradients {
      for first in stride(from: 0, to: labels.count, by: batch) {
        try Interrupts.poll()
        let count = min(batch, labels.count - first)
        let part = try images.narrowed(0, start: first, length: count).contiguous()
        let truth = labels[first..<first + count].map { Int64($0) }
        let logits = try classifier(part)
        let classes = logits.rank == 2 ? logits.shape[1] : 0
        if let label = labels.first(where: { !(0..<classes).contains($0) }) {
          throw KilpiError(
            "a label is \(label + 1), classes are 1 … \(classes)",
            advice: "labels count from 1")
        }
        let losses = try Tensor.crossEntropy(
          logits: logits, labels: Tensor(truth, shape: [count]), reduction: .none)
        let verdicts = try Verdicts(
          logits, rows: Array(first..<first + count), goal: Goal(labels: labels, targets: nil),
          base: 1)
        for (index, loss) in try losses.doubles().enumerated() {
          found.append(
            SampleVerdict(
              prediction: verdicts.predictions[index], loss: loss, margin: verdicts.margins[index]))
        }
      }
    }
    return found
  }

  /// Verdicts on images, each alone, under adversarial prompts.
  static func all(
    _ encoder: DualEncoder, _ images: Tensor, _ labels: [Int], _ prompts: AdversarialPrompts
  ) throws -> [SampleVerdict] {
    switch prompts {
    case .shared(let prompts):
      return try all(encoder.classifier(prompts), images, labels)
    case .perImage(let lists):
      return try lists.enumerated().flatMap { row, prompts in
        try all(
          encoder.classifier(prompts),
          images.narrowed(0, start: row, length: 1).contiguous(), [labels[row]])
      }
    }
  }
}
