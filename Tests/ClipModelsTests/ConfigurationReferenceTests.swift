import Diagnostics
import Files
import Tensors
import TestSupport
import Testing

@testable import ClipModels

/// Configuration and tokenizer files, against what transformers, timm and open_clip make of them
/// (`scripts/reference/configurations.py`).
@Suite struct ConfigurationReferenceTests {
  struct Row: Sendable, CustomTestStringConvertible {
    let json: JSONValue
    var testDescription: String {
      json["name"]?.string ?? (json["mode"]?.string ?? "")
        + (json["wrapped"] == true ? " wrapped" : "")
    }

    static func rows(_ part: String) -> [Row] {
      (fixture[part]?.array ?? []).map { Row(json: $0) }
    }

    static let fixture: JSONValue = {
      let path = TestFiles.fixture("configurations.json")
      return (try? JSONValue.parse(FileReader.bytes(at: path))) ?? .null
    }()
  }

  @Test func theFixtureIsThere() {
    let counts = ["configs", "processors", "towers", "tokenizers", "cleaning"].map {
      Row.rows($0).count
    }
    #expect(counts == [14, 9, 16, 5, 5])
  }

  @Test(arguments: Row.rows("configs")) func transformersConfiguration(row: Row) throws {
    let (json, own) = (row.json, try ClipConfiguration(json: #require(row.json["json"])))
    func expect(_ tower: ClipConfiguration.Tower, _ reference: JSONValue?) {
      #expect(tower.width == reference?["width"]?.int)
      #expect(tower.layers == reference?["layers"]?.int)
      #expect(tower.heads == reference?["heads"]?.int)
      #expect(tower.hidden == reference?["hidden"]?.int)
      #expect(tower.activation.rawValue == reference?["activation"]?.string)
      #expect(tower.epsilon == reference?["epsilon"]?.double)
    }
    expect(own.vision, json["vision"])
    expect(own.text, json["text"])
    #expect(own.imageSize == json["image_size"]?.int)
    #expect(own.patchSize == json["patch_size"]?.int)
    #expect(own.context == json["context"]?.int)
    #expect(own.vocabulary == json["vocabulary"]?.int)
    #expect(own.embedding == json["embedding"]?.int)
    // 2 means the largest id; SigLIP reads its last place.
    let end = json["end"]?.int
    #expect(own.endToken == (end == 2 || own.score == .sigmoid ? nil : end))
  }

  /// The model's weights are those of a fixture; the files beside it say how pixels become numbers.
  @Test(arguments: Row.rows("processors")) func imageProcessors(row: Row) throws {
    let source = TestFiles.fixture("clip-quick_gelu")
    try withTemporaryDirectory { folder in
      for name in ["config.json", "model.safetensors"] {
        try AtomicFile.write(FileReader.bytes(at: source + "/" + name), to: folder + "/" + name)
      }
      for file in try #require(row.json["files"]?.object) {
        try AtomicFile.write(file.value.serialized(), to: folder + "/" + file.key)
      }
      var notes: [String] = []
      var options = CheckpointOptions()
      options.note = { notes.append($0) }
      let own = try ClipModel.load(folder, options: options).configuration
      for (values, key) in [(own.mean, "mean"), (own.deviation, "deviation")] {
        let list = try #require(row.json[key]?.array)
        let reference = list.compactMap(\.double)
        #expect(zip(values, reference).allSatisfy { abs($0 - $1) < 2e-7 }, "\(values) \(reference)")
        #expect(values.count == 3 && reference.count == 3)
      }
      #expect(notes == [])
    }
  }

  @Test func timmTowers() throws {
    let reference = Row.rows("towers").map(\.json)
    #expect(
      TimmTower.siglips.map(\.name).sorted() == reference.compactMap { $0["name"]?.string }.sorted()
    )
    for row in reference {
      let name = try #require(row["name"]?.string)
      let width = try #require(row["width"]?.int)
      for tag in ["", ".webli"] {
        let own = try ClipConfiguration(
          json: JSONValue.parse(
            #"{"embed_dim": \#(width), "init_logit_bias": -10, "vision_cfg": {"timm_model_name": "#
              + #""\#(name)\#(tag)", "timm_pool": "map", "timm_proj": "none"}, "text_cfg": {}}"#))
        #expect(own.vision.activation.rawValue == row["activation"]?.string, "\(name)")
        #expect(own.vision.width == width && own.vision.epsilon == 1e-6)
        #expect(own.vision.layers == row["layers"]?.int && own.vision.heads == row["heads"]?.int)
        #expect(own.vision.hidden == row["hidden"]?.int && own.patchSize == row["patch_size"]?.int)
        #expect(own.imageSize == row["image_size"]?.int)
      }
    }
  }

  // MARK: - Tokenizers

  /// The vocabulary of the script: bytes, bytes at a word's end, merges, start and end.
  static func vocabulary() throws -> (symbols: JSONValue, merges: [String]) {
    let merges = try #require(Row.fixture["merges"]?.array).compactMap(\.string)
    var symbols = ByteStandIns.order.map {
      String(decoding: ByteStandIns.text(of: $0), as: UTF8.self)
    }
    symbols += symbols.map { $0 + "</w>" }
    symbols += merges.map { $0.replacing(" ", with: "") } + ["<|startoftext|>", "<|endoftext|>"]
    let members = symbols.enumerated().map { JSONValue.Member($1, .integer(Int64($0))) }
    return (.object(members), merges)
  }

  /// Writes the files of a row; vocabulary and merges, which all share, come from here.
  static func write(_ files: JSONValue?, to folder: String) throws {
    let (symbols, merges) = try vocabulary()
    if files?["tokenizer.json"] == nil {
      try AtomicFile.write(symbols.serialized(), to: folder + "/vocab.json")
      try AtomicFile.write(
        "#version: 0.2\n" + merges.joined(separator: "\n") + "\n", to: folder + "/merges.txt")
    }
    for file in files?.object ?? [] {
      let text = file.value.serialized().replacing(
        "\"vocab\":null", with: "\"vocab\":" + symbols.serialized())
      try AtomicFile.write(text, to: folder + "/" + file.key)
    }
  }

  static func integers(_ value: JSONValue?) -> [[Int]] {
    (value?.array ?? []).map { ($0.array ?? []).compactMap(\.int) }
  }

  @Test(arguments: Row.rows("tokenizers")) func tokenizerFiles(row: Row) throws {
    try withTemporaryDirectory { folder in
      try Self.write(row.json["files"], to: folder)
      let tokenizer = try BytePairTokenizer(huggingFaceFolder: folder)
      let texts = try #require(row.json["texts"]?.array).compactMap(\.string)
      let own = try texts.map { try tokenizer.encode($0, context: 24, truncate: false) }
      #expect(own == Self.integers(row.json["ids"]))
      // What it saves is the same tokenizer.
      try withTemporaryDirectory { other in
        try tokenizer.save(in: other)
        let again = try BytePairTokenizer(huggingFaceFolder: other)
        #expect(try texts.map { try again.encode($0, context: 24, truncate: false) } == own)
      }
    }
  }

  @Test(arguments: Row.rows("cleaning")) func cleaningModes(row: Row) throws {
    let mode = try #require(row.json["mode"]?.string.flatMap(TextCleaning.init(openCLIP:)))
    let texts = try #require(row.json["texts"]?.array).compactMap(\.string)
    let reference = Self.integers(row.json["ids"])
    guard row.json["wrapped"] == true else {
      let tokenizer = try BytePairTokenizer.standard().with(cleaning: mode)
      #expect(try texts.map { try tokenizer.plainIDs(of: $0) } == reference)
      return
    }
    try withTemporaryDirectory { folder in
      try Self.write(nil, to: folder)
      let tokenizer = try BytePairTokenizer(huggingFaceFolder: folder, cleaning: mode)
      let own = try texts.map { try tokenizer.encode($0, context: 48, truncate: false) }
      #expect(own == reference)
    }
  }
}
