internal import Attacks
internal import Diagnostics
internal import Files
internal import LuaHost

extension ImageAttackRow {
  /// Iterative sign methods with momentum: one engine, whose parts each name switches on.
  static let momentum: [ImageAttackRow] = [
    row(
      "mifgsm", "Momentum iterative FGSM (arXiv:1710.06081).", MomentumIterative(name: "mifgsm")),
    row(
      "nifgsm", "Nesterov iterative FGSM: the gradient is taken ahead (arXiv:1908.06281).",
      MomentumIterative(name: "nifgsm", looksAhead: true)),
    row(
      "sifgsm",
      """
      Scale-invariant FGSM: the gradient is the mean over the copies x / 2^i (arXiv:1908.06281); with \
      nesterov = true SI-NI-FGSM.
      """, MomentumIterative(name: "sifgsm", scales: 5)),
    row(
      "vmifgsm",
      """
      Variance-tuned MI-FGSM: gradients at random neighbours correct the next step's (arXiv:2103.15571).
      """, MomentumIterative(name: "vmifgsm", variance: VarianceTuning())),
    row(
      "vnifgsm",
      """
      Variance-tuned NI-FGSM: VMI-FGSM with gradient and neighbours taken ahead (arXiv:2103.15571).
      """, MomentumIterative(name: "vnifgsm", looksAhead: true, variance: VarianceTuning())),
    row(
      "difgsm",
      """
      Diverse-input FGSM: each image is resized and padded at random before its gradient is taken \
      (arXiv:1803.06978); with momentum = 1 M-DI-FGSM.
      """, MomentumIterative(name: "difgsm", decay: 0, diversity: InputDiversity())),
    row(
      "tifgsm",
      """
      Translation-invariant FGSM: gradients are smoothed with a Gaussian kernel (arXiv:1904.02884); \
      with momentum = 1 TI-MI-FGSM.
      """, MomentumIterative(name: "tifgsm", decay: 0, smoothing: GradientSmoothing())),
  ]

  private static func row(
    _ name: String, _ doc: String, _ usual: MomentumIterative
  ) -> ImageAttackRow {
    func isOn(_ isOwn: Bool) -> String { isOwn ? ", the default" : "; off by default" }
    var options = [
      steps, step,
      .boolean("random_start", default: false, "start at a random point of the ball"),
      .number(
        "momentum", default: usual.decay, range: 0...Double.greatestFiniteMagnitude,
        "weight of the gradients before"),
      .integer(
        "scales", default: usual.scales, range: 1...64, "copies x / 2^i of the image; 1: it alone"),
      .any(
        "variance", type: "boolean|integer",
        "neighbours that correct the next gradient; true: 5" + isOn(usual.variance != nil)),
      .number(
        "beta", default: 1.5, range: 0...Double.greatestFiniteMagnitude,
        "how far neighbours lie, in budgets"),
      .any(
        "diversity", type: "boolean|number",
        "probability that an image is resized; true: 0.5" + isOn(usual.diversity != nil)),
      .number(
        "resize", default: 0.9, range: 0...1, "smallest side of a resized image, as a share"),
      .any(
        "smoothing", type: "boolean|integer",
        "side of the kernel that smooths gradients, odd; true: 5 up to 32 pixels, 7 up to 64, else 15"
          + isOn(usual.smoothing != nil)),
    ]
    if !usual.looksAhead {
      options.append(.boolean("nesterov", default: false, "take gradients ahead"))
    }
    return ImageAttackRow(name: name, doc: doc, options: options) { options in
      let attack = try engine(options, usual)
      return (attack, record(attack))
    }
  }

  private static func engine(
    _ options: Options, _ usual: MomentumIterative
  ) throws -> MomentumIterative {
    var attack = usual
    attack.steps = try options.integer("steps")
    attack.step = try options.budgetIfGiven("step")
    attack.startsAtRandom = try options.boolean("random_start")
    attack.decay = try options.number("momentum")
    attack.scales = try options.integer("scales")
    if !usual.looksAhead { attack.looksAhead = try options.boolean("nesterov") }
    if options.has("variance") {
      attack.variance = try part(options, "variance", { $0.int }) {
        VarianceTuning(neighbours: $0 ?? 5)
      }
    }
    attack.variance?.radius = try options.number("beta")
    if options.has("diversity") {
      attack.diversity = try part(options, "diversity", { $0.double }) {
        InputDiversity(probability: $0 ?? 0.5)
      }
    }
    attack.diversity?.ratio = try options.number("resize")
    if options.has("smoothing") {
      attack.smoothing = try part(options, "smoothing", { $0.int }) { GradientSmoothing(size: $0) }
    }
    return attack
  }

  /// A part that `true` or its number switches on, and `false` off.
  private static func part<Number, Part>(
    _ options: Options, _ name: String, _ read: (LuaValue) -> Number?, _ make: (Number?) -> Part
  ) throws -> Part? {
    let value = options.value(name)
    if case .boolean(let isOn) = value { return isOn ? make(nil) : nil }
    guard let number = read(value) else {
      throw options.problem(name, "must be true, false or a number, got \(value.typeName)")
    }
    return make(number)
  }

  private static func record(_ attack: MomentumIterative) -> [JSONValue.Member] {
    record(attack.steps, attack.step) + [
      .init("random_start", .bool(attack.startsAtRandom)),
      .init("momentum", .number(attack.decay)), .init("nesterov", .bool(attack.looksAhead)),
      .init("scales", .integer(Int64(attack.scales))),
      .init("variance", attack.variance.map { .integer(Int64($0.neighbours)) } ?? .bool(false)),
      .init("beta", attack.variance.map { .number($0.radius) } ?? .null),
      .init("diversity", attack.diversity.map { .number($0.probability) } ?? .bool(false)),
      .init("resize", attack.diversity.map { .number($0.ratio) } ?? .null),
      .init(
        "smoothing",
        attack.smoothing.map { $0.size.map { .integer(Int64($0)) } ?? .bool(true) } ?? .bool(false)),
    ]
  }
}
