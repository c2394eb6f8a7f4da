import Diagnostics
import Networks
import Files
import Networks
import Tensors
import TestSupport
import Testing

@testable import ClipModels

/// What a model's files say beside its weights, and where in a file its weights lie.
@Suite struct ModelFilesTests {
  /// A model with CLIP's vocabulary, small otherwise.
  static func model(vocabulary: Int = 49408, context: Int = 9, seed: UInt64 = 3) throws -> ClipModel
  {
    let end = min(vocabulary, 49408) - 1
    return try ClipModel.random(
      ClipConfiguration(
        embedding: 8, imageSize: 8, patchSize: 4, vision: .init(width: 8, layers: 1, heads: 2),
        text: .init(width: 8, layers: 1, heads: 2), context: context, vocabulary: vocabulary,
        endToken: end), seed: seed)
  }

  static func notes(
    _ path: String, _ change: (inout CheckpointOptions) -> Void = { _ in }
  ) throws -> (model: ClipModel, notes: [String]) {
    var notes: [String] = []
    var options = CheckpointOptions()
    options.note = { notes.append($0) }
    change(&options)
    return (try ClipModel.load(path, options: options), notes)
  }

  static func edit(_ path: String, _ old: String, _ new: String) throws {
    let text = try FileReader.text(at: path)
    #expect(text.contains(old), "\(old)")
    try AtomicFile.write(text.replacing(old, with: new), to: path)
  }

  // MARK: - Pixels

  @Test func whatIsAssumedIsSaid() throws {
    let assumed =
      "no file says the mean and deviation of the pixels: OpenAI's (0.48145466, 0.4578275, 0.40821073) "
      + "are assumed; preprocessor_config.json or preprocess_cfg would say them"
    try withTemporaryDirectory { folder in
      try Self.model().save(folder)
      #expect(try Self.notes(folder).notes == [])
      try FileReader.remove(folder + "/preprocessor_config.json")
      // Kilpi's own field says it, too.
      #expect(try Self.notes(folder).notes == [])
      try Self.edit(folder + "/config.json", "\"kilpi\"", "\"other\"")
      #expect(try Self.notes(folder).notes == [assumed])
      try AtomicFile.write(
        #"{"image_mean": [0.5, 0.5, 0.5], "image_std": 0.25, "size": {"shortest_edge": 32}, "#
          + #""crop_size": {"height": 32, "width": 32}, "resample": 2}"#,
        to: folder + "/preprocessor_config.json")
      let (model, notes) = try Self.notes(folder)
      #expect(model.configuration.deviation == [0.25, 0.25, 0.25])
      #expect(
        notes == [
          #"the image processor makes images of {"height":32,"width":32} pixels, the model takes 8: "#
            + "images are resized to that",
          "the image processor resizes by 'bilinear', the model's own resizing is bicubic: give images "
            + "of 8 pixels that were resized so",
        ])
    }
    try withTemporaryDirectory { folder in
      try Self.model().save(folder, layout: .openCLIP)
      #expect(try Self.notes(folder).notes == [])
      try Self.edit(folder + "/open_clip_config.json", "\"preprocess_cfg\"", "\"other\"")
      #expect(try Self.notes(folder).notes == [assumed])
      // A processor of Hugging Face beside open_clip's weights tells it as well.
      try AtomicFile.write(
        #"{"image_processor": {"image_mean": [0.1, 0.2, 0.3], "image_std": [0.4, 0.5, 0.6]}}"#,
        to: folder + "/processor_config.json")
      let (model, notes) = try Self.notes(folder)
      #expect(model.configuration.mean == [0.1, 0.2, 0.3] && notes == [])
    }
  }

  static let wrongProcessors: [(json: String, message: String)] = [
    (#"{"image_mean": [0.5, 0.5]}"#, "'image_mean' is [0.5,0.5], three numbers are needed"),
    (
      #"{"image_std": [0.5, 0.5, "a"]}"#, #"'image_std' is [0.5,0.5,"a"], three numbers are needed"#
    ),
    (
      #"{"image_std": [0, 1, 1]}"#,
      "mean and standard deviation need three channels of sensible size"
    ),
    (#"{"rescale_factor": 0}"#, "'rescale_factor' is 0, no number above 0"),
    (#"{"do_normalize": "no"}"#, "'do_normalize' is not true or false"),
    (#"{"resample": true}"#, "the resampling true is no filter (in preprocessor_config.json)"),
    (#"{"resample": 9}"#, "the resampling 9 is no filter"),
    (#"{"size": "8"}"#, #"the size "8" is no size of images (in preprocessor_config.json)"#),
    (#"{"size": {"side": 8}}"#, #"the size {"side":8} is no size of images"#),
    (#"{"size": 8, "crop_size": [8, 0]}"#, "the size [8,0] is no size of images"),
  ]

  /// Of several files with a model's usual names the one that is taken is named.
  @Test func severalFilesOfWeightsAreSaid() throws {
    try withTemporaryDirectory { folder in
      try Self.model().save(folder)
      let bytes = try FileReader.bytes(at: folder + "/model.safetensors")
      try AtomicFile.write(bytes, to: folder + "/pytorch_model.bin")
      #expect(
        try Self.notes(folder).notes == [
          "the folder holds several files of weights: 'model.safetensors' is taken, not "
            + "'pytorch_model.bin'"
        ])
    }
  }

  /// One number stands for all channels; 0 and an empty list are nothing to open_clip.
  @Test func openCLIPTakesOneNumberForAllChannels() throws {
    try withTemporaryDirectory { folder in
      try Self.model().save(folder, layout: .openCLIP)
      let path = folder + "/open_clip_config.json"
      let text = try FileReader.text(at: path)
      func loaded(_ fields: String) throws -> ClipModel {
        try AtomicFile.write(
          text.replacing(
            "\"preprocess_cfg\"", with: "\"preprocess_cfg\": {\(fields)}, \"other\""), to: path)
        let (model, notes) = try Self.notes(folder)
        #expect(notes == [])
        return model
      }
      let half = try loaded(#""mean": 0.5, "std": 0.25"#).configuration
      #expect(half.mean == [0.5, 0.5, 0.5] && half.deviation == [0.25, 0.25, 0.25])
      let openAI = try loaded(#""mean": 0, "std": []"#).configuration
      #expect(openAI.mean == ClipConfiguration.openAIMean)
      #expect(openAI.deviation == ClipConfiguration.openAIDeviation)
      for (fields, message) in [
        (#""mean": "16", "std": 1"#, #"'mean' is "16", three numbers are needed"#),
        (#""mean": true, "std": 1"#, "'mean' is true, three numbers are needed"),
        (#""mean": {}, "std": 1"#, "'mean' is {}, three numbers are needed"),
        (#""mean": 1e308, "std": 1"#, "mean and standard deviation need three channels"),
        (#""mean": 0.5, "std": 1, "size": true"#, "the size true is no size of images"),
      ] {
        let error = #expect(throws: KilpiError.self) { try loaded(fields) }
        #expect(error?.description.contains(message) == true, "\(error?.description ?? "")")
      }
    }
  }

  @Test(arguments: wrongProcessors.indices) func wrongProcessorsAreRefused(index: Int) throws {
    let row = Self.wrongProcessors[index]
    try withTemporaryDirectory { folder in
      try Self.model().save(folder)
      try AtomicFile.write(row.json, to: folder + "/preprocessor_config.json")
      let error = #expect(throws: KilpiError.self) { try ClipModel.load(folder) }
      #expect(error?.description.contains(row.message) == true, "\(error?.description ?? "")")
    }
  }

  // MARK: - Parts of a configuration

  @Test func dictionariesReplaceParts() throws {
    try withTemporaryDirectory { folder in
      try Self.model().save(folder)
      let path = folder + "/config.json"
      try Self.edit(
        path, "\"kilpi\"",
        #""text_config_dict": {"hidden_size": 8, "intermediate_size": 32, "num_hidden_layers": 1, "#
          + #""num_attention_heads": 4, "max_position_embeddings": 9, "hidden_act": "gelu"}, "kilpi""#
      )
      let (model, notes) = try Self.notes(folder)
      #expect(model.configuration.text.heads == 4 && model.configuration.text.activation == .gelu)
      #expect(model.configuration.vision.activation == .quickGELU)
      #expect(notes == ["text_config_dict replaces what text_config says, as in transformers"])
      // The same values twice are nothing to say.
      try Self.edit(path, #""num_attention_heads": 4, "max"#, #""num_attention_heads": 2, "max"#)
      try Self.edit(path, #""hidden_act": "gelu"}"#, #""hidden_act": "quick_gelu"}"#)
      #expect(try Self.notes(folder).notes == [])
    }
  }

  static let wrongConfigurations: [(json: String, message: String)] = [
    (
      #"{"model_type": "clip", "vision_config": {"model_type": "vit"}}"#,
      #"configuration: 'vision_config.model_type' is "vit""#
    ),
    (
      #"{"model_type": "clip", "text_config": {"model_type": "siglip_text_model"}, "vision_config": {}}"#,
      "configuration: 'text_config.model_type' is siglip_text_model, the other parts are of clip"
    ),
    (
      #"{"vision_config": {"hidden_act": "gelu"}, "text_config": {"hidden_act": "gelu", "eos_token_id": [1, 2]}}"#,
      "configuration: 'text_config.eos_token_id' is [1,2] (one end token is read)"
    ),
    (
      #"{"model_type": "siglip", "vision_config": {"vision_use_head": false}}"#,
      "configuration: 'vision_config.vision_use_head' is false (Kilpi builds SigLIP with its pooling head)"
    ),
    (
      #"{"model_type": "siglip2", "vision_config": {}}"#,
      #"configuration: 'config.model_type' is "siglip2""#
    ),
    (
      #"{"embed_dim": 768, "vision_cfg": {"timm_model_name": "vit_base_patch14_siglip_224"}, "text_cfg": {}}"#,
      "configuration: the image tower 'vit_base_patch14_siglip_224' of timm is not built here"
    ),
    (
      #"{"embed_dim": 768, "vision_cfg": {"timm_model_name": "vit_base_patch16_siglip_224", "timm_proj": "linear"}, "text_cfg": {}}"#,
      #"configuration: 'vision_cfg.timm_proj' is "linear""#
    ),
  ]

  @Test(arguments: wrongConfigurations.indices) func wrongPartsAreNamed(index: Int) throws {
    let row = Self.wrongConfigurations[index]
    let error = #expect(throws: KilpiError.self) {
      try ClipConfiguration(json: JSONValue.parse(row.json))
    }
    #expect(error?.description.hasPrefix(row.message) == true, "\(error?.description ?? "")")
  }

  // MARK: - Tokenizers

  @Test func aModelHasItsOwnTokenizer() throws {
    try withTemporaryDirectory { folder in
      let count = try ConfigurationReferenceTests.vocabulary().symbols.object?.count ?? 0
      try Self.model(vocabulary: count).save(folder)
      try ConfigurationReferenceTests.write(nil, to: folder)
      let (model, notes) = try Self.notes(folder)
      #expect(notes == [])
      let ids = try model.tokenize(["a cat"]).integers()
      #expect(ids == [519, 320, 513, 520, 520, 520, 520, 520, 520])
      // It goes with the model, in either layout.
      for layout in CheckpointLayout.allCases {
        try withTemporaryDirectory { other in
          try model.save(other, layout: layout)
          let again = try Self.notes(other)
          #expect(try again.model.tokenize(["a cat"]).integers() == ids && again.notes == [])
        }
      }
      // A vocabulary with other ends than the configuration's is said.
      try Self.edit(folder + "/config.json", "\"eos_token_id\": 520", "\"eos_token_id\": 518")
      #expect(
        try Self.notes(folder).notes == [
          "its tokenizer ends texts with 520, its configuration says 518"
        ])
    }
  }

  /// Changes of a `tokenizer.json` as CLIP's class writes it, and what is said of them.
  static let unfollowed: [(old: String, new: String, reason: String)] = [
    (#"{"type":"NFC"}"#, #"{"type":"NFKC"}"#, "normalizer 'NFKC'"),
    (#"{"type":"NFC"}"#, #"{"type":"StripAccents"}"#, "normalizer 'StripAccents'"),
    (
      #"{"type":"NFC"}"#, #"{"type":"BertNormalizer","lowercase":true}"#,
      "normalizer 'BertNormalizer'"
    ),
    (
      #"{"type":"NFC"}"#,
      #"{"type":"Replace","pattern":{"Regex":"a|b"},"content":""}"#,
      #"normalizer '{"type":"Replace""#
    ),
    (#""type":"Split""#, #""type":"Whitespace""#, "pre-tokenizer 'Whitespace'"),
    (#""behavior":"Removed""#, #""behavior":"Isolated""#, "pre-tokenizer 'Split by"),
    ("[\\\\p{N}]", "\\\\p{N}+", "pre-tokenizer 'Split by"),
    (
      #""add_prefix_space":false,"trim_offsets":true"#,
      #""add_prefix_space":true,"trim_offsets":true"#,
      "pre-tokenizer 'ByteLevel with a space in front'"
    ),
    (#""type":"RobertaProcessing""#, #""type":"Other""#, "post-processor 'Other'"),
    (
      #""end_of_word_suffix":"</w>""#, #""end_of_word_suffix":"""#,
      "model's 'end_of_word_suffix = '"
    ),
    (#""byte_fallback":false"#, #""byte_fallback":true"#, "model's 'byte_fallback'"),
    (#""dropout":null"#, #""dropout":0.1"#, "model's 'dropout = 0.1'"),
    (#""type":"BPE""#, #""type":"WordPiece""#, "model 'WordPiece'"),
    (#""type":"BPE""#, #""type":"WordLevel""#, "model 'WordLevel'"),
    (
      #""added_tokens":["#,
      #""added_tokens":[{"id":3,"content":"<toy>","special":false},"#, "added token '<toy>'"
    ),
  ]

  @Test(arguments: unfollowed.indices) func stepsThatAreNotFollowedAreNamed(index: Int) throws {
    let row = Self.unfollowed[index]
    let files = ConfigurationReferenceTests.Row.rows("tokenizers")[2].json["files"]
    try withTemporaryDirectory { folder in
      let count = try ConfigurationReferenceTests.vocabulary().symbols.object?.count ?? 0
      try Self.model(vocabulary: count).save(folder)
      try ConfigurationReferenceTests.write(files, to: folder)
      #expect(try Self.notes(folder).model.tokenize(["a cat"]).integers()[2] == 513)
      try Self.edit(folder + "/tokenizer.json", row.old, row.new)
      let (model, notes) = try Self.notes(folder)
      #expect(notes.count == 1 && notes[0].contains("its " + row.reason), "\(notes)")
      let error = #expect(throws: KilpiError.self) { try model.tokenize(["a cat"]) }
      #expect(
        error?.description.contains("its " + row.reason) == true, "\(error?.description ?? "")")
    }
  }

  @Test func aNamedTokenizerThatIsNotThere() throws {
    try withTemporaryDirectory { folder in
      try Self.model().save(folder, layout: .openCLIP)
      let path = folder + "/open_clip_config.json"
      try Self.edit(
        path, "\"context_length\"", "\"hf_tokenizer_name\": \"google/mt5-base\", \"context_length\""
      )
      let (model, notes) = try Self.notes(folder)
      let problem =
        "its configuration names the tokenizer 'google/mt5-base', which is not in '\(folder)'"
      #expect(notes == ["no tokenizer: \(problem); token ids can be passed"])
      let error = #expect(throws: KilpiError.self) { try model.tokenize(["a"]) }
      #expect(
        error?.description == "the model has no tokenizer: \(problem) (put its tokenizer.json (or "
          + "vocab.json with merges.txt, or spiece.model) there, or pass token ids)")
      // Nor has what is made of it, in either layout.
      #expect(throws: KilpiError.self) { try model.copy().tokenize(["a"]) }
      for layout in CheckpointLayout.allCases {
        try withTemporaryDirectory { other in
          try model.save(other, layout: layout)
          #expect(throws: KilpiError.self) { try ClipModel.load(other).tokenize(["a"]) }
        }
      }
      // OpenAI's is the one that ships with Kilpi.
      try Self.edit(path, "google/mt5-base", "openai/clip-vit-base-patch32")
      let ids = try Self.notes(folder).model.tokenize(["A cat"]).integers()
      #expect(ids == [49406, 320, 2368, 49407, 49407, 49407, 49407, 49407, 49407])
    }
  }

  /// A class whose files are of kinds that are not read (`sentencepiece.bpe.model`, `vocab.txt`).
  @Test func aNamedClassWithoutFiles() throws {
    try withTemporaryDirectory { folder in
      try Self.model().save(folder)
      for (type, isCLIP) in [("CLIPTokenizer", true), ("XLMRobertaTokenizer", false)] {
        try AtomicFile.write(
          #"{"tokenizer_class": "\#(type)"}"#, to: folder + "/tokenizer_config.json")
        let (model, notes) = try Self.notes(folder)
        #expect((model.tokenizer != nil) == isCLIP)
        #expect(notes.isEmpty == isCLIP && notes.allSatisfy { $0.contains("'\(type)'") })
      }
    }
  }

  static let arguments: [(json: String, message: String?)] = [
    (#"{"clean": "canonicalize"}"#, nil),
    (#"{"clean": "lower", "reduction_mask": ""}"#, nil),
    (#"{"strip_sep_token": false}"#, nil),
    (#"{"clean": "upper"}"#, #"tokenizer_kwargs.clean' is "upper""#),
    (#"{"strip_sep_token": true}"#, "tokenizer_kwargs.strip_sep_token' is true"),
    (#"{"reduction_mask": "simple"}"#, #"tokenizer_kwargs.reduction_mask' is "simple""#),
    (#"{"additional_special_tokens": ["<x>"]}"#, "tokenizer_kwargs.additional_special_tokens'"),
  ]

  @Test(arguments: arguments.indices) func tokenizerArguments(index: Int) throws {
    let row = Self.arguments[index]
    try withTemporaryDirectory { folder in
      try Self.model().save(folder, layout: .openCLIP)
      try Self.edit(
        folder + "/open_clip_config.json", "\"context_length\"",
        "\"tokenizer_kwargs\": \(row.json), \"context_length\"")
      guard let message = row.message else {
        let model = try Self.notes(folder).model
        let ids = try model.tokenize(["cats!"]).integers()
        #expect(ids[2] == (row.json.contains("canonicalize") ? 49407 : 256))
        return
      }
      let error = #expect(throws: KilpiError.self) { try ClipModel.load(folder) }
      #expect(error?.description.contains(message) == true, "\(error?.description ?? "")")
      #expect(error?.description.contains("which is not followed (strict = false") == true)
      let (model, notes) = try Self.notes(folder) { $0.isStrict = false }
      #expect(notes.count == 1 && notes[0].contains(message))
      #expect(throws: KilpiError.self) { try model.tokenize(["a"]) }
    }
  }

  // MARK: - Long-CLIP

  /// `positional_embedding` has the first 20 places, `positional_embedding_res` those behind.
  @Test func twoTablesOfPositionsAreJoined() throws {
    let model = try Self.model(context: 24)
    try withTemporaryDirectory { folder in
      try model.save(folder, layout: .openCLIP)
      var tensors = try WeightLayout.openCLIP().tensors(of: model.parameters)
      let second = try Tensor.zeros([24, 8]) + 7
      tensors["positional_embedding_res"] = second
      try Safetensors.save(tensors, to: folder + "/open_clip_model.safetensors")
      let (joined, notes) = try Self.notes(folder)
      #expect(notes == [])
      let table = try joined.parameters.required("positional_embedding").floats()
      let first = try model.parameters.required("positional_embedding").floats()
      #expect(table == Array(first[..<160]) + [Float](repeating: 7, count: 32))
      // A table of another size fits nothing.
      tensors["positional_embedding_res"] = try Tensor.zeros([23, 8])
      try Safetensors.save(tensors, to: folder + "/open_clip_model.safetensors")
      let error = #expect(throws: KilpiError.self) { try ClipModel.load(folder) }
      #expect(error?.description.contains("positional_embedding_res: [23, 8] in the file") == true)
    }
  }

  @Test func onlyHarmlessKeysMayBeLeftOut() throws {
    let model = try Self.model()
    for (key, advice) in [
      ("loss.weight", "(strict = false leaves them out)"),
      ("optimizer.state", "(strict = false leaves them out)"),
      (
        "positional_embedding_other",
        "(without them the features would be others: a configuration that "
          + "describes these weights is needed)"
      ),
      ("visual.prompt", "a configuration that describes these weights is needed)"),
    ] {
      try withTemporaryDirectory { folder in
        try model.save(folder, layout: .openCLIP)
        var tensors = try WeightLayout.openCLIP().tensors(of: model.parameters)
        tensors[key] = try Tensor.zeros([1])
        try Safetensors.save(tensors, to: folder + "/open_clip_model.safetensors")
        let error = #expect(throws: KilpiError.self) { try ClipModel.load(folder) }
        #expect(error?.description.hasSuffix(advice) == true, "\(error?.description ?? "")")
      }
    }
  }
}
