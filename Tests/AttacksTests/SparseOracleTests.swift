import Attacks
import Diagnostics
import Tensors
import Testing

/// L1: the projection, and attacks against answers that are known exactly.
@Suite struct SparseOracleTests {
  /// Sizes of a change after shortening all by `threshold` and capping them.
  static func shortened(_ change: [Double], _ rooms: [Double], _ threshold: Double) -> [Double] {
    zip(change, rooms).map { value, room in
      let size = min(max(abs(value) - threshold, 0), room)
      return value < 0 ? -size : size
    }
  }

  @Test("the L1 projection is that of bisection on the multiplier, and no feasible point is nearer")
  func projection() throws {
    for (seed, epsilon) in [0.01, 0.3, 1, 4, 30].enumerated() {
      var stream = RandomSource(seed: UInt64(seed)).stream(.probe)
      let pixels = BudgetTests.hardPixels(48, seed: UInt64(seed)).map { Double($0) }
      let clean = try Tensor(pixels, shape: [1, 3, 4, 4])
      let ball = try Ball(clean, Budget(.l1, epsilon))
      for size in [0.05, 0.5, 3.0] {
        let change = pixels.map { _ in size * stream.normal() }
        let rooms = zip(pixels, change).map { $1 > 0 ? min(1 - $0, epsilon) : min($0, epsilon) }
        var (low, high) = (0.0, 20.0)
        func norm(_ threshold: Double) -> Double {
          Self.shortened(change, rooms, threshold).reduce(0) { $0 + abs($1) }
        }
        if norm(0) <= epsilon { high = 0 }
        for _ in 0..<200 {
          let middle = (low + high) / 2
          if norm(middle) > epsilon { low = middle } else { high = middle }
        }
        let expected = Self.shortened(change, rooms, high)
        let point = try Tensor(zip(pixels, change).map { $0 + $1 }, shape: [1, 3, 4, 4])
        let found = zip(try ball.projected(point).doubles(), pixels).map { $0 - $1 }
        for (a, b) in zip(found, expected) { #expect(abs(a - b) < 1e-12) }
        func distance(_ other: [Double]) -> Double {
          zip(other, change).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
        }
        for _ in 0..<20 {
          let other = try ball.randomPoints([stream])
          stream = RandomSource(seed: stream.next()).stream(.probe)
          let rival = zip(try other.doubles(), pixels).map { $0 - $1 }
          #expect(distance(found) <= distance(rival) + 1e-12)
        }
      }
    }
  }

  @Test("APGD's starts lie on the surface", arguments: Norm.allCases)
  func farPoints(_ norm: Norm) throws {
    let clean = try Tensor.full([200, 3, 4, 4], 0.5, .float64)
    let source = RandomSource(seed: 2)
    let streams = (0..<200).map { source.stream(.attackStart, sample: UInt64($0)) }
    let start = try Ball(clean, Budget(norm, 0.2)).farPoints(streams)
    for distance in try Distances(from: clean, to: start)[norm] {
      #expect(abs(distance - 0.2) < 1e-12)
    }
    let change = try (start - clean).doubles()
    let mean = change.reduce(0, +) / Double(change.count)
    let spread = (change.reduce(0) { $0 + $1 * $1 } / Double(change.count)).squareRoot()
    #expect(abs(mean) < 5 * spread / Double(change.count).squareRoot())
    if norm == .l1 { #expect(change.filter { $0 == 0 }.count > change.count / 2) }
  }

  /// The largest growth of a linear loss: the largest weights first, each up to the box.
  static func optimum(_ slope: [Double], _ pixels: [Double], _ epsilon: Double) -> Double {
    var (left, gained) = (epsilon, 0.0)
    for index in slope.indices.sorted(by: { abs(slope[$0]) > abs(slope[$1]) }) {
      let part = min(left, slope[index] > 0 ? 1 - pixels[index] : pixels[index])
      gained += part * abs(slope[index])
      left -= part
    }
    return gained
  }

  /// Attacks, the share of the optimum that each reaches while the box is inactive and when it is not.
  ///
  /// FGSM is exact. Steps move several pixels at once, or shorten those that the box holds, so that the
  /// others end near the optimum where the box is active. PGD moves a twentieth of the pixels: a single
  /// one up to 20, where it ends on the best.
  static var attacks: [(attack: any FixedBudgetAttack, inside: Double, atBox: Double)] {
    [
      (FastGradientSign(), 1 - 1e-6, 1 - 1e-6),
      (AutoProjectedGradientDescent(), 1 - 1e-6, 0.9),
      (ProjectedGradientDescent(steps: 100, step: 0.02), 1 - 1e-6, 0.9),
      (MomentumIterative(steps: 100, step: 0.02), 1 - 1e-6, 0.9),
    ]
  }

  @Test("O1, O2, B16: on a linear model L1 attacks reach the exact optimum")
  func linear() throws {
    for model in OracleTests.models {
      let n = model.shape.reduce(1, *)
      for (margin, epsilon, dtype) in [
        (0.35, 0.1, DType.float32), (0.35, 0.1, .float64), (0.0, 1.2, .float64),
      ] {
        let (images, labels) = try model.samples(4, dtype, margin: margin)
        var settings = AttackSettings(budget: try Budget(.l1, epsilon))
        settings.search.loss = .margin(clamp: nil)
        settings.reporting.probes = false
        let pixels = try images.doubles()
        for (attack, inside, atBox) in Self.attacks {
          if attack is ProjectedGradientDescent || attack is MomentumIterative, n > 20 { continue }
          let result = try attack.run(
            model.classifier(), images: images, criterion: .misclassified(labels),
            settings: settings)
          let change = zip(try result.images.doubles(), pixels).map { $0 - $1 }
          for (sample, label) in labels.enumerated() {
            let slope = OracleTests.slope(model, label)
            let gained = slope.indices.reduce(0) { $0 + slope[$1] * change[sample * n + $1] }
            let best = Self.optimum(slope, Array(pixels[sample * n..<(sample + 1) * n]), epsilon)
            let share = gained / best
            #expect(
              share <= 1 + 1e-6 && share >= (margin > 0 ? inside : atBox),
              "\(attack.name) reaches \(share) of sample \(sample), \(n) pixels, margin \(margin)")
          }
        }
      }
    }
  }
}
