internal import Attacks
internal import Files
internal import LuaHost

extension ImageAttackRow {
  /// Attacks without a step length to choose.
  static let automatic: [ImageAttackRow] = [autoGradient]

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
}
