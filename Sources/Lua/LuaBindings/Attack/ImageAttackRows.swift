internal import Attacks
internal import LuaHost

/// One image attack as scripts see it; to add one is to add a row.
///
/// Options, norms and what it has no use for are those that the attack declares.
struct ImageAttackRow: Sendable {
  /// The attack with its defaults.
  let attack: any ImageAttack
  let doc: String
  /// What follows the usual classifier, images and labels; nil for the usual example.
  var example: String?

  init(_ attack: any ImageAttack, _ doc: String, example: String? = nil) {
    (self.attack, self.doc, self.example) = (attack, doc, example)
  }

  var name: String { attack.method }
  /// A minimum-norm attack: no budget needed.
  var isNearest: Bool { attack is any MinimumNormAttack }
  /// Options beyond the common ones.
  var options: [OptionSpec] { attack.options() }

  /// Every image attack.
  static let all = withinBudget + momentum + automatic + nearest

  /// The row of a method.
  static func named(_ name: String) -> ImageAttackRow? { all.first { $0.name == name } }

  private static let withinBudget: [ImageAttackRow] = [
    ImageAttackRow(
      FastGradientSign(),
      "Fast gradient sign method, one step of length eps (arXiv:1412.6572)."),
    ImageAttackRow(
      RandomFastGradientSign(),
      "FGSM from a random corner: a random sign step, then a gradient sign step (arXiv:1705.07204)."
    ),
    ImageAttackRow(
      BasicIterativeMethod(),
      "Basic iterative method: PGD without random start, last iterate (arXiv:1607.02533)."),
    ImageAttackRow(
      ProjectedGradientDescent(),
      """
      Projected gradient descent in an Lp ball (arXiv:1706.06083). Keeps the best iterate: a successful \
      one before any other, then the largest loss.
      """),
  ]

  /// Iterative sign methods with momentum: one engine, whose parts each name switches on.
  private static let momentum: [ImageAttackRow] = [
    ImageAttackRow(
      MomentumIterative(name: "mifgsm"), "Momentum iterative FGSM (arXiv:1710.06081)."),
    ImageAttackRow(
      MomentumIterative(name: "nifgsm", looksAhead: true),
      "Nesterov iterative FGSM: the gradient is taken ahead (arXiv:1908.06281)."),
    ImageAttackRow(
      MomentumIterative(name: "sifgsm", scales: 5),
      """
      Scale-invariant FGSM: the gradient is the mean over the copies x / 2^i (arXiv:1908.06281); with \
      nesterov = true SI-NI-FGSM.
      """),
    ImageAttackRow(
      MomentumIterative(name: "vmifgsm", variance: VarianceTuning()),
      """
      Variance-tuned MI-FGSM: gradients at random neighbours correct the next step's (arXiv:2103.15571).
      """),
    ImageAttackRow(
      MomentumIterative(name: "vnifgsm", looksAhead: true, variance: VarianceTuning()),
      """
      Variance-tuned NI-FGSM: VMI-FGSM with gradient and neighbours taken ahead (arXiv:2103.15571).
      """),
    ImageAttackRow(
      MomentumIterative(name: "difgsm", decay: 0, diversity: InputDiversity()),
      """
      Diverse-input FGSM: each image is resized and padded at random before its gradient is taken \
      (arXiv:1803.06978); with momentum = 1 M-DI-FGSM.
      """),
    ImageAttackRow(
      MomentumIterative(name: "tifgsm", decay: 0, smoothing: GradientSmoothing()),
      """
      Translation-invariant FGSM: gradients are smoothed with a Gaussian kernel (arXiv:1904.02884); \
      with momentum = 1 TI-MI-FGSM.
      """),
  ]

  /// Attacks without a step length to choose.
  private static let automatic: [ImageAttackRow] = [
    ImageAttackRow(
      AutoProjectedGradientDescent(),
      """
      Auto-PGD: halves its step and returns to the best point where the loss stops growing \
      (arXiv:2003.01690; L1: arXiv:2103.01208). loss = "ce", "dlr" or "dlr-targeted", which takes the \
      classes that rank highest on the clean image one after another, on the samples that are left.
      """),
    ImageAttackRow(
      SquareAttack(),
      """
      Square: random search with square windows, which asks for logits alone (arXiv:1912.00049). The loss \
      is always the margin.
      """),
    ImageAttackRow(
      FastAdaptiveBoundary(),
      """
      Fast adaptive boundary attack: walks along the decision boundary towards the image, class by class \
      (arXiv:1907.02044), and bisects the last stretch.
      """),
    ImageAttackRow(
      AutoAttack(),
      """
      AutoAttack, in the version that is named (arXiv:2003.01690): its stages run in order, each on the \
      samples that are left. "standard": APGD-CE, APGD-T, FAB-T, Square; "plus": more restarts; "rand": \
      for stochastic models; "ce+dlr" and "ce+t": what TeCoA and FARE call AutoAttack. Stages have their \
      own losses and restarts. report.attack names the version (AA/standard; AA/standard-C2 where too few \
      classes leave stages out), report.stages what each did. In L1 "standard" begins in wider balls, with \
      five restarts of APGD-CE and five classes of APGD-T (arXiv:2103.01208).
      """,
      example: """
        local adv, report = attack.autoattack(classify, x, y, {eps = "8/255", version = "ce+dlr"})
        print(report.attack, #report.stages)  --> AA/ce+dlr-C2\t1
        """),
  ]

  /// Attacks that look for the nearest adversarial image.
  private static let nearest: [ImageAttackRow] = [
    ImageAttackRow(
      DeepFool(),
      """
      DeepFool: steps to the nearest face of the linearised decision region until the class changes \
      (arXiv:1511.04599). Untargeted.
      """),
    ImageAttackRow(
      CarliniWagner(),
      """
      Carlini and Wagner's L2 attack: Adam on distance plus c times a hinge of the margin, and a search \
      for c, sample by sample (arXiv:1608.04644).
      """),
    ImageAttackRow(
      DecoupledDirectionNorm(),
      """
      Decoupled direction and norm: the direction follows the gradient, the norm shrinks by a share \
      after success and grows after failure (arXiv:1811.09600). L2.
      """),
  ]
}
