internal import AttackPlans
internal import Attacks
internal import ClipModels
internal import Datasets
internal import Defences
internal import Diagnostics
internal import Files
internal import LuaHost
internal import Tensors

extension DefendedClassifier: LuaObject {}
extension RandomizedSmoothingHandle: LuaObject {}

extension DefendedClassifier: ClassifierValue {
  func logits(of images: Tensor) throws -> Tensor { try logits(images) }
}

/// A smoothed classifier of a script.
final class RandomizedSmoothingHandle {
  let smoothing: RandomizedSmoothing
  let classifier: ZeroShotClassifier

  init(_ smoothing: RandomizedSmoothing, _ classifier: ZeroShotClassifier) {
    (self.smoothing, self.classifier) = (smoothing, classifier)
  }
}

extension ClipLibrary {
  private static let create = """
    local model = clip.create("tiny")
    local cls = model:classifier{"cat", "dog"}

    """

  /// `cls:with_NAME`, one for each defence.
  static let defences: [Method<ZeroShotClassifier>] =
    TestTimeDefences.all.map { defence in
      Method(
        "with_" + defence.name, "([options]) -> defended classifier",
        doc: """
          The classifier behind a defence that acts when it classifies: \(defence.summary). Attacks see \
          through it; random draws follow from the seed and the image.
          """,
        options: defence.options() + (defence.draws ? [.seed] : []),
        example: create + """
          local safe = cls:with_\(defence.name)()
          print(safe:logits(tensor.rand{3, 3, 16, 16}):size(1))  --> 3
          """
      ) { classifier, call in
        let options = try call.options(1)
        return [try DefendedClassifier(classifier, read(defence, options, call))]
      }
    } + [
      Method(
        "smoothed", "(options: table) -> smoothed classifier",
        doc: """
          Randomised smoothing (arXiv:1902.02918): the class that wins under Gaussian noise on pixels, with the \
          L2 radius within which that is certain. Forward passes only.
          """,
        options: [
          OptionSpec.budget("sigma", "standard deviation of the noise in [0, 1] units").mandatory,
          .integer(
            "n", default: 1000, range: 1...10_000_000, "draws that estimate the probability"),
          .integer("n0", default: 100, range: 1...10_000_000, "draws that choose the class"),
          .number(
            "alpha", default: 0.001, range: 1e-12...0.5, "how often a certificate may be wrong"),
          .integer("batch", default: 128, range: 1...65536, "noisy images at once"), .seed,
        ],
        example: create + """
          local labels, radii = cls:smoothed{sigma = 0.1, n = 50, n0 = 10}:certify(tensor.rand{2, 3, 16, 16})
          print(#labels, #radii)  --> 2\t2
          """
      ) { classifier, call in
        let options = try call.options(1)
        guard let sigma = try options.budgetIfGiven("sigma", limit: nil) else {
          throw options.problem("sigma", "is missing")
        }
        var smoothing = RandomizedSmoothing(deviation: sigma)
        smoothing.draws = try options.integer("n")
        smoothing.choosing = try options.integer("n0")
        smoothing.alpha = try options.number("alpha")
        smoothing.batch = try options.integer("batch")
        smoothing.seed = try call.randomSource(options).seed
        let frozen = try classifier.with(model: classifier.model.frozen())
        return [RandomizedSmoothingHandle(smoothing, frozen)]
      }
    ]

  private static func read<Defence: TestTimeDefence>(
    _ defence: Defence, _ options: Options, _ call: Call
  ) throws -> Defence {
    var own = defence
    try options.read(into: &own)
    if own.draws { own.seed = try call.randomSource(options).seed }
    return own
  }

  static let defendedType = HandleType(
    DefendedClassifier.self, name: "defended classifier",
    doc: "A classifier behind a defence at test time; attacks take it as it is and see through it.",
    methods: [
      Method(
        "logits", "(images: tensor) -> tensor",
        doc: "Logits [N, C] of images [N, 3, H, W] in [0, 1], through the defence.",
        example: create
          + "print(cls:with_noise{draws = 2}:logits(tensor.rand{3, 3, 16, 16}):size(2))  --> 2"
      ) { defended, call in [try defended.logits(call.images(1).batch)] },
      Method(
        "predict", "(images: tensor) -> labels: tensor, scores: tensor",
        doc: "The best class of each image, from 1, and its probability.",
        example: create + """
          local labels = cls:with_noise{draws = 2}:predict(tensor.rand{3, 3, 16, 16})
          print(#labels)  --> 3
          """
      ) { defended, call in
        let images = try call.images(1).batch
        let logits = try Tensor.withoutGradients { try defended.logits(images) }
        let labels = try logits.topClasses { "sample \($0 + 1)" }.map { Int64($0) }
        return [
          try Tensor(labels, shape: [labels.count]).oneBased(),
          try logits.softmax().max(axis: 1).values,
        ]
      },
    ],
    fields: [
      Field("name", type: "string", doc: "The defence.", get: { defended, _ in defended.name }),
      Field(
        "class_names", type: "string[]", doc: "The class names, as given.",
        get: { defended, _ in defended.base.classNames }),
      Field(
        "parameters", type: "table", doc: "The defence's name, parameters and seed.",
        get: { defended, _ in JSONConversion.Pushed(value: defended.record) }),
    ],
    metamethods: [
      Entry("__call", "(defended classifier, images: tensor) -> tensor", doc: "Its logits.") {
        call in
        let defended = try call.handle(1, as: DefendedClassifier.self)
        return [try defended.logits(call.images(2).batch)]
      },
      Entry("__tostring", "(defended classifier) -> string", doc: "One line.") { call in
        let defended = try call.handle(1, as: DefendedClassifier.self)
        return ["\(defended.name) over a classifier of \(defended.base.classNames.count) classes"]
      },
    ])

  static let smoothedType = HandleType(
    RandomizedSmoothingHandle.self, name: "smoothed classifier",
    doc: "A classifier under Gaussian noise, whose verdicts come with a certified L2 radius.",
    methods: [
      Method(
        "certify", "(images: tensor) -> labels: tensor, radii: tensor",
        doc: """
          The class of each image, from 1, and the radius in [0, 1] units within which no change in L2 moves \
          it; where it abstains both are 0, which counts as an error.
          """,
        example: create + """
          local _, radii = cls:smoothed{sigma = 0.1, n = 50, n0 = 10}:certify(tensor.rand{2, 3, 16, 16})
          print(radii:min():item() >= 0)  --> true
          """
      ) { handle, call in
        let images = try call.images(1).batch
        let found = try handle.smoothing.certify(
          images, handle.classifier, progress: call.progress)
        return [
          try Tensor(found.map { Int64(($0.label ?? -1) + 1) }, shape: [found.count]),
          try Tensor(found.map(\.radius), shape: [found.count]).converted(to: .float32),
        ]
      }
    ])

  static let interpolate = Entry(
    "interpolate", "(model: clip model, robust: clip model, share: number) -> clip model",
    doc: """
      Weights between two models of one architecture, (1 - share) * model + share * robust, as TeCoA and \
      MMCoA mix them (arXiv:2212.07016). Choose the share on a validation split; weights that both have keep their bits.
      """,
    example: """
      local a, b = clip.create("tiny", {seed = 1}), clip.create("tiny", {seed = 2})
      local half = clip.interpolate(a, b, 0.5)
      print(half:parameters()["visual.proj"]:shape()[1] == a:parameters()["visual.proj"]:shape()[1])  --> true
      """
  ) { call in
    let (model, robust) = (
      try call.handle(1, as: ClipModel.self), try call.handle(2, as: ClipModel.self)
    )
    let share = try call.number(3)
    guard (0...1).contains(share) else {
      throw KilpiError("share is \(ErrorText.number(share)), outside 0 … 1")
    }
    return [try model.interpolated(with: robust, share: share)]
  }
}
