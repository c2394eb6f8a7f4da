import Attacks
import Diagnostics
import Tensors
import Testing

/// O1, O2, O4: attacks against answers that are known exactly.
@Suite struct OracleTests {
  static let models = [
    ToyModel(kind: .linear, shape: [1, 1, 3], classes: 2, seed: 1),
    ToyModel(kind: .linear, shape: [3, 4, 4], classes: 2, seed: 2),
    ToyModel(kind: .linear, shape: [3, 16, 16], classes: 2, seed: 3),
  ]

  /// `w_other − w_y` of a two-class linear model, whose product with the change is the margin's.
  static func slope(_ model: ToyModel, _ label: Int) -> [Double] {
    let (weights, n) = (model.linearWeights, model.shape.reduce(1, *))
    return (0..<n).map { weights[(1 - label) * n + $0] - weights[label * n + $0] }
  }

  static let linfAttacks = AttackCase.all.filter {
    [
      "fgsm", "bim", "pgd", "pgd-clean-start", "mifgsm", "nifgsm", "sifgsm", "vmifgsm", "vnifgsm",
      "apgd",
    ].contains($0.id)
  }

  @Test(
    "O1, O2, B07, B31: on a linear model every L∞ attack ends on the exact optimum, bit by bit",
    arguments: linfAttacks, models)
  func linearLinf(_ row: AttackCase, _ model: ToyModel) throws {
    for (margin, dtype) in [(0.3, DType.float32), (0.0, .float32), (0.0, .float64)] {
      let (images, labels) = try model.samples(4, dtype, margin: margin)
      let budget = try Budget(.linf, 0.031)
      let ball = try Ball(images, budget)
      let (lower, upper) = (try ball.lower.doubles(), try ball.upper.doubles())
      var expected = try images.doubles()
      let n = model.shape.reduce(1, *)
      for (sample, label) in labels.enumerated() {
        for (pixel, weight) in Self.slope(model, label).enumerated() where weight != 0 {
          let index = sample * n + pixel
          expected[index] = weight > 0 ? upper[index] : lower[index]
        }
      }
      var settings = AttackSettings(budget: budget)
      settings.search.loss = .margin(clamp: nil)
      settings.search.keep = .last
      settings.reporting.probes = false
      let result = try row.attack.run(
        model.classifier(), images: images, criterion: .misclassified(labels), settings: settings)
      #expect(try result.images.doubles() == expected)
    }
  }

  @Test(
    "O1, B11: on a linear model PGD and APGD reach eps · ‖w‖₂ in the L2 ball", arguments: models)
  func linearL2(_ model: ToyModel) throws {
    for dtype in [DType.float32, .float64] {
      let (images, labels) = try model.samples(4, dtype, margin: 0.35)
      let epsilon = 0.1
      var settings = AttackSettings(budget: try Budget(.l2, epsilon))
      settings.search.loss = .margin(clamp: nil)
      settings.reporting.probes = false
      let attacks: [any FixedBudgetAttack] = [
        FastGradientSign(), ProjectedGradientDescent(steps: 100, step: 0.1),
        MomentumIterative(steps: 20), AutoProjectedGradientDescent(),
      ]
      for attack in attacks {
        let result = try attack.run(
          model.classifier(), images: images, criterion: .misclassified(labels), settings: settings)
        let change = zip(try result.images.doubles(), try images.doubles()).map { $0 - $1 }
        let n = model.shape.reduce(1, *)
        for (sample, label) in labels.enumerated() {
          let slope = Self.slope(model, label)
          let gained = slope.indices.reduce(0) { $0 + slope[$1] * change[sample * n + $1] }
          let norm = slope.reduce(0) { $0 + $1 * $1 }.squareRoot()
          #expect(
            abs(gained / (epsilon * norm) - 1) < 1e-6, "\(attack.name), sample \(sample)")
        }
      }
    }
  }

  @Test("O1: the best target of several classes is the optimum")
  func severalClasses() throws {
    let model = ToyModel(kind: .linear, shape: [3, 2, 2], classes: 5, seed: 8)
    let (images, labels) = try model.samples(6, .float64, margin: 0.3)
    let (weights, n, epsilon) = (model.linearWeights, 12, 8.0 / 255)
    let logits = try model.classifier()(images).doubles()
    let optimum = labels.enumerated().map { sample, label in
      (0..<5).filter { $0 != label }.map { other in
        let start = logits[sample * 5 + other] - logits[sample * 5 + label]
        return (0..<n).reduce(start) {
          $0 + epsilon * abs(weights[other * n + $1] - weights[label * n + $1])
        }
      }.max() ?? 0
    }
    // The targeted margin counts all other classes; against one target the two-class answer is
    // reached with a loss that names both.
    var best = [Double](repeating: -.infinity, count: 6)
    for shift in 1..<5 {
      let targets = labels.map { ($0 + shift) % 5 }
      var settings = AttackSettings(budget: try Budget(.linf, epsilon))
      settings.search.keep = .last
      let result = try ProjectedGradientDescent().maximize(
        { images, rows, _ in
          let logits = try model.classifier()(images)
          func pick(_ classes: [Int]) throws -> Tensor {
            let index = try Tensor(rows.map { Int64(classes[$0]) }, shape: [rows.count, 1])
            return try logits.gathered(1, index).squeezed(1)
          }
          return try pick(targets) - pick(labels)
        }, images: images, settings: settings)
      for (sample, value) in result.report.loss.enumerated() {
        best[sample] = max(best[sample], value)
      }
    }
    for sample in 0..<6 { #expect(abs(best[sample] - optimum[sample]) < 1e-9) }
  }

  @Test("I10: more budget or steps never help the defender, and noise is weaker than PGD")
  func strength() throws {
    for model in [
      ToyModel(kind: .linear, shape: [3, 4, 4], classes: 4, seed: 5),
      ToyModel(kind: .gelu, shape: [3, 4, 4], classes: 4, seed: 6),
    ] {
      let (images, labels) = try model.samples(60)
      func robust(_ attack: any FixedBudgetAttack, _ norm: Norm, _ epsilon: Double) throws -> Double
      {
        var settings = AttackSettings(budget: try Budget(norm, epsilon), seed: 1)
        settings.reporting.probes = false
        let report = try attack.run(
          model.classifier(), images: images, criterion: .misclassified(labels), settings: settings
        ).report
        return try #require(report.robustAccuracy)
      }
      let allowed = model.kind == .linear ? 0 : 1.0 / 60 + 1e-12
      for (norm, sizes) in [(Norm.linf, [0.01, 0.03, 0.1]), (.l2, [0.05, 0.15, 0.5])] {
        let descent = ProjectedGradientDescent(steps: 10)
        let accuracies = try sizes.map { try robust(descent, norm, $0) }
        #expect(accuracies[0] > accuracies[2])
        for (small, large) in zip(accuracies, accuracies.dropFirst()) {
          #expect(large <= small + allowed)
        }
        let longer = try robust(ProjectedGradientDescent(steps: 20), norm, sizes[1])
        #expect(longer <= accuracies[1] + allowed)
        #expect(try robust(Noise(), norm, sizes[1]) > accuracies[1])
      }
    }
  }

  /// Every image of the 8-bit lattice within two levels of four pixels: `5⁴` points.
  static func enumerated(_ levels: [Int]) -> [[Int]] {
    levels.reduce([[]]) { points, level in
      points.flatMap { point in
        (max(0, level - 2)...min(255, level + 2)).map { point + [$0] }
      }
    }
  }

  @Test("O4: no false success on the 8-bit lattice, and 95 % of what enumeration breaks")
  func lattice() throws {
    var (breakable, reached, robust) = (0, 0, 0)
    for seed in 1...24 as ClosedRange<UInt64> {
      let model = ToyModel(kind: .relu, shape: [1, 2, 2], classes: 3, hidden: 6, seed: seed)
      let classifier = model.classifier(scale: 10)
      // Images near the boundary, so that a budget of two levels decides about some of them.
      var stream = RandomSource(seed: seed).stream(.subset)
      let pool = (0..<400).map { _ in (0..<4).map { _ in stream.integer(below: 256) } }
      func tensor(_ points: [[Int]]) throws -> Tensor {
        try Tensor(points.flatMap { $0.map { Float($0) / 255 } }, shape: [points.count, 1, 2, 2])
      }
      let ranked = try classifier(tensor(pool)).topK(2)
      let (values, tops) = (try ranked.values.doubles(), try ranked.indices.integers())
      let near = pool.indices.sorted {
        values[2 * $0] - values[2 * $0 + 1] < values[2 * $1] - values[2 * $1 + 1]
      }
      let chosen = stride(from: 0, to: 40, by: 5).map { near[$0] }
      let labels = chosen.map { Int(tops[2 * $0]) }
      let images = try tensor(chosen.map { pool[$0] })
      var settings = AttackSettings(budget: try Budget(.linf, 2.0 / 255), seed: seed)
      settings.threat.isOnEightBitLevels = true
      settings.search.restarts = 4
      settings.search.loss = .margin(clamp: nil)
      let result = try ProjectedGradientDescent(steps: 12).run(
        classifier, images: images, criterion: .misclassified(labels), settings: settings)
      for (sample, index) in chosen.enumerated() {
        let points = Self.enumerated(pool[index])
        let found = try classifier(tensor(points)).argmax(axis: 1).integers()
        let canBreak = found.contains { Int($0) != labels[sample] }
        let level = try result.images.narrowed(0, start: sample, length: 1).floats()
        #expect(level.allSatisfy { Float(($0 * 255).rounded()) / 255 == $0 })
        if result.report.success[sample] { #expect(canBreak, "seed \(seed), sample \(sample)") }
        breakable += canBreak ? 1 : 0
        robust += canBreak ? 0 : 1
        reached += canBreak && result.report.success[sample] ? 1 : 0
      }
    }
    #expect(breakable > 30 && robust > 30, "\(breakable) breakable, \(robust) robust")
    #expect(Double(reached) >= 0.95 * Double(breakable), "\(reached) of \(breakable)")
  }

  /// Two pixels at level 100, broken at one point of 25, `(+1, 0)`: steps of a level in both pixels at
  /// once go to and fro beside it.
  @Test("O4: level by level an attack gets where steps of all pixels do not")
  func levelByLevel() throws {
    let classifier = Classifier { images in
      let levels = try images.flattened(from: 1) * 255.0 - 100.0
      let a = try (levels.narrowed(1, start: 0, length: 1) - 1.2).abs()
      let b = try (levels.narrowed(1, start: 1, length: 1) + 0.2).abs()
      return try Tensor.concatenated([a * 0.0, (a + b * 2.0) * -1.0 + 0.9], axis: 1)
    }
    let images = try Tensor.full([2, 1, 1, 2], Double(Float(100) / 255))
    var settings = AttackSettings(budget: try Budget(.linf, 2.0 / 255), seed: 3)
    settings.search.loss = .margin(clamp: nil)
    settings.reporting.probes = false
    settings.threat.isOnEightBitLevels = true
    let attack = ProjectedGradientDescent(steps: 10, step: 1.0 / 255, startsAtRandom: false)
    func run(_ keep: Keep?, _ images: Tensor, ids: [UInt64]) throws -> AttackResult {
      settings.search.keep = keep
      settings.search.sampleIDs = ids
      let spy = Spy(classifier)
      let result = try attack.run(
        spy.see, images: images, criterion: .misclassified(ids.map { _ in 0 }), settings: settings)
      #expect(result.report.forwards.reduce(0, +) == spy.images)
      let cost = attack.plannedCost(settings)
      for (forwards, backwards) in zip(result.report.forwards, result.report.backwards) {
        #expect(forwards <= cost.forwards && backwards <= cost.backwards)
      }
      return result
    }
    #expect(try run(.last, images, ids: [1, 2]).report.success == [false, false])
    let found = try run(nil, images, ids: [1, 2])
    #expect(found.report.success == [true, true])
    #expect(try found.images.floats() == [101, 100, 101, 100].map { Float($0) / 255 })
    let alone = try run(nil, images.narrowed(0, start: 1, length: 1), ids: [2])
    #expect(try bits(alone.images) == Array(bits(found.images).suffix(2)))
  }
}

/// Ten random points of the ball, the best of which is the result.
struct Noise: FixedBudgetAttack {
  static var parameters: [Parameter<Self>] { [] }
  var name: String { "noise" }
  var plannedVisits: Int { 10 }
  func check(_ settings: AttackSettings) throws {}

  func perturb(_ search: PixelSearch) throws {
    for step in 0..<9 {
      let point = try search.ball.randomPoints(search.streams(.attackStart, step: step))
      _ = try search.visit(point, gradient: false)
    }
    try search.finish(search.ball.randomPoints(search.streams(.attackStart, step: 9)))
  }
}
