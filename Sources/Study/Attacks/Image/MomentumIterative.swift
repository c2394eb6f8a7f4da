internal import Diagnostics
internal import Tensors

/// Iterative sign methods with momentum, in one: MI-, NI-, SI-, VMI-, VNI-, DI- and TI-FGSM and any
/// combination of their parts.
///
/// At each step `g` is the gradient at `x` — with look-ahead at `P(x + step · μ · G)`, which is then also
/// the point that the model sees and that is kept — as a mean over scaled copies (`scales`) and a
/// random resize of each (`diversity`). Then, with `V = 0` at first:
///
///     u = g + V;   V ← mean_i ∇L(x + r_i) − g  (variance);   u ← K ∗ u  (smoothing)
///     G ← μ · G + u / mean|u|;   x ← P(x + step · d(G))
///
/// `d` is the sign (L∞) or `G / ‖G‖₂` (L2); means are those of each sample, and a zero gradient
/// contributes nothing.
///
/// Papers: Dong et al., arXiv:1710.06081 (MI); Lin et al., arXiv:1908.06281 (NI, SI); Wang and He,
/// arXiv:2103.15571 (VMI, VNI); Xie et al., arXiv:1803.06978 (DI); Dong et al., arXiv:1904.02884 (TI).
/// Deviation: look-ahead points are projected, so that every iterate shown to the model is within
/// the budget; copies are inside `[0, 1]`, but not in the ball.
package struct MomentumIterative: FixedBudgetAttack, Sendable {
  /// The method's name, such as `mifgsm`.
  package var name: String
  /// Gradient steps, at least 1.
  package var steps: Int
  /// Step length in pixel units; nil means the rule of `ProjectedGradientDescent`.
  package var step: Double?
  /// Weight `μ` of earlier gradients.
  package var decay: Double
  /// Take gradients ahead of the current point (NI-FGSM).
  package var looksAhead: Bool
  /// Start at a random point of the ball.
  package var startsAtRandom: Bool
  /// Copies `x / 2^i`, `i < scales`, whose gradients are averaged (SI-FGSM); 1 is the image alone.
  package var scales: Int
  /// Neighbours whose gradients correct the next step's (VMI-FGSM); nil for none.
  package var variance: VarianceTuning?
  /// Random resizing of every image that a gradient is taken at (DI-FGSM); nil for none.
  package var diversity: InputDiversity?
  /// Smoothing of gradients over the image (TI-FGSM); nil for none.
  package var smoothing: GradientSmoothing?

  /// Creates the attack; see the properties.
  package init(
    name: String? = nil, steps: Int = 10, step: Double? = nil, decay: Double = 1,
    looksAhead: Bool = false, startsAtRandom: Bool = false, scales: Int = 1,
    variance: VarianceTuning? = nil, diversity: InputDiversity? = nil,
    smoothing: GradientSmoothing? = nil
  ) {
    self.name = name ?? (looksAhead ? "nifgsm" : "mifgsm")
    self.steps = steps
    self.step = step
    self.decay = decay
    self.looksAhead = looksAhead
    self.startsAtRandom = startsAtRandom
    self.scales = scales
    self.variance = variance
    self.diversity = diversity
    self.smoothing = smoothing
  }

  /// True without a random start.
  package var startsAtCleanImages: Bool { !startsAtRandom }
  package var plannedVisits: Int { steps }

  /// False where gradients are those of copies, or smoothed, for the sake of transfer.
  package var followsGradient: Bool {
    scales == 1 && variance == nil && diversity == nil && smoothing == nil
  }

  /// A gradient for every scale of the point and of its neighbours; resized images are seen besides the
  /// point itself.
  package func plannedCost(_ settings: AttackSettings) -> AttackCost {
    let gradients =
      AttackCost(forwards: 1, backwards: 1) * scales * (variance?.neighbours ?? 0).addingClamped(1)
    let step = gradients + AttackCost(forwards: diversity == nil ? 0 : 1, backwards: 0)
    let run = step * steps + AttackCost(forwards: 1, backwards: 0)
    return (run * settings.search.restarts + AttackCost(forwards: 2, backwards: 0))
      * settings.search.draws
      + LevelRefinement.plannedCost(settings)
  }

  /// All but the name.
  package static var parameters: [Parameter<Self>] {
    [
      .steps(\.steps), .step(\.step),
      Parameter("random_start", \.startsAtRandom, "start at a random point of the ball"),
      Parameter("momentum", \.decay, .atLeast(0), "weight of the gradients before"),
      Parameter("nesterov", \.looksAhead, "take gradients ahead"),
      Parameter("scales", \.scales, 1...64, "copies x / 2^i of the image; 1: it alone"),
      .part(
        "variance", \.variance, .integer(1...1_000_000),
        "neighbours that correct the next gradient",
        whenTrue: "\(VarianceTuning().neighbours)", value: { .integer($0.neighbours) },
        make: { value in
          guard case .integer(let count)? = value else { return VarianceTuning() }
          return VarianceTuning(neighbours: count)
        }),
      Parameter(
        "beta", .number(.atLeast(0)), "how far neighbours lie, in budgets",
        get: { $0.variance.map { .number($0.radius) } },
        set: { if case .number(let value) = $1 { $0.variance?.radius = value } }
      ).with("variance", usually: .number(VarianceTuning().radius)),
      .part(
        "diversity", \.diversity, .number(.within(0...1)), "probability that an image is resized",
        whenTrue: "\(InputDiversity().probability)", value: { .number($0.probability) },
        make: { value in
          guard case .number(let share)? = value else { return InputDiversity() }
          return InputDiversity(probability: share)
        }),
      Parameter(
        "resize", .number(.above(0, atMost: 1)), "smallest side of a resized image, as a share",
        get: { $0.diversity.map { .number($0.ratio) } },
        set: { if case .number(let value) = $1 { $0.diversity?.ratio = value } }
      ).with("diversity", usually: .number(InputDiversity().ratio)),
      .part(
        "smoothing", \.smoothing, .integer(1...255),
        "side of the kernel that smooths gradients, odd",
        whenTrue: "5 up to 32 pixels, 7 up to 64, else 15",
        value: { $0.size.map { .integer($0) } },
        make: { value in
          guard case .integer(let side)? = value else { return GradientSmoothing() }
          return GradientSmoothing(size: side)
        }),
    ]
  }

  /// A kernel has a middle.
  package func check(_ settings: AttackSettings) throws { try smoothing?.check() }

  package func perturb(_ search: PixelSearch) throws {
    let length = step ?? search.settings.threat.budget.defaultStep(steps)
    var point = try search.start(random: startsAtRandom)
    var (sum, correction): (Tensor?, Tensor?)
    for index in 0..<steps {
      var shown = point
      if looksAhead, let sum {
        shown = try search.ball.projected(point + sum * (length * decay))
      }
      // The visit's own gradient is that of the first copy, unless copies are resized.
      let visit = try search.visit(shown, gradient: diversity == nil)
      guard let kept = try search.survivors() else { return }
      var copies = GradientCopies(self, search, step: index)
      shown = try kept.of(shown)
      let gradient = try copies.mean(at: shown, first: visit.gradient.map(kept.of))
      var used = try correction.map { try gradient + kept.of($0) } ?? gradient
      if let variance {
        correction = try copies.neighbours(of: shown, variance) - gradient
      }
      if let smoothing { used = try smoothing.smoothed(used) }
      used = try search.ball.free(used)
      let share = try RowScale.scaled(used, by: .mean)
      let next = try sum.map { try kept.of($0) * decay + share } ?? share
      sum = next
      point = try search.ball.stepped(kept.of(point), along: next, by: length)
    }
    try search.finish(point)
  }
}

/// Gradients at copies of one step's point.
private struct GradientCopies {
  let attack: MomentumIterative
  let search: PixelSearch
  var streams: [RandomStream]

  init(_ attack: MomentumIterative, _ search: PixelSearch, step: Int) {
    self.attack = attack
    self.search = search
    streams = search.streams(.attackStep, step: step)
  }

  /// The mean over scaled copies, each resized by a draw of its own where that is asked for.
  ///
  /// - Parameter first: the gradient at the point itself, where it is known.
  mutating func mean(at point: Tensor, first: Tensor?) throws -> Tensor {
    var sum: Tensor?
    for index in 0..<attack.scales {
      if index == 0, let first {
        sum = first
        continue
      }
      // The copy is `T(x / 2^i)`; its gradient with respect to `x` is `Tᵀ(∇L) / 2^i`.
      let factor = 1 / Double(1 << index)
      let copy = try index == 0 ? point : point * factor
      var gradient: Tensor
      if let diversity = attack.diversity {
        let resize = RandomResize(diversity, shape: copy.shape, &streams)
        gradient = try resize.pulledBack(search.gradient(at: resize.applied(to: copy)))
      } else {
        gradient = try search.gradient(at: copy)
      }
      if index > 0 { gradient = try gradient * factor }
      sum = try sum.map { try $0 + gradient } ?? gradient
    }
    guard let sum else { return try Tensor.zeros(point.shape, point.dtype) }
    return attack.scales == 1 ? sum : try sum / Double(attack.scales)
  }

  /// The mean over random neighbours inside `[0, 1]`.
  mutating func neighbours(of point: Tensor, _ variance: VarianceTuning) throws -> Tensor {
    let radius = variance.radius * search.settings.threat.budget.epsilon
    var sum: Tensor?
    for _ in 0..<variance.neighbours {
      let noise = try Tensor.concatenated(
        streams.indices.map { row in
          try Tensor.random(
            [1] + point.shape.dropFirst(), stream: &streams[row], dtype: point.dtype)
        })
      let near = try search.ball.held((point + (noise * 2.0 - 1.0) * radius).clamped(0, 1))
      let gradient = try mean(at: near, first: nil)
      sum = try sum.map { try $0 + gradient } ?? gradient
    }
    guard let sum else { return try Tensor.zeros(point.shape, point.dtype) }
    return try sum / Double(variance.neighbours)
  }
}

/// Gradients at random neighbours, whose mean minus the gradient corrects the next step's:
/// `r_i ~ U(−radius · epsilon, radius · epsilon)` (arXiv:2103.15571).
package struct VarianceTuning: Equatable, Sendable {
  /// How many; the article takes 20.
  package var neighbours: Int
  /// How far, in budgets.
  package var radius: Double

  package init(neighbours: Int = 5, radius: Double = 1.5) {
    self.neighbours = neighbours
    self.radius = radius
  }
}
