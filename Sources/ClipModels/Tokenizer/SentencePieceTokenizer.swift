internal import Diagnostics
internal import Files

/// SigLIP's tokenizer (arXiv:2303.15343): a SentencePiece unigram model, and the rules around it.
///
/// The text is made small, ASCII punctuation goes, whitespace runs become one space; it is normalised
/// by the model's own table and cut into the pieces of the largest summed score (Viterbi); `</s>`
/// ends it. As transformers' `SiglipTokenizer`, which puts `<unk>` in front and takes its pieces away
/// again. Literal names of special tokens are ordinary characters here.
public final class SentencePieceTokenizer: Sendable {
  /// The longest text, in bytes, that is looked at.
  public static let textLimit = 1 << 20
  /// The context length of SigLIP's models.
  public static let defaultContext = 64

  private let model: SentencePieceModel
  /// The files that it was read from: names and bytes.
  private let files: [(name: String, bytes: [UInt8])]
  /// Whether capital letters become small: `do_lower_case` of the files.
  private let lowercases: Bool
  /// open_clip's cleaning, in place of SigLIP's rules.
  private let cleaning: TextCleaning?
  /// The id of `</s>`, which ends a text and fills what is left.
  public let endID: Int
  /// The pieces that the reference's prefix `<unk>` has.
  private let prefixCount: Int

  /// A tokenizer from a `spiece.model`, a `tokenizer.json`, or a folder with one of them.
  ///
  /// - Throws: `KilpiError` naming the file that is missing or damaged.
  public convenience init(path: String) throws {
    var file = path
    if FileReader.isDirectory(path) {
      let names = ["spiece.model", "tokenizer.json"]
      guard let name = names.first(where: { FileReader.exists("\(path)/\($0)") }) else {
        throw KilpiError(
          "", "no tokenizer in '\(path)'", advice: "it needs spiece.model or tokenizer.json")
      }
      file = "\(path)/\(name)"
    }
    try self.init(file: file, beside: [], lowercases: true, cleaning: nil)
  }

  /// A tokenizer from a model's folder, with what `tokenizer_config.json` says.
  convenience init(folder: String, cleaning: TextCleaning?) throws {
    let names = ["spiece.model", "tokenizer.json"]
    let name = names.first { FileReader.exists("\(folder)/\($0)") } ?? "tokenizer.json"
    let settings = try TokenizerSettings(folder)
    let config = "tokenizer_config.json"
    let beside =
      FileReader.exists("\(folder)/\(config)")
      ? [(name: config, bytes: try FileReader.bytes(at: "\(folder)/\(config)", limit: 16 << 20))]
      : []
    try self.init(
      file: "\(folder)/\(name)", beside: beside, lowercases: settings.lowercases ?? true,
      cleaning: cleaning)
  }

  private convenience init(
    file: String, beside: [(name: String, bytes: [UInt8])], lowercases: Bool,
    cleaning: TextCleaning?
  ) throws {
    // A tokenizer.json of 256,000 pieces has 40 MB.
    let isJSONFile = file.hasSuffix(".json")
    let bytes = try FileReader.bytes(
      at: file, limit: isJSONFile ? 64 << 20 : SentencePieceModel.Limit.bytes)
    do {
      let isJSON = bytes.first { $0 > 0x20 } == UInt8(ascii: "{")
      let model =
        isJSON && isJSONFile
        ? try SentencePieceModel(tokenizer: JSONValue.parse(bytes))
        : try SentencePieceModel(serialized: bytes)
      let name = isJSONFile ? "tokenizer.json" : "spiece.model"
      try self.init(
        model, files: [(name, bytes)] + beside, lowercases: lowercases, cleaning: cleaning)
    } catch let error as KilpiError {
      throw KilpiError("", "cannot use '\(file)': \(error.problem)", advice: error.advice)
    }
  }

  init(
    _ model: SentencePieceModel, files: [(name: String, bytes: [UInt8])] = [],
    lowercases: Bool = true, cleaning: TextCleaning? = nil
  ) throws {
    guard let end = model.id(of: "</s>") else {
      throw KilpiError("", "there is no piece '</s>'", advice: "is it SigLIP's?")
    }
    self.model = model
    self.files = files
    self.lowercases = lowercases
    self.cleaning = cleaning
    endID = end
    prefixCount = try Self.ids(of: "<unk>", model).count
  }

  /// The number of ids.
  public var vocabularySize: Int { model.texts.count }
  /// The id of what no piece fits.
  public var unknownID: Int { model.unknownID }

  // MARK: - Ids

  /// The ids of a text by SigLIP's rules, without `</s>`.
  ///
  /// - Parameter text: at most 1 MiB of UTF-8.
  /// - Throws: `KilpiError` when the text is too long, on interrupt. Cost: linear in the text, times
  ///   the longest piece.
  public func ids(of text: String) throws -> [Int] {
    try Self.check(text)
    if let cleaning {
      return try Self.ids(
        of: TextCleaner.string(TextCleaner.clean(text, as: cleaning)), model)
    }
    let clean = Self.canonical(text, lowercases: lowercases)
    return Array(try Self.ids(of: "<unk>" + clean, model).dropFirst(prefixCount))
  }

  /// The ids of a text as it is, as SentencePiece's own `encode` gives them.
  public func rawIDs(of text: String) throws -> [Int] {
    try Self.check(text)
    return try Self.ids(of: text, model)
  }

  /// The ids of a text in a fixed length: pieces, `</s>`, and `</s>` again as padding.
  ///
  /// - Parameters:
  ///   - context: the length, at least 1.
  ///   - truncate: cuts a longer text, keeping `</s>`; without it, it is an error.
  /// - Throws: as `ids(of:)`, and when the text is too long, with both lengths.
  public func encode(
    _ text: String, context: Int = SentencePieceTokenizer.defaultContext, truncate: Bool = false
  ) throws -> [Int] {
    guard context >= 1 else {
      throw KilpiError("", "context is \(context), outside 1 … (the end token needs one)")
    }
    var ids = try self.ids(of: text)
    if ids.count + 1 > context {
      guard truncate else {
        let excerpt = text.count <= 40 ? text : text.prefix(39) + "…"
        throw KilpiError(
          "", "the text has \(ids.count + 1) tokens, the context holds \(context): '\(excerpt)'",
          advice: "shorten it, or pass truncate = true to cut it")
      }
      ids.removeLast(ids.count + 1 - context)
    }
    return ids + [Int](repeating: endID, count: context - ids.count)
  }

  /// The text of ids: control pieces are skipped, everything from `</s>` on too.
  ///
  /// - Throws: `KilpiError` when an id is not in the vocabulary.
  public func decode(_ ids: [Int]) throws -> String {
    var bytes: [UInt8] = []
    for id in ids {
      guard model.texts.indices.contains(id) else {
        throw KilpiError(
          "", "there is no token \(id)", advice: "ids are 0 … \(vocabularySize - 1)")
      }
      if id == endID { break }
      switch model.kinds[id] {
      case .control: continue
      case .unknown: bytes += Array(model.unknownSurface.utf8)
      case .byte: bytes.append(byteValue(id))
      case .normal, .userDefined, .unused: append(model.texts[id], to: &bytes)
      }
    }
    if model.normalizer.addsDummyPrefix, bytes.first == 0x20 { bytes.removeFirst() }
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
        "", "the text has \(text.utf8.count) bytes, more than \(textLimit)",
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

  /// The best cut of the normalised text, unknown neighbours as one.
  private static func ids(of text: String, _ model: SentencePieceModel) throws -> [Int] {
    let normalized = try model.normalizer(Array(text.utf8))
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

  /// The pieces of the largest summed score, summed in float32 from the left; of equal sums the one
  /// whose last piece starts first.
  private static func bestCut(
    _ text: [UInt8], _ model: SentencePieceModel
  ) -> [(id: Int, range: Range<Int>)] {
    var scores = [Float](repeating: 0, count: text.count + 1)
    var starts = [Int](repeating: -1, count: text.count + 1)
    var ids = [Int](repeating: -1, count: text.count + 1)
    func offer(_ id: Int, _ score: Float, from start: Int, to end: Int) {
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
          let bonus = Double(Float(end - start) * model.largestScore) - 0.1
          offer(id, Float(bonus + Double(before)), from: start, to: end)
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

  private func append(_ piece: [UInt8], to bytes: inout [UInt8]) {
    var rest = piece[...]
    while let byte = rest.first {
      if rest.starts(with: SentencePieceModel.spaceSymbol) {
        bytes.append(0x20)
        rest = rest.dropFirst(3)
      } else {
        bytes.append(byte)
        rest = rest.dropFirst()
      }
    }
  }
}

extension SentencePieceTokenizer: TextTokenizer {
  /// The ids by SigLIP's rules, without `</s>`.
  public func plainIDs(of text: String) throws -> [Int] { try ids(of: text) }
  /// The text of ids.
  public func plainText(of ids: [Int]) throws -> String { try decode(ids) }
  /// Whitespace, once punctuation is dropped.
  public var wordRule: WordRule { .sentencePieces }

  /// What the model's normaliser leaves between spaces.
  public func words(of text: String) throws -> [String] {
    let normalized = try model.normalizer(Array(Self.canonical(text).utf8))
    return String(decoding: normalized, as: UTF8.self)
      .split { $0 == "\u{2581}" || $0 == " " }.map(String.init)
  }

  /// `</s>`.
  public var specialCount: Int { 1 }

  /// A piece that is a word of letters by itself: U+2581, then letters alone.
  public func word(of id: Int) -> String? {
    guard model.texts.indices.contains(id), model.kinds[id] == .normal,
      model.texts[id].starts(with: SentencePieceModel.spaceSymbol)
    else { return nil }
    let word = String(decoding: model.texts[id].dropFirst(3), as: UTF8.self)
    guard !word.isEmpty, word.unicodeScalars.allSatisfy(\.properties.isAlphabetic) else {
      return nil
    }
    return word
  }

  /// Writes the files that it was read from: `spiece.model` or `tokenizer.json`, and their settings.
  public func save(in folder: String) throws {
    guard !files.isEmpty else { throw KilpiError("", "the tokenizer was not read from a file") }
    for file in files { try AtomicFile.write(file.bytes, to: "\(folder)/\(file.name)") }
  }
  /// True: it never ships with Kilpi.
  public var hasFiles: Bool { true }
  /// open_clip's cleaning, where that was asked for.
  public var openCLIPCleaning: String? { cleaning?.openCLIPName }
}
