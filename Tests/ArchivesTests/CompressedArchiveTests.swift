import Archives
import Diagnostics
import Testing

/// zstd and zip, on archives that other programs wrote.
@Suite struct CompressedArchiveTests {
  static func bytes(_ text: String) -> [UInt8] {
    let digits = Array(text.utf8).map { $0 >= 97 ? $0 - 87 : $0 - 48 }
    return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
  }

  /// Python's tarfile (pax format, one long name), through `zstd -19`.
  static let zstd = bytes(
    "28b52ffd6400277d040022061518706f0e80c8d297a781357d5d5f25406d6fc966fcff9d27034b2429906aaa837b"
      + "0037af664d244186c33b0585d3d67675dafe8c705988f426075b6c2553f161f2cfb84c55f920b511efcfe7f014"
      + "84f7e4e6b5011720702bbbd8fddb837b6a1953f5651e403a16f49b063951355a5ac154d10019a04c0062974cf5"
      + "9e0ae72809d2043d9839e1a000db09c3017b4217e6")

  /// Python's zipfile: `a.npy` and an empty `b`.
  static let stored = bytes(
    "504b030414000000000000002100e3513d8d170000001700000005000000612e6e707968656c6c6f2068656c6c6f"
      + "2068656c6c6f2068656c6c6f504b03041400000000000000210000000000000000000000000001000000625"
      + "04b0102140314000000000000002100e3513d8d170000001700000005000000000000000000000080010000"
      + "0000612e6e7079504b01021403140000000000000021000000000000000000000000000100000000000000"
      + "0000000080013a00000062504b0506000000000200020062000000590000000000")
  static let deflated = bytes(
    "504b030414000000080000002100e3513d8d0a0000001700000005000000612e6e7079cb48cdc9c957c840270150"
      + "4b03041400000008000000210000000000020000000000000001000000620300504b010214031400000008"
      + "0000002100e3513d8d0a0000001700000005000000000000000000000080010000000061"
      + "2e6e7079504b0102140314000000080000002100000000000200000000000000010000000000000000000000"
      + "80012d00000062504b05060000000002000200620000004e0000000000")

  static func members(_ reader: ArchiveReader) throws -> [String: [UInt8]] {
    var result: [String: [UInt8]] = [:]
    while let entry = try reader.next() { result[entry.name] = try reader.contents() }
    return result
  }

  @Test func readsZstd() throws {
    let members = try Self.members(ArchiveReader(tar: Self.zstd, name: "x.tar.zst"))
    #expect(members["a.txt"] == Array("first".utf8))
    #expect(members["long/" + String(repeating: "x", count: 120) + ".txt"] == Array("second".utf8))
  }

  @Test(arguments: [stored, deflated])
  func readsZip(_ bytes: [UInt8]) throws {
    let members = try Self.members(ArchiveReader(zip: bytes, name: "x.npz"))
    #expect(members == ["a.npy": Array("hello hello hello hello".utf8), "b": []])
  }

  @Test(arguments: [stored, deflated, zstd])
  func truncatedAnywhere(_ bytes: [UInt8]) {
    for length in 0..<bytes.count {
      let cut = Array(bytes[..<length])
      #expect(throws: KilpiError.self, "\(length) of \(bytes.count) bytes") {
        bytes[0] == 0x28
          ? try Self.members(ArchiveReader(tar: cut, name: "x"))
          : try Self.members(ArchiveReader(zip: cut, name: "x"))
      }
    }
  }

  /// Damage is an error or leaves the contents as they were: checksums hold for them.
  @Test(arguments: [stored, deflated, zstd])
  func flippedAnywhere(_ bytes: [UInt8]) {
    let whole: Set<[UInt8]> = [
      Array("hello hello hello hello".utf8), Array("first".utf8), Array("second".utf8), [],
    ]
    for at in bytes.indices {
      var damaged = bytes
      damaged[at] ^= 0x20
      let members =
        bytes[0] == 0x28
        ? try? Self.members(ArchiveReader(tar: damaged, name: "x"))
        : try? Self.members(ArchiveReader(zip: damaged, name: "x"))
      for value in members?.values.map({ $0 }) ?? [] {
        #expect(whole.contains(value), "byte \(at)")
      }
    }
  }
}
