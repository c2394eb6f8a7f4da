import Attacks
import Diagnostics
import Tensors
import Testing

/// Every minimum-norm attack against every requirement, over norms, models and element types.
@Suite struct NearestConformanceTests {
  static let table = NearestCombination.table(NearestCase.all)

  @Test("I2: the range at every point", arguments: table)
  func range(_ row: NearestCombination) throws {
    #expect(try NearestConformance(row: row).range() == [])
  }

  @Test("I6, I7, B23: verdicts, and samples that are wrong already", arguments: table)
  func verdicts(_ row: NearestCombination) throws {
    #expect(try NearestConformance(row: row).verdicts() == [])
  }

  @Test("I9, B24: the nearest success, not the last", arguments: table)
  func nearest(_ row: NearestCombination) throws {
    #expect(try NearestConformance(row: row).nearest() == [])
  }

  @Test("I11, B20: samples are independent", arguments: table)
  func independence(_ row: NearestCombination) throws {
    #expect(try NearestConformance(row: row).independence() == [])
  }

  @Test("I12, I13, I14: the same bytes, and nothing passed in changes", arguments: table)
  func inputsUntouched(_ row: NearestCombination) throws {
    #expect(try NearestConformance(row: row).inputsUntouched() == [])
  }

  @Test("I16, B13: zero gradients", arguments: table)
  func zeroGradients(_ row: NearestCombination) throws {
    #expect(try NearestConformance(row: row).zeroGradients() == [])
  }

  @Test("I25: counters", arguments: table)
  func counters(_ row: NearestCombination) throws {
    #expect(try NearestConformance(row: row).counters() == [])
  }

  @Test("I1, I3: a budget that limits the result", arguments: table)
  func budget(_ row: NearestCombination) throws {
    #expect(try NearestConformance(row: row).budget() == [])
  }

  @Test("O3: the smallest perturbation of a linear model", arguments: table)
  func oracle(_ row: NearestCombination) throws {
    #expect(try NearestConformance(row: row).oracle() == [])
  }
}

/// The checks must catch seeded wrong variants.
@Suite struct NearestControlTests {
  struct Control: CustomTestStringConvertible, @unchecked Sendable {
    var id: String
    var defect: Careless.Defect
    var check: (NearestConformance) throws -> [String]
    var testDescription: String { id }
  }

  static let controls = [
    Control(id: "nothing is found", defect: .idle) { try $0.oracle() },
    Control(id: "a step of three times the distance", defect: .far) { try $0.oracle() },
    Control(id: "0/0 in the gradient's norm (B13)", defect: .unguarded) { try $0.zeroGradients() },
    Control(id: "a step normalised over the batch (B20)", defect: .coupled) {
      try $0.independence()
    },
  ]

  @Test("B58: what is known to be wrong is caught by the check made for it", arguments: controls)
  func isCaught(_ control: Control) throws {
    let attack = Careless(defect: control.defect)
    let rows = NearestCombination.table([
      NearestCase(id: control.id, attack: attack, norms: [.l2], oracle: attack)
    ])
    #expect(try rows.contains { try !control.check(NearestConformance(row: $0)).isEmpty })
  }
}

/// Minimum-norm attacks with one known defect each.
struct Careless: MinimumNormAttack {
  static var parameters: [Parameter<Self>] { [] }
  enum Defect { case idle, far, unguarded, coupled }
  var defect: Defect
  var name: String { "careless" }
  var norms: [Norm] { [.l2] }
  var plannedVisits: Int { 20 }
  func check(_ settings: AttackSettings) throws {}

  func approach(_ search: NearestSearch) throws {
    var point = search.clean
    for _ in 0..<20 where defect != .idle {
      var (gradient, gap): (Tensor?, [Double]) = (nil, [])
      let visit = try search.visit(
        point, differentiating: { [try search.loss($0, .margin(clamp: nil))] }
      ) { (gap, gradient) = ($1, $2) }
      guard let kept = try search.survivors(leaving: visit.solved), let gradient else { return }
      let g = try kept.of(gradient)
      let axes = defect == .coupled ? [0, 1, 2, 3] : [1, 2, 3]
      var squares = try g.square().sum(axes: axes, keepDimensions: true)
      if defect != .unguarded { squares = try squares + 1e-12 }
      let lengths = try Tensor(kept.of(gap).map { -$0 }, shape: [g.shape[0], 1, 1, 1])
        .converted(to: g.dtype)
      point = try kept.of(point) + g / squares * lengths * (defect == .far ? 3.0 : 1.01)
    }
  }
}

/// DeepFool's own rows of the bug catalogue and of its formula.
@Suite struct DeepFoolTests {
  static func settings(_ norm: Norm = .l2) -> AttackSettings {
    var settings = AttackSettings(budget: .unlimited(norm))
    settings.reporting.probes = false
    return settings
  }

  @Test("B22: two classes, and more candidates asked for than there are", arguments: [1, 2, 9, 50])
  func candidates(_ count: Int) throws {
    for classes in [2, 3, 5] {
      let model = ToyModel(kind: .gelu, shape: [3, 2, 2], classes: classes, seed: 3)
      let (images, labels) = try model.samples(4)
      let report = try DeepFool(candidates: count).run(
        model.classifier(), images: images, criterion: .misclassified(labels),
        settings: Self.settings()
      ).report
      #expect(report.success == [true, true, true, true])
    }
  }

  @Test("B22: the label is left out by its number, also where it is not the top class")
  func labelExcluded() throws {
    // One pixel: the top class is never the label's, so no sample is attacked at all.
    let images = try Tensor([0.5, 0.25] as [Float], shape: [2, 1, 1, 1])
    let linear = Classifier { images in
      let x = try images.flattened(from: 1)
      return try Tensor.concatenated([x * 1.0, x * 0.0 + 0.6, x * -1.0], axis: 1)
    }
    let report = try DeepFool().run(
      linear, images: images, criterion: .misclassified([2, 1]), settings: Self.settings()
    ).report
    // Class 0 overtakes class 1 at 0.6: a distance of 0.35, lengthened by 1.02 and the stabiliser.
    #expect(report.nearest?[0] == 0 && report.cleanCorrect == [false, true])
    let expected = 1.02 * (0.35 + 1e-4)
    #expect(abs((report.nearest?[1] ?? 0) - expected) < 1e-6)
    #expect(report.backwards == [0, 4])
  }

  @Test("its step is the formula's, in both norms")
  func formula() throws {
    let images = try Tensor([0.5, 0.5] as [Double], shape: [1, 1, 1, 2])
    // f = 3 x₁ + 4 x₂ − 3.7, the label is class 0 while f < 0 … here f = −0.2 and ‖w‖ = 5 or 7.
    let linear = Classifier { images in
      let x = try images.flattened(from: 1)
      let score =
        try x.narrowed(1, start: 0, length: 1) * 3.0
        + x.narrowed(1, start: 1, length: 1) * 4.0 - 3.7
      return try Tensor.concatenated([score * 0.0, score], axis: 1)
    }
    for (norm, length, direction) in [
      (Norm.l2, 0.2 / 5, [0.6, 0.8]), (.linf, 0.2 / 7, [1.0, 1.0]),
    ] {
      let result = try DeepFool(overshoot: 0.1).run(
        linear, images: images, criterion: .misclassified([0]), settings: Self.settings(norm))
      let moved = try result.images.doubles()
      for (value, part) in zip(moved, direction) {
        #expect(abs(value - (0.5 + 1.1 * (length + 1e-4) * part)) < 1e-12)
      }
      #expect(result.report.backwards == [2] && result.report.forwards == [4])
    }
  }

  @Test("refusals")
  func refusals() throws {
    let model = ToyModel(kind: .linear, shape: [3, 2, 2], classes: 3)
    let (images, labels) = try model.samples(2)
    func text(_ attack: DeepFool, _ criterion: Criterion) -> String {
      message {
        _ = try attack.run(
          model.classifier(), images: images, criterion: criterion, settings: Self.settings())
      }
    }
    let plain = Criterion.misclassified(labels)
    #expect(text(DeepFool(steps: 0), plain) == "steps is 0, at least 1 is needed")
    #expect(text(DeepFool(overshoot: -1), plain) == "overshoot is -1, at least 0 is needed")
    #expect(text(DeepFool(candidates: 0), plain) == "candidates is 0, at least 1 is needed")
    #expect(
      text(DeepFool(), .targeted(.random, labels: labels)) == "deepfool has no targeted form")
    #expect(
      message {
        _ = try ProjectedGradientDescent().run(
          model.classifier(), images: images, criterion: plain, settings: Self.settings())
      } == "pgd needs a budget (give eps)")
  }
}
