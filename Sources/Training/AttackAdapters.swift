public import Attacks
public import ClipModels
public import Diagnostics
public import Files
internal import Tensors

// Where models and attacks meet: neither knows the other.

/// An image attack with everything that fixes its result, as trainers and evaluations take it.
public struct ImageAttackSpecification {
  /// Its name in records, such as `pgd`.
  public var name: String
  /// The attack.
  public var attack: any ImageAttack
  /// Budget, loss, seed and the like.
  public var settings: AttackSettings
  /// All parameters, for `run.json` and result records.
  public var record: JSONValue
  /// The name without a budget, where several descriptions differ in that alone; empty for none.
  public var family = ""

  /// Describes an attack.
  public init(
    name: String, attack: any ImageAttack, settings: AttackSettings, record: JSONValue = .null
  ) {
    self.name = name
    self.attack = attack
    self.settings = settings
    self.record = record
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
