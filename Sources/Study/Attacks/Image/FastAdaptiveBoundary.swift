internal import Diagnostics
internal import Tensors

/// Fast adaptive boundary attack: walks along the decision boundary towards the clean image, `fab`.
///
/// With `d = z_t − z_y` and its gradient `G` at the point `x_k`, the boundary is linearised to the plane
/// `d + G · (v − x_k) = 0`. `δ₁` and `δ₂` lead from `x_k` and from the clean image `x` to their nearest
/// points of plane and box, in the attack's norm; `A = min(‖δ₁‖ / (‖δ₁‖ + ‖δ₂‖), alphaMax)`;
///
///     x_{k+1} = clip((1 − A)(x_k + η δ₁) + A (x + η δ₂))
///
/// A point that meets the criterion is kept if none was nearer, and `x_{k+1} ← x + β (x_{k+1} − x)`. The
/// classes that rank highest on the clean image are taken one after another (FAB-T); with 0 classes,
/// the one with the nearest plane at each step. At last the segment from `x` to the best point is
/// bisected: exact on a linear classifier, where the published code ends half a per cent behind.
///
/// Paper: Croce and Hein, arXiv:1907.02044.
package struct FastAdaptiveBoundary: MinimumNormAttack {
  /// Steps towards one class, at least 1; each costs two forwards and one backward.
  package var steps: Int
  /// Largest weight `alphaMax` of the clean image, in `0 … 1`.
  package var alphaMax: Double
  /// Overshoot `η`, at least 1.
  package var eta: Double
  /// How far a successful point is drawn back, `β`, in `0 … 1`.
  package var beta: Double
  /// Classes taken one after another; nil for nine, or all others where there are fewer; 0 for the
  /// nearest of all at each step.
  package var classes: Int?
  /// No bisection at the end, as in the released code.
  package var isCompatible: Bool

  /// Creates the attack; see the properties.
  package init(
    steps: Int = 100, alphaMax: Double = 0.1, eta: Double = 1.05, beta: Double = 0.9,
    classes: Int? = nil, isCompatible: Bool = false
  ) {
    self.steps = steps
    self.alphaMax = alphaMax
    self.eta = eta
    self.beta = beta
    self.classes = classes
    self.isCompatible = isCompatible
  }

  private static let bisections = 20

  package var name: String { "fab" }
  package var norms: [Norm] { Norm.allCases }
  /// It follows the boundary, whatever the loss; restarts begin at random points.
  package var unused: Set<SharedSetting> { [.loss, .keep] }
  /// Two for each step, towards each class.
  package var plannedVisits: Int {
    steps.addingClamped(1).multipliedClamped(by: 2).multipliedClamped(
      by: max(1, classes ?? AutoProjectedGradientDescent.usualClasses)
    ).addingClamped(Self.bisections)
  }

  /// Two forwards and one backward a step; with 0 classes one backward for each of them, nine at a
  /// guess.
  package func plannedCost(_ settings: AttackSettings) -> AttackCost {
    let usual = AutoProjectedGradientDescent.usualClasses
    let gradients =
      AttackCost(forwards: 0, backwards: steps) * (classes == 0 ? usual : classes ?? usual)
    let walks = AttackCost(forwards: plannedVisits, backwards: 0) + gradients
    return (walks * settings.search.restarts + AttackCost(forwards: 3, backwards: 0))
      * settings.search.draws
  }

  package static var parameters: [Parameter<Self>] {
    [
      .steps(\.steps, "steps towards one class"),
      Parameter("alpha_max", \.alphaMax, .within(0...1), "largest weight of the clean image"),
      Parameter("eta", \.eta, .atLeast(1), "overshoot across the boundary"),
      Parameter("beta", \.beta, .within(0...1), "how far a successful point is drawn back"),
      Parameter(
        "n_targets", \.classes, 0...1_000_000,
        "classes taken one after another, by rank on the clean image; 0: the nearest of all at each step",
        absent: "9, or all others where there are fewer,"),
      Parameter(
        "compat", \.isCompatible, "no bisection at the end, as in the released code"),
    ]
  }

  package func approach(_ search: NearestSearch) throws {
    if try search.targets() != nil {
      try walk(search, towards: nil)
    } else if classes == 0 {
      try walk(search, towards: [])
    } else {
      let ranked = try ranked(search)
      let others = ranked.first?.count ?? 0
      if let classes, classes > others {
        throw KilpiError(
          "n_targets is \(classes), the classifier has \(others + 1) classes",
          advice: "at most \(others)")
      }
      for rank in 0..<min(classes ?? AutoProjectedGradientDescent.usualClasses, others) {
        try search.explore { inner in
          let gone = inner.rows.map { _ in false }
          guard let kept = try inner.survivors(leaving: gone) else { return }
          try walk(inner, towards: kept.of(ranked).map { $0[rank] })
        }
      }
    }
    if !isCompatible { try search.explore { try bisect($0) } }
  }

  /// Classes other than the label, the strongest on the clean image first.
  private func ranked(_ search: NearestSearch) throws -> [[Int]] {
    let logits = try search.visit(search.clean).logits
    let (values, classes) = (try logits.doubles(), logits.shape[1])
    return try search.labels().enumerated().map { row, label in
      (0..<classes).filter { $0 != label }.sorted {
        let (a, b) = (values[row * classes + $0], values[row * classes + $1])
        return a == b ? $0 < $1 : a > b
      }
    }
  }

  /// One walk.
  ///
  /// - Parameter aims: a class for each active sample; nil for the targets of a targeted attack; empty
  ///   for the nearest class at each step.
  private func walk(_ search: NearestSearch, towards aims: [Int]?) throws {
    var (point, aims) = (try start(search), aims)
    let draws = search.restart > 0 || search.settings.search.startPoints != nil
    if draws {
      let visit = try search.visit(point)
      point = try drawnBack(point, search.clean, visit.solved)
    }
    for _ in 0..<steps {
      var plane = BoundaryPlane(search.norm, samples: search.rows.count)
      let labels = try search.labels()
      try search.visit(
        point, differentiating: { logits in try values(logits, labels, aims, search) }
      ) { _, values, gradient in try plane.consider(values, gradient) }
      guard let gradient = plane.gradient else { return }
      let next = try search.held(
        BoundaryStep(norm: search.norm, alphaMax: alphaMax, eta: eta).next(
          search.clean, point, gradient, plane.values))
      let visit = try search.visit(next)
      let none = visit.solved.map { _ in false }
      guard let kept = try search.survivors(leaving: none) else { return }
      aims = aims.map { $0.isEmpty ? [] : kept.of($0) }
      point = try drawnBack(kept.of(next), search.clean, kept.of(visit.solved))
    }
  }

  private func values(
    _ logits: Tensor, _ labels: [Int], _ aims: [Int]?, _ search: NearestSearch
  ) throws -> [Tensor] {
    guard let aims else { return [try search.loss(logits, .margin(clamp: nil))] }
    func picked(_ classes: [Int]) throws -> Tensor {
      let index = try Tensor(classes.map { Int64($0) }, shape: [classes.count, 1])
      return try logits.gathered(1, index).squeezed(1)
    }
    let own = try picked(labels)
    if !aims.isEmpty { return [try picked(aims) - own] }
    let count = logits.shape[1]
    return try (1..<max(count, 1)).map { step in
      try picked(labels.map { ($0 + step) % count }) - own
    }
  }

  /// Samples that meet the criterion go back towards the clean image.
  private func drawnBack(_ point: Tensor, _ clean: Tensor, _ solved: [Bool]) throws -> Tensor {
    guard solved.contains(true) else { return point }
    return try Tensor.chosen(solved, clean + (point - clean) * beta, point)
  }

  /// The clean image; after the first run a random point within half of the distance known or allowed.
  private func start(_ search: NearestSearch) throws -> Tensor {
    if let given = try search.givenStart() { return given }
    guard search.restart > 0 else { return search.clean }
    let clean = search.clean
    let shape = [1] + clean.shape.dropFirst()
    let noise = try Tensor.concatenated(
      search.streams(.attackStart).map { stream in
        var stream = stream
        return try search.norm == .linf
          ? Tensor.random(shape, stream: &stream, dtype: clean.dtype) * 2.0 - 1.0
          : Tensor.randomNormal(shape, stream: &stream, dtype: clean.dtype)
      })
    let radii = search.nearest.map { min($0, search.settings.threat.budget.epsilon, 0.5) / 2 }
    let column = try Tensor(radii, shape: [radii.count, 1, 1, 1]).converted(to: clean.dtype)
    let unit: Tensor
    switch search.norm {
    case .linf: unit = try search.free(noise)
    case .l2: unit = try RowScale.scaled(search.free(noise), by: .norm)
    case .l1: unit = try RowScale.scaled(search.free(noise), by: .sum)
    }
    return try (clean + unit * column).clamped(0, 1)
  }

  /// Halves the segment between the clean image and the best point.
  private func bisect(_ search: NearestSearch) throws {
    let none = search.nearest.map { $0 == .infinity }
    guard try search.survivors(leaving: none) != nil else { return }
    var change = try search.nearestImages() - search.clean
    var (low, high) = (search.rows.map { _ in 0.0 }, search.rows.map { _ in 1.0 })
    for _ in 0..<Self.bisections {
      let middle = zip(low, high).map { ($0 + $1) / 2 }
      let column = try Tensor(middle, shape: [middle.count, 1, 1, 1])
        .converted(to: change.dtype)
      let visit = try search.visit(search.clean + change * column)
      for index in middle.indices {
        if visit.solved[index] { high[index] = middle[index] } else { low[index] = middle[index] }
      }
      guard let kept = try search.survivors(leaving: visit.solved.map { _ in false }) else {
        return
      }
      (change, low, high) = (try kept.of(change), kept.of(low), kept.of(high))
    }
  }
}
