internal import Diagnostics
internal import Files

/// A unigram model's tokenizer, SigLIP's above all (arXiv:2303.15343): pieces, and the rules around them.
///
/// By SigLIP's rules the text is made small, ASCII punctuation goes, whitespace runs become one space; it is
/// normalised by the model's own table and cut into the pieces of the largest summed score (Viterbi);
/// `</s>` ends it. As transformers' `SiglipTokenizer`, which puts `<unk>` in front and takes its pieces
/// away again. A `tokenizer.json` of another class has steps of its own, which are followed in their place.
/// Literal names of start, end, padding and unknown tokens are ordinary characters here.
public final class SentencePieceTokenizer: Sendable {
  /// The longest text, in bytes, that is looked at.
  public static let textLimit = 1 << 20
  /// The context length of SigLIP's models.
  public static let defaultContext = 64

  /// What is done to a text before its pieces are looked up.
  enum Rules: Sendable {
    /// SigLIP's own, then the model's normaliser.
    case siglip(lowercases: Bool)
    /// The model's normaliser alone.
    case model
    /// Those of a `tokenizer.json`.
    case steps(DocumentSteps)
  }

  private let model: SentencePieceModel
  /// The files that it was read from: names and bytes.
  private let files: [(name: String, bytes: [UInt8])]
  private let rules: Rules
  /// open_clip's cleaning, before the rules.
  private let cleaning: TextCleaning?
  /// The id of `</s>`, which ends a text.
  public let endID: Int
  /// The id of what fills a row behind the end: `</s>`, or the files' padding token.
  public let padID: Int
  /// Whether a text that is too long loses its start: `truncation_side` of the files.
  private let cutsLeft: Bool
  /// The pieces that the reference's prefix `<unk>` has.
  private let prefixCount: Int

  init(
    _ model: SentencePieceModel, files: [(name: String, bytes: [UInt8])] = [],
    rules: Rules = .siglip(lowercases: true), cleaning: TextCleaning? = nil,
    padding: String? = nil, cutsLeft: Bool = false
  ) throws {
    guard let end = model.id(of: "</s>") else {
      throw KilpiError("there is no piece '</s>'", advice: "is it SigLIP's?")
    }
    self.model = model
    self.files = files
    self.rules = rules
    self.cleaning = cleaning
    self.cutsLeft = cutsLeft
    endID = end
    guard let filler = padding.map({ model.id(of: $0) }) ?? end else {
      throw KilpiError("there is no piece '\((padding ?? "").prefix(40))', its padding token")
    }
    padID = filler
    prefixCount = try Self.ids(of: "<unk>", model).count
  }

  /// The number of ids.
  public var vocabularySize: Int {
    guard case .steps(let steps) = rules else { return model.texts.count }
    return max(model.texts.count, steps.endID)
  }
  /// The id of what no piece fits.
  public var unknownID: Int { model.unknownID }

  // MARK: - Ids

  /// The ids of a text by the tokenizer's rules, without `</s>`.
  ///
  /// - Parameter text: at most 1 MiB of UTF-8.
  /// - Throws: `KilpiError` when the text is too long, on interrupt. Cost: linear in the text, times
  ///   the longest piece.
  public func ids(of text: String) throws -> [Int] {
    try Self.check(text)
    let clean = cleaned(text)
    switch rules {
    case .model: return try Self.ids(of: clean, model)
    case .siglip(let lowercases):
      let canonical = Self.canonical(clean, lowercases: lowercases)
      return Array(try Self.ids(of: "<unk>" + canonical, model).dropFirst(prefixCount))
    case .steps(let steps):
      return try steps.parts(of: clean).flatMap { part in
        switch part {
        case .token(let token): [token.id]
        case .piece(let piece): Self.pieceIDs(Self.bytes(piece), model)
        }
      }
    }
  }

  /// The text after open_clip's cleaning.
  private func cleaned(_ text: String) -> String {
    cleaning.map { TextCleaner.string(TextCleaner.clean(text, as: $0)) } ?? text
  }

  private static func bytes(_ scalars: ArraySlice<Unicode.Scalar>) -> [UInt8] {
    scalars.flatMap { Array(UTF8.encode($0) ?? UTF8.encodedReplacementCharacter) }
  }

  /// The ids of a text as it is, as SentencePiece's own `encode` gives them.
  public func rawIDs(of text: String) throws -> [Int] {
    try Self.check(text)
    return try Self.ids(of: text, model)
  }

  /// The ids of a text in a fixed length: pieces, `</s>`, and padding (`</s>` again, or the files' token).
  ///
  /// - Parameters:
  ///   - context: the length, at least 1.
  ///   - truncate: cuts a longer text, keeping `</s>`; without it, it is an error.
  /// - Throws: as `ids(of:)`, and when the text is too long, with both lengths.
  public func encode(
    _ text: String, context: Int = SentencePieceTokenizer.defaultContext, truncate: Bool = false
  ) throws -> [Int] {
    guard context >= 1 else {
      throw KilpiError("context is \(context), outside 1 … (the end token needs one)")
    }
    var ids = try self.ids(of: text)
    if ids.count + 1 > context {
      guard truncate else {
        let excerpt = text.count <= 40 ? text : text.prefix(39) + "…"
        throw KilpiError(
          "the text has \(ids.count + 1) tokens, the context holds \(context): '\(excerpt)'",
          advice: "shorten it, or pass truncate = true to cut it")
      }
      let count = ids.count + 1 - context
      if cutsLeft { ids.removeFirst(count) } else { ids.removeLast(count) }
    }
    return ids + [endID] + [Int](repeating: padID, count: context - ids.count - 1)
  }

  /// The text of ids: control pieces are skipped, everything from `</s>` on too.
  ///
  /// - Throws: `KilpiError` when an id is not in the vocabulary.
  public func decode(_ ids: [Int]) throws -> String {
    var bytes: [UInt8] = []
    for id in ids {
      guard model.texts.indices.contains(id) else {
        if case .steps(let steps) = rules, let name = steps.name(of: id) {
          bytes += Array(name.utf8)
          continue
        }
        throw KilpiError("there is no token \(id)", advice: "ids are 0 … \(vocabularySize - 1)")
      }
      if id == endID { break }
      switch model.kinds[id] {
      case .control: continue
      case .unknown: bytes += Array(model.unknownSurface.utf8)
      case .byte: bytes.append(byteValue(id))
      case .normal, .userDefined, .unused: append(model.texts[id], to: &bytes)
      }
    }
    if hasSpaceInFront, bytes.first == 0x20 { bytes.removeFirst() }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// The text of a piece, U+2581 for spaces; nil for an id outside.
  public func piece(of id: Int) -> String? {
    model.texts.indices.contains(id) ? String(decoding: model.texts[id], as: UTF8.self) : nil
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

  /// SigLIP's canonical form: a leading U+2581, small letters, no ASCII punctuation, single spaces.
  static func canonical(_ text: String, lowercases: Bool = true) -> String {
    var scalars: [Unicode.Scalar] = ["\u{2581}"]
    for scalar in text.unicodeScalars { scalars.append(scalar == "\u{2581}" ? " " : scalar) }
    let small = lowercases ? TextCleaner.lowercased(scalars, finalSigma: true) : scalars
    var result = String.UnicodeScalarView()
    for scalar in small {
      switch scalar.value {
      case 0x21...0x2F, 0x3A...0x40, 0x5B...0x60, 0x7B...0x7E: continue
      default: break
      }
      if isSpace(scalar) {
        if let last = result.last, last != " " { result.append(" ") }
      } else {
        result.append(scalar)
      }
    }
    if result.last == " " { result.removeLast() }
    return String(result)
  }

  /// What Python takes for a space: U+001C to U+001F too.
  private static func isSpace(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 9...13, 0x1C...0x20: return true
    case 0..<0x80: return false
    default: return scalar.properties.isWhitespace
    }
  }

  /// The bytes of the character that a text starts with, by its first byte.
  static func characterLength(_ text: ArraySlice<UInt8>) -> Int {
    let lead = text.first ?? 0
    let length = lead < 0xC0 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4
    return min(length, text.count)
  }

  /// The ids of a text after the model's normaliser.
  private static func ids(of text: String, _ model: SentencePieceModel) throws -> [Int] {
    pieceIDs(try model.normalizer(Array(text.utf8)), model)
  }

  /// The best cut of the normalised text, unknown neighbours as one.
  private static func pieceIDs(_ normalized: [UInt8], _ model: SentencePieceModel) -> [Int] {
    var ids: [Int] = []
    var afterUnknown = false
    for (id, range) in bestCut(normalized, model) {
      let isUnknown = id == model.unknownID
      if isUnknown, !model.byteIDs.isEmpty {
        ids += normalized[range].map { model.byteIDs[Int($0)] }
      } else if !(isUnknown && afterUnknown) {
        ids.append(id)
      }
      afterUnknown = isUnknown
    }
    return ids
  }

  /// The pieces of the largest summed score, summed from the left; of equal sums the one whose last piece
  /// starts first.
  private static func bestCut(
    _ text: [UInt8], _ model: SentencePieceModel
  ) -> [(id: Int, range: Range<Int>)] {
    let isSingle = model.isSinglePrecision
    var scores = [Double](repeating: 0, count: text.count + 1)
    var starts = [Int](repeating: -1, count: text.count + 1)
    var ids = [Int](repeating: -1, count: text.count + 1)
    func offer(_ id: Int, _ sum: Double, from start: Int, to end: Int) {
      // A sum of two float32 in float64, rounded, is their sum in float32.
      let score = isSingle ? Double(Float(sum)) : sum
      if starts[end] >= 0, score <= scores[end] { return }
      scores[end] = score
      starts[end] = start
      ids[end] = id
    }
    var start = 0
    while start < text.count {
      let length = characterLength(text[start...])
      let before = scores[start]
      var hasCharacter = false
      var node = ByteTrie.root
      var end = start
      while end < text.count, let next = model.trie.child(of: node, text[end]) {
        node = next
        end += 1
        guard let value = model.trie.value(at: node) else { continue }
        let id = Int(value)
        switch model.kinds[id] {
        case .unused: continue
        case .userDefined:
          // Better than any other cut of the same text.
          let bonus = Double(Float(end - start) * Float(model.largestScore)) - 0.1
          offer(id, bonus + before, from: start, to: end)
        default: offer(id, model.scores[id] + before, from: start, to: end)
        }
        if end - start == length { hasCharacter = true }
      }
      if !hasCharacter {
        let score = model.unknownScore + before
        offer(model.unknownID, score, from: start, to: start + length)
      }
      start += length
    }
    var cut: [(id: Int, range: Range<Int>)] = []
    var end = text.count
    // A piece that ends inside a character (only damaged models have one) leads nowhere.
    while end > 0, starts[end] >= 0 {
      cut.append((ids[end], starts[end]..<end))
      end = starts[end]
    }
    return cut.reversed()
  }

  private func byteValue(_ id: Int) -> UInt8 {
    let digits = String(decoding: model.texts[id].dropFirst(3).dropLast(), as: UTF8.self)
    return UInt8(digits, radix: 16) ?? UInt8(ascii: "?")
  }

  /// What stands for a space in pieces; nil where nothing does.
  private var spaceMark: [UInt8]? {
    guard case .steps(let steps) = rules else { return SentencePieceModel.spaceSymbol }
    return steps.mark.map { Self.bytes([$0]) }
  }

  /// Whether a space of nobody's stands in front of a text.
  private var hasSpaceInFront: Bool {
    guard case .steps(let steps) = rules else { return model.normalizer.addsDummyPrefix }
    return steps.marksFront
  }

  private func append(_ piece: [UInt8], to bytes: inout [UInt8]) {
    let mark = spaceMark
    var rest = piece[...]
    while let byte = rest.first {
      if let mark, rest.starts(with: mark) {
        bytes.append(0x20)
        rest = rest.dropFirst(mark.count)
      } else {
        bytes.append(byte)
        rest = rest.dropFirst()
      }
    }
  }
}

extension SentencePieceTokenizer: TextTokenizer {
  /// The ids without `</s>`.
  public func plainIDs(of text: String) throws -> [Int] { try ids(of: text) }
  /// The text of ids.
  public func plainText(of ids: [Int]) throws -> String { try decode(ids) }
  /// Whitespace; punctuation is no part of the words that attacks edit.
  public var wordRule: WordRule { .sentencePieces }

  /// What the tokenizer's rules leave between spaces.
  public func words(of text: String) throws -> [String] {
    try Self.check(text)
    let clean = cleaned(text)
    let normalized: [UInt8]
    switch rules {
    case .model: normalized = try model.normalizer(Array(clean.utf8))
    case .siglip(let lowercases):
      normalized = try model.normalizer(Array(Self.canonical(clean, lowercases: lowercases).utf8))
    case .steps(let steps):
      return try steps.parts(of: clean).flatMap { part in
        switch part {
        case .token(let token): [TextCleaner.string(token.name)]
        case .piece(let piece):
          piece.split { $0 == steps.mark || $0.properties.isWhitespace }.map {
            TextCleaner.string($0)
          }
        }
      }
    }
    return String(decoding: normalized, as: UTF8.self)
      .split { $0 == "\u{2581}" || $0 == " " }.map(String.init)
  }

  /// `</s>`.
  public var specialCount: Int { 1 }

  /// A piece that is a word of letters by itself: U+2581, then letters alone.
  public func word(of id: Int) -> String? {
    guard model.texts.indices.contains(id), model.kinds[id] == .normal, let mark = spaceMark,
      model.texts[id].starts(with: mark)
    else { return nil }
    let word = String(decoding: model.texts[id].dropFirst(mark.count), as: UTF8.self)
    guard !word.isEmpty, word.unicodeScalars.allSatisfy(\.properties.isAlphabetic) else {
      return nil
    }
    return word
  }

  /// Writes the files that it was read from: `spiece.model` or `tokenizer.json`, and their settings.
  public func save(in folder: String) throws {
    guard !files.isEmpty else { throw KilpiError("the tokenizer was not read from a file") }
    for file in files { try AtomicFile.write(file.bytes, to: "\(folder)/\(file.name)") }
  }
  /// True: it never ships with Kilpi.
  public var hasFiles: Bool { true }
  /// open_clip's cleaning, where requested.
  public var openCLIPCleaning: String? { cleaning?.openCLIPName }
}
