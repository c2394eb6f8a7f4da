import Diagnostics
import Files
import Glibc
import TestSupport
import Testing

@Suite struct JSONValueTests {
  static let valid: [(String, JSONValue)] = [
    ("null", .null), (" [1, 2.5,\"a\"] ", [1, 2.5, "a"]), ("-0", 0), ("1e3", 1000.0),
    ("{\"a\":{\"b\":[]}}", .object([.init("a", .object([.init("b", [])]))])),
    ("\"\\u00e9\\ud83d\\ude00\\n\"", "é😀\n"), ("9223372036854775807", 9_223_372_036_854_775_807),
    ("9223372036854775808", 9223372036854775808.0),
  ]

  @Test(arguments: valid.indices) func readsAndWritesBack(index: Int) throws {
    let (text, value) = Self.valid[index]
    #expect(try JSONValue.parse(text) == value)
    #expect(try JSONValue.parse(value.serialized()) == value)
    #expect(try JSONValue.parse(value.serialized(indent: 2)) == value)
  }

  @Test(arguments: [nil, 0, 3]) func bytesAreTheText(indent: Int?) throws {
    let long = String(repeating: "é\u{1}x", count: 100_000) + "\"\\\n\r\t\u{7F}😀"
    let value = JSONValue.object([
      .init(long, [.null, .bool(true), 1.5, .string(long), [], .object([])]), .init("", []),
    ])
    let reservation = try MemoryReservation()
    let bytes = try value.serialized(indent: indent, reservation: reservation)
    #expect(String(decoding: bytes, as: UTF8.self) == value.serialized(indent: indent))
    #expect(try JSONValue.parse(bytes) == value)
    #expect(reservation.bytes >= bytes.count)
  }

  @Test func escapesAreShort() {
    let text = JSONValue.string("\"\\\n\r\t\u{0}\u{1F}\u{7F}é").serialized()
    #expect(text == #""\"\\\n\r\t\u0000\u001f\u007fé""#)
  }

  static let malformed = [
    "", "{", "[1,]", "{\"a\":1,}", "{\"a\":1,\"a\":2}", "01", "1.", "+1", "nul", "\"\\x\"",
    "\"\u{1}\"",
    "\"\\ud800\"", "1e999", "[1] 2", "'a'", "{a:1}", "\"abc", "[[", "-", "\"\\u12g4\"", "nan",
  ]

  @Test(arguments: malformed) func refuses(text: String) {
    #expect(throws: KilpiError.self) { try JSONValue.parse(text) }
  }

  @Test func boundsDepth() {
    let deep = String(repeating: "[", count: 100_000)
    #expect(throws: KilpiError.self) { try JSONValue.parse(deep) }
  }

  @Test func refusesInvalidUTF8() {
    #expect(throws: KilpiError.self) { try JSONValue.parse([0x22, 0xFF, 0x22]) }
  }
}

@Suite struct FileAccessTests {
  @Test("released memory is read from the file again")
  func releases() throws {
    try withTemporaryDirectory { directory in
      let path = directory + "/x"
      let contents = (0..<20_000).map { UInt8(truncatingIfNeeded: $0 / 7) }
      try AtomicFile.write(contents, to: path)
      let file = try MappedFile(path: path)
      for range in [0..<20_000, 4095..<4097, 5000..<5000, 19_999..<20_000] {
        file.release(UnsafeRawBufferPointer(rebasing: file.bytes[range]))
        #expect(Array(file.bytes) == contents)
      }
      // What lies elsewhere is left alone.
      contents.withUnsafeBytes { file.release($0) }
      file.release(UnsafeRawBufferPointer(start: nil, count: 0))
      #expect(Array(file.bytes) == contents)
    }
  }

  @Test func replacesAsAWhole() throws {
    try withTemporaryDirectory { directory in
      let path = directory + "/value"
      try AtomicFile.write("first", to: path)
      try AtomicFile.write("second", to: path)
      #expect(try FileReader.text(at: path) == "second")
      #expect(try FileReader.names(in: directory) == ["value"])
    }
  }

  @Test("what killed programs left is removed, whatever else is there stays")
  func leftovers() throws {
    try withTemporaryDirectory { directory in
      // No process has so large a number; process 1 always runs.
      let dead = ["a.tmp-2000000000", "b.tmp-c.tmp-2000000000", "a.tmp-2000000000-0123abcd"]
      let kept = [
        "a", "a.tmp-", "a.tmp-1", "a.tmp-1-0123abcd", "a.tmp-x", "a.tmp-0", "tmp-2000000000",
      ]
      let folders = [directory, directory + "/images", directory + "/images/pgd"]
      for folder in folders {
        try FileReader.makeDirectory(folder)
        for name in dead + kept { try AtomicFile.write("x", to: folder + "/" + name) }
      }
      try FileReader.makeDirectory(directory + "/images/pgd/deep")
      try AtomicFile.write("x", to: directory + "/images/pgd/deep/" + dead[0])
      AtomicFile.removeLeftovers(in: directory)
      for folder in folders {
        let names = try FileReader.names(in: folder).filter { $0 != "images" && $0 != "pgd" }
        #expect(Set(names).subtracting(["deep"]) == Set(kept))
      }
      #expect(FileReader.exists(directory + "/images/pgd/deep/" + dead[0]))
      AtomicFile.removeLeftovers(in: directory + "/nowhere")
    }
  }

  @Test("a killed program that nobody has waited for yet counts as gone")
  func unreaped() throws {
    try withTemporaryDirectory { directory in
      var child: pid_t = 0
      var words: [UnsafeMutablePointer<CChar>?] = [strdup("/bin/true"), nil]
      defer { words.forEach { free($0) } }
      #expect(posix_spawn(&child, "/bin/true", nil, nil, &words, environ) == 0)
      var status = siginfo_t()
      // Waits for its end and leaves it as it is.
      #expect(waitid(P_PID, id_t(child), &status, WEXITED | WNOWAIT) == 0)
      try AtomicFile.write("x", to: directory + "/a.tmp-\(child)")
      AtomicFile.removeLeftovers(in: directory)
      #expect(try FileReader.names(in: directory) == [])
      waitpid(child, nil, 0)
    }
  }

  @Test func namesPathAndReason() {
    let error = #expect(throws: KilpiError.self) { try FileReader.bytes(at: "/nowhere/x") }
    #expect(error?.description == "cannot read '/nowhere/x': there is no such file")
    let folder = #expect(throws: KilpiError.self) { try FileReader.bytes(at: "/tmp") }
    #expect(folder?.description == "cannot read '/tmp': it is a directory")
    let write = #expect(throws: KilpiError.self) { try AtomicFile.write("x", to: "/nowhere/x") }
    #expect(write?.description == "cannot write '/nowhere/x': the folder is not there")
  }

  @Test func appendsAndCuts() throws {
    try withTemporaryDirectory { directory in
      let path = directory + "/log"
      let log = try AppendOnlyFile(path: path)
      try log.append("one\n")
      try log.append("two\n")
      let again = try AppendOnlyFile(path: path, keeping: 4)
      try again.append("three\n")
      #expect(try FileReader.text(at: path) == "one\nthree\n")
      #expect(again.length == 10)
    }
  }
}
