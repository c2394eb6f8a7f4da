import Foundation
import TestSupport
import Testing

@testable import Diagnostics

@Suite struct ResourcesTests {
  @Test func theVocabularyIsFound() throws {
    let path = try ResourceLocator.path("data/bpe_simple_vocab_16e6.txt.gz")
    #expect(path.hasSuffix("/stdlib/data/bpe_simple_vocab_16e6.txt.gz"))
  }

  @Test func aMissingFileIsNamed() {
    #expect {
      try ResourceLocator.path("data/nothing")
    } throws: {
      "\($0)".contains("data/nothing") && "\($0)".contains("KILPI_STDLIB")
    }
  }

  @Test func theEnvironmentComesFirstAndMustExist() throws {
    let source = TestFiles.repository + "/Sources/X/X.swift"
    try withTemporaryDirectory { folder in
      let found = try ResourceLocator.locate(
        environment: folder + "/", executable: nil, source: source)
      #expect(found == .init(path: folder, origin: .environment))
    }
    #expect(throws: KilpiError.self) {
      try ResourceLocator.locate(environment: "/nowhere/at/all", executable: nil, source: source)
    }
  }

  /// As in a clone that was moved after it was built, and under a prefix.
  @Test func filesAreFoundWhereverTheExecutableIs() throws {
    try withTemporaryDirectory { root in
      for (files, program) in [
        ("clone/stdlib", "clone/.build/x86_64/release/kilpi"),
        ("usr/share/kilpi/stdlib", "usr/bin/kilpi"),
      ] {
        try FileManager.default.createDirectory(
          atPath: "\(root)/\(files)/data", withIntermediateDirectories: true)
        let found = try ResourceLocator.locate(
          environment: nil, executable: "\(root)/\(program)", source: "/nowhere/x.swift")
        #expect(found == .init(path: "\(root)/\(files)", origin: .executable))
      }
    }
  }

  @Test func theExecutableComesBeforeTheSources() throws {
    let root = TestFiles.repository
    let found = try ResourceLocator.locate(
      environment: nil, executable: root + "/.build/debug/kilpi", source: "/nowhere/x.swift")
    #expect(found == .init(path: root + "/stdlib", origin: .executable))
    let fallback = try ResourceLocator.locate(
      environment: "", executable: "/nowhere/kilpi", source: root + "/Sources/D/R.swift")
    #expect(fallback == .init(path: root + "/stdlib", origin: .sources))
    #expect(throws: KilpiError.self) {
      try ResourceLocator.locate(environment: nil, executable: nil, source: "/nowhere/x.swift")
    }
  }
}
