internal import Attacks
internal import Diagnostics
internal import Evaluation
internal import Files
internal import LuaHost
internal import Tensors
internal import Training

/// Options that all image attacks share, and what they become.
enum ImageAttackOptions {
  static let budget: [OptionSpec] = [
    .budget(
      "eps",
      "budget in pixel units of [0, 1], or a fraction such as \"8/255\"; 1/255 for linf, no default "
        + "for l2 and l1"),
    .choice("norm", Norm.allCases.map(\.rawValue), default: "linf", "norm of the budget"),
    .any(
      "loss", type: "string|function", default: "ce",
      "\"ce\", \"margin\", \"dlr\", \"dlr-targeted\", or a function (logits, labels) -> [N] that is "
        + "increased; with targeted the labels are the targets"),
    .number(
      "kappa", range: 0...Double.greatestFiniteMagnitude,
      "loss = \"margin\": how far the loss is increased, 50 in TeCoA's CW-PGD; without end when not given"
    ),
    .integer("restarts", default: 1, range: 1...10_000, "random starts; the best counts"),
    .seed,
    .choice(
      "keep", ["best", "last"], "which iterate is returned; the attack's own habit when not given"),
    .integer("eot", default: 1, range: 1...100_000, "passes a gradient is averaged over"),
    .integer(
      "lattice",
      "8: the result lies on 8-bit levels, as a PNG can hold it; gradient attacks in linf end with moves "
        + "from level to level"
    ).ranged(8...8),
  ]

  /// The common options of one attack, with its own defaults.
  static func budget(of row: ImageAttackRow) -> [OptionSpec] {
    budget.compactMap { spec in
      switch spec.name {
      case "norm":
        return .choice("norm", row.norms.map(\.rawValue), default: row.norm.rawValue, spec.doc)
      case "eps" where row.isNearest:
        return .budget("eps", "budget that report.within_eps counts in; no limit when not given")
      case "keep" where row.isNearest: return nil
      case "kappa" where row.ignored.contains("loss"): return nil
      case let name where row.ignored.contains(name): return nil
      default: return spec
      }
    }
  }

  /// The options of a call, beside an attack's own, that this one takes.
  static func call(of row: ImageAttackRow) -> [OptionSpec] {
    call.filter { !row.ignored.contains($0.name) }
  }

  static let call: [OptionSpec] = [
    .any(
      "targeted", type: "tensor|integer[]|string",
      "target labels, \"random\", \"least-likely\", or \"all\": every other class in turn; a target that is "
        + "the image's own label leaves it out"),
    .handle(
      "mask", type: "tensor",
      "1 for pixels that may change, 0 for those that keep their bits: [H, W], [C, H, W], [N, 1, H, W] or "
        + "[N, C, H, W], 1 for all images or channels"),
    .handle(
      "init", type: "tensor",
      "images that the first run starts from, brought into the budget, instead of the attack's own start"
    ),
    .any("sample_ids", type: "integer[]", "stable numbers of the samples; 1 … N when not given"),
    .boolean("attack_all", default: true, "attack samples that are wrong when clean, too"),
    .boolean("early_stop", default: false, "samples that are solved leave the batch"),
    .boolean(
      "probes", default: true,
      "look for signs of masked gradients, at the cost of some 13 passes over the first images, at most "
        + "32; false for a quick look"
    ),
    .boolean("trace", default: false, "record loss and margin of every iterate"),
    .integer("batch", default: 0, range: 0...1_000_000, "images at once; 0: all"),
    .any(
      "source", type: "classifier|function|list",
      "transfer: gradients come from here, success is judged on the classifier"),
    .boolean("progress", default: true, "show a progress bar"),
  ]

  /// The option `mask` where images are not known beforehand.
  static let commonMask = OptionSpec.handle(
    "mask", type: "tensor",
    "1 for pixels that may change, 0 for those that keep their bits, the same for all images: [H, W] or [C, H, W]"
  )

  /// The option `method` of attack tables, with every row's own options beside it.
  ///
  /// Where attacks have different defaults the table names none: each attack's own applies.
  static let table: [OptionSpec] = {
    var specs: [OptionSpec] = [
      .choice("method", ImageAttackRow.all.map(\.name), default: "pgd", "the attack"),
      .string("name", "what tables and files call it; the method when not given"),
    ]
    for option in ImageAttackRow.all.flatMap({ budget(of: $0) + $0.options }) {
      if let index = specs.firstIndex(where: { $0.name == option.name }) {
        if specs[index].fallback != option.fallback { specs[index].fallback = nil }
      } else {
        specs.append(option)
      }
    }
    return specs
  }()

  /// Settings that calls and attack tables share.
  ///
  /// - Parameters:
  ///   - isUnlimited: without `eps` there is no limit, instead of the norm's default.
  ///   - loss: what is increased; nil means what the options `loss` and `kappa` say.
  ///   - takesLoss: false for attacks without these options.
  static func settings(
    _ options: Options, _ call: Call, isUnlimited: Bool = false, loss: AttackLoss? = nil,
    takesLoss: Bool = true
  ) throws -> (settings: AttackSettings, record: [JSONValue.Member]) {
    let norm = try Norm.named(options.string("norm"))
    let epsilon = try options.budgetIfGiven("eps", limit: norm == .linf ? 1 : nil)
    let usual = isUnlimited ? Double.infinity : norm == .linf ? 1.0 / 255 : nil
    guard let value = epsilon ?? usual else {
      throw KilpiError("", "norm = \"\(norm)\" has no default budget", advice: "give eps")
    }
    var settings = AttackSettings(
      budget: value.isFinite ? try Budget(norm, value) : .unlimited(norm),
      seed: try call.randomSource(options).seed)
    settings.restarts = try options.integerIfGiven("restarts") ?? 1
    settings.draws = try options.integerIfGiven("eot") ?? 1
    settings.isOnEightBitLevels = options.has("lattice")
    if let keep = try options.stringIfGiven("keep") { settings.keep = Keep(rawValue: keep) }
    settings.firstIndex = 1
    settings.progress = call.progress
    var lossName = "own"
    if let loss {
      settings.loss = loss
    } else if takesLoss {
      (settings.loss, lossName) = try self.loss(options)
    }
    var kappa: [JSONValue.Member] = []
    if loss == nil, takesLoss, let value = try options.numberIfGiven("kappa") {
      guard lossName == "margin" else {
        throw options.problem(
          "kappa", "goes with loss = \"margin\"", advice: "give that loss, or leave it out")
      }
      settings.loss = .margin(clamp: value)
      kappa = [.init("kappa", .number(value))]
    }
    return (
      settings,
      kappa + [
        .init("norm", .string(norm.rawValue)), .init("eps", .number(value)),
        .init("eps_255", .number((value * 255 * 1e6).rounded() / 1e6)),
        .init("loss", .string(lossName)), .init("restarts", .integer(Int64(settings.restarts))),
        .init("seed", .integer(Int64(bitPattern: settings.seed))),
      ]
    )
  }

  /// Puts the options `mask` and `init` of a call on some images into its settings.
  ///
  /// - Parameter isSingle: the call was given one image, and `init` may be one, too.
  static func addPixels(
    _ options: Options, _ images: Tensor, isSingle: Bool, to settings: inout AttackSettings
  ) throws {
    try refuseIgnored(options, ["init", "mask"])
    settings.mask = try mask(options)
    guard let start = try options.handleIfGiven("init", as: Tensor.self) else { return }
    let batch = isSingle && start.rank == 3 ? try start.unsqueezed(0) : start
    settings.startPoints = try batch.detached().converted(to: images.dtype)
  }

  /// Refuses options that the attack of a table has no use for.
  static func refuseIgnored(_ options: Options, _ names: [String]) throws {
    guard let method = options.value("method").string,
      let row = ImageAttackRow.all.first(where: { $0.name == method })
    else { return }
    for name in names where options.has(name) && row.ignored.contains(name) {
      throw options.problem(name, "is given, \(method) has no \(name)", advice: "leave it out")
    }
  }

  /// The option `mask`.
  static func mask(_ options: Options) throws -> PixelMask? {
    try options.handleIfGiven("mask", as: Tensor.self).map { try PixelMask($0) }
  }

  /// The option `loss`, and its name in records.
  static func loss(_ options: Options) throws -> (loss: AttackLoss, name: String) {
    if let function = options.value("loss").function {
      let loss = AttackLoss.custom { logits, classes in
        try function.tensor([logits, classes.oneBased()], "the loss function")
      }
      return (loss, "function")
    }
    let name = options.has("loss") ? try options.string("loss") : "ce"
    return (try AttackLoss.named(name), name)
  }

  /// The attack of a table `{method = "pgd", …}` of a trainer or an evaluation.
  ///
  /// - Parameters:
  ///   - evaluates: PGD and BIM then take 100 steps when none are given, not 10.
  ///   - keepsMask: the option `mask` is one for all images, and part of the attack.
  static func specification(
    _ options: Options, _ call: Call, evaluates: Bool = false, keepsMask: Bool = false
  ) throws -> ImageAttackSpecification {
    let name = try options.string("method")
    guard let row = ImageAttackRow.all.first(where: { $0.name == name }) else {
      throw KilpiError("", "there is no attack '\(name)'")
    }
    var specs = budget(of: row) + row.options
    if evaluates, name == "pgd" || name == "bim" {
      let long = OptionSpec.integer(
        "steps", default: 100, range: 1...1_000_000, "gradient steps; 100 in evaluations")
      specs = specs.map { $0.name == "steps" ? long : $0 }
    }
    let foreign = table.map(\.name).first { other in
      other != "method" && other != "name" && options.has(other)
        && !specs.contains { $0.name == other }
    }
    if let foreign {
      let advice = ErrorText.unknownOption(foreign, known: specs.map(\.name)).advice
      throw options.problem(
        foreign, "is none of method \"\(name)\"", advice: advice ?? "leave it out")
    }
    let title = try options.stringIfGiven("name")
    let mask = keepsMask ? try options.handleIfGiven("mask", as: Tensor.self) : nil
    let options = try options.narrowed(to: specs)
    var (settings, common) = try settings(
      options, call, takesLoss: !row.ignored.contains("loss"))
    settings.isWithinBudgetOnly = true
    if let mask {
      settings.mask = try PixelMask(mask)
      common.append(.init("mask", .string(EvaluatedImageAttack.digest(mask))))
    }
    let (attack, own) = try row.make(options)
    if attack.choosesRestarts {
      common = common.map { $0.key == "restarts" ? .init("restarts", "own") : $0 }
    }
    return ImageAttackSpecification(
      name: title ?? (attack is AutoAttack ? attack.name : name), attack: attack,
      settings: settings,
      record: .object([.init("method", .string(name))] + common + own))
  }
}

extension OptionSpec {
  /// The same option with a range of integers.
  func ranged(_ range: ClosedRange<Int>) -> OptionSpec { .integer(name, range: range, doc) }
}
