import Archives
import Diagnostics
import Testing

@Suite struct GzipTests {
  static let text = Array("Kilpi, Kilpi, Kilpi, Kilpi".utf8)

  @Test(arguments: [[], text, [UInt8](repeating: 0, count: 300_000)])
  func roundTrip(_ bytes: [UInt8]) throws {
    #expect(try Gzip.inflated(Gzip.deflated(bytes)) == bytes)
  }

  @Test func zlibStream() throws {
    // zlib.compress(b"abc")
    let packed: [UInt8] = [0x78, 0x9c, 0x4b, 0x4c, 0x4a, 0x06, 0, 0x02, 0x4d, 0x01, 0x27]
    #expect(try Gzip.inflated(packed) == Array("abc".utf8))
  }

  @Test func truncatedAnywhere() throws {
    let packed = try Gzip.deflated(Self.text)
    for length in 0..<packed.count {
      #expect(throws: KilpiError.self, "\(length) bytes") {
        try Gzip.inflated(Array(packed[..<length]))
      }
    }
  }

  @Test func flippedAnywhere() throws {
    let packed = try Gzip.deflated(Self.text)
    // Bytes 4 ... 9 hold a time and the system, which nothing depends on.
    for at in packed.indices where !(4...9).contains(at) {
      var damaged = packed
      damaged[at] ^= 4
      if let result = try? Gzip.inflated(damaged) { #expect(result == Self.text, "byte \(at)") }
    }
  }

  @Test func bomb() throws {
    let packed = try Gzip.deflated([UInt8](repeating: 0, count: 1 << 20))
    #expect(packed.count < 2000)
    #expect(
      throws: KilpiError("cannot read 'b.gz': it unpacks to more than 1000 bytes")
    ) { try Gzip.inflated(packed, limit: 1000, name: "b.gz") }
  }

  @Test func garbageAfterTheEnd() throws {
    #expect(throws: KilpiError.self) { try Gzip.inflated(Gzip.deflated(Self.text) + [1, 2, 3]) }
  }

  @Test func absentFile() {
    #expect(throws: KilpiError("cannot read '/nowhere.gz': there is no such file")) {
      try Gzip.contents(ofFile: "/nowhere.gz")
    }
  }
}
