internal import Attacks
internal import Files
internal import LuaHost

extension ImageAttackRow {
  /// Attacks that look for the nearest adversarial image.
  static let nearest: [ImageAttackRow] = [
    ImageAttackRow(
      name: "deepfool",
      doc: """
        DeepFool: steps to the nearest face of the linearised decision region until the class changes \
        (arXiv:1511.04599). Untargeted.
        """,
      isNearest: true, norms: [.linf, .l2],
      ignored: ["loss", "restarts", "targeted", "init"],
      options: [
        .integer("steps", default: 50, range: 1...1_000_000, "steps"),
        .number(
          "overshoot", default: 0.02, range: 0...Double.greatestFiniteMagnitude,
          "share by which the change is lengthened"),
        .integer(
          "candidates", default: 10, range: 1...1_000_000,
          "classes looked at, by their rank on the clean image"),
      ],
      make: { options in
        let steps = try options.integer("steps")
        let overshoot = try options.number("overshoot")
        let candidates = try options.integer("candidates")
        return (
          DeepFool(steps: steps, overshoot: overshoot, candidates: candidates),
          [
            .init("steps", .integer(Int64(steps))), .init("overshoot", .number(overshoot)),
            .init("candidates", .integer(Int64(candidates))),
          ]
        )
      }),
    ImageAttackRow(
      name: "cw",
      doc: """
        Carlini and Wagner's L2 attack: Adam on distance plus c times a hinge of the margin, and a search \
        for c, sample by sample (arXiv:1608.04644).
        """,
      norm: .l2, isNearest: true, norms: [.l2],
      ignored: ["loss", "restarts"],
      options: [
        .integer(
          "steps", range: 1...1_000_000, "Adam's steps for each c; 10000, or 200 with fast = true"),
        .integer(
          "search_steps", range: 1...1000, "values of c tried; 9, or 5 with fast = true"),
        .number("lr", default: 0.01, range: positive, "Adam's step size"),
        .number("c", default: 0.001, range: positive, "the first c"),
        .number(
          "kappa", default: 0, range: 0...Double.greatestFiniteMagnitude,
          "margin of the logits that a result must have"),
        .boolean("fast", default: false, "a short search, for a first look"),
      ],
      make: { options in
        let usual = try options.boolean("fast") ? CarliniWagner.fast : CarliniWagner()
        let attack = CarliniWagner(
          searchSteps: try options.integerIfGiven("search_steps") ?? usual.searchSteps,
          steps: try options.integerIfGiven("steps") ?? usual.steps,
          learningRate: try options.number("lr"), initialConstant: try options.number("c"),
          confidence: try options.number("kappa"))
        return (
          attack,
          [
            .init("steps", .integer(Int64(attack.steps))),
            .init("search_steps", .integer(Int64(attack.searchSteps))),
            .init("lr", .number(attack.learningRate)), .init("c", .number(attack.initialConstant)),
            .init("kappa", .number(attack.confidence)),
          ]
        )
      }),
    ImageAttackRow(
      name: "ddn",
      doc: """
        Decoupled direction and norm: the direction follows the gradient, the norm shrinks by a share \
        after success and grows after failure (arXiv:1811.09600). L2.
        """,
      norm: .l2, isNearest: true, norms: [.l2], ignored: ["restarts"],
      options: [
        .integer("steps", default: 100, range: 1...1_000_000, "gradient steps"),
        .number("init_norm", default: 1, range: positive, "the first norm, in pixel units"),
        .number("gamma", default: 0.05, "share by which the norm changes, between 0 and 1"),
      ],
      make: { options in
        let attack = DecoupledDirectionNorm(
          steps: try options.integer("steps"), initialNorm: try options.number("init_norm"),
          gamma: try options.number("gamma"))
        return (
          attack,
          [
            .init("steps", .integer(Int64(attack.steps))),
            .init("init_norm", .number(attack.initialNorm)),
            .init("gamma", .number(attack.gamma)),
          ]
        )
      }),
  ]

  private static let positive = Double.leastNormalMagnitude...Double.greatestFiniteMagnitude
}
