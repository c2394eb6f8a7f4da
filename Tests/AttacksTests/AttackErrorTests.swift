import Attacks
import Diagnostics
import Tensors
import Testing

/// The texts of every refusal, and what is refused: I17, I21, I22, B01, B17, B26, B53.
@Suite struct AttackErrorTests {
  @Test(
    "B04: every loss has its name, and no other name has a loss",
    arguments: [
      "ce", "margin", "dlr",
    ])
  func losses(_ name: String) throws {
    let found: String
    switch try AttackLoss.named(name) {
    case .crossEntropy: found = "ce"
    case .margin: found = "margin"
    case .dlr: found = "dlr"
    default: found = "another"
    }
    #expect(found == name)
    #expect(throws: KilpiError.self) { try AttackLoss.named(name + "x") }
  }

  struct Case: CustomTestStringConvertible, @unchecked Sendable {
    var id: String
    var expected: String
    var call: () throws -> Void
    var testDescription: String { id }

    init(_ id: String, _ expected: String, _ call: @escaping () throws -> Void) {
      (self.id, self.expected, self.call) = (id, expected, call)
    }
  }

  /// A classifier in a box, so that a trailing closure can only mean the settings.
  struct Model {
    var call: Classifier
    init(_ call: Classifier) { self.call = call }
  }

  static let model = ToyModel(kind: .linear, shape: [3, 2, 2], classes: 3)

  /// Runs PGD with the parts that a case changes.
  static func run(
    _ classifier: Model? = nil, images: Tensor? = nil, criterion: Criterion? = nil,
    attack: any FixedBudgetAttack = ProjectedGradientDescent(steps: 3),
    _ change: (inout AttackSettings) throws -> Void = { _ in }
  ) throws {
    let (clean, labels) = try model.samples(2, margin: 0.3)
    var settings = AttackSettings()
    settings.reporting.firstIndex = 1
    try change(&settings)
    _ = try attack.run(
      classifier?.call ?? model.classifier(), images: images ?? clean,
      criterion: criterion ?? .misclassified(labels), settings: settings)
  }

  /// Logits that become NaN for one sample from the given call on.
  static func poisoned(sample: Int, call: Int) -> Model {
    var calls = 0
    return Model(
      Classifier { images in
        calls += 1
        let logits = try model.classifier()(images)
        guard calls >= call else { return logits }
        let mask = try Tensor(
          (0..<images.shape[0]).map { $0 == sample ? Float.nan : 1 }, shape: [images.shape[0], 1])
        return try logits * mask
      })
  }

  static func classes(_ count: Int) -> Model {
    Model(ToyModel(kind: .linear, shape: [3, 2, 2], classes: count).classifier())
  }

  static let cases: [Case] = [
    Case(
      "B01: normalised pixels",
      "pixel values run from -2.0 to 2.5, outside 0 … 1 (attacks take unnormalised images; the "
        + "classifier normalises inside)"
    ) {
      try run(images: Tensor([-2, 2.5] + [Float](repeating: 0, count: 22), shape: [2, 3, 2, 2]))
    },
    Case(
      "NaN pixels",
      "pixel values run from nan to nan, outside 0 … 1 (attacks take unnormalised images; the "
        + "classifier normalises inside)"
    ) { try run(images: Tensor.full([2, 3, 2, 2], .nan)) },
    Case("one image", "images are float32 with 3 axes (attacks take float images [N, 3, H, W])") {
      try run(images: Tensor.full([3, 2, 2], 0.5))
    },
    Case("integers", "images are int64 with 4 axes (attacks take float images [N, 3, H, W])") {
      try run(images: Tensor.zeros([2, 3, 2, 2], .int64))
    },
    Case("labels", "there are 1 labels for 2 images (give one label an image)") {
      try run(criterion: .misclassified([0]))
    },
    Case(
      "B53: a label beyond the logits",
      "labels[2] is 4, classes are 1 … 3 (labels count from 1)"
    ) {
      try run(criterion: .misclassified([0, 3]))
    },
    Case("a negative label", "labels[1] is 0, classes are 1 … 3 (labels count from 1)") {
      try run(criterion: .misclassified([-1, 0]))
    },
    Case("a label counted from 0", "labels[0] is 7, classes are 0 … 2") {
      try run(criterion: .misclassified([7, 0])) { $0.reporting.firstIndex = 0 }
    },
    Case("a target", "targets[2] is 9, classes are 1 … 3 (targets count from 1)") {
      try run(criterion: .targeted(.classes([0, 8]), labels: [1, 1]))
    },
    Case("targets", "there are 3 targets for 2 images (give one target an image)") {
      try run(criterion: .targeted(.classes([0, 1, 2]), labels: [1, 1]))
    },
    Case("sample ids", "there are 3 sample ids for 2 images (give one id an image)") {
      try run { $0.search.sampleIDs = [1, 2, 3] }
    },
    Case("L2 for R-FGSM", "rfgsm has no form for norm = \"l2\" (it takes \"linf\")") {
      try run(attack: RandomFastGradientSign()) { $0.threat.budget = try Budget(.l2, 1) }
    },
    Case("steps", "steps is 0, at least 1 is needed") {
      try run(attack: ProjectedGradientDescent(steps: 0))
    },
    Case(
      "step in levels",
      "step is 2, outside 0 … 1 (for 2 of 255 levels write step = \"2/255\")"
    ) { try run(attack: BasicIterativeMethod(step: 2)) },
    Case(
      "no step",
      "step is 0, a length above 0 is needed (lengths are in pixel units of 0 … 1, like eps)"
    ) { try run(attack: MomentumIterative(step: 0)) },
    Case("momentum", "momentum is nan, at least 0 is needed") {
      try run(attack: ProjectedGradientDescent(momentum: .nan))
    },
    Case("random step", "the random step 0.5 is outside 0 … eps (leave it out for eps / 2)") {
      try run(attack: RandomFastGradientSign(randomStep: 0.5))
    },
    Case("restarts", "restarts is 0, at least 1 is needed") { try run { $0.search.restarts = 0 } },
    Case("draws", "eot is 0, at least 1 is needed") { try run { $0.search.draws = 0 } },
    Case(
      "start points",
      "init is float32 [1, 3, 2, 2], the images are float32 [2, 3, 2, 2] (one start point an image, of its "
        + "size)"
    ) { try run { $0.search.startPoints = try Tensor.zeros([1, 3, 2, 2]) } },
    Case("start points that are no numbers", "init holds NaN or infinity") {
      try run { $0.search.startPoints = try Tensor.full([2, 3, 2, 2], .nan) }
    },
    Case(
      "one logit that is infinite, and not of the label's class",
      "the logits of sample 2 are not finite at step 1 (check the classifier's output on this image)"
    ) {
      try run(
        Model(
          Classifier { images in
            let logits = try model.classifier()(images)
            let rows = try Tensor([0, 1] as [Float], shape: [2, 1])
            let columns = try Tensor([0, 0, 1] as [Float], shape: [1, 3])
            let place = try (rows * columns).narrowed(
              0, start: 2 - images.shape[0], length: images.shape[0])
            return try Tensor.select(place, Tensor.scalar(-.infinity, .float32), logits)
          }), criterion: .misclassified([0, 0]),
        attack: ProjectedGradientDescent(startsAtRandom: false))
    },
    Case(
      "I21: dlr with two classes",
      "the dlr loss needs 3 classes, the classifier has 2 (use loss = \"ce\" or \"margin\")"
    ) { try run(classes(2)) { $0.search.loss = .dlr } },
    Case(
      "I21: targeted dlr with three classes",
      "the targeted dlr loss needs 4 classes, the classifier has 3 (use loss = \"ce\" or \"margin\")"
    ) {
      try run(criterion: .targeted(.leastLikely, labels: [0, 1])) { $0.search.loss = .dlr }
    },
    Case(
      "I21: dlr-targeted with three classes",
      "the targeted dlr loss needs 4 classes, the classifier has 3 (use loss = \"ce\" or \"margin\")"
    ) { try run { $0.search.loss = .targetedDLR } },
    Case(
      "I21: more targets than classes", "n_targets is 4, the classifier has 4 classes (at most 3)"
    ) {
      let attack = AutoProjectedGradientDescent(aimsAtClasses: true, classes: 4)
      try run(classes(4), attack: attack) { $0.search.loss = .targetedDLR }
    },
    Case("no targets", "n_targets is 0, at least 1 is needed") {
      try run(attack: AutoProjectedGradientDescent(aimsAtClasses: true, classes: 0))
    },
    Case("queries", "queries is 0, at least 1 is needed") {
      try run(attack: SquareAttack(queries: 0))
    },
    Case("p", "p is 0, outside 0 … 1 (0 excluded)") { try run(attack: SquareAttack(share: 0)) },
    Case("rho", "rho is 1.5, outside 0 … 1") {
      try run(attack: AutoProjectedGradientDescent(rho: 1.5))
    },
    Case("I21: dlr with three classes", "no error") { try run { $0.search.loss = .dlr } },
    Case("I21: targeted dlr with four classes", "no error") {
      try run(classes(4), criterion: .targeted(.leastLikely, labels: [0, 1])) {
        $0.search.loss = .dlr
      }
    },
    Case("one class", "the classifier has 1 class, at least 2 are needed") {
      try run(classes(1), criterion: .misclassified([0, 0]))
    },
    Case(
      "I22, B26: probabilities",
      "the classifier returns probabilities: every row is non-negative and sums to 1 (return "
        + "logits, without the softmax)"
    ) { try run(Model(Classifier { try model.classifier()($0).softmax() })) },
    Case(
      "features for logits",
      "the classifier returned float32 [2, 3, 1] for 2 images (logits are float [N, classes])"
    ) { try run(Model(Classifier { try model.classifier()($0).unsqueezed(2) })) },
    Case(
      "predictions for logits",
      "the classifier returned int64 [2, 3] for 2 images (logits are float [N, classes])"
    ) { try run(Model(Classifier { try model.classifier()($0).converted(to: .int64) })) },
    Case(
      "I17: NaN when clean",
      "the logits of sample 2 are not finite (check the classifier's output on this image)"
    ) {
      var calls = 0
      try run(
        Model(
          Classifier { images in
            calls += 1
            let logits = try model.classifier()(images)
            return calls == 6 ? try logits * Double.nan : logits
          })
      ) {
        $0.search.keep = .last
        $0.reporting.probes = false
      }
    },
    Case(
      "I17: NaN at a step",
      "the loss of sample 2 is nan at step 2 (check the classifier's output on this image)"
    ) { try run(poisoned(sample: 1, call: 3)) { $0.reporting.probes = false } },
    Case(
      "I17: an infinite loss",
      "the loss of sample 1 is inf at step 1 (check the classifier's output on this image)"
    ) {
      try run {
        $0.search.loss = .custom { logits, _ in try logits.sum(axes: [1]) * 0.0 + Double.infinity }
        $0.reporting.probes = false
        $0.search.keep = .last
      }
    },
    Case(
      "I17: a gradient that is not finite",
      "the gradient of sample 1 is not finite at step 1 (check the classifier on this image)"
    ) {
      try run {
        $0.search.loss = .custom { logits, _ in try (logits * 0.0).sum(axes: [1]).sqrt() }
        $0.search.keep = .last
      }
    },
    Case(
      "B17: a mean for a loss",
      "the loss has shape [], one value a sample is needed: [2] (do not reduce over the batch)"
    ) {
      try run {
        $0.search.loss = .custom { logits, labels in
          try Tensor.crossEntropy(logits: logits, labels: labels)
        }
        $0.search.keep = .last
      }
    },
    Case(
      "a detached loss",
      "the loss does not depend on the images (compute it with tensor operations, without detach "
        + "or no_grad)"
    ) { try run(Model(Classifier { try model.classifier()($0).detached() })) },
    Case(
      "an unknown loss",
      "unknown loss 'cw' (losses are \"ce\", \"margin\", \"dlr\", \"dlr-targeted\", or a "
        + "function)"
    ) {
      _ = try AttackLoss.named("cw")
    },
  ]

  @Test(arguments: cases)
  func text(_ row: Case) {
    #expect(message { try row.call() } == row.expected)
  }

  @Test("no images, no trouble")
  func empty() throws {
    let result = try ProjectedGradientDescent().run(
      Self.model.classifier(), images: Tensor.zeros([0, 3, 2, 2]), criterion: .misclassified([]),
      settings: AttackSettings())
    #expect(result.images.shape == [0, 3, 2, 2])
    #expect(result.report.success.isEmpty && result.report.robustAccuracy == nil)
  }
}
