import Attacks
import Diagnostics
import Tensors
import Testing

/// FAB: planes cut by the box, the last bisection, restarts and targets.
@Suite struct BoundaryTests {
  /// The smallest distance of a point of the box with `slope · δ >= need`, by bisection on the size or
  /// the multiplier, or by filling; infinite when the box holds none.
  static func distance(_ slope: [Double], _ pixels: [Double], _ need: Double, _ norm: Norm)
    -> Double
  {
    let rooms = zip(slope, pixels).map { $0 > 0 ? 1 - $1 : $1 }
    func sizes(_ r: Double) -> [Double] {
      zip(slope, rooms).map { min(norm == .linf ? r : r * abs($0), $1) }
    }
    func gain(_ sizes: [Double]) -> Double { zip(slope, sizes).reduce(0) { $0 + abs($1.0) * $1.1 } }
    guard gain(rooms) >= need else { return .infinity }
    if norm == .l1 {
      var (left, total) = (need, 0.0)
      for index in slope.indices.sorted(by: { abs(slope[$0]) > abs(slope[$1]) }) {
        let part = min(rooms[index], max(left, 0) / abs(slope[index]))
        total += part
        left -= part * abs(slope[index])
      }
      return total
    }
    var (low, high) = (0.0, 1e6)
    for _ in 0..<200 {
      let middle = (low + high) / 2
      if gain(sizes(middle)) < need { low = middle } else { high = middle }
    }
    let found = sizes(high)
    return norm == .linf ? found.max() ?? 0 : found.reduce(0) { $0 + $1 * $1 }.squareRoot()
  }

  @Test(
    "O3 where the box is active: within half a per cent; exact elsewhere (NearestConformance)",
    arguments: Norm.allCases)
  func box(_ norm: Norm) throws {
    let model = ToyModel(kind: .linear, shape: [3, 3, 3], classes: 2, seed: 12)
    // Far from the boundary and near the ends of the range, so that many pixels meet the box.
    var stream = RandomSource(seed: 3).stream(.probe)
    let pixels = (0..<8 * 27).map { _ in
      stream.uniform() < 0.5 ? 0.15 * stream.uniform() : 1 - 0.15 * stream.uniform()
    }
    let images = try Tensor(pixels, shape: [8, 3, 3, 3])
    let logits = try model.classifier()(images).doubles()
    let labels = (0..<8).map { logits[2 * $0] > logits[2 * $0 + 1] ? 0 : 1 }
    var settings = AttackSettings(budget: .unlimited(norm))
    settings.reporting.probes = false
    for attack in [
      FastAdaptiveBoundary(steps: 60), FastAdaptiveBoundary(steps: 60, isCompatible: true),
    ] {
      let nearest = try #require(
        try attack.run(
          model.classifier(), images: images, criterion: .misclassified(labels), settings: settings
        ).report.nearest)
      var cut = 0
      for (sample, label) in labels.enumerated() {
        let slope = OracleTests.slope(model, label)
        let own = Array(pixels[sample * 27..<(sample + 1) * 27])
        let need = abs(logits[2 * sample] - logits[2 * sample + 1])
        let optimum = Self.distance(slope, own, need, norm)
        let free = Self.distance(slope, slope.map { $0 > 0 ? -9 : 10 }, need, norm)
        cut += optimum > free * 1.001 ? 1 : 0
        let ratio = nearest[sample] / optimum
        #expect(
          ratio > 1 - 1e-9 && ratio < (attack.isCompatible ? 1.06 : 1.005),
          "\(norm) sample \(sample): \(ratio)")
      }
      #expect(cut >= 2, "the box was active for \(cut) samples")
    }
  }

  @Test("restarts never lengthen a distance, and begin elsewhere", arguments: Norm.allCases)
  func restarts(_ norm: Norm) throws {
    let model = ToyModel(kind: .gelu, shape: [3, 4, 4], classes: 5, seed: 6)
    let (images, labels) = try model.samples(6)
    func nearest(_ restarts: Int) throws -> (distances: [Double], shown: [Tensor]) {
      var settings = AttackSettings(budget: .unlimited(norm), seed: 2)
      settings.reporting.probes = false
      settings.search.restarts = restarts
      let spy = Spy(model.classifier(scale: 5))
      let report = try FastAdaptiveBoundary(steps: 10).run(
        spy.see, images: images, criterion: .misclassified(labels), settings: settings
      ).report
      return (try #require(report.nearest), spy.batches)
    }
    let (one, two) = (try nearest(1), try nearest(3))
    for (a, b) in zip(one.distances, two.distances) { #expect(b <= a) }
    #expect(two.shown.count > one.shown.count)
  }

  @Test("a targeted attack ends at its targets, near what the untargeted one finds for that class")
  func targets() throws {
    let model = ToyModel(kind: .linear, shape: [3, 3, 3], classes: 4, seed: 11)
    let (images, labels) = try model.samples(6, .float64, margin: 0.45)
    let targets = labels.map { ($0 + 1) % 4 }
    var settings = AttackSettings(budget: .unlimited(.l2))
    settings.reporting.probes = false
    let report = try FastAdaptiveBoundary(steps: 40).run(
      model.classifier(), images: images,
      criterion: .targeted(.classes(targets), labels: labels), settings: settings
    ).report
    #expect(report.success == [Bool](repeating: true, count: 6))
    #expect(report.prediction == targets)
  }

  static let errors: [AttackErrorTests.Case] = [
    ("steps is 0, at least 1 is needed", FastAdaptiveBoundary(steps: 0)),
    ("alpha_max is 2, outside 0 … 1", FastAdaptiveBoundary(alphaMax: 2)),
    ("eta is 0.5, at least 1 is needed", FastAdaptiveBoundary(eta: 0.5)),
    ("beta is -1, outside 0 … 1", FastAdaptiveBoundary(beta: -1)),
    ("n_targets is -1, at least 0 is needed", FastAdaptiveBoundary(classes: -1)),
    (
      "n_targets is 5, the classifier has 3 classes (at most 2)", FastAdaptiveBoundary(classes: 5)
    ),
  ].map { text, attack in
    AttackErrorTests.Case(text, text) {
      let (images, labels) = try AttackErrorTests.model.samples(2, margin: 0.3)
      _ = try attack.run(
        AttackErrorTests.model.classifier(), images: images, criterion: .misclassified(labels),
        settings: AttackSettings())
    }
  }

  @Test(arguments: errors)
  func text(_ row: AttackErrorTests.Case) {
    #expect(message { try row.call() } == row.expected)
  }
}
