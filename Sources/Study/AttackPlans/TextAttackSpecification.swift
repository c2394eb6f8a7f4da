package import Attacks
package import ClipModels
package import Diagnostics
package import Files
internal import Tensors

extension TextConstraints {
  /// Takes class names with their prompts as those of the set.
  package mutating func know(_ names: [String], templates: [String]) {
    classNames = names
    classPrompts = names.map { name in
      templates.compactMap { ZeroShotClassifier.filled($0, name) }
    }
  }

  /// Takes a classifier's class names and prompts as those of the set.
  package mutating func know(_ classifier: ZeroShotClassifier) {
    classNames = classifier.classNames
    classPrompts = classifier.promptsByClass
  }
}

/// A text attack with everything that fixes its result.
package struct TextAttackSpecification {
  /// Attacks the prompts of a classifier; results are in the order of its prompts.
  package typealias Perturb = (ZeroShotClassifier, ProgressHandler?) throws -> TextReport

  /// Its name in tables and records, such as `synonym`.
  package var name: String
  /// The attack; candidates and constraints included.
  package var attack: TextAttack
  /// All parameters, for records.
  package var record: JSONValue
  /// The attack with the candidates that SGA's released code takes from a masked language model: one
  /// row off, 77 tokens; nil for an attack that asks no such model.
  ///
  /// Definition: docs/methods/multimodal-attacks.md, section 4.3.
  package var released: (() throws -> TextAttackSpecification)?
  /// The first so many tokens of a text, start and end among them, in the masked language model's
  /// cut; nil for an attack that asks no such model.
  package var shortened: ((_ text: String, _ tokens: Int) throws -> String)?

  /// What attacks class prompts in place of `attack`; nil for that.
  private var own: Perturb?

  package init(name: String, attack: TextAttack, record: JSONValue = .null) {
    self.name = name
    self.attack = attack
    self.record = record
  }

  /// Describes an attack on class prompts of one's own.
  package init(name: String, record: JSONValue = .null, perturb: @escaping Perturb) {
    self.init(name: name, attack: TextAttack(), record: record)
    own = perturb
  }

  /// Attacks each prompt of a classifier once; the texts come in the order of its prompts.
  package func perturb(
    _ classifier: ZeroShotClassifier, progress: ProgressHandler? = nil
  ) throws -> TextReport {
    if let own { return try own(classifier, progress) }
    var attack = self.attack
    attack.progress = progress
    attack.constraints.know(classifier)
    let model = try classifier.model.frozen().judge()
    return try attack.perturb(prompts(of: classifier), encoder: Self.encoder(model))
  }

  /// A classifier's prompts with the place of the class words, where its templates tell it.
  package func prompts(of classifier: ZeroShotClassifier) throws -> [TextPrompt] {
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
  package static func encoder(_ model: ClipModel) -> TextFunction {
    { texts in try Tensor.withoutGradients { try model.encodeText(texts) } }
  }
}

extension TextAttackSpecification {
  /// The candidate prompts of each class, the unedited one first: what the exact per-image attack
  /// chooses from, and how many prompts have more than the attack's `maxQueries` lets through.
  ///
  /// A character search becomes the list of all single edits.
  package func candidateSets(
    of classifier: ZeroShotClassifier
  ) throws -> (texts: [[String]], stopped: Int) {
    var attack = self.attack
    attack.constraints.know(classifier)
    if attack.characters != nil {
      attack.characters = nil
      attack.sources = [.allCharacterEdits]
    }
    return try attack.candidateSets(prompts(of: classifier))
  }
}
