import Attacks
import Diagnostics
import Tensors
import Testing

/// What is passed in: start points, images that a callback writes into, images of any shape.
@Suite struct InputTests {
  static let model = ToyModel(kind: .gelu, shape: [3, 3, 2], classes: 5, seed: 3)

  static func settings(_ budget: Budget) -> AttackSettings {
    var settings = AttackSettings(budget: budget, seed: 3)
    settings.reporting.probes = false
    return settings
  }

  // MARK: Start points

  @Test(
    "init: the first run starts there, brought into the ball",
    arguments: AttackCase.all.filter { !["fgsm", "rfgsm"].contains($0.id) })
  func startPoints(_ row: AttackCase) throws {
    for norm in row.norms {
      let (images, labels) = try Self.model.samples(5)
      let budget = try Budget(norm, norm == .linf ? 0.05 : 0.3)
      let far = try (1.0 - images).maximum(images * 0.5)
      let start = try Ball(images, budget).projected(far)
      var settings = Self.settings(budget)
      settings.search.startPoints = far
      settings.search.restarts = 2
      settings.search.keep = .best
      let spy = Spy(Self.model.classifier())
      let result = try row.attack.run(
        spy.see, images: images, criterion: .misclassified(labels), settings: settings)
      let wanted = try bits(start)
      let shown = try spy.batches.filter { $0.shape == start.shape }.map(bits)
      #expect(shown.contains(wanted), "\(norm)")
      let distances = try Distances(from: images, to: result.images)[norm]
      #expect(distances.allSatisfy { $0 <= budget.epsilon })
      // A start is a point like any other: what it breaks stays broken.
      let tops = try Self.model.classifier()(start).argmax(axis: 1).integers()
      for (index, label) in labels.enumerated() where Int(tops[index]) != label {
        #expect(result.report.success[index])
      }
    }
  }

  @Test("init: minimum-norm attacks walk from there", arguments: ["cw", "ddn", "fab"])
  func nearestStartPoints(_ id: String) throws {
    let row = try #require(NearestCase.all.first { $0.id == id })
    let (images, labels) = try Self.model.samples(5, margin: 0.1)
    let start = try (images * 0.5 + 0.25).detached()
    var settings = Self.settings(.unlimited(.l2))
    settings.search.startPoints = start
    let spy = Spy(Self.model.classifier())
    let result = try row.attack.run(
      spy.see, images: images, criterion: .misclassified(labels), settings: settings)
    // C&W shows a point through its own map, up to rounding. Sample 3 is wrong already and not shown.
    let wanted = try start.doubles()
    let rows = [0, 1, 2, 4].flatMap { Array($0 * 18..<($0 + 1) * 18) }
    let isShown = try spy.batches.contains { batch in
      let values = try batch.doubles()
      return values.count == rows.count
        && zip(values, rows).allSatisfy { abs($0 - wanted[$1]) < 1e-5 }
    }
    #expect(isShown)
    #expect(result.report.success == [true, true, true, true, true])
  }

  // MARK: Callbacks that write

  /// A classifier that also writes into the tensor that the caller passed in.
  private static func vandal(_ images: Tensor) -> Classifier {
    var calls = 0
    return Classifier { batch in
      calls += 1
      if calls % 2 == 0 { try images.assign(Tensor.full(images.shape, 0.9, images.dtype)) }
      return try model.classifier()(batch)
    }
  }

  static var attacks: [any ImageAttack] {
    AttackCase.all.map(\.attack)
      + NearestCase.all.filter { $0.norms.contains(.linf) }.map(\.attack)
      + [AutoAttack(.standard, steps: 5, queries: 10)]
  }

  @Test("images, start points and mask that a classifier overwrites are copies in the attack")
  func overwritten() throws {
    for attack in Self.attacks {
      for targets in [nil, TargetChoice.all, .leastLikely] {
        if targets != nil, attack is AutoAttack || attack.name == "deepfool" { continue }
        let (clean, labels) = try Self.model.samples(5)
        let mask = try Tensor.ones([3, 2], .int64)
        func run(_ classifier: Classifier, _ images: Tensor) throws -> AttackResult {
          var settings = Self.settings(try Budget(.linf, 0.05))
          settings.threat.isWithinBudgetOnly = true
          settings.search.startPoints = images
          settings.search.restarts = 2
          settings.threat.mask = try PixelMask(mask)
          return try attack.run(
            classifier, images: images,
            criterion: targets.map { .targeted($0, labels: labels) } ?? .misclassified(labels),
            settings: settings)
        }
        let expected = try run(Self.model.classifier(), clean.cloned())
        let images = try clean.cloned()
        let found = try run(Self.vandal(images), images)
        #expect(try bits(found.images) == bits(expected.images), "\(attack.name)")
        #expect(found.report.distance == expected.report.distance, "\(attack.name)")
        #expect(found.report.success == expected.report.success, "\(attack.name)")
        #expect(try bits(images) != bits(clean), "nobody wrote")
      }
    }
  }

  @Test("the same for one change for all images")
  func overwrittenShared() throws {
    let (clean, labels) = try Self.model.samples(6)
    func change(
      _ classifier: Classifier, _ images: Tensor, isPatch: Bool
    ) throws -> SharedResult {
      let source = try LabelledSource(images, labels: labels)
      return isPatch
        ? try AdversarialPatch(area: 0.3, steps: 4).run(
          classifier, source, settings: SharedSettings())
        : try UniversalPerturbation(epochs: 3).run(
          classifier, source, budget: Budget(.linf, 0.1), settings: SharedSettings())
    }
    for isPatch in [false, true] {
      let expected = try change(Self.model.classifier(), clean.cloned(), isPatch: isPatch)
      let images = try clean.cloned()
      let found = try change(Self.vandal(images), images, isPatch: isPatch)
      #expect(try bits(found.change) == bits(expected.change))
      #expect(found.report.distance == expected.report.distance)
    }
  }

  // MARK: Shapes

  static let shapes = [
    (60, 2), (2, 60), (24, 2), (2, 24), (1, 1), (1, 2), (2, 1), (1, 40), (40, 1), (3, 7), (7, 3),
    (5, 5), (4, 4), (6, 31), (31, 6), (2, 2), (9, 10), (10, 9),
  ]

  @Test("every attack on images of unequal sides, lines and single pixels", arguments: shapes)
  func unequalSides(_ height: Int, _ width: Int) throws {
    let classifier = Classifier { images in
      let means = try images.mean(axes: [2, 3])
      return try Tensor.concatenated([means, means * -1.0 + 0.6], axis: 1)
    }
    var stream = RandomSource(seed: 1).stream(.subset)
    let images = try Tensor.random([2, 3, height, width], stream: &stream, dtype: .float32)
    let labels = try classifier(images).argmax(axis: 1).integers().map { Int($0) }
    let many: [any ImageAttack] = [
      SquareAttack(queries: 60), SquareAttack(queries: 12, rescales: true),
      MomentumIterative(steps: 2, diversity: InputDiversity(probability: 1)),
      MomentumIterative(steps: 2, diversity: InputDiversity(probability: 1, ratio: 0.1)),
      MomentumIterative(steps: 2, smoothing: GradientSmoothing()),
      MomentumIterative(steps: 2, smoothing: GradientSmoothing(size: 31)),
      MomentumIterative(steps: 2, scales: 3), AutoProjectedGradientDescent(steps: 3),
    ]
    for norm in Norm.allCases {
      let budget = try Budget(norm, 0.3)
      for attack in many {
        let spy = Spy(classifier)
        let result = try attack.run(
          spy.see, images: images, criterion: .misclassified(labels),
          settings: Self.settings(budget))
        let distances = try Distances(from: images, to: result.images)[norm]
        #expect(distances.allSatisfy { $0 <= budget.epsilon }, "\(attack.name) \(norm)")
        for batch in spy.batches {
          #expect(try batch.floats().allSatisfy { $0 >= 0 && $0 <= 1 }, "\(attack.name) \(norm)")
        }
        #expect(result.images.shape == images.shape)
      }
    }
    for area in [0.05, 0.5, 1] {
      let result = try AdversarialPatch(area: area, steps: 2).run(
        classifier, LabelledSource(images, labels: labels), settings: SharedSettings())
      let pixels = Double(height * width)
      let covered = Double(result.change.shape[1] * result.change.shape[2])
      // A whole number of rows and columns, nearest to the share that was asked for.
      #expect(abs(covered - area * pixels) <= max(1, (area * pixels).squareRoot() + 0.5))
      #expect(area < 1 || covered == pixels)
    }
  }

  @Test(
    "L2 and L1 windows of Square hold the whole budget on unequal sides", arguments: [Norm.l2, .l1])
  func squareMass(_ norm: Norm) throws {
    for (height, width) in Self.shapes {
      var settings = Self.settings(try Budget(norm, 0.2))
      settings.search.keep = .last
      // Nothing is accepted, so that every proposal is one window beside the start.
      let spy = Spy(
        Classifier { images in
          let zero = try images.sum(axes: [1, 2, 3]).unsqueezed(1) * 0.0
          return try Tensor.concatenated([zero + 2.0, zero], axis: 1)
        })
      let clean = try Tensor.full([1, 3, height, width], 0.5, .float64)
      _ = try SquareAttack(queries: 30).run(
        spy.see, images: clean, criterion: .misclassified([0]), settings: settings)
      for batch in spy.batches.dropFirst().dropLast() {
        let size = try Distances(from: clean, to: batch)[norm][0]
        #expect(abs(size - 0.2) < 1e-6, "\(height) x \(width)")
      }
    }
  }

  @Test("images without a pixel are refused", arguments: [(0, 4), (4, 0), (0, 0)])
  func noPixels(_ height: Int, _ width: Int) throws {
    let images = try Tensor.zeros([2, 3, height, width])
    let text =
      "images have shape [2, 3, \(height), \(width)], which holds no pixel (attacks take float images "
      + "[N, 3, H, W])"
    let zero = Classifier { try Tensor.zeros([$0.shape[0], 3]) }
    for attack in Self.attacks where !(attack is AutoAttack) {
      #expect(
        message {
          _ = try attack.run(
            zero, images: images, criterion: .misclassified([0, 1]),
            settings: Self.settings(Budget(.linf, 0.1)))
        } == text, "\(attack.name)")
    }
    #expect(
      message {
        _ = try AdversarialPatch().run(
          zero, LabelledSource(images, labels: [0, 1]), settings: SharedSettings())
      } == text)
  }

  // MARK: Budgets

  @Test("L2 and L1 budgets hold exactly in float64, step after step", arguments: [Norm.l2, .l1])
  func exactBudgets(_ norm: Norm) throws {
    var stream = RandomSource(seed: 8).stream(.subset)
    for dtype in [DType.float32, .float64] {
      for round in 0..<200 {
        let pixels = [1, 2, 7, 64][round % 4]
        let clean = try Tensor.random([3, 3, 1, pixels], stream: &stream, dtype: dtype)
        let epsilon = stream.uniform() * (round % 2 == 0 ? 0.01 : 1)
        let ball = try Ball(clean, Budget(norm, epsilon))
        let noise = try Tensor.randomNormal(clean.shape, stream: &stream, dtype: dtype)
        for point in [
          try ball.projected(clean + noise), try ball.stepped(clean, along: noise, by: epsilon),
          try ball.stepped(clean, along: noise, by: 100),
        ] {
          let distances = try Distances(from: clean, to: point)[norm]
          #expect(distances.allSatisfy { $0 <= epsilon }, "\(distances) for \(epsilon)")
          #expect(try bits(ball.projected(point)) == bits(point))
        }
        // Not much is given away: well inside the box a long change ends near the budget.
        let middle = try Tensor.full([1, 3, 1, pixels], 0.5, dtype)
        let small = try Budget(norm, 0.001 + 0.1 * stream.uniform())
        let long = try Ball(middle, small).projected(
          middle + noise.narrowed(0, start: 0, length: 1))
        let size = try Distances(from: middle, to: long)[norm][0]
        #expect(size > small.epsilon * (1 - 1e-3), "\(size) of \(small.epsilon)")
      }
    }
  }
}
