internal import Diagnostics
internal import Tensors

/// DeepFool: walks to the nearest face of the linearised decision region, `deepfool`.
///
/// At each point, for every candidate class `c`: `f = z_c − z_y`, `w = ∇f`; the candidate with the
/// smallest `|f| / ‖w‖_*` is taken, `‖·‖_*` the dual norm: L1 for `linf`, L2 for `l2`. Then
/// `total += (|f| / ‖w‖_* + stabiliser) · d`, `d = sign(w)` or `w / ‖w‖₂`, and
/// `x' = clip(x + (1 + overshoot) · total)`, until the top class differs from the label. With both
/// constants 0 it is exact on a linear classifier whose box is inactive. A sample leaves when it is
/// solved; one without any gradient stays where it is.
///
/// Paper: Moosavi-Dezfooli et al., arXiv:1511.04599. The stabiliser follows its published code's use:
/// without it steps shrink to nothing before the boundary.
package struct DeepFool: MinimumNormAttack {
  /// Steps, at least 1; each costs one forward and one backward a candidate.
  package var steps: Int
  /// Share by which the summed change is lengthened, at least 0.
  package var overshoot: Double
  /// Classes looked at: those that rank highest on the clean image, the label excluded, at least 1.
  package var candidates: Int
  /// What is added to each step's length, in pixel units.
  package var stabiliser: Double

  /// Creates the attack; see the properties.
  package init(
    steps: Int = 50, overshoot: Double = 0.02, candidates: Int = 10, stabiliser: Double = 1e-4
  ) {
    self.steps = steps
    self.overshoot = overshoot
    self.candidates = candidates
    self.stabiliser = stabiliser
  }

  package var name: String { "deepfool" }
  /// L∞ and L2.
  package var norms: [Norm] { [.linf, .l2] }
  /// It goes to whichever class is nearest, and draws nothing.
  package var unused: Set<SharedSetting> { [.loss, .restarts, .keep, .targets, .start] }
  /// The steps, and their end.
  package var plannedVisits: Int { steps.addingClamped(1) }

  /// One gradient a candidate and step.
  package func plannedCost(_ settings: AttackSettings) -> AttackCost {
    let step = AttackCost(forwards: 1, backwards: candidates)
    return step * steps * settings.search.draws + AttackCost(forwards: 4, backwards: 0)
      * settings.search.draws
  }

  /// All properties; the stabiliser is no option.
  package static var parameters: [Parameter<Self>] {
    [
      .steps(\.steps, "steps"),
      Parameter(
        "overshoot", \.overshoot, .atLeast(0), "share by which the change is lengthened"),
      Parameter(
        "candidates", \.candidates, 1...1_000_000,
        "classes looked at, by their rank on the clean image"),
      Parameter("stabiliser", \.stabiliser, .atLeast(0), "added to each step's length")
        .unlisted(usual: .number(1e-4)),
    ]
  }

  package func approach(_ search: NearestSearch) throws {
    var point = try search.givenStart() ?? search.clean
    var total = try Tensor.zeros(point.shape, point.dtype)
    var ranked: [[Int]] = []
    for _ in 0..<steps {
      var nearest = NearestFace(search.norm, samples: search.rows.count)
      let labels = try search.labels()
      let visit = try search.visit(
        point,
        differentiating: { logits in
          if ranked.isEmpty { ranked = try candidates(logits, labels) }
          let own = try Self.picked(logits, labels)
          return try (0..<(ranked.first?.count ?? 0)).map { rank in
            try Self.picked(logits, ranked.map { $0[rank] }) - own
          }
        }
      ) { _, values, gradient in try nearest.consider(values, gradient) }
      guard let direction = try nearest.direction() else { return }
      let isStuck = nearest.distances.map { $0 == .infinity }
      let done = zip(visit.solved, isStuck).map { $0 || $1 }
      guard let kept = try search.survivors(leaving: done) else { return }
      let lengths = kept.of(nearest.distances).map { $0 + stabiliser }
      ranked = kept.of(ranked)
      let column = try Tensor(lengths, shape: [lengths.count, 1, 1, 1]).converted(to: total.dtype)
      total = try kept.of(total) + kept.of(direction) * column
      point = try search.clean + total * (1 + overshoot)
    }
    let visit = try search.visit(point)
    guard let kept = try search.survivors(leaving: visit.solved) else { return }
    try search.visitBeyond(kept.of(point))
  }

  /// The highest-ranked classes of each sample but its label.
  private func candidates(_ logits: Tensor, _ labels: [Int]) throws -> [[Int]] {
    let classes = logits.shape[1]
    let count = min(candidates, classes - 1)
    let order = try logits.detached().topK(min(count + 1, classes)).indices.integers()
    return labels.enumerated().map { row, label in
      let best = order[row * (count + 1)..<(row + 1) * (count + 1)].map { Int($0) }
      return Array(best.filter { $0 != label }.prefix(count))
    }
  }

  private static func picked(_ logits: Tensor, _ classes: [Int]) throws -> Tensor {
    let index = try Tensor(classes.map { Int64($0) }, shape: [classes.count, 1])
    return try logits.gathered(1, index).squeezed(1)
  }
}

/// The nearest of several linearised boundaries, sample by sample.
private struct NearestFace {
  let norm: Norm
  /// Distance of the nearest one; infinite where no gradient was seen.
  private(set) var distances: [Double]
  private var gradient: Tensor?

  init(_ norm: Norm, samples: Int) {
    self.norm = norm
    distances = [Double](repeating: .infinity, count: samples)
  }

  /// Looks at one candidate: values `f` and gradients `w`.
  mutating func consider(_ values: [Double], _ next: Tensor) throws {
    let sizes = try RowScale.sizes(norm == .linf ? .sum : .norm, of: next)
    var isNearer = [Int64](repeating: 0, count: values.count)
    for index in values.indices where sizes[index] > 0 {
      let distance = abs(values[index]) / sizes[index]
      guard distance < distances[index] else { continue }
      distances[index] = distance
      isNearer[index] = 1
    }
    guard let gradient else {
      gradient = next
      return
    }
    guard isNearer.contains(1) else { return }
    let mask = try Tensor(isNearer, shape: [values.count, 1, 1, 1])
    self.gradient = try Tensor.select(mask, next, gradient)
  }

  /// The unit step across the nearest boundary; zero without a gradient.
  func direction() throws -> Tensor? {
    try gradient.map { try norm == .linf ? $0.sign() : RowScale.scaled($0, by: .norm) }
  }
}
