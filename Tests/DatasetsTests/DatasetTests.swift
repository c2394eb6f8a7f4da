import Datasets
import Diagnostics
import Files
import Images
import TestSupport
import Tensors
import Testing

@Suite struct DatasetTests {
  /// `count` samples of 2 x 2 pixels in classes 0, 1, 2, 0, …; all values are the sample's number.
  static func numbered(_ count: Int, name: String = "n") throws -> Dataset {
    let values = (0..<count).flatMap { i in [Float](repeating: Float(i) / 1000, count: 12) }
    return try MemoryDataset.make(
      images: Tensor(values, shape: [count, 3, 2, 2]), labels: (0..<count).map { $0 % 3 },
      classNames: ["a", "b", "c"], name: name)
  }

  static func epoch(_ set: Dataset, _ options: BatchOptions) throws -> [Int] {
    let batches = try set.batches(options)
    var seen: [Int] = []
    var number = 0
    while let batch = try batches.next() {
      seen += batch.indices
      number += 1
      let values = try batch.images.floats()
      for (i, index) in batch.indices.enumerated() {
        #expect(values[12 * i] == Float(index) / 1000)
        #expect(batch.ids[i] == "n#\(index)")
        #expect(batch.sampleIDs[i] == SampleID.number(of: "n#\(index)"))
      }
      #expect(try batch.labels?.integers() == batch.indices.map { Int64($0 % 3) })
    }
    #expect(number == batches.count)
    return seen
  }

  @Test func batching() throws {
    let set = try Self.numbered(10)
    var options = BatchOptions(size: 4)
    #expect(try Self.epoch(set, options) == Array(0..<10))
    options.dropLast = true
    #expect(try Self.epoch(set, options) == Array(0..<8))
    options.dropLast = false
    options.shuffle = true
    let first = try Self.epoch(set, options)
    #expect(first != Array(0..<10))
    #expect(first.sorted() == Array(0..<10))
    #expect(try Self.epoch(set, options) == first)
    options.size = 3
    #expect(try Self.epoch(set, options) == first, "the order does not depend on the batch size")
    options.epoch = 1
    #expect(try Self.epoch(set, options) != first)
    options.epoch = 0
    options.random = RandomSource(seed: 1)
    #expect(try Self.epoch(set, options) != first)
    #expect(
      throws: KilpiError("the batch size is 0, less than 1")
    ) { try set.batches(BatchOptions(size: 0)) }
    #expect(throws: KilpiError.self) { try set.batch([]) }
    #expect(throws: KilpiError("there is no sample 11 in a data set of 10")) {
      try set.batch([10])
    }
  }

  @Test("B51: subsets are nested, and drawn alike every time")
  func selections() throws {
    let set = try Self.numbered(30)
    #expect(try set.take(4).ids == ["n#0", "n#1", "n#2", "n#3"])
    let random = RandomSource(seed: 5)
    let ten = try set.take(10, random: random)
    let twenty = try set.take(20, random: random)
    #expect(Set(twenty.ids).isSuperset(of: ten.ids))
    #expect(ten.ids != (try set.take(10).ids))
    let two = try set.perClass(2, random: random)
    #expect(two.classCounts == [2, 2, 2])
    #expect(Set(try set.perClass(4, random: random).ids).isSuperset(of: two.ids))
    // Every sample can be drawn, not the first ones of a class alone.
    let drawn = try (0..<60).flatMap { try set.perClass(2, random: RandomSource(seed: $0)).ids }
    #expect(Set(drawn).count == 30)
    let places = try two.ids.map { id in try #require(set.ids.firstIndex(of: id)) }
    #expect(places == places.sorted())
    #expect(throws: KilpiError("class 'a' has 10 samples, fewer than 11")) {
      try set.perClass(11, random: random)
    }
    #expect(throws: KilpiError("cannot take 31 of 30 samples")) { try set.take(31) }
    #expect(throws: KilpiError("index 2 appears twice")) { try set.subset([1, 1]) }
    #expect(try set.subset([5, 2]).subset([1]).ids == ["n#2"])
    let (training, validation) = try set.validationSplit(random: random)
    #expect(validation.count == 3)
    #expect(training.overlap(with: validation).isEmpty)
    try training.requireDisjoint(from: validation)
    #expect(
      throws: KilpiError(
        "10 samples of n are in both sets, '\(ten.ids[0])' among them",
        advice: "train and test on different samples")
    ) { try set.requireDisjoint(from: ten) }
    try set.requireDisjoint(from: Self.numbered(3, name: "other"))
    #expect(try ten.fingerprint != twenty.fingerprint)
    #expect(try ten.fingerprint == set.take(10, random: random).fingerprint)
  }

  @Test func indexFiles() throws {
    let set = try Self.numbered(6)
    try withTemporaryDirectory { folder in
      let path = folder + "/shots.txt"
      try set.writeIndexFile(of: set.subset([1, 4]), to: path)
      #expect(try FileReader.text(at: path) == "1\tn#1\n4\tn#4\n")
      #expect(try set.subset(indexFile: path).ids == ["n#1", "n#4"])
      for (text, message) in [
        ("9\tn#9\n", "line 1 of 'D/shots.txt' holds no index below 6, tab and sample id"),
        ("1\n", "line 1 of 'D/shots.txt' holds no index below 6, tab and sample id"),
        (
          "0\tn#0\n1\tn#2\n",
          "line 2 of 'D/shots.txt' says 'n#2', but sample 1 is 'n#1'"
            + " (use the index file with the set that it was made for)"
        ),
      ] {
        try AtomicFile.write(text, to: path)
        #expect(problem(in: folder) { _ = try set.subset(indexFile: path) } == message)
      }
    }
  }

  @Test func mapsAndPresets() throws {
    let set = try Self.numbered(3)
    let white = try PixelImage.filled(width: 8, height: 6, red: 255, green: 255, blue: 255)
    let mapped = set.map { sample in
      var sample = sample
      if sample.label == 1 { sample.image = .pixels(white) }
      return sample
    }
    #expect(try mapped.batch([1]).images.shape == [1, 3, 6, 8])
    #expect(
      throws: KilpiError(
        "sample 'n#1' has 8 x 6 pixels, 'n#0' has 2 x 2",
        advice: "give a preset, so that all have one size")
    ) { try mapped.batch([0, 1]) }
    let small = try mapped.subset([1]).preprocessed(.openai, size: 4)
    #expect(try small.batch([0]).images.floats() == [Float](repeating: 1, count: 48))
  }

  @Test func augmentation() throws {
    let set = try Self.numbered(8)
    var options = BatchOptions(size: 8)
    var augmentation = Augmentation()
    options.augmentation = augmentation
    let plain = try set.batch([0, 1, 2]).images.floats()
    #expect(try set.batch([0, 1, 2], options).images.floats() == plain)
    augmentation.crop = 1
    augmentation.flip = true
    augmentation.color = 0.4
    options.augmentation = augmentation
    let whole = try set.batch(Array(0..<8), options).images
    #expect(try whole.floats() != set.batch(Array(0..<8)).images.floats())
    // A sample's change does not depend on its batch.
    for i in 0..<8 {
      #expect(
        try set.batch([i], options).images.floats() == whole.selected(0, i).floats())
    }
    options.epoch = 1
    #expect(try set.batch(Array(0..<8), options).images.floats() != whole.floats())
  }

  @Test func memory() throws {
    let gray = try Tensor([0.25, 0.5] as [Float], shape: [2, 1, 1, 1])
    let set = try MemoryDataset.make(images: gray, captions: [["x", "y"], ["z"]])
    #expect(set.hasCaptions)
    #expect(try set.batch([1, 0]).images.floats() == [0.5, 0.5, 0.5, 0.25, 0.25, 0.25])
    #expect(try set.sample(at: 0).captions == ["x", "y"])
    let labelled = try MemoryDataset.make(images: gray, labels: [1, 0])
    #expect(labelled.classNames == ["1", "2"])
  }

  struct Refused: CustomTestStringConvertible, Sendable {
    var shape = [2, 3, 1, 1]
    var value = 0.5
    var labels: [Int]? = [0, 1]
    var captions: [[String]]?
    var classNames: [String]?
    let problem: String
    var testDescription: String { problem }
  }

  static let refusals: [Refused] = [
    Refused(
      shape: [2, 2, 1, 1],
      problem: "images have the shape [N, 3, H, W], not [2, 2, 1, 1]"),
    Refused(
      shape: [3, 1, 1], problem: "images have the shape [N, 3, H, W], not [3, 1, 1]"),
    Refused(labels: [0], problem: "there are 2 images, but 1 labels"),
    Refused(labels: nil, problem: "a data set needs labels or captions, one of the two"),
    Refused(
      labels: nil, captions: [["a"], []], problem: "sample 2 has no caption"),
    Refused(
      labels: [0, 2], classNames: ["a", "b"],
      problem: "sample 'memory#1' of memory has the label 2, but there are 2 classes"
        + " (in the file labels count from 0)"),
    Refused(
      labels: [0, -1], classNames: ["a", "b"],
      problem: "sample 'memory#1' of memory has the label -1, but there are 2 classes"
        + " (in the file labels count from 0)"),
    Refused(value: 2, problem: "image 1 holds 2.0, outside 0 … 1"),
    Refused(value: .nan, problem: "image 1 holds nan, outside 0 … 1"),
  ]

  @Test(arguments: refusals)
  func refused(_ row: Refused) throws {
    do {
      _ = try MemoryDataset.make(
        images: Tensor.full(row.shape, row.value), labels: row.labels, captions: row.captions,
        classNames: row.classNames)
      Issue.record("accepted")
    } catch let error as KilpiError {
      #expect(error.problem == row.problem)
    }
  }

  @Test func sampleNumbersNeverChange() {
    #expect(SampleID.number(of: "") == 0xf52a_15e9_a9b5_e89b)
    #expect(SampleID.number(of: "test/s0000000") == 0x3749_793a_c4f4_7b3f)
  }

  @Test func formats() throws {
    try withTemporaryDirectory { folder in
      try write([("f/test/a/x.png", ImageFile.encodePNG(picture(0)))], in: folder)
      var options = DatasetOptions()
      #expect(try DatasetFormats.open(folder + "/f", options: options).count == 1)
      options.size = 2
      let set = try DatasetFormats.open(folder + "/f/", options: options)
      #expect(try set.batch([0]).images.shape == [1, 3, 2, 2])
      options.format = "imagefoldr"
      #expect(
        problem { _ = try DatasetFormats.open(folder + "/f", options: options) }
          == "there is no format 'imagefoldr' (did you mean 'imagefolder'?)")
      options = DatasetOptions()
      options.split = "train"
      #expect(
        problem(in: folder) { _ = try DatasetFormats.open(folder + "/f", options: options) }
          == "there is no split 'train' in 'D/f' (splits: test)")
      #expect(
        problem { _ = try DatasetFormats.open("no-such-set") }
          == "there is no data set 'no-such-set' (give a folder, or the name of one in KILPI_DATA)")
      try write([("e/readme", [])], in: folder)
      #expect(
        problem(in: folder) { _ = try DatasetFormats.open(folder + "/e") }
          .hasPrefix("the format of 'D/e' is not recognised (formats: webdataset ("))
    }
  }
}
