public import Attacks
public import ClipModels
public import Diagnostics
public import Files
internal import Networks
public import Tensors

extension DualEncoder {
  /// A model's two encoders on frozen weights; texts are remembered.
  public init(_ model: ClipModel, templates: Int = 1) throws {
    let model = try model.frozen()
    // Steps in the model's precision, everything that judges in float32.
    let judge = try model.judge()
    let memory = TextMemory(TextAttackSpecification.encoder(judge))
    self.init(
      image: { images in
        let isStep = GradientMode.isRecording && images.requiresGradient
        return try (isStep ? model : judge).encodeImage(images)
      }, text: { try memory($0) },
      scale: try model.logitScale.exp().item(),
      bias: model.configuration.score == .sigmoid
        ? try model.parameters.required("logit_bias").item() : 0, templates: templates)
  }
}

/// A multimodal attack with everything that fixes its result, as scripts and evaluations take it.
public struct MultimodalSpecification {
  /// How image and text attack are put together.
  public var method: MultimodalMethod
  /// The image attack.
  public var image: ImageAttackSpecification
  /// The text attack.
  public var text: TextAttackSpecification
  /// `imageFirst` and `alternating`: which prompts may change.
  public var threat = TextThreat.all
  /// `alternating`: the most rounds.
  public var rounds = 3
  /// `coAttack`: the weight of the text term.
  public var alpha = 3.0
  /// As released code does: `coAttack` starts on one side; `sga` takes its words from the masked
  /// language model one row off, and shows the image attack 30 tokens of a text.
  public var followsRelease = false
  /// `coAttack` over captions: one image for all its captions.
  public var isJoint = false
  /// `sga`: the scaled copies.
  public var views = ScaledViews()
  /// `worst`: what is tried; empty for all that fit.
  public var methods: [MultimodalMethod] = []
  /// What the image attack aims at; nil: any class but the label.
  public var targets: TargetChoice?

  /// Puts two attacks together.
  public init(
    _ method: MultimodalMethod, image: ImageAttackSpecification, text: TextAttackSpecification
  ) {
    self.method = method
    self.image = image
    self.text = text
  }

  /// The name in tables.
  public var name: String { image.name + " + " + text.name }

  /// How often the image attack runs, at most; a look at scaled copies counts for each of them.
  public var imageRuns: Int {
    func runs(_ method: MultimodalMethod) -> Int {
      switch method {
      case .alternating: return rounds
      case .sga: return 1 + views.scales.count
      default: return 1
      }
    }
    guard method == .worst else { return runs(method) }
    let members = methods.isEmpty ? MultimodalMethod.allCases.filter { $0 != .worst } : methods
    return members.reduce(0) { $0 + runs($1) }
  }

  /// All parameters, for records.
  public var record: JSONValue {
    let uses = method == .worst ? methods.isEmpty ? MultimodalMethod.allCases : methods : [method]
    var members: [JSONValue.Member] = [
      .init("method", .string(method.rawValue)), .init("image", image.record),
      .init("text", text.record),
    ]
    if method == .worst {
      members.append(
        .init(
          "methods",
          methods.isEmpty ? "all that fit" : .array(methods.map { .string($0.rawValue) })))
    }
    if uses.contains(.imageFirst) || uses.contains(.alternating) {
      members.append(.init("text_threat", .string(threat.rawValue)))
    }
    if uses.contains(.alternating) { members.append(.init("rounds", .integer(Int64(rounds)))) }
    if uses.contains(.coAttack) {
      members += [
        .init("alpha", .number(alpha)), .init("joint", .bool(isJoint)),
      ]
    }
    if uses.contains(.coAttack) || uses.contains(.sga) {
      members.append(.init("compat", .bool(followsRelease)))
    }
    if uses.contains(.sga) {
      members += [
        .init("scales", .array(views.scales.map { .number($0) })),
        .init("noise", .number(views.noise)),
      ]
      if followsRelease, let released = try? text.released?() {
        members.append(.init("sga_text", released.record))
      }
    }
    return .object(members)
  }

  /// The attack over closures of a text side.
  func attack(_ steps: TextSteps) -> MultimodalAttack {
    var attack = MultimodalAttack(
      method, image: ImageStep(image.attack, image.settings), text: steps)
    attack.rounds = rounds
    attack.alpha = alpha
    attack.startsOneSided = followsRelease
    attack.isJoint = isJoint
    attack.views = views
    attack.methods = methods
    attack.targets = targets
    return attack
  }
}

/// A multimodal attack on one model, batch by batch: what does not depend on images is done once.
public final class MultimodalSession {
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
  public var textReport: TextReport? { blind?.report }

  /// An attack on a classifier's images and prompts.
  public init(
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
  public init(
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
  public func run(
    images: Tensor, labels: [Int], settings: (inout AttackSettings) -> Void = { _ in }
  ) throws -> MultimodalResult {
    guard let classifier else { throw KilpiError("", "this attack was made for captions") }
    var attack = specification.attack(steps)
    settings(&attack.image.settings)
    limits = TextLimits()
    var result = try attack.run(
      encoder, images: images, labels: labels, prompts: classifier.prompts)
    result.report.limits = limits
    return result
  }

  /// Attacks images and their captions.
  public func run(
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
      guard let classifier else { throw KilpiError("", "captions have no classes") }
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

extension TextAttackSpecification {
  /// The candidate prompts of each class, the unedited one first: what the exact per-image attack
  /// chooses from, and how many prompts have more than the attack's `maxQueries` lets through.
  ///
  /// A character search becomes the list of all single edits.
  public func candidateSets(
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
