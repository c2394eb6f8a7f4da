internal import Archives
internal import Diagnostics

/// CLIP's byte-pair tokenizer (arXiv:2103.00020): text to token ids and back.
///
/// Text is cleaned, split into contractions, letter runs, single digits and runs of other
/// characters; each word's bytes are merged by rank. Ids are the files' own and count from 0.
///
/// The literal texts `<start_of_text>` and `<end_of_text>` are ordinary characters here, so that no
/// user string can forge a special token; `special: true` follows the reference, which maps them to
/// the special ids where a word may start, in any case. The Hugging Face tokenizer does so with
/// `<|startoftext|>` and `<|endoftext|>` as they stand, anywhere.
public final class BytePairTokenizer: Sendable {
  /// What stands after the end token.
  public enum Padding: Sendable, Equatable {
    /// Zeros, as OpenAI's code and open_clip do.
    case zeros
    /// The end token, as the Hugging Face tokenizer does for CLIP.
    case endToken
  }

  /// The longest text, in bytes, that is looked at.
  public static let textLimit = 1 << 20
  /// The context length of OpenAI's models.
  public static let defaultContext = 77

  private let vocabulary: BytePairVocabulary
  private let finders: (asItIs: AddedTokenFinder, normalized: AddedTokenFinder)
  /// How a model's own texts are cleaned, and what its rows are padded with.
  let style: Style

  /// What a model's files say about its tokenizer.
  struct Style: Sendable {
    /// Done to the text first; with `steps`, before these.
    var cleaning = TextCleaning.reference
    /// Hugging Face's normaliser; nil: the cleaning alone.
    var steps: [NormalizerStep]?
    /// The id behind the end token.
    var padID = 0
    /// Special tokens that are looked for in texts before anything else, as transformers does: added ones,
    /// and padding with a name of ordinary text, such as `!`.
    var literals: [AddedToken] = []
    /// Whether a text that is too long loses its start.
    var cutsLeft = false
    /// The files that it was read from: names and bytes; none for the vocabulary that Kilpi ships.
    var files: [(name: String, bytes: [UInt8])] = []
  }

  /// The id of the start token; 49406 for CLIP.
  public var startID: Int { Int(vocabulary.startID) }
  /// The id of the end token, 49407 for CLIP; the text feature is read at its first position.
  public var endID: Int { Int(vocabulary.endID) }
  /// The number of ids, 49408 for CLIP: one more than the largest.
  public var vocabularySize: Int { vocabulary.symbols.endID }

  init(_ vocabulary: BytePairVocabulary, style: Style = Style()) {
    self.vocabulary = vocabulary
    self.style = style
    // A name that its normaliser makes absurdly long is found nowhere.
    finders =
      (try? AddedTokenFinder.pair(style.literals, style.steps ?? []))
      ?? (AddedTokenFinder([]), AddedTokenFinder([]))
  }

  /// The same vocabulary for texts that are cleaned otherwise.
  func with(cleaning: TextCleaning) -> BytePairTokenizer {
    var style = self.style
    style.cleaning = cleaning
    return with(style: style)
  }

  /// The same vocabulary in another style.
  func with(style: Style) -> BytePairTokenizer { BytePairTokenizer(vocabulary, style: style) }

  /// The tokenizer over the vocabulary that Kilpi ships, read once at its first use.
  ///
  /// - Throws: `KilpiError` when the file is not found or damaged.
  public static func standard() throws -> BytePairTokenizer { try shared.get() }

  private static let shared = Result { () throws in
    try BytePairTokenizer(
      openAIVocabulary: ResourceLocator.path("data/bpe_simple_vocab_16e6.txt.gz"))
  }

  /// A tokenizer over OpenAI's `bpe_simple_vocab_16e6.txt.gz`.
  ///
  /// - Throws: `KilpiError` naming the path when the file cannot be read or is not such a file.
  public convenience init(openAIVocabulary path: String) throws {
    let bytes = try Gzip.contents(ofFile: path, limit: BytePairVocabulary.byteLimit)
    do {
      self.init(try BytePairVocabulary(openAIMerges: bytes))
    } catch let error as KilpiError {
      throw KilpiError("cannot use '\(path)': \(error.problem)", advice: error.advice)
    }
  }

  // MARK: - Ids

  /// The ids of a text without start, end and padding.
  ///
  /// - Parameters:
  ///   - text: at most 1 MiB of UTF-8.
  ///   - cleaning: `.reference` (ftfy's rules) or `.huggingFace`.
  ///   - special: whether the literal names of the special tokens mean the tokens.
  /// - Throws: `KilpiError` when the text is too long, on interrupt. Cost: O(n log n).
  public func ids(
    of text: String, cleaning: TextCleaning = .reference, special: Bool = false
  ) throws -> [Int] {
    try Self.check(text)
    var ids: [Int] = []
    ids.reserveCapacity(text.utf8.count / 4 + 2)
    if special, cleaning == .huggingFace {
      for part in specialParts(Array(text.unicodeScalars)) {
        switch part {
        case .token(let token): ids.append(token.id)
        case .text(let text, _):
          append(TextCleaner.clean(TextCleaner.string(text), as: cleaning), cleaning, to: &ids)
        }
      }
    } else {
      let names = special ? specialNames("<start_of_text>", "<end_of_text>") : []
      append(TextCleaner.clean(text, as: cleaning), cleaning, special: names, to: &ids)
    }
    return ids
  }

  /// The ids of a text in a fixed length: start, ids, end, padding.
  ///
  /// - Parameters:
  ///   - context: the length, at least 2.
  ///   - truncate: cuts a longer text, keeping the end token; without it, it is an error.
  /// - Throws: as `ids(of:cleaning:special:)`, and when the text is too long, with both lengths.
  public func encode(
    _ text: String, context: Int = BytePairTokenizer.defaultContext, truncate: Bool = false,
    padding: Padding = .zeros, cleaning: TextCleaning = .reference, special: Bool = false
  ) throws -> [Int] {
    guard context >= 2 else {
      throw KilpiError("context is \(context), outside 2 … (start and end tokens need two)")
    }
    let filler = padding == .zeros ? 0 : endID
    return try row(
      self.ids(of: text, cleaning: cleaning, special: special), text, context: context,
      truncate: truncate, filler: filler)
  }

  /// The ids of a text as the model's files say.
  func styledIDs(of text: String) throws -> [Int] {
    guard style.steps != nil else { return try ids(of: text, cleaning: style.cleaning) }
    var ids: [Int] = []
    try walkStyled(text) { part in
      switch part {
      case .token(let token): ids.append(token.id)
      case .text(let scalars, _): append(scalars, .huggingFace, to: &ids)
      }
    }
    return ids
  }

  /// The words of a text as the model's files say: what ids are made of.
  func styledWords(of text: String) throws -> [String] {
    var words: [String] = []
    try walkStyled(text) { part in
      switch part {
      case .token(let token): words.append(TextCleaner.string(token.name))
      case .text(let scalars, _):
        let ignoresCase = style.steps == nil && style.cleaning != .huggingFace
        WordScanner(ignoresCase: ignoresCase).words(of: scalars) {
          words.append(TextCleaner.string($0))
        }
      }
    }
    return words
  }

  /// The cleaned parts of a text, in order.
  private func walkStyled(_ text: String, _ body: (AddedTokenFinder.Part) throws -> Void) throws {
    try Self.check(text)
    guard let steps = style.steps else {
      return try body(.text(TextCleaner.clean(text, as: style.cleaning), isStart: true))
    }
    // transformers alone cleans by its normaliser only.
    let whole =
      style.cleaning == .huggingFace
      ? Array(text.unicodeScalars) : TextCleaner.clean(text, as: style.cleaning)
    try AddedTokenFinder.walk(whole, finders.asItIs, finders.normalized, steps, body)
  }

  /// Start, ids, end and filler in a fixed length.
  func row(
    _ whole: [Int], _ text: String, context: Int, truncate: Bool, filler: Int
  ) throws -> [Int] {
    var ids = whole
    if ids.count + 2 > context {
      guard truncate else {
        throw KilpiError(
          "the text has \(ids.count + 2) tokens, the context holds \(context): '\(excerpt(text))'",
          advice: "shorten it, or pass truncate = true to cut it")
      }
      let count = ids.count + 2 - context
      if style.cutsLeft { ids.removeFirst(count) } else { ids.removeLast(count) }
    }
    return [startID] + ids + [endID]
      + [Int](repeating: filler, count: context - ids.count - 2)
  }

  /// Whether decoding and tokenizing again gives the same ids.
  public func roundTrips(_ text: String) throws -> Bool {
    let ids = try self.ids(of: text)
    return try self.ids(of: decode(ids)) == ids
  }

  /// The text of ids: words separated by single spaces, as cleaned (lower case); digits and
  /// punctuation stand apart, since tokens do not keep the spaces between words.
  ///
  /// Start tokens are skipped, and everything from the end token on. Bytes that are not UTF-8
  /// become U+FFFD.
  ///
  /// - Throws: `KilpiError` when an id is not in the vocabulary.
  public func decode(_ ids: some Sequence<Int>) throws -> String {
    var bytes: [UInt8] = []
    for id in ids {
      if id == startID { continue }
      if id == endID { break }
      guard let small = Int32(exactly: id), let symbol = vocabulary.symbols.text(of: small) else {
        throw KilpiError("there is no token \(id)", advice: "ids are 0 … \(vocabularySize - 1)")
      }
      append(symbol, to: &bytes)
    }
    if bytes.last == 0x20 { bytes.removeLast() }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// The text of a token that is a word of letters by itself, nil for any other.
  public func wholeWord(of id: Int) -> String? {
    guard let small = Int32(exactly: id), let symbol = vocabulary.symbols.text(of: small),
      symbol.suffix(4).elementsEqual("</w>".utf8)
    else { return nil }
    var bytes: [UInt8] = []
    append(symbol, to: &bytes)
    guard let word = String(validating: bytes.dropLast(), as: UTF8.self), !word.isEmpty,
      word.unicodeScalars.allSatisfy(\.properties.isAlphabetic)
    else { return nil }
    return word
  }

  // MARK: - Parts

  private static func check(_ text: String) throws {
    guard text.utf8.count <= textLimit else {
      throw KilpiError(
        "the text has \(text.utf8.count) bytes, more than \(textLimit)",
        advice: "tokenize it in parts")
    }
    try Interrupts.poll()
  }

  private func append(
    _ scalars: [Unicode.Scalar], _ cleaning: TextCleaning,
    special: [(id: Int, name: [Unicode.Scalar])] = [], to ids: inout [Int]
  ) {
    var merger = BytePairMerger(vocabulary)
    var word: [UInt8] = []
    let scanner = WordScanner(ignoresCase: cleaning != .huggingFace, names: special.map(\.name))
    scanner.words(of: scalars) { scalars in
      if let token = special.first(where: { scalars.elementsEqual($0.name) }) {
        ids.append(token.id)
        return
      }
      word.removeAll(keepingCapacity: true)
      for scalar in scalars { word += UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter }
      merger.append(word, to: &ids)
    }
  }

  /// Appends a symbol's bytes, and a space where a word ends.
  private func append(_ symbol: ArraySlice<UInt8>, to bytes: inout [UInt8]) {
    var text = symbol
    let ends = symbol.count >= 4 && symbol.suffix(4).elementsEqual("</w>".utf8)
    if ends { text = text.dropLast(4) }
    for scalar in String(decoding: text, as: UTF8.self).unicodeScalars {
      if let byte = ByteStandIns.byte(of: scalar) { bytes.append(byte) }
    }
    if ends { bytes.append(0x20) }
  }

  private func specialNames(
    _ start: String, _ end: String
  ) -> [(id: Int, name: [Unicode.Scalar])] {
    [(startID, Array(start.unicodeScalars)), (endID, Array(end.unicodeScalars))]
  }

  /// Cuts a text at the names of Hugging Face's special tokens, before anything else is done.
  private func specialParts(_ text: [Unicode.Scalar]) -> [AddedTokenFinder.Part] {
    let names = specialNames("<|startoftext|>", "<|endoftext|>")
    return AddedTokenFinder(names.map { AddedToken(name: $0.name, id: $0.id) }).parts(of: text)
  }

  private func excerpt(_ text: String) -> String {
    text.count <= 40 ? text : text.prefix(39) + "…"
  }
}
