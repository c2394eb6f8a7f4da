internal import Attacks
internal import Diagnostics
internal import Files
internal import LuaHost
internal import Tensors
internal import Training

/// One image attack as scripts see it; to add one is to add a row.
struct ImageAttackRow: Sendable {
  let name: String
  let doc: String
  /// Options beyond the common ones.
  let options: [OptionSpec]
  /// The attack that options describe; the record names its own parameters.
  let make: @Sendable (Options) throws -> (attack: any ImageAttack, record: [JSONValue.Member])

  static let steps = OptionSpec.integer(
    "steps", default: 10, range: 1...1_000_000, "gradient steps")
  static let step = OptionSpec.budget(
    "step",
    "length of a step in pixel units of [0, 1]; max(1/255, 2.5 * eps / steps) for linf, "
      + "2.5 * eps / steps for l2")
  static let randomStart = OptionSpec.boolean(
    "random_start", default: true, "start at a random point of the ball")

  static let all: [ImageAttackRow] = [
    ImageAttackRow(
      name: "fgsm",
      doc: "Fast gradient sign method, one step of length eps (arXiv:1412.6572).", options: [],
      make: { _ in (FastGradientSign(), []) }),
    ImageAttackRow(
      name: "rfgsm",
      doc: "FGSM from a random corner: a random sign step, then a gradient sign step (arXiv:1705.07204).",
      options: [.budget("random_step", "length of the random step; eps / 2 when not given")],
      make: { options in
        let length = try options.budgetIfGiven("random_step")
        return (
          RandomFastGradientSign(randomStep: length),
          [.init("random_step", length.map { .number($0) } ?? .null)]
        )
      }),
    ImageAttackRow(
      name: "bim",
      doc: "Basic iterative method: PGD without random start, last iterate (arXiv:1607.02533).",
      options: [steps, step],
      make: { options in
        let (steps, step) = (try options.integer("steps"), try options.budgetIfGiven("step"))
        return (BasicIterativeMethod(steps: steps, step: step), Self.record(steps, step))
      }),
    ImageAttackRow(
      name: "pgd",
      doc: """
        Projected gradient descent in an Lp ball (arXiv:1706.06083). Keeps the best iterate: a successful \
        one before any other, then the largest loss.
        """,
      options: [
        steps, step, randomStart,
        .number("momentum", default: 0, "decay of an accumulated direction; 0.9 in FARE"),
      ],
      make: { options in
        let (steps, step) = (try options.integer("steps"), try options.budgetIfGiven("step"))
        let (start, momentum) = (
          try options.boolean("random_start"), try options.number("momentum")
        )
        return (
          ProjectedGradientDescent(
            steps: steps, step: step, startsAtRandom: start, momentum: momentum),
          Self.record(steps, step) + [
            .init("random_start", .bool(start)), .init("momentum", .number(momentum)),
          ]
        )
      }),
    ImageAttackRow(
      name: "mifgsm",
      doc: "Momentum iterative FGSM (arXiv:1710.06081).", options: [steps, step, decay],
      make: { try momentum($0, looksAhead: false) }),
    ImageAttackRow(
      name: "nifgsm",
      doc: "Nesterov iterative FGSM: the gradient is taken ahead (arXiv:1908.06281).",
      options: [steps, step, decay], make: { try momentum($0, looksAhead: true) }),
  ]

  private static let decay = OptionSpec.number(
    "decay", default: 1, "factor of the accumulated gradient")

  private static func momentum(
    _ options: Options, looksAhead: Bool
  ) throws -> (attack: any ImageAttack, record: [JSONValue.Member]) {
    let (steps, step) = (try options.integer("steps"), try options.budgetIfGiven("step"))
    let decay = try options.number("decay")
    return (
      MomentumIterative(steps: steps, step: step, decay: decay, looksAhead: looksAhead),
      record(steps, step) + [.init("decay", .number(decay))]
    )
  }

  private static func record(_ steps: Int, _ step: Double?) -> [JSONValue.Member] {
    [.init("steps", .integer(Int64(steps))), .init("step", step.map { .number($0) } ?? .null)]
  }
}

/// Options that all image attacks share, and what they become.
enum ImageAttackOptions {
  static let budget: [OptionSpec] = [
    .budget(
      "eps",
      "budget in pixel units of [0, 1], or a fraction such as \"8/255\"; 1/255 for linf, no default "
        + "for l2"),
    .choice("norm", ["linf", "l2", "l1"], default: "linf", "norm of the budget"),
    .any(
      "loss", type: "string|function", default: "ce",
      "\"ce\", \"margin\", \"dlr\", or a function (logits, labels) -> [N] that is increased"),
    .integer("restarts", default: 1, range: 1...10_000, "random starts; the best counts"),
    .seed,
    .choice(
      "keep", ["best", "last"], "which iterate is returned; the attack's own habit when not given"),
    .integer("eot", default: 1, range: 1...100_000, "passes a gradient is averaged over"),
    .integer(
      "lattice", "8: the result lies on 8-bit levels, as a PNG can hold it").ranged(8...8),
  ]

  static let call: [OptionSpec] = [
    .any("targeted", type: "tensor|integer[]|string", "target labels, \"random\" or \"least-likely\""),
    .any("sample_ids", type: "integer[]", "stable numbers of the samples; 1 … N when not given"),
    .boolean("attack_all", default: true, "attack samples that are wrong when clean, too"),
    .boolean("early_stop", default: false, "samples that are solved leave the batch"),
    .boolean("trace", default: false, "record loss and margin of every iterate"),
    .integer("batch", default: 0, range: 0...1_000_000, "images at once; 0: all"),
    .any(
      "source", type: "classifier|function|list",
      "transfer: gradients come from here, success is judged on the classifier"),
    .boolean("progress", default: true, "show a progress bar"),
  ]

  /// The option `method` of attack tables, with every row's own options beside it.
  static let table: [OptionSpec] = {
    var specs: [OptionSpec] = [
      .choice("method", ImageAttackRow.all.map(\.name), default: "pgd", "the attack")
    ]
    specs += budget
    for row in ImageAttackRow.all {
      for option in row.options where !specs.contains(where: { $0.name == option.name }) {
        specs.append(option)
      }
    }
    return specs
  }()

  /// Settings that calls and attack tables share.
  static func settings(_ options: Options, _ call: Call) throws -> (
    settings: AttackSettings, record: [JSONValue.Member]
  ) {
    let norm = try Norm.named(options.string("norm"))
    let epsilon = try options.budgetIfGiven("eps", limit: norm == .linf ? 1 : nil)
    guard let value = epsilon ?? (norm == .linf ? 1.0 / 255 : nil) else {
      throw KilpiError("", "norm = \"\(norm)\" has no default budget", advice: "give eps")
    }
    var settings = AttackSettings(
      budget: try Budget(norm, value), seed: try call.randomSource(options).seed)
    settings.restarts = try options.integer("restarts")
    settings.draws = try options.integer("eot")
    settings.isOnEightBitLevels = options.has("lattice")
    if let keep = try options.stringIfGiven("keep") { settings.keep = Keep(rawValue: keep) }
    settings.firstIndex = 1
    settings.progress = call.progress
    let lossName: String
    if let function = options.value("loss").function {
      settings.loss = .custom { logits, classes in
        try function.tensor([logits, try classes.oneBased()], "loss")
      }
      lossName = "function"
    } else {
      lossName = options.has("loss") ? try options.string("loss") : "ce"
      settings.loss = try AttackLoss.named(lossName)
    }
    return (
      settings,
      [
        .init("norm", .string(norm.rawValue)), .init("eps", .number(value)),
        .init("eps_255", .number((value * 255 * 1e6).rounded() / 1e6)),
        .init("loss", .string(lossName)), .init("restarts", .integer(Int64(settings.restarts))),
        .init("seed", .integer(Int64(bitPattern: settings.seed))),
      ]
    )
  }

  /// The attack of a table `{method = "pgd", …}` of a trainer or an evaluation.
  static func specification(_ options: Options, _ call: Call) throws -> ImageAttackSpecification {
    let name = try options.string("method")
    guard let row = ImageAttackRow.all.first(where: { $0.name == name }) else {
      throw KilpiError("", "there is no attack '\(name)'")
    }
    let (settings, common) = try settings(options, call)
    let (attack, own) = try row.make(options)
    return ImageAttackSpecification(
      name: name, attack: attack, settings: settings,
      record: .object([.init("method", .string(name))] + common + own))
  }
}

extension OptionSpec {
  /// The same option with a range of integers.
  func ranged(_ range: ClosedRange<Int>) -> OptionSpec { .integer(name, range: range, doc) }
}

extension LuaFunction {
  /// The tensor that a script's function returns.
  func tensor(_ arguments: [any LuaConvertible], _ name: String) throws -> Tensor {
    let value = try first(arguments)
    guard let tensor = value.object(as: Tensor.self) else {
      throw KilpiError("", "the \(name) function returned a \(value.typeName), not a tensor")
    }
    return tensor
  }
}
