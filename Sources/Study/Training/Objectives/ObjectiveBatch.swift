package import ClipModels
internal import Diagnostics
package import Tensors

/// What a loss reads of one step: features of the whole batch, labels, the model's scale.
package final class ObjectiveBatch {
  /// The model that is trained; its scale and bias belong to the tape.
  package let model: ClipModel
  /// The model that the run began with; its weights record nothing.
  package let original: ClipModel
  /// Items of one group match each other: the class, or one number a distinct caption.
  package let groups: [Int]
  /// Classes, int64 `[B]`; nil for captions.
  package let labels: Tensor?
  /// Which pairs of the batch match.
  package let targets: ContrastiveTargets
  private let encode: (Feature) throws -> Tensor

  /// - Parameter encode: features of the whole batch.
  package init(
    _ model: ClipModel, original: ClipModel, batch: TrainingBatch, targets: ContrastiveTargets,
    encode: @escaping (Feature) throws -> Tensor
  ) throws {
    (self.model, self.original, self.targets, self.encode) = (model, original, targets, encode)
    groups = batch.groups
    labels = try batch.labels.map { labels in
      try Tensor(labels.map { Int64($0) }, shape: [labels.count])
    }
  }

  /// Features as the encoder gives them, `[B, D]`; those of classes are normalised.
  package func raw(_ feature: Feature) throws -> Tensor {
    try encode(feature.source == .classes ? feature : feature.raw)
  }

  /// L2-normalised features.
  package func unit(_ feature: Feature) throws -> Tensor {
    feature.isPatches ? try encode(feature).normalized() : try encode(feature)
  }

  /// `s · I · T_Cᵀ (+ b)` over all classes, `[B, C]`; by the original model where the features are its.
  package func classLogits(_ images: Feature) throws -> Tensor {
    let model = images.isOriginal ? original : self.model
    return try model.logits(
      images: unit(images), texts: unit(images.isOriginal ? .classes.original : .classes))
  }

  /// Mean cross-entropy over all classes, `CE(s · I · T_Cᵀ, y)`.
  package func classEntropy(_ images: Feature) throws -> Tensor {
    try Tensor.crossEntropy(logits: classLogits(images), labels: requiredLabels())
  }

  /// The labels, for losses that need them.
  package func requiredLabels() throws -> Tensor {
    guard let labels else {
      throw KilpiError("the data set has captions, the method needs labels and class names")
    }
    return labels
  }

  /// The symmetric contrastive loss `Φ(s · I · Tᵀ)` of the batch's pairs.
  package func contrast(_ images: Feature, _ texts: Feature) throws -> Tensor {
    try ContrastiveLoss.symmetric(
      model.logits(images: unit(images), texts: unit(texts)), groups: groups, targets: targets,
      score: model.configuration.score)
  }

  /// `mean_i ‖a_i − b_i‖²` of raw features, summed over their coordinates.
  package func squaredDistance(_ a: Feature, _ b: Tensor) throws -> Tensor {
    let a = try raw(a)
    return try (a - b).square().sum() / Double(max(a.shape[0], 1))
  }
}
