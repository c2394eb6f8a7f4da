internal import ClipModels
internal import Diagnostics
internal import Networks
internal import Processes
internal import Tensors

/// The loss of a step with its gradients in the order of the optimiser's weights.
struct StepLoss {
  let value: Double
  let terms: [(name: String, loss: Double)]
  let gradients: [Tensor]
}

/// The features of one step, each encoded when the loss first reads it.
///
/// With `accumulate` the batch is encoded in parts, twice: first all features without a tape, from which
/// the loss of the whole batch and its gradients with respect to the features follow; then each part
/// again, whose weights get the product with those gradients (arXiv:2101.06983). Exact, since a sample's
/// features do not depend on its batch; only one part's activations live at once.
///
/// Several processes do the same with a part each: the features of all are joined, every process has the
/// loss of the whole batch, and the gradients of the weights are summed.
final class StepFeatures {
  private let session: TrainingSession
  private let batch: TrainingBatch
  /// The model of forwards of the whole step.
  private let model: ClipModel
  /// Rows of this process that are encoded at once.
  private let parts: [Range<Int>]
  /// Features are cut off from the weights; their gradients come back part by part.
  private let isDivided: Bool
  /// What the loss reads.
  private var values: [Feature: Tensor] = [:]
  /// What is encoded again for the weights' gradients, in the order in which it was read.
  private var divided: [[Feature]] = []
  /// Those whose tape is kept instead, where there is one part, and those of classes.
  private var kept: [Feature: Tensor] = [:]
  private var movedImages: Tensor?
  private var movedTexts: [String]?
  /// What the attacks took.
  private(set) var attackSeconds = 0.0

  init(_ session: TrainingSession, _ batch: TrainingBatch) throws {
    self.session = session
    self.batch = batch
    model = try session.weights.model()
    let size = batch.rows.count
    let count = min(session.configuration.accumulate, size)
    parts = (0..<max(count, 1)).map { size * $0 / max(count, 1)..<size * ($0 + 1) / max(count, 1) }
    isDivided = count > 1 || session.processes.size > 1
  }

  /// Runs the attacks that the method is known to need, before anything is encoded.
  func attack() throws {
    if session.objective.attacksImages { _ = try images(isAdversarial: true) }
    if session.objective.attacksTexts { _ = try texts(isAdversarial: true) }
  }

  // MARK: Inputs

  private func images(isAdversarial: Bool) throws -> Tensor {
    guard isAdversarial else { return batch.images }
    if let movedImages { return movedImages }
    let start = Clock.seconds
    let moved = try session.attackImages(batch)
    attackSeconds += Clock.seconds - start
    movedImages = moved
    return moved
  }

  /// The texts of this process's samples.
  private func texts(isAdversarial: Bool) throws -> [String] {
    guard isAdversarial else { return Array(batch.texts[batch.rows]) }
    if let movedTexts { return movedTexts }
    let start = Clock.seconds
    let moved = Array(try session.attackTexts(batch)[batch.rows])
    attackSeconds += Clock.seconds - start
    movedTexts = moved
    return moved
  }

  // MARK: Encoding

  /// Features of the whole batch, or of all classes.
  func value(_ feature: Feature) throws -> Tensor {
    if let known = values[feature] { return known }
    let declared = session.objective.features.filter { $0.isBeside(feature) }
    let group = declared.contains(feature) ? declared : [feature]
    if feature.source == .classes {
      values[feature] = try classes(isOriginal: feature.isOriginal)
    } else if feature.isOriginal {
      let own = try Tensor.withoutGradients {
        try encoded(group, 0..<batch.rows.count, session.original)
      }
      for (feature, tensor) in own { values[feature] = try session.processes.joined(tensor) }
    } else if !isDivided {
      try values.merge(encoded(group, 0..<batch.rows.count, model)) { $1 }
    } else {
      try divide(group)
    }
    guard let value = values[feature] else { throw KilpiError("the batch is empty") }
    return value
  }

  private func divide(_ group: [Feature]) throws {
    divided.append(group)
    var pieces: [[Feature: Tensor]] = []
    if parts.count == 1 {
      let whole = try encoded(group, parts[0], model)
      kept.merge(whole) { $1 }
      pieces = [whole]
    } else {
      try Tensor.withoutGradients {
        for rows in parts { pieces.append(try encoded(group, rows, model)) }
      }
    }
    for feature in group {
      let own = try Tensor.concatenated(pieces.compactMap { $0[feature]?.detached() })
      values[feature] = try session.processes.joined(own).setRequiresGradient(true)
    }
  }

  /// Features of all classes; with a tape where the text tower is trained.
  private func classes(isOriginal: Bool) throws -> Tensor {
    guard let classifier = isOriginal ? session.originalClassifier : session.classifier else {
      throw KilpiError("the data set has captions, the method needs labels and class names")
    }
    guard !isOriginal, session.trainsTexts else { return try classifier.textFeatures() }
    let features = try classifier.with(model: model).recordedTextFeatures()
    guard isDivided else { return features }
    kept[.classes] = features
    return try features.detached().setRequiresGradient(true)
  }

  /// Features of some of this process's samples that stand beside each other, in one forward.
  private func encoded(
    _ group: [Feature], _ rows: Range<Int>, _ model: ClipModel
  ) throws -> [Feature: Tensor] {
    let versions = [false, true].filter { version in
      group.contains { $0.isAdversarial == version }
    }
    var found: [Feature: Tensor] = [:]
    let isRaw = group.contains { $0.isRaw && !$0.isPatches }
    func keep(_ whole: Tensor, isPatches: Bool) throws {
      let pieces = versions.count == 1 ? [whole] : try whole.split(rows.count)
      for (version, piece) in zip(versions, pieces) {
        for feature in group
        where feature.isAdversarial == version && feature.isPatches == isPatches {
          found[feature] = feature.isRaw || !isRaw ? piece : try piece.normalized()
        }
      }
    }
    if group[0].source == .texts {
      let all = try versions.flatMap { try texts(isAdversarial: $0)[rows] }
      try keep(model.encodeText(all, normalize: !isRaw), isPatches: false)
      return found
    }
    let stack = try versions.map {
      try images(isAdversarial: $0).narrowed(0, start: rows.lowerBound, length: rows.count)
    }
    let all = stack.count == 1 ? stack[0] : try Tensor.concatenated(stack)
    if group.contains(where: \.isPatches) {
      let both = try model.encodePatches(all)
      try keep(isRaw ? both.features : both.features.normalized(), isPatches: false)
      try keep(both.patches, isPatches: true)
    } else {
      try keep(model.encodeImage(all, normalize: !isRaw), isPatches: false)
    }
    return found
  }

  // MARK: The loss

  /// The loss with its tape, and the values of its terms.
  func loss() throws -> (loss: Tensor, value: Double, terms: [(name: String, loss: Double)]) {
    let inputs = try ObjectiveBatch(
      model, original: session.original, batch: batch, targets: session.configuration.targets,
      encode: value)
    var total: Tensor?
    var values: [(name: String, loss: Double)] = []
    for term in try session.objective.terms(inputs) {
      values.append((term.name, try term.value.item()))
      let weighted = term.weight == 1 ? term.value : try term.value * term.weight
      total = try total.map { try $0 + weighted } ?? weighted
    }
    guard let total else { throw KilpiError("every term of the loss has weight 0") }
    let value = try total.item()
    guard value.isFinite else {
      throw session.notFinite("the loss is \(value.isNaN ? "nan" : "\(value)")")
    }
    return (total, value, values)
  }

  /// The loss, its terms and its gradients.
  func lossAndGradients() throws -> StepLoss {
    try attack()
    let weights = session.optimizer.parameters
    let (loss, value, terms) = try self.loss()
    guard loss.requiresGradient else {
      throw KilpiError(
        "the loss does not depend on any weight that is trained",
        advice: "train other weights, or another method")
    }
    let tensors = weights.map(\.tensor)
    guard isDivided else {
      let gradients = try Tensor.gradients(of: loss, with: tensors)
      return StepLoss(value: value, terms: terms, gradients: gradients)
    }
    // The scale and the bias stand in the loss itself, behind the features: they count once.
    let direct = weights.filter { $0.name.hasPrefix("logit_") }.map(\.tensor)
    let features = divided.flatMap { $0 } + (kept[.classes] == nil ? [] : [.classes])
    let leaves = features.compactMap { values[$0] }
    let found = try Tensor.gradients(of: loss, with: leaves + direct)
    var sums = try tensors.map { try Tensor.zeros($0.shape, $0.dtype) }
    for (place, tensor) in tensors.enumerated() where session.processes.isRoot {
      if let index = direct.firstIndex(where: { $0.isIdentical(to: tensor) }) {
        sums[place] = found[leaves.count + index]
      }
    }
    let slopes = Dictionary(uniqueKeysWithValues: zip(features, found))
    func add(_ products: [Tensor]) throws {
      guard let first = products.first else { return }
      let product = try products.dropFirst().reduce(first) { try $0 + $1 }
      for (place, gradient) in try Tensor.gradients(of: product, with: tensors).enumerated() {
        sums[place] = try sums[place] + gradient
      }
    }
    for rows in parts {
      var products: [Tensor] = []
      let model = parts.count == 1 ? self.model : try session.weights.model()
      for group in divided {
        let again = try parts.count == 1 ? kept : encoded(group, rows, model)
        for feature in group {
          guard let value = again[feature], let slope = slopes[feature], value.requiresGradient
          else { continue }
          let part = try slope.narrowed(
            0, start: batch.rows.lowerBound + rows.lowerBound, length: rows.count)
          products.append(try (value * part).sum())
        }
      }
      // Every process has encoded all classes: the first one's gradient is theirs.
      if rows == parts.last, session.processes.isRoot, let value = kept[.classes],
        let slope = slopes[.classes]
      {
        products.append(try (value * slope).sum())
      }
      try add(products)
    }
    return StepLoss(value: value, terms: terms, gradients: try session.processes.summed(sums))
  }
}
