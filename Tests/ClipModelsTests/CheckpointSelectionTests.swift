import Diagnostics
import Networks
import Files
import Networks
import Tensors
import TestSupport
import Testing

@testable import ClipModels

/// The one CLIP in a file is found, wherever it lies.
@Suite struct CheckpointSelectionTests {
  /// Names without values.
  final class Names: TensorSource {
    let path = "F"
    let names: [String]
    init(_ names: [String]) { self.names = names.sorted() }
    func shape(of name: String) throws -> [Int] { [1] }
    func tensor(_ name: String) throws -> Tensor { try Tensor.zeros([1]) }
  }

  static let openCLIP = [
    "visual.conv1.weight", "visual.class_embedding", "visual.transformer.resblocks.0.ln_1.weight",
    "token_embedding.weight", "logit_scale",
  ]
  static let huggingFace = [
    "vision_model.embeddings.patch_embedding.weight",
    "text_model.embeddings.token_embedding.weight",
    "logit_scale",
  ]
  static let timm = ["visual.trunk.patch_embed.proj.weight", "text.token_embedding.weight"]
  static let tower = ["conv1.weight", "class_embedding", "ln_post.bias"]
  static let residual = ["conv1.weight", "attnpool.c_proj.weight", "layer1.0.conv1.weight"]

  struct Row: Sendable, CustomTestStringConvertible {
    let names: [String]
    /// Where the model lies.
    let place: String
    /// The names that are left.
    let found: [String]
    var others: [String] = []
    var note: String?
    var testDescription: String { place + ": " + names[0] }

    init(
      _ prefix: String, _ model: [String], beside: [String] = [], others: [String] = [],
      note: String? = nil, place: String? = nil
    ) {
      names = model.map { prefix + $0 } + beside
      found = model.sorted()
      self.place = place ?? String(prefix.dropLast())
      self.others = others
      self.note = note
    }
  }

  /// Names of a model at a place.
  static func at(_ prefix: String, _ names: [String]) -> [String] { names.map { prefix + $0 } }

  static let rows: [Row] = {
    let prefixes: [String] = [
      "", "clip.", "clip_model.", "model.", "module.", "_orig_mod.", "net.", "params.", "weights.",
      "ema_state_dict.", "state_dict.", "model_state_dict.", "checkpoint.state_dict.model.clip.",
      "module._orig_mod.", "_orig_mod.module.", "state_dict.module.", "network.backbone.encoder.",
    ]
    var rows: [Row] = []
    for prefix in prefixes {
      for model in [openCLIP, huggingFace, timm] { rows.append(Row(prefix, model)) }
    }
    rows.append(
      Row(
        "vision_encoder_state_dict.", tower, others: ["epoch"],
        note: "the weights are those of 'vision_encoder_state_dict'; passed over: epoch"))
    rows.append(Row("", residual))
    rows.append(
      Row(
        "model.", openCLIP, beside: ["loss.weight"],
        note: "the weights are those of 'model'; passed over: loss.weight"))
    rows.append(
      Row(
        "state_dict.model.", openCLIP,
        beside: [
          "optimizer.state.0.exp_avg", "optimizer.state.1.exp_avg", "state_dict.criterion.w",
        ],
        others: ["epoch", "args.lr", "args.name", "state_dict.model.training"],
        note: "the weights are those of 'state_dict.model'; passed over: epoch, args, optimizer, "
          + "state_dict.criterion.w"))
    // A residual network elsewhere is no CLIP.
    rows.append(
      Row(
        "clip.", openCLIP, beside: ["teacher.conv1.weight", "teacher.fc.weight"],
        note: "the weights are those of 'clip'; passed over: teacher"))
    rows.append(Row("", openCLIP, others: ["epoch"], note: "passed over: epoch"))
    return rows
  }()

  @Test(arguments: rows) func isFound(row: Row) throws {
    let selection = try CheckpointSelection(in: Names(row.names), at: nil, others: row.others)
    #expect(selection.place == row.place)
    #expect(selection.source.names == row.found)
    #expect(selection.note == row.note)
  }

  /// Wrappers inside a model, at any place.
  @Test func wrappersGoAnywhere() throws {
    let names = [
      "visual._orig_mod.conv1.weight", "visual._orig_mod.class_embedding",
      "visual._orig_mod.transformer.resblocks.0._orig_mod.ln_1.weight",
      "module.token_embedding.weight", "logit_scale",
    ]
    let selection = try CheckpointSelection(in: Names(names), at: nil)
    #expect(selection.place == "" && selection.source.names == Self.openCLIP.sorted())
    #expect(selection.note == nil)
  }

  struct Several: Sendable {
    let names: [String]
    let message: String
  }

  static let several: [Several] = [
    Several(
      names: at("student.", openCLIP) + at("teacher.", openCLIP),
      message:
        "it holds 2 CLIPs: 'student', 'teacher' (say which: state_dict = \"student\" or \"teacher\")"
    ),
    Several(
      names: at("model.", openCLIP) + at("ema.", huggingFace),
      message: "it holds 2 CLIPs: 'model', 'ema' (say which: state_dict = \"model\" or \"ema\")"),
    Several(
      names: at("model.", openCLIP) + at("vision_encoder_state_dict.", tower),
      message: "it holds 2 CLIPs: 'model', 'vision_encoder_state_dict' (say which: state_dict = "
        + "\"model\" or \"vision_encoder_state_dict\")"),
    Several(
      names: openCLIP + at("ema.", openCLIP),
      message: "it holds 2 CLIPs: 'ema', '.' (say which: state_dict = \"ema\" or \".\")"),
  ]

  @Test(arguments: several.indices) func severalAreAnError(index: Int) throws {
    let row = Self.several[index]
    let error = #expect(throws: KilpiError.self) {
      try CheckpointSelection(in: Names(row.names), at: nil)
    }
    #expect(error?.description == row.message)
  }

  @Test func oneOfThemIsAskedFor() throws {
    let names = Names(
      Self.at("student.module.", Self.openCLIP) + Self.at("teacher.", Self.huggingFace))
    #expect(
      try CheckpointSelection(in: names, at: "teacher").source.names == Self.huggingFace.sorted())
    for place in ["student", "student.", "student.module"] {
      #expect(try CheckpointSelection(in: names, at: place).source.names == Self.openCLIP.sorted())
    }
    let error = #expect(throws: KilpiError.self) { try CheckpointSelection(in: names, at: "ema") }
    #expect(
      error?.description
        == "it holds no CLIP at 'ema' (it holds one at 'teacher', 'student.module')")
    let both = Names(Self.openCLIP + Self.at("ema.", Self.openCLIP))
    #expect(try CheckpointSelection(in: both, at: ".").place == "")
  }

  // MARK: - Folders

  /// A run's folder stands for its model, a checkpoint in it for its weights.
  @Test func runFolders() throws {
    let model = try ModelFilesTests.model(seed: 1)
    let later = try ModelFilesTests.model(seed: 2)
    try withTemporaryDirectory { run in
      try FileReader.makeDirectory(run + "/checkpoints")
      try AtomicFile.write("{}", to: run + "/run.json")
      var tensors: [String: Tensor] = [:]
      for (name, weight) in later.parameters.entries {
        tensors["weight." + name] = weight
        tensors["first." + name] = try weight * 0
        tensors["second." + name] = try weight * 0
      }
      let path = run + "/checkpoints/step-00000004.safetensors"
      try Safetensors.save(
        tensors, metadata: ["kilpi": #"{"format": 1, "step": 4}"#], to: path)
      // Before the run has ended, the folder holds no model.
      #expect {
        try ClipModel.load(run)
      } throws: {
        "\($0)"
          == "cannot load '\(run)': the folder holds no weights (give the path of those below it: "
          + "'\(run)/checkpoints')"
      }
      #expect {
        try ClipModel.load(path)
      } throws: {
        "\($0)"
          == "cannot load '\(path)': it is a training checkpoint, and no model folder of its run "
          + "lies beside it (pass the model that the run started from as base, for its configuration)"
      }
      func expect(_ loaded: ClipModel, _ reference: ClipModel) throws {
        for (name, weight) in reference.parameters.entries {
          #expect(try loaded.parameters.required(name).floats() == weight.floats(), "\(name)")
        }
        #expect(loaded.configuration == reference.configuration && loaded.tokenizer != nil)
      }
      let taken = "the file is a training checkpoint: its weights after step 4 are taken"
      let based = try ModelFilesTests.notes(path) { $0.base = model }
      try expect(based.model, later)
      let unsealed =
        "the training checkpoint carries no SHA-256 (an older format): changes of it would not be seen"
      #expect(based.notes == [unsealed, taken])
      try model.save(run + "/model")
      let whole = try ModelFilesTests.notes(run)
      try expect(whole.model, model)
      #expect(whole.notes == ["the weights are those of '\(run)/model'"])
      for other in [path, run + "/checkpoints"] {
        let loaded = try ModelFilesTests.notes(other)
        try expect(loaded.model, later)
        #expect(loaded.notes == [unsealed, taken])
      }
      // Format 2 is sealed: what was changed afterwards is no checkpoint of the run.
      let state = ["kilpi": #"{"format": 2, "step": 4}"#]
      try Safetensors.save(tensors, metadata: state, to: path, sealed: true)
      #expect(try ModelFilesTests.notes(path).notes == [taken])
      var bytes = try FileReader.bytes(at: path)
      bytes[bytes.count - 1] ^= 1
      try AtomicFile.write(bytes, to: path)
      let advice = " (take another checkpoint of the run, or copy the file again)"
      #expect {
        try ClipModel.load(path)
      } throws: {
        "\($0)" == "cannot load '\(path)': its SHA-256 is wrong: the file was changed" + advice
      }
      try Safetensors.save(tensors, metadata: state, to: path)
      #expect {
        try ClipModel.load(path)
      } throws: {
        "\($0)" == "cannot load '\(path)': it carries no SHA-256" + advice
      }
    }
  }
}
