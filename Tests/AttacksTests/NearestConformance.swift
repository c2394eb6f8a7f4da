import Attacks
import Diagnostics
import Synchronization
import Tensors
import Testing

/// One row of the table of minimum-norm attacks.
struct NearestCase: CustomTestStringConvertible, @unchecked Sendable {
  var id: String
  var attack: any MinimumNormAttack
  var norms: [Norm] = [.linf, .l2]
  /// With parameters that come near the smallest distance on a linear model, and how near: O3.
  var oracle: any MinimumNormAttack
  var reach = 1.02
  /// What that model's logits are multiplied by.
  var scale = 1.0

  var testDescription: String { id }

  /// Every minimum-norm attack.
  static let all: [NearestCase] = [
    NearestCase(
      id: "deepfool", attack: DeepFool(), oracle: DeepFool(overshoot: 0, stabiliser: 0),
      reach: 1 + 1e-5),
    NearestCase(
      id: "cw",
      attack: CarliniWagner(searchSteps: 3, steps: 20, learningRate: 0.05, initialConstant: 0.3),
      norms: [.l2],
      oracle: CarliniWagner(searchSteps: 6, steps: 300, learningRate: 2e-3, initialConstant: 0.1)),
    NearestCase(
      id: "ddn", attack: DecoupledDirectionNorm(steps: 20), norms: [.l2],
      // Large logits: cross-entropy then points at one class rather than at a mixture of them.
      oracle: DecoupledDirectionNorm(), scale: 300),
    NearestCase(
      id: "fab", attack: FastAdaptiveBoundary(steps: 8), norms: Norm.allCases,
      oracle: FastAdaptiveBoundary(steps: 20), reach: 1 + 1e-5),
    NearestCase(
      id: "fab-untargeted", attack: FastAdaptiveBoundary(steps: 8, classes: 0),
      norms: Norm.allCases, oracle: FastAdaptiveBoundary(steps: 20, classes: 0), reach: 1 + 1e-5),
  ]
}

/// One row of the conformance table: an attack, a norm, a model and an element type.
struct NearestCombination: CustomTestStringConvertible, @unchecked Sendable {
  var attack: NearestCase
  var norm: Norm
  var model: ToyModel
  var dtype: DType

  var testDescription: String {
    "\(attack.id) \(norm.rawValue) \(model.testDescription) \(dtype.rawValue)"
  }

  static let models = [
    ToyModel(kind: .linear, shape: [3, 2, 2], classes: 3),
    ToyModel(kind: .gelu, shape: [3, 3, 2], classes: 5),
  ]

  static func table(_ attacks: [NearestCase]) -> [NearestCombination] {
    attacks.flatMap { attack in
      attack.norms.flatMap { norm in
        models.flatMap { model in
          [DType.float32, .float64].map {
            NearestCombination(attack: attack, norm: norm, model: model, dtype: $0)
          }
        }
      }
    }
  }
}

/// The requirements on every minimum-norm attack, as checks that return what is violated.
struct NearestConformance {
  let row: NearestCombination
  /// Sample 3 is wrong when clean.
  private static let wrong = 3

  private func run(
    _ classifier: Classifier, _ images: Tensor, _ labels: [Int],
    _ change: (inout AttackSettings) throws -> Void = { _ in }
  ) throws -> AttackResult {
    var settings = AttackSettings(budget: .unlimited(row.norm), seed: 5)
    settings.reporting.probes = false
    try change(&settings)
    Conformance.attacked.add(labels.count, ordering: .relaxed)
    return try row.attack.attack.run(
      classifier, images: images, criterion: .misclassified(labels), settings: settings)
  }

  /// I2: every image that the model saw lies in the range.
  func range() throws -> [String] {
    let (images, labels) = try row.model.samples(5, row.dtype)
    let spy = Spy(row.model.classifier())
    _ = try run(spy.see, images, labels)
    let isInside = try spy.batches.allSatisfy {
      try $0.doubles().allSatisfy { $0 >= 0 && $0 <= 1 }
    }
    return isInside ? [] : ["I2: outside 0 … 1"]
  }

  /// I6, I7, B23: success is that of the image alone, and a wrong sample comes back as it was.
  func verdicts() throws -> [String] {
    let (images, labels) = try row.model.samples(5, row.dtype)
    var found: [String] = []
    for attacksAll in [true, false] {
      let result = try run(row.model.classifier(), images, labels) {
        $0.search.attacksAll = attacksAll
      }
      let distances = try Distances(from: images, to: result.images)[row.norm]
      for index in labels.indices {
        let alone = try result.images.narrowed(0, start: index, length: 1)
        let top = Int(try row.model.classifier()(alone).argmax(axis: 1).integers()[0])
        let isBroken = top != labels[index]
        if isBroken != result.report.success[index] { found.append("I6: sample \(index)") }
        let expected = isBroken ? distances[index] : .infinity
        if result.report.nearest?[index] != expected { found.append("distance of \(index)") }
        if !isBroken, distances[index] != 0 { found.append("I6: a failure moved \(index)") }
      }
      if distances[Self.wrong] != 0 || result.report.cleanCorrect[Self.wrong] {
        found.append("I7: a wrong sample changed")
      }
    }
    return found
  }

  /// I9, B24: the nearest success that the model saw comes back, not the last.
  func nearest() throws -> [String] {
    let (images, labels) = try row.model.samples(5, row.dtype)
    var found: [String] = []
    for index in labels.indices where index != Self.wrong {
      let image = try images.narrowed(0, start: index, length: 1).contiguous()
      let spy = Spy(row.model.classifier())
      let result = try run(spy.see, image, [labels[index]])
      var smallest = Double.infinity
      for batch in spy.batches {
        let top = Int(try row.model.classifier()(batch).argmax(axis: 1).integers()[0])
        guard top != labels[index] else { continue }
        smallest = min(smallest, try Distances(from: image, to: batch)[row.norm][0])
      }
      if result.report.nearest != [smallest] {
        found.append("I9: sample \(index) has \(result.report.nearest ?? []), not \(smallest)")
      }
    }
    return found
  }

  /// I11, B20: one by one, permuted, in parts or all at once: the same bits.
  func independence() throws -> [String] {
    let (images, labels) = try row.model.samples(5, row.dtype)
    let whole = try bits(run(row.model.classifier(), images, labels).images)
    let width = whole.count / 5
    var found: [String] = []
    for index in labels.indices {
      let alone = try run(
        row.model.classifier(), images.narrowed(0, start: index, length: 1), [labels[index]]
      ) { $0.search.sampleIDs = [UInt64(index + 1)] }
      if try bits(alone.images) != Array(whole[index * width..<(index + 1) * width]) {
        found.append("I11: sample \(index) alone differs")
      }
    }
    let order = [3, 0, 2, 1, 4]
    let shuffled = try images.indexSelected(0, Tensor(order.map { Int64($0) }, shape: [5]))
    let permuted = try run(row.model.classifier(), shuffled, order.map { labels[$0] }) {
      $0.search.sampleIDs = order.map { UInt64($0 + 1) }
    }
    let expected = order.flatMap { whole[$0 * width..<($0 + 1) * width] }
    if try bits(permuted.images) != expected { found.append("I11: permuted") }
    let parts = try run(row.model.classifier(), images, labels) { $0.search.batch = 2 }
    if try bits(parts.images) != whole { found.append("I11: in parts") }
    return found
  }

  /// I12, I14: the same bytes again, and the images passed in are unchanged, also after an error.
  func inputsUntouched() throws -> [String] {
    let (images, labels) = try row.model.samples(4, row.dtype)
    let before = try bits(images)
    let first = try run(row.model.classifier(), images, labels)
    let second = try run(row.model.classifier(), images, labels)
    var found = try bits(first.images) == bits(second.images) ? [] : ["I12: other bytes"]
    var calls = 0
    let failing = Classifier { batch in
      calls += 1
      if calls == 4 { throw KilpiError("the model fails") }
      return try row.model.classifier()(batch)
    }
    let text = message { _ = try run(failing, images, labels) }
    if try bits(images) != before { found.append("I14: the images changed") }
    if text != "the model fails" { found.append("the model's error became '\(text)'") }
    if !GradientMode.isRecording { found.append("I13: recording stayed off") }
    return found
  }

  /// I16, B13: without a gradient nothing moves, and nothing becomes NaN.
  func zeroGradients() throws -> [String] {
    let (images, _) = try row.model.samples(3, row.dtype)
    let flat = Classifier { images in
      let zero = try images.sum(axes: [1, 2, 3]).unsqueezed(1) * 0.0
      return try Tensor.concatenated([zero + 2.0, zero + 1.0, zero], axis: 1)
    }
    let spy = Spy(flat)
    let result = try run(spy.see, images, [0, 0, 0])
    let isStill = try bits(result.images) == bits(images)
    var found =
      isStill && result.report.nearest == [.infinity, .infinity, .infinity]
      ? [] : ["I16: a zero gradient moved the images"]
    let clean = try images.doubles()
    for batch in spy.batches where batch.shape[0] == 3 {
      // C&W shows the images' reconstruction through its own map.
      let change = try zip(batch.doubles(), clean).map { abs($0 - $1) }
      if !change.allSatisfy({ $0 < 1e-5 }) { found.append("I16: moved by \(change.max() ?? 0)") }
    }
    return found
  }

  /// I25: the counters equal what the model really saw.
  func counters() throws -> [String] {
    let (images, labels) = try row.model.samples(5, row.dtype)
    let spy = Spy(row.model.classifier())
    let result = try run(spy.see, images, labels) { $0.reporting.probes = true }
    let counted = result.report.forwards.reduce(0, +)
    return counted == spy.images ? [] : ["I25: \(counted) counted, \(spy.images) seen"]
  }

  /// I1, I3: where the budget limits the result, it holds; and nothing within it is lost.
  func budget() throws -> [String] {
    let (images, labels) = try row.model.samples(9, row.dtype)
    let free = try run(row.model.classifier(), images, labels)
    let found = (free.report.nearest ?? []).filter { $0 > 0 && $0 < .infinity }.sorted()
    guard found.count > 3 else { return ["only \(found.count) samples were broken"] }
    let budget = try Budget(row.norm, found[found.count / 2])
    var problems: [String] = []
    for stopsEarly in [false, true] {
      let limited = try run(row.model.classifier(), images, labels) {
        $0.threat.budget = budget
        $0.threat.isWithinBudgetOnly = true
        $0.search.stopsEarly = stopsEarly
      }
      let distances = try Distances(from: images, to: limited.images)[row.norm]
      if distances.contains(where: { !($0 <= budget.epsilon) }) { problems.append("I1") }
      let counted = try run(row.model.classifier(), images, labels) { $0.threat.budget = budget }
      if counted.report.broken != limited.report.broken { problems.append("share within eps") }
      if limited.report.success != counted.report.nearest?.map({ $0 <= budget.epsilon }) {
        problems.append("success within eps")
      }
    }
    let none = try run(row.model.classifier(), images, labels) {
      $0.threat.budget = try Budget(row.norm, 0)
      $0.threat.isWithinBudgetOnly = true
    }
    if try bits(none.images) != bits(images) { problems.append("I3: eps = 0 changed the images") }
    return problems
  }

  /// O3: on a linear model whose box is inactive the distance is at least the exact one, and at most
  /// `reach` times it.
  func oracle() throws -> [String] {
    let model = ToyModel(kind: .linear, shape: [3, 3, 3], classes: 4, seed: 11)
    let (images, labels) = try model.samples(8, row.dtype, margin: 0.45)
    let optimum = try Self.optimum(model, images, labels, row.norm)
    var settings = AttackSettings(budget: .unlimited(row.norm))
    settings.reporting.probes = false
    let nearest = try row.attack.oracle.run(
      model.classifier(scale: row.attack.scale), images: images, criterion: .misclassified(labels),
      settings: settings
    ).report.nearest
    // In float32 the boundary itself is uncertain by some millionths of a distance.
    let slack = row.dtype == .float64 ? 1e-12 : 2e-5
    return labels.indices.compactMap { index in
      guard index != Self.wrong else { return nil }
      let ratio = (nearest?[index] ?? .infinity) / optimum[index]
      return ratio >= 1 - slack && ratio <= row.attack.reach + slack
        ? nil : "O3: sample \(index) at \(ratio)"
    }
  }

  /// `min_j (z_y − z_j) / ‖w_y − w_j‖_*` of a linear model.
  static func optimum(
    _ model: ToyModel, _ images: Tensor, _ labels: [Int], _ norm: Norm
  ) throws -> [Double] {
    let (weights, n) = (model.linearWeights, model.shape.reduce(1, *))
    let logits = try model.classifier()(images.converted(to: .float64)).doubles()
    return labels.enumerated().map { sample, label in
      (0..<model.classes).filter { $0 != label }.map { other in
        let slope = (0..<n).map { weights[other * n + $0] - weights[label * n + $0] }
        let size: Double
        switch norm {
        case .linf: size = slope.reduce(0) { $0 + abs($1) }
        case .l2: size = slope.reduce(0) { $0 + $1 * $1 }.squareRoot()
        case .l1: size = slope.reduce(0) { max($0, abs($1)) }
        }
        let row = sample * model.classes
        return (logits[row + label] - logits[row + other]) / size
      }.min() ?? .infinity
    }
  }
}
