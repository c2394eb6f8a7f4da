public import Attacks
public import ClipModels
public import Diagnostics
public import Files
public import Tensors

// Where models and attacks meet: neither knows the other.

/// An image attack with everything that fixes its result, as trainers and evaluations take it.
public struct ImageAttackSpecification {
  /// Its name in records, such as `pgd`.
  public var name: String
  /// The attack.
  public var attack: any ImageAttack
  /// Budget, loss, seed and the like.
  public var settings: AttackSettings
  /// The name without a budget, where several descriptions differ in that alone; empty for none.
  public var family = ""
  /// What tells the mask of the settings apart; nil for none.
  public private(set) var maskDigest: String?

  /// Describes an attack.
  public init(name: String, attack: any ImageAttack, settings: AttackSettings) {
    self.name = name
    self.attack = attack
    self.settings = settings
  }

  /// Makes a mask that holds for all images part of the attack.
  public mutating func keep(mask: Tensor) throws {
    settings.mask = try PixelMask(mask)
    maskDigest = Self.digest(mask)
  }

  /// Some digits that tell tensors apart: of the shape and every bit of the values.
  public static func digest(_ tensor: Tensor) -> String {
    let values = (try? tensor.detached().doubles()) ?? []
    var digest = SHA256()
    tensor.shape.withUnsafeBytes { digest.update($0) }
    values.withUnsafeBytes { digest.update($0) }
    return String(digest.hexadecimal().prefix(16))
  }

  /// All parameters, for `run.json` and result records.
  public var record: JSONValue {
    let budget = settings.budget
    var members: [JSONValue.Member] = [.init("method", .string(attack.method))]
    if !attack.choosesLoss, case .margin(let clamp?) = settings.loss {
      members.append(.init("kappa", .number(clamp)))
    }
    members += [
      .init("norm", .string(budget.norm.rawValue)), .init("eps", .number(budget.epsilon)),
      .init("eps_255", .number((budget.epsilon * 255 * 1e6).rounded() / 1e6)),
      .init("loss", .string(lossName)),
      .init("restarts", attack.choosesRestarts ? "own" : .integer(Int64(settings.restarts))),
      .init("seed", .integer(Int64(bitPattern: settings.seed))),
    ]
    if let maskDigest { members.append(.init("mask", .string(maskDigest))) }
    return .object(members + attack.recordedParameters)
  }

  private var lossName: String {
    if attack.choosesLoss { return "own" }
    if case .custom = settings.loss { return "function" }
    return settings.loss.name
  }

  /// The attack inside training: exactly its steps, a new random start each step, no verdict pass.
  public var trainer: ImageAttacker {
    { classifier, images, labels, sampleIDs, step in
      var settings = self.settings.forTraining()
      settings.sampleIDs = sampleIDs
      settings.progress = nil
      settings.seed = seed(settings.seed, step: step)
      return try withoutActuallyEscaping(classifier) { classifier in
        try attack.run(
          classifier, images: images, criterion: .misclassified(labels), settings: settings
        ).images
      }
    }
  }
}

/// A seed of its own for every training step.
private func seed(_ seed: UInt64, step: Int) -> UInt64 {
  seed &+ 0x9E37_79B9_7F4A_7C15 &* UInt64(step + 1)
}

extension TextConstraints {
  /// Takes class names with their prompts as those of the set.
  public mutating func know(_ names: [String], templates: [String]) {
    classNames = names
    classPrompts = names.map { name in
      templates.compactMap { ZeroShotClassifier.filled($0, name) }
    }
  }

  /// Takes a classifier's class names and prompts as those of the set.
  public mutating func know(_ classifier: ZeroShotClassifier) {
    classNames = classifier.classNames
    classPrompts = classifier.promptsByClass
  }
}

/// A text attack with everything that fixes its result.
public struct TextAttackSpecification {
  /// Its name in records, such as `synonym`.
  public var name: String
  /// The attack; candidates and constraints included.
  public var attack: TextAttack
  /// All parameters, for records.
  public var record: JSONValue
  /// The attack with the candidates that SGA's released code takes from a masked language model: one
  /// row off, 77 tokens; nil for an attack that asks no such model.
  ///
  /// Definition: docs/methods/multimodal-attacks.md, section 4.3.
  public var released: (() throws -> TextAttackSpecification)?
  /// The first so many tokens of a text, start and end among them, in the masked language model's
  /// cut; nil for an attack that asks no such model.
  public var shortened: ((_ text: String, _ tokens: Int) throws -> String)?

  /// Describes an attack.
  public init(name: String, attack: TextAttack, record: JSONValue = .null) {
    self.name = name
    self.attack = attack
    self.record = record
  }

  /// Attacks each prompt of a classifier once; the texts come in the order of its prompts.
  public func perturb(
    _ classifier: ZeroShotClassifier, progress: ProgressHandler? = nil
  ) throws -> TextReport {
    var attack = self.attack
    attack.progress = progress
    attack.constraints.know(classifier)
    let model = try classifier.model.frozen().judge()
    return try attack.perturb(prompts(of: classifier), encoder: Self.encoder(model))
  }

  /// A classifier's prompts with the place of the class words, where its templates tell it.
  public func prompts(of classifier: ZeroShotClassifier) throws -> [TextPrompt] {
    try zip(classifier.classNames, classifier.promptsByClass).flatMap { name, prompts in
      try zip(classifier.templates, prompts).map { template, prompt in
        let own = try TextPrompt(template: template, className: name)
        return own.text == prompt
          ? own
          : TextPrompt(
            prompt, findingAnyOf: classifier.classNames, splitting: attack.nameSplitting)
      }
    }
  }

  /// Normalised features of texts, without a gradient.
  public static func encoder(_ model: ClipModel) -> TextEncoder {
    { texts in try Tensor.withoutGradients { try model.encodeText(texts) } }
  }

  /// The attack inside training: each distinct text of the batch once, other draws at each step.
  public var trainer: TextAttacker {
    { encoder, texts, step in
      var attack = self.attack
      attack.progress = nil
      attack.random = RandomSource(seed: seed(attack.random.seed, step: step))
      attack.sampleIDs = texts.map(\.number)
      let prompts = try texts.map { text in
        guard let prompt = text.prompt else { return TextPrompt(text.text) }
        return try TextPrompt(template: prompt.template, className: prompt.className)
      }
      return try attack.perturb(prompts, encoder: encoder).texts
    }
  }
}
