import Archives
import Diagnostics
import Files
import TestSupport
import Testing

@testable import ClipModels

/// The byte-pair tokenizer against open_clip's (fixture: scripts/reference/tokenizer.py).
@Suite struct TokenizerTests {
  @Test func tenThousandLinesAgreeWithTheReference() throws {
    let bytes = try Gzip.contents(ofFile: TestFiles.fixture("tokenizer.json.gz"), limit: 4 << 20)
    let document = try JSONValue.parse(bytes)
    let lines = try #require(document["lines"]?.array)
    let moving = Set(try #require(document["moving"]?.array).compactMap(\.int))
    #expect(lines.count == 10_000)
    let tokenizer = try BytePairTokenizer.standard()
    var wrong: [String] = []
    for (number, line) in lines.enumerated() {
      let row = try #require(line.array)
      let text = try #require(row[0].string)
      let ids = try tokenizer.ids(of: text)
      if let expected = row[1].array {
        if expected.compactMap(\.int) != ids { wrong.append("\(number): \(text.debugDescription)") }
      } else if row[1].string != fingerprint(ids) {
        wrong.append("\(number): \(text.debugDescription)")
      }
      // Decoding and tokenizing again changes nothing, but where the reference's ids move too.
      if try tokenizer.roundTrips(text) == moving.contains(number) {
        wrong.append("\(number) moves: \(text.debugDescription)")
      }
    }
    #expect(wrong.isEmpty, "\(wrong.count) lines differ, first: \(wrong.prefix(5))")
  }

  @Test func twoThousandLinesAgreeWithHuggingFace() throws {
    let bytes = try Gzip.contents(ofFile: TestFiles.fixture("tokenizer.json.gz"), limit: 4 << 20)
    let lines = try #require(JSONValue.parse(bytes)["lines"]?.array).prefix(2000)
    let tokenizer = try BytePairTokenizer.standard()
    var compared = 0
    for line in lines {
      guard let row = line.array, row.count == 3, let text = row[0].string else { continue }
      let ids = try tokenizer.ids(of: text, cleaning: .huggingFace)
      #expect(fingerprint(ids) == row[2].string, "\(text.debugDescription)")
      compared += 1
    }
    #expect(compared > 1900)
  }

  @Test func wholeWordsAreTokensOfLettersAlone() throws {
    let tokenizer = try BytePairTokenizer.standard()
    #expect(tokenizer.wholeWord(of: 2368) == "cat")
    for id in [-1, 0, 256, 49406, 49407, 49408, Int.max] {
      #expect(tokenizer.wholeWord(of: id) == nil)
    }
    let cat = try tokenizer.ids(of: "catt")
    #expect(cat.count > 1 && tokenizer.wholeWord(of: cat[0]) == nil)
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

  @Test func theVocabularyHasClipsSizeAndSpecialTokens() throws {
    let tokenizer = try BytePairTokenizer.standard()
    #expect(tokenizer.vocabularySize == 49408)
    #expect(tokenizer.startID == 49406)
    #expect(tokenizer.endID == 49407)
  }

  struct EncodeCase: CustomTestStringConvertible {
    var id: String
    var text: String
    var context = 77
    var truncate = false
    var padding = BytePairTokenizer.Padding.zeros
    var special = false
    var expected: [Int]
    var testDescription: String { id }
  }

  @Test(arguments: [
    EncodeCase(
      id: "zeros follow the end token", text: "a photo of a cat", context: 9,
      expected: [49406, 320, 1125, 539, 320, 2368, 49407, 0, 0]),
    EncodeCase(
      id: "the end token as padding", text: "a cat", context: 6, padding: .endToken,
      expected: [49406, 320, 2368, 49407, 49407, 49407]),
    EncodeCase(id: "empty text", text: "", context: 4, expected: [49406, 49407, 0, 0]),
    EncodeCase(
      id: "an exact fit", text: "a cat", context: 4, expected: [49406, 320, 2368, 49407]),
    EncodeCase(
      id: "truncation keeps the end token", text: "a photo of a cat", context: 5, truncate: true,
      expected: [49406, 320, 1125, 539, 49407]),
    EncodeCase(
      id: "truncation to two", text: "a cat", context: 2, truncate: true,
      expected: [49406, 49407]),
    EncodeCase(
      id: "special names are tokens when asked", text: "a <START_OF_TEXT> cat<end_of_text>",
      context: 8, special: true, expected: [49406, 320, 49406, 2368, 49407, 49407, 0, 0]),
    EncodeCase(
      id: "a text of special names alone, truncated", text: "<start_of_text><end_of_text>",
      context: 3, truncate: true, special: true, expected: [49406, 49406, 49407]),
  ])
  func encodes(_ row: EncodeCase) throws {
    let ids = try BytePairTokenizer.standard().encode(
      row.text, context: row.context, truncate: row.truncate, padding: row.padding,
      special: row.special)
    #expect(ids == row.expected)
  }

  /// Fixture: scripts/reference/tokenizer.py.
  @Test func specialNamesAgreeWithBothReferences() throws {
    let bytes = try FileReader.bytes(at: TestFiles.fixture("tokenizer_special.json"))
    let rows = try #require(JSONValue.parse(bytes)["rows"]?.array)
    #expect(rows.count >= 20)
    let tokenizer = try BytePairTokenizer.standard()
    for row in rows {
      let fields = try #require(row.array)
      try #require(fields.count == 4)
      let (text, own) = (fields[0].string ?? "", fields[2].string ?? "")
      #expect(
        try tokenizer.ids(of: text, special: true) == fields[1].array?.compactMap(\.int),
        "\(text.debugDescription)")
      #expect(
        try tokenizer.ids(of: own, cleaning: .huggingFace, special: true)
          == fields[3].array?.compactMap(\.int), "\(own.debugDescription)")
    }
  }

  @Test func specialNamesAreOrdinaryCharactersByDefault() throws {
    let tokenizer = try BytePairTokenizer.standard()
    let ids = try tokenizer.ids(of: "<start_of_text><end_of_text>")
    #expect(!ids.contains(tokenizer.startID) && !ids.contains(tokenizer.endID))
    #expect(try tokenizer.decode(ids) == "< start _ of _ text >< end _ of _ text >")
    for cleaning in [TextCleaning.reference, .huggingFace] {
      let ids = try tokenizer.ids(of: "<|startoftext|> <|endoftext|>", cleaning: cleaning)
      #expect(!ids.contains(tokenizer.startID) && !ids.contains(tokenizer.endID))
    }
  }

  @Test func aLongTextIsAnErrorWithBothLengths() throws {
    let tokenizer = try BytePairTokenizer.standard()
    let text = String(repeating: "cat ", count: 80)
    #expect {
      try tokenizer.encode(text)
    } throws: {
      "\($0)"
        == "the text has 82 tokens, the context holds 77: 'cat cat cat cat cat cat cat cat cat cat…' "
        + "(shorten it, or pass truncate = true to cut it)"
    }
    #expect(throws: KilpiError.self) { try tokenizer.encode("a", context: 1) }
    #expect(throws: KilpiError.self) {
      try tokenizer.ids(of: String(repeating: "a", count: (1 << 20) + 1))
    }
  }

  @Test(arguments: [
    ("a photo of a cat", "a photo of a cat"), ("  A  Photo\n", "a photo"), ("don't", "don 't"),
    ("cat, 12", "cat , 1 2"), ("naïve 🙂", "naïve 🙂"), ("", ""), ("&amp;lt;", "<"),
    ("e\u{301}\u{302}", "é ̂"),
  ])
  func decodesToTheCleanedText(text: String, decoded: String) throws {
    let tokenizer = try BytePairTokenizer.standard()
    #expect(try tokenizer.decode(tokenizer.encode(text)) == decoded)
  }

  @Test func decodingRefusesUnknownIds() throws {
    let tokenizer = try BytePairTokenizer.standard()
    for id in [-1, 49408, Int.max] {
      #expect(throws: KilpiError.self) { try tokenizer.decode([id]) }
    }
    // Half of a character is replaced, never passed on as broken text.
    #expect(try tokenizer.decode([tokenizer.ids(of: "é🙂")[0], 188]).unicodeScalars.count > 0)
  }

  @Test(arguments: [
    "a", "ab", "'", "&", "&#", "\u{301}", "\u{301}\u{316}", "\u{344}", "&a;", "&amp;", "Σ", "<",
    "1", "\u{1F600}", "\u{FF9E}", "\u{1B}[",
  ])
  func oneMegabyteWithoutASpace(unit: String) throws {
    let text = String(repeating: unit, count: (1 << 17) / unit.utf8.count)
    _ = try BytePairTokenizer.standard().ids(of: text)
  }

  @Test func huggingFaceCleaningSkipsWhatFtfyDoes() throws {
    let tokenizer = try BytePairTokenizer.standard()
    let curly = try tokenizer.ids(of: "it’s", cleaning: .huggingFace)
    let straight = try tokenizer.ids(of: "it's", cleaning: .huggingFace)
    #expect(curly != straight)
    #expect(try tokenizer.ids(of: "it’s") == straight)
  }
}
