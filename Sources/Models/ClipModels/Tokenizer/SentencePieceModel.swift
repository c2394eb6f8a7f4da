internal import Diagnostics
internal import Files

/// A SentencePiece unigram model (arXiv:1808.06226): pieces with scores, and how text is normalised.
struct SentencePieceModel: Sendable {
  /// What a piece is for.
  enum Kind: Int, Sendable {
    case normal = 1
    case unknown = 2
    /// Never found in a text.
    case control = 3
    /// Found wherever it stands, and never cut.
    case userDefined = 4
    case unused = 5
    /// One byte of a character that no piece has.
    case byte = 6
  }

  /// Limits of vocabulary files.
  enum Limit {
    static let bytes = 16 << 20
    static let pieces = 1_000_000
    static let pieceBytes = 1024
  }

  /// U+2581, which stands for a space in pieces.
  static let spaceSymbol: [UInt8] = [0xE2, 0x96, 0x81]

  /// The pieces by id, as UTF-8.
  private(set) var texts: [[UInt8]] = []
  private(set) var scores: [Double] = []
  /// Whether sums of scores are float32, as SentencePiece's are; tokenizers' are float64.
  var isSinglePrecision = true
  private(set) var kinds: [Kind] = []
  /// Pieces that are found in texts.
  private(set) var trie = ByteTrie()
  /// Pieces that are not: their ids by name.
  private(set) var reserved: [[UInt8]: Int] = [:]
  private(set) var unknownID = -1
  /// The ids of the 256 bytes; empty without byte fallback.
  private(set) var byteIDs: [Int] = []
  /// What an unknown character costs.
  private(set) var unknownScore: Double = 0
  /// The largest score, by which user-defined pieces are rated.
  private(set) var largestScore = Double(Float.leastNormalMagnitude)
  /// How text is normalised.
  var normalizer = SentencePieceNormalizer()

  /// What is decoded for an unknown piece.
  var unknownSurface = " \u{2047} "

  /// A piece as files give it.
  struct Piece {
    var text: [UInt8] = []
    var score: Double = 0
    var kind = Kind.normal
  }

  /// Checks pieces and makes the tables.
  init(_ pieces: [Piece], byteFallback: Bool) throws {
    guard pieces.count <= Limit.pieces else {
      throw KilpiError("it has \(pieces.count) pieces, more than \(Limit.pieces)")
    }
    var least = Double.greatestFiniteMagnitude
    for (id, piece) in pieces.enumerated() {
      guard !piece.text.isEmpty, piece.text.count <= Limit.pieceBytes else {
        throw KilpiError("piece \(id) has \(piece.text.count) bytes, outside 1 … 1024")
      }
      guard String(validating: piece.text, as: UTF8.self) != nil else {
        throw KilpiError("piece \(id) is not valid UTF-8")
      }
      guard piece.score.isFinite else {
        throw KilpiError("the score of piece \(id) is \(piece.score)")
      }
      let isNew: Bool
      switch piece.kind {
      case .normal, .userDefined, .unused:
        isNew = reserved[piece.text] == nil && trie.insert(piece.text, value: Int32(id))
      case .control, .unknown, .byte:
        isNew =
          trie.value(of: piece.text) == nil
          && reserved.updateValue(id, forKey: piece.text) == nil
      }
      guard isNew else {
        throw KilpiError("piece \(id) was there before")
      }
      if piece.kind == .unknown {
        guard unknownID < 0 else { throw KilpiError("there are two unknown pieces") }
        unknownID = id
      }
      if piece.kind == .normal {
        least = min(least, piece.score)
        largestScore = max(largestScore, piece.score)
      }
      texts.append(piece.text)
      scores.append(piece.score)
      kinds.append(piece.kind)
    }
    guard unknownID >= 0 else { throw KilpiError("there is no unknown piece") }
    guard least < .greatestFiniteMagnitude else { throw KilpiError("there is no normal piece") }
    // As the reference: ten below the least score.
    unknownScore = Double(Float(least) - 10)
    if byteFallback {
      byteIDs = try (0..<256).map { byte in
        let digits = String(byte, radix: 16, uppercase: true)
        let name = Array("<0x\(digits.count == 1 ? "0" : "")\(digits)>".utf8)
        guard let id = reserved[name] else {
          throw KilpiError("byte fallback is on, and there is no piece for byte \(byte)")
        }
        return id
      }
    }
  }

  /// The id of a piece by its text, whatever its kind.
  func id(of piece: String) -> Int? {
    reserved[Array(piece.utf8)] ?? trie.value(of: piece.utf8).map(Int.init)
  }
}

// MARK: - spiece.model

extension SentencePieceModel {
  /// Reads a `spiece.model`: a protocol buffer `ModelProto`.
  init(serialized bytes: [UInt8]) throws {
    guard bytes.count <= Limit.bytes else {
      throw KilpiError("it has \(bytes.count) bytes, more than \(Limit.bytes)")
    }
    var pieces: [Piece] = []
    var byteFallback = false
    var suffixesSpaces = false
    var normalizer = SentencePieceNormalizer()
    var surface: String?
    var reader = ProtobufReader(bytes[...])
    while let field = try reader.next() {
      switch (field.number, field.value) {
      case (1, .bytes(let message)):
        guard pieces.count < Limit.pieces else {
          throw KilpiError("it has more than \(Limit.pieces) pieces")
        }
        pieces.append(try Self.piece(message))
      case (2, .bytes(let message)):
        var trainer = ProtobufReader(message)
        while let field = try trainer.next() {
          switch (field.number, field.value) {
          case (3, .integer(let type)) where type != 1:
            throw KilpiError(
              "it is no unigram model (its type is \(type))",
              advice: "byte-pair models of SentencePiece are not read")
          case (24, .integer(let flag)): suffixesSpaces = flag != 0
          case (35, .integer(let flag)): byteFallback = flag != 0
          case (44, .bytes(let text)): surface = String(decoding: text, as: UTF8.self)
          default: break
          }
        }
      case (3, .bytes(let message)): try normalizer.merge(message)
      default: break
      }
    }
    try self.init(pieces, byteFallback: byteFallback)
    normalizer.suffixesSpaces = suffixesSpaces
    normalizer.userDefined = userDefinedPieces()
    self.normalizer = normalizer
    if let surface { unknownSurface = surface }
  }

  private static func piece(_ message: ArraySlice<UInt8>) throws -> Piece {
    var piece = Piece()
    var reader = ProtobufReader(message)
    while let field = try reader.next() {
      switch (field.number, field.value) {
      case (1, .bytes(let text)): piece.text = Array(text)
      case (2, .fixed32(let bits)): piece.score = Double(Float(bitPattern: bits))
      case (3, .integer(let type)):
        guard let kind = Int(exactly: type).flatMap(Kind.init(rawValue:)) else {
          throw KilpiError("a piece has the unknown type \(type)")
        }
        piece.kind = kind
      default: break
      }
    }
    return piece
  }

  /// User-defined pieces, which the normaliser leaves as they are; nil when there are none.
  private func userDefinedPieces() -> ByteTrie? {
    var found: ByteTrie?
    for (id, kind) in kinds.enumerated() where kind == .userDefined {
      if found == nil { found = ByteTrie() }
      _ = found?.insert(texts[id], value: Int32(id))
    }
    return found
  }
}

// MARK: - tokenizer.json

extension SentencePieceModel {
  /// Reads the unigram model of a `tokenizer.json`.
  ///
  /// Taken are pieces and byte fallback; special added tokens are no pieces of texts.
  init(tokenizer document: JSONValue) throws {
    let kind = TokenizerDocument(json: document).kind
    guard kind == "Unigram" else { throw TokenizerDocument.refusal("model", kind ?? "?") }
    guard let model = document["model"], let rows = model["vocab"]?.array else {
      throw KilpiError("it holds no unigram model")
    }
    let unknown = model["unk_id"]?.int
    var specials: Set<Int> = []
    for token in document["added_tokens"]?.array ?? [] where token["special"]?.bool == true {
      if let id = token["id"]?.int { specials.insert(id) }
    }
    let byteFallback = model["byte_fallback"]?.bool ?? false
    let pieces = try rows.enumerated().map { id, row in
      guard let pair = row.array, pair.count == 2, let text = pair[0].string,
        let score = pair[1].double
      else { throw KilpiError("piece \(id) is not a text and a score") }
      let isByte = byteFallback && Self.isByteName(text)
      let kind: Kind =
        id == unknown ? .unknown : specials.contains(id) ? .control : isByte ? .byte : .normal
      return Piece(text: Array(text.utf8), score: score, kind: kind)
    }
    try self.init(pieces, byteFallback: byteFallback)
  }

  /// The same pieces with scores summed as tokenizers does: float64, unknown characters ten below the
  /// least score of all pieces.
  func summedAsTokenizers() -> SentencePieceModel {
    var result = self
    result.isSinglePrecision = false
    result.unknownScore = (scores.min() ?? 0) - 10
    return result
  }

  private static func isByteName(_ text: String) -> Bool {
    text.utf8.count == 6 && text.hasPrefix("<0x") && text.hasSuffix(">")
  }
}

/// Base64, as `tokenizer.json` writes bytes.
enum Base64 {
  /// The bytes that a text stands for.
  ///
  /// - Throws: `KilpiError` for other characters, or a length that is no multiple of four.
  static func decode(_ text: String) throws -> [UInt8] {
    let digits = Array(text.utf8)
    let padding = digits.suffix(2).filter { $0 == UInt8(ascii: "=") }.count
    guard digits.count % 4 == 0 else {
      throw KilpiError("its character map is not base64: \(digits.count) characters")
    }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(digits.count / 4 * 3)
    var bits: UInt32 = 0
    for (place, digit) in digits.enumerated() {
      let value: UInt8
      switch digit {
      case UInt8(ascii: "A")...UInt8(ascii: "Z"): value = digit - 65
      case UInt8(ascii: "a")...UInt8(ascii: "z"): value = digit - 71
      case UInt8(ascii: "0")...UInt8(ascii: "9"): value = digit + 4
      case UInt8(ascii: "+"): value = 62
      case UInt8(ascii: "/"): value = 63
      case UInt8(ascii: "=") where place >= digits.count - padding: value = 0
      default: throw KilpiError("its character map is not base64 at character \(place + 1)")
      }
      bits = bits << 6 | UInt32(value)
      if place % 4 == 3 {
        bytes += [
          UInt8(truncatingIfNeeded: bits >> 16), UInt8(truncatingIfNeeded: bits >> 8),
          UInt8(truncatingIfNeeded: bits),
        ]
        bits = 0
      }
    }
    bytes.removeLast(padding)
    return bytes
  }
}
