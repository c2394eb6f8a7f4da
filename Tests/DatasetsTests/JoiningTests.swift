import Datasets
import Diagnostics
import Tensors
import TestSupport
import Testing

@Suite struct JoiningTests {
  private func set(
    _ count: Int, name: String = "memory", classes: [String] = ["cat", "dog"]
  ) throws -> Dataset {
    let images = try (Tensor.zeros([count, 3, 2, 2]) + 0.5)
    return try MemoryDataset.make(
      images: images, labels: (0..<count).map { $0 % classes.count }, classNames: classes,
      name: name)
  }

  @Test func joinsInOrder() throws {
    let (a, b) = (try set(3, name: "a"), try set(4, name: "b").subset([2, 0]))
    let both = try Dataset.joined([a, b])
    #expect(both.ids == ["a#0", "a#1", "a#2", "b#2", "b#0"])
    #expect(try (0..<5).map { try both.label(at: $0) } == [0, 1, 0, 0, 0])
    #expect(both.name == "a+b" && both.count == 5 && both.classNames == ["cat", "dog"])
    #expect(try both.batch([4, 0]).images.shape == [2, 3, 2, 2])
    #expect(try both.subset([3]).ids == ["b#2"])
    #expect(try both.fingerprint != a.fingerprint)
  }

  @Test func idsStayDifferent() throws {
    let a = try set(2)
    let both = try Dataset.joined([a, a])
    #expect(both.ids == ["1/memory#0", "1/memory#1", "2/memory#0", "2/memory#1"])
    #expect(Set(try (0..<4).map { try both.sampleID(at: $0) }).count == 4)
  }

  /// Sets of sets are flattened up to a number of parts, and nested beyond; ids do not tell.
  @Test func manyPartsAreOneSet() throws {
    var whole = try set(1, name: "s0")
    for number in 1..<40 { whole = try Dataset.joined([whole, set(1, name: "s\(number)")]) }
    #expect(whole.ids == (0..<40).map { "s\($0)#0" })
    let twice = try Dataset.joined([whole, whole.subset([3, 1])])
    #expect(
      twice.ids.prefix(2) == ["1/s0#0", "1/s1#0"] && twice.ids.suffix(2) == ["2/s3#0", "2/s1#0"])
    #expect(try twice.batch([40, 41]).ids == ["2/s3#0", "2/s1#0"])
    var doubled = try set(1)
    for _ in 0..<14 { doubled = try Dataset.joined([doubled, doubled]) }
    #expect(doubled.count == 1 << 14 && Set(doubled.ids).count == 1 << 14)
    #expect(
      try doubled.sample(at: doubled.count - 1).id == String(repeating: "2/", count: 14)
        + "memory#0")
  }

  /// Samples that are in both under one id, though neither set begins with them.
  @Test func findsSharedSamples() throws {
    let whole = try set(4)
    let both = try Dataset.joined([whole.subset([0, 3]), whole.subset([1, 3])])
    #expect(both.ids == ["1/memory#0", "1/memory#3", "2/memory#1", "2/memory#3"])
  }

  @Test func refusesWhatDoesNotFit() throws {
    #expect(
      problem { _ = try Dataset.joined([set(2), set(2, classes: ["cat", "cow"])]) }
        == "set 2 has other classes than the first: class 2 is 'dog' in the first and 'cow' in it "
        + "(labels would mean different things: bring both to one list of classes)")
    #expect(
      problem { _ = try Dataset.joined([set(2), set(3, classes: ["cat", "dog", "cow"])]) }
        .hasPrefix("set 2 has other classes than the first: the first has 2 classes, it has 3"))
    let captions = try MemoryDataset.make(
      images: Tensor.zeros([1, 3, 2, 2]), captions: [["a cat"]])
    #expect(
      problem { _ = try Dataset.joined([set(2), captions]) }
        == "sets with captions and sets with labels cannot be joined")
    #expect(problem { _ = try Dataset.joined([]) } == "there is no data set to join")
  }

  @Test(arguments: [([0.8, 0.2], [8, 2]), ([0.5, 0.25, 0.25], [5, 3, 2]), ([0.3], [3])])
  func splitsByShare(shares: [Double], sizes: [Int]) throws {
    let whole = try set(10)
    let parts = try whole.split(shares, random: RandomSource(seed: 3))
    #expect(parts.map(\.count) == sizes)
    let ids = parts.flatMap(\.ids)
    #expect(Set(ids).count == ids.count, "no overlap")
    for part in parts {
      let places = part.ids.compactMap { whole.ids.firstIndex(of: $0) }
      #expect(places == places.sorted(), "in the set's order")
    }
    #expect(try whole.split(shares, random: RandomSource(seed: 3)).map(\.ids) == parts.map(\.ids))
    #expect(try whole.split(shares, random: RandomSource(seed: 4)).map(\.ids) != parts.map(\.ids))
  }

  @Test func splitsEachClass() throws {
    let parts = try set(20).split([0.5, 0.5], random: RandomSource(seed: 1), byClass: true)
    #expect(parts.map(\.classCounts) == [[5, 5], [5, 5]])
  }

  static let wrong: [([Double], String)] = [
    ([], "the shares {} are not numbers above 0 whose sum is 1 at most (such as {0.8, 0.2})"),
    (
      [0.8, 0.3],
      "the shares {0.8, 0.3} are not numbers above 0 whose sum is 1 at most (such as {0.8, 0.2})"
    ),
    (
      [-0.1, 0.5],
      "the shares {-0.1, 0.5} are not numbers above 0 whose sum is 1 at most (such as {0.8, 0.2})"
    ),
    (
      [.nan], "the shares {nan} are not numbers above 0 whose sum is 1 at most (such as {0.8, 0.2})"
    ),
    ([0.99, 0.01], "the share 0.01 of 10 samples is none (take a larger one)"),
  ]

  @Test(arguments: wrong.indices) func refusesShares(index: Int) throws {
    let (shares, message) = Self.wrong[index]
    #expect(
      problem { _ = try set(10).split(shares, random: RandomSource(seed: 0)) } == message)
  }
}
