import Attacks
import Tensors

// Oracles over small networks and embeddings: O4 to O7.

extension OracleRound {
  // MARK: O4

  /// O4: 3 and 4 pixels on the 8-bit lattice, every point enumerated.
  ///
  /// - Parameter isHeld: false lets results leave the lattice, for a control.
  mutating func lattice(
    _ attacks: [AttackCase], strong: AttackCase? = nil, isHeld: Bool = true
  ) throws {
    let strong =
      strong ?? AttackCase(id: "pgd-strong", attack: ProjectedGradientDescent(steps: 12))
    let shape = seed % 2 == 0 ? [1, 2, 2] : [1, 1, 3]
    let model = ToyModel(kind: .relu, shape: shape, classes: 3, hidden: 6, seed: seed)
    let net = IntervalNet(model)
    let near = try BoundaryImages(model, count: 8, dtype: .float32)
    let canBreak = near.levels.enumerated().map { sample, levels in
      OracleTests.enumerated(levels).contains { point in
        net.isBroken(point.map { Double(Float($0) / 255) }, near.labels[sample])
      }
    }
    for row in attacks + [strong] where row.norms.contains(.linf) {
      var settings = try settings(.linf, 2.0 / 255)
      settings.threat.isOnEightBitLevels = isHeld
      settings.search.restarts = row.id == strong.id ? 4 : 1
      guard let report = try Self.run(row.attack, model, near.images, near.labels, settings)?.report
      else { continue }
      judge("lattice", row, report.success, canBreak.map { $0 ? .breakable : .robust }, strong)
    }
  }

  private mutating func judge(
    _ kind: String, _ row: AttackCase, _ success: [Bool], _ truth: [IntervalNet.Verdict],
    _ strong: AttackCase
  ) {
    for (index, verdict) in truth.enumerated() {
      samples += 1
      if success[index], verdict == .robust {
        count(kind + " false successes")
        violations.append("\(kind): \(row.id) breaks sample \(index), which is robust")
      }
      guard row.id == strong.id else { continue }
      count(
        kind + " "
          + (verdict == .robust ? "robust" : verdict == .breakable ? "breakable" : "undecided"))
      if verdict == .breakable, success[index] { count(kind + " reached") }
    }
  }

  // MARK: O5

  /// O5: the same networks in the continuous ball, pieces bounded or broken.
  mutating func continuous(_ attacks: [AttackCase], strong: AttackCase? = nil) throws {
    let strong =
      strong ?? AttackCase(id: "pgd-strong", attack: ProjectedGradientDescent(steps: 20))
    let shape = seed % 2 == 0 ? [1, 1, 3] : [1, 2, 2]
    let model = ToyModel(kind: .relu, shape: shape, classes: 3, hidden: 6, seed: seed &+ 77)
    let net = IntervalNet(model)
    let near = try BoundaryImages(model, count: 8, dtype: .float64)
    let epsilon = 3.0 / 255
    let truth = near.pixels.enumerated().map { sample, pixels in
      net.decided(
        pixels.map { max(0, $0 - epsilon) }, pixels.map { min(1, $0 + epsilon) },
        near.labels[sample])
    }
    for row in attacks + [strong] where row.norms.contains(.linf) {
      var settings = try settings(.linf, epsilon)
      settings.search.restarts = row.id == strong.id ? 4 : 1
      guard let report = try Self.run(row.attack, model, near.images, near.labels, settings)?.report
      else { continue }
      judge("continuous", row, report.success, truth, strong)
    }
  }

  // MARK: O6

  /// O6: on larger networks nothing that interval bounds certify is ever broken.
  mutating func certified(_ attacks: [AttackCase]) throws {
    let model = ToyModel(kind: .relu, shape: [3, 4, 4], classes: 5, hidden: 16, seed: seed &+ 99)
    let net = IntervalNet(model)
    let near = try BoundaryImages(model, count: 12, dtype: .float64, stride: 50)
    let epsilon = 0.5 / 255
    let isCertified = near.pixels.enumerated().map { sample, pixels in
      net.isCertified(
        pixels.map { max(0, $0 - epsilon) }, pixels.map { min(1, $0 + epsilon) },
        near.labels[sample])
    }
    count("certified", Double(isCertified.count { $0 }))
    for row in attacks where row.norms.contains(.linf) {
      guard
        let report = try Self.run(
          row.attack, model, near.images, near.labels, settings(.linf, epsilon))?.report
      else { continue }
      for index in near.labels.indices where isCertified[index] {
        samples += 1
        if report.success[index] {
          violations.append("O6: \(row.id) breaks the certified sample \(index)")
        }
      }
    }
  }

  // MARK: O7

  /// O7: `‖W(x' − x)‖²` in an L2 ball has the optimum `(eps · s_max(W))²`.
  ///
  /// Ascent on it is power iteration, which a short step slows down: the step is APGD's first, 2 eps.
  mutating func embedding(
    _ attack: ProjectedGradientDescent = ProjectedGradientDescent(steps: 50, step: 0.4)
  ) throws {
    let model = ToyModel(kind: .linear, shape: [3, 3, 3], classes: 6, seed: seed &+ 5)
    let (weights, n, rows) = (model.linearWeights, 27, 6)
    // Power iteration on WᵀW.
    var vector = (0..<n).map { _ in 1.0 }
    vector[0] = 2
    var largest = 0.0
    for _ in 0..<5000 {
      let image = (0..<rows).map { row in
        (0..<n).reduce(0) { $0 + weights[row * n + $1] * vector[$1] }
      }
      vector = (0..<n).map { column in
        (0..<rows).reduce(0) { $0 + weights[$1 * n + column] * image[$1] }
      }
      largest = vector.reduce(0) { $0 + $1 * $1 }.squareRoot()
      vector = vector.map { $0 / largest }
    }
    let epsilon = 0.2
    let (images, _) = try model.samples(3, .float64, margin: 0.35)
    let features = try model.classifier()(images)
    var settings = try settings(.l2, epsilon)
    settings.search.restarts = 3
    let result = try attack.maximize(
      { moved, indices, _ in
        let own = try features.indexSelected(
          0, Tensor(indices.map { Int64($0) }, shape: [indices.count]))
        return try (model.classifier()(moved) - own).square().sum(axes: [1])
      }, images: images, settings: settings)
    for value in result.report.loss {
      samples += 1
      count("embeddings")
      let share = value / (epsilon * epsilon * largest)
      if !(share >= 0.99 && share <= 1 + 1e-5) {
        violations.append("O7: \(attack.steps) steps reach \(share) of the optimum")
      }
    }
  }
}
