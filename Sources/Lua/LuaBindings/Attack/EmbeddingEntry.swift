internal import Attacks
internal import ClipModels
internal import Diagnostics
internal import LuaHost
internal import Tensors

extension AttackLibrary {
  static let embedding: [Entry] = [
    Entry(
      "embedding",
      "(model: clip model, images: tensor, options) -> adversarial: tensor, report: table",
      doc: """
        An attack without labels: PGD that moves the image features `away` from given features [N, D], or \
        `toward` them. The loss is "l2embed", the squared distance of raw features as in FARE (the habit \
        away), "cosine" (the habit toward), "kl_embed", the divergence of the softmax over normalised \
        features as in Co-Attack, or a function. Away from the clean images' own features it needs a \
        random start: there the gradient is zero. arXiv:2402.12336, arXiv:2206.09391.
        """,
      options: ImageAttackOptions.budget.filter { !["loss", "kappa"].contains($0.name) }
        + ProjectedGradientDescent().options() + [
          .handle(
            "away", type: "tensor",
            "features to leave; those of the clean images when neither is given"),
          .handle("toward", type: "tensor", "features to approach"),
          .any(
            "loss", type: "string|function",
            "\"l2embed\", \"cosine\", \"kl_embed\", or a function (features, images) -> [N] that is "
              + "increased, with the raw features [N, D] of the images shown"),
        ] + own,
      example: """
        local model = clip.create("tiny")
        local adv = attack.embedding(model, tensor.rand{1, 3, 16, 16}, {eps = "2/255", steps = 2})
        print(adv:size(2))  --> 3
        """
    ) { call in
      let options = try call.options(3)
      let model = try call.handle(1, as: ClipModel.self).frozen()
      let (images, isSingle) = try call.images(2, tolerance: 0)
      if let function = options.value("loss").function {
        for name in ["toward", "away"] where options.has(name) {
          throw KilpiError("both loss and \(name) are given", advice: "give one of them")
        }
        return try maximized(images, isSingle, options, call) { x, _, _ in
          // A copy: what the function writes must not reach the attack's images.
          try function.tensor(
            [try model.encodeImage(x, normalize: false), try x.cloned()], "loss")
        }
      }
      let toward = try options.handleIfGiven("toward", as: Tensor.self)
      let away =
        try options.handleIfGiven("away", as: Tensor.self)
        ?? (toward == nil
          ? Tensor.withoutGradients { try model.encodeImage(images, normalize: false) } : nil)
      if toward != nil, options.has("away") {
        throw KilpiError("both toward and away are given", advice: "give one of them")
      }
      let features = toward ?? away ?? images
      let expected = [images.shape[0], model.configuration.embedding]
      guard features.shape == expected else {
        throw KilpiError(
          "the features have shape \(ErrorText.shape(features.shape)), \(ErrorText.shape(expected)) is needed"
        )
      }
      let name = try options.stringIfGiven("loss") ?? (toward == nil ? "l2embed" : "cosine")
      let distance = try distance(name)
      let goal = try features.detached().converted(to: .float32)
      return try maximized(images, isSingle, options, call) { x, rows, _ in
        let wanted = try goal.indexSelected(
          0, Tensor(rows.map { Int64($0) }, shape: [rows.count]))
        let apart = try distance(model.encodeImage(x, normalize: false), wanted)
        return toward == nil ? apart : try -apart
      }
    }
  ]

  /// How far raw features `[n, D]` are from others, one value a row.
  private static func distance(_ name: String) throws -> (Tensor, Tensor) throws -> Tensor {
    switch name {
    case "l2embed": return { try ($0 - $1).square().sum(axes: [1]) }
    case "cosine": return { try -($0.normalized() * $1.normalized()).sum(axes: [1]) }
    case "kl_embed":
      return { own, goal in
        try Tensor.klDivergence(logits: goal.normalized(), own.normalized(), reduction: .none)
      }
    default:
      throw KilpiError(
        "unknown loss '\(name.prefix(40))'",
        advice: "losses are \"l2embed\", \"cosine\", \"kl_embed\", or a function")
    }
  }

  /// Options of calls that make sense without labels.
  private static let own = ImageAttackOptions.call.filter {
    ["sample_ids", "trace", "batch", "progress", "mask", "init"].contains($0.name)
  }

  private static func maximized(
    _ images: Tensor, _ isSingle: Bool, _ options: Options, _ call: Call,
    _ loss: @escaping SampleLoss
  ) throws -> [any LuaConvertible] {
    var settings = try ImageAttackOptions.settings(options, call, for: nil)
    try ImageAttackOptions.addPixels(options, images, isSingle: isSingle, to: &settings)
    settings.search.sampleIDs = try options.integersIfGiven("sample_ids")?.map {
      UInt64(bitPattern: Int64($0))
    }
    if try !options.boolean("progress") { settings.reporting.progress = nil }
    var attack = ProjectedGradientDescent()
    try options.read(into: &attack)
    let result = try attack.maximize(loss, images: images, settings: settings)
    var record = AttackRecords.record(result.report)
    // Without labels there are no verdicts.
    for verdict in [
      "success", "clean_correct", "prediction", "margin", "clean_accuracy", "robust_accuracy",
      "strict_accuracy",
    ] { record[verdict] = nil }
    return [isSingle ? try result.images.squeezed(0) : result.images, record]
  }
}
