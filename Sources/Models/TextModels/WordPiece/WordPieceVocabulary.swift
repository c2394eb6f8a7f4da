internal import Diagnostics
internal import Files

/// The pieces of a WordPiece vocabulary and their ids.
struct WordPieceVocabulary: Sendable {
  /// Limits of vocabulary files.
  static let byteLimit = 16 << 20
  private static let lineLimit = 1_000_000
  private static let pieceLimit = 1024

  private(set) var trie = ByteTrie()
  private(set) var texts: [String] = []
  /// Where a walk for a piece inside a word starts, nil when there is no such piece.
  private(set) var continuation: Int32?

  /// The lines of `vocab.txt`: the piece of id 0 first.
  init(lines bytes: [UInt8]) throws {
    guard bytes.count <= Self.byteLimit else {
      throw KilpiError("the vocabulary has \(bytes.count) bytes, more than \(Self.byteLimit)")
    }
    var start = 0
    while start < bytes.count {
      let newline = bytes[start...].firstIndex(of: 0x0A) ?? bytes.count
      var end = newline
      if end > start, bytes[end - 1] == 0x0D { end -= 1 }
      try insert(bytes[start..<end], id: texts.count)
      start = newline + 1
    }
    finish()
  }

  /// Pieces with ids of their own, as in `tokenizer.json`.
  init(ids: [(piece: String, id: Int)]) throws {
    guard ids.count <= Self.lineLimit else {
      throw KilpiError("the vocabulary has \(ids.count) pieces, more than \(Self.lineLimit)")
    }
    var place: [String?] = Array(repeating: nil, count: ids.count)
    for (piece, id) in ids {
      guard place.indices.contains(id), place[id] == nil else {
        throw KilpiError(
          "the vocabulary gives '\(piece.prefix(40))' the id \(id); ids are 0 … "
            + "\(ids.count - 1), each once")
      }
      place[id] = piece
    }
    for (id, piece) in place.enumerated() { try insert(Array((piece ?? "").utf8)[...], id: id) }
    finish()
  }

  /// The id of a piece as the vocabulary writes it (`##` in front inside words).
  func id(of piece: String) -> Int? { trie.value(of: piece.utf8).map(Int.init) }

  /// The id of a special token.
  ///
  /// - Throws: `KilpiError` when the vocabulary has none.
  func special(_ name: String) throws -> Int {
    guard let id = id(of: name) else {
      throw KilpiError("the vocabulary has no '\(name)'", advice: "is it a BERT vocabulary?")
    }
    return id
  }

  private mutating func insert(_ piece: ArraySlice<UInt8>, id: Int) throws {
    guard id < Self.lineLimit else {
      throw KilpiError("the vocabulary has more than \(Self.lineLimit) pieces")
    }
    guard piece.count <= Self.pieceLimit else {
      throw KilpiError("line \(id + 1) of the vocabulary has \(piece.count) bytes, more than 1024")
    }
    guard let text = String(validating: piece, as: UTF8.self) else {
      throw KilpiError("line \(id + 1) of the vocabulary is not valid UTF-8")
    }
    // An empty line keeps its id and stands for nothing.
    if !piece.isEmpty {
      guard trie.insert(piece, value: Int32(id)) else {
        throw KilpiError("line \(id + 1) of the vocabulary repeats '\(text.prefix(40))'")
      }
    }
    texts.append(text)
  }

  private mutating func finish() { continuation = trie.node("##".utf8) }
}
