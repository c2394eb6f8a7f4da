import Archives
import Diagnostics
import Testing

/// A tar archive under construction; just enough of the format to write good and bad ones.
struct TarWriter {
  private(set) var bytes: [UInt8] = []

  mutating func add(
    _ name: String, _ contents: [UInt8] = [], kind: Character = "0", link: String = "",
    size: Int? = nil
  ) {
    var header = [UInt8](repeating: 0, count: 512)
    func put(_ text: String, _ at: Int) {
      for (i, byte) in text.utf8.enumerated() { header[at + i] = byte }
    }
    func octal(_ value: Int, digits: Int) -> String {
      let text = String(value, radix: 8)
      return String(repeating: "0", count: digits - text.count) + text
    }
    put(name, 0)
    put("0000644", 100)
    put("0000000", 108)
    put("0000000", 116)
    put(octal(size ?? contents.count, digits: 11), 124)
    put(octal(0, digits: 11), 136)
    put(String(kind), 156)
    put(link, 157)
    put("ustar\u{0}00", 257)
    for i in 148..<156 { header[i] = 32 }
    let sum = header.reduce(0) { $0 + Int($1) }
    put(octal(sum, digits: 6) + "\u{0} ", 148)
    bytes += header + contents
    bytes += [UInt8](repeating: 0, count: (512 - contents.count % 512) % 512)
  }

  /// The archive with its end mark.
  var finished: [UInt8] { bytes + [UInt8](repeating: 0, count: 1024) }
}

@Suite struct TarTests {
  static func members(_ bytes: [UInt8], limits: ArchiveLimits = ArchiveLimits()) throws
    -> [(String, [UInt8])]
  {
    let reader = try ArchiveReader(tar: bytes, name: "x.tar", limits: limits)
    var result: [(String, [UInt8])] = []
    while let entry = try reader.next() { result.append((entry.name, try reader.contents())) }
    return result
  }

  static let good: [UInt8] = {
    var tar = TarWriter()
    tar.add("folder/", kind: "5")
    tar.add("a.txt", Array("first".utf8))
    tar.add("folder/ö.txt", [UInt8](repeating: 7, count: 700))
    tar.add("empty")
    return tar.finished
  }()

  @Test(arguments: ["plain", "gzip", "gzip in two members"])
  func readsMembers(_ form: String) throws {
    var bytes = Self.good
    if form == "gzip" { bytes = try Gzip.deflated(bytes) }
    if form == "gzip in two members" {
      bytes = try Gzip.deflated(Array(bytes[..<700])) + Gzip.deflated(Array(bytes[700...]))
    }
    let members = try Self.members(bytes)
    #expect(members.map(\.0) == ["a.txt", "folder/ö.txt", "empty"])
    #expect(members.map(\.1.count) == [5, 700, 0])
    #expect(members[0].1 == Array("first".utf8))
  }

  @Test func skipsUnreadMembers() throws {
    let reader = try ArchiveReader(tar: Self.good, name: "x.tar")
    var names: [String] = []
    while let entry = try reader.next() { names.append(entry.name) }
    #expect(names.count == 3)
    #expect(try reader.next() == nil)
  }

  @Test func truncatedAnywhere() throws {
    // The end mark is two blocks of zeros, of which one is enough.
    for length in stride(from: 0, through: Self.good.count - 513, by: 1) {
      #expect(throws: KilpiError.self, "\(length) bytes") {
        try Self.members(Array(Self.good[..<length]))
      }
    }
    let packed = try Gzip.deflated(Self.good)
    for length in 0..<packed.count {
      #expect(throws: KilpiError.self, "\(length) bytes packed") {
        try Self.members(Array(packed[..<length]))
      }
    }
  }

  @Test func damagedGzip() throws {
    let packed = try Gzip.deflated(Self.good)
    for at in packed.indices where at < 3 || at > 9 {
      var damaged = packed
      damaged[at] ^= 0x10
      // Whatever still unpacks must be what was packed: the checksum holds for it.
      if let members = try? Self.members(damaged) { #expect(members.count == 3, "byte \(at)") }
    }
  }

  struct Refused: CustomTestStringConvertible, Sendable {
    let name: String
    let bytes: [UInt8]
    let message: String
    var testDescription: String { name }

    init(_ name: String, _ message: String, _ fill: (inout TarWriter) -> Void) {
      self.name = name
      self.message = "cannot read 'x.tar': " + message
      var tar = TarWriter()
      fill(&tar)
      bytes = tar.finished
    }
  }

  @Test(arguments: [
    Refused("absolute", "member '/etc/passwd' would lie outside the archive") {
      $0.add("/etc/passwd", [1])
    },
    Refused("parent", "member 'a/../../b' would lie outside the archive") {
      $0.add("a/../../b", [1])
    },
    Refused("symbolic link", "member 'a' is a link or a device") {
      $0.add("a", kind: "2", link: "/etc/passwd")
    },
    Refused("hard link", "member 'b' is a link or a device") {
      $0.add("a", [1])
      $0.add("b", kind: "1", link: "a")
    },
    Refused("device", "member 'a' is a link or a device") { $0.add("a", kind: "3") },
    Refused("pipe", "member 'a' is a link or a device") { $0.add("a", kind: "6") },
    Refused("300 MB", "member 'a' has 314572800 bytes, more than 268435456") {
      $0.add("a", [1], size: 300 << 20)
    },
    Refused("size beyond the end", "member 'a': truncated tar archive") {
      $0.add("a", [1], size: 10_000)
    },
  ])
  func refused(_ row: Refused) {
    do {
      let members = try Self.members(row.bytes)
      Issue.record("read \(members.count) members")
    } catch {
      #expect("\(error)".hasPrefix(row.message), "\(error)")
    }
  }

  @Test func limits() throws {
    var limits = ArchiveLimits()
    limits.entries = 2
    #expect(throws: KilpiError("cannot read 'x.tar': it has more than 2 members")) {
      try Self.members(Self.good, limits: limits)
    }
    limits = ArchiveLimits()
    limits.totalBytes = 100
    #expect(throws: KilpiError("cannot read 'x.tar': it unpacks to more than 100 bytes")) {
      try Self.members(Self.good, limits: limits)
    }
    limits = ArchiveLimits()
    limits.nameBytes = 4
    #expect(throws: KilpiError("cannot read 'x.tar': member 1 has a name of 7 bytes")) {
      try Self.members(Self.good, limits: limits)
    }
  }

  @Test(arguments: [[], Array("hello".utf8), [UInt8](repeating: 1, count: 2000)])
  func noArchive(_ bytes: [UInt8]) {
    #expect(throws: KilpiError.self) { try Self.members(bytes) }
  }
}
