internal import ClipModels
internal import Diagnostics
internal import Kernels
internal import LuaHost
internal import Networks
internal import Tensors

extension ClipLibrary {
  static let modelType = HandleType(
    ClipModel.self, name: "clip model",
    doc:
      "A CLIP with its weights. It records no gradient for them unless a trainer or script asks.",
    methods: facts + encoders,
    metamethods: [
      Entry("__tostring", "(model) -> string", doc: "One line: architecture, size and origin.") {
        call in
        let model = try call.handle(1, as: ClipModel.self)
        let c = model.configuration
        return [
          "\(c.score == .sigmoid ? "SigLIP" : "clip") model: \(tower(c)), "
            + "text width \(c.text.width), embedding \(c.embedding), "
            + "\(model.parameters.elementCount) weights (\(model.origin))"
        ]
      }
    ])

  private static func tower(_ c: ClipConfiguration) -> String {
    if let blocks = c.residualBlocks {
      let stages = blocks.map(String.init).joined(separator: "+")
      return "ResNet \(c.imageSize), width \(c.vision.width), \(stages) blocks"
    }
    return "ViT \(c.imageSize)/\(c.patchSize), width \(c.vision.width), \(c.vision.layers) blocks"
  }

  private static let create = """
    local model = clip.create("tiny")

    """

  private static let facts: [Method<ClipModel>] = [
    Method(
      "config", "() -> table",
      doc: """
        The configuration, as in a Hugging Face config.json; that of a residual network, which Hugging \
        Face's classes cannot hold, as in an open_clip_config.json.
        """,
      example: create + "print(model:config().projection_dim)  --> 8"
    ) { model, _ in
      let c = model.configuration
      return [JSONConversion.Pushed(value: c.fitsHuggingFace ? c.huggingFaceJSON : c.openCLIPJSON)]
    },
    Method(
      "parameters", "() -> table",
      doc: """
        The weights by name, under the names of OpenAI's and open_clip's checkpoints. They are the \
        model's own: what a script changes in place changes the model.
        """,
      example: create + "print(model:parameters()[\"visual.proj\"]:size(2))  --> 8"
    ) { model, _ in
      var record = LuaRecord()
      for (name, tensor) in model.parameters.entries { record[name] = tensor }
      return [record]
    },
    Method(
      "num_parameters", "() -> integer", doc: "Number of weights, all elements counted.",
      example: create + "print(model:num_parameters())  --> 403473"
    ) { model, _ in [model.parameters.elementCount] },
    Method(
      "precision", "() -> string",
      doc: "\"float32\", or \"bfloat16\" for a model loaded or created with it.",
      example: create + "print(model:precision())  --> float32"
    ) { model, _ in [model.precision.rawValue] },
    Method(
      "logit_scale", "() -> number",
      doc: "exp(logit_scale), by which similarities are multiplied; 1/0.07 in a fresh model.",
      example: create + "print(model:logit_scale() > 14.2)  --> true"
    ) { model, _ in [try model.logitScale.exp().item()] },
    Method(
      "tokenize", "(text: string|string[] [, options]) -> tensor",
      doc: """
        Token ids of the model's own tokenizer, int64 [N, context], as encode_text takes them. Ids \
        count from 0, as in the vocabulary's file.
        """,
      options: [truncate],
      example: create + "print(model:tokenize(\"a cat\"):size(2))  --> 77"
    ) { model, call in
      [try model.tokenize(call.strings(1), truncate: call.options(2).boolean("truncate"))]
    },
    Method(
      "save", "(path: string [, options])",
      doc: """
        Writes a folder of weights and configuration that transformers loads (layout hf), or open_clip: \
        a residual network fits open_clip alone, a SigLIP hf alone.
        """,
      options: [
        .choice(
          "layout", ["hf", "open_clip"],
          "when not given, the first that holds the model; hf: model.safetensors, config.json and "
            + "preprocessor_config.json; open_clip: open_clip_model.safetensors and "
            + "open_clip_config.json"),
        .boolean("half", default: false, "store float16, half the size"),
      ],
      example: create + """
        model:save("/tmp/kilpi-example-model")
        print(clip.load("/tmp/kilpi-example-model"):num_parameters() == model:num_parameters())  --> true
        """
    ) { model, call in
      let options = try call.options(2)
      let layout = try options.stringIfGiven("layout").flatMap { CheckpointLayout(rawValue: $0) }
      try model.save(
        call.path(1, writing: true), layout: layout, half: options.boolean("half"))
      return []
    },
  ]

  /// Texts longer than the context are an error unless it is given.
  static let truncate = OptionSpec.boolean(
    "truncate", default: false, "cut long texts, keeping the end token; else they are an error")

  private static let normalize = OptionSpec.boolean(
    "normalize", default: true, "divide each feature by its Euclidean norm")

  private static let encoders: [Method<ClipModel>] = [
    Method(
      "encode_image", "(images: tensor [, options]) -> tensor",
      doc: """
        Features of images [N, 3, H, W] (or [3, H, W]) in [0, 1], [N, D]. Images of another size than \
        the model's are resampled inside the graph (bicubic, a = -0.75, no antialias), then normalised.
        """,
      options: [normalize],
      example: create + "print(model:encode_image(tensor.rand{2, 3, 20, 20}):size(2))  --> 8"
    ) { model, call in
      let (images, _) = try call.images(1)
      return [try model.encodeImage(images, normalize: call.options(2).boolean("normalize"))]
    },
    Method(
      "encode_text", "(texts: string|string[]|tensor [, options]) -> tensor",
      doc:
        "Features of texts, or of token ids from clip.tokenize, [N, D]. Equal texts are encoded once.",
      options: [normalize, truncate],
      example: create + "print(model:encode_text({\"a cat\", \"a dog\"}):size(1))  --> 2"
    ) { model, call in
      let options = try call.options(2)
      let normalized = try options.boolean("normalize")
      if let ids = try call.handleIfPresent(1, as: Tensor.self) {
        return [try model.encodeText(ids: ids, normalize: normalized)]
      }
      return [try model.truncating(options).encodeText(call.strings(1), normalize: normalized)]
    },
    Method(
      "logits", "(images: tensor, texts: string[]|tensor [, options]) -> tensor",
      doc: """
        logit_scale times the cosine of every image with every text (or given text features), [N, C]; \
        SigLIP adds its bias.
        """,
      options: [truncate],
      example: create
        + "print(model:logits(tensor.rand{2, 3, 16, 16}, {\"a\", \"b\", \"c\"}):size(2))  --> 3"
    ) { model, call in
      let (images, _) = try call.images(1)
      let texts: Tensor
      if let given = try call.handleIfPresent(2, as: Tensor.self) {
        guard given.rank == 2, given.shape[1] == model.configuration.embedding else {
          throw KilpiError(
            "text features have shape \(ErrorText.shape(given.shape)), "
              + "[C, \(model.configuration.embedding)] is needed")
        }
        texts = given
      } else {
        texts = try model.truncating(call.options(3)).encodeText(call.strings(2))
      }
      return [try model.logits(images: model.encodeImage(images), texts: texts)]
    },
    Method(
      "classifier", "(class_names: string[] [, options]) -> classifier",
      doc: """
        A zero-shot classifier: the class whose prompt is nearest to the image wins. Class names are \
        used as given; with several templates a class's feature is the mean over them. Text features \
        are cached, and encoded again once the model has changed.
        """,
      options: [
        .strings(
          "templates", default: [ZeroShotClassifier.defaultTemplate],
          "prompts with {c} where the class name goes"),
        truncate,
      ],
      example: create + """
        local cls = model:classifier({"cat", "dog"}, {templates = {"a photo of a {c}"}})
        print(cls.prompts[2])  --> a photo of a dog
        """
    ) { model, call in
      let options = try call.options(2)
      let classifier = try ZeroShotClassifier(
        model.truncating(options), classNames: call.strings(1),
        templates: options.strings("templates"))
      try classifier.checkFit()
      return [classifier]
    },
  ]
}

extension ClipModel {
  /// The model with long texts cut where the option `truncate` says so; a view that cuts stays one.
  func truncating(_ options: Options) throws -> ClipModel {
    try options.boolean("truncate") ? truncatingTexts(true) : self
  }
}
