internal import Diagnostics
public import Tensors

/// The prompts that a multimodal attack returns, one a class.
public enum AdversarialPrompts: Equatable, Sendable {
  /// The same for all images.
  case shared([String])
  /// A list for each image.
  case perImage([[String]])

  /// The class prompts that image `index` meets.
  public func prompts(image index: Int) -> [String] {
    switch self {
    case .shared(let prompts): return prompts
    case .perImage(let lists): return lists[index]
    }
  }
}

/// What a multimodal attack did, one entry a sample; verdicts come from images evaluated alone.
public struct MultimodalReport: Sendable {
  /// Right with the clean image and the clean prompts.
  public var cleanCorrect: [Bool] = []
  /// Wrong with both attacked: the number that counts.
  public var success: [Bool] = []
  /// Wrong with the attacked image and the clean prompts.
  public var imageSuccess: [Bool] = []
  /// Wrong with the clean image and the attacked prompts.
  public var textSuccess: [Bool] = []
  /// Top class with both attacked, 0-based.
  public var prediction: [Int] = []
  /// Cross-entropy of the label with both attacked.
  public var loss: [Double] = []
  /// What the image attack reported, against the prompts that it saw.
  public var image: AttackReport

  /// A sample that was wrong when clean counts as broken.
  public var broken: [Bool] { zip(success, cleanCorrect).map { $0 || !$1 } }
  /// Share of samples that are right when clean.
  public var cleanAccuracy: Double { Self.share(cleanCorrect) }
  /// Share of samples that are right when clean and withstand both attacks.
  public var robustAccuracy: Double { Self.share(broken.map { !$0 }) }

  private static func share(_ flags: [Bool]) -> Double {
    flags.isEmpty ? 0 : Double(flags.filter { $0 }.count) / Double(flags.count)
  }
}

/// Adversarial images and prompts, and what the attack did.
public struct MultimodalResult {
  /// `[N, C, H, W]`.
  public var images: Tensor
  /// The prompts that go with them.
  public var prompts: AdversarialPrompts
  /// One entry a sample.
  public var report: MultimodalReport
}

/// An image attack and a text attack in one of several orders; it knows no model.
///
/// | order | procedure | scored on |
/// |---|---|---|
/// | `independent` | image against clean prompts, prompts by themselves | both |
/// | `adaptive` | prompts first, then the image against the adversarial prompts | both |
/// | `imageFirst` | image against clean prompts, then prompts for each attacked image | both |
///
/// `independent` is the published "multimodal" protocol (arXiv:2404.19287), in which the image attack
/// never sees the adversarial prompts; the other two are its adaptive counterparts.
public struct MultimodalAttack {
  /// Which side is attacked first, and what the other side sees.
  public enum Order: String, Sendable, CaseIterable {
    /// Neither side sees the other.
    case independent
    /// The image attack sees the adversarial prompts.
    case adaptive
    /// The text attack sees the adversarial image.
    case imageFirst = "image-first"
  }

  /// A classifier over given class prompts; it should keep the features of prompts it has met.
  public typealias PromptedClassifier = (_ prompts: [String]) throws -> Classifier
  /// An image attack with its settings.
  public typealias ImageStep = (@escaping Classifier, _ images: Tensor, Criterion) throws ->
    AttackResult

  /// The text attack.
  public enum TextStep {
    /// Class prompts to adversarial class prompts, the same for all images.
    case shared((_ prompts: [String]) throws -> [String])
    /// Class prompts for each of the images `[N, C, H, W]` with their labels: `N` lists.
    case perImage((_ prompts: [String], _ images: Tensor, _ labels: [Int]) throws -> [[String]])
  }

  /// Which side comes first.
  public var order: Order
  /// The image attack.
  public var image: ImageStep
  /// The text attack; `imageFirst` needs `perImage`, `adaptive` needs `shared`.
  public var text: TextStep

  /// Creates the combination.
  public init(_ order: Order, image: @escaping ImageStep, text: TextStep) {
    self.order = order
    self.image = image
    self.text = text
  }

  /// Attacks images and class prompts together.
  ///
  /// - Parameters:
  ///   - labels: true classes, 0-based, one an image.
  ///   - prompts: clean class prompts.
  /// - Throws: `KilpiError` when order and text attack do not fit, when the text attack returns
  ///   another number of prompts, and what the attacks throw.
  public func run(
    _ classifier: PromptedClassifier, images: Tensor, labels: [Int], prompts: [String]
  ) throws -> MultimodalResult {
    let clean = try classifier(prompts)
    let criterion = Criterion.misclassified(labels)
    var attacked: AttackResult
    var changed: AdversarialPrompts
    switch (order, text) {
    case (.independent, _):
      attacked = try image(clean, images, criterion)
      changed = try prompted(images, labels, prompts)
    case (.adaptive, .shared):
      changed = try prompted(images, labels, prompts)
      attacked = try image(classifier(changed.prompts(image: 0)), images, criterion)
    case (.imageFirst, .perImage):
      attacked = try image(clean, images, criterion)
      changed = try prompted(attacked.images, labels, prompts)
    default:
      throw KilpiError(
        "",
        "method \"\(order.rawValue)\" needs a text attack "
          + (order == .adaptive ? "without images" : "for each image"))
    }
    return MultimodalResult(
      images: attacked.images, prompts: changed,
      report: try report(attacked, changed, classifier, clean, images, labels))
  }

  /// Verdicts on the four pairs of clean and attacked sides.
  ///
  /// Attacked images are evaluated alone,
  /// unless their own report has that verdict already.
  private func report(
    _ attacked: AttackResult, _ changed: AdversarialPrompts, _ classifier: PromptedClassifier,
    _ clean: Classifier, _ images: Tensor, _ labels: [Int]
  ) throws -> MultimodalReport {
    var report = MultimodalReport(image: attacked.report)
    let images = try images.detached().contiguous()
    let plain = try Scored.all(clean, images, labels, batch: 64)
    report.cleanCorrect = zip(plain, labels).map { $0.prediction == $1 }
    let hasVerdict = attacked.report.isJudged && order != .adaptive
    report.imageSuccess =
      hasVerdict
      ? attacked.report.success
      : zip(try Scored.all(clean, attacked.images, labels, batch: 1), labels).map {
        $0.prediction != $1
      }
    var both: [Scored] = []
    var texts: [Scored] = []
    switch changed {
    case .shared(let prompts):
      let met = try classifier(prompts)
      both = try Scored.all(met, attacked.images, labels, batch: 1)
      texts = try Scored.all(met, images, labels, batch: 64)
    case .perImage(let lists):
      for (row, prompts) in lists.enumerated() {
        let met = try classifier(prompts)
        func alone(_ all: Tensor) throws -> [Scored] {
          try Scored.all(
            met, all.narrowed(0, start: row, length: 1).contiguous(), [labels[row]], batch: 1)
        }
        both += try alone(attacked.images)
        texts += try alone(images)
      }
    }
    report.success = zip(both, labels).map { $0.prediction != $1 }
    report.prediction = both.map(\.prediction)
    report.loss = both.map(\.loss)
    report.textSuccess = zip(texts, labels).map { $0.prediction != $1 }
    return report
  }

  private func prompted(
    _ images: Tensor, _ labels: [Int], _ prompts: [String]
  ) throws -> AdversarialPrompts {
    let result: AdversarialPrompts
    let lists: [[String]]
    switch text {
    case .shared(let attack):
      lists = [try attack(prompts)]
      result = .shared(lists[0])
    case .perImage(let attack):
      lists = try attack(prompts, images, labels)
      result = .perImage(lists)
      guard lists.count == labels.count else {
        throw KilpiError(
          "", "the text attack returned \(lists.count) lists of prompts for \(labels.count) images")
      }
    }
    for list in lists where list.count != prompts.count {
      throw KilpiError(
        "", "the text attack returned \(list.count) prompts for \(prompts.count) classes")
    }
    return result
  }
}

/// One image's verdict.
private struct Scored {
  let prediction: Int
  let loss: Double

  /// Verdicts on images, some at a time.
  static func all(
    _ classifier: Classifier, _ images: Tensor, _ labels: [Int], batch: Int
  ) throws -> [Scored] {
    var found: [Scored] = []
    try Tensor.withoutGradients {
      for first in stride(from: 0, to: labels.count, by: batch) {
        try Interrupts.poll()
        let count = min(batch, labels.count - first)
        let part = try images.narrowed(0, start: first, length: count).contiguous()
        let truth = labels[first..<first + count].map { Int64($0) }
        let logits = try classifier(part)
        let losses = try Tensor.crossEntropy(
          logits: logits, labels: Tensor(truth, shape: [count]), reduction: .none)
        let tops = try logits.argmax(axis: 1).integers()
        found += zip(tops, try losses.doubles()).map { Scored(prediction: Int($0), loss: $1) }
      }
    }
    return found
  }
}
