import Files
import Images
import Tensors
import TestSupport
import Testing

@testable import Datasets

/// What a record calls the same data.
@Suite("digests of data sets") struct DigestTests {
  private static func set(
    _ value: Float = 0.5, labels: [Int]? = [0, 1, 0], captions: [[String]]? = nil,
    names: [String]? = ["cat", "dog"], ids: [String] = ["a", "b", "c"]
  ) throws -> Dataset {
    var values = [Float](repeating: 0.25, count: 3 * 3 * 4)
    values[20] = value
    return try MemoryDataset.make(
      images: Tensor(values, shape: [3, 3, 2, 2]), labels: labels, captions: captions,
      classNames: names, ids: ids)
  }

  /// The parts in which two sets differ.
  private func difference(_ a: Dataset, _ b: Dataset) throws -> [String] {
    let (one, other) = (try a.digests().record, try b.digests().record)
    // Names of sets are part of the fingerprint alone.
    #expect(try a.name != b.name || (a.fingerprint == b.fingerprint) == (one == other))
    return one.differences(to: other).map(\.path)
  }

  @Test("each part has its own") func parts() throws {
    let set = try Self.set()
    #expect(try difference(set, Self.set()).isEmpty)
    #expect(try difference(set, Self.set(labels: [0, 1, 1])) == ["labels"])
    #expect(try difference(set, Self.set(names: ["cat", "cow"])) == ["classes"])
    #expect(try difference(set, Self.set(names: ["catd", "og"])) == ["classes"])
    #expect(try difference(set, Self.set(0.75)) == ["contents"])
    #expect(try difference(set, Self.set(ids: ["a", "b", "d"])) == ["ids"])
    #expect(try difference(set, Self.set(ids: ["a", "bc", ""])) == ["ids"])
    let texts = try Self.set(labels: nil, captions: [["x", "y"], ["z"], ["w"]], names: nil)
    let moved = try Self.set(labels: nil, captions: [["x"], ["y", "z"], ["w"]], names: nil)
    #expect(try difference(texts, moved) == ["labels"])
  }

  @Test("parts and joined sets have those of their samples") func selections() throws {
    let set = try Self.set()
    let (first, rest) = (try set.subset([0]), try set.subset([1, 2]))
    #expect(try difference(set, Dataset.joined([first, rest])).isEmpty)
    #expect(try difference(set, rest) == ["ids", "labels", "contents"])
    #expect(
      try difference(first, Self.set(0.75).subset([0])).isEmpty, "the changed one is not in it")
  }

  @Test("files are told apart by size and first bytes, not by place or time") func files() throws {
    try withTemporaryDirectory { folder in
      func write(_ name: String, _ level: UInt8) throws -> Dataset {
        for (label, value) in [("cat", level), ("dog", 9)] {
          try FileReader.makeDirectory("\(folder)/\(name)/\(label)")
          let pixels = [UInt8](repeating: value, count: 12)
          try ImageFile.save(
            PixelImage(width: 2, height: 2, pixels: pixels), to: "\(folder)/\(name)/\(label)/0.png")
        }
        return try ImageFolder.open(folder: "\(folder)/\(name)", split: "test")
      }
      let set = try write("one", 1)
      #expect(try difference(set, write("copy", 1)).isEmpty)
      #expect(try difference(set, write("other", 2)) == ["contents"])
    }
  }

  @Test("classes at other places are refused, other words are not") func order() throws {
    let set = try Self.set(labels: [0, 1, 2], names: ["cat", "dog", "cow"])
    for names in [["cat", "dog", "cow"], ["kitten", "puppy", "calf"], ["cat", "hound", "cow"]] {
      try set.requireOrder(ofClasses: names)
    }
    for names in [["dog", "cat", "cow"], ["x", "cat", "y"]] {
      let error = #expect(throws: (any Error).self) { try set.requireOrder(ofClasses: names) }
      #expect(
        "\(error.map { "\($0)" } ?? "")".hasPrefix("class 'cat' is number 1 in memory, number 2"))
    }
  }
}
