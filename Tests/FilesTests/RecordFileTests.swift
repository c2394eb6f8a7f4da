import Diagnostics
import Files
import TestSupport
import Testing

@Suite struct RecordFileTests {
  @Test("CRC-32 of the digits 1 … 9, of nothing, and of a zero byte, as zlib has them")
  func checksums() {
    #expect(Checksum.digits(Checksum.crc32("123456789")) == "cbf43926")
    #expect(Checksum.digits(Checksum.crc32("")) == "00000000")
    #expect(Checksum.digits(Checksum.crc32("\u{0}")) == "d202ef8d")
  }

  private static func file(_ folder: String) throws -> (path: String, bytes: [UInt8]) {
    let path = folder + "/record.jsonl"
    let file = try RecordFile(path: path, keeping: 0)
    for index in 0..<3 {
      try file.append([
        .init("n", .integer(Int64(index))), .init("text", .string("ä \" \n \\ }")),
        .init("value", .number(0.1 * Double(index))),
      ])
    }
    return (path, try FileReader.bytes(at: path))
  }

  @Test func linesComeBackAndGoOn() throws {
    try withTemporaryDirectory { folder in
      let (path, bytes) = try Self.file(folder)
      let contents = try RecordFile.read(path)
      #expect(contents.values.map { $0["n"]?.int } == [0, 1, 2])
      #expect(contents.values[2]["value"]?.double == 0.2)
      #expect(contents.values[1]["text"]?.string == "ä \" \n \\ }")
      #expect(contents.length == bytes.count && contents.torn == 0)
      try RecordFile(path: path, keeping: contents.length).append([.init("n", 3)])
      #expect(try RecordFile.read(path).values.count == 4)
    }
  }

  @Test("A file cut at any byte keeps its whole lines")
  func cutsAnywhere() throws {
    try withTemporaryDirectory { folder in
      let (path, bytes) = try Self.file(folder)
      let ends = bytes.indices.filter { bytes[$0] == 0x0A }.map { $0 + 1 }
      for length in 0...bytes.count {
        try AtomicFile.write(Array(bytes[..<length]), to: path)
        let contents = try RecordFile.read(path)
        let whole = ends.last { $0 <= length } ?? 0
        #expect(contents.length == whole && contents.torn == length - whole)
        #expect(contents.values.count == ends.count { $0 <= length })
      }
    }
  }

  @Test("A flipped bit in any place is noticed: torn in the last line, an error before it")
  func flippedBits() throws {
    try withTemporaryDirectory { folder in
      let (path, bytes) = try Self.file(folder)
      let last = bytes.dropLast().lastIndex(of: 0x0A) ?? 0
      for place in bytes.indices where bytes[place] != 0x0A {
        var bent = bytes
        bent[place] ^= 1
        guard bent[place] != 0x0A else { continue }
        try AtomicFile.write(bent, to: path)
        if place > last {
          let contents = try RecordFile.read(path)
          #expect(contents.values.count == 2 && contents.torn == bytes.count - last - 1)
        } else {
          #expect(throws: KilpiError.self) { try RecordFile.read(path) }
        }
      }
    }
  }

  @Test func theErrorNamesTheLine() throws {
    try withTemporaryDirectory { folder in
      var (path, bytes) = try Self.file(folder)
      bytes[3] ^= 1
      try AtomicFile.write(bytes, to: path)
      #expect(
        throws: KilpiError(
          "'\(path)' is damaged in line 1: its checksum is wrong",
          advice: "begin again with another out")
      ) { try RecordFile.read(path) }
    }
  }
}
