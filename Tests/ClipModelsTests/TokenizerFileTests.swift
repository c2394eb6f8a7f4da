import Diagnostics
import Files
import TestSupport
import Testing

@testable import ClipModels

/// Vocabulary files, sound and damaged.
@Suite struct TokenizerFileTests {
  struct BadMerges: CustomTestStringConvertible {
    var id: String
    var lines: String
    var message: String
    var testDescription: String { id }
  }

  @Test(arguments: [
    BadMerges(id: "empty", lines: "", message: "0 merges"),
    BadMerges(id: "header only", lines: "#version", message: "0 merges"),
    BadMerges(id: "one symbol", lines: "#\nabc\n", message: "line 2"),
    BadMerges(id: "three symbols", lines: "#\na b c\n", message: "line 2"),
    BadMerges(id: "carriage return", lines: "#\na b\r\n", message: "line 2"),
    BadMerges(id: "names no token", lines: "#\na b\nabc d\n", message: "line 3"),
    BadMerges(id: "repeats a merge", lines: "#\na b\na b\n", message: "line 3"),
    BadMerges(id: "makes a token twice", lines: "#\na b\nb c\nab c\na bc\n", message: "line 5"),
    BadMerges(id: "truncated", lines: "#\na b\na", message: "line 3"),
    BadMerges(id: "not UTF-8", lines: "#\na \u{0}\n", message: "line 2"),
  ])
  func refusesDamagedMerges(_ row: BadMerges) {
    #expect {
      try BytePairVocabulary(openAIMerges: Array(row.lines.utf8))
    } throws: {
      "\($0)".contains(row.message)
    }
  }

  /// A vocabulary in Hugging Face's layout: all bytes, then `at` and `cat</w>`.
  private func writeFolder(_ folder: String, changed: (inout [String]) -> Void = { _ in }) throws {
    var symbols = ByteStandIns.order.map {
      String(decoding: ByteStandIns.text(of: $0), as: UTF8.self)
    }
    symbols += symbols.map { $0 + "</w>" }
    symbols += ["at</w>", "cat</w>", "<|startoftext|>", "<|endoftext|>"]
    changed(&symbols)
    let members = symbols.enumerated().map { JSONValue.Member($1, .integer(Int64($0))) }
    try AtomicFile.write(JSONValue.object(members).serialized(), to: folder + "/vocab.json")
    try AtomicFile.write("#version: 0.2\na t</w>\nc at</w>\n", to: folder + "/merges.txt")
  }

  @Test func readsAHuggingFaceFolder() throws {
    try withTemporaryDirectory { folder in
      try writeFolder(folder)
      let tokenizer = try BytePairTokenizer(huggingFaceFolder: folder)
      #expect(tokenizer.startID == 514)
      #expect(try tokenizer.encode("cat", context: 4, padding: .endToken) == [514, 513, 515, 515])
      #expect(try tokenizer.decode(tokenizer.ids(of: "a cat bat")) == "a cat bat")
    }
  }

  @Test func readsTokenizerJSONWithBothKindsOfMerges() throws {
    for merges in ["[\"a t</w>\", \"c at</w>\"]", "[[\"a\", \"t</w>\"], [\"c\", \"at</w>\"]]"] {
      try withTemporaryDirectory { folder in
        try writeFolder(folder)
        let vocabulary = try FileReader.text(at: folder + "/vocab.json")
        try withTemporaryDirectory { other in
          try AtomicFile.write(
            "{\"model\": {\"vocab\": \(vocabulary), \"merges\": \(merges)}}",
            to: other + "/tokenizer.json")
          let tokenizer = try BytePairTokenizer(huggingFaceFolder: other)
          #expect(try tokenizer.ids(of: "cat") == [513])
        }
      }
    }
  }

  @Test func namesWhatAHuggingFaceFolderLacks() throws {
    try withTemporaryDirectory { folder in
      #expect(throws: KilpiError.self) { try BytePairTokenizer(huggingFaceFolder: folder) }
      try writeFolder(folder) { $0.removeLast() }
      #expect {
        try BytePairTokenizer(huggingFaceFolder: folder)
      } throws: {
        "\($0)".contains("lacks '<|startoftext|>' or '<|endoftext|>'")
      }
      try writeFolder(folder) { $0[512] = "xy" }
      #expect {
        try BytePairTokenizer(huggingFaceFolder: folder)
      } throws: {
        "\($0)".contains("merges")
      }
    }
  }

  @Test func namesAMissingFile() {
    #expect {
      try BytePairTokenizer(openAIVocabulary: "/nowhere/vocabulary.gz")
    } throws: {
      "\($0)".contains("/nowhere/vocabulary.gz")
    }
  }
}
