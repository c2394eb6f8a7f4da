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
        An attack without labels: PGD that moves the image features `away` from given features [N, D] \
        (the squared distance of raw features, as FARE does), or `toward` them (the cosine); or \
        increases a `loss` of its own. Away from the clean images' own features it needs a random \
        start: there the gradient is zero. arXiv:2402.12336.
        """,
      options: ImageAttackOptions.budget.filter { $0.name != "loss" } + [
        ImageAttackRow.steps, ImageAttackRow.step, ImageAttackRow.randomStart,
        .handle(
          "away", type: "tensor",
          "features to leave; those of the clean images when neither is given"),
        .handle("toward", type: "tensor", "features to approach"),
        .function(
          "loss", "(features, images) -> [N], increased; raw features [N, D] of the images shown"),
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
      if let function = try options.functionIfGiven("loss") {
        for name in ["toward", "away"] where options.has(name) {
          throw KilpiError("", "both loss and \(name) are given", advice: "give one of them")
        }
        return try maximized(images, isSingle, options, call) { x, _ in
          try function.tensor([try model.encodeImage(x, normalize: false), x], "loss")
        }
      }
      let toward = try options.handleIfGiven("toward", as: Tensor.self)
      let away =
        try options.handleIfGiven("away", as: Tensor.self)
        ?? (toward == nil
          ? Tensor.withoutGradients { try model.encodeImage(images, normalize: false) } : nil)
      if toward != nil, options.has("away") {
        throw KilpiError("", "both toward and away are given", advice: "give one of them")
      }
      let features = try toward?.normalized() ?? away ?? images
      let expected = [images.shape[0], model.configuration.embedding]
      guard features.shape == expected else {
        throw KilpiError(
          "",
          "the features have shape \(ErrorText.shape(features.shape)), \(ErrorText.shape(expected)) is needed"
        )
      }
      let isToward = toward != nil
      return try maximized(images, isSingle, options, call) { x, rows in
        let goal = try features.indexSelected(
          0, Tensor(rows.map { Int64($0) }, shape: [rows.count]))
        let own = try model.encodeImage(x, normalize: isToward)
        return isToward
          ? try (own * goal).sum(axes: [1]) : try (own - goal).square().sum(axes: [1])
      }
    }
  ]

  /// Options of calls that make sense without labels.
  private static let own = ImageAttackOptions.call.filter {
    ["sample_ids", "trace", "batch", "progress"].contains($0.name)
  }

  private static func maximized(
    _ images: Tensor, _ isSingle: Bool, _ options: Options, _ call: Call,
    _ loss: @escaping SampleLoss
  ) throws -> [any LuaConvertible] {
    var (settings, _) = try ImageAttackOptions.settings(options, call, loss: .crossEntropy)
    settings.recordsTrace = try options.boolean("trace")
    settings.batch = try options.integer("batch")
    settings.sampleIDs = try options.integersIfGiven("sample_ids")?.map {
      UInt64(bitPattern: Int64($0))
    }
    if try !options.boolean("progress") { settings.progress = nil }
    let attack = ProjectedGradientDescent(
      steps: try options.integer("steps"), step: try options.budgetIfGiven("step"),
      startsAtRandom: try options.boolean("random_start"))
    let result = try attack.maximize(loss, images: images, settings: settings)
    return [
      isSingle ? try result.images.squeezed(0) : result.images, AttackRecords.record(result.report),
    ]
  }
}
