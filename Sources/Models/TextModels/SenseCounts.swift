internal import Files

/// How often each sense of a word was met in WordNet's tagged texts, from `cntlist.rev`.
final class SenseCounts {
  private let file: MappedFile

  /// Opens the file of a folder; nil where it is not there.
  init?(folder: String) {
    let path = folder + "/cntlist.rev"
    guard FileReader.exists(path), let file = try? MappedFile(path: path) else { return nil }
    self.file = file
  }

  /// The counts of a lemma's senses of one part of speech, by sense number from 1.
  ///
  /// A line is `lemma%type:… number count`; lines are in byte order. A damaged one counts nothing.
  func counts(of lemma: String, _ part: WordNet.Part) -> [Int: Int] {
    let bytes = file.bytes
    let key = Array((lemma + "%").utf8)
    var low = 0
    var high = file.count
    while low < high {
      var start = low + (high - low) / 2
      while start > low, bytes[start - 1] != 0x0A { start -= 1 }
      if precedes(bytes, start, key) {
        low = end(bytes, start) + 1
      } else {
        high = start
      }
    }
    var result: [Int: Int] = [:]
    var start = low
    while start < file.count {
      let end = end(bytes, start)
      let line = bytes[start..<end]
      guard line.starts(with: key) else { break }
      let fields = line.split(separator: 0x20).map { String(decoding: $0, as: UTF8.self) }
      if fields.count == 3, line.count > key.count,
        Self.types[part]?.contains(line[line.startIndex + key.count]) ?? false,
        let number = Int(fields[1]), let count = Int(fields[2]), count > 0
      {
        result[number] = count
      }
      start = end + 1
    }
    return result
  }

  private static let types: [WordNet.Part: [UInt8]] = [
    .noun: [UInt8(ascii: "1")], .verb: [UInt8(ascii: "2")],
    .adjective: [UInt8(ascii: "3"), UInt8(ascii: "5")], .adverb: [UInt8(ascii: "4")],
  ]

  private func end(_ bytes: UnsafeRawBufferPointer, _ start: Int) -> Int {
    var end = start
    while end < bytes.count, bytes[end] != 0x0A { end += 1 }
    return end
  }

  /// Whether a line comes before all that start with `key`.
  private func precedes(_ bytes: UnsafeRawBufferPointer, _ start: Int, _ key: [UInt8]) -> Bool {
    for (offset, byte) in key.enumerated() {
      guard start + offset < bytes.count, bytes[start + offset] != 0x0A else { return true }
      if bytes[start + offset] != byte { return bytes[start + offset] < byte }
    }
    return false
  }
}
