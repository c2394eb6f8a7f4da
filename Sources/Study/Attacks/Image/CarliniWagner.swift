internal import Diagnostics
internal import Glibc
internal import Tensors

/// Carlini and Wagner's L2 attack, `cw`.
///
/// Minimises `‖x' − x̄‖² + c · max(0, κ − m(x'))` over `w`, `x' = (tanh w + 1) / 2`, from
/// `w₀ = atanh(0.999999 · (2x − 1))`, which is finite for pixels 0 and 1; `m` is the margin
/// `max_{i≠y} z_i − z_y` (for a target `z_t − max_{i≠t} z_i`), whose maximum masks the own class with
/// −∞. Adam per sample; every tenth of the steps a sample whose objective has not fallen below 0.9999
/// of its last value stops. A search for `c`, per sample: after success the upper end, after
/// failure the lower one moves; `c` grows tenfold while there is no upper end, else it is their midpoint.
///
/// Paper: Carlini and Wagner, arXiv:1608.04644.
package struct CarliniWagner: MinimumNormAttack {
  /// Values of `c` tried, at least 1.
  package var searchSteps: Int
  /// Adam's steps for each, at least 1; each costs one forward and one backward.
  package var steps: Int
  /// Adam's step size in `w`.
  package var learningRate: Double
  /// The first `c`, above 0.
  package var initialConstant: Double
  /// Margin `κ` that a result must have, at least 0.
  package var confidence: Double

  /// Creates the attack; see the properties.
  package init(
    searchSteps: Int = 9, steps: Int = 10_000, learningRate: Double = 0.01,
    initialConstant: Double = 1e-3, confidence: Double = 0
  ) {
    self.searchSteps = searchSteps
    self.steps = steps
    self.learningRate = learningRate
    self.initialConstant = initialConstant
    self.confidence = confidence
  }

  /// Five values of `c` with 200 steps each, for a first look.
  package static var fast: CarliniWagner { CarliniWagner(searchSteps: 5, steps: 200) }

  package var name: String { "cw" }
  /// L2 only.
  package var norms: [Norm] { [.l2] }
  /// It has a loss of its own, and draws nothing.
  package var unused: Set<SharedSetting> { [.loss, .restarts, .keep] }
  /// All steps for all constants.
  package var plannedVisits: Int {
    let (product, overflow) = searchSteps.multipliedReportingOverflow(by: steps)
    return overflow ? Int.max / 2 : min(product, Int.max / 2)
  }

  /// All properties, and `fast`.
  package static var parameters: [Parameter<Self>] {
    [
      .preset("fast", .fast, "a short search, for a first look"),
      .steps(\.steps, "Adam's steps for each c"),
      Parameter("search_steps", \.searchSteps, 1...1000, "values of c tried"),
      Parameter("lr", \.learningRate, .above(0), "Adam's step size"),
      Parameter("c", \.initialConstant, .above(0), "the first c"),
      Parameter(
        "kappa", \.confidence, .atLeast(0), "margin of the logits that a result must have"),
    ]
  }

  package func approach(_ search: NearestSearch) throws {
    var constants = [ConstantSearch](
      repeating: ConstantSearch(value: initialConstant), count: search.rows.count)
    for _ in 0..<searchSteps {
      let solved = try search.explore { try descend($0, constants.map(\.value)) }
      for index in constants.indices { constants[index].learn(solved[index]) }
      let none = constants.map { _ in false }
      guard let kept = try search.survivors(leaving: none) else { return }
      constants = kept.of(constants)
    }
  }

  /// Adam from the clean images, or from those that the caller gave, for given constants.
  ///
  /// - Returns: for each sample whether any point met the criterion.
  private func descend(_ search: NearestSearch, _ constants: [Double]) throws -> [Bool] {
    var success = constants.map { _ in false }
    // Positions of the active samples in `success`.
    var places = Array(constants.indices)
    var adam = try Adam(search.clean, from: search.givenStart(), constants)
    var lastObjective = constants.map { _ in Double.infinity }
    let interval = max(1, steps / 10)
    for step in 0..<steps {
      var (hinge, gradient): ([Double], Tensor?) = ([], nil)
      let point = try adam.point()
      let visit = try search.visit(
        point, confidence: confidence,
        differentiating: { logits in
          [try (confidence - search.loss(logits, .margin(clamp: nil))).relu()]
        }
      ) { (hinge, gradient) = ($1, $2) }
      for (position, place) in places.enumerated() where visit.solved[position] {
        success[place] = true
      }
      var isDone = places.map { _ in false }
      if step % interval == interval - 1 {
        for (position, place) in places.enumerated() {
          let distance = visit.distances[position]
          let objective = distance * distance + constants[place] * hinge[position]
          isDone[position] = objective > 0.9999 * lastObjective[place]
          lastObjective[place] = objective
        }
      }
      guard let kept = try search.survivors(leaving: isDone), let gradient else { break }
      places = kept.of(places)
      try adam.narrow(kept)
      try adam.step(kept.of(gradient), rate: learningRate)
    }
    return success
  }
}

/// The search for one sample's constant.
private struct ConstantSearch {
  var value: Double
  private var low = 0.0
  private var high = Double.infinity

  init(value: Double) { self.value = value }

  mutating func learn(_ isSolved: Bool) {
    if isSolved { high = min(high, value) } else { low = max(low, value) }
    value = high < .infinity ? (low + high) / 2 : value * 10
  }
}

/// Adam (arXiv:1412.6980) on `w`, sample by sample, for the distance plus `c` times a hinge.
private struct Adam {
  private var variable: Tensor
  private var first: Tensor
  private var second: Tensor
  private var origin: Tensor
  private var constants: Tensor
  private var tangent: Tensor
  private var count = 0

  init(_ clean: Tensor, from start: Tensor?, _ constants: [Double]) throws {
    let home = try Self.variable(clean)
    origin = try (home.tanh() + 1.0) * 0.5
    variable = try start.map(Self.variable) ?? home
    tangent = try variable.tanh()
    first = try Tensor.zeros(clean.shape, clean.dtype)
    second = first
    self.constants = try Tensor(constants, shape: [constants.count, 1, 1, 1])
      .converted(to: clean.dtype)
  }

  /// `w₀ = atanh(0.999999 · (2x − 1))`, with `atanh u = (log(1 + u) − log(1 − u)) / 2`.
  private static func variable(_ images: Tensor) throws -> Tensor {
    let scaled = try (images * 2.0 - 1.0) * 0.999999
    return try ((scaled + 1.0).log() - (1.0 - scaled).log()) * 0.5
  }

  /// `x' = (tanh w + 1) / 2`.
  func point() throws -> Tensor { try (tangent + 1.0) * 0.5 }

  mutating func narrow(_ kept: Survivors) throws {
    variable = try kept.of(variable)
    tangent = try kept.of(tangent)
    first = try kept.of(first)
    second = try kept.of(second)
    origin = try kept.of(origin)
    constants = try kept.of(constants)
  }

  /// One step, given the gradient of the hinge at the current point.
  mutating func step(_ hinge: Tensor, rate: Double) throws {
    count += 1
    let pixels = try (point() - origin) * 2.0 + hinge * constants
    let gradient = try pixels * (1.0 - tangent.square()) * 0.5
    first = try first * 0.9 + gradient * 0.1
    second = try second * 0.999 + gradient.square() * 0.001
    let scale = 1 / (1 - pow(0.999, Double(count)))
    let size = try (second * scale).sqrt() + 1e-8
    variable = try variable - first / size * (rate / (1 - pow(0.9, Double(count))))
    tangent = try variable.tanh()
  }
}
