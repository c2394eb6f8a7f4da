import Archives
import Diagnostics
import Files
import TestSupport
import Testing

@testable import ClipModels

/// Steps of `tokenizer.json` files as transformers does them (fixture: scripts/reference/tokenizer_steps.py),
/// and refusals by name of those that are not followed.
@Suite struct TokenizerStepsTests {
  private static let fixture: JSONValue? = try? JSONValue.parse(
    Gzip.contents(ofFile: TestFiles.fixture("tokenizer_steps.json.gz"), limit: 8 << 20))
  private static let table: String? = {
    let path = TestFiles.fixture("sentence_piece.json.gz")
    let json = try? JSONValue.parse(Gzip.contents(ofFile: path, limit: 8 << 20))
    return json?["charsmap"]?.string
  }()

  /// Writes a case's files, and reads the tokenizer from them.
  private static func tokenizer(
    _ folder: String, _ model: String, _ document: JSONValue, _ settings: JSONValue,
    cleaning: TextCleaning? = nil
  ) throws -> any TextTokenizer {
    let whole = document.serialized()
      .replacing("\"MODEL\"", with: try #require(fixture?[model]).serialized())
      .replacing("CHARSMAP", with: try #require(table))
    try AtomicFile.write(whole, to: folder + "/tokenizer.json")
    try AtomicFile.write(settings.serialized(), to: folder + "/tokenizer_config.json")
    return model == "unigram"
      ? try SentencePieceTokenizer(folder: folder, cleaning: cleaning)
      : try BytePairTokenizer(huggingFaceFolder: folder, cleaning: cleaning ?? .huggingFace)
  }

  @Test func stepsAreTransformers() throws {
    let cases = try #require(Self.fixture?["cases"]?.array)
    let texts = (Self.fixture?["texts"]?.array ?? []).compactMap(\.string)
    #expect(cases.count == 35 && texts.count == 33)
    for row in cases {
      let name = (row["model"]?.string ?? "") + ", " + (row["name"]?.string ?? "")
      try withTemporaryDirectory { folder in
        let tokenizer = try Self.tokenizer(
          folder, #require(row["model"]?.string), #require(row["document"]),
          #require(row["settings"]))
        for (text, ids) in zip(texts, row["ids"]?.array ?? []) {
          let expected = ids.array?.compactMap(\.int) ?? []
          let own = try tokenizer.plainIDs(of: text)
          let whole = expected.dropFirst(tokenizer.specialCount - 1).dropLast()
          #expect(own == Array(whole), "\(name): \(text.debugDescription)")
          // Words are what ids are made of: one word behind another has the same pieces.
          _ = try tokenizer.words(of: text)
        }
        let padded = row["row"]?.array?.compactMap(\.int) ?? []
        #expect(try tokenizer.encode("a", context: 6, truncate: false) == padded, "\(name)")
      }
    }
  }

  /// A case of the fixture with parts replaced.
  private func changed(
    _ model: String, _ name: String, document: [JSONValue.Member] = [],
    settings: [JSONValue.Member] = []
  ) throws -> (JSONValue, JSONValue) {
    let row = try #require(
      Self.fixture?["cases"]?.array?.first {
        $0["model"]?.string == model && $0["name"]?.string == name
      })
    func merged(_ key: String, _ changes: [JSONValue.Member]) -> JSONValue {
      let names = Set(changes.map(\.key))
      return .object((row[key]?.object ?? []).filter { !names.contains($0.key) } + changes)
    }
    return (merged("document", document), merged("settings", settings))
  }

  static let refused: [(model: String, document: String, settings: String, message: String)] = [
    (
      "unigram", #"{"normalizer": {"type": "NFKC"}}"#, "{}", "its normalizer 'NFKC' is not followed"
    ),
    (
      "unigram",
      #"{"normalizer": {"type": "Replace", "pattern": {"Regex": "a|b"}, "content": ""}}"#, "{}",
      #"its normalizer '{"type":"Replace","pattern":{"Regex":"a|b"},"content":""}' is not followed"#
    ),
    ("unigram", #"{"pre_tokenizer": {"type": "Digits"}}"#, "{}", "its pre-tokenizer 'Digits'"),
    ("unigram", #"{"post_processor": null}"#, "{}", "its post-processor 'none' is not followed"),
    ("unigram", "{}", #"{"tokenizer_class": "GemmaTokenizer"}"#, "its class is 'GemmaTokenizer'"),
    (
      "unigram", "{}", #"{"tokenizer_class": "T5TokenizerFast"}"#,
      "its normalizer 'a step beside T5Tokenizer's Precompiled' is not followed"
    ),
    (
      "unigram",
      #"{"normalizer": {"type": "Replace", "pattern": {"String": "cat"}, "content": "dog"}}"#,
      #"{"tokenizer_class": "SiglipTokenizer"}"#,
      "its normalizer 'Replace beside SiglipTokenizer's rules' is not followed"
    ),
    ("unigram", "{}", #"{"padding_side": "left"}"#, "its padding side 'left' is not followed"),
    ("unigram", "{}", #"{"eos_token": "<pad>"}"#, "its end token '<pad>' is not followed"),
    ("unigram", "{}", #"{"pad_token": "[PAD]"}"#, "there is no piece '[PAD]', its padding token"),
    ("pairs", "{}", #"{"padding_side": "left"}"#, "its padding side 'left' is not followed"),
    (
      "pairs", #"{"padding": {"direction": "Left", "pad_token": "!"}}"#, "{}",
      "its padding side 'left' is not followed"
    ),
    (
      "pairs",
      #"{"added_tokens": [{"id": 519, "content": "[X]", "special": true, "single_word": true}]}"#,
      "{}",
      "its added token '[X] with single_word' is not followed"
    ),
    (
      "pairs",
      #"{"post_processor": {"type": "BertProcessing", "cls": ["<|startoftext|>", 5], "sep": ["<|endoftext|>", 518]}}"#,
      "{}", "its post-processor '<|startoftext|> as 5' is not followed"
    ),
    (
      "pairs", #"{"pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false}}"#, "{}",
      "its pre-tokenizer 'ByteLevel without CLIP's Split before it' is not followed"
    ),
    (
      "pairs", #"{"pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": true}}"#, "{}",
      "its pre-tokenizer 'ByteLevel with a space in front' is not followed"
    ),
  ]

  @Test(arguments: refused.indices) func otherStepsAreRefusedByName(index: Int) throws {
    let row = Self.refused[index]
    let (document, settings) = try changed(
      row.model, row.model == "unigram" ? "lower" : "CLIP's",
      document: JSONValue.parse(row.document).object ?? [],
      settings: JSONValue.parse(row.settings).object ?? [])
    try withTemporaryDirectory { folder in
      let error = #expect(throws: KilpiError.self) {
        try Self.tokenizer(folder, row.model, document, settings)
      }
      #expect(error?.description.contains(row.message) == true, "\(error?.description ?? "")")
    }
  }

  /// A text that is too long loses its start where the files say so.
  @Test func truncationFollowsTheFiles() throws {
    for (model, name) in [("unigram", "lower"), ("pairs", "CLIP's")] {
      let (document, settings) = try changed(
        model, name, settings: [.init("truncation_side", .string("left"))])
      try withTemporaryDirectory { folder in
        let tokenizer = try Self.tokenizer(folder, model, document, settings)
        let ids = try tokenizer.plainIDs(of: "a small dog and a cat")
        let row = try tokenizer.encode("a small dog and a cat", context: 5, truncate: true)
        let room = 5 - tokenizer.specialCount
        #expect(Array(row.dropFirst(tokenizer.specialCount - 1).dropLast()) == ids.suffix(room))
      }
    }
  }

  /// Constraints of text attacks judge the words that the ids are made of.
  @Test func wordsAreThoseOfTheIDs() throws {
    let text = "A Cat's photo &amp; CAFÉ_x"
    let own = try BytePairTokenizer.standard()
    #expect(try own.words(of: text) == ["a", "cat", "'s", "photo", "&", "café", "_", "x"])
    #expect(
      try own.with(cleaning: .whitespace).words(of: text)
        == ["A", "Cat", "'s", "photo", "&", "CAFÉ", "_", "x"])
    #expect(
      try own.with(cleaning: .canonicalize).words(of: text) == ["a", "cats", "photo", "café", "x"])
    #expect(
      try own.asHuggingFace(cleaning: .huggingFace).words(of: text)
        == ["a", "cat", "'s", "photo", "&", "amp", ";", "café", "_", "x"])
    let rows: [(String, TextCleaning?, [String])] = [
      ("no step", nil, ["A", "Cat's", "photo", "&amp;", "CAFÉ_x"]),
      ("lower", nil, ["a", "cat's", "photo", "&amp;", "café_x"]),
      ("lower", .canonicalize, ["a", "cats", "photo", "café", "x"]),
      ("another mark", nil, ["a", "cat's", "photo", "&amp;", "café", "x"]),
      ("SigLIP's rules as steps", .whitespace, ["a", "cats", "photo", "caféx"]),
    ]
    for (name, cleaning, words) in rows {
      let (document, settings) = try changed("unigram", name)
      try withTemporaryDirectory { folder in
        let tokenizer = try Self.tokenizer(
          folder, "unigram", document, settings, cleaning: cleaning)
        #expect(try tokenizer.words(of: text) == words, "\(name)")
      }
    }
    // `do_lower_case` of SigLIP's own class.
    let (document, settings) = try changed(
      "unigram", "no step",
      settings: [
        .init("tokenizer_class", .string("SiglipTokenizer")), .init("do_lower_case", false),
      ])
    try withTemporaryDirectory { folder in
      let tokenizer = try Self.tokenizer(folder, "unigram", document, settings)
      #expect(try tokenizer.words(of: text) == ["A", "Cats", "photo", "amp", "CAFÉx"])
    }
  }
}
