import Attacks
import Foundation
import Tensors
import TestSupport
import Testing

/// The same network and images as torchattacks (scripts/reference/iterative_attacks.py).
@Suite struct AttackParityTests {
  struct Fixture: Decodable {
    struct Row: Decodable {
      var signs: String
      var success: [Bool]
      var eps: Double
      var step: Double
      var steps: Int
    }
    var first: [Double]
    var second: [Double]
    var levels: [Double]
    var labels: [Int]
    var attacks: [String: Row]
    var cw: [Double?]

    static func load() throws -> Fixture {
      let path = TestFiles.fixture("iterative_attacks.json")
      let data = try Data(contentsOf: URL(fileURLWithPath: path))
      return try JSONDecoder().decode(Fixture.self, from: data)
    }

    func images() throws -> Tensor {
      try Tensor(levels.map { $0 / 255 }, shape: [labels.count, 3, 8, 8])
    }

    /// Products are summed row by row, as in `ToyModel`.
    func classifier() -> Classifier {
      Classifier { images in
        let flat = try images.flattened(from: 1) - 0.5
        let hidden = try (ToyModel.layer(flat, first, 16) * 4.0).gelu()
        return try ToyModel.layer(hidden, second, 5)
      }
    }
  }

  static func attack(_ name: String, _ row: Fixture.Row) -> (any FixedBudgetAttack)? {
    let (steps, step) = (row.steps, row.step)
    switch name {
    case "fgsm": return FastGradientSign()
    case "bim": return BasicIterativeMethod(steps: steps, step: step)
    case "pgd": return ProjectedGradientDescent(steps: steps, step: step, startsAtRandom: false)
    case "mifgsm": return MomentumIterative(steps: steps, step: step)
    case "nifgsm": return MomentumIterative(steps: steps, step: step, looksAhead: true)
    case "sifgsm":
      return MomentumIterative(steps: steps, step: step, looksAhead: true, scales: 5)
    case "tifgsm":
      return MomentumIterative(
        steps: steps, step: step, smoothing: GradientSmoothing(size: 15))
    default: return nil
    }
  }

  @Test(
    "at least 99.9 % of the signs are those of torchattacks",
    arguments: ["fgsm", "bim", "pgd", "mifgsm", "nifgsm", "sifgsm", "tifgsm"])
  func signs(_ name: String) throws {
    let fixture = try Fixture.load()
    let row = try #require(fixture.attacks[name])
    let attack = try #require(Self.attack(name, row))
    var settings = AttackSettings(budget: try Budget(.linf, row.eps))
    settings.search.keep = .last
    settings.reporting.probes = false
    let images = try fixture.images()
    let result = try attack.run(
      fixture.classifier(), images: images, criterion: .misclassified(fixture.labels),
      settings: settings)
    let change = zip(try result.images.doubles(), try images.doubles()).map { $0 - $1 }
    let signs = change.map { abs($0) <= 1e-9 ? 1 : $0 > 0 ? 2 : 0 }
    let expected = row.signs.compactMap(\.wholeNumberValue)
    #expect(signs.count == expected.count)
    let different = zip(signs, expected).filter { $0 != $1 }.count
    #expect(Double(different) <= 0.001 * Double(signs.count), "\(different) of \(signs.count)")
    #expect(result.report.success == row.success)
  }

  @Test("C&W comes as near as the reference's, within 5 %: the problem is not convex")
  func nearest() throws {
    let fixture = try Fixture.load()
    var settings = AttackSettings(budget: .unlimited(.l2))
    settings.reporting.probes = false
    let attack = CarliniWagner(
      searchSteps: 4, steps: 200, learningRate: 0.005, initialConstant: 0.1)
    let report = try attack.run(
      fixture.classifier(), images: fixture.images(),
      criterion: .misclassified(fixture.labels), settings: settings
    ).report
    let nearest = try #require(report.nearest)
    #expect(nearest.count == fixture.cw.count && fixture.cw.contains { $0 != nil })
    for (found, reference) in zip(nearest, fixture.cw) {
      #expect(found <= 1.05 * (reference ?? .infinity))
    }
  }
}
