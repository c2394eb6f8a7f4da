import Archives
import Datasets
import Diagnostics
import Files
import Images
import Tensors
import TestSupport
import Testing

@Suite struct WebDatasetTests {
  typealias Member = (name: String, bytes: [UInt8])

  static func text(_ text: String) -> [UInt8] { Array(text.utf8) }
  static func png(_ number: Int) -> [UInt8] { (try? ImageFile.encodePNG(picture(number))) ?? [] }

  static func labelled(_ labels: [String]) -> [Member] {
    labels.enumerated().flatMap { number, label in
      [("s000\(number).png", png(number)), ("s000\(number).cls", text(label))]
    }
  }

  /// The files of a set with one test shard.
  static func files(
    _ members: [Member], names: String = "cat\ndog\nbird\n", gzip: Bool = false
  ) -> [(String, [UInt8])] {
    let shard = tar(members)
    return [
      ("test/nshards.txt", text("1")),
      gzip ? ("test/0.tar.gz", (try? Gzip.deflated(shard)) ?? []) : ("test/0.tar", shard),
      ("classnames.txt", text(names)),
      ("zeroshot_classification_templates.txt", text("a photo of a {c}\r\nart of a {c}")),
    ]
  }

  @Test(arguments: [false, true])
  func labels(_ gzip: Bool) throws {
    try withTemporaryDirectory { folder in
      try write(Self.files(Self.labelled(["2", " 0\n", "1"]), gzip: gzip), in: folder)
      let set = try WebDataset.open(folder: folder, split: "test")
      #expect(set.ids == ["test/s0000", "test/s0001", "test/s0002"])
      #expect(set.classCounts == [1, 1, 1])
      #expect(set.templates == ["a photo of a {c}", "art of a {c}"])
      let batch = try set.batch([2, 0])
      #expect(try batch.labels?.integers() == [1, 2])
      #expect(try batch.images.selected(0, 0).floats() == picture(2).tensor().floats())
    }
  }

  @Test func severalShards() throws {
    try withTemporaryDirectory { folder in
      try write(
        [
          ("train/nshards.txt", Self.text("2\n")),
          ("train/0.tar", tar([("a.png", Self.png(0)), ("a.cls", Self.text("0"))])),
          ("train/1.tar", tar([("b.png", Self.png(1)), ("b.cls", Self.text("0"))])),
          ("classnames.txt", Self.text("only")),
        ], in: folder)
      let set = try WebDataset.open(folder: folder, split: "train")
      #expect(set.ids == ["train/a", "train/b"])
      #expect(set.templates == [Dataset.defaultTemplate])
      #expect(
        problem(in: folder) { _ = try WebDataset.open(folder: folder, split: "test") }
          == "there is no split 'test' in 'D' (splits: train)")
    }
  }

  @Test func captions() throws {
    let members: [Member] = [
      ("x/0.png", Self.png(0)), ("x/0.txt", Self.text("A dog.\nA brown dog runs.")),
      ("x/1.png", Self.png(1)), ("x/1.txt", Self.text("Two cats.\n")),
    ]
    try withTemporaryDirectory { folder in
      try write(
        [("test/0.tar", tar(members)), ("dataset_type.txt", Self.text("retrieval"))], in: folder)
      let set = try WebDataset.open(folder: folder, split: "test")
      #expect(set.hasCaptions)
      #expect(set.classNames.isEmpty)
      let batch = try set.batch([0, 1])
      #expect(batch.captions == [["A dog.", "A brown dog runs."], ["Two cats."]])
      #expect(batch.labels == nil)
      #expect(batch.ids == ["test/x/0", "test/x/1"])
    }
  }

  struct Refused: CustomTestStringConvertible, Sendable {
    let name: String
    let files: [(String, [UInt8])]
    let expected: String
    var testDescription: String { name }
  }

  static let refusals: [Refused] = [
    Refused(
      name: "label beyond the classes", files: files(labelled(["3"])),
      expected: "sample 'test/s0000' of D has the label 3, but there are 3 classes (in the file"
        + " labels count from 0)"),
    Refused(
      name: "label in words", files: files(labelled(["cat"])),
      expected: "'s0000.cls' in 'D/test/0.tar' says 'cat', not a label"),
    Refused(
      name: "negative label", files: files(labelled(["-1"])),
      expected: "'s0000.cls' in 'D/test/0.tar' says '-1', not a label"),
    Refused(
      name: "label without image", files: files([("s0.cls", text("1"))]),
      expected: "'D/test/0.tar' holds no image for 's0'"),
    Refused(
      name: "image without label", files: files([("s0.png", png(0))]),
      expected: "'D/test/0.tar' holds neither 's0.cls' nor 's0.txt'"),
    Refused(
      name: "members apart",
      files: files([
        ("a.png", png(0)), ("b.png", png(1)), ("a.cls", text("0")), ("b.cls", text("0")),
      ]), expected: "'D/test/0.tar' holds neither 'a.cls' nor 'a.txt'"),
    Refused(
      name: "key twice",
      files: files(labelled(["0"]) + labelled(["0", "1"]).suffix(2) + labelled(["0"])),
      expected: "'D/test/0.tar' holds the key 's0000' again (members of a key must be adjacent and"
        + " keys differ)"),
    Refused(
      name: "outside", files: files([("../a.png", png(0))]),
      expected: "cannot read 'D/test/0.tar': member '../a.png' would lie outside the archive"),
    Refused(
      name: "captions in bad UTF-8", files: files([("a.png", png(0)), ("a.txt", [0xff, 0xfe])]),
      expected: "'a.txt' in 'D/test/0.tar' is not UTF-8"),
    Refused(
      name: "no caption", files: files([("a.png", png(0)), ("a.txt", text("\n \n"))]),
      expected: "'a.txt' in 'D/test/0.tar' holds no caption"),
    Refused(
      name: "template without class",
      files: files(labelled(["0"])) + [
        ("zeroshot_classification_templates.txt", text("a photo"))
      ], expected: "the template 'a photo' of D has no {c} for the class name"),
    Refused(
      name: "absent shard", files: files(labelled(["0"])) + [("test/nshards.txt", text("2"))],
      expected: "shard 1 of 2 is not in 'D/test'"),
    Refused(
      name: "shards in words", files: files(labelled(["0"])) + [("test/nshards.txt", text("two"))],
      expected: "'D/test/nshards.txt' says 'two', no number of shards"),
    Refused(
      name: "no class names",
      files: files(labelled(["0"])).filter { $0.0 != "classnames.txt" },
      expected: "'D' has no classnames.txt (write one class name a line)"),
    Refused(
      name: "labels called retrieval",
      files: files(labelled(["0"])) + [("dataset_type.txt", text("retrieval"))],
      expected: "dataset_type.txt of 'D' says 'retrieval', but the samples have labels"),
    Refused(
      name: "damaged image",
      files: files([("a.png", Array(png(0).prefix(60))), ("a.cls", text("0"))]),
      expected: "cannot read 'test/a': it ends after 60 bytes (copy or download it again)"),
  ]

  @Test(arguments: refusals)
  func refused(_ row: Refused) throws {
    try withTemporaryDirectory { folder in
      try write(row.files, in: folder)
      let name = folder.split(separator: "/").last.map(String.init) ?? ""
      let result = problem(in: folder) {
        let set = try WebDataset.open(folder: folder, split: "test")
        _ = try set.batch([0])
      }
      #expect(result.split(separator: name).joined(separator: "D") == row.expected)
    }
  }

  @Test func truncatedAnywhere() throws {
    let shard = tar(Self.labelled(["2", "0", "1"]))
    let packed = try Gzip.deflated(shard)
    try withTemporaryDirectory { folder in
      try write(Self.files(Self.labelled(["0"])), in: folder)
      for (bytes, step, end) in [(shard, 37, shard.count - 512), (packed, 1, packed.count)] {
        for length in stride(from: 0, to: end, by: step) {
          try write([("test/0.tar", Array(bytes[..<length]))], in: folder)
          #expect(throws: KilpiError.self, "\(length) of \(bytes.count)") {
            try WebDataset.open(folder: folder, split: "test")
          }
        }
      }
    }
  }

  @Test func sharedSets() throws {
    guard let data = TestFiles.shared("data") else { return }
    let cifar = try DatasetFormats.open(data + "/wds_cifar10")
    #expect(cifar.count == 5000)
    #expect(cifar.classCounts == [Int](repeating: 500, count: 10))
    #expect(cifar.notes.count == 1)
    #expect(try cifar.batch(Array(0..<16)).images.shape == [16, 3, 32, 32])
    let flickr = try DatasetFormats.open(data + "/wds_flickr8k")
    #expect(flickr.count == 1000)
    #expect(flickr.hasCaptions)
    #expect(try (0..<flickr.count).allSatisfy { try flickr.captions(at: $0).count == 5 })
    let tiny = try DatasetFormats.open(data + "/wds_tiny-imagenet")
    #expect(tiny.count == 5050)
    #expect(tiny.classNames.count == 202)
  }
}
