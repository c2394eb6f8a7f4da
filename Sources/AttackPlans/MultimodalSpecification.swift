public import Attacks
public import Files

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
  /// A name of its own; nil for those of both attacks.
  public var title: String?

  /// Puts two attacks together.
  public init(
    _ method: MultimodalMethod, image: ImageAttackSpecification, text: TextAttackSpecification
  ) {
    self.method = method
    self.image = image
    self.text = text
  }

  /// Every image attack with every text attack, by every method.
  public static func all(
    images: [ImageAttackSpecification], texts: [TextAttackSpecification],
    methods: [MultimodalMethod] = [.independent, .adaptive]
  ) -> [MultimodalSpecification] {
    methods.flatMap { method in
      images.flatMap { image in
        texts.map { MultimodalSpecification(method, image: image, text: $0) }
      }
    }
  }

  /// The name in tables.
  public var name: String { title ?? image.name + " + " + text.name }

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
