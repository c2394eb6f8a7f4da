import Diagnostics
import Files
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
  ]

  static func whole() throws -> ClipModel {
    try ClipModel.load(ArchitectureTests.folder("open_clip-vit"))
  }

  @Test(arguments: rows) func sameWeights(row: Row) throws {
    let whole = try Self.whole()
    var options = CheckpointOptions()
    // Heads and the end token are not in the shapes: the base or its configuration gives them.
    options.base = whole
    if row.needsActivation { options.activation = .quickGELU }
    let model = try ClipModel.load(
      ArchitectureTests.folder("wrapped") + "/" + row.file, options: options)
    #expect(model.configuration == whole.configuration)
    for (name, weight) in whole.parameters.entries {
      try expectClose(
        model.parameters.required(name), weight, rtol: row.tolerance, atol: row.tolerance)
    }
    #expect(model.parameters.names == whole.parameters.names)
  }

  @Test func sizesAreTakenFromShapes() throws {
    let model = try ClipModel.load(ArchitectureTests.folder("wrapped") + "/openai-jit.pt")
    var expected = try Self.whole().configuration
    // 24 and 16 are no multiples of 64: one head each, which is not the model's; shapes tell no more.
    expected.vision.heads = 1
    expected.text.heads = 1
    #expect(model.configuration == expected)
    let residual = ArchitectureTests.folder("open_clip-resnet")
    let file = try CheckpointFile.open(residual + "/state-dict.pt")
    let reader = WeightReader(file.source, .openCLIP())
    var wanted = try ClipModel.load(residual).configuration
    wanted.vision.heads = 1
    wanted.text.heads = 1
    #expect(try ClipConfiguration.inferred(reader, activation: .gelu) == wanted)
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
        + "fare.pt, float32.safetensors, open_clip-training.pt (give the path of one of them)"),
  ]

  @Test(arguments: refusals) func isRefused(row: Refusal) throws {
    let path = ArchitectureTests.folder(row.name)
    var options = CheckpointOptions()
    options.activation = row.activation
    let error = #expect(throws: KilpiError.self) { try ClipModel.load(path, options: options) }
    #expect(error?.description.replacing(path, with: "F") == row.message)
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
          + "(strict = false loads what fits)")
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
      tensors["visual.proj"] = try Tensor.zeros([24, 21])
      try Safetensors.save(tensors, to: file)
      #expect(
        message(lenient)
          == "cannot load 'F': unexpected keys: extra; mis-shaped keys: visual.proj: [24, 21] in "
          + "the file, [24, 20] needed (the configuration must describe these weights)")
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
