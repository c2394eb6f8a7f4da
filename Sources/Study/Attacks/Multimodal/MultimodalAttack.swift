internal import Diagnostics
package import Tensors

/// An image attack with its settings, as one side of a multimodal attack.
package struct ImageStep {
  /// The attack; `alternating`, `coAttack` and `sga` need one within a ball.
  package var attack: any ImageAttack
  /// Budget, loss, seed and the like.
  package var settings: AttackSettings

  /// Puts an attack and its settings together.
  package init(_ attack: any ImageAttack, _ settings: AttackSettings) {
    self.attack = attack
    self.settings = settings
  }
}

/// The text side of a multimodal attack, in the forms that the methods ask for.
package struct TextSteps {
  /// Class prompts or captions to adversarial ones, without a look at any image.
  package typealias Blind = (_ texts: [String]) throws -> [String]
  /// For each image the worst class prompts, given features `[n, D]` and labels: `n` lists.
  package typealias PerImage = (
    _ prompts: [String], _ features: Tensor, _ labels: [Int]
  ) throws -> [[String]]
  /// Texts moved away from images: `features[i]`, `[1, D]`, belongs to `texts[i]`.
  package typealias Against = (_ texts: [String], _ features: [Tensor]) throws -> [String]

  /// What `independent`, `adaptive` and `coAttack` use.
  package var blind: Blind
  /// What `imageFirst` and `alternating` use; nil where classes have several prompts.
  package var perImage: PerImage?
  /// What `sga` uses.
  package var against: Against?
  /// `sga`: what the image attack is shown of an adversarial text; nil: the whole text.
  package var shown: ((_ text: String) throws -> String)?

  /// Names the forms that there are.
  package init(
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
@dynamicMemberLookup
package struct MultimodalAttack {
  /// How the two are put together.
  package var method: MultimodalMethod
  /// The image attack.
  package var image: ImageStep
  /// The text attack.
  package var text: TextSteps
  /// What its method may be told.
  package var parameters = MultimodalParameters()
  /// What the image attack of `independent` and `adaptive` aims at; nil: any class but the label.
  package var targets: TargetChoice?

  package init(_ method: MultimodalMethod, image: ImageStep, text: TextSteps) {
    self.method = method
    self.image = image
    self.text = text
  }

  /// One of its parameters.
  package subscript<Value>(
    dynamicMember path: WritableKeyPath<MultimodalParameters, Value>
  ) -> Value {
    get { parameters[keyPath: path] }
    set { parameters[keyPath: path] = newValue }
  }

  /// Attacks images and class prompts together.
  ///
  /// - Parameters:
  ///   - images: `[N, C, H, W]` in `[0, 1]`.
  ///   - labels: true classes, 0-based, one an image.
  ///   - prompts: clean class prompts, class by class.
  /// - Throws: `KilpiError` when method and attacks do not fit, when a text attack returns another
  ///   number of prompts, and what the attacks throw.
  package func run(
    _ encoder: DualEncoder, images: Tensor, labels: [Int], prompts: [String]
  ) throws -> MultimodalResult {
    try checkForClasses()
    let images = try images.detached().contiguous()
    guard images.rank == 4, images.shape[0] == labels.count else {
      throw KilpiError(
        "there are \(labels.count) labels for images of shape \(images.shape)",
        advice: "give one label an image")
    }
    return try method.procedure.classes(
      MultimodalRun(self, encoder, images, labels, prompts))
  }

  func check() throws {
    try parameters.checkParameters()
    if parameters.methods.contains(.worst) {
      throw KilpiError("methods holds \"worst\" itself", advice: "name what it chooses from")
    }
    try parameters.views.check()
  }

  /// Refuses what no run over images with classes could do, before one begins.
  ///
  /// - Throws: `KilpiError` for settings out of range and for methods that the attacks given cannot
  ///   carry out.
  package func checkForClasses() throws {
    try check()
    if targets != nil, method.attacksTogether {
      throw KilpiError(
        "method \"\(method.rawValue)\" has no targeted form",
        advice: "independent and adaptive take targeted")
    }
    for method in method == .worst ? parameters.methods : [method] {
      for need in method.procedure.needs { try check(need, of: method) }
    }
  }

  /// Refuses a method that lacks what it needs.
  private func check(_ need: MultimodalNeed, of method: MultimodalMethod) throws {
    switch need {
    case .promptsPerImage: _ = try perImage(method)
    case .textsAgainstImages: _ = try against(method)
    case .ball: _ = try ballAttack(method)
    }
  }

  /// Those of some methods that the given attacks can carry out.
  func fitting(_ methods: [MultimodalMethod]) -> [MultimodalMethod] {
    methods.filter { method in
      method != .worst
        && method.procedure.needs.allSatisfy { (try? check($0, of: method)) != nil }
    }
  }

  /// Those of some methods for which there is a text attack.
  func fittingTexts(_ methods: [MultimodalMethod]) -> [MultimodalMethod] {
    methods.filter { text.against != nil || !$0.procedure.needs.contains(.textsAgainstImages) }
  }

  /// What finds the worst prompts of each image.
  func perImage(_ method: MultimodalMethod) throws -> TextSteps.PerImage {
    guard let perImage = text.perImage else {
      throw KilpiError(
        "method \"\(method.rawValue)\" needs a text attack for each image",
        advice: "it takes classifiers with one template")
    }
    return perImage
  }

  /// What attacks texts against images.
  func against(_ method: MultimodalMethod) throws -> TextSteps.Against {
    guard let against = text.against else {
      throw KilpiError("method \"\(method.rawValue)\" needs a text attack against images")
    }
    return against
  }

  /// The image attack within a ball, for losses on features.
  ///
  /// PGD without a step gets the method's own.
  func ballAttack(_ method: MultimodalMethod) throws -> any FixedBudgetAttack {
    guard let attack = image.attack as? any FixedBudgetAttack else {
      throw KilpiError(
        "method \"\(method.rawValue)\" needs an image attack within a ball",
        advice: "\(image.attack.name) is none; use method = \"pgd\"")
    }
    let epsilon = image.settings.threat.budget.epsilon
    guard let share = method.procedure.stepShare, epsilon > 0 else { return attack }
    return attack.stepping { share * epsilon / Double(max($0, 1)) }
  }

  /// Adversarial texts without a look at images, as many as there were.
  func blindTexts(_ texts: [String]) throws -> [String] {
    try Self.counted(text.blind(texts), texts.count)
  }

  static func counted(_ texts: [String], _ count: Int) throws -> [String] {
    guard texts.count == count else {
      throw KilpiError("the text attack returned \(texts.count) texts for \(count)")
    }
    return texts
  }
}
