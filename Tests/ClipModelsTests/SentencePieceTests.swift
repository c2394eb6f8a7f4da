import Archives
import Diagnostics
import Files
import Foundation
import Tensors
import TestSupport
import Testing

@testable import ClipModels

/// A field of a protocol buffer that holds bytes.
private func message(_ number: UInt8, _ bytes: [UInt8]) -> [UInt8] {
  var length = bytes.count
  var prefix = [number << 3 | 2]
  while length >= 0x80 {
    prefix.append(UInt8(length & 0x7F) | 0x80)
    length >>= 7
  }
  return prefix + [UInt8(length)] + bytes
}

/// SigLIP's tokenizer and SentencePiece's models against the reference (fixture:
/// scripts/reference/sentence_piece.py).
@Suite struct SentencePieceTests {
  private struct Fixture {
    let document: JSONValue

    init() throws {
      let path = TestFiles.fixture("sentence_piece.json.gz")
      document = try JSONValue.parse(Gzip.contents(ofFile: path, limit: 8 << 20))
    }

    func model(_ name: String) throws -> [UInt8] {
      // The table of replacements is stored once; a second normaliser's fields are merged.
      let own = try Base64.decode(#require(document["models"]?[name]?.string))
      return name == "bytes" ? own : own + message(3, message(2, try Base64.decode(charsmap())))
    }

    func charsmap() throws -> String { try #require(document["charsmap"]?.string) }

    func json() throws -> String {
      try #require(document["json"]).serialized().replacing("CHARSMAP", with: charsmap())
    }

    func tokenizer(_ name: String) throws -> SentencePieceTokenizer {
      try SentencePieceTokenizer(SentencePieceModel(serialized: model(name)))
    }

    func lines() throws -> [[JSONValue]] {
      try #require(document["lines"]?.array).compactMap(\.array)
    }
  }

  @Test func siglipAgreesOnThreeThousandLines() throws {
    let fixture = try Fixture()
    let tokenizer = try fixture.tokenizer("siglip")
    let lines = try fixture.lines()
    #expect(lines.count == 3000)
    #expect(tokenizer.endID == 1 && tokenizer.unknownID == 2)
    var wrong: [String] = []
    for (number, row) in lines.enumerated() {
      let text = try #require(row[0].string)
      let ids = try tokenizer.ids(of: text) + [tokenizer.endID]
      if fingerprint(ids) != row[1].string { wrong.append("\(number): \(text.debugDescription)") }
      guard row.count > 5 else { continue }
      #expect(row[5].array?.compactMap(\.int) == ids)
    }
    #expect(
      wrong.isEmpty, "\(wrong.count) differ, first: \(wrong.prefix(8).joined(separator: "\n"))")
  }

  @Test(arguments: ["siglip", "bytes", "suffix"]) func modelsAgree(name: String) throws {
    let fixture = try Fixture()
    let tokenizer = try fixture.tokenizer(name)
    #expect(tokenizer.vocabularySize == fixture.document["pieces"]?[name]?.int)
    let column = try #require(["siglip", "bytes", "suffix"].firstIndex(of: name)) + 2
    var wrong: [String] = []
    for (number, row) in try fixture.lines().enumerated() {
      let text = try #require(row[0].string)
      let ids = try tokenizer.rawIDs(of: text)
      if fingerprint(ids) != row[column].string {
        wrong.append("\(number): \(text.debugDescription)")
      }
      guard row.count > 5, name != "suffix" else { continue }
      let decoded = try tokenizer.decode(ids)
      let expected = row[name == "siglip" ? 6 : 7].string ?? ""
      if !decoded.utf8.elementsEqual(expected.utf8) {
        wrong.append("\(number) decodes to \(decoded.debugDescription)")
      }
    }
    #expect(
      wrong.isEmpty, "\(wrong.count) differ, first: \(wrong.prefix(8).joined(separator: "\n"))")
  }

  @Test func tokenizerJSONGivesTheSameIds() throws {
    let fixture = try Fixture()
    let serialized = try fixture.tokenizer("siglip")
    try withTemporaryDirectory { folder in
      #expect {
        try SentencePieceTokenizer(path: folder)
      } throws: {
        "\($0)" == "no tokenizer in '\(folder)' (it needs spiece.model or tokenizer.json)"
      }
      let text = try fixture.json()
      try AtomicFile.write(text, to: folder + "/tokenizer.json")
      let tokenizer = try SentencePieceTokenizer(path: folder)
      #expect(tokenizer.vocabularySize == serialized.vocabularySize)
      for row in try fixture.lines() {
        let text = try #require(row[0].string)
        #expect(try tokenizer.ids(of: text) == serialized.ids(of: text))
      }
      try AtomicFile.write(fixture.model("siglip"), to: folder + "/spiece.model")
      try withTemporaryDirectory { copy in
        for name in ["spiece.model", "tokenizer.json"] {
          try SentencePieceTokenizer(path: "\(folder)/\(name)").save(in: copy)
          let again = try SentencePieceTokenizer(path: "\(copy)/\(name)")
          #expect(try again.ids(of: "a dog") == serialized.ids(of: "a dog"))
        }
      }
      #expect(throws: KilpiError.self) { try serialized.save(in: folder) }
      for path in [folder, folder + "/spiece.model", folder + "/tokenizer.json"] {
        #expect(
          try SentencePieceTokenizer(path: path).ids(of: "A dog!") == serialized.ids(of: "a dog"))
      }
    }
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

  @Test func wholeWordsArePiecesOfLettersAlone() throws {
    let tokenizer = try Fixture().tokenizer("siglip")
    let words = (0..<tokenizer.vocabularySize).compactMap { tokenizer.word(of: $0) }
    #expect(words.count > 40 && words.contains("dog") && Set(words).count == words.count)
    for word in words where word.lowercased() == word {
      #expect(try tokenizer.plainIDs(of: word).count == 1)
    }
    for id in [-1, 0, 1, 2, tokenizer.vocabularySize, Int.max] {
      #expect(tokenizer.word(of: id) == nil)
    }
    #expect(tokenizer.specialCount == 1)
    #expect(try tokenizer.plainText(of: tokenizer.plainIDs(of: "A dog.")) == "a dog")
  }

  @Test func lengthsAreFixedOrRefused() throws {
    let tokenizer = try Fixture().tokenizer("siglip")
    let ids = try tokenizer.ids(of: "a dog")
    #expect(try tokenizer.encode("a dog", context: ids.count + 3) == ids + [1, 1, 1])
    #expect(try tokenizer.encode("a dog", context: ids.count + 1) == ids + [1])
    #expect(try tokenizer.encode("a dog", context: 2, truncate: true) == [ids[0], 1])
    #expect(try tokenizer.encode("a dog", context: 1, truncate: true) == [1])
    #expect(try tokenizer.encode("").count == 64)
    #expect {
      try tokenizer.encode("a dog", context: ids.count)
    } throws: {
      "\($0)"
        == "the text has \(ids.count + 1) tokens, the context holds \(ids.count): 'a dog' "
        + "(shorten it, or pass truncate = true to cut it)"
    }
    #expect(throws: KilpiError.self) { try tokenizer.encode("a", context: 0) }
    for id in [-1, tokenizer.vocabularySize, Int.max] {
      #expect(throws: KilpiError.self) { try tokenizer.decode([id]) }
      #expect(tokenizer.piece(of: id) == nil)
    }
    #expect(try tokenizer.decode(tokenizer.encode("A small DOG.")) == "a small dog")
  }

  @Test func hostileTextsAreQuick() throws {
    let tokenizer = try Fixture().tokenizer("siglip")
    let size = 1 << 20
    _ = try tokenizer.ids(of: String(repeating: "a", count: size))
    _ = try tokenizer.rawIDs(of: String(repeating: "\u{FDFA}", count: size / 3))
    #expect(try tokenizer.ids(of: String(repeating: " ", count: size)) == [])
    #expect(throws: KilpiError.self) {
      try tokenizer.ids(of: String(repeating: "a", count: size + 1))
    }
  }

  // MARK: - Damaged files

  /// A small sound model: five pieces and a normaliser that turns "b" into "a".
  private var small: [UInt8] {
    var map: [UInt8] = []
    var units = [UInt32](repeating: 0, count: 256)
    // From unit 0, step 1: "b" leads to 1 ^ 0x62; its leaf holds where the replacement starts.
    units[0] = 1 << 10
    units[99] = 0x62 | 1 << 8 | 2 << 10
    units[99 ^ 2] = 0
    for value in [UInt32(units.count * 4)] + units {
      map += (0..<4).map { UInt8(truncatingIfNeeded: value >> UInt32(8 * $0)) }
    }
    map += [0x61, 0]
    let pieces: [(String, Float, UInt8)] = [
      ("<unk>", 0, 2), ("</s>", 0, 3), ("\u{2581}", -2, 1), ("a", -1, 1), ("\u{2581}a", -2, 1),
    ]
    return pieces.flatMap { message(1, piece($0.0, $0.1, $0.2)) } + message(3, message(2, map))
  }

  private func piece(_ text: String, _ score: Float, _ kind: UInt8) -> [UInt8] {
    let bits = score.bitPattern
    return message(1, Array(text.utf8)) + [2 << 3 | 5]
      + (0..<4).map { UInt8(truncatingIfNeeded: bits >> UInt32(8 * $0)) } + [3 << 3, kind]
  }

  @Test func readsTheSmallModel() throws {
    let tokenizer = try SentencePieceTokenizer(SentencePieceModel(serialized: small))
    #expect(try tokenizer.ids(of: "b") == [4])
    #expect(try tokenizer.ids(of: "abx") == [4, 3, 0])
    #expect(try tokenizer.decode([4, 3, 0, 1, 3]) == "aa \u{2047} ")
  }

  /// A SigLIP loads with the tokenizer beside its weights, and is saved with it.
  @Test func siglipModelsFindTheirTokenizer() throws {
    let source = TestFiles.fixture("checkpoints/siglip-hf")
    try withTemporaryDirectory { folder in
      for name in try FileReader.names(in: source) where name != "reference.safetensors" {
        try AtomicFile.write(FileReader.bytes(at: "\(source)/\(name)"), to: "\(folder)/\(name)")
      }
      #expect(try ClipModel.load(folder).tokenizer == nil)
      try AtomicFile.write(small, to: folder + "/spiece.model")
      let model = try ClipModel.load(folder)
      let tokenizer = try #require(model.tokenizer)
      #expect(tokenizer.vocabularySize == 5)
      let features = try model.encodeText(["A b.", "a b"])
      #expect(
        try features.floats().prefix(4).elementsEqual(features.selected(0, 1).floats().prefix(4)))
      try withTemporaryDirectory { copy in
        try model.save(copy)
        #expect(
          try ClipModel.load(copy).tokenizer?.plainIDs(of: "b") == tokenizer.plainIDs(of: "b"))
      }
      try AtomicFile.write(Array(small.dropLast()), to: folder + "/spiece.model")
      // Token ids can still be passed, so the model loads and says why texts cannot.
      let untold = try ClipModel.load(folder)
      #expect(untold.tokenizer == nil)
      #expect {
        try untold.encodeText(["a"])
      } throws: {
        "\($0)".contains("cannot use '\(folder)/spiece.model'")
      }
    }
  }

  @Test func survivesTruncationAtEveryByteAndFlippedBits() throws {
    let whole = small
    func attempt(_ bytes: [UInt8]) throws {
      do {
        let tokenizer = try SentencePieceTokenizer(SentencePieceModel(serialized: bytes))
        _ = try tokenizer.decode(tokenizer.ids(of: "a bab\u{E9} x"))
      } catch is KilpiError {
      }
    }
    for count in 0..<whole.count { try attempt(Array(whole.prefix(count))) }
    for index in whole.indices {
      for bit in 0..<8 {
        var bytes = whole
        bytes[index] ^= 1 << UInt8(bit)
        try attempt(bytes)
      }
    }
  }

  struct Bad: CustomTestStringConvertible {
    var id: String
    var bytes: [UInt8]
    var message: String
    var testDescription: String { id }
  }

  @Test func refusesDamage() throws {
    let pieces = { (list: [(String, Float, UInt8)]) in
      list.flatMap { message(1, self.piece($0.0, $0.1, $0.2)) }
    }
    let sound = pieces([("<unk>", 0, 2), ("</s>", 0, 3), ("a", -1, 1)])
    let rows = [
      Bad(id: "empty", bytes: [], message: "there is no unknown piece"),
      Bad(id: "text", bytes: Array("not a model".utf8), message: "starts no protocol-buffer field"),
      Bad(
        id: "an absurd length", bytes: [10, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F],
        message: "wants 72057594037927935 bytes, 0 are left"),
      Bad(
        id: "an endless number", bytes: [UInt8](repeating: 0xFF, count: 20),
        message: "starts no protocol-buffer field"),
      Bad(id: "field 0", bytes: [0, 0], message: "byte 0 starts no protocol-buffer field"),
      Bad(
        id: "a group", bytes: [0x0B], message: "byte 0 starts no protocol-buffer field"),
      Bad(
        id: "two unknown pieces", bytes: sound + pieces([("?", 0, 2)]),
        message: "there are two unknown pieces"),
      Bad(
        id: "a piece twice", bytes: sound + pieces([("a", 0, 1)]),
        message: "piece 3 was there before"),
      Bad(
        id: "a piece and a control", bytes: sound + pieces([("a", 0, 3)]),
        message: "piece 3 was there before"),
      Bad(
        id: "an empty piece", bytes: sound + pieces([("", 0, 1)]), message: "piece 3 has 0 bytes"),
      Bad(
        id: "a long piece", bytes: sound + pieces([(String(repeating: "a", count: 1025), 0, 1)]),
        message: "piece 3 has 1025 bytes"),
      Bad(
        id: "an infinite score", bytes: sound + pieces([("b", .infinity, 1)]),
        message: "the score of piece 3 is inf"),
      Bad(
        id: "a score that is none", bytes: sound + pieces([("b", .nan, 1)]),
        message: "the score of piece 3 is nan"),
      Bad(
        id: "an unknown kind", bytes: sound + pieces([("b", 0, 9)]),
        message: "a piece has the unknown type 9"),
      Bad(
        id: "no normal piece", bytes: pieces([("<unk>", 0, 2), ("</s>", 0, 3)]),
        message: "there is no normal piece"),
      Bad(
        id: "no end", bytes: pieces([("<unk>", 0, 2), ("a", -1, 1)]),
        message: "there is no piece '</s>'"),
      Bad(
        id: "a byte-pair model", bytes: sound + message(2, [3 << 3, 2]),
        message: "it is no unigram model (its type is 2)"),
      Bad(
        id: "byte fallback without bytes", bytes: sound + message(2, [0x98, 2, 1]),
        message: "there is no piece for byte 0"),
      Bad(
        id: "a tiny map", bytes: sound + message(3, message(2, [1, 2])),
        message: "its character map has 2 bytes"),
      Bad(
        id: "a map that says too much",
        bytes: sound + message(3, message(2, [255, 255, 255, 252, 0, 0, 0, 0])),
        message: "its character map says 4244635647 bytes of a trie, it has 4 in all"),
      Bad(
        id: "a map without replacements",
        bytes: sound + message(3, message(2, [4, 0, 0, 0, 0, 0, 0, 0])),
        message: "the last replacement of its character map has no end"),
    ]
    for row in rows {
      #expect("\(row.id)") {
        _ = try SentencePieceTokenizer(SentencePieceModel(serialized: row.bytes))
      } throws: {
        "\($0)".contains(row.message)
      }
    }
  }

  /// A map that turns every character into a long text does not eat the memory.
  @Test func aMapThatExplodesIsRefused() throws {
    var bytes = small
    // The replacement "a" is the last but one byte; a longer one, with the lengths before it.
    let long = [UInt8](repeating: 0x61, count: 4000)
    var map: [UInt8] = [0, 4, 0, 0]
    var units = [UInt32](repeating: 0, count: 256)
    units[0] = 1 << 10
    units[99] = 0x62 | 1 << 8 | 2 << 10
    for value in units { map += (0..<4).map { UInt8(truncatingIfNeeded: value >> UInt32(8 * $0)) } }
    bytes += message(3, message(2, map + long + [0]))
    let tokenizer = try SentencePieceTokenizer(SentencePieceModel(serialized: bytes))
    #expect {
      try tokenizer.ids(of: String(repeating: "b", count: 1000))
    } throws: {
      "\($0)".contains("the tokenizer's character map makes a text of 1008 bytes longer than 33280")
    }
  }

  @Test(arguments: [
    ("{}", "its model '?' is not followed"),
    (#"{"model": {"type": "BPE", "vocab": []}}"#, "its model 'BPE' is not followed"),
    (#"{"model": {"vocab": [["a"]]}}"#, "piece 0 is not a text and a score"),
    (#"{"model": {"vocab": [["a", 0]]}}"#, "there is no unknown piece"),
    (
      #"{"model": {"vocab": [["a", 0], ["b", 0]], "unk_id": 0}, "normalizer": {"type": "Precompiled", "precompiled_charsmap": "a*=="}}"#,
      "its character map is not base64 at character 2"
    ),
    (
      #"{"model": {"vocab": [["a", 0], ["b", 0]], "unk_id": 0}, "normalizer": {"type": "Precompiled", "precompiled_charsmap": "abc"}}"#,
      "its character map is not base64: 3 characters"
    ), ("{", "not valid JSON"),
  ])
  func refusesTokenizerJSON(text: String, message: String) throws {
    try withTemporaryDirectory { folder in
      let path = folder + "/tokenizer.json"
      try AtomicFile.write(text, to: path)
      #expect {
        try SentencePieceTokenizer(path: path)
      } throws: {
        "\($0)".hasPrefix("cannot use '\(path)': ") && "\($0)".contains(message)
      }
    }
  }

  @Test(arguments: ["", "a", "ab", "abc", "abcd"]) func readsBase64(text: String) throws {
    let bytes = Array(text.utf8)
    #expect(try Base64.decode(Data(bytes).base64EncodedString()) == bytes)
    #expect(try Base64.decode("+/8=") == [0xFB, 0xFF])
  }
}
