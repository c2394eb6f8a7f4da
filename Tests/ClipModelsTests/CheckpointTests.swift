import Diagnostics
import Files
import Glibc
import Networks
import Tensors
import TestSupport
import Testing

@testable import ClipModels

/// Every wrapper and format around the same weights gives the same model
/// (`scripts/reference/checkpoints.py`).
@Suite struct CheckpointTests {
  struct Row: Sendable, CustomTestStringConvertible {
    let file: String
    /// Loads on top of the whole model, of whose image tower it is a copy.
    var needsBase = false
    /// The activation has to be told.
    var needsActivation = true
    /// Largest difference of a weight: bfloat16 rounds.
    var tolerance = 0.0
    /// The model whose weights these are.
    var whole = "open_clip-vit"
    var activation = Activation.quickGELU
    var testDescription: String { file }
  }

  static let rows: [Row] = [
    Row(file: "openai-jit.pt", needsActivation: false),
    Row(file: "state-dict.pt"),
    Row(file: "open_clip-training.pt"),
    Row(file: "mmcoa.pth.tar"),
    Row(file: "tecoa.pth.tar", needsBase: true, needsActivation: false),
    Row(file: "fare.pt", needsBase: true, needsActivation: false),
    Row(file: "float32.safetensors"),
    Row(file: "bfloat16.safetensors", tolerance: 0.01),
    Row(file: "openai-resnet-jit.pt", whole: "open_clip-resnet", activation: .gelu),
  ]

  static func whole(_ name: String = "open_clip-vit") throws -> ClipModel {
    try ClipModel.load(ArchitectureTests.folder(name))
  }

  @Test(arguments: rows) func sameWeights(row: Row) throws {
    let whole = try Self.whole(row.whole)
    var options = CheckpointOptions()
    // Heads and the end token are not in the shapes: the base or its configuration gives them.
    options.base = whole
    if row.needsActivation { options.activation = row.activation }
    let model = try ClipModel.load(
      ArchitectureTests.folder("wrapped") + "/" + row.file, options: options)
    #expect(model.configuration == whole.configuration)
    for (name, weight) in whole.parameters.entries {
      try expectClose(
        model.parameters.required(name), weight, rtol: row.tolerance, atol: row.tolerance)
    }
    #expect(model.parameters.names == whole.parameters.names)
  }

  /// What transformers and PyTorch write around the weights of `clip-quick_gelu`
  /// (`scripts/reference/checkpoint_formats.py`), rounded as they are stored.
  @Test(arguments: ["hf-shards", "hf-bin", "hf-bin-shards", "hf-bfloat16"])
  func huggingFaceFormats(name: String) throws {
    let whole = try ClipModel.load(TestFiles.fixture("clip-quick_gelu"))
    let model = try ClipModel.load(ArchitectureTests.folder(name))
    #expect(model.configuration == whole.configuration)
    #expect(model.parameters.names == whole.parameters.names)
    for (key, weight) in whole.parameters.entries {
      let stored = try weight.floats().map { value -> Float in
        let half = Float(Float16(value))
        guard name == "hf-bfloat16" else { return half }
        // To nearest, ties to even, in the upper 16 bits.
        let bits = half.bitPattern
        return Float(bitPattern: (bits + 0x7FFF + (bits >> 16 & 1)) & 0xFFFF_0000)
      }
      #expect(try model.parameters.required(key).floats() == stored, "\(key)")
    }
  }

  /// Widths that 64 divides tell the heads; others need a configuration or a base.
  @Test func sizesAreTakenFromShapes() throws {
    var vit = ClipConfiguration(
      embedding: 12, imageSize: 24, patchSize: 8,
      vision: .init(width: 128, layers: 2, heads: 2, hidden: 96, activation: .gelu),
      text: .init(width: 64, layers: 1, heads: 1, activation: .gelu),
      context: 9, vocabulary: 50, endToken: nil)
    var residual = vit
    residual.residualBlocks = [1, 2, 1, 1]
    residual.imageSize = 64
    residual.patchSize = 32
    residual.vision = .init(width: 2, layers: 4, heads: 1, activation: .gelu)
    for configuration in [vit, residual] {
      try withTemporaryDirectory { folder in
        let model = try ClipModel.random(configuration, seed: 1)
        try Safetensors.save(
          WeightLayout.openCLIP().tensors(of: model.parameters), to: folder + "/w.safetensors")
        var options = CheckpointOptions()
        options.activation = .gelu
        let loaded = try ClipModel.load(folder + "/w.safetensors", options: options)
        #expect(loaded.configuration == configuration)
      }
    }
    vit.vision.heads = 4
    let error = #expect(throws: KilpiError.self) {
      try ClipModel.load(ArchitectureTests.folder("wrapped") + "/openai-jit.pt")
    }
    #expect(error?.description.contains("a width of 16 does not tell the number of heads") == true)
  }

  /// Sizes that an empty tensor may claim do not overflow what is computed from them.
  @Test func absurdShapesAreRefused() throws {
    func row(_ name: String, _ shape: String) -> String {
      "\"\(name)\": {\"dtype\": \"F32\", \"shape\": \(shape), \"data_offsets\": [0, 0]}"
    }
    let header =
      "{"
      + [
        row("visual.conv1.weight", "[0, 3, 1, 1099511627776]"),
        row("visual.positional_embedding", "[1099511627776, 0]"),
        row("ln_final.weight", "[0]"), row("text_projection", "[0, 0]"),
        row("positional_embedding", "[0, 0]"), row("token_embedding.weight", "[0, 0]"),
      ].joined(separator: ", ") + "}"
    let length = withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { Array($0) }
    try withTemporaryDirectory { folder in
      try AtomicFile.write(length + Array(header.utf8), to: folder + "/w.safetensors")
      var options = CheckpointOptions()
      options.activation = .gelu
      let error = #expect(throws: KilpiError.self) {
        try ClipModel.load(folder + "/w.safetensors", options: options)
      }
      #expect(error?.description.contains("too large for a model") == true)
    }
  }

  /// What contradicts the configuration is said or refused, never passed over.
  @Test("B45: an activation that contradicts the configuration is said or refused")
  func activationsAreNeverDropped() throws {
    var notes: [String] = []
    var options = CheckpointOptions()
    options.note = { notes.append($0) }
    options.activation = .gelu
    let model = try ClipModel.load(ArchitectureTests.folder("open_clip-vit"), options: options)
    #expect(model.configuration.vision.activation == .gelu)
    #expect(notes == ["the configuration says quick_gelu, gelu is used as asked"])
    try withTemporaryDirectory { folder in
      let archive = try FileReader.bytes(
        at: ArchitectureTests.folder("wrapped") + "/openai-jit.pt")
      try AtomicFile.write(archive, to: folder + "/a.pt")
      var other = try Self.whole().configuration
      other.vision.activation = .gelu
      other.text.activation = .gelu
      try AtomicFile.write(
        other.openCLIPJSON.serialized(), to: folder + "/open_clip_config.json")
      let error = #expect(throws: KilpiError.self) { try ClipModel.load(folder) }
      #expect(
        error?.description.contains(
          "the archive is OpenAI's, of quick_gelu, the configuration says gelu") == true)
      // Without a configuration the archive alone tells it.
      try FileReader.remove(folder + "/open_clip_config.json")
      notes = []
      #expect(throws: KilpiError.self) { try ClipModel.load(folder, options: options) }
      #expect(notes == ["the archive is OpenAI's, of quick_gelu, gelu is used as asked"])
      // On top of a base another model's configuration beside the file counts for nothing.
      var based = CheckpointOptions()
      based.base = try Self.whole()
      let loaded = try ClipModel.load(folder + "/a.pt", options: based)
      #expect(loaded.configuration.text.activation == .quickGELU)
    }
  }

  /// A vision transformer with a sigmoid score, and a projection with a bias, fit open_clip alone.
  @Test func openCLIPHoldsItsOwnVariants() throws {
    var sigmoid = try Self.whole().configuration
    sigmoid.score = .sigmoid
    var biased = try Self.whole().configuration
    biased.textStyle.hasProjectionBias = true
    for configuration in [sigmoid, biased] {
      try withTemporaryDirectory { folder in
        let model = try ClipModel.random(configuration, seed: 2)
        try model.save(folder)
        let again = try ClipModel.load(folder)
        #expect(again.configuration == configuration)
        for (name, weight) in model.parameters.entries {
          #expect(try again.parameters.required(name).floats() == weight.floats())
        }
      }
    }
  }

  static let accidents: [(bytes: [UInt8], message: String)] = [
    (
      Array("version https://git-lfs.github.com/spec/v1\noid sha256:00\n".utf8),
      "it is a git-lfs pointer, not safetensors (fetch the file itself: git lfs pull)"
    ),
    (
      Array("<!DOCTYPE html><html></html>".utf8),
      "it is an HTML page, not safetensors (the download failed: get the file itself)"
    ),
    (
      Array("{\"model_type\": \"clip\"}".utf8),
      "it is JSON text, not safetensors (give the file of weights, or the folder)"
    ),
    ([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3], "it is a gzip file, not safetensors (unpack it first)"),
  ]

  @Test(arguments: accidents.indices) func commonAccidentsAreRecognised(index: Int) throws {
    let (bytes, message) = Self.accidents[index]
    try withTemporaryDirectory { folder in
      try AtomicFile.write(bytes, to: folder + "/w.safetensors")
      let error = #expect(throws: KilpiError.self) {
        try ClipModel.load(folder + "/w.safetensors")
      }
      #expect(error?.description.hasSuffix(message) == true, "\(error?.description ?? "")")
    }
  }

  @Test func writtenLayoutsLoadAgain() throws {
    for name in ["open_clip-vit", "open_clip-nested", "open_clip-resnet", "siglip-hf"] {
      let model = try ClipModel.load(ArchitectureTests.folder(name))
      for layout in CheckpointLayout.allCases {
        let fits =
          layout == .huggingFace
          ? model.configuration.fitsHuggingFace : model.configuration.fitsOpenCLIP
        try withTemporaryDirectory { folder in
          guard fits else {
            #expect(throws: KilpiError.self) { try model.save(folder + "/m", layout: layout) }
            return
          }
          try model.save(folder, layout: layout)
          let again = try ClipModel.load(folder)
          #expect(again.configuration == model.configuration, "\(name) as \(layout)")
          for (key, weight) in model.parameters.entries {
            #expect(try again.parameters.required(key).floats() == weight.floats(), "\(key)")
          }
        }
      }
    }
  }

  struct Refusal: Sendable, CustomTestStringConvertible {
    let name: String
    let message: String
    var activation: Activation?
    var isStrict = true
    var testDescription: String { name }
  }

  static let refusals: [Refusal] = [
    Refusal(
      name: "wrapped/state-dict.pt",
      message:
        "cannot load 'F': there is no config.json beside the weights, and nothing tells their "
        + "activation (pass activation = \"quick_gelu\" (OpenAI weights) or \"gelu\")"),
    Refusal(
      name: "wrapped/fare.pt",
      message:
        "cannot load 'F': it holds an image tower alone (visual tower layout) (pass the model "
        + "it was trained from as base, for its text tower)"),
    Refusal(
      name: "wrapped/reference.safetensors",
      message: "cannot load 'F': its 1 tensors are no CLIP's: ids, … (Hugging Face, open_clip and "
        + "OpenAI layouts are known)"),
    Refusal(
      name: "wrapped",
      message: "cannot load 'F': the folder holds several files of weights: bfloat16.safetensors, "
        + "fare.pt, float32.safetensors, mmcoa.pth.tar (give the path of one of them)"),
  ]

  @Test(arguments: refusals) func isRefused(row: Refusal) throws {
    let path = ArchitectureTests.folder(row.name)
    var options = CheckpointOptions()
    options.activation = row.activation
    let error = #expect(throws: KilpiError.self) { try ClipModel.load(path, options: options) }
    #expect(error?.description.replacing(path, with: "F") == row.message)
  }

  @Test("weights that are not finite, and a scale that is no logarithm, are said once")
  func doubtfulWeights() throws {
    let whole = try Self.whole()
    try withTemporaryDirectory { folder in
      func notes(_ change: (inout [String: Tensor]) throws -> Void) throws -> [String] {
        try whole.save(folder, layout: .openCLIP)
        var tensors = try WeightLayout.openCLIP().tensors(of: whole.parameters)
        for (name, weight) in tensors { tensors[name] = try weight.detached().cloned() }
        try change(&tensors)
        try Safetensors.save(tensors, to: folder + "/open_clip_model.safetensors")
        var (notes, options) = ([String](), CheckpointOptions())
        options.note = { notes.append($0) }
        _ = try ClipModel.load(folder, options: options)
        return notes
      }
      func spoil(_ weight: Tensor?, _ value: Double) throws {
        try weight?.narrowed(0, start: 1, length: 1).assign(Tensor.scalar(value, .float32))
      }
      let end = "NaN or infinity: features and logits will not be finite"
      let sound = try notes { _ in }
      #expect(sound == [])
      let one = try notes { try spoil($0["visual.proj"], .nan) }
      #expect(one == ["'visual.proj' holds \(end)"])
      let two = try notes {
        try spoil($0["visual.proj"], .infinity)
        try spoil($0["text_projection"], .nan)
      }
      #expect(two == ["'visual.proj' and 1 other weight hold \(end)"])
      let large = try notes { $0["logit_scale"] = try Tensor.scalar(6.9, .float32) }
      #expect(large == [])
      let factor = try notes { $0["logit_scale"] = try Tensor.scalar(100, .float32) }
      #expect(
        factor == [
          "logit_scale is 100.0, above ln 1000 = 6.9: was the factor saved for its logarithm?"
        ])
    }
  }

  /// Missing, unexpected and mis-shaped keys are listed; `strict = false` accepts the first two.
  @Test func wrongKeysAreListed() throws {
    let whole = try Self.whole()
    try withTemporaryDirectory { folder in
      try whole.save(folder, layout: .openCLIP)
      let file = folder + "/open_clip_model.safetensors"
      var tensors = try WeightLayout.openCLIP().tensors(of: whole.parameters)
      tensors["visual.proj"] = nil
      tensors["extra"] = try Tensor.zeros([2])
      try Safetensors.save(tensors, to: file)
      func message(_ options: CheckpointOptions) -> String? {
        do {
          _ = try ClipModel.load(folder, options: options)
          return nil
        } catch { return "\(error)".replacing(folder, with: "F") }
      }
      #expect(
        message(CheckpointOptions())
          == "cannot load 'F': missing keys: visual.proj; unexpected keys: extra "
          + "(without them the features would be others: a configuration that describes these weights is "
          + "needed)")
      var notes: [String] = []
      var lenient = CheckpointOptions()
      lenient.isStrict = false
      lenient.note = { notes.append($0) }
      let model = try ClipModel.load(folder, options: lenient)
      #expect(
        notes == [
          "missing keys: visual.proj; unexpected keys: extra",
          "1 missing weights are drawn at random",
        ])
      #expect(try model.parameters.required("visual.proj").shape == [24, 20])
      lenient.base = whole
      let based = try ClipModel.load(folder, options: lenient)
      #expect(
        try based.parameters.required("visual.proj").floats()
          == whole.parameters.required("visual.proj").floats())
      // Many have a line each, and none is left out.
      for index in 10..<40 { tensors["more.\(index)"] = try Tensor.zeros([1]) }
      try Safetensors.save(tensors, to: file)
      #expect(
        message(CheckpointOptions())
          == "cannot load 'F': missing keys: visual.proj; 31 unexpected keys:\n  extra"
          + (10..<40).map { "\n  more.\($0)" }.joined()
          + "\n (without them the features would be others: a configuration that describes these weights "
          + "is needed)")
      for index in 10..<40 { tensors["more.\(index)"] = nil }
      tensors["visual.proj"] = try Tensor.zeros([24, 21])
      try Safetensors.save(tensors, to: file)
      #expect(
        message(lenient)
          == "cannot load 'F': unexpected keys: extra; mis-shaped keys: visual.proj: [24, 21] in "
          + "the file, [24, 20] needed (is the base the model that these weights were trained "
          + "from?)")
    }
  }

  /// Small files of every kind that loading reads, cut at every byte; the readers' own tests do the
  /// same for npy, npz, tar, gzip and small PyTorch archives.
  @Test(arguments: [
    ("open_clip-vit", "open_clip_config.json"),
    ("hf-shards", "model-00003-of-00003.safetensors"), ("hf-shards", "small.index.json"),
  ])
  func cutAtEveryByte(name: String, file: String) throws {
    try withTemporaryDirectory { folder in
      for other in try FileReader.names(in: ArchitectureTests.folder(name))
      where other != "reference.safetensors" {
        try AtomicFile.write(
          FileReader.bytes(at: ArchitectureTests.folder(name) + "/" + other),
          to: folder + "/" + other)
      }
      let path = folder + "/" + file
      if file.hasPrefix("small") {
        try AtomicFile.write(
          #"{"weight_map": {"visual_projection.weight": "model-00003-of-00003.safetensors"}}"#,
          to: path)
      }
      let opened = file.hasSuffix("config.json") ? folder : path
      let count = try FileReader.bytes(at: path).count
      func problem() -> String? {
        do {
          _ = try ClipModel.load(opened)
          return nil
        } catch { return error is KilpiError ? "\(error)" : nil }
      }
      // Whole, a part of a model is refused for what it lacks.
      let whole = problem()
      #expect(whole == nil || whole?.hasPrefix("cannot load") == true, "\(whole ?? "")")
      for length in (0..<count).reversed() {
        try #require(truncate(path, length) == 0)
        let problem = problem()
        #expect(problem?.hasPrefix("cannot ") == true && problem != whole, "cut at \(length)")
      }
    }
  }

  /// A file cut anywhere is an error, never a crash; so is a file with any one byte turned over,
  /// unless it hit a weight.
  @Test(arguments: ["wrapped/fare.pt", "wrapped/bfloat16.safetensors"])
  func damagedFiles(name: String) throws {
    let bytes = try FileReader.bytes(at: ArchitectureTests.folder(name))
    var options = CheckpointOptions()
    options.base = try Self.whole()
    try withTemporaryDirectory { folder in
      let path = folder + "/weights"
      for length in stride(from: 0, to: bytes.count, by: 211) {
        try AtomicFile.write(Array(bytes[..<length]), to: path)
        #expect(throws: KilpiError.self) { try ClipModel.load(path, options: options) }
      }
      for place in stride(from: 0, to: bytes.count, by: 499) {
        var damaged = bytes
        damaged[place] ^= 0xff
        try AtomicFile.write(damaged, to: path)
        _ = try? ClipModel.load(path, options: options)
      }
    }
  }
}
