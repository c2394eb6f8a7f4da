import Diagnostics
import Files
import Foundation
import TestSupport
import Testing

@Suite(.serialized) struct SHA256Tests {
  /// FIPS 180-4's examples, the empty message, and lengths around the padding (from sha256sum).
  static let vectors: [(String, String)] = [
    ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    (
      "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
    ),
    (
      String(repeating: "a", count: 1_000_000),
      "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"
    ),
    (
      String(repeating: "a", count: 63),
      "7d3e74a05d7db15bce4ad9ec0658ea98e3f06eeecf16b4c6fff2da457ddc2f34"
    ),
    (
      String(repeating: "a", count: 64),
      "ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb"
    ),
  ]

  @Test(arguments: [true, false]) func agreesWithTheStandard(accelerated: Bool) {
    defer { SHA256.accelerate(true) }
    SHA256.accelerate(accelerated)
    for (text, digest) in Self.vectors {
      let bytes = Array(text.utf8)
      for piece in [1 << 20, 64, 7] {
        var whole = SHA256()
        for start in stride(from: 0, to: bytes.count, by: piece) {
          bytes[start..<min(start + piece, bytes.count)].withUnsafeBytes { whole.update($0) }
        }
        #expect(whole.hexadecimal() == digest, "\(bytes.count) bytes by \(piece)")
      }
    }
  }
}

@Suite struct FolderLockTests {
  private func problem(_ body: () throws -> Void) -> String? {
    do {
      try body()
      return nil
    } catch { return "\(error)" }
  }

  @Test func hasOneOwner() throws {
    try withTemporaryDirectory { folder in
      var first: FolderLock? = try FolderLock(folder)
      #expect(
        problem { _ = try FolderLock(folder) }?.hasSuffix(
          "already works in '\(folder)' (wait until it has ended, or use another out)") == true)
      #expect(try !FileReader.text(at: folder + "/lock").isEmpty)
      // The file alone can go: the folder is locked too.
      try FileReader.remove(folder + "/lock")
      #expect(problem { _ = try FolderLock(folder) } != nil)
      first = nil
      #expect(first == nil)
      #expect(problem { _ = try FolderLock(folder) } == nil)
      #expect(try FileReader.text(at: folder + "/lock") == "")
    }
  }

  @Test func noticesThatItsFolderIsGone() throws {
    try withTemporaryDirectory { folder in
      let path = folder + "/run"
      try FileReader.makeDirectory(path)
      let lock = try FolderLock(path)
      try lock.check()
      try FileReader.rename(path, to: folder + "/moved")
      let gone = "'\(path)' was removed or replaced by something else"
      #expect(problem { try lock.check() } == gone)
      try FileReader.makeDirectory(path)
      #expect(problem { try lock.check() } == gone)
      let other = try FolderLock(path)
      try other.check()
    }
  }

  @Test func growingFilesAreNeverFilledUpAndNoticeRemoval() throws {
    try withTemporaryDirectory { folder in
      let path = folder + "/log"
      try AppendOnlyFile(path: path).append("one\n")
      #expect(
        problem { _ = try AppendOnlyFile(path: path, keeping: 1 << 40) }
          == "'\(path)' has 4 bytes, 1099511627776 were recorded")
      #expect(problem { _ = try AppendOnlyFile(path: path, keeping: -1) } != nil)
      #expect(try FileReader.text(at: path) == "one\n")
      let gone = "cannot write '\(path)': it was removed or replaced while it was being written"
      let file = try AppendOnlyFile(path: path)
      try FileReader.remove(path)
      #expect(problem { try file.append("two\n") } == gone)
      try AppendOnlyFile(path: path).append("other\n")
      #expect(problem { try file.append("three\n") } == gone)
      #expect(try FileReader.text(at: path) == "other\n")
    }
  }

  /// What follows a file that someone cut would be a file that begins in the middle.
  @Test func growingFilesNoticeThatTheyWereChanged() throws {
    try withTemporaryDirectory { folder in
      let path = folder + "/log"
      let file = try AppendOnlyFile(path: path)
      try file.append("one\n")
      try file.append("two\n")
      try file.check()
      #expect(truncate(path, 0) == 0)
      #expect(
        problem { try file.append("three\n") }
          == "cannot write '\(path)': it has 0 bytes, 8 were written: it was changed meanwhile")
      #expect(try FileReader.text(at: path) == "")
    }
  }
}
