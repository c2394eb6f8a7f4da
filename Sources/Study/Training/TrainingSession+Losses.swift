internal import ClipModels
internal import Diagnostics
internal import Networks
internal import Processes
internal import Tensors

/// What one step encodes: clean images and texts, adversarial ones, as far as the loss needs them;
/// where several processes share the batch, those of this process's samples.
struct TrainingInputs {
  /// `[B, 3, H, W]` each, the adversarial ones last.
  var images: [Tensor] = []
  /// `B` texts each, the adversarial ones last.
  var texts: [[String]] = []

  init(
    _ batch: TrainingBatch, _ adversarialImages: Tensor?, _ adversarialTexts: [String]?,
    _ plan: [TrainingSession.Term]
  ) {
    if plan.contains(where: { !$0.adversarialImages }) { images.append(batch.images) }
    if let adversarialImages { images.append(adversarialImages) }
    if plan.contains(where: { !$0.adversarialTexts }) {
      texts.append(Array(batch.texts[batch.rows]))
    }
    if let adversarialTexts { texts.append(Array(adversarialTexts[batch.rows])) }
  }
}

/// The features of `TrainingInputs`, `[B, D]` each, in the same order.
struct TrainingFeatures {
  var images: [Tensor]
  var texts: [Tensor]
  var all: [Tensor] { images + texts }
}

extension TrainingSession {
  /// The loss, its terms, and its gradients in the order of the optimiser's weights.
  ///
  /// With `accumulate` the batch is encoded in parts, twice: first all features without a tape, from
  /// which the loss of the whole batch and its gradients with respect to the features follow; then
  /// each part again, whose weights get the product with those gradients (arXiv:2101.06983). Exact,
  /// since a sample's features do not depend on its batch; only one part's activations live at once.
  ///
  /// Several processes do the same with a part each: the features of all are joined, every process
  /// has the loss of the whole batch, and the gradients of the weights are summed.
  func lossAndGradients(
    _ batch: TrainingBatch, _ inputs: TrainingInputs
  ) throws -> (value: Double, terms: [(name: String, loss: Double)], gradients: [Tensor]) {
    let weights = optimizer.parameters.map(\.tensor)
    let size = batch.rows.count
    let count = min(configuration.accumulate, size)
    guard count > 1 || processes.size > 1 else {
      let (value, loss, terms) = try self.loss(features(inputs, 0..<size), batch)
      return (value, terms, try Tensor.gradients(of: loss, with: weights))
    }
    let parts = (0..<count).map { size * $0 / count..<size * ($0 + 1) / count }
    // The features of one part need not be computed again: their tape is kept.
    let kept = count == 1 ? try features(inputs, 0..<size) : nil
    let cached =
      try kept.map { [$0] }
      ?? Tensor.withoutGradients { try parts.map { try features(inputs, $0) } }
    func joined(_ member: (TrainingFeatures) -> [Tensor]) throws -> [Tensor] {
      try (cached.first.map(member) ?? []).indices.map { kind in
        let own = try Tensor.concatenated(cached.map { member($0)[kind].detached() })
        return try processes.joined(own).setRequiresGradient(true)
      }
    }
    let whole = TrainingFeatures(
      images: try joined { $0.images }, texts: try joined { $0.texts })
    let (value, loss, terms) = try self.loss(whole, batch)
    // The scale and the bias stand in the loss itself, behind the features: they count once.
    let direct = optimizer.parameters.filter { $0.name.hasPrefix("logit_") }.map(\.tensor)
    let found = try Tensor.gradients(of: loss, with: whole.all + direct)
    var sums = try weights.map { try Tensor.zeros($0.shape, $0.dtype) }
    for (place, weight) in optimizer.parameters.enumerated() where processes.isRoot {
      guard let index = direct.firstIndex(where: { $0.isIdentical(to: weight.tensor) }) else {
        continue
      }
      sums[place] = found[whole.all.count + index]
    }
    for rows in parts {
      var product: Tensor?
      for (feature, gradient) in zip(try (kept ?? features(inputs, rows)).all, found)
      where feature.requiresGradient {
        let part = try gradient.narrowed(
          0, start: batch.rows.lowerBound + rows.lowerBound, length: rows.count)
        let term = try (feature * part).sum()
        product = try product.map { try $0 + term } ?? term
      }
      guard let product else { continue }
      for (place, gradient) in try Tensor.gradients(of: product, with: weights).enumerated() {
        sums[place] = try sums[place] + gradient
      }
    }
    return (value, terms, try processes.summed(sums))
  }

  /// Features of some of the batch's samples; each kind of input in one forward.
  func features(_ inputs: TrainingInputs, _ rows: Range<Int>) throws -> TrainingFeatures {
    let images = try inputs.images.map {
      try $0.narrowed(0, start: rows.lowerBound, length: rows.count)
    }
    return TrainingFeatures(
      images: try model.encodeImage(images.count == 1 ? images[0] : Tensor.concatenated(images))
        .split(rows.count),
      texts: try model.encodeText(inputs.texts.flatMap { $0[rows] }).split(rows.count))
  }

  /// The weighted sum of the loss's terms, each `Φ` times two under its weight.
  func loss(
    _ features: TrainingFeatures, _ batch: TrainingBatch
  ) throws -> (value: Double, loss: Tensor, terms: [(name: String, loss: Double)]) {
    var total: Tensor?
    var values: [(name: String, loss: Double)] = []
    for term in terms() {
      guard
        let image = term.adversarialImages ? features.images.last : features.images.first,
        let text = term.adversarialTexts ? features.texts.last : features.texts.first
      else { throw KilpiError("the batch is empty") }
      let loss = try ContrastiveLoss.symmetric(
        model.logits(images: image, texts: text), groups: batch.groups,
        targets: configuration.targets, score: model.configuration.score)
      values.append((term.name, try loss.item()))
      let weighted = term.weight == 1 ? loss : try loss * term.weight
      total = try total.map { try $0 + weighted } ?? weighted
    }
    guard let total else { throw KilpiError("every term of the loss has weight 0") }
    let value = try total.item()
    guard value.isFinite else { throw notFinite("the loss is \(value.isNaN ? "nan" : "\(value)")") }
    return (value, total, values)
  }

  struct Term {
    let name: String
    let weight: Double
    let adversarialImages: Bool
    let adversarialTexts: Bool
  }

  func terms() -> [Term] {
    let weights = configuration.weights
    var terms: [Term] = []
    switch configuration.method {
    case .contrastive, .clean:
      return [Term(name: "clean", weight: 1, adversarialImages: false, adversarialTexts: false)]
    case .imageOnly:
      terms = [
        Term(
          name: "image", weight: 2 * weights.image, adversarialImages: true, adversarialTexts: false
        )
      ]
    case .textOnly:
      terms = [
        Term(
          name: "text", weight: 2 * weights.text, adversarialImages: false, adversarialTexts: true)
      ]
    case .mmcoa:
      terms = [
        Term(
          name: "image", weight: 2 * weights.image, adversarialImages: true, adversarialTexts: false
        ),
        Term(
          name: "text", weight: 2 * weights.text, adversarialImages: false, adversarialTexts: true),
        Term(
          name: "advadv", weight: 2 * weights.bothAdversarial, adversarialImages: true,
          adversarialTexts: true),
      ]
    }
    terms.append(
      Term(
        name: "clean", weight: 2 * weights.clean, adversarialImages: false, adversarialTexts: false)
    )
    return terms.filter { $0.weight != 0 }
  }
}
