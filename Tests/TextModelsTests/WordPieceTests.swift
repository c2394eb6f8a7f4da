import Archives
import Diagnostics
import Files
import TestSupport
import Testing

@testable import TextModels

/// BERT's tokenizer against transformers (fixture: scripts/reference/word_piece.py).
@Suite struct WordPieceTests {
  private struct Fixture {
    let document: JSONValue
    let uncased: WordPieceTokenizer
    let cased: WordPieceTokenizer

    init() throws {
      let path = TestFiles.fixture("word_piece.json.gz")
      document = try JSONValue.parse(Gzip.contents(ofFile: path, limit: 4 << 20))
      let pieces = try #require(document["vocabulary"]?.array).compactMap(\.string)
      let vocabulary = try WordPieceVocabulary(ids: pieces.enumerated().map { ($1, $0) })
      uncased = try WordPieceTokenizer(vocabulary)
      cased = try WordPieceTokenizer(vocabulary, normalizer: BertNormalizer(lowercases: false))
    }
  }

  @Test func sixThousandLinesAgreeWithTheReference() throws {
    let fixture = try Fixture()
    let lines = try #require(fixture.document["lines"]?.array)
    #expect(lines.count == 6000)
    var wrong: [String] = []
    for (number, line) in lines.enumerated() {
      let row = try #require(line.array)
      let text = try #require(row[0].string)
      let pieces = try fixture.uncased.pieces(of: text)
      if fingerprint(pieces.map(\.id)) != row[1].string {
        wrong.append("\(number): \(text.debugDescription)")
      }
      if fingerprint(try fixture.cased.ids(of: text)) != row[2].string {
        wrong.append("\(number) cased: \(text.debugDescription)")
      }
      guard row.count == 5 else { continue }
      #expect(row[3].array?.compactMap(\.int) == pieces.map(\.id))
      let places = try #require(row[4].array).map { $0.array?.compactMap(\.int) ?? [] }
      // Marks that canonical order moves have no one place; only the others are compared.
      for (piece, place) in zip(pieces, places)
      where [piece.range.lowerBound, piece.range.upperBound] != place {
        wrong.append("\(number) \(piece.range) not \(place): \(text.debugDescription)")
      }
    }
    #expect(
      wrong.isEmpty, "\(wrong.count) differ, first: \(wrong.prefix(8).joined(separator: "\n"))")
  }

  /// Every code point of Unicode 14 alone between two letters.
  @Test func everyCharacterIsOfTheReferencesKind() throws {
    let document = try Fixture().document
    let missing = try #require(document["passed_over"]?.array).compactMap { $0.array }.map {
      UInt32($0[0].int ?? 0)...UInt32($0[1].int ?? 0)
    }
    let blocks = try #require(document["blocks"]?.object)
    #expect(blocks.count > 700)
    let plain = BertNormalizer(lowercases: false)
    let full = BertNormalizer()
    func text(_ characters: [BertNormalizer.Character]) -> String {
      var view = String.UnicodeScalarView()
      view.append(contentsOf: characters.map(\.scalar))
      return String(view)
    }
    var wrong: [String] = []
    for member in blocks {
      let block = try #require(UInt32(member.key, radix: 16))
      var hash: UInt64 = 0xCBF2_9CE4_8422_2325
      for code in (block * 256)..<(block * 256 + 256) {
        guard let scalar = Unicode.Scalar(code), !missing.contains(where: { $0.contains(code) })
        else { continue }
        let input = "a\(scalar)b"
        let cleaned = plain(input)
        // "a", the character and "b" fall into three words, two, or one.
        var parts = 0
        var inside = false
        for character in cleaned {
          if BertNormalizer.isSpace(character.scalar) {
            inside = false
          } else if BertNormalizer.isPunctuation(character.scalar) {
            parts += 1
            inside = false
          } else if !inside {
            parts += 1
            inside = true
          }
        }
        for byte in "\(text(cleaned))|\(parts)|\(text(full(input)))".utf8 {
          hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3
        }
      }
      let digits = String(hash & 0xFFFF_FFFF, radix: 16)
      let padded = String(repeating: "0", count: 8 - digits.count) + digits
      if padded != member.value.string { wrong.append(member.key) }
    }
    #expect(wrong.isEmpty, "blocks \(wrong)")
  }

  /// FNV-1a over little-endian 16-bit ids, as the script computes it.
  private func fingerprint(_ ids: [Int]) -> String {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for id in ids {
      hash = (hash ^ UInt64(id & 255)) &* 0x100_0000_01B3
      hash = (hash ^ UInt64(id >> 8)) &* 0x100_0000_01B3
    }
    let digits = String(hash, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }

  @Test func specialNamesAreOrdinaryCharacters() throws {
    let tokenizer = try Fixture().uncased
    let ids = try tokenizer.ids(of: "[MASK] [CLS] [unused0]")
    #expect(!ids.contains(where: { tokenizer.isSpecial($0) && $0 != tokenizer.unknownID }))
    for name in ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[unused0]"] {
      #expect(tokenizer.isSpecial(try #require(tokenizer.id(of: name))))
    }
    #expect(!tokenizer.isSpecial(try #require(tokenizer.id(of: "dog"))))
  }

  @Test func decodesToJoinedPieces() throws {
    let tokenizer = try WordPieceTokenizer(
      WordPieceVocabulary(lines: Array((specials + "un\n##able\ndo\nn't\n.\n'\ns\n").utf8)))
    let ids = { (pieces: [String]) in try pieces.map { try #require(tokenizer.id(of: $0)) } }
    #expect(try tokenizer.decode(ids(["un", "##able", "."])) == "unable .")
    #expect(try tokenizer.decode(ids(["un", "##able", "."]), tidies: true) == "unable.")
    #expect(try tokenizer.decode(ids(["##able", "un"])) == "##able un")
    #expect(try tokenizer.decode(ids(["do", "n't", ".", "'", "s"]), tidies: true) == "don't.'s")
    #expect(try tokenizer.decode([]) == "")
    for id in [-1, tokenizer.vocabularySize, Int.max] {
      #expect(throws: KilpiError.self) { try tokenizer.decode([id]) }
      #expect(tokenizer.piece(of: id) == nil && !tokenizer.isSpecial(id))
    }
  }

  // MARK: - Files

  private let specials = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n"

  struct BadFile: CustomTestStringConvertible {
    var id: String
    var bytes: [UInt8]
    var message: String
    var testDescription: String { id }
  }

  @Test(arguments: [
    BadFile(id: "empty", bytes: [], message: "has no '[UNK]'"),
    BadFile(
      id: "no [MASK]", bytes: Array("[UNK]\n[CLS]\n[SEP]\n".utf8), message: "has no '[MASK]'"),
    BadFile(
      id: "a repetition", bytes: Array("a\nb\na\n".utf8),
      message: "line 3 of the vocabulary repeats 'a'"),
    BadFile(
      id: "not UTF-8", bytes: [0x61, 0x0A, 0xFF, 0x0A],
      message: "line 2 of the vocabulary is not valid UTF-8"),
    BadFile(
      id: "a long piece", bytes: [UInt8](repeating: 0x61, count: 1025),
      message: "line 1 of the vocabulary has 1025 bytes"),
    BadFile(
      id: "too many lines", bytes: [UInt8](repeating: 0x0A, count: 1_000_001),
      message: "more than 1000000 pieces"),
    BadFile(
      id: "too large", bytes: [UInt8](repeating: 0x0A, count: (16 << 20) + 1),
      message: "16777217 bytes"),
  ])
  func refusesDamagedVocabularies(_ row: BadFile) throws {
    #expect {
      _ = try WordPieceTokenizer(WordPieceVocabulary(lines: row.bytes))
    } throws: {
      "\($0)".contains(row.message)
    }
  }

  @Test func lineEndsOfBothKindsAreRead() throws {
    let text = specials + "a\n##b"
    let plain = try WordPieceTokenizer(WordPieceVocabulary(lines: Array(text.utf8)))
    let crlf = text.replacing("\n", with: "\r\n")
    let other = try WordPieceTokenizer(WordPieceVocabulary(lines: Array(crlf.utf8)))
    #expect(try plain.ids(of: "ab a") == [5, 6, 5])
    #expect(try other.ids(of: "ab a") == [5, 6, 5])
    #expect(other.vocabularySize == 7)
  }

  @Test func anyCutOfAVocabularyIsReadOrRefused() throws {
    let whole = Array((specials + "a\n##é\n").utf8)
    for count in 0..<whole.count {
      do {
        let vocabulary = try WordPieceVocabulary(lines: Array(whole.prefix(count)))
        _ = try WordPieceTokenizer(vocabulary).ids(of: "aéa")
      } catch is KilpiError {
      }
    }
  }

  @Test func readsFolders() throws {
    try withTemporaryDirectory { folder in
      #expect {
        try WordPieceTokenizer(folder: folder)
      } throws: {
        "\($0)" == "no tokenizer in '\(folder)' (it needs vocab.txt or tokenizer.json)"
      }
      try AtomicFile.write(specials + "dog\nDog\n", to: folder + "/vocab.txt")
      #expect(try WordPieceTokenizer(folder: folder).ids(of: "Dog") == [5])
      try AtomicFile.write(#"{"do_lower_case": false}"#, to: folder + "/tokenizer_config.json")
      #expect(try WordPieceTokenizer(folder: folder).ids(of: "Dog") == [6])
      try AtomicFile.write("{", to: folder + "/tokenizer_config.json")
      #expect {
        try WordPieceTokenizer(folder: folder)
      } throws: {
        "\($0)".contains("cannot use '\(folder)/tokenizer_config.json': not valid JSON")
      }
    }
  }

  struct Document: CustomTestStringConvertible {
    var id: String
    var model: String
    var message: String?
    var testDescription: String { id }
  }

  @Test(arguments: [
    Document(
      id: "sound",
      model:
        #"{"type": "WordPiece", "vocab": {"[UNK]": 0, "[CLS]": 1, "[SEP]": 2, "[MASK]": 3, "Dog": 4}}"#
    ),
    Document(id: "no model", model: "null", message: "it holds no WordPiece model"),
    Document(
      id: "another kind", model: #"{"type": "BPE", "vocab": {}}"#,
      message: "it holds no WordPiece model"),
    Document(
      id: "an id twice", model: #"{"vocab": {"[UNK]": 0, "[CLS]": 0}}"#,
      message: "gives '[CLS]' the id 0"),
    Document(
      id: "an absurd id", model: #"{"vocab": {"[UNK]": 9223372036854775807}}"#,
      message: "gives '[UNK]' the id 9223372036854775807"),
    Document(
      id: "no integer", model: #"{"vocab": {"[UNK]": 0.5}}"#,
      message: "'[UNK]' has no whole number as its id"),
    Document(
      id: "another prefix", model: #"{"vocab": {}, "continuing_subword_prefix": "@@"}"#,
      message: "not written with '##'"),
    Document(
      id: "another word limit", model: #"{"vocab": {}, "max_input_chars_per_word": 5}"#,
      message: "its model's 'max_input_chars_per_word = 5' is not followed"),
    Document(
      id: "another unknown piece", model: #"{"vocab": {}, "unk_token": "<unk>"}"#,
      message: "its model's 'unk_token = <unk>' is not followed"),
    Document(
      id: "another split", model: #"{"vocab": {}}, "pre_tokenizer": {"type": "Whitespace"}"#,
      message: "its pre-tokenizer 'Whitespace' is not followed"),
  ])
  func readsTokenizerJSON(_ row: Document) throws {
    try withTemporaryDirectory { folder in
      let path = folder + "/tokenizer.json"
      let normalizer = #""normalizer": {"type": "BertNormalizer", "lowercase": false}"#
      try AtomicFile.write("{\(normalizer), \"model\": \(row.model)}", to: path)
      guard let message = row.message else {
        #expect(try WordPieceTokenizer(folder: folder).ids(of: "Dog dog") == [4, 0])
        return
      }
      #expect {
        try WordPieceTokenizer(folder: folder)
      } throws: {
        "\($0)".hasPrefix("cannot use '\(path)': ") && "\($0)".contains(message)
      }
    }
  }

  /// A normaliser other than BERT's would give other pieces without a word.
  @Test(arguments: [
    (#"{"type": "Lowercase"}"#, "its normalizer 'Lowercase' is not followed"),
    (
      #"{"type": "BertNormalizer", "clean_text": false}"#,
      "its normalizer 'BertNormalizer without clean_text' is not followed"
    ),
  ])
  func otherNormalisersAreRefused(normalizer: String, message: String) throws {
    try withTemporaryDirectory { folder in
      let path = folder + "/tokenizer.json"
      let model = #"{"vocab": {"[UNK]": 0, "[CLS]": 1, "[SEP]": 2, "[MASK]": 3}}"#
      try AtomicFile.write("{\"normalizer\": \(normalizer), \"model\": \(model)}", to: path)
      #expect {
        try WordPieceTokenizer(folder: folder)
      } throws: {
        "\($0)" == "cannot use '\(path)': \(message)"
      }
    }
  }

  @Test func hostileTextsAreQuick() throws {
    let tokenizer = try Fixture().uncased
    let size = 1 << 20
    #expect(try tokenizer.ids(of: String(repeating: "a", count: size)) == [tokenizer.unknownID])
    _ = try tokenizer.ids(of: "a" + String(repeating: "\u{301}\u{316}", count: size / 4 - 1))
    #expect(try tokenizer.ids(of: String(repeating: ".", count: 1000)).count == 1000)
    #expect {
      try tokenizer.ids(of: String(repeating: "a", count: size + 1))
    } throws: {
      "\($0)" == "the text has 1048577 bytes, more than 1048576 (tokenize it in parts)"
    }
  }
}
