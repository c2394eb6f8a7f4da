internal import AttackPlans
package import Attacks
package import ClipModels
internal import Diagnostics
package import Tensors

/// What an inner attack on texts sees.
package struct TextAdversaryTarget {
  /// The encoder under attack.
  package let encoder: TextFunction
  /// Moves away from these features instead of the attack's own objective, squared and not normalised.
  package var reference: TextFunction?

  package init(_ encoder: @escaping TextFunction, awayFrom reference: TextFunction? = nil) {
    (self.encoder, self.reference) = (encoder, reference)
  }
}

/// What an inner attack may look at: the step's clean inputs, and frozen weights.
package struct AdversaryStep {
  /// The weights of this step, without gradients.
  package let model: ClipModel
  /// The model that the run began with.
  package let original: ClipModel
  /// The batch, of which this process attacks the samples `batch.rows`.
  package let batch: TrainingBatch
  /// Classes as a classifier; nil for captions.
  package let classifier: ZeroShotClassifier?
  /// Which pairs of the batch match.
  package let targets: ContrastiveTargets
  /// Features of the whole batch's texts by the weights of this step, normalised.
  package let texts: () throws -> Tensor
  /// Draws for a sample of this process, by its place among them.
  package let stream: (_ place: Int) -> RandomStream

  /// The clean images of this process, `[n, 3, H, W]`.
  package var images: Tensor { batch.images }

  /// Features of this process's clean inputs by the weights of this step or by those that the run began
  /// with, normalised unless they are raw.
  package func cleanFeature(_ feature: Feature) throws -> Tensor {
    let model = feature.isOriginal ? original : model
    return try Tensor.withoutGradients {
      switch feature.source {
      case .images where feature.isAdversarial || feature.isPatches:
        throw KilpiError("an inner loss reads features of clean images and texts alone")
      case .images: return try model.encodeImage(images, normalize: !feature.isRaw)
      case .texts where feature.isAdversarial:
        throw KilpiError("an inner loss reads features of clean images and texts alone")
      case .texts:
        return try model.encodeText(Array(batch.texts[batch.rows]), normalize: !feature.isRaw)
      case .classes:
        guard let classifier else { throw KilpiError("the data set has captions, not classes") }
        return try classifier.with(model: model).textFeatures()
      }
    }
  }

  /// Cross-entropy over the prompts of all classes; of captions, each image against the texts of its
  /// batch, with its own as the label.
  package func classEntropy() throws -> AdversaryTarget {
    let rows = batch.rows
    if let classifier, let labels = batch.labels {
      return AdversaryTarget(
        .classifier(
          try Classifier(frozen: classifier),
          labels: try Tensor(labels[rows].map { Int64($0) }, shape: [rows.count])))
    }
    let (texts, model) = (try texts(), model)
    return AdversaryTarget(
      .classifier(
        Classifier { try model.logits(images: model.encodeImage($0), texts: texts) },
        labels: try Tensor(rows.map { Int64($0) }, shape: [rows.count])))
  }

  /// The two halves of `Φ(s · I' · Tᵀ)` that an image of the batch is part of, by its place.
  package func inBatch(_ targets: ContrastiveTargets) throws -> AdversaryTarget {
    guard batch.rows.count == batch.texts.count else {
      throw KilpiError(
        "an inner attack on the loss of the batch cannot be split over processes",
        advice: "run it in one process, or with inner_loss = \"ce\"")
    }
    let (texts, model, groups) = (try texts(), model, batch.groups)
    return AdversaryTarget(
      .loss { images, rows, pass in
        try ContrastiveLoss.perSample(
          model.logits(images: model.encodeImage(images), texts: texts.rows(rows)),
          groups: rows.map { groups[$0] }, targets: targets, score: model.configuration.score)
      })
  }

  /// `Σ_d (f(x')_d − t_d)²` of raw features against fixed ones, `[n, D]`.
  package func squaredDistance(to target: Tensor) -> AdversaryTarget {
    let model = model
    return AdversaryTarget(
      .loss { images, rows, _ in
        let moved = try model.encodeImage(images, normalize: false)
        return try (moved - target.rows(rows)).square().sum(axes: [1])
      })
  }
}
