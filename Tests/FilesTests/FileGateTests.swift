import Diagnostics
import Foundation
import TestSupport
import Testing

@testable import Files

/// What a sandbox may open: below its folders, by whatever path, and nothing else.
@Suite struct FileGateTests {
  /// `inside`, which is allowed, beside `outside`, with links of every kind between them.
  private func withFolders(_ body: (_ inside: String, _ outside: String) throws -> Void) throws {
    try withTemporaryDirectory { directory in
      let (inside, outside) = (directory + "/inside", directory + "/outside")
      for folder in [inside, inside + "/sub", outside, inside + "-twin"] {
        try FileReader.makeDirectory(folder)
        try AtomicFile.write("text", to: folder + "/file")
      }
      for (link, target) in [
        ("out", outside + "/file"), ("up", "../outside/file"), ("folder", outside),
        ("nowhere", outside + "/new"), ("near", "sub/file"), ("loop", "loop"),
        ("metrics.jsonl", outside + "/metrics.jsonl"), ("null", "/proc/self/fd/0"),
      ] { symlink(target, inside + "/" + link) }
      try body(inside, outside)
    }
  }

  @Test func readsBelowItsFoldersAlone() throws {
    try withFolders { inside, outside in
      let gate = FileGate(writable: [inside], readable: [])
      let spellings = [
        "file", "sub/file", "near", "./sub/../file", "sub/../near", "../inside/file",
        "../outside/../inside/sub/../file",
      ]
      for path in spellings {
        let text = try gate.during { try FileReader.text(at: inside + "/" + path) }
        #expect(text == "text", "\(path)")
        #expect(gate.allows(inside + "/" + path, writing: true), "\(path)")
      }
      let refused =
        [
          "out", "up", "folder/file", "loop", "null", "../outside/file", "../inside-twin/file",
          // What stands before `..` may be a link.
          "folder/../inside-twin/file", "sub/../folder/../outside/file",
        ]
        .map { inside + "/" + $0 } + [outside + "/file", "/etc/passwd", "/proc/self/status"]
      for path in refused {
        let error = #expect(throws: KilpiError.self, "\(path)") {
          try gate.during { _ = try FileReader.bytes(at: path) }
        }
        #expect(error?.problem == "cannot read '\(path)': the sandbox does not allow it")
        #expect(!gate.allows(path, writing: false), "\(path)")
        let isSeen = gate.during { FileReader.exists(path) || FileReader.isDirectory(path) }
        #expect(!isSeen, "\(path)")
      }
      for folder in [outside, inside + "/folder"] {
        #expect(throws: KilpiError.self) { try gate.during { try FileReader.names(in: folder) } }
      }
      let names = try gate.during { try FileReader.names(in: inside + "/sub") }
      #expect(names == ["file"])
    }
  }

  @Test func writesBelowItsFoldersAlone() throws {
    try withFolders { inside, outside in
      let gate = FileGate(writable: [inside], readable: [outside])
      try gate.during {
        try FileReader.makeDirectory(inside + "/a/b")
        try AtomicFile.write("new", to: inside + "/a/b/c")
        try AppendOnlyFile(path: inside + "/a/log").append("row\n")
        try FileReader.remove(inside + "/a/b/c")
        // A link is replaced, not followed.
        try AtomicFile.write("new", to: inside + "/out")
        #expect(try FileReader.text(at: outside + "/file") == "text")
        for path in [outside + "/new", inside + "/folder/new", inside + "/../outside/new"] {
          #expect(throws: KilpiError.self) { try AtomicFile.write("x", to: path) }
          #expect(throws: KilpiError.self) { try FileReader.makeDirectory(path) }
        }
        #expect(throws: KilpiError.self) { _ = try AppendOnlyFile(path: inside + "/metrics.jsonl") }
        #expect(throws: KilpiError.self) { _ = try AppendOnlyFile(path: inside + "/nowhere") }
        #expect(throws: KilpiError.self) { try FileReader.remove(outside + "/file") }
      }
      #expect(try FileReader.names(in: outside) == ["file"])
      #expect(try FileReader.names(in: inside + "/a") == ["b", "log"])
    }
  }

  @Test func relativePathsAndOtherSpellings() throws {
    try withFolders { inside, outside in
      symlink(inside, outside + "/alias")
      let gate = FileGate(writable: [outside + "/alias/"], readable: [])
      #expect(gate.allows(inside + "/file", writing: true))
      #expect(gate.allows(outside + "/alias/file", writing: true))
      #expect(!gate.allows("file", writing: false))
      let none = FileGate(writable: [inside + "/missing"], readable: [])
      #expect(!none.allows(inside, writing: false))
    }
  }

  @Test func temporaryNamesCannotBeTaken() throws {
    try withTemporaryDirectory { directory in
      // A link under the name that only the process's number would make unpredictable.
      symlink("/nowhere/else", directory + "/value.tmp-\(getpid())")
      try AtomicFile.write("x", to: directory + "/value")
      #expect(try FileReader.text(at: directory + "/value") == "x")
      #expect(Set((0..<64).map { _ in SystemCall.randomName() }).count == 64)
    }
  }
}
