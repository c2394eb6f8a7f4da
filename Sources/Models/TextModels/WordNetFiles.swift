internal import Diagnostics
internal import Files

/// The index, data and exception files of one part of speech.
final class WordNetFiles {
  /// One synset: its words and its antonym pointers.
  struct Synset {
    /// The words as written, with `_` for spaces and without syntactic markers.
    var lemmas: [String]
    var antonyms: [Pointer]
    /// The synsets of a wider meaning.
    var hypernyms: [Pointer]
  }

  /// A pointer to a synset, or to one of its words.
  struct Pointer: Hashable {
    var offset: Int
    var part: WordNet.Part
    /// The word it starts from and the word it goes to, from 1; 0 stands for all words.
    var source: Int
    var target: Int
  }

  /// Irregular forms and what they are forms of.
  let exceptions: [String: [String]]

  private let index: MappedFile
  private let data: MappedFile
  private let indexPath: String
  private let dataPath: String

  /// The longest record that is believed.
  private static let lineLimit = 1 << 20

  init(folder: String, part: String) throws {
    indexPath = "\(folder)/index.\(part)"
    dataPath = "\(folder)/data.\(part)"
    index = try MappedFile(path: indexPath)
    data = try MappedFile(path: dataPath)
    var exceptions: [String: [String]] = [:]
    let text = try FileReader.text(at: "\(folder)/\(part).exc", limit: 16 << 20)
    for line in text.utf8.split(separator: 0x0A) {
      let fields = line.split(separator: 0x20).map { String(Substring($0)) }
      guard fields.count >= 2 else { continue }
      exceptions[fields[0], default: []] += fields.dropFirst()
    }
    self.exceptions = exceptions
  }

  /// The offsets of a word's synsets in sense order, nil when it is not listed.
  func entry(_ lemma: String) throws -> [Int]? {
    let key = Array(lemma.utf8)
    var low = 0
    var high = index.count
    // Lines that start before `low` come before the key, those from `high` on come after it.
    while low < high {
      let start = lineStart(index.bytes, at: low + (high - low) / 2, from: low)
      let line = try self.line(index.bytes, at: start, path: indexPath)
      switch Self.compare(line, key) {
      case 0: return try offsets(line, lemma)
      case ..<0: low = start + line.count + 1
      default: high = start
      }
    }
    return nil
  }

  /// The synset at an offset of the data file.
  func synset(at offset: Int) throws -> Synset {
    func damaged(_ reason: String) -> KilpiError {
      KilpiError("cannot use '\(dataPath)': at byte \(offset) \(reason)")
    }
    guard offset >= 0, offset < data.count else {
      throw damaged("there is nothing (the file has \(data.count) bytes)")
    }
    let line = try self.line(data.bytes, at: offset, path: dataPath)
    let head = line.split(separator: UInt8(ascii: "|"), maxSplits: 1).first ?? []
    let fields = head.split(separator: 0x20).map { String(decoding: $0, as: UTF8.self) }
    guard fields.count >= 4, Int(fields[0]) == offset, let count = Int(fields[3], radix: 16) else {
      throw damaged("stands no synset")
    }
    var place = 4
    guard count >= 1, fields.count > place + 2 * count else { throw damaged("words are missing") }
    let lemmas = (0..<count).map { Self.unmarked(fields[place + 2 * $0]) }
    place += 2 * count
    guard let pointers = Int(fields[place]), pointers >= 0, fields.count > place + 4 * pointers
    else { throw damaged("pointers are missing") }
    place += 1
    var antonyms: [Pointer] = []
    var hypernyms: [Pointer] = []
    for number in 0..<pointers {
      let at = place + 4 * number
      guard ["!", "@", "@i"].contains(fields[at]) else { continue }
      guard let offset = Int(fields[at + 1]), let part = Self.part(fields[at + 2]),
        let ends = Int(fields[at + 3], radix: 16)
      else { throw damaged("a pointer is damaged") }
      let pointer = Pointer(offset: offset, part: part, source: ends >> 8, target: ends & 255)
      if fields[at] == "!" { antonyms.append(pointer) } else { hypernyms.append(pointer) }
    }
    return Synset(lemmas: lemmas, antonyms: antonyms, hypernyms: hypernyms)
  }

  // MARK: - Lines

  /// The synset offsets at the end of an index line.
  private func offsets(_ line: Slice<UnsafeRawBufferPointer>, _ lemma: String) throws -> [Int] {
    let fields = line.split(separator: 0x20).map { String(decoding: $0, as: UTF8.self) }
    guard fields.count > 4, let count = Int(fields[2]), count >= 1, fields.count >= count + 4 else {
      throw KilpiError("cannot use '\(indexPath)': the line of '\(lemma)' is damaged")
    }
    return try fields.suffix(count).map { field in
      guard let offset = Int(field) else {
        throw KilpiError("cannot use '\(indexPath)': the line of '\(lemma)' is damaged")
      }
      return offset
    }
  }

  /// The start of the line that holds a byte, not before `floor`, which starts a line.
  private func lineStart(_ bytes: UnsafeRawBufferPointer, at place: Int, from floor: Int) -> Int {
    var start = place
    while start > floor, bytes[start - 1] != 0x0A { start -= 1 }
    return start
  }

  private func line(
    _ bytes: UnsafeRawBufferPointer, at start: Int, path: String
  ) throws -> Slice<UnsafeRawBufferPointer> {
    var end = start
    while end < bytes.count, bytes[end] != 0x0A {
      end += 1
      if end - start > Self.lineLimit {
        throw KilpiError("cannot use '\(path)': the line at byte \(start) has no end")
      }
    }
    return bytes[start..<end]
  }

  /// The order of a line's first field and a key, byte by byte; licence lines start with a space
  /// and so come first.
  private static func compare(_ line: Slice<UnsafeRawBufferPointer>, _ key: [UInt8]) -> Int {
    var position = 0
    for byte in line {
      if byte == 0x20 { break }
      if position == key.count { return 1 }
      if byte != key[position] { return byte < key[position] ? -1 : 1 }
      position += 1
    }
    return position == key.count ? 0 : -1
  }

  /// A word without the marker of its place in a sentence, as in `asleep(p)`.
  private static func unmarked(_ lemma: String) -> String {
    guard lemma.hasSuffix(")"), let open = lemma.firstIndex(of: "(") else { return lemma }
    return String(lemma[..<open])
  }

  private static func part(_ letter: String) -> WordNet.Part? {
    switch letter {
    case "n": .noun
    case "v": .verb
    case "a", "s": .adjective
    case "r": .adverb
    default: nil
    }
  }
}
