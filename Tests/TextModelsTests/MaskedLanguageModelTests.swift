import Diagnostics
import Files
import Networks
import Tensors
import TestSupport
import Testing

@testable import TextModels

/// A tiny random BERT with outputs of transformers in float64 (scripts/reference/masked_lm.py).
@Suite struct MaskedLanguageModelTests {
  static let folder = TestFiles.fixture("bert-tiny")
  static let files =
    ["model", "published", "plain"].map { $0 + ".safetensors" } + ["pytorch_model.bin"]

  private func ids(_ reference: SafetensorsFile) throws -> [[Int]] {
    let ids = try reference.tensor("ids")
    let flat = try ids.integers().map(Int.init)
    return (0..<ids.shape[0]).map { Array(flat[($0 * ids.shape[1])..<(($0 + 1) * ids.shape[1])]) }
  }

  @Test(arguments: files) func agreesInFloat64(file: String) throws {
    let model = try MaskedLanguageModel.load(Self.folder + "/" + file).converted(to: .float64)
    let reference = try SafetensorsFile(path: Self.folder + "/reference.safetensors")
    var seen: [String] = []
    let features = try model.features(ids(reference)) { name, value in
      seen.append(name)
      #expect(throws: Never.self) {
        try expectClose(value, reference.tensor(name), rtol: 1e-9, atol: 1e-10, "\(name)")
      }
    }
    #expect(seen == ["embeddings", "block.0", "block.1"])
    try expectClose(
      model.logits(features), reference.tensor("gelu.logits"), rtol: 1e-9, atol: 1e-9)
  }

  @Test(arguments: files) func agreesInFloat32(file: String) throws {
    let model = try MaskedLanguageModel.load(Self.folder + "/" + file)
    let reference = try SafetensorsFile(path: Self.folder + "/reference.safetensors")
    let features = try model.features(ids(reference))
    try expectClose(features, reference.tensor("block.1"), rtol: 0, atol: 2e-5)
    try expectClose(
      model.logits(features), reference.tensor("gelu.logits"), rtol: 0, atol: 2e-5)
  }

  @Test(arguments: ["gelu_new", "gelu_pytorch_tanh", "relu"])
  func activationsAgree(name: String) throws {
    let reference = try SafetensorsFile(path: Self.folder + "/reference.safetensors")
    try withCopy(settings: { $0.replacing("\"gelu\"", with: "\"\(name)\"") }) { folder in
      let model = try MaskedLanguageModel.load(folder).converted(to: .float64)
      let key = name == "relu" ? "relu.logits" : "gelu_new.logits"
      try expectClose(
        model.logits(model.features(ids(reference))), reference.tensor(key), rtol: 1e-9, atol: 1e-9)
    }
  }

  /// Rows of one batch do not depend on each other.
  @Test func batchesEqualSingles() throws {
    let model = try MaskedLanguageModel.load(Self.folder).converted(to: .float64)
    let all = try ids(SafetensorsFile(path: Self.folder + "/reference.safetensors"))
    let together = try model.features(all)
    for (index, ids) in all.enumerated() {
      try expectClose(
        model.features([ids]), together.narrowed(0, start: index, length: 1), rtol: 1e-12,
        atol: 1e-12)
    }
  }

  @Test func aDecoderOfItsOwnIsUsed() throws {
    let file = try SafetensorsFile(path: Self.folder + "/model.safetensors")
    var tensors = try Dictionary(uniqueKeysWithValues: file.names.map { ($0, try file.tensor($0)) })
    let words = try #require(tensors["bert.embeddings.word_embeddings.weight"])
    tensors["cls.predictions.decoder.weight"] = try words * 2
    let settings = #""tie_word_embeddings": false"#
    try withCopy(
      settings: { $0.replacing(#""tie_word_embeddings": true"#, with: settings) }, tensors: tensors
    ) { folder in
      let model = try MaskedLanguageModel.load(folder)
      let tied = try MaskedLanguageModel.load(Self.folder)
      let features = try model.features([[3, 40, 4]])
      let bias = try model.parameters.required("cls.predictions.bias")
      try expectClose(
        model.logits(features) - bias, (tied.logits(features) - bias) * 2, rtol: 1e-5, atol: 1e-5)
    }
  }

  @Test func anEncoderAloneHasNoHead() throws {
    try withCopy(keeping: { $0.hasPrefix("bert.") }) { folder in
      let model = try MaskedLanguageModel.load(folder)
      #expect(!model.hasHead)
      let features = try model.features([[3, 40, 4]])
      #expect {
        try model.logits(features)
      } throws: {
        "\($0)".contains("has no masked-language head")
      }
      #expect(throws: KilpiError.self) {
        try model.candidates(of: [MaskedRequest(splittingAtSpaces: "a dog")])
      }
    }
  }

  // MARK: - Files that do not fit

  /// A copy of the folder with other settings or weights.
  private func withCopy<Result>(
    settings: (String) -> String = { $0 }, keeping: (String) -> Bool = { _ in true },
    tensors: [String: Tensor]? = nil, _ body: (String) throws -> Result
  ) throws -> Result {
    try withTemporaryDirectory { folder in
      let config = try FileReader.text(at: Self.folder + "/config.json")
      try AtomicFile.write(settings(config), to: folder + "/config.json")
      for name in ["vocab.txt", "tokenizer_config.json"] {
        try AtomicFile.write(
          FileReader.bytes(at: "\(Self.folder)/\(name)"), to: "\(folder)/\(name)")
      }
      let file = try SafetensorsFile(path: Self.folder + "/model.safetensors")
      let own = try Dictionary(uniqueKeysWithValues: file.names.map { ($0, try file.tensor($0)) })
      try Safetensors.save(
        (tensors ?? own).filter { keeping($0.key) }, to: folder + "/model.safetensors")
      return try body(folder)
    }
  }

  /// Weights are found wherever they lie in a file; two models are an error that names both.
  @Test func weightsInContainersAreFound() throws {
    let file = try SafetensorsFile(path: Self.folder + "/model.safetensors")
    let own = try Dictionary(uniqueKeysWithValues: file.names.map { ($0, try file.tensor($0)) })
    func at(_ place: String) -> [String: Tensor] {
      Dictionary(uniqueKeysWithValues: own.map { (place + $0.key, $0.value) })
    }
    let plain = try MaskedLanguageModel.load(Self.folder)
    let other = ["optimizer.step": try Tensor.ones([1])]
    try withCopy(tensors: at("state_dict.module.").merging(other) { a, _ in a }) { folder in
      var notes: [String] = []
      let model = try MaskedLanguageModel.load(folder) { notes.append($0) }
      #expect(model.fingerprint == plain.fingerprint)
      #expect(
        notes == ["the weights are those of 'state_dict.module'; passed over: optimizer.step"])
    }
    try withCopy(tensors: at("student.").merging(at("teacher.")) { a, _ in a }) { folder in
      #expect(
        message(folder)
          == "cannot load 'F/model.safetensors': it holds 2 BERTs: 'student', 'teacher' "
          + "(say which: state_dict = \"student\" or \"teacher\")")
      let model = try MaskedLanguageModel.load(folder, at: "teacher")
      #expect(model.fingerprint == plain.fingerprint)
    }
  }

  private func message(_ folder: String) -> String {
    do {
      _ = try MaskedLanguageModel.load(folder)
      return "loaded"
    } catch {
      return "\(error)".replacing(folder, with: "F")
    }
  }

  @Test func keysThatDoNotFitAreListed() throws {
    try withCopy(keeping: {
      !$0.hasSuffix("self.key.weight") && !$0.hasSuffix("transform.dense.bias")
    }) {
      #expect(
        message($0)
          == "cannot load 'F/model.safetensors': missing keys: bert.encoder.layer.0.attention.self.key.weight, "
          + "bert.encoder.layer.1.attention.self.key.weight, cls.predictions.transform.dense.bias "
          + "(the configuration beside it must describe these weights)")
    }
    try withCopy(settings: {
      $0.replacing(#""num_hidden_layers": 2"#, with: #""num_hidden_layers": 1"#)
    }) {
      #expect(
        message($0).contains(
          "unexpected keys: bert.encoder.layer.1.attention.output.LayerNorm.bias"))
      #expect(message($0).contains("and 11 more"))
    }
    try withCopy(settings: {
      $0.replacing(#""intermediate_size": 24"#, with: #""intermediate_size": 25"#)
    }) {
      #expect(
        message($0).contains(
          "mis-shaped keys: bert.encoder.layer.0.intermediate.dense.weight: [24, 16] in the file, [25, 16] needed"
        ))
    }
  }

  struct BadSettings: CustomTestStringConvertible {
    var from: String
    var to: String
    var message: String
    var testDescription: String { to }
  }

  @Test(arguments: [
    BadSettings(
      from: #""model_type": "bert""#, to: #""model_type": "roberta""#,
      message: "the model type is 'roberta'"),
    BadSettings(
      from: #""hidden_act": "gelu""#, to: #""hidden_act": "swish""#,
      message: "the activation 'swish' is not known"),
    BadSettings(from: #""hidden_act": "gelu","#, to: "", message: "'hidden_act' is missing"),
    BadSettings(
      from: #""hidden_size": 16"#, to: #""hidden_size": "16""#,
      message: "'hidden_size' is not an integer"),
    BadSettings(
      from: #""hidden_size": 16"#, to: #""hidden_size": 17"#,
      message: "2 heads do not divide the width 17"),
    BadSettings(
      from: #""num_attention_heads": 2"#, to: #""num_attention_heads": 0"#,
      message: "'num_attention_heads' is 0, outside 1 … 65536"),
    BadSettings(
      from: #""vocab_size": "#, to: #""vocab_size": 9007199254740993, "x": "#,
      message: "'vocab_size' is 9007199254740993, outside"),
    BadSettings(
      from: #""num_hidden_layers": 2"#, to: #""num_hidden_layers": 1000000000"#,
      message: "'num_hidden_layers' is 1000000000, outside 0 … 1000"),
    BadSettings(
      from: #""is_decoder": false"#, to: #""is_decoder": true"#, message: "'is_decoder' is true"),
    BadSettings(
      from: #""hidden_size": 16"#,
      to: #""hidden_size": 16, "position_embedding_type": "relative_key""#,
      message: "positions are 'relative_key'"),
    BadSettings(from: "{", to: "[", message: "not valid JSON"),
  ])
  func refusesSettings(_ row: BadSettings) throws {
    let config = try FileReader.text(at: Self.folder + "/config.json")
    #expect(config.contains(row.from))
    let start = try #require(config.firstRange(of: row.from))
    let changed = config[..<start.lowerBound] + row.to + config[start.upperBound...]
    try withCopy(settings: { _ in String(changed) }) {
      let message = message($0)
      #expect(message.hasPrefix("cannot load 'F/config.json': ") && message.contains(row.message))
    }
  }

  @Test func namesWhatIsMissing() throws {
    #expect(
      message("/nowhere/bert").hasPrefix("cannot load 'F': there is no such file (give a folder"))
    try withTemporaryDirectory { folder in
      #expect(
        message(folder).contains("the folder holds no model.safetensors or pytorch_model.bin"))
      try AtomicFile.write("", to: folder + "/model.safetensors")
      #expect(message(folder).contains("there is no config.json beside the weights"))
    }
    try withCopy {
      let path = $0 + "/vocab.txt"
      try AtomicFile.write(FileReader.text(at: path) + "moremore\nandand\n", to: path)
      #expect(message($0).contains("the vocabulary has"))
    }
  }

  @Test func anyCutOfTheSettingsIsRefused() throws {
    let config = try FileReader.text(at: Self.folder + "/config.json")
    let bytes = Array(config.utf8)
    for count in stride(from: 0, to: bytes.count - 2, by: 7) {
      #expect(throws: KilpiError.self) {
        try BertConfiguration(json: JSONValue.parse(Array(bytes.prefix(count))))
      }
    }
  }

  @Test func sequencesAreChecked() throws {
    let model = try MaskedLanguageModel.load(Self.folder)
    for ids in [
      [], [[]], [[1, 2], [1]], [[-1]], [[100_000]], [[Int.max]], [[Int](repeating: 1, count: 49)],
    ] {
      #expect(throws: KilpiError.self) { try model.features(ids) }
    }
    #expect(try model.features([[Int](repeating: 1, count: 48)]).shape == [1, 48, 16])
  }
}
