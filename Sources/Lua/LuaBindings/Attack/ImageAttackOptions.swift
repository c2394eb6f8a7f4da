internal import AttackPlans
internal import Attacks
internal import Diagnostics
internal import LuaHost
internal import Tensors

/// Options that all image attacks share, and what they become.
enum ImageAttackOptions {
  static let budget: [OptionSpec] =
    [
      .budget(
        "eps",
        "budget in pixel units of [0, 1], or a fraction such as \"8/255\"; 1/255 for linf, no default "
          + "for l2 and l1"),
      .choice("norm", Norm.allCases.map(\.rawValue), default: "linf", "norm of the budget"),
      .any(
        "loss", type: "string|function", default: "ce",
        "\"ce\", \"margin\", \"dlr\", \"dlr-targeted\", or a function (logits, labels) -> [N] that is "
          + "increased; with targeted the labels are the targets"),
      kappa,
      .seed,
    ] + AttackSettings().options(["restarts", "keep", "eot", "lattice"])

  private static let kappa = OptionSpec.number(
    "kappa", range: 0...Double.infinity,
    "loss = \"margin\": how far the loss is increased, 50 in TeCoA's CW-PGD; without end when not given"
  )

  /// The common options of one attack, with its own defaults.
  static func budget(of attack: any ImageAttack) -> [OptionSpec] {
    let own = Set(attack.options().map(\.name))
    return budget.filter { takes($0.name, attack) && !own.contains($0.name) }.map { spec in
      switch spec.name {
      case "norm":
        return .choice(
          "norm", attack.norms.map(\.rawValue), default: attack.norms.first?.rawValue, spec.doc)
      case "eps" where attack is any MinimumNormAttack:
        return .budget("eps", "budget that report.within_eps counts in; no limit when not given")
      default: return spec
      }
    }
  }

  /// False for a common option that the attack has no use for.
  static func takes(_ option: String, _ attack: any ImageAttack) -> Bool {
    // The margin's limit goes with the loss.
    let name = option == kappa.name ? SharedSetting.loss.rawValue : option
    return SharedSetting(rawValue: name).map { !attack.unused.contains($0) } ?? true
  }

  /// The options of a call, beside an attack's own, that this one takes.
  static func call(of attack: any ImageAttack) -> [OptionSpec] {
    call.filter { takes($0.name, attack) }
  }

  static let call: [OptionSpec] =
    [
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
      .any(
        "source", type: "classifier|function|list",
        "transfer: gradients come from here, success is judged on the classifier"),
    ] + AttackSettings().options(["attack_all", "early_stop", "probes", "trace", "batch"]) + [
      .boolean("progress", default: true, "show a progress bar")
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
    for option in ImageAttackRow.all.flatMap({ budget(of: $0.attack) + $0.options }) {
      if let index = specs.firstIndex(where: { $0.name == option.name }) {
        if specs[index].fallback != option.fallback { specs[index].fallback = nil }
        specs[index].form = widest(specs[index].form, option.form)
      } else {
        specs.append(option)
      }
    }
    return specs
  }()

  /// The range that holds both: which numbers one attack takes is asked when the method is known.
  private static func widest(_ a: OptionSpec.Form, _ b: OptionSpec.Form) -> OptionSpec.Form {
    switch (a, b) {
    case (.integer(let a), .integer(let b)):
      return .integer(min(a.lowerBound, b.lowerBound)...max(a.upperBound, b.upperBound))
    case (.number(let a), .number(let b)):
      return .number(min(a.lowerBound, b.lowerBound)...max(a.upperBound, b.upperBound))
    default: return a
    }
  }

  /// Settings that calls and attack tables share.
  ///
  /// - Parameters:
  ///   - attack: whose norms, defaults and unused settings hold; nil for searches that increase a loss of
  ///     their own.
  ///   - isUnlimited: without `eps` there is no limit, instead of the norm's default.
  static func settings(
    _ options: Options, _ call: Call, for attack: (any ImageAttack)?, isUnlimited: Bool = false
  ) throws -> AttackSettings {
    let norm = try Norm.named(options.string("norm"))
    let epsilon = try options.budgetIfGiven("eps", limit: norm == .linf ? 1 : nil)
    let usual = isUnlimited ? Double.infinity : norm == .linf ? 1.0 / 255 : nil
    guard let value = epsilon ?? usual else {
      throw KilpiError("norm = \"\(norm)\" has no default budget", advice: "give eps")
    }
    var settings = AttackSettings(
      budget: value.isFinite ? try Budget(norm, value) : .unlimited(norm),
      seed: try call.randomSource(options).seed)
    try options.read(into: &settings)
    settings.reporting.firstIndex = 1
    settings.reporting.progress = call.progress
    if attack?.choosesLoss == false { settings.search.loss = try loss(options) }
    return settings
  }

  /// Puts the options `mask` and `init` of a call on some images into its settings.
  ///
  /// - Parameter isSingle: the call was given one image, and `init` may be one, too.
  static func addPixels(
    _ options: Options, _ images: Tensor, isSingle: Bool, to settings: inout AttackSettings
  ) throws {
    try refuseIgnored(options, ["init", "mask"])
    settings.threat.mask = try mask(options)
    guard let start = try options.handleIfGiven("init", as: Tensor.self) else { return }
    let batch = isSingle && start.rank == 3 ? try start.unsqueezed(0) : start
    settings.search.startPoints = try batch.detached().converted(to: images.dtype)
  }

  /// Refuses options that the attack of a table has no use for.
  static func refuseIgnored(_ options: Options, _ names: [String]) throws {
    guard let method = options.value("method").string, let row = ImageAttackRow.named(method)
    else { return }
    for name in names where options.has(name) && !takes(name, row.attack) {
      throw options.problem(name, "is given, \(method) has no \(name)", advice: "leave it out")
    }
  }

  /// The option `mask`.
  static func mask(_ options: Options) throws -> PixelMask? {
    try options.handleIfGiven("mask", as: Tensor.self).map { try PixelMask($0) }
  }

  /// The option `loss`, with `kappa` where the margin has a limit.
  static func loss(_ options: Options) throws -> AttackLoss {
    try options.check(
      kappa.name, goesWith: [ParameterCondition(option: "loss", value: "margin")])
    if let function = options.value("loss").function {
      return .custom { logits, classes in
        try function.tensor([logits, classes.oneBased()], "the loss function")
      }
    }
    let loss = try AttackLoss.named(options.has("loss") ? options.string("loss") : "ce")
    guard options.has(kappa.name) else { return loss }
    return .margin(clamp: try options.number(kappa.name))
  }

  /// The attack of a table `{method = "pgd", …}` of a trainer or an evaluation.
  ///
  /// - Parameters:
  ///   - evaluates: the defaults are those of evaluations.
  ///   - usual: the attack with the defaults that hold here; nil for the method's own.
  ///   - keepsMask: the option `mask` is one for all images, and part of the attack.
  static func specification(
    _ options: Options, _ call: Call, usual: (any ImageAttack)? = nil, evaluates: Bool = false,
    keepsMask: Bool = false
  ) throws -> ImageAttackSpecification {
    let method = try options.string("method")
    guard let row = ImageAttackRow.named(method) else {
      throw KilpiError("there is no attack '\(method)'")
    }
    var attack = usual ?? (evaluates ? row.attack.forEvaluations() : row.attack)
    let specs = budget(of: attack) + attack.options()
    let foreign = table.map(\.name).first { other in
      other != "method" && other != "name" && options.has(other)
        && !specs.contains { $0.name == other }
    }
    if let foreign {
      let advice = ErrorText.unknownOption(foreign, known: specs.map(\.name)).advice
      throw options.problem(
        foreign, "is none of method \"\(method)\"", advice: advice ?? "leave it out")
    }
    let title = try options.stringIfGiven("name")
    let mask = keepsMask ? try options.handleIfGiven("mask", as: Tensor.self) : nil
    let options = try options.narrowed(to: specs)
    var settings = try settings(options, call, for: attack)
    settings.threat.isWithinBudgetOnly = true
    try options.read(into: &attack)
    attack = attack.following(settings.search.loss)
    var specification = ImageAttackSpecification(
      name: title ?? attack.name, attack: attack, settings: settings)
    if let mask { try specification.keep(mask: mask) }
    return specification
  }
}
