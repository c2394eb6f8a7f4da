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
  /// The norm when none is given.
  var norm = Norm.linf
  /// A minimum-norm attack: no budget needed.
  var isNearest = false
  /// The norms that it has a form for.
  var norms = Norm.allCases
  /// Common options that it does not take.
  var ignored: Set<String> = []
  /// Options beyond the common ones.
  let options: [OptionSpec]
  /// What follows the usual classifier, images and labels; nil for the usual example.
  var example: String?
  /// The attack that options describe; the record names its own parameters.
  let make: @Sendable (Options) throws -> (attack: any ImageAttack, record: [JSONValue.Member])

  static let steps = OptionSpec.integer(
    "steps", default: 10, range: 1...1_000_000, "gradient steps")
  static let step = OptionSpec.budget(
    "step",
    "length of a step in pixel units of [0, 1]; max(1/255, 2.5 * eps / steps) for linf, "
      + "2.5 * eps / steps for l2 and l1")
  static let randomStart = OptionSpec.boolean(
    "random_start", default: true, "start at a random point of the ball")

  /// Every image attack.
  static let all = withinBudget + momentum + automatic + nearest

  private static let withinBudget: [ImageAttackRow] = [
    ImageAttackRow(
      name: "fgsm",
      doc: "Fast gradient sign method, one step of length eps (arXiv:1412.6572).",
      ignored: ["init"], options: [],
      make: { _ in (FastGradientSign(), []) }),
    ImageAttackRow(
      name: "rfgsm",
      doc:
        "FGSM from a random corner: a random sign step, then a gradient sign step (arXiv:1705.07204).",
      norms: [.linf], ignored: ["init"],
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
  ]

  static func record(_ steps: Int, _ step: Double?) -> [JSONValue.Member] {
    [.init("steps", .integer(Int64(steps))), .init("step", step.map { .number($0) } ?? .null)]
  }
}
