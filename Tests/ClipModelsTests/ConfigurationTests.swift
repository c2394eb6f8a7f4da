import ClipModels
import Files
import TestSupport
import Testing

/// What configuration files say, and what is written for other libraries to read.
@Suite struct ConfigurationTests {
  /// transformers reads no other file for them, so they win over Kilpi's own field.
  @Test func meanAndDeviationOfThePreprocessorCount() throws {
    try withTemporaryDirectory { folder in
      let model = try ClipModel.load(TestFiles.fixture("clip-gelu"))
      try model.save(folder)
      try AtomicFile.write(
        #"{"image_mean": [0.5, 0.4, 0.3], "image_std": [0.2, 0.3, 0.4]}"#,
        to: folder + "/preprocessor_config.json")
      let loaded = try ClipModel.load(folder).configuration
      #expect(loaded.mean == [0.5, 0.4, 0.3] && loaded.deviation == [0.2, 0.3, 0.4])
    }
  }

  /// As `CLIPImageProcessor().to_dict()` and `SiglipImageProcessor().to_dict()` have it.
  @Test func preprocessorIsWrittenForTransformers() throws {
    var clip = try ClipModel.load(TestFiles.fixture("clip-gelu")).configuration
    clip.mean = [0.5, 0.25, 0.125]
    clip.deviation = [0.2, 0.3, 0.4]
    let siglip = try ClipModel.load(ArchitectureTests.folder("siglip-hf")).configuration
    let side = clip.imageSize
    #expect(
      clip.preprocessorJSON.serialized()
        == #"{"crop_size":{"height":\#(side),"width":\#(side)},"do_center_crop":true,"#
        + #""do_convert_rgb":true,"do_normalize":true,"do_rescale":true,"do_resize":true,"#
        + #""image_mean":[0.5,0.25,0.125],"image_processor_type":"CLIPImageProcessor","#
        + #""image_std":[0.2,0.3,0.4],"resample":3,"rescale_factor":0.00392156862745098,"#
        + #""size":{"shortest_edge":\#(side)}}"#)
    #expect(
      siglip.preprocessorJSON.serialized()
        == #"{"do_convert_rgb":true,"do_normalize":true,"do_rescale":true,"do_resize":true,"#
        + #""image_mean":[0.5,0.5,0.5],"image_processor_type":"SiglipImageProcessor","#
        + #""image_std":[0.5,0.5,0.5],"resample":3,"rescale_factor":0.00392156862745098,"#
        + #""size":{"height":16,"width":16}}"#)
    try withTemporaryDirectory { folder in
      try ClipModel.random(clip, seed: 1).save(folder)
      // Without Kilpi's own field the pixels are still normalised as before.
      let json = try JSONValue.parse(FileReader.bytes(at: folder + "/config.json"))
      let plain = JSONValue.object((json.object ?? []).filter { $0.key != "kilpi" })
      try AtomicFile.write(plain.serialized(), to: folder + "/config.json")
      #expect(try ClipModel.load(folder).configuration == clip)
    }
  }

  struct UnknownKey: Sendable, CustomTestStringConvertible {
    let key: String
    let json: String
    /// nil: it is accepted.
    let problem: String?
    var testDescription: String { key }

    /// A configuration with `key` in one of its parts.
    init(_ part: String, _ key: String, _ value: String, _ problem: String?) {
      self.key = part + "." + key
      let more = ", \"\(key)\": \(value)"
      json =
        #"{"embed_dim": 8, "vision_cfg": {"width": 16, "layers": 1, "head_width": 8"#
        + (part == "vision_cfg" ? more : "") + #"}, "text_cfg": {"width": 8, "heads": 1"#
        + (part == "text_cfg" ? more : "") + "}" + (part == "model_cfg" ? more : "") + "}"
      self.problem = problem.map { "configuration: '\(part).\(key)' " + $0 }
    }
  }

  static let unknownKeys: [UnknownKey] = [
    UnknownKey("vision_cfg", "image_sise", "32", "is not known (did you mean 'image_size'?)"),
    UnknownKey("text_cfg", "contextlength", "9", "is not known (did you mean 'context_length'?)"),
    UnknownKey("model_cfg", "quick_glu", "true", "is not known (did you mean 'quick_gelu'?)"),
    UnknownKey("vision_cfg", "colour", "1", "is not known (open_clip has no such key)"),
    UnknownKey("vision_cfg", "qk_norm", "true", "is not built here"),
    UnknownKey("text_cfg", "ls_init_value", "0.1", "is not built here"),
    UnknownKey("vision_cfg", "ls_init_value", "null", nil),
    UnknownKey("vision_cfg", "attentional_pool", "false", nil),
    UnknownKey("vision_cfg", "colour", "false", nil),
    UnknownKey("text_cfg", "tokenizer_kwargs", #"{"clean": "canonicalize"}"#, nil),
    UnknownKey("model_cfg", "custom_text", "true", nil),
  ]

  @Test(arguments: unknownKeys) func keysOfConfigurationsAreKnown(row: UnknownKey) throws {
    let json = try JSONValue.parse(row.json)
    do {
      _ = try ClipConfiguration(json: json)
      #expect(row.problem == nil)
    } catch { #expect("\(error)" == row.problem) }
    // A file's configuration is read on with strict = false, which says what it passed over.
    guard let problem = row.problem, problem.contains("not known") else { return }
    var notes: [String] = []
    _ = try ClipConfiguration(json: json) { notes.append($0) }
    #expect(notes.count == 1 && problem.hasPrefix(notes[0]))
  }
}
