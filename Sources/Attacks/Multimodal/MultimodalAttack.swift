internal import Diagnostics
public import Tensors

/// An image attack with its settings, as one side of a multimodal attack.
public struct ImageStep {
  /// The attack; `alternating`, `coAttack` and `sga` need one within a ball.
  public var attack: any ImageAttack
  /// Budget, loss, seed and the like.
  public var settings: AttackSettings

  /// Puts an attack and its settings together.
  public init(_ attack: any ImageAttack, _ settings: AttackSettings) {
    self.attack = attack
    self.settings = settings
  }
}

/// The text side of a multimodal attack, in the forms that the methods ask for.
public struct TextSteps {
  /// Class prompts or captions to adversarial ones, without a look at any image.
  public typealias Blind = (_ texts: [String]) throws -> [String]
  /// For each image the worst class prompts, given features `[n, D]` and labels: `n` lists.
  public typealias PerImage = (
    _ prompts: [String], _ features: Tensor, _ labels: [Int]
  ) throws -> [[String]]
  /// Texts moved away from images: `features[i]`, `[1, D]`, belongs to `texts[i]`.
  public typealias Against = (_ texts: [String], _ features: [Tensor]) throws -> [String]

  /// What `independent`, `adaptive` and `coAttack` use.
  public var blind: Blind
  /// What `imageFirst` and `alternating` use; nil where classes have several prompts.
  public var perImage: PerImage?
  /// What `sga` uses.
  public var against: Against?
  /// `sga`: what the image attack is shown of an adversarial text; nil: the whole text.
  public var shown: ((_ text: String) throws -> String)?

  /// Names the forms that there are.
  public init(
    blind: @escaping Blind, perImage: PerImage? = nil, against: Against? = nil,
    shown: ((String) throws -> String)? = nil
  ) {
    self.blind = blind
    self.perImage = perImage
    self.against = against
    self.shown = shown
  }
}

/// An image attack and a text attack together, by one of several methods; it knows no model.
///
/// Definitions: docs/methods/multimodal-attacks.md, section 4.1. Classes are attacked by
/// `run(_:images:labels:prompts:)`, images with captions by `run(_:images:captions:)`.
public struct MultimodalAttack {
  /// How the two are put together.
  public var method: MultimodalMethod
  /// The image attack.
  public var image: ImageStep
  /// The text attack.
  public var text: TextSteps
  /// `alternating`: the most rounds, at least 1; the first is `imageFirst`.
  public var rounds = 3
  /// `coAttack`: the weight α of the text term, at least 0.
  public var alpha = 3.0
  /// `coAttack`: the released one-sided start `x + U(0, eps)` instead of `U(−eps, eps)`, which the
  /// model sees before it is cut to `[0, 1]`, and the last point as the result.
  public var startsOneSided = false
  /// `coAttack` over captions: one image that all its captions share, not one for each of them.
  public var isJoint = false
  /// `sga`: the scaled copies that an image is shown in beside itself.
  public var views = ScaledViews()
  /// `worst`: what is tried; empty for all methods that fit the task.
  public var methods: [MultimodalMethod] = []
  /// What the image attack of `independent` and `adaptive` aims at; nil: any class but the label.
  public var targets: TargetChoice?

  /// Creates the combination.
  public init(_ method: MultimodalMethod, image: ImageStep, text: TextSteps) {
    self.method = method
    self.image = image
    self.text = text
  }

  /// Attacks images and class prompts together.
  ///
  /// - Parameters:
  ///   - images: `[N, C, H, W]` in `[0, 1]`.
  ///   - labels: true classes, 0-based, one an image.
  ///   - prompts: clean class prompts, class by class.
  /// - Throws: `KilpiError` when method and attacks do not fit, when a text attack returns another
  ///   number of prompts, and what the attacks throw.
  public func run(
    _ encoder: DualEncoder, images: Tensor, labels: [Int], prompts: [String]
  ) throws -> MultimodalResult {
    try checkForClasses()
    let images = try images.detached().contiguous()
    guard images.rank == 4, images.shape[0] == labels.count else {
      throw KilpiError(
        "", "there are \(labels.count) labels for images of shape \(images.shape)",
        advice: "give one label an image")
    }
    return try MultimodalRun(self, encoder, images, labels, prompts).result(method)
  }

  func check() throws {
    guard rounds >= 1 else { throw KilpiError("", "rounds is \(rounds), at least 1 is needed") }
    guard alpha >= 0, alpha.isFinite else {
      throw KilpiError("", "alpha is \(alpha), at least 0 is needed")
    }
    if methods.contains(.worst) {
      throw KilpiError("", "methods holds \"worst\" itself", advice: "name what it chooses from")
    }
    try views.check()
  }

  /// Refuses what no run over images with classes could do, before one begins.
  ///
  /// - Throws: `KilpiError` for settings out of range and for methods that the attacks given cannot
  ///   carry out.
  public func checkForClasses() throws {
    try check()
    if targets != nil, method != .independent, method != .adaptive {
      throw KilpiError(
        "", "method \"\(method.rawValue)\" has no targeted form",
        advice: "independent and adaptive take targeted")
    }
    for method in method == .worst ? methods : [method] {
      switch method {
      case .independent, .adaptive, .worst: break
      case .imageFirst: _ = try perImage(method)
      case .alternating: _ = (try perImage(method), try ballAttack(method))
      case .coAttack: _ = try ballAttack(method)
      case .sga: _ = (try against(), try ballAttack(method))
      }
    }
  }

  /// What finds the worst prompts of each image.
  func perImage(_ method: MultimodalMethod) throws -> TextSteps.PerImage {
    guard let perImage = text.perImage else {
      throw KilpiError(
        "", "method \"\(method.rawValue)\" needs a text attack for each image",
        advice: "it takes classifiers with one template")
    }
    return perImage
  }

  /// What attacks texts against images.
  func against() throws -> TextSteps.Against {
    guard let against = text.against else {
      throw KilpiError("", "method \"sga\" needs a text attack against images")
    }
    return against
  }

  /// The image attack within a ball, for losses on features.
  ///
  /// PGD without a step gets the method's own: `1.25 · eps / steps` for `coAttack`, `2.5 · eps /
  /// steps` for `sga` (0.5/255 at its published 2/255 and 10 steps).
  func ballAttack(_ method: MultimodalMethod) throws -> any FixedBudgetAttack {
    let share: Double? = method == .coAttack ? 1.25 : method == .sga ? 2.5 : nil
    guard let attack = image.attack as? any FixedBudgetAttack else {
      throw KilpiError(
        "", "method \"\(method.rawValue)\" needs an image attack within a ball",
        advice: "\(image.attack.name) is none; use method = \"pgd\"")
    }
    let epsilon = image.settings.budget.epsilon
    guard let share, epsilon > 0 else { return attack }
    return attack.stepping { share * epsilon / Double(max($0, 1)) }
  }

  /// Adversarial texts without a look at images, as many as there were.
  func blindTexts(_ texts: [String]) throws -> [String] {
    try Self.counted(text.blind(texts), texts.count)
  }

  static func counted(_ texts: [String], _ count: Int) throws -> [String] {
    guard texts.count == count else {
      throw KilpiError("", "the text attack returned \(texts.count) texts for \(count)")
    }
    return texts
  }
}
