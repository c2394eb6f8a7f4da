package import Attacks
package import ClipModels
package import Diagnostics
internal import Networks
package import Tensors

extension DualEncoder {
  /// A model's two encoders on frozen weights; texts are remembered.
  package init(_ model: ClipModel, templates: Int = 1) throws {
    let model = try model.frozen()
    // Steps in the model's precision, everything that judges in float32.
    let judge = try model.judge()
    let memory = TextMemory(TextAttackSpecification.encoder(judge))
    self.init(
      image: judge === model
        ? PixelFunction { try model.encodeImage($0) }
        : PixelFunction(
          step: { try model.encodeImage($0) }, judge: { try judge.encodeImage($0) }),
      text: { try memory($0) },
      scale: try model.logitScale.exp().item(),
      bias: model.configuration.score == .sigmoid
        ? try model.parameters.required("logit_bias").item() : 0, templates: templates)
  }
}

/// A multimodal attack on one model, batch by batch: what does not depend on images is done once.
package final class MultimodalSession {
  private let specification: MultimodalSpecification
  private let encoder: DualEncoder
  private let model: ClipModel
  private let classifier: ZeroShotClassifier?
  private let known: [[UInt8]: TextPrompt]
  private let progress: ProgressHandler?
  private var candidates: EncodedPrompts?
  private var blind: (texts: [String], report: TextReport)?
  private var guided: TextAttack?
  /// Of the searches of the run under way.
  private var limits = TextLimits()

  /// What the text attack without images did, once it ran.
  package var textReport: TextReport? { blind?.report }

  /// An attack on a classifier's images and prompts.
  package init(
    _ specification: MultimodalSpecification, classifier: ZeroShotClassifier,
    progress: ProgressHandler? = nil
  ) throws {
    self.specification = specification
    self.progress = progress
    model = try classifier.model.frozen().judge()
    encoder = try DualEncoder(classifier.model, templates: classifier.templates.count)
    self.classifier = classifier
    known = Dictionary(
      try specification.text.prompts(of: classifier).map { (Array($0.text.utf8), $0) },
      uniquingKeysWith: { first, _ in first })
    try specification.attack(steps).checkForClasses()
  }

  /// An attack on a model's images and captions.
  package init(
    _ specification: MultimodalSpecification, model: ClipModel, progress: ProgressHandler? = nil
  ) throws {
    self.specification = specification
    self.progress = progress
    self.model = try model.frozen().judge()
    encoder = try DualEncoder(model)
    classifier = nil
    known = [:]
  }

  /// Attacks images with labels and the classifier's prompts.
  ///
  /// - Parameters:
  ///   - labels: 0-based.
  ///   - settings: changes the image attack's settings, such as sample ids.
  package func run(
    images: Tensor, labels: [Int], settings: (inout AttackSettings) -> Void = { _ in }
  ) throws -> MultimodalResult {
    guard let classifier else { throw KilpiError("this attack was made for captions") }
    var attack = specification.attack(steps)
    settings(&attack.image.settings)
    limits = TextLimits()
    var result = try attack.run(
      encoder, images: images, labels: labels, prompts: classifier.prompts)
    result.report.limits = limits
    return result
  }

  /// Attacks images and their captions.
  package func run(
    images: Tensor, captions: [[String]], settings: (inout AttackSettings) -> Void = { _ in }
  ) throws -> CaptionAttackResult {
    var attack = specification.attack(steps)
    settings(&attack.image.settings)
    limits = TextLimits()
    var result = try attack.run(encoder, images: images, captions: captions)
    result.limits = limits
    return result
  }

  // MARK: Text side

  private var steps: TextSteps {
    TextSteps(
      blind: { try self.blindTexts($0) },
      perImage: classifier?.templates.count == 1 ? { try self.perImage($1, $2) } : nil,
      against: { try self.against($0, $1) }, shown: specification.followsRelease ? shortened : nil)
  }

  /// What SGA's released code shows the image attack of a text: a misspelt argument leaves 30 tokens,
  /// those of the masked language model, or without one CLIP's own.
  private func shortened(_ text: String) throws -> String {
    if let shortened = specification.text.shortened { return try shortened(text, 30) }
    guard let tokenizer = model.tokenizer else { return text }
    let ids = try tokenizer.plainIDs(of: text)
    let room = 30 - tokenizer.specialCount
    return ids.count <= room ? text : try tokenizer.plainText(of: Array(ids.prefix(room)))
  }

  private func prompts(_ texts: [String]) -> [TextPrompt] {
    texts.map { text in
      known[Array(text.utf8)]
        ?? TextPrompt(
          text, findingAnyOf: classifier?.classNames ?? [],
          splitting: specification.text.attack.nameSplitting)
    }
  }

  /// Random draws of a text depend on the text alone, not on its place in a batch.
  private func textAttack(_ texts: [String], _ form: TextAttack? = nil) -> TextAttack {
    var attack = form ?? specification.text.attack
    attack.random = specification.text.attack.random
    attack.progress = progress
    if let classifier { attack.constraints.know(classifier) }
    attack.sampleIDs = texts.map { text in
      text.utf8.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
    }
    return attack
  }

  private func blindTexts(_ texts: [String]) throws -> [String] {
    if let blind, blind.texts == texts { return blind.report.texts }
    let report = try textAttack(texts).perturb(
      prompts(texts), encoder: TextAttackSpecification.encoder(model))
    limits = limits + TextLimits(report)
    blind = (texts, report)
    return report.texts
  }

  private func against(_ texts: [String], _ features: [Tensor]) throws -> [String] {
    if guided == nil, specification.followsRelease {
      guided = try specification.text.released?().attack
    }
    var attack = textAttack(texts, guided)
    attack.objective = .images(features)
    attack.importanceObjective = .kl
    let report = try attack.perturb(
      prompts(texts), encoder: TextAttackSpecification.encoder(model))
    limits = limits + TextLimits(report)
    return report.texts
  }

  private func perImage(_ features: Tensor, _ labels: [Int]) throws -> [[String]] {
    var choice = PerImageTextAttack()
    choice.scale = encoder.scale
    choice.maxSeconds = specification.text.attack.maxSeconds
    let encoded: EncodedPrompts
    if let candidates {
      encoded = candidates
    } else {
      guard let classifier else { throw KilpiError("captions have no classes") }
      let (texts, cut) = try specification.text.candidateSets(of: classifier)
      encoded = try choice.encoded(texts, encoder: TextAttackSpecification.encoder(model))
      candidates = encoded
      var own = TextLimits()
      (own.searches, own.maxQueries, own.maxSeconds) = (texts.count, cut, encoded.stopped)
      limits = limits + own
    }
    let report = try choice.perturb(images: features, labels: labels, candidates: encoded)
    return labels.indices.map { report.prompts(image: $0, specification.threat) }
  }
}
