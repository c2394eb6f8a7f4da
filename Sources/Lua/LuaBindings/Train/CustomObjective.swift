internal import AttackPlans
internal import Attacks
internal import ClipModels
internal import Diagnostics
internal import LuaHost
internal import Tensors
internal import Training

/// A training method of a script: a loss over named features, encoded when it reads them.
struct CustomObjective: TrainingObjective {
  let loss: LuaFunction
  var innerLoss: LuaFunction?
  var isInBatch = false

  var name: String { "custom" }
  var summary: String { "a loss of one's own" }
  /// What it reads is found out as it reads.
  var features: [Feature] { [] }
  var comparesPairs: Bool { false }
  /// It may.
  var readsOriginal: Bool { true }
  static var parameters: [Parameter<CustomObjective>] { [] }

  func publish(_ plan: inout TrainingPlan) {}

  func imageTarget(_ step: AdversaryStep) throws -> AdversaryTarget {
    guard let innerLoss else {
      return try isInBatch ? step.inBatch(step.targets) : step.classEntropy()
    }
    let model = step.model
    let inputs = try LossInputs(
      ObjectiveBatch(model, original: step.original, batch: step.batch, targets: step.targets) {
        try step.cleanFeature($0)
      })
    return AdversaryTarget(
      .loss { images, rows, _ in
        guard rows.count == step.images.shape[0] else {
          throw KilpiError(
            "an inner loss of one's own needs the whole batch at once",
            advice: "leave restarts and batch of image_attack out")
        }
        return try innerLoss.tensor([model.encodeImage(images), inputs], "the inner loss")
      })
  }

  func terms(_ batch: ObjectiveBatch) throws -> [LossTerm] {
    let value = try loss.tensor([LossInputs(batch)], "the loss")
    guard value.count == 1 else {
      throw KilpiError(
        "the loss has shape \(ErrorText.shape(value.shape)), a scalar is needed",
        advice: "take its mean")
    }
    return [LossTerm("custom", try value.reshaped([]))]
  }
}

/// What a loss of one's own reads of a training step.
final class LossInputs: LuaObject {
  fileprivate enum Form { case unit, raw }

  private let batch: ObjectiveBatch
  private let isFrozen: Bool
  private let form: Form

  convenience init(_ batch: ObjectiveBatch) { self.init(batch, isFrozen: false, form: .unit) }

  private init(_ batch: ObjectiveBatch, isFrozen: Bool, form: Form) {
    (self.batch, self.isFrozen, self.form) = (batch, isFrozen, form)
  }

  fileprivate func feature(_ feature: Feature) throws -> Tensor {
    let chosen = isFrozen ? feature.original : feature
    return try form == .raw ? batch.raw(chosen) : batch.unit(chosen)
  }

  fileprivate func changed(isFrozen: Bool? = nil, form: Form? = nil) -> LossInputs {
    LossInputs(batch, isFrozen: isFrozen ?? self.isFrozen, form: form ?? self.form)
  }

  fileprivate var scale: Tensor {
    get throws { try (isFrozen ? batch.original : batch.model).logitScale.exp() }
  }

  fileprivate var labels: Tensor {
    get throws {
      try batch.labels ?? Tensor(batch.groups.map { Int64($0) }, shape: [batch.groups.count])
    }
  }
}

extension TrainLibrary {
  private static func field(_ name: String, _ doc: String, _ feature: Feature) -> Field<LossInputs>
  {
    Field(name, type: "tensor", doc: doc, get: { inputs, _ in try inputs.feature(feature) })
  }

  static let stepType = HandleType(
    LossInputs.self, name: "training step",
    doc: """
      What a loss of one's own reads in train.run{loss = function(e) … end}: features of the step's batch, \
      L2-normalised. Each is encoded, and each attack is run, when it is first read; gradients flow into \
      what is trained.
      """,
    fields: [
      field("image", "Features of clean images, [B, D].", .images),
      field("image_adv", "Features of adversarial images, [B, D].", .images.adversarial),
      field("text", "Features of clean texts, [B, D].", .texts),
      field("text_adv", "Features of adversarial texts, [B, D].", .texts.adversarial),
      field("class_text", "Features of the prompts of all classes, [C, D].", .classes),
      field(
        "patches", "Features of clean images' patches as the encoder gives them, [B, T, D].",
        .images.patches),
      field(
        "patches_adv",
        "Features of adversarial images' patches as the encoder gives them, [B, T, D].",
        .images.adversarial.patches),
      Field(
        "scale", type: "tensor", doc: "The logit scale, exp(logit_scale), a scalar.",
        get: { inputs, _ in try inputs.scale }),
      Field(
        "labels", type: "tensor",
        doc: "The classes of the batch, from 1; of captions, equal numbers for equal texts.",
        get: { inputs, _ in try inputs.labels.oneBased() }),
      Field(
        "frozen", type: "training step",
        doc: "The same by the model that the run began with, without a gradient.",
        get: { inputs, _ in inputs.changed(isFrozen: true) }),
      Field(
        "raw", type: "training step", doc: "The same as the encoders give them, not normalised.",
        get: { inputs, _ in inputs.changed(form: .raw) }),
    ])
}
