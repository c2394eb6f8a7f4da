import TestSupport
import Tensors
import Testing

@testable import TextModels

@Suite struct CharacterEditsTests {
  struct Case: CustomTestStringConvertible {
    var word: String
    var kind: CharacterEdits.Kind
    var expected: [String]
    var testDescription: String { "\(kind.rawValue) \(word)" }
  }

  @Test(arguments: [
    Case(word: "cat", kind: .swap, expected: ["act", "cta"]),
    Case(word: "aab", kind: .swap, expected: ["aba"]),
    Case(word: "a", kind: .swap, expected: []),
    Case(word: "cat", kind: .delete, expected: ["at", "ct", "ca"]),
    Case(word: "aab", kind: .delete, expected: ["ab", "aa"]),
    Case(word: "a", kind: .delete, expected: []),
    Case(word: "g", kind: .keyboard, expected: ["f", "h", "t", "y", "v", "b"]),
    Case(word: "Q", kind: .keyboard, expected: ["W", "1", "2", "A"]),
    Case(word: "m!", kind: .keyboard, expected: ["n!", "j!", "k!"]),
    Case(word: "z", kind: .homoglyph, expected: []),
    Case(word: "ea", kind: .homoglyph, expected: ["\u{435}a", "e\u{430}", "e\u{251}"]),
    Case(word: "", kind: .swap, expected: []),
    Case(word: "", kind: .delete, expected: []),
    Case(word: "", kind: .keyboard, expected: []),
  ])
  func gives(_ row: Case) throws {
    try #expect(CharacterEdits.edits(of: row.word, row.kind).map(\.text) == row.expected)
  }

  @Test func insertsEveryLetterEverywhereOnce() throws {
    let edits = try CharacterEdits.edits(of: "ab", .insert).map(\.text)
    #expect(edits.count == 3 * 26 - 2)
    #expect(Set(edits).count == edits.count)
    #expect(edits.contains("aab") && edits.contains("abz"))
  }

  @Test(arguments: CharacterEdits.Kind.allCases)
  func neverGivesTheWordItself(kind: CharacterEdits.Kind) throws {
    for word in ["t-shirt", "Ankle", "aaa", "naïve", "🙂x"] {
      let edits = try CharacterEdits.edits(of: word, kind)
      #expect(!edits.contains { $0.text == word || $0.text.isEmpty })
      #expect(edits.allSatisfy { $0.cost == (kind == .swap ? 2 : 1) })
    }
  }

  @Test func neighboursAreTheNearestWholeWords() throws {
    // Rows around a large common mean: without centring all would be near.
    let table = try Tensor(
      [10, 1, 0, 10, 0.9, 0.1, 10, -1, 0, 10, 0, 1, 10, 1, 0.01] as [Float], shape: [5, 3])
    let neighbours = try TokenNeighbours(
      embeddings: table, words: ["cat", "dog", "sky", "red", nil])
    #expect(try neighbours.neighbours(of: "Cat").map(\.word) == ["dog"])
    #expect(try neighbours.neighbours(of: "cat", k: 0).isEmpty)
    #expect(try neighbours.neighbours(of: "cat", minimumCosine: -1).map(\.word).last == "sky")
    #expect(try neighbours.neighbours(of: "bird").isEmpty)
    #expect(throws: (any Error).self) {
      try TokenNeighbours(embeddings: table, words: ["cat"])
    }
  }
}
