import Diagnostics
import Tensors
import Testing

@testable import Attacks

/// Square: the schedule, where windows lie, and what random search cannot exceed.
@Suite struct SquareTests {
  /// Proposals and start of a search that nothing is accepted in, on one image of 10 x 10.
  static func proposals(_ norm: Norm, _ queries: Int) throws -> [[Double]] {
    var settings = AttackSettings(budget: try Budget(norm, norm == .linf ? 0.1 : 0.5), seed: 4)
    settings.reporting.probes = false
    let spy = Spy(
      Classifier { images in
        let zero = try images.sum(axes: [1, 2, 3]).unsqueezed(1) * 0.0
        return try Tensor.concatenated([zero + 2.0, zero], axis: 1)
      })
    _ = try SquareAttack(queries: queries).run(
      spy.see, images: Tensor.full([1, 3, 10, 10], 0.5, .float64), criterion: .misclassified([0]),
      settings: settings)
    // The clean pass comes first, the verdict last.
    #expect(spy.batches.count == queries + 2)
    return try spy.batches.dropFirst().dropLast().map { try $0.doubles() }
  }

  @Test("rows 39: windows have the sides of the schedule and reach the last row and column")
  func schedule() throws {
    let shown = try Self.proposals(.linf, 700)
    let start = shown[0]
    #expect(start.allSatisfy { abs(abs($0 - 0.5) - 0.1) < 1e-12 })
    for place in start.indices {  // constant along columns, per channel
      #expect(start[place] == start[place / 100 * 100 + place % 10])
    }
    for (steps, side) in [(0...10, 9), (11...50, 6), (51...200, 4), (201...500, 3), (501...698, 2)]
    {
      var (tallest, widest) = (0, 0)
      var edges = Set<String>()
      for step in steps {
        let places = start.indices.filter { shown[step + 1][$0] != start[$0] }
        guard !places.isEmpty else { continue }
        let (rows, columns) = (places.map { $0 % 100 / 10 }, places.map { $0 % 10 })
        tallest = max(tallest, (rows.max() ?? 0) - (rows.min() ?? 0) + 1)
        widest = max(widest, (columns.max() ?? 0) - (columns.min() ?? 0) + 1)
        if rows.contains(9) { edges.insert("bottom") }
        if rows.contains(0) { edges.insert("top") }
        if columns.contains(9) { edges.insert("right") }
        if columns.contains(0) { edges.insert("left") }
      }
      #expect(tallest == side && widest == side, "\(tallest) x \(widest) for \(side)")
      #expect(edges.count == 4)
    }
  }

  @Test("a peak is the sum of the rectangles that hold each place", arguments: [Norm.l2, .l1])
  func peak(_ norm: Norm) throws {
    for (rows, columns) in [(1, 3), (2, 5), (3, 5), (4, 9), (5, 9), (1, 1)] {
      let (middle, centre) = (rows / 2, columns / 2)
      // The place is in all rectangles whose reach is at least its distance from the centre.
      let sums = (0..<rows * columns).map { place -> Double in
        let reach = max(abs(place / columns - middle), abs(place % columns - centre))
        return (reach...max(middle, centre)).reduce(0) { sum, ring in
          let weight = 1 / Double((ring + 1) * (ring + 1))
          return sum + (norm == .l2 ? weight : weight * weight)
        }
      }
      let size =
        norm == .l2
        ? sums.reduce(0) { $0 + $1 * $1 }.squareRoot() : sums.reduce(0, +)
      for (found, sum) in zip(SquareWindows.peak(rows, columns, norm), sums) {
        #expect(abs(found - sum / size) < 1e-12, "\(rows) x \(columns)")
      }
    }
  }

  @Test("L2 and L1 proposals spend the whole budget, in few windows", arguments: [Norm.l2, .l1])
  func mass(_ norm: Norm) throws {
    let shown = try Self.proposals(norm, 60)
    let clean = try Tensor.full([1, 3, 10, 10], 0.5, .float64)
    for values in shown {
      let size = try Distances(from: clean, to: Tensor(values, shape: [1, 3, 10, 10]))[norm][0]
      #expect(abs(size - 0.5) < 1e-6)
    }
    // The start: 25 tiles, each half positive and half negative in a channel.
    let change = shown[0].map { $0 - 0.5 }
    #expect(change.allSatisfy { $0 != 0 } && abs(change.reduce(0, +)) < 1e-9)
  }

  @Test(
    "on a linear model never better than the optimum, and well on the way", arguments: Norm.allCases
  )
  func optimum(_ norm: Norm) throws {
    let model = ToyModel(kind: .linear, shape: [3, 4, 4], classes: 2, seed: 2)
    let (images, labels) = try model.samples(6, .float64, margin: 0.4)
    let epsilon = norm == .linf ? 0.02 : 0.05
    var settings = AttackSettings(budget: try Budget(norm, epsilon), seed: 1)
    settings.reporting.probes = false
    let result = try SquareAttack(queries: 600).run(
      model.classifier(), images: images, criterion: .misclassified(labels), settings: settings)
    let change = zip(try result.images.doubles(), try images.doubles()).map { $0 - $1 }
    for (sample, label) in labels.enumerated() {
      let slope = OracleTests.slope(model, label)
      let gained = slope.indices.reduce(0) { $0 + slope[$1] * change[sample * 48 + $1] }
      let size: Double
      switch norm {
      case .linf: size = slope.reduce(0) { $0 + abs($1) }
      case .l2: size = slope.reduce(0) { $0 + $1 * $1 }.squareRoot()
      case .l1: size = slope.reduce(0) { max($0, abs($1)) }
      }
      let share = gained / (epsilon * size)
      #expect(
        share <= 1 + 1e-6 && share > (norm == .linf ? 0.95 : norm == .l2 ? 0.4 : 0.15), "\(share)")
    }
    #expect(result.report.backwards == [0, 0, 0, 0, 0, 0])
    #expect(result.report.distance[norm].allSatisfy { $0 <= epsilon * (1 + 1e-6) })
  }
}
