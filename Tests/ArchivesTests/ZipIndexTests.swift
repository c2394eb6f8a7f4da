import Archives
import Diagnostics
import Testing

/// Zip archives that must be refused, and why.
struct HostileZip: Sendable, CustomTestStringConvertible {
  let name: String
  let bytes: [UInt8]
  let reason: String
  var testDescription: String { name }

  init(_ name: String, _ bytes: [UInt8], _ reason: String) {
    (self.name, self.bytes, self.reason) = (name, bytes, reason)
  }

  init(_ name: String, _ reason: String, _ change: (inout HandMadeZip) -> Void) {
    var zip = HandMadeZip([
      .init(name: "a", data: [1, 2, 3]), .init(name: "b", data: [4, 5, 6, 7]),
    ])
    change(&zip)
    self.init(name, zip.bytes, reason)
  }
}

/// The index of zip members, on archives of other programs, of our own and hand-made ones.
@Suite struct ZipIndexTests {
  static func contents(_ bytes: [UInt8]) throws -> [String: [UInt8]] {
    try bytes.withUnsafeBytes { bytes in
      let index = try ZipIndex(bytes)
      var result: [String: [UInt8]] = [:]
      for member in index.members {
        var target = [UInt8](repeating: 0, count: try index.checkedSize(of: member))
        try target.withUnsafeMutableBytes { try index.unpack(member, in: bytes, into: $0) }
        result[member.name] = target
        #expect(index[member.name] == member)
        if member.isStored {
          #expect(Array(bytes[member.bytes]) == target)
        }
      }
      return result
    }
  }

  @Test(arguments: [CompressedArchiveTests.stored, CompressedArchiveTests.deflated])
  func readsOthers(_ bytes: [UInt8]) throws {
    #expect(
      try Self.contents(bytes) == ["a.npy": Array("hello hello hello hello".utf8), "b": []])
  }

  @Test func readsItsOwn() throws {
    let (first, second, third) = (
      [1, 2] as [UInt8], [3] as [UInt8], [UInt8](repeating: 9, count: 999)
    )
    let bytes = try first.withUnsafeBytes { first in
      try second.withUnsafeBytes { second in
        try third.withUnsafeBytes { third in
          try ZipWriter.archive([("x/y", [first, second]), ("empty", []), ("z", [third])]) {
            $0.flatMap { Array($0) }
          }
        }
      }
    }
    #expect(try Self.contents(bytes) == ["x/y": [1, 2, 3], "empty": [], "z": third])
    let reader = try ArchiveReader(zip: bytes, name: "x.zip")
    #expect(try CompressedArchiveTests.members(reader) == Self.contents(bytes))
  }

  @Test func checksumsJoin() {
    let bytes = (0..<1000).map { UInt8(truncatingIfNeeded: $0 * 7) }
    bytes.withUnsafeBytes { bytes in
      let whole = ZipChecksum.of(bytes)
      #expect(whole == HandMadeZip.checksum(Array(bytes)))
      for cut in [0, 1, 500, 1000] {
        let joined = ZipChecksum.joined(
          ZipChecksum.of(.init(rebasing: bytes[..<cut])),
          ZipChecksum.of(.init(rebasing: bytes[cut...])), secondCount: 1000 - cut)
        #expect(joined == whole)
      }
    }
  }

  static let unusual: [(name: String, zip: HandMadeZip)] = {
    let data: [UInt8] = [1, 2, 3]
    var comment = HandMadeZip([.init(name: "a", data: data)])
    comment.comment = Array("PK\u{5}\u{6} a comment".utf8)
    var wide = HandMadeZip([.init(name: "a", data: data)])
    wide.wide = (nil, nil, nil)
    let sizes = HandMadeZip.little(1, 2) + HandMadeZip.little(16, 2) + HandMadeZip.little(3, 8)
    let full = HandMadeZip([
      .init(
        name: "a", data: data, size: 0xFFFF_FFFF, packedSize: 0xFFFF_FFFF,
        extra: sizes + HandMadeZip.little(3, 8), ownExtra: sizes + HandMadeZip.little(3, 8))
    ])
    let folder = HandMadeZip([.init(name: "d/"), .init(name: "a", data: data)])
    let later = HandMadeZip([.init(name: "a", data: data, flags: 8, ownSize: 0)])
    let padded = HandMadeZip([.init(name: "a", data: data, ownExtra: [0x46, 0x42, 1, 0, 9, 0])])
    return [
      ("a comment with a signature", comment), ("zip64 end records", wide),
      ("zip64 sizes", full), ("a folder", folder), ("sizes that follow", later),
      ("padding", padded),
    ]
  }()

  @Test(arguments: unusual.indices)
  func readsUnusual(_ row: Int) throws {
    #expect(try Self.contents(Self.unusual[row].zip.bytes) == ["a": [1, 2, 3]], "\(row)")
  }

  static let again = " (copy or download it again)"
  static let hostile: [HostileZip] = [
    HostileZip("empty file", [], "the end of a zip archive is missing" + again),
    HostileZip(
      "no archive", Array(repeating: 0x50, count: 100),
      "the end of a zip archive is missing" + again),
    HostileZip(
      "bytes in front",
      "its directory of 94 bytes at byte 69 does not end where the end record starts, at byte 164"
    ) {
      $0.prefix = [0]
      $0.directoryOffset = 69
    },
    HostileZip("bytes in front, offsets right", "there are bytes before its first member") {
      $0.prefix = [0]
    },
    HostileZip(
      "a directory that is elsewhere",
      "its directory of 94 bytes at byte 0 does not end where the end record starts, at byte 163"
    ) {
      $0.directoryOffset = 0
    },
    HostileZip("an absurd count", "its directory of 94 bytes cannot list 65000 members") {
      $0.count = 65000
    },
    HostileZip("one too few", "its directory has 47 bytes after the last entry") { $0.count = 1 },
    HostileZip("one too many", "its directory is damaged at byte 92") {
      $0.count = 2
      $0.entries.removeLast()
      $0.gap = [UInt8](repeating: 0x50, count: 47)
      $0.entries[0].data = Array(repeating: 0, count: 14)
    },
    HostileZip("one of several disks", "it is one part of several") { $0.disk = 1 },
    HostileZip("zip64: another count", "it has 4294967296 members, the limit is 65536") {
      $0.wide = (1 << 32, nil, nil)
    },
    HostileZip("zip64: an absurd offset", "it states a size of 18446744073709551615 at byte 211") {
      $0.wide = (nil, -1, nil)
    },
    HostileZip("zip64: a record elsewhere", "its zip64 end record is damaged") {
      $0.wide = (nil, nil, 3)
    },
    HostileZip("zip64: a record outside", "its zip64 end record is damaged") {
      $0.wide = (nil, nil, 1 << 40)
    },
    HostileZip("a name twice", "the member 'a' stands twice in it") { $0.entries[1].name = "a" },
    HostileZip("one inside the other", "the member 'b' overlaps another one") {
      // a's contents are b's header.
      let inner = HandMadeZip([$0.entries[1]]).bytes.prefix(35)
      $0.entries[0].data = Array(inner)
      $0.entries[1].offset = 31
    },
    HostileZip("the same place twice", "its member 'b' is another one by its own header") {
      $0.entries[1].offset = 0
    },
    HostileZip("outside the archive", "its member 'b' has no header at byte 5000") {
      $0.entries[1].offset = 5000
    },
    HostileZip(
      "longer than the archive",
      "its member 'b' has 5000 bytes at byte 65, its directory starts at 69"
    ) {
      $0.entries[1].size = 5000
      $0.entries[1].packedSize = 5000
    },
    HostileZip(
      "into the directory", "its member 'b' has 5 bytes at byte 65, its directory starts at 69"
    ) {
      $0.entries[1].size = 5
      $0.entries[1].packedSize = 5
    },
    HostileZip("stored sizes differ", "its member 'b' has 9 bytes, stored are 4") {
      $0.entries[1].size = 9
    },
    HostileZip("other sizes in its header", "its member 'b' has other sizes by its own header") {
      $0.entries[1].ownSize = 9
    },
    HostileZip("another name in its header", "its member 'b' is another one by its own header") {
      $0.entries[1].ownName = "c"
    },
    HostileZip("an absolute name", "its member '/a' would lie outside the archive") {
      $0.entries[0].name = "/a"
    },
    HostileZip("a name that climbs", "its member 'x/../../a' would lie outside the archive") {
      $0.entries[0].name = "x/../../a"
    },
    HostileZip("a name with NUL", "a member's name is empty or not UTF-8, at byte 71") {
      $0.entries[0].name = "a\0b"
    },
    HostileZip("no name", "a member's name is empty or not UTF-8, at byte 68") {
      $0.entries[0].name = ""
    },
    HostileZip("a long name", "a member's name has 1025 bytes, at byte 1093") {
      $0.entries[0].name = String(repeating: "a", count: 1025)
    },
    HostileZip("a link", "its member 'a' is a link") {
      $0.entries[0].made = 3 << 8
      $0.entries[0].mode = 0o120777
    },
    HostileZip("encrypted", "its member 'a' is encrypted") { $0.entries[0].flags = 1 },
    HostileZip("hidden sizes", "its member 'a' is encrypted") { $0.entries[0].flags = 1 << 13 },
    HostileZip(
      "bzip2",
      "its member 'a' is compressed by method 12, only stored and deflated ones are read"
    ) {
      $0.entries[0].method = 12
    },
    HostileZip("a folder with contents", "its member 'a/' is a folder with contents") {
      $0.entries[0].name = "a/"
    },
    HostileZip("zip64 sizes are missing", "its member 'a' lacks its zip64 field") {
      $0.entries[0].size = 0xFFFF_FFFF
      $0.entries[0].packedSize = 0xFFFF_FFFF
    },
    HostileZip("zip64 sizes are cut", "its member 'a' has a damaged zip64 field") {
      $0.entries[0].size = 0xFFFF_FFFF
      $0.entries[0].packedSize = 0xFFFF_FFFF
      $0.entries[0].extra = [1, 0, 4, 0, 0, 0, 0, 0]
    },
    HostileZip(
      "zip64 sizes are absurd",
      "its member 'a' has 1099511627776 bytes at byte 31, its directory starts at 69"
    ) {
      $0.entries[0].size = 0xFFFF_FFFF
      $0.entries[0].packedSize = 0xFFFF_FFFF
      let size = HandMadeZip.little(1 << 40, 8)
      $0.entries[0].extra = [1, 0, 16, 0] + size + size
    },
    HostileZip("an extra field that is too long", "its member 'a' has a damaged extra field") {
      $0.entries[0].extra = [9, 0, 200, 0]
    },
    HostileZip("a wrong checksum", "its member 'a' has a wrong checksum" + again) {
      $0.entries[0].checksum = 1
    },
    HostileZip("a bomb's size", "its member 'a' cannot have 1000000 bytes out of 3" + again) {
      $0.entries[0].method = 8
      $0.entries[0].size = 1_000_000
      $0.entries[0].packedSize = 3
      $0.entries[0].flags = 8
    },
    HostileZip("no deflate stream", "its member 'a' is damaged" + again) {
      $0.entries[0].data = [0xFF, 0xFF, 0xFF]
      $0.entries[0].method = 8
    },
  ]

  @Test("is refused with its reason", arguments: hostile)
  func refused(_ row: HostileZip) {
    #expect {
      _ = try Self.contents(row.bytes)
    } throws: {
      "\($0)" == row.reason
    }
  }

  @Test func tooManyMembers() throws {
    let zip = HandMadeZip((0..<3).map { HandMadeZip.Entry(name: "\($0)") })
    var limits = ZipIndex.Limits()
    limits.members = 2
    #expect {
      _ = try zip.bytes.withUnsafeBytes { try ZipIndex($0, limits: limits).members.count }
    } throws: {
      "\($0)" == "it has 3 members, the limit is 2"
    }
  }

  static let whole: [[UInt8]] =
    [CompressedArchiveTests.stored, CompressedArchiveTests.deflated]
    + unusual.dropFirst().map(\.zip.bytes)

  @Test(arguments: whole)
  func truncatedAnywhere(_ bytes: [UInt8]) {
    for length in 0..<bytes.count {
      #expect(throws: KilpiError.self, "\(length) of \(bytes.count) bytes") {
        try Self.contents(Array(bytes[..<length]))
      }
    }
  }

  @Test("damage is an error or leaves the contents as they were", arguments: whole)
  func flippedAnywhere(_ bytes: [UInt8]) throws {
    let contents = Set(try Self.contents(bytes).values)
    for bit in 0..<8 * bytes.count {
      var damaged = bytes
      damaged[bit / 8] ^= 1 << (bit % 8)
      for value in (try? Self.contents(damaged))?.values.map({ $0 }) ?? [] {
        #expect(contents.contains(value) || value.isEmpty, "bit \(bit)")
      }
    }
  }

  static let refusedNames = ["", "/a", "../a", "a\0", "a/", String(repeating: "x", count: 1025)]

  @Test(arguments: refusedNames)
  func doesNotWrite(_ name: String) {
    #expect {
      try ZipWriter.archive([(name, [])]) { _ in }
    } throws: {
      ($0 as? KilpiError)?.problem == "'\(name.prefix(60))' cannot be the name of a zip member"
    }
  }
}
