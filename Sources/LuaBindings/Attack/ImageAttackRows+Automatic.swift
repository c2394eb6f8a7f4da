internal import Attacks
internal import Files
internal import LuaHost

extension ImageAttackRow {
  /// Attacks without a step length to choose.
  static let automatic: [ImageAttackRow] = [autoGradient, square, boundary, ensemble]

  private static let autoGradient = ImageAttackRow(
    name: "apgd",
    doc: """
      Auto-PGD: halves its step and returns to the best point where the loss stops growing \
      (arXiv:2003.01690; L1: arXiv:2103.01208). loss = "ce", "dlr" or "dlr-targeted", which takes the \
      classes that rank highest on the clean image one after another, on the samples that are left.
      """,
    options: [
      .integer("steps", default: 100, range: 1...1_000_000, "gradient steps of one walk"),
      .number(
        "rho", default: 0.75, range: 0...1, "share of increases below which a step is halved"),
      .integer(
        "n_targets", range: 1...1_000_000,
        "classes that loss = \"dlr-targeted\" takes; 9, or all others where there are fewer"),
      .boolean(
        "best_loss", default: false,
        "return the point with the largest loss, instead of a successful one before any other"),
      .boolean(
        "compat", default: false,
        "count as the released code does, which compares the first step with zero"),
      .boolean(
        "wide_start", default: false,
        "L1: walk through balls of three and two times eps first, as AutoAttack does"),
    ],
    make: { options in
      let steps = try options.integer("steps")
      let aims = options.value("loss").string == "dlr-targeted"
      let classes = try options.integerIfGiven("n_targets")
      if classes != nil, !aims {
        throw options.problem(
          "n_targets", "goes with loss = \"dlr-targeted\"",
          advice: "give that loss, or leave it out")
      }
      let attack = AutoProjectedGradientDescent(
        steps: steps, rho: try options.number("rho"), aimsAtClasses: aims, classes: classes,
        isCompatible: try options.boolean("compat"),
        keepsLargestLoss: try options.boolean("best_loss"),
        beginsWide: try options.boolean("wide_start"))
      return (
        attack,
        [
          .init("steps", .integer(Int64(steps))), .init("rho", .number(attack.rho)),
          .init("n_targets", classes.map { .integer(Int64($0)) } ?? .null),
          .init("best_loss", .bool(attack.keepsLargestLoss)),
          .init("compat", .bool(attack.isCompatible)),
          .init("wide_start", .bool(attack.beginsWide)),
        ]
      )
    })

  private static let square = ImageAttackRow(
    name: "square",
    doc: """
      Square: random search with square windows, which asks for logits alone (arXiv:1912.00049). The loss \
      is always the margin.
      """,
    ignored: ["loss", "kappa"],
    options: [
      .integer(
        "queries", default: 5000, range: 1...100_000_000, "images that the model is asked about"),
      .number("p", default: 0.8, range: 0...1, "share of the pixels in the first windows"),
      .boolean(
        "rescale", default: false,
        "stretch the schedule of window sides, made for 10,000 queries, to queries"),
    ],
    make: { options in
      let attack = SquareAttack(
        queries: try options.integer("queries"), share: try options.number("p"),
        rescales: try options.boolean("rescale"))
      return (
        attack,
        [
          .init("queries", .integer(Int64(attack.queries))), .init("p", .number(attack.share)),
          .init("rescale", .bool(attack.rescales)),
        ]
      )
    })

  private static let boundary = ImageAttackRow(
    name: "fab",
    doc: """
      Fast adaptive boundary attack: walks along the decision boundary towards the image, class by class \
      (arXiv:1907.02044), and bisects the last stretch.
      """,
    isNearest: true, ignored: ["loss", "kappa"],
    options: [
      .integer("steps", default: 100, range: 1...1_000_000, "steps towards one class"),
      .number("alpha_max", default: 0.1, range: 0...1, "largest weight of the clean image"),
      .number("eta", default: 1.05, range: 1...1000, "overshoot across the boundary"),
      .number("beta", default: 0.9, range: 0...1, "how far a successful point is drawn back"),
      .integer(
        "n_targets", range: 0...1_000_000,
        "classes taken one after another, by rank on the clean image; 9, or all others where there are "
          + "fewer; 0: the nearest of all at each step"),
      .boolean("compat", default: false, "no bisection at the end, as in the released code"),
    ],
    make: { options in
      let classes = try options.integerIfGiven("n_targets")
      let attack = FastAdaptiveBoundary(
        steps: try options.integer("steps"), alphaMax: try options.number("alpha_max"),
        eta: try options.number("eta"), beta: try options.number("beta"), classes: classes,
        isCompatible: try options.boolean("compat"))
      return (
        attack,
        [
          .init("steps", .integer(Int64(attack.steps))),
          .init("alpha_max", .number(attack.alphaMax)), .init("eta", .number(attack.eta)),
          .init("beta", .number(attack.beta)),
          .init("n_targets", classes.map { .integer(Int64($0)) } ?? .null),
          .init("compat", .bool(attack.isCompatible)),
        ]
      )
    })

  private static let ensemble = ImageAttackRow(
    name: "autoattack",
    doc: """
      AutoAttack, in the version that is named (arXiv:2003.01690): its stages run in order, each on the \
      samples that are left. "standard": APGD-CE, APGD-T, FAB-T, Square; "plus": more restarts; "rand": \
      for stochastic models; "ce+dlr" and "ce+t": what TeCoA and FARE call AutoAttack. Stages have their \
      own losses and restarts. report.attack names the version (AA/standard; AA/standard-C2 where too few \
      classes leave stages out), report.stages what each did. In L1 "standard" begins in wider balls, with \
      five restarts of APGD-CE and five classes of APGD-T (arXiv:2103.01208).
      """,
    ignored: ["loss", "kappa", "restarts", "keep", "targeted", "source", "trace", "init"],
    options: [
      .choice(
        "version", AutoAttack.Version.allCases.map(\.rawValue), default: "standard",
        "which stages")
    ],
    example: """
      local adv, report = attack.autoattack(classify, x, y, {eps = "8/255", version = "ce+dlr"})
      print(report.attack, #report.stages)  --> AA/ce+dlr-C2\t1
      """,
    make: { options in
      let version = try options.string("version")
      return (
        AutoAttack(AutoAttack.Version(rawValue: version) ?? .standard),
        [.init("version", .string(version))]
      )
    })
}
