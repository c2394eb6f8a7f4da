import Datasets
import Diagnostics
import Files
import Images
import TestSupport
import Testing

/// Captions in tables, labels beside class folders, and files that are not what their names promise.
@Suite struct CaptionFileTests {
  /// Writes the files, and images whose numbers are their places; gives the set and what is said.
  private func open(
    _ files: [(String, String)], images: [String] = ["images/a.png", "images/b.png"],
    split: String = "test"
  ) throws -> (set: Dataset, notes: [String]) {
    var result: (Dataset, [String])?
    try withTemporaryDirectory { folder in
      try write(
        files.map { ($0, Array($1.utf8)) }
          + images.enumerated().map { ($1, WebDatasetTests.png($0)) }, in: folder)
      var options = DatasetOptions()
      options.split = split
      var notes: [String] = []
      do {
        let set = try DatasetFormats.open(folder, options: options, onNote: { notes.append($0) })
        let name = folderName(folder)
        result = (set, notes.map { $0.replacing(folder, with: "D").replacing(name, with: "D") })
      } catch let error as KilpiError {
        throw KilpiError("\(error)".replacing(folder, with: "D"))
      }
    }
    return try #require(result)
  }

  private func folderName(_ path: String) -> String {
    path.split(separator: "/").last.map(String.init) ?? ""
  }

  private func captions(_ set: Dataset) throws -> [[String]] {
    try (0..<set.count).map { try set.captions(at: $0) }
  }

  /// What pandas and open_clip read in these files.
  static let tables: [(String, String)] = [
    ("captions.csv", "image,caption\na.png,\"a \"\"red\"\" cat, old\"\nb.png,a dog\n"),
    (
      "captions.tsv", "filepath\ttitle\nimages/a.png\ta \"red\" cat, old\r\nimages/b.png\ta dog\r\n"
    ),
    (
      "metadata.csv",
      "\u{FEFF}id,file_name,text\n1,a.png,\"a \"\"red\"\" cat, old\"\n\n2,b.png,a dog"
    ),
    ("captions.txt", "image,caption\na.png,a \"red\" cat, old\nb.png,a dog\n"),
    ("results.token", "a.png#0\ta \"red\" cat, old\nb.png#0\ta dog\n"),
    ("anything.tsv", "a.png\ta \"red\" cat, old\nb.png\ta dog\n"),
    (
      "results.csv",
      "image_name| comment_number| comment\na.png| 0| a \"red\" cat, old\nb.png| 0| a dog\n"
    ),
    (
      "flickr.csv",
      "raw,sentids,split,filename\n\"[\"\"a \\\"\"red\\\"\" cat, old\"\"]\",[0],test,a.png\n"
        + "\"[\"\"a dog\"\"]\",[1],test,b.png\n\"[\"\"x\"\"]\",[2],train,c.png\n"
    ),
  ]

  @Test(arguments: tables.indices) func readsTables(index: Int) throws {
    let (set, notes) = try open([Self.tables[index]])
    #expect(set.ids == ["images/a.png", "images/b.png"] && notes.isEmpty, "\(notes)")
    #expect(try captions(set) == [["a \"red\" cat, old"], ["a dog"]])
  }

  @Test func severalRowsAndLongQuotes() throws {
    let (set, _) = try open([
      ("captions.csv", "caption;image\n\"one\ntwo\";a.png\nthree;a.png\nfour;b.png\n")
    ])
    #expect(try captions(set) == [["one\ntwo", "three"], ["four"]])
  }

  static let refused: [([(String, String)], String)] = [
    (
      [("captions.csv", "caption,image\nx,a.png\ny,z,b.png\n")],
      "cannot read 'D/captions.csv': line 3 has 3 fields, the header 2"
    ),
    (
      [("captions.csv", "image,caption\na.png,\"x\nb.png,y\n")],
      "cannot read 'D/captions.csv': the quote that begins in line 2 is not closed"
    ),
    (
      [("captions.tsv", "a.png\tx\nb.png y\n")],
      "cannot read 'D/captions.tsv': line 2 has no tab between name and caption"
    ),
    (
      [("metadata.jsonl", "{\"file_name\":\"a.png\",\"text\":\"x\"}\n{bad\n")],
      "cannot read 'D/metadata.jsonl': line 2: not valid JSON at byte 1: expected a key"
    ),
    (
      [
        (
          "captions.json",
          #"{"images":[{"id":1,"file_name":"a.png"},{"id":1,"file_name":"b.png"}],"#
            + #""annotations":[{"image_id":1,"caption":"x"}]}"#
        )
      ],
      "'D/captions.json' gives the id 1 to 'a.png' and to 'b.png' (their captions cannot be told apart)"
    ),
  ]

  @Test(arguments: refused.indices) func refuses(index: Int) {
    let (files, message) = Self.refused[index]
    let error = #expect(throws: KilpiError.self) { _ = try open(files) }
    #expect(error?.problem == message)
  }

  /// Hugging Face's imagefolder: `metadata.jsonl` gives labels, the folders are the classes.
  @Test func labelsBesideClassFoldersAreNoCaptions() throws {
    let metadata =
      "{\"file_name\":\"cat/1.png\",\"label\":1}\n{\"file_name\":\"dog/1.png\",\"label\":0}\n"
    let images = ["cat/1.png", "dog/1.png"]
    for (name, text) in [
      ("metadata.jsonl", metadata), ("metadata.csv", "file_name,label\ncat/1.png,1\n"),
      ("captions.json", #"{"cat": "a photo of a cat"}"#),
    ] {
      let (set, notes) = try open([(name, text)], images: images)
      #expect(set.classNames == ["cat", "dog"] && set.ids == images)
      #expect(
        notes == [
          "D: '\(name)' beside the class folders holds no captions of images: it is not used"
        ])
    }
    let (set, notes) = try open(
      [("metadata.jsonl", metadata.replacing("\"label\":1", with: "\"text\":\"a cat\""))],
      images: images)
    #expect(set.hasCaptions && set.ids == ["cat/1.png"])
    #expect(notes == ["D: 1 images without a caption are passed over"])
  }

  /// An image that is there and has no caption is not called absent, nor counted twice.
  @Test func whatIsPassedOverIsCountedOnce() throws {
    let (set, notes) = try open([
      ("captions.json", #"[{"image":"a.png","caption":"x"},{"image":"b.png","caption":null}]"#)
    ])
    #expect(set.count == 1)
    #expect(notes == ["D: 1 images without a caption are passed over"])
    let (_, coco) = try open([
      (
        "captions.json",
        #"{"images":[{"id":1,"file_name":"a.png"},{"id":2,"file_name":"b.png"},"#
          + #"{"id":3,"file_name":"c.png"}],"annotations":[{"image_id":1,"caption":"x"},"#
          + #"{"image_id":2,"caption":" "},{"image_id":9,"caption":"y"}]}"#
      )
    ])
    #expect(
      coco == [
        "D: 1 captions of images that are not listed are passed over",
        "D: 1 of 3 images that 'D/captions.json' names are not there",
        "D: 1 images without a caption are passed over",
      ])
  }

  /// Karpathy's folders below `images`, an empty `filepath`, and the parts of its split.
  @Test func karpathysSplits() throws {
    let file = (
      "captions.json",
      #"{"images":[{"filepath":"val2014","filename":"a.png","split":"test","sentences":[{"raw":"A"}]},"#
        + #"{"filepath":"val2014","filename":"b.png","split":"restval","sentences":[{"raw":"B"}]},"#
        + #"{"filepath":"","filename":"c.png","split":"val","sentences":[{"raw":"C"}]}]}"#
    )
    let images = ["images/val2014/a.png", "images/val2014/b.png", "images/c.png"]
    for (split, id, notes) in [
      ("test", images[0], []), ("val", images[2], []), ("restval", images[1], []),
      (
        "train", images[1],
        ["D: 1 images of the split restval are part of train, as in the published split"]
      ),
    ] {
      let (set, said) = try open([file], images: images, split: split)
      #expect(set.ids == [id] && said == notes && set.split == split)
    }
    let error = #expect(throws: KilpiError.self) {
      _ = try open([file], images: images, split: "dev")
    }
    #expect(error?.problem == "there is no split 'dev' in 'D' (splits: restval, test, train, val)")
  }
}

/// A set carries the split that it has; one that is not there is an error that names those that are.
@Suite struct SplitTests {
  private static let png = WebDatasetTests.png(1)
  private static let caption = Array(#"{"a.png": "x"}"#.utf8)
  private static let shard = tar([("a.png", png), ("a.txt", Array("x".utf8))])

  static let sets: [(files: [(String, [UInt8])], splits: String)] = [
    ([("cat/a.png", png), ("dog/a.png", png)], "the set has no splits: leave split out"),
    (
      [("captions.json", caption), ("images/a.png", png)], "the set has no splits: leave split out"
    ),
    ([("00000.tar", shard)], "the set has no splits: leave split out"),
    ([("test/cat/a.png", png), ("train/cat/a.png", png)], "splits: train, test"),
    ([("test/0.tar", shard)], "splits: test"),
    ([("test.json", caption), ("val.json", caption), ("images/a.png", png)], "splits: val, test"),
    (
      [("annotations/captions_test2014.json", caption), ("test2014/a.png", png)], "splits: test"
    ),
  ]

  @Test(arguments: sets.indices) func isNamed(index: Int) throws {
    let (files, splits) = Self.sets[index]
    try withTemporaryDirectory { folder in
      try write(files, in: folder)
      for split in ["nonsense", "dev"] {
        var options = DatasetOptions()
        options.split = split
        #expect(
          problem(in: folder) { _ = try DatasetFormats.open(folder, options: options) }
            == "there is no split '\(split)' in 'D' (\(splits))")
      }
      let set = try DatasetFormats.open(folder)
      #expect(set.split == (splits.hasPrefix("splits") ? "test" : ""))
    }
  }

  @Test func theNameIsThatOfTheFolder() throws {
    try withTemporaryDirectory { folder in
      try write([("val/cat/a.png", Self.png), ("val/dog/a.png", Self.png)], in: folder)
      let set = try DatasetFormats.open(folder)
      #expect(set.split == "val")
      #expect(
        set.notes.map { $0.hasSuffix(": there is no split 'test': 'val' is taken") } == [true])
    }
  }

  @Test func whatShardsLeaveOutIsSaid() throws {
    try withTemporaryDirectory { folder in
      let labelled = tar([
        ("a.png", Self.png), ("a.json", Array(#"{"label":1,"caption":"x"}"#.utf8)),
      ])
      try write(
        [
          ("test/0.tar", labelled), ("test/1.tar", Self.shard),
          ("test/nshards.txt", Array("1".utf8)),
        ], in: folder)
      let notes = try DatasetFormats.open(folder).notes
      #expect(notes.count == 2)
      #expect(notes[0].hasSuffix(": nshards.txt says 1: 1 further shards are passed over"))
      #expect(
        notes[1].hasSuffix(
          ": 1 samples have a label in .json and no .cls: such labels are not read"))
    }
  }

  @Test func classesOfOneNameAreSaid() throws {
    try withTemporaryDirectory { folder in
      try write(
        [
          ("a/1.png", Self.png), ("b/1.png", Self.png), ("c\u{1B}/1.png", Self.png),
          ("classnames.txt", Array("crane\nox\ncrane".utf8)),
        ], in: folder)
      var said: [String] = []
      let set = try DatasetFormats.open(folder, onNote: { said.append($0) })
      #expect(set.count == 3)
      #expect(said.map { $0.hasSuffix(": classes 1 and 3 are both called 'crane'") } == [true])
    }
  }
}

/// Alone in the process: they set its cap.
@Suite("sets under a cap", .serialized, .enabled(if: ProcessWide.isAlone))
struct ProcessWideDatasetTests {
  @Test func shardsAskTheCapBeforeTheyAreRead() throws {
    // Many small images are as much as a large one.
    for (count, size) in [(60, 40_000), (3, 900_000)] {
      let members = (0..<count).flatMap { number in
        [("\(number).png", [UInt8](repeating: 7, count: size)), ("\(number).cls", Array("0".utf8))]
      }
      try withTemporaryDirectory { folder in
        try write(
          [("test/0.tar", tar(members)), ("classnames.txt", Array("only".utf8))], in: folder)
        defer { MemoryReservation.setMeter(available: nil) }
        let before = MemoryReservation.totalBytes
        MemoryReservation.setMeter(available: { before + 2_000_000 })
        let error = #expect(throws: KilpiError.self) {
          try WebDataset.open(folder: folder, split: "test")
        }
        #expect(error?.kind == .memory)
        #expect(MemoryReservation.totalBytes == before, "what was held is given back")
        MemoryReservation.setMeter(available: { before + 4_000_000 })
        let set = try WebDataset.open(folder: folder, split: "test")
        #expect(MemoryReservation.totalBytes - before >= count * size && set.count == count)
      }
    }
  }

  @Test func otherReadersAskToo() throws {
    try withTemporaryDirectory { folder in
      let captions = "{\"a.png\": \"" + String(repeating: "x", count: 200_000) + "\"}"
      try write(
        [
          (
            "idx/t10k-images-idx3-ubyte", idx([2, 300, 300], [UInt8](repeating: 0, count: 180_000))
          ),
          ("idx/t10k-labels-idx1-ubyte", idx([2], [0, 0])),
          ("captions/captions.json", Array(captions.utf8)),
          ("captions/images/a.png", WebDatasetTests.png(1)),
        ], in: folder)
      defer { MemoryReservation.setMeter(available: nil) }
      for set in ["idx", "captions"] {
        let before = MemoryReservation.totalBytes
        MemoryReservation.setMeter(available: { before + 100_000 })
        let error = #expect(throws: KilpiError.self) { try DatasetFormats.open(folder + "/" + set) }
        #expect(error?.kind == .memory, "\(error?.problem ?? "")")
        MemoryReservation.setMeter(available: { before + 4_000_000 })
        let opened = try DatasetFormats.open(folder + "/" + set)
        #expect(MemoryReservation.totalBytes - before >= 180_000 && opened.count > 0)
      }
    }
  }
}
