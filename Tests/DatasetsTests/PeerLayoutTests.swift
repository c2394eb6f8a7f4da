import Archives
import Datasets
import Diagnostics
import Files
import Images
import TestSupport
import Testing

/// Which samples a set has, as webdataset and torchvision have them: `scripts/reference/datasets.py`.
@Suite struct PeerLayoutTests {
  static let fixture =
    (try? JSONValue.parse(FileReader.bytes(at: TestFiles.fixture("datasets.json"))))

  static func names(_ value: JSONValue?) -> [String] { (value?.array ?? []).compactMap(\.string) }

  @Test func present() {
    #expect(Self.fixture?["shards"]?.array?.count == 12)
    #expect(Self.fixture?["folders"]?.array?.count == 7)
  }

  @Test(arguments: 0..<12) func shards(index: Int) throws {
    let row = try #require(Self.fixture?["shards"]?.array?[index])
    let members = Self.names(row["members"]).enumerated().map { number, name in
      // The member's number is in its pixels, whatever it is called.
      let isText = ["cls", "txt", "json"].contains { name.lowercased().hasSuffix($0) }
      return (name, isText ? Array("0".utf8) : WebDatasetTests.png(number))
    }
    let samples = row["samples"]?.array ?? []
    let passed = row["passed_over"]?.int ?? -1
    try withTemporaryDirectory { folder in
      try write(
        [("test/0.tar", tar(members)), ("classnames.txt", Array("only".utf8))], in: folder)
      guard !samples.isEmpty else {
        let text = problem(in: folder) { _ = try WebDataset.open(folder: folder, split: "test") }
        #expect(
          text == "no sample in 'D/test' can be used; \(passed) are passed over: 'img' in "
            + "'D/test/0.tar' has neither image, cls nor txt, but 1.jpg, 1.cls, 2.jpg, 2.cls "
            + "(a key ends at the first dot of a name)")
        return
      }
      let set = try WebDataset.open(folder: folder, split: "test")
      #expect(set.ids == samples.map { "test/" + ($0.array?[0].string ?? "") })
      for (place, sample) in samples.enumerated() {
        let member = try #require(sample.array?[1].int)
        guard case .pixels(let image) = try set.sample(at: place).image else { continue }
        #expect(try image.pixels == picture(member).pixels, "\(set.ids[place])")
      }
      let note = set.notes.first { $0.contains("are passed over") }
      #expect(
        note?.contains("\(passed) of \(samples.count + passed) samples are passed over")
          ?? (passed == 0))
    }
  }

  @Test(arguments: 0..<7) func folders(index: Int) throws {
    let row = try #require(Self.fixture?["folders"]?.array?[index])
    try withTemporaryDirectory { folder in
      try write(
        Self.names(row["files"]).enumerated().map { ($1, WebDatasetTests.png($0)) }, in: folder)
      let set = try DatasetFormats.open(folder)
      #expect(set.classNames == Self.names(row["classes"]))
      let samples = row["samples"]?.array ?? []
      #expect(set.ids == samples.map { $0.array?[0].string })
      #expect(try set.ids.indices.map { try set.label(at: $0) } == samples.map { $0.array?[1].int })
    }
  }
}

/// What is passed over is said; a set without samples, or of one class, is never silent.
@Suite struct PassedOverTests {
  struct Row: CustomTestStringConvertible, Sendable {
    let name: String
    let files: [String]
    let count: Int
    let notes: [String]
    var testDescription: String { name }
  }

  static let rows: [Row] = [
    Row(
      name: "other kinds of image",
      files: ["cat/1.png", "cat/2.bmp", "cat/3.TIF", "cat/sub/4.bmp", "dog/1.png", "dog/x.gif"],
      count: 2,
      notes: ["D: images of kinds that are not read are passed over: 2 .bmp, 1 .gif, 1 .tif"]),
    Row(
      name: "hidden files and folders",
      files: [
        "cat/1.png", "cat/._1.png", "dog/1.png", ".ipynb_checkpoints/2.png", "cat/.DS_Store",
      ],
      count: 2, notes: ["D: hidden images and folders are passed over: 2"]),
    Row(
      name: "images beside the classes", files: ["cat/1.png", "dog/1.png", "cover.jpg"], count: 2,
      notes: ["D: images beside the class folders are passed over: 1"]),
    Row(
      name: "one class", files: ["cat/1.png", "cat/2.png"], count: 2,
      notes: ["D: there is one class, 'cat': every image is right"]),
  ]

  @Test(arguments: rows) func isSaid(_ row: Row) throws {
    try withTemporaryDirectory { folder in
      try write(row.files.map { ($0, WebDatasetTests.png(1)) }, in: folder)
      let name = folder.split(separator: "/").last.map(String.init) ?? ""
      var said: [String] = []
      let set = try DatasetFormats.open(folder, onNote: { said.append($0) })
      #expect(set.count == row.count)
      #expect(said.map { $0.replacing(name, with: "D") } == row.notes)
    }
  }

  static let refused: [(String, [String], String)] = [
    (
      "a class of other kinds", ["cat/1.png", "dog/1.bmp", "dog/2.bmp"],
      "there is no image that can be read in 'D/dog': it holds 2 .bmp (convert them to PNG)"
    ),
    ("a class without images", ["cat/1.png", "dog/readme.txt"], "there is no image in 'D/dog'"),
    ("nothing", ["readme.txt"], "the format of 'D' is not recognised"),
    (
      "only bmp", ["cat/1.bmp", "dog/1.bmp"],
      "there is no image that can be read in 'D/cat': it holds 1 .bmp (convert them to PNG)"
    ),
  ]

  @Test(arguments: refused.indices) func isRefused(index: Int) throws {
    let (_, files, message) = Self.refused[index]
    try withTemporaryDirectory { folder in
      try write(files.map { ($0, WebDatasetTests.png(1)) }, in: folder)
      #expect(problem(in: folder) { _ = try DatasetFormats.open(folder) }.hasPrefix(message))
    }
  }

  @Test func shardsSayWhatTheyHold() throws {
    let png = WebDatasetTests.png(1)
    func text(_ text: String) -> [UInt8] { Array(text.utf8) }
    let cases: [([(String, [UInt8])], String)] = [
      (
        [("a.gif", png), ("a.cls", text("0"))],
        "'D/test/0.tar' holds no image for 'a' (its members: gif, cls)"
      ),
      (
        [("a.png", png), ("a.v2.cls", text("0"))],
        "'D/test/0.tar' holds neither 'a.cls' nor 'a.txt' (its members: png, v2.cls)"
      ),
      ([], "there is no sample in 'D/test'"),
      (
        [("a.png", png), ("a.PNG", png), ("a.cls", text("0"))],
        "'D/test/0.tar' holds 'a.PNG' or its like twice"
      ),
    ]
    for (members, message) in cases {
      try withTemporaryDirectory { folder in
        try write([("test/0.tar", tar(members)), ("classnames.txt", text("a\nb"))], in: folder)
        #expect(
          problem(in: folder) { _ = try WebDataset.open(folder: folder, split: "test") } == message)
      }
    }
  }

  @Test func shardsOfImg2dataset() throws {
    let png = WebDatasetTests.png(1)
    func text(_ text: String) -> [UInt8] { Array(text.utf8) }
    let first = tar([
      ("000000000.jpg", png), ("000000000.json", text(#"{"caption":"a dog"}"#)),
      ("000000001.jpg", png), ("000000001.txt", text("two\nlines")),
    ])
    let second = tar([("000010000.jpg", png), ("000010000.json", text(#"{"captions":["x","y"]}"#))])
    try withTemporaryDirectory { folder in
      try write([("00000.tar", first), ("00010.tar", second), ("00000.parquet", [])], in: folder)
      let set = try DatasetFormats.open(folder)
      #expect(set.ids == ["000000000", "000000001", "000010000"] && set.split == "")
      #expect(
        try (0..<3).map { try set.captions(at: $0) } == [["a dog"], ["two", "lines"], ["x", "y"]])
    }
  }

  @Test func labelsOrCaptionsAsTheTypeSays() throws {
    let png = WebDatasetTests.png(1)
    func text(_ text: String) -> [UInt8] { Array(text.utf8) }
    let members = [
      ("a.png", png), ("a.cls", text("1")), ("a.txt", text("a dog")), ("b.png", png),
      ("b.txt", text("a cat")), ("b.cls", text("0")),
    ]
    try withTemporaryDirectory { folder in
      // A byte-order mark is no part of a class's name.
      try write(
        [("test/0.tar", tar(members)), ("classnames.txt", text("\u{FEFF}cat\r\ndog\r\n"))],
        in: folder)
      let labelled = try WebDataset.open(folder: folder, split: "test")
      #expect(try labelled.label(at: 0) == 1 && labelled.classNames == ["cat", "dog"])
      #expect(labelled.notes.count == 1)
      try write([("dataset_type.txt", text("retrieval"))], in: folder)
      let captioned = try WebDataset.open(folder: folder, split: "test")
      #expect(try captioned.hasCaptions && captioned.captions(at: 1) == ["a cat"])
      #expect(try captioned.label(at: 0) == nil && captioned.notes.isEmpty)
    }
  }
}

@Suite struct CaptionFolderTests {
  static let coco = #"""
    {"images": [{"id": 7, "file_name": "b.png"}, {"id": 3, "file_name": "a.png"}],
     "annotations": [{"image_id": 3, "id": 1, "caption": "a cat"}, {"image_id": 7, "caption": "a dog"},
       {"image_id": 3, "caption": "a kitten"}]}
    """#
  static let karpathy = #"""
    {"images": [{"filename": "a.png", "split": "test", "sentences": [{"raw": "a cat"}, {"raw": "a kitten"}]},
      {"filename": "b.png", "split": "test", "sentences": [{"raw": "a dog"}]},
      {"filename": "c.png", "split": "train", "sentences": [{"raw": "a bus"}]}], "dataset": "flickr8k"}
    """#
  static let list = #"""
    [{"image": "a.png", "caption": ["a cat", "a kitten"]}, {"image": "b.png", "caption": "a dog"}]
    """#
  static let object = #"{"a.png": ["a cat", "a kitten"], "b.png": "a dog"}"#
  static let rowwise = """
    {"file_name": "a.png", "text": "a cat"}
    {"file_name": "a.png", "text": "a kitten"}
    {"file_name": "b.png", "text": "a dog"}

    """

  /// File of captions, its text, folder of images, order of the images.
  static let rows: [(String, String, String, [String])] = [
    ("captions.json", coco, "images", ["b", "a"]),
    ("annotations/captions_test2017.json", coco, "test2017", ["b", "a"]),
    ("dataset.json", karpathy, "images", ["a", "b"]),
    ("test.json", list, "images/test", ["a", "b"]),
    ("anything.json", object, "images", ["a", "b"]),
    ("test_captions.json", object, "test/images", ["a", "b"]),
    ("test/metadata.jsonl", rowwise, "test", ["a", "b"]),
    ("captions.jsonl", rowwise, "images", ["a", "b"]),
  ]

  @Test(arguments: rows.indices) func reads(index: Int) throws {
    let (file, text, images, order) = Self.rows[index]
    try withTemporaryDirectory { folder in
      try write(
        [
          (file, Array(text.utf8)), (images + "/a.png", WebDatasetTests.png(1)),
          (images + "/b.png", WebDatasetTests.png(2)),
        ], in: folder)
      var said: [String] = []
      let set = try DatasetFormats.open(folder, onNote: { said.append($0) })
      #expect(set.hasCaptions && said.isEmpty, "\(said)")
      #expect(set.ids == order.map { "\(images)/\($0).png" })
      let captions = ["a": ["a cat", "a kitten"], "b": ["a dog"]]
      #expect(try (0..<2).map { try set.captions(at: $0) } == order.map { captions[$0] })
    }
  }

  @Test func saysWhatDoesNotFit() throws {
    try withTemporaryDirectory { folder in
      let text = #"{"a.png": ["a cat"], "gone.png": ["x"], "b.png": []}"#
      try write(
        [
          ("captions.json", Array(text.utf8)), ("images/a.png", WebDatasetTests.png(1)),
          ("images/b.png", WebDatasetTests.png(1)), ("images/c.png", WebDatasetTests.png(1)),
        ], in: folder)
      var said: [String] = []
      let set = try DatasetFormats.open(folder, onNote: { said.append($0) })
      #expect(set.count == 1)
      #expect(said.count == 2 && said[0].contains("1 of 3 images that"))
      #expect(said.last?.hasSuffix("2 images without a caption are passed over") == true)
    }
  }

  @Test func captionsOfAnotherSplitAreNotTaken() throws {
    try withTemporaryDirectory { folder in
      try write(
        [
          ("train_captions.json", Array(Self.object.utf8)),
          ("images/a.png", WebDatasetTests.png(1)), ("images/b.png", WebDatasetTests.png(1)),
        ], in: folder)
      var options = DatasetOptions()
      options.split = "train"
      let train = try DatasetFormats.open(folder, options: options)
      #expect(train.hasCaptions && train.count == 2)
      options.split = "test"
      options.format = "captions"
      #expect(
        problem(in: folder) { _ = try DatasetFormats.open(folder, options: options) }
          == "there is no split 'test' in 'D' (splits: train)")
    }
  }

  static let refused: [(String, String)] = [
    (#"{"a": 1}"#, "'D/captions.json' holds no captions of images in a form that is read "),
    ("[", "cannot read 'D/captions.json': "),
    (#"{"../a.png": "x"}"#, "'D/captions.json' names '../a.png', which may lie outside the set"),
    (
      #"{"/etc/a.png": "x"}"#, "'D/captions.json' names '/etc/a.png', which may lie outside the set"
    ),
    (#"{"gone.png": "x"}"#, "none of the 1 images that 'D/captions.json' names is in the folder"),
  ]

  @Test(arguments: refused.indices) func refuses(index: Int) throws {
    let (text, message) = Self.refused[index]
    try withTemporaryDirectory { folder in
      try write(
        [("captions.json", Array(text.utf8)), ("images/a.png", WebDatasetTests.png(1))], in: folder)
      let result = problem(in: folder) { _ = try DatasetFormats.open(folder) }
      #expect(result.hasPrefix(message), "\(result)")
    }
  }
}
