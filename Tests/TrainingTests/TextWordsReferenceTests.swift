@testable import AttackPlans
import Attacks
import Files
import Foundation
import TestSupport
import Testing

@testable import ClipModels
@testable import Training

/// Words as the peers' tokenizers cut them (scripts/reference/words.py).
@Suite struct TextWordsReferenceTests {
  struct Row {
    var text: String
    var bytePairs: [String]
    var wordPieces: [String]
    var sentencePieces: [String]
  }

  private func rows() throws -> [Row] {
    let json = try JSONValue.parse(
      FileReader.bytes(at: TestFiles.fixture("words.json"), limit: 1 << 20))
    let rows = try #require(json["rows"]?.array)
    return rows.map { row in
      func list(_ name: String) -> [String] { (row[name]?.array ?? []).compactMap(\.string) }
      return Row(
        text: row["text"]?.string ?? "", bytePairs: list("byte_pairs"),
        wordPieces: list("word_pieces"), sentencePieces: list("sentence_pieces"))
    }
  }

  /// Words with a letter or digit, small, with straight apostrophes.
  private func letters(_ words: [String]) -> [String] {
    words.filter { $0.contains { $0.isLetter || $0.isNumber } }.map {
      $0.lowercased().replacing("\u{2019}", with: "'")
    }
  }

  @Test func clipsWordsAreOpenClips() throws {
    let tokenizer = try BytePairTokenizer.standard()
    let rows = try rows()
    #expect(rows.count == 350)
    for row in rows { #expect(try tokenizer.words(of: row.text) == row.bytePairs, "\(row.text)") }
    #expect(tokenizer.wordRule == .bytePairs)
    #expect(TextAttackFactory.splitting(tokenizer) == .bytePairs)
  }

  /// What attacks edit are these words, but where an apostrophe behind no letter is a quotation mark.
  @Test func attackedWordsAreClips() throws {
    for row in try rows() where !row.text.hasPrefix("'") {
      let cores = TextWords(row.text, splitting: .bytePairs).cores
      #expect(letters(cores) == letters(row.bytePairs), "\(row.text)")
    }
  }

  @Test func attackedWordsAreBerts() throws {
    func folded(_ words: [String]) -> [String] {
      letters(words).map {
        $0.replacing("'", with: "").folding(options: .diacriticInsensitive, locale: nil)
      }
    }
    // BERT cuts Chinese characters one by one, which no English attack edits.
    for row in try rows() where !row.text.hasPrefix("'") && !row.text.contains("\u{732B}") {
      let cores = TextWords(row.text, splitting: .wordPieces).cores
      #expect(folded(cores) == folded(row.wordPieces), "\(row.text)")
    }
  }

  @Test func siglipsWordsAreThoseOfItsCanonicalText() throws {
    for row in try rows() {
      let words = SentencePieceTokenizer.canonical(row.text)
        .split { $0 == "\u{2581}" || $0 == " " }.map(String.init)
      #expect(words == row.sentencePieces, "\(row.text)")
    }
  }
}
