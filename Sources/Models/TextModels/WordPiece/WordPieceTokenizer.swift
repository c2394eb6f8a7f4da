internal import Diagnostics
internal import Files

/// A piece of a word in a text.
public struct WordPiece: Sendable, Equatable {
  /// The id in the vocabulary, from 0.
  public var id: Int
  /// Where the piece comes from, in UTF-8 bytes of the text as it was given.
  public var range: Range<Int>
}

/// BERT's tokenizer (arXiv:1810.04805): text to the pieces of its words.
///
/// The text is cleaned (`BertNormalizer`), split at whitespace and around punctuation; each word is
/// cut into the longest pieces of the vocabulary from the left, pieces inside a word being written
/// with `##`. A word of more than 100 characters, or with a part that no piece fits, is `[UNK]`.
///
/// The literal texts `[CLS]`, `[MASK]` and so on are ordinary characters here, so that no user
/// string can forge a special token.
public final class WordPieceTokenizer: Sendable {
  /// The longest text, in bytes, that is looked at.
  public static let textLimit = 1 << 20
  /// The longest word, in characters, that is cut into pieces.
  public static let wordLimit = 100

  private let vocabulary: WordPieceVocabulary
  private let normalizer: BertNormalizer
  private let specials: Set<Int>

  /// The id of `[UNK]`.
  public let unknownID: Int
  /// The id of `[CLS]`, which starts a sequence.
  public let classID: Int
  /// The id of `[SEP]`, which ends it.
  public let separatorID: Int
  /// The id of `[MASK]`.
  public let maskID: Int

  init(_ vocabulary: WordPieceVocabulary, normalizer: BertNormalizer = BertNormalizer()) throws {
    self.vocabulary = vocabulary
    self.normalizer = normalizer
    unknownID = try vocabulary.special("[UNK]")
    classID = try vocabulary.special("[CLS]")
    separatorID = try vocabulary.special("[SEP]")
    maskID = try vocabulary.special("[MASK]")
    var specials: Set = [unknownID, classID, separatorID, maskID]
    if let padding = vocabulary.id(of: "[PAD]") { specials.insert(padding) }
    for (id, text) in vocabulary.texts.enumerated()
    where text.hasPrefix("[unused") && text.hasSuffix("]") { specials.insert(id) }
    self.specials = specials
  }

  /// A tokenizer from a folder with `vocab.txt`, else `tokenizer.json`.
  ///
  /// Whether letters are made small and accents stripped is read from `tokenizer_config.json`, else
  /// from `tokenizer.json`; without both, the text is made small (`do_lower_case`).
  ///
  /// - Throws: `KilpiError` naming the file that is missing or damaged.
  public convenience init(folder: String) throws {
    let whole = folder + "/tokenizer.json"
    let lines = folder + "/vocab.txt"
    let document = FileReader.exists(whole) ? try Self.json(at: whole) : nil
    let normalizer = try Self.normalizer(folder, document)
    if FileReader.exists(lines) {
      let bytes = try FileReader.bytes(at: lines, limit: WordPieceVocabulary.byteLimit)
      try self.init(
        Self.naming(lines) { try WordPieceVocabulary(lines: bytes) }, normalizer, path: lines)
      return
    }
    guard let document else {
      throw KilpiError(
        "no tokenizer in '\(folder)'", advice: "it needs vocab.txt or tokenizer.json")
    }
    let vocabulary = try Self.naming(whole) { () throws -> WordPieceVocabulary in
      let model = document["model"]
      guard model?["type"]?.string ?? "WordPiece" == "WordPiece",
        let members = model?["vocab"]?.object
      else { throw KilpiError("it holds no WordPiece model") }
      guard model?["continuing_subword_prefix"]?.string ?? "##" == "##" else {
        throw KilpiError("its pieces inside words are not written with '##'")
      }
      // Any other step would give other pieces without a word.
      let words = document["pre_tokenizer"]?["type"]?.string ?? "BertPreTokenizer"
      guard words == "BertPreTokenizer" else {
        throw Self.refusal("pre-tokenizer", words)
      }
      let limit = model?["max_input_chars_per_word"]?.int ?? Self.wordLimit
      guard limit == Self.wordLimit else {
        throw Self.refusal("model's", "max_input_chars_per_word = \(limit)")
      }
      let unknown = model?["unk_token"]?.string ?? "[UNK]"
      guard unknown == "[UNK]" else { throw Self.refusal("model's", "unk_token = \(unknown)") }
      return try WordPieceVocabulary(
        ids: members.map { member in
          guard let id = member.value.int else {
            throw KilpiError("'\(member.key.prefix(40))' has no whole number as its id")
          }
          return (member.key, id)
        })
    }
    try self.init(vocabulary, normalizer, path: whole)
  }

  private convenience init(
    _ vocabulary: WordPieceVocabulary, _ normalizer: BertNormalizer, path: String
  ) throws {
    do {
      try self.init(vocabulary, normalizer: normalizer)
    } catch let error as KilpiError {
      throw KilpiError("cannot use '\(path)': \(error.problem)", advice: error.advice)
    }
  }

  /// The number of ids.
  public var vocabularySize: Int { vocabulary.texts.count }

  // MARK: - Pieces

  /// The pieces of a text, without `[CLS]` and `[SEP]`.
  ///
  /// - Parameter text: at most 1 MiB of UTF-8.
  /// - Throws: `KilpiError` when the text is too long, on interrupt. Cost: linear but for runs of
  ///   combining marks, which are sorted.
  public func pieces(of text: String) throws -> [WordPiece] {
    guard text.utf8.count <= Self.textLimit else {
      throw KilpiError(
        "the text has \(text.utf8.count) bytes, more than \(Self.textLimit)",
        advice: "tokenize it in parts")
    }
    try Interrupts.poll()
    let characters = normalizer(text)
    var pieces: [WordPiece] = []
    var first = 0
    func flush(_ end: Int) {
      if end > first { append(characters[first..<end], to: &pieces) }
    }
    for (index, character) in characters.enumerated() {
      if BertNormalizer.isSpace(character.scalar) {
        flush(index)
        first = index + 1
      } else if BertNormalizer.isPunctuation(character.scalar) {
        flush(index)
        append(characters[index...index], to: &pieces)
        first = index + 1
      }
    }
    flush(characters.count)
    return pieces
  }

  /// The ids of a text, without `[CLS]` and `[SEP]`.
  public func ids(of text: String) throws -> [Int] { try pieces(of: text).map(\.id) }

  /// The longest pieces of one word, from the left.
  private func append(_ word: ArraySlice<BertNormalizer.Character>, to pieces: inout [WordPiece]) {
    func range(_ part: Range<Int>) -> Range<Int> {
      // Reordered marks may stand behind what they come before.
      var low = word[part.lowerBound].start
      var high = low
      for character in word[part] {
        low = min(low, character.start)
        high = max(high, character.end)
      }
      return low..<high
    }
    let whole = word.startIndex..<word.endIndex
    let count = pieces.count
    var start = word.startIndex
    while start < word.endIndex, word.count <= Self.wordLimit {
      var node = start == word.startIndex ? ByteTrie.root : vocabulary.continuation
      var best: (id: Int32, end: Int)?
      var end = start
      walk: while let from = node, end < word.endIndex {
        var next: Int32? = from
        for byte in UTF8.encode(word[end].scalar) ?? UTF8.encodedReplacementCharacter {
          next = next.flatMap { vocabulary.trie.child(of: $0, byte) }
        }
        end += 1
        if let next, let id = vocabulary.trie.value(at: next) { best = (id, end) }
        node = next
      }
      guard let best else { break }
      pieces.append(WordPiece(id: Int(best.id), range: range(start..<best.end)))
      start = best.end
    }
    if start < word.endIndex {
      pieces.removeLast(pieces.count - count)
      pieces.append(WordPiece(id: unknownID, range: range(whole)))
    }
  }

  // MARK: - Back to text

  /// A piece as the vocabulary writes it, nil for an id outside.
  public func piece(of id: Int) -> String? {
    vocabulary.texts.indices.contains(id) ? vocabulary.texts[id] : nil
  }

  /// The id of a piece as the vocabulary writes it.
  public func id(of piece: String) -> Int? { vocabulary.id(of: piece) }

  /// Whether an id is `[PAD]`, `[UNK]`, `[CLS]`, `[SEP]`, `[MASK]` or `[unused…]`.
  public func isSpecial(_ id: Int) -> Bool { specials.contains(id) }

  /// Pieces side by side, those inside words joined to what stands before them.
  ///
  /// - Parameter tidies: moves `.`, `,` and other marks and the ends of contractions to the word
  ///   before them, as the reference's `decode` does.
  /// - Throws: `KilpiError` when an id is not in the vocabulary.
  public func decode(_ ids: some Sequence<Int>, tidies: Bool = false) throws -> String {
    var text = ""
    for id in ids {
      guard let piece = piece(of: id) else {
        throw KilpiError("there is no token \(id)", advice: "ids are 0 … \(vocabularySize - 1)")
      }
      if piece.hasPrefix("##"), !text.isEmpty {
        text += piece.dropFirst(2)
      } else {
        text += text.isEmpty ? piece : " " + piece
      }
    }
    if tidies { for (apart, joined) in Self.tidied { text = text.replacing(apart, with: joined) } }
    return text
  }

  private static let tidied: KeyValuePairs = [
    " .": ".", " ?": "?", " !": "!", " ,": ",", " ' ": "'", " n't": "n't", " 'm": "'m", " 's": "'s",
    " 've": "'ve", " 're": "'re",
  ]

  // MARK: - Files

  private static func normalizer(
    _ folder: String, _ document: JSONValue?
  ) throws -> BertNormalizer {
    var result = BertNormalizer()
    let path = folder + "/tokenizer_config.json"
    if FileReader.exists(path) {
      let options = try json(at: path)
      result.lowercases = options["do_lower_case"]?.bool ?? true
      result.stripsAccents = options["strip_accents"]?.bool
      result.splitsChinese = options["tokenize_chinese_chars"]?.bool ?? true
    } else if let options = document?["normalizer"], options != .null {
      let type = options["type"]?.string ?? "?"
      let isBert = type == "BertNormalizer" && options["clean_text"] != false
      guard isBert else {
        let name = type == "BertNormalizer" ? "BertNormalizer without clean_text" : type
        throw KilpiError(
          "cannot use '\(folder)/tokenizer.json': \(refusal("normalizer", name).problem)")
      }
      result.lowercases = options["lowercase"]?.bool ?? true
      result.stripsAccents = options["strip_accents"]?.bool
      result.splitsChinese = options["handle_chinese_chars"]?.bool ?? true
    }
    return result
  }

  private static func refusal(_ part: String, _ name: String) -> KilpiError {
    KilpiError("its \(part) '\(name.prefix(60))' is not followed")
  }

  private static func json(at path: String) throws -> JSONValue {
    let bytes = try FileReader.bytes(at: path, limit: WordPieceVocabulary.byteLimit)
    return try naming(path) { try JSONValue.parse(bytes) }
  }

  private static func naming<Result>(
    _ path: String, _ body: () throws -> Result
  ) throws -> Result {
    do {
      return try body()
    } catch let error as KilpiError {
      throw KilpiError("cannot use '\(path)': \(error.problem)", advice: error.advice)
    }
  }
}
