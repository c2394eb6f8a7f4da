internal import Diagnostics
internal import Files

/// Text to token ids and back, as one model's text tower wants them.
public protocol TextTokenizer: Sendable {
  /// The number of ids: one more than the largest.
  var vocabularySize: Int { get }
  /// The ids of a text with its special tokens, padded to `context`.
  ///
  /// - Throws: `KilpiError` when the text is too long and `truncate` is false.
  func encode(_ text: String, context: Int, truncate: Bool) throws -> [Int]
  /// The ids of a text alone, without special tokens and padding.
  func plainIDs(of text: String) throws -> [Int]
  /// The text of plain ids.
  func plainText(of ids: [Int]) throws -> String
  /// The word that an id stands for alone; nil for parts of words and special tokens.
  func word(of id: Int) -> String?
  /// The words that the model sees of a text: cleaned as for its ids, cut where pieces never go across.
  func words(of text: String) throws -> [String]
  /// How it cuts words.
  var wordRule: WordRule { get }
  /// Ids of special tokens that take places of the context.
  var specialCount: Int { get }
  /// Writes the files that a folder needs so that the tokenizer is found again; nothing when it is
  /// the one that ships with Kilpi.
  func save(in folder: String) throws
  /// True when `save` writes files: the vocabulary is not the one that ships with Kilpi.
  var hasFiles: Bool { get }
  /// open_clip's `clean` mode of it; nil when texts are not cleaned as open_clip does.
  var openCLIPCleaning: String? { get }
}

/// How a tokenizer cuts a text into words.
public enum WordRule: Sendable {
  /// CLIP's pattern: endings such as `'s`, runs of letters, single digits, runs of anything else.
  case bytePairs
  /// BERT's: whitespace, and every punctuation mark.
  case wordPieces
  /// SigLIP's: whitespace, once punctuation is dropped.
  case sentencePieces
}

extension TextTokenizer {
  /// CLIP's pattern, as most tokenizers of CLIP models have it.
  public var wordRule: WordRule { .bytePairs }
}

extension BytePairTokenizer: TextTokenizer {
  /// The ids with start and end, and behind them what the model's files say: zeros, or their padding.
  public func encode(_ text: String, context: Int, truncate: Bool) throws -> [Int] {
    guard context >= 2 else {
      throw KilpiError("context is \(context), outside 2 … (start and end tokens need two)")
    }
    return try row(
      styledIDs(of: text), text, context: context, truncate: truncate, filler: style.padID)
  }
  /// The ids of the text alone.
  public func plainIDs(of text: String) throws -> [Int] { try styledIDs(of: text) }
  /// CLIP's words of the text, cleaned as the model's files say.
  public func words(of text: String) throws -> [String] { try styledWords(of: text) }
  /// The text of ids.
  public func plainText(of ids: [Int]) throws -> String { try decode(ids) }
  /// A whole word of the vocabulary.
  public func word(of id: Int) -> String? { wholeWord(of: id) }
  /// Start and end.
  public var specialCount: Int { 2 }
  /// The files that it was read from; none for the vocabulary that ships with Kilpi.
  public func save(in folder: String) throws {
    for file in style.files { try AtomicFile.write(file.bytes, to: "\(folder)/\(file.name)") }
  }
  /// The cleaning that open_clip does before the tokenizer, unless it is what its class does anyway.
  public var openCLIPCleaning: String? { style.cleaning.openCLIPName }
  /// True when a folder holds its own files.
  public var hasFiles: Bool { !style.files.isEmpty }
}
