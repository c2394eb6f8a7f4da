internal import Diagnostics

/// Symbols, their ids and the merges of a byte-pair vocabulary, in flat tables.
///
/// Goals, in order: refuse damaged files with the line; load 48,894 merges in a few tens of ms (so
/// no `String` a symbol); be `Sendable` by being constant.
struct BytePairVocabulary: Sendable {
  /// The text of the symbol with each id, in byte stand-ins, `</w>` at a word's end.
  private(set) var symbols = SymbolTable()
  /// The id of each byte as a symbol inside a word, and at a word's end.
  private(set) var inner = [Int32](repeating: -1, count: 256)
  private(set) var final = [Int32](repeating: -1, count: 256)
  /// The id that each merge makes, by rank.
  private(set) var merged: [Int32] = []
  private var pairs = PairTable()
  private(set) var startID: Int32 = 0
  private(set) var endID: Int32 = 0

  /// Limits of vocabularies and merges.
  static let byteLimit = 16 << 20
  private static let lineLimit = 1_000_000
  private static let tokenLimit = 1024
  private static let wordEnd = Array("</w>".utf8)

  /// The merges that OpenAI's file holds for CLIP; it goes on after them.
  static let clipMerges = 49152 - 256 - 2

  /// OpenAI's file, unpacked: a header line, then a merge a line, of which the first 48,894 count.
  init(openAIMerges bytes: [UInt8]) throws {
    symbols.reserve(50_000)
    for (position, byte) in ByteStandIns.order.enumerated() {
      let text = ByteStandIns.text(of: byte)
      inner[Int(byte)] = Int32(position)
      final[Int(byte)] = Int32(position + 256)
      try insert(text, id: Int32(position), line: 0)
    }
    for (position, byte) in ByteStandIns.order.enumerated() {
      try insert(ByteStandIns.text(of: byte) + Self.wordEnd, id: Int32(position + 256), line: 0)
    }
    try readMerges(bytes, limit: Self.clipMerges) { _, rank in Int32(512 + rank) }
    guard merged.count == Self.clipMerges else {
      throw KilpiError("the vocabulary holds \(merged.count) merges in place of 48894")
    }
    startID = Int32(512 + Self.clipMerges)
    endID = startID + 1
    try insert(Array("<start_of_text>".utf8), id: startID, line: 0)
    try insert(Array("<end_of_text>".utf8), id: endID, line: 0)
  }

  /// A Hugging Face vocabulary: ids by symbol, and merges a line each (a `#version` line first).
  init(ids: [(symbol: String, id: Int)], merges bytes: [UInt8], start: String, end: String) throws {
    symbols.reserve(ids.count)
    for (symbol, id) in ids {
      guard (0..<Self.lineLimit).contains(id) else {
        throw KilpiError("the vocabulary gives '\(symbol.prefix(40))' the id \(id)")
      }
      try insert(Array(symbol.utf8), id: Int32(id), line: 0)
    }
    for byte in UInt8.min...UInt8.max {
      let text = ByteStandIns.text(of: byte)
      guard let plain = symbols.id(of: text), let last = symbols.id(of: text + Self.wordEnd) else {
        throw KilpiError("the vocabulary has no symbol for byte \(byte)")
      }
      inner[Int(byte)] = plain
      final[Int(byte)] = last
    }
    guard let startID = symbols.id(of: Array(start.utf8)),
      let endID = symbols.id(of: Array(end.utf8))
    else {
      throw KilpiError("the vocabulary lacks '\(start)' or '\(end)'")
    }
    self.startID = startID
    self.endID = endID
    try readMerges(bytes, limit: Self.lineLimit) { [symbols] text, _ in
      symbols.id(of: text) ?? -1
    }
  }

  /// The rank of the merge of two symbols, if there is one.
  func rank(_ left: Int32, _ right: Int32) -> Int32? { pairs.rank(left, right) }

  private mutating func insert(_ text: [UInt8], id: Int32, line: Int) throws {
    guard !text.isEmpty, text.count <= Self.tokenLimit else {
      throw KilpiError("a symbol of \(text.count) bytes in line \(line), outside 1 … 1024")
    }
    guard symbols.insert(text, id: id) else {
      throw KilpiError("line \(line) makes a symbol that was there before")
    }
  }

  /// The id of a symbol as files write it.
  func id(of symbol: String) -> Int? { symbols.id(of: Array(symbol.utf8)).map { Int($0) } }

  /// Reads `left right` lines after the first; a merge must join symbols that exist.
  private mutating func readMerges(
    _ bytes: [UInt8], limit: Int, id: ([UInt8], Int) -> Int32
  ) throws {
    guard bytes.count <= Self.byteLimit else {
      throw KilpiError("the merges have \(bytes.count) bytes, more than \(Self.byteLimit)")
    }
    pairs.reserve(min(limit, bytes.count / 4))
    merged.reserveCapacity(min(limit, bytes.count / 4))
    var line = 0
    var start = 0
    while start < bytes.count, merged.count < limit {
      let end = bytes[start...].firstIndex(of: 0x0A) ?? bytes.count
      defer { start = end + 1 }
      line += 1
      // The first line is a header in both layouts.
      if line == 1 || end == start { continue }
      guard let space = bytes[start..<end].firstIndex(of: 0x20), space > start, space + 1 < end,
        !bytes[(space + 1)..<end].contains(where: { $0 <= 0x20 })
      else {
        throw KilpiError("line \(line) of the merges is not two symbols and a space")
      }
      guard let left = symbols.id(of: bytes[start..<space]),
        let right = symbols.id(of: bytes[(space + 1)..<end])
      else {
        throw KilpiError("line \(line) of the merges joins a symbol that does not exist")
      }
      let text = Array(bytes[start..<space]) + bytes[(space + 1)..<end]
      let made = id(text, merged.count)
      guard made >= 0 else {
        throw KilpiError("line \(line) of the merges makes a symbol that has no id")
      }
      if symbols.text(of: made) == nil { try insert(text, id: made, line: line) }
      guard pairs.insert(left, right, rank: Int32(merged.count)) else {
        throw KilpiError("line \(line) of the merges repeats an earlier one")
      }
      merged.append(made)
    }
  }
}

/// GPT-2's printable stand-ins for the 256 bytes.
enum ByteStandIns {
  /// The bytes in the order of their ids: the printable ones, then the rest.
  static let order: [UInt8] = {
    let printable = Array(33...126) + Array(161...172) + Array(174...255)
    let rest = (0...255).filter { !printable.contains($0) }
    return (printable + rest).map { UInt8($0) }
  }()

  /// The stand-in's code point for each byte.
  static let codePoints: [UInt32] = {
    var points = [UInt32](repeating: 0, count: 256)
    for (position, byte) in order.enumerated() {
      points[Int(byte)] = position < 188 ? UInt32(byte) : UInt32(256 + position - 188)
    }
    return points
  }()

  /// The byte that a code point stands for, nil for any other.
  static func byte(of scalar: Unicode.Scalar) -> UInt8? {
    let value = scalar.value
    if value >= 256 {
      let position = 188 + Int(value) - 256
      return position < 256 ? order[position] : nil
    }
    return codePoints[Int(value)] == value ? UInt8(value) : nil
  }

  /// The stand-in as UTF-8.
  static func text(of byte: UInt8) -> [UInt8] {
    let point = codePoints[Int(byte)]
    if point < 0x80 { return [UInt8(point)] }
    return [UInt8(0xC0 | point >> 6), UInt8(0x80 | point & 0x3F)]
  }
}
