package import ClipModels
internal import Diagnostics
internal import Images
internal import Kernels
public import LuaHost
internal import Tensors

extension ClipModel: LuaObject {}
extension ZeroShotClassifier: LuaObject {}

/// The module `clip`.
enum ClipLibrary {
  static let library = Library(
    "clip",
    doc: """
      CLIP models: an image encoder and a text encoder into one space. Weights are loaded by path or \
      made at random; images go in as they are, in [0, 1], and the model resizes and normalises them.
      """,
    entries: models + texts + [interpolate])

  private static let models: [Entry] = [
    Entry(
      "load", "(path_or_name: string [, options]) -> clip model",
      doc: """
        Loads a model: a folder or a file of weights, or the name of a folder in KILPI_MODELS. Hugging \
        Face, open_clip and OpenAI layouts are recognised by their content, in safetensors or PyTorch \
        files, wherever they lie in a training script's checkpoint; so are image towers alone (TeCoA, FARE), \
        which need `base`. A folder of `train.run` gives its trained model. What is assumed or passed over \
        is said once. float16 and bfloat16 weights \
        are widened to float32.
        """,
      options: [
        .boolean(
          "strict", default: true,
          "refuse missing and unexpected keys, and keys that open_clip's configurations do not have; "
            + "false takes missing weights from the base, else draws them, and says so"),
        .choice(
          "activation", ["quick_gelu", "gelu", "gelu_pytorch_tanh", "relu"],
          "of the MLPs, where neither a configuration nor the format tells it"),
        .any(
          "base", type: "clip model|string",
          "the model, or its path or name, that gives what a file of one tower lacks"),
        .string(
          "state_dict",
          "where in the file the weights lie, such as \"model_ema\"; needed when it holds several models"
        ),
        precision,
      ],
      example: """
        local model = clip.load("kilpi-tiny")
        print(model:num_parameters())  --> 4366593
        """
    ) { call in
      let options = try call.options(2)
      let path = try resolved(call.string(1), call)
      var checkpoint = CheckpointOptions()
      checkpoint.precision = try precision(options, call, "clip.load")
      checkpoint.isStrict = try options.boolean("strict")
      if options.has("activation") {
        checkpoint.activation = try Activation(rawValue: options.string("activation"))
      }
      checkpoint.base = try base(options, call)
      if options.has("state_dict") { checkpoint.stateDict = try options.string("state_dict") }
      let state = call.state
      checkpoint.check = { try check($0, state) }
      checkpoint.note = { state.write("clip.load: \($0)\n", to: .error) }
      return [try ClipModel.load(path, options: checkpoint)]
    },
    Entry(
      "create", "(config: table|string [, options]) -> clip model",
      doc: """
        A model with random weights. The configuration is a table as in an open_clip or Hugging Face \
        JSON file, or a name such as "ViT-B-32" (exact GELU; "ViT-B-32-quickgelu" has OpenAI's) or "tiny" \
        (16 pixels, one block a tower: for trying things out).
        """,
      options: [.seed, precision],
      example: """
        local config = {embed_dim = 8, quick_gelu = true,
          vision_cfg = {image_size = 16, patch_size = 8, width = 16, layers = 1, head_width = 8},
          text_cfg = {width = 8, heads = 1, layers = 1}}
        print(clip.create(config):num_parameters())  --> 403473
        """
    ) { call in
      let options = try call.options(2)
      let configuration: ClipConfiguration
      if call.kind(1) == .string {
        configuration = try named(call.string(1))
      } else {
        configuration = try ClipConfiguration(json: JSONConversion.value(call.tree(1)))
      }
      return [
        try ClipModel.random(
          configuration, seed: call.randomSource(options).seed,
          precision: precision(options, call, "clip.create"))
      ]
    },
    Entry(
      "available", "() -> table[]",
      doc: """
        What can be had: models found in KILPI_MODELS and the user's and shipped folders, with their \
        path, and architectures that clip.create builds by name, without one.
        """,
      example: """
        for _, entry in ipairs(clip.available()) do
          if entry.name == "ViT-B-32" then print(entry.name, entry.path) end
        end  --> ViT-B-32\tnil
        """
    ) { call in
      let allowed = ModelLocator.available().filter {
        (try? check($0.path, call.state)) != nil
      }
      let found = allowed.map { entry -> LuaRecord in
        ["name": entry.name, "path": entry.path]
      }
      let built = ClipConfiguration.named.map { entry -> LuaRecord in ["name": entry.name] }
      return [LuaList(found + built)]
    },
  ]

  private static let precision = OptionSpec.choice(
    "precision", ProductPrecision.allCases.map(\.rawValue), default: "float32",
    "of the operands in the transformer blocks' products, also in their gradients; weights, sums and "
      + "every verdict on an attacked image stay float32, and so do a classifier's logits without a "
      + "gradient, predict and accuracy; without the processor's bfloat16 instructions it says so and is "
      + "float32")

  /// The precision asked for, or float32 with one message where the processor cannot do it.
  private static func precision(
    _ options: Options, _ call: Call, _ name: String
  ) throws -> ProductPrecision {
    let asked = ProductPrecision(rawValue: try options.string("precision")) ?? .float32
    guard asked == .bfloat16, let obstacle = ProductKernels.bfloat16Obstacle else { return asked }
    call.state.write(
      "\(name): no bfloat16 products here (\(obstacle)), computing in float32\n", to: .error)
    return .float32
  }

  /// The model behind the option `base`: given, or loaded from its path or name.
  private static func base(_ options: Options, _ call: Call) throws -> ClipModel? {
    guard options.has("base") else { return nil }
    let value = options.value("base")
    if let model = value.object(as: ClipModel.self) { return model }
    guard let name = value.string else {
      throw options.problem("base", "is no clip model and no path of one")
    }
    var checkpoint = CheckpointOptions()
    let state = call.state
    checkpoint.check = { try check($0, state) }
    return try ClipModel.load(resolved(name, call), options: checkpoint)
  }

  /// The path that a path or name stands for, if the sandbox allows it.
  private static func resolved(_ name: String, _ call: Call) throws -> String {
    guard !name.utf8.contains(0) else { throw KilpiError("the path contains a zero byte") }
    let path = try ModelLocator.resolve(name)
    try check(path, call.state)
    return path
  }

  /// What the sandbox allows; the models that ship with Kilpi are no files of the user's.
  private static func check(_ path: String, _ state: LuaState) throws {
    if let shipped = try? ResourceLocator.path("models"), path.hasPrefix(shipped + "/"),
      !path.split(separator: "/").contains("..")
    {
      return
    }
    try state.checkFile(path, writing: false)
  }

  private static func named(_ name: String) throws -> ClipConfiguration {
    if let found = ClipConfiguration.named.first(where: { $0.name == name }) {
      return found.configuration
    }
    let names = ClipConfiguration.named.map(\.name)
    let near = NearestName.suggestion(for: name, among: names)
    throw KilpiError(
      "there is no architecture '\(name.prefix(40))'",
      advice: near.map { "did you mean '\($0)'?" } ?? "clip.available() lists them")
  }

  private static let texts: [Entry] = [
    Entry(
      "tokenize", "(text: string|string[] [, options]) -> tensor",
      doc: """
        Token ids of CLIP's byte-pair tokenizer, int64 [N, context]: start 49406, the text, end 49407, \
        zeros. Ids are those of the vocabulary file, from 0. A text that is too long is an error unless \
        `truncate` is given. `clean = "reference"` cleans text as OpenAI's and open_clip's code does, \
        without its repair of wrongly decoded text; "hf" as transformers does, which keeps curly quotes \
        and HTML references. Names of special tokens are ordinary characters unless `special` is given.
        """,
      options: [
        .integer("context", default: 77, range: 2...65536, "length of each row"),
        .boolean("truncate", default: false, "cut long texts, keeping the end token"),
        .choice(
          "clean", ["reference", "hf"], default: "reference",
          "how text is made uniform: as open_clip or as transformers does"),
        .boolean(
          "special", default: false,
          "`<start_of_text>` and `<end_of_text>` (with hf: `<|startoftext|>`, `<|endoftext|>`) mean the "
            + "tokens, wherever the chosen tokenizer takes them so"),
      ],
      example: """
        print(clip.decode(clip.tokenize("A cat")))  --> a cat
        print(clip.decode(clip.tokenize("1 &lt; 2", {clean = "hf"})))  --> 1 & lt ; 2
        """
    ) { call in
      let options = try call.options(2)
      let texts = try call.strings(1)
      let context = try options.integer("context")
      let cleaning = try TextCleaning(rawValue: options.string("clean")) ?? .reference
      let (truncate, special) = (try options.boolean("truncate"), try options.boolean("special"))
      let tokenizer = try BytePairTokenizer.standard()
      let ids = try Tensor.rows(texts, width: context) {
        try tokenizer.encode(
          $0, context: context, truncate: truncate, cleaning: cleaning, special: special)
      }
      return [ids]
    },
    Entry(
      "decode", "(ids: tensor|integer[]) -> string|string[]",
      doc: """
        Text of token ids; start, end and padding are left out. A tensor [N, L] with more than one row \
        gives a list.
        """,
      example: """
        print(clip.decode{49406, 320, 2368, 49407})  --> a cat
        """
    ) { call in
      let tokenizer = try BytePairTokenizer.standard()
      func text(_ ids: some Sequence<Int>) throws -> String {
        let inner = ids.drop { $0 == tokenizer.startID }.prefix { $0 != tokenizer.endID }
        return try tokenizer.decode(Array(inner))
      }
      guard let ids = try call.handleIfPresent(1, as: Tensor.self) else {
        return [try text(call.integers(1))]
      }
      let values = try ids.integers().map { Int($0) }
      if ids.rank < 2 || ids.shape[0] == 1 { return [try text(values)] }
      let width = ids.count / max(ids.shape[0], 1)
      return [try (0..<ids.shape[0]).mapped { try text(values[$0 * width..<($0 + 1) * width]) }]
    },
    Entry(
      "preprocess", "(image: tensor|string [, options]) -> tensor",
      doc: """
        Prepares a photograph as the reference pipelines do on Pillow, pixel for pixel: resize on 8-bit \
        pixels and centre crop, never normalised. The image is a tensor [3, H, W] in [0, 1] or a file's \
        path (converted to RGB first, alpha dropped); the result [3, S, S].
        """,
      options: [
        .choice(
          "preset", ["openai", "clip", "mmcoa_small", "mmcoa_imagenet", "tecoa", "siglip"],
          default: "openai",
          "openai: bicubic, short side S, crop S; mmcoa_imagenet: bilinear, short side 256, crop 224; "
            + "mmcoa_small: unchanged; siglip: bicubic to S x S, the aspect ratio lost"),
        .integer("size", default: 224, range: 1...8192, "side S of the result"),
        .choice(
          "crop", ["torchvision", "hf"], default: "torchvision", "rounding of the crop's place"),
      ],
      example: """
        print(clip.preprocess(tensor.ones{3, 40, 30}, {size = 16}):size(2))  --> 16
        """
    ) { call in
      let options = try call.options(2)
      let preset = try PreprocessingPreset(named: options.string("preset"))
      let rule = try CropRule(rawValue: options.string("crop")) ?? .torchvision
      let size = try options.integer("size")
      if call.kind(1) == .string {
        let image = try ImageFile.load(call.path(1), onWarning: call.warning)
        return [try image.preprocessed(preset, size: size, crop: rule).tensor()]
      }
      let tensor = try call.handle(1, as: Tensor.self)
      try PixelRange.check(tensor)
      return [try ImageOperations.preprocessed(tensor, preset, size: size, crop: rule)]
    },
  ]
}
