public import Attacks
public import ClipModels
public import Diagnostics
public import Files
internal import Training
public import Tensors

/// An image attack as an evaluation runs it.
public struct EvaluatedImageAttack {
  /// Its name in tables; two attacks of one evaluation have different names.
  public var name: String
  /// The attack.
  public var attack: any ImageAttack
  /// Budget, loss, seed and the like.
  public var settings: AttackSettings
  /// Its parameters for the record; null: those that `attack` declares.
  public var record: JSONValue
  /// The name without a budget, where several rows differ in that alone; empty for none.
  public var family = ""
  /// What a targeted attack aims at; nil for an untargeted one.
  public var targets: EvaluatedTargets?
  /// Which pixels may change, as `PixelMask` takes it; where it has a first size above 1, a mask for each
  /// image of the data set.
  public var mask: Tensor?
  /// Where the search starts: an image for each one of the data set, brought into the budget.
  public var start: Tensor?

  /// Names an attack.
  public init(
    name: String, attack: any ImageAttack, settings: AttackSettings, record: JSONValue = .null
  ) {
    self.name = name
    self.attack = attack
    self.settings = settings
    self.record = record
  }

  /// What it may do to an image.
  public var threat: ThreatModel {
    ThreatModel(
      settings.budget, isOnEightBitLevels: settings.isOnEightBitLevels,
      mask: mask.map { Self.maskText($0) })
  }

  /// What rows say of a mask: some digits, and how many of its values are free.
  private static func maskText(_ mask: Tensor) -> String {
    let values = (try? mask.detached().doubles()) ?? []
    return
      "\(ImageAttackSpecification.digest(mask).prefix(8)) (\(values.count { $0 != 0 }) of \(values.count) free)"
  }

  /// Something is given for each image of the data set.
  var goesByPlace: Bool {
    if case .classes? = targets { return true }
    return start != nil || (mask.map { $0.rank == 4 && $0.shape[0] > 1 } ?? false)
  }

  /// Refuses masks and starts that are not those of the data set's images.
  func check(images count: Int) throws {
    if let mask { _ = try PixelMask(mask) }
    for (what, list) in [("mask", mask?.rank == 4 ? mask : nil), ("init", start)] {
      guard let list, list.shape.first != count, what == "init" || list.shape[0] != 1 else {
        continue
      }
      throw KilpiError(
        "", "\(name): \(what) is for \(list.shape.first ?? 0) images, data has \(count)",
        advice: "give one for each image of data, in its order")
    }
  }

  /// The settings for some samples, by their places in the data set.
  func settings(at places: [Int], like images: Tensor) throws -> AttackSettings {
    var settings = self.settings
    func chosen(_ all: Tensor) throws -> Tensor {
      try all.detached().indexSelected(
        0, Tensor(places.map { Int64($0) }, shape: [places.count]))
    }
    if let start { settings.startPoints = try chosen(start).converted(to: images.dtype) }
    if let mask {
      settings.mask = try PixelMask(
        mask.rank == 4 && mask.shape[0] > 1 ? chosen(mask) : mask)
    }
    return settings
  }

  /// Everything that fixes its result.
  var fullRecord: JSONValue {
    var members: [JSONValue.Member] = [
      .init("method", .string(attack.name)), .init("norm", .string(settings.budget.norm.rawValue)),
      .init("eps", .number(settings.budget.epsilon)),
      .init("eps_255", .number(settings.budget.epsilon * 255)),
      .init(
        "restarts", attack.choosesRestarts ? "own" : .integer(Int64(settings.restarts))),
      .init("seed", .integer(Int64(bitPattern: settings.seed))),
      .init("attack_all", .bool(settings.attacksAll)),
      .init("early_stop", .bool(settings.stopsEarly)),
      .init("eot", .integer(Int64(settings.draws))),
      .init("lattice", settings.isOnEightBitLevels ? .integer(8) : .null),
      .init("transfer", .bool(!settings.sources.isEmpty)),
      .init("keep", settings.keep.map { .string($0.rawValue) } ?? .null),
    ]
    members.append(.init("loss", attack.choosesLoss ? "own" : .string(settings.loss.name)))
    if !attack.choosesLoss, case .margin(let clamp) = settings.loss {
      members.append(.init("clamp", clamp.map { .number($0) } ?? .null))
    }
    if let targets { members.append(.init("targeted", targets.json)) }
    if let mask { members.append(.init("mask", .string(ImageAttackSpecification.digest(mask)))) }
    if let start { members.append(.init("init", .string(ImageAttackSpecification.digest(start)))) }
    let parameters = record == .null ? .object(attack.recordedParameters) : record
    return .object(members + [.init("parameters", parameters)])
  }
}

/// A text attack as an evaluation runs it: each class prompt attacked once, without images.
public struct EvaluatedTextAttack {
  /// Attacks the prompts of a classifier; results are in the order of its prompts.
  public typealias Perturb = (ZeroShotClassifier, ProgressHandler?) throws -> TextReport

  /// Its name in tables; two attacks of one evaluation have different names.
  public var name: String
  /// Its parameters, for the record.
  public var record: JSONValue
  /// The attack.
  public var perturb: Perturb

  /// Names an attack.
  public init(name: String, record: JSONValue = .null, perturb: @escaping Perturb) {
    self.name = name
    self.record = record
    self.perturb = perturb
  }
}

/// An image attack and a text attack together.
public struct EvaluatedMultimodalAttack {
  /// In which way they are put together: `independent` is the published "multimodal" number,
  /// neither joint nor adaptive.
  public typealias Method = MultimodalMethod

  /// A method that attacks both sides of each sample at once: all but `independent` and `adaptive`.
  public struct Joint {
    /// Attacks images with their labels; the closure changes the image attack's settings.
    public typealias Perturb = (
      _ images: Tensor, _ labels: [Int], _ settings: (inout AttackSettings) -> Void
    ) throws -> MultimodalResult

    /// Its parameters, for the record.
    public var record: JSONValue
    /// How often it runs the image attack, at most.
    public var imageRuns: Int
    /// Makes the attack on a classifier, once an evaluation.
    public var prepare: (ZeroShotClassifier, ProgressHandler?) throws -> Perturb

    /// Names an attack.
    public init(
      record: JSONValue = .null, imageRuns: Int = 1,
      prepare: @escaping (ZeroShotClassifier, ProgressHandler?) throws -> Perturb
    ) {
      self.record = record
      self.imageRuns = imageRuns
      self.prepare = prepare
    }
  }

  /// In which way they are put together.
  public var method: Method
  /// The image attack; `independent` takes the images of a row of the evaluation that is alike in name
  /// and all that fixes it.
  public var image: EvaluatedImageAttack
  /// The text attack; one that is alike in name and all that fixes it is carried out once.
  public var text: EvaluatedTextAttack
  /// What carries out the method; nil for `independent` and `adaptive`.
  public var joint: Joint?

  /// Puts two attacks together.
  public init(
    _ method: Method, image: EvaluatedImageAttack, text: EvaluatedTextAttack, joint: Joint? = nil
  ) {
    self.method = method
    self.image = image
    self.text = text
    self.joint = joint
  }

  /// Every image attack with every text attack, by every method.
  public static func all(
    images: [EvaluatedImageAttack], texts: [EvaluatedTextAttack],
    methods: [Method] = [.independent, .adaptive]
  ) -> [EvaluatedMultimodalAttack] {
    methods.flatMap { method in
      images.flatMap { image in
        texts.map { EvaluatedMultimodalAttack(method, image: image, text: $0) }
      }
    }
  }

  /// A name of its own; nil for those of both attacks.
  public var title: String?

  /// The name in tables.
  public var name: String { title ?? image.name + " + " + text.name }
}
