import Attacks
import Foundation
import Tensors
import TestSupport
import Testing

/// SSIM and PSNR against scikit-image (`scripts/reference/image_quality.py`) and a formula written twice.
@Suite struct ImageQualityTests {
  struct Row: Decodable {
    var shape: [Int]
    var strength: Int
    var ssim: Double
    var psnr: Double
  }

  /// The pair of the script.
  static func pair(_ shape: [Int], _ strength: Int, _ dtype: DType) throws -> (Tensor, Tensor) {
    var (x, y): ([Double], [Double]) = ([], [])
    for c in 0..<shape[0] {
      for i in 0..<shape[1] {
        for j in 0..<shape[2] {
          let value = (37 * i + 101 * j + 59 * c + 7 * i * j) % 256
          let other = value + strength * ((13 * i + 29 * j + 17 * c) % 21 - 10)
          x.append(Double(value) / 255)
          y.append(Double(min(max(other, 0), 255)) / 255)
        }
      }
    }
    return (
      try Tensor(x, shape: [1] + shape).converted(to: dtype),
      try Tensor(y, shape: [1] + shape).converted(to: dtype)
    )
  }

  @Test("scikit-image's values", arguments: [DType.float32, .float64])
  func reference(_ dtype: DType) throws {
    let path = URL(fileURLWithPath: TestFiles.fixture("image_quality.json"))
    let rows = try JSONDecoder().decode([Row].self, from: Data(contentsOf: path))
    #expect(rows.count == 6)
    for row in rows {
      let (x, y) = try Self.pair(row.shape, row.strength, dtype)
      let found = try ImageQuality(x, y)
      let limit = dtype == .float64 ? 1e-12 : 1e-6
      #expect(abs(found.ssim[0] - row.ssim) < limit, "\(row.shape): \(found.ssim)")
      #expect(abs(found.psnr[0] - row.psnr) < limit * 100, "\(row.shape): \(found.psnr)")
      // It is symmetric, and each sample has its own.
      let both = try ImageQuality(
        Tensor.concatenated([y, x]), Tensor.concatenated([x, x]))
      #expect(abs(both.ssim[0] - found.ssim[0]) < 1e-12 && both.ssim[1] == 1)
      #expect(both.psnr == [found.psnr[0], .infinity])
    }
  }

  /// The published formula with a window written out, place by place.
  private static func direct(_ x: [Double], _ y: [Double], _ height: Int, _ width: Int) -> Double {
    func side(_ length: Int) -> Int { min(11, length % 2 == 1 ? length : length - 1) }
    let (rows, columns) = (side(height), side(width))
    var weights = (0..<rows * columns).map { index -> Double in
      let (a, b) = (index / columns - rows / 2, index % columns - columns / 2)
      return exp(-Double(a * a + b * b) / 4.5)
    }
    let sum = weights.reduce(0, +)
    weights = weights.map { $0 / sum }
    var values: [Double] = []
    for top in 0...height - rows {
      for left in 0...width - columns {
        let places = weights.indices.map {
          (top + $0 / columns) * width + left + $0 % columns
        }
        func mean(_ value: (Int) -> Double) -> Double {
          zip(weights, places).reduce(0) { $0 + $1.0 * value($1.1) }
        }
        let (a, b) = (mean { x[$0] }, mean { y[$0] })
        let (p, q) = (mean { (x[$0] - a) * (x[$0] - a) }, mean { (y[$0] - b) * (y[$0] - b) })
        let shared = mean { (x[$0] - a) * (y[$0] - b) }
        values.append(
          (2 * a * b + 1e-4) * (2 * shared + 9e-4)
            / ((a * a + b * b + 1e-4) * (p + q + 9e-4)))
      }
    }
    return values.reduce(0, +) / Double(values.count)
  }

  @Test(
    "under eleven pixels the window is the largest odd size that fits",
    arguments: [(1, 1), (2, 2), (1, 9), (10, 3), (4, 20), (7, 12), (12, 10), (11, 2)])
  func smallImages(_ height: Int, _ width: Int) throws {
    let (x, y) = try Self.pair([1, height, width], 2, .float64)
    let found = try ImageQuality(x, y).ssim[0]
    let expected = Self.direct(try x.doubles(), try y.doubles(), height, width)
    #expect(abs(found - expected) < 1e-12)
  }

  @Test("of one pixel: the luminance term alone; PSNR by hand")
  func onePixel() throws {
    let x = try Tensor([0.25, 0.5] as [Double], shape: [2, 1, 1, 1])
    let y = try Tensor([0.35, 0.5] as [Double], shape: [2, 1, 1, 1])
    let found = try ImageQuality(x, y)
    let expected = (2 * 0.25 * 0.35 + 1e-4) / (0.25 * 0.25 + 0.35 * 0.35 + 1e-4)
    #expect(abs(found.ssim[0] - expected) < 1e-12 && found.ssim[1] == 1)
    #expect(abs(found.psnr[0] - 20) < 1e-9 && found.psnr[1] == .infinity)
  }

  @Test("reports have it for every attack, beside the distances")
  func reports() throws {
    let model = ToyModel(kind: .gelu, shape: [3, 12, 4], classes: 5, seed: 3)
    let (images, labels) = try model.samples(4)
    let attacks: [any ImageAttack] =
      [ProjectedGradientDescent(steps: 3), FastGradientSign(), SquareAttack(queries: 5)]
      + [FastAdaptiveBoundary(steps: 3), AutoAttack(.ceDLR, steps: 3)]
    for attack in attacks {
      for targets in [nil, TargetChoice.all] where !(attack is AutoAttack) || targets == nil {
        var settings = AttackSettings(budget: try Budget(.linf, 0.05))
        settings.reporting.probes = false
        let result = try attack.run(
          model.classifier(), images: images,
          criterion: targets.map { .targeted($0, labels: labels) } ?? .misclassified(labels),
          settings: settings)
        let expected = try ImageQuality(images, result.images)
        #expect(result.report.quality == expected, "\(attack.name)")
      }
    }
    let shared = try UniversalPerturbation(epochs: 1).run(
      model.classifier(), LabelledSource(images, labels: labels), budget: Budget(.linf, 0.05),
      settings: SharedSettings())
    let ball = try Ball(images, Budget(.linf, 0.05))
    let moved = try ball.projected(images + shared.change.unsqueezed(0))
    #expect(try shared.report.quality == ImageQuality(images, moved))
    // Trainers read none.
    let settings = AttackSettings(budget: try Budget(.linf, 0.05)).forTraining()
    let report = try FastGradientSign().run(
      model.classifier(), images: images, criterion: .misclassified(labels), settings: settings
    ).report
    #expect(report.quality.ssim.isEmpty && report.quality.psnr.isEmpty)
  }
}
