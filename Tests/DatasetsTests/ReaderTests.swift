import Archives
import Datasets
import Diagnostics
import Files
import Glibc
import Images
import Tensors
import TestSupport
import Testing

/// Each reader against three samples that the test writes, and against their damaged twins.
@Suite struct ReaderTests {
  struct Case: CustomTestStringConvertible, Sendable {
    let name: String
    let files: [(String, [UInt8])]
    var split = "test"
    let expected: String
    var testDescription: String { name }
  }

  static func text(_ text: String) -> [UInt8] { Array(text.utf8) }

  static let gray = [UInt8](0..<18)
  static let labels: [UInt8] = [2, 0, 1]

  static func idxFiles(_ images: [UInt8], _ labels: [UInt8]) -> [(String, [UInt8])] {
    [("t10k-images-idx3-ubyte", images), ("t10k-labels-idx1-ubyte", labels)]
  }

  static let idxCases: [Case] = {
    let good = idxFiles(idx([3, 2, 3], gray), idx([3], labels))
    let packed = try? [
      ("t10k-images-idx3-ubyte.gz", Gzip.deflated(good[0].1)),
      ("t10k-labels-idx1-ubyte.gz", Gzip.deflated(good[1].1)),
    ]
    let image = "cannot read 'D/t10k-images-idx3-ubyte': "
    return [
      Case(name: "plain", files: good, expected: "3 of 3 x 2"),
      Case(name: "gzip", files: packed ?? [], expected: "3 of 3 x 2"),
      Case(
        name: "wrong magic", files: idxFiles(idx([3, 2, 3], gray, magic: [0, 0, 9, 3]), []),
        expected: image + "its magic number is 0x903, not 0x803"),
      Case(
        name: "labels for images", files: idxFiles(idx([3], labels), idx([3], labels)),
        expected: image + "its magic number is 0x801, not 0x803"),
      Case(
        name: "one byte short", files: idxFiles(idx([3, 2, 3], gray.dropLast()), []),
        expected: image
          + "it holds 17 bytes where its sizes [3, 2, 3] need 18 (copy or download it again)"),
      Case(
        name: "one byte more", files: idxFiles(idx([3, 2, 3], gray + [0]), []),
        expected: image
          + "it holds 19 bytes where its sizes [3, 2, 3] need 18 (copy or download it again)"),
      Case(
        name: "absurd sizes",
        files: idxFiles(idx([0xffff_ffff, 0xffff_ffff, 0xffff_ffff], []), []),
        expected: image
          + "its sizes [4294967295, 4294967295, 4294967295] are too large"),
      Case(name: "empty", files: idxFiles([], []), expected: image + "it ends after 0 bytes"),
      Case(
        name: "fewer labels", files: idxFiles(idx([3, 2, 3], gray), idx([2], [0, 1])),
        expected: "'t10k-images-idx3-ubyte' holds 3 images, but there are 2 labels"),
      Case(
        name: "label beyond the classes", files: good + [("classnames.txt", text("a\nb\n"))],
        expected: "sample 't10k-images-idx3-ubyte#0' of D has the label 2, but there are 2 classes"
          + " (in the file labels count from 0)"),
      Case(
        name: "another split", files: good, split: "val",
        expected: "there is no split 'val' in 'D'"
          + " (its files would be named val-images-idx3-ubyte)"),
    ]
  }()

  @Test(arguments: idxCases)
  func idxFile(_ row: Case) throws {
    try withTemporaryDirectory { folder in
      try write(row.files, in: folder)
      let name = folder.split(separator: "/").last.map(String.init) ?? ""
      let result = problem(in: folder) {
        let set = try IDXDataset.open(folder: folder, split: row.split)
        #expect(set.classCounts == [1, 1, 1])
        #expect(try set.id(at: 1) == "t10k-images-idx3-ubyte#1")
        let batch = try set.batch([1, 0])
        #expect(batch.images.shape == [2, 3, 2, 3])
        let values = try batch.images.floats()
        #expect(Array(values[0..<6]) == (6..<12).map { Float($0) / 255 })
        #expect(Array(values[0..<6]) == Array(values[12..<18]))
        #expect(try batch.labels?.integers() == [0, 2])
        let sample = try set.sample(at: 2)
        #expect(sample.label == 1)
        throw KilpiError("\(set.count) of \(sample.image.width) x \(sample.image.height)")
      }
      #expect(result.split(separator: name).joined(separator: "D") == row.expected)
    }
  }

  static func record(_ labels: [UInt8], _ number: UInt8) -> [UInt8] {
    labels + (0..<3072).map { UInt8(truncatingIfNeeded: $0) &+ number }
  }

  static let names10 = ("batches.meta.txt", text("zero\none\ntwo\n\n"))

  @Test(arguments: [
    Case(
      name: "ten classes",
      files: [names10, ("test_batch.bin", record([2], 1) + record([0], 2) + record([1], 3))],
      expected: "3, test_batch.bin#2, label 1"),
    Case(
      name: "hundred classes, fine labels",
      files: [
        ("fine_label_names.txt", text("a\nb\nc")),
        ("test.bin", record([9, 2], 1) + record([9, 0], 2) + record([9, 1], 3)),
      ], expected: "3, test.bin#2, label 1"),
    Case(
      name: "cut", files: [names10, ("test_batch.bin", record([2], 1).dropLast())],
      expected: "cannot read 'D/test_batch.bin': its 3072 bytes are no whole number of records of"
        + " 3073 (copy or download it again)"),
    Case(
      name: "label beyond the classes", files: [names10, ("test_batch.bin", record([3], 1))],
      expected: "sample 'test_batch.bin#0' of D has the label 3, but there are 3 classes (in the"
        + " file labels count from 0)"),
    Case(
      name: "no names", files: [("test_batch.bin", record([0], 1))],
      expected: "'D' has no batches.meta.txt (write one class name a line)"),
  ])
  func cifar(_ row: Case) throws {
    try withTemporaryDirectory { folder in
      try write(row.files, in: folder)
      let name = folder.split(separator: "/").last.map(String.init) ?? ""
      let result = problem(in: folder) {
        let set = try CIFARBinary.open(folder: folder, split: row.split)
        let batch = try set.batch([0])
        let sample = try set.sample(at: 0)
        guard case .pixels(let pixels) = sample.image else { throw KilpiError("no pixels") }
        #expect(try batch.images.floats() == pixels.tensor().floats())
        #expect(Array(pixels.pixels.prefix(6)) == [1, 1, 1, 2, 2, 2])
        throw KilpiError("\(set.count), \(try set.id(at: 2)), label \(try set.label(at: 2) ?? -1)")
      }
      #expect(result.split(separator: name).joined(separator: "D") == row.expected)
    }
  }

  static func png(_ number: Int) -> [UInt8] {
    (try? ImageFile.encodePNG(picture(number))) ?? []
  }

  @Test(arguments: [
    Case(
      name: "folders",
      files: [
        ("test/b/2.png", png(2)), ("test/b/10.png", png(1)), ("test/a/x.PNG", png(0)),
        ("test/a/notes.txt", []),
      ], expected: "test/a/x.PNG, test/b/10.png, test/b/2.png: a b"),
    Case(
      name: "names by position",
      files: [
        ("test/b/2.png", png(2)), ("test/a/x.png", png(0)), ("classnames.txt", text("cat\ndog\n")),
      ], expected: "test/a/x.png, test/b/2.png: cat dog"),
    Case(
      name: "names by folder, no split",
      files: [
        ("b/2.png", png(2)), ("a/x.png", png(0)), ("classnames.txt", text("b\tdog\na\tcat, tom\n")),
      ], expected: "a/x.png, b/2.png: cat dog"),
    Case(
      name: "Tiny-ImageNet's validation",
      files: [
        ("wnids.txt", text("n2\nn1\n")), ("words.txt", text("n1\tgoldfish, Carassius\nn2\tfrog\n")),
        ("val/images/v0.JPEG", png(0)), ("val/images/v1.JPEG", png(1)),
        ("val/val_annotations.txt", text("v1.JPEG\tn1\t0\t0\t1\t1\nv0.JPEG\tn2\t0\t0\t1\t1\n")),
      ], expected: "val/images/v1.JPEG, val/images/v0.JPEG: goldfish frog"),
    Case(
      name: "too many names",
      files: [("test/a/x.png", png(0)), ("classnames.txt", text("cat\ndog\n"))],
      expected: "'D/classnames.txt' names 2 classes, but there are 1 class folders"),
    Case(
      name: "empty class", files: [("test/a/x.png", png(0)), ("test/b/readme", [])],
      expected: "there is no image in 'D/test/b'"),
    Case(
      name: "no split", files: [("train/a/x.png", png(0))],
      expected: "there is no split 'test' in 'D' (splits: train)"),
    Case(
      name: "cut image", files: [("test/a/x.png", Array(png(0).prefix(50)))],
      expected: "cannot read 'D/test/a/x.png': it ends after 50 bytes (copy or download it again)"),
  ])
  func imageFolder(_ row: Case) throws {
    try withTemporaryDirectory { folder in
      try write(row.files, in: folder)
      let result = problem(in: folder) {
        let set = try ImageFolder.open(folder: folder, split: row.split)
        let batch = try set.batch(Array(0..<set.count))
        #expect(batch.images.shape == [set.count, 3, 3, 4])
        throw KilpiError(
          set.ids.joined(separator: ", ") + ": " + set.classNames.joined(separator: " "))
      }
      #expect(result == row.expected)
    }
  }

  /// Links are followed, as torchvision follows them, to images and to classes, within the set and out of it.
  @Test func linksAreFollowed() throws {
    try withTemporaryDirectory { folder in
      try write(
        [
          ("set/test/a/x.png", Self.png(0)), ("far/1.png", Self.png(1)), ("far/2.png", Self.png(2)),
        ],
        in: folder)
      for (target, link) in [
        ("x.png", "a/y.png"), ("../../../far/1.png", "a/z.png"), (folder + "/far", "b"),
        ("nowhere", "a/gone.png"),
      ] { #expect(symlink(target, folder + "/set/test/" + link) == 0) }
      let set = try ImageFolder.open(folder: folder + "/set", split: "test")
      #expect(
        set.ids == ["a/x.png", "a/y.png", "a/z.png", "b/1.png", "b/2.png"].map { "test/" + $0 })
      #expect(set.classNames == ["a", "b"] && set.classCounts == [3, 2])
      #expect(
        set.notes == [
          "set: entries that cannot be opened (there is no such file) are passed over: 1, such as "
            + "'a/gone.png'"
        ])
      // In the sandbox the gate decides, and what it refuses is said.
      let gate = FileGate(writable: [folder + "/set"], readable: [])
      let inside = try gate.during { try ImageFolder.open(folder: folder + "/set", split: "test") }
      #expect(inside.ids == ["test/a/x.png", "test/a/y.png"])
      #expect(
        inside.notes.first
          == "set: entries that cannot be opened (the sandbox does not allow it) are passed over: "
          + "2, such as 'b'")
      let only = folder + "/links"
      try FileReader.makeDirectory(only)
      #expect(symlink("../far", only + "/c") == 0)
      let other = FileGate(writable: [only], readable: [])
      #expect(
        problem(in: folder) { _ = try other.during { try DatasetFormats.open(only) } }
          == "there is no image in 'D/links'")
    }
  }

  /// A class whose name cannot be said is not left out.
  @Test func namesThatAreNotUTF8() throws {
    try withTemporaryDirectory { folder in
      try write([("set/a/x.png", Self.png(0)), ("set/b/x.png", Self.png(0))], in: folder)
      let odd = Array((folder + "/set/a/gr").utf8) + [0xFC, 0x6E] + Array(".png".utf8) + [0]
      #expect(
        odd.withUnsafeBytes {
          symlink("x.png", $0.baseAddress!.assumingMemoryBound(to: CChar.self))
        } == 0)
      let set = try ImageFolder.open(folder: folder + "/set", split: "test")
      #expect(set.count == 2)
      #expect(
        set.notes.map { $0.hasPrefix("set: names that are not UTF-8 are passed over: 1") } == [true]
      )
      let name = Array((folder + "/set/gr").utf8) + [0xFC, 0x6E, 0]
      #expect(
        name.withUnsafeBytes {
          mkdir($0.baseAddress!.assumingMemoryBound(to: CChar.self), 0o777)
        } == 0)
      #expect(
        problem(in: folder) { _ = try ImageFolder.open(folder: folder + "/set", split: "test") }
          == "the class folder 'D/set/gr\u{FFFD}n' has a name that is not UTF-8 (rename it)")
    }
  }

  @Test func truncatedIDXAnywhere() throws {
    let file = idx([3, 2, 3], Self.gray)
    try withTemporaryDirectory { folder in
      try write([("t10k-labels-idx1-ubyte", idx([3], Self.labels))], in: folder)
      for packed in [false, true] {
        let bytes = packed ? try Gzip.deflated(file) : file
        for length in 0..<bytes.count {
          try write([("t10k-images-idx3-ubyte", Array(bytes[..<length]))], in: folder)
          #expect(throws: KilpiError.self, "\(length) of \(bytes.count)") {
            try IDXDataset.open(folder: folder, split: "test")
          }
        }
      }
    }
  }

  @Test func fashionMNIST() throws {
    #expect(
      problem { _ = try FashionMNIST.open(folder: "/nowhere") }
        == "Fashion-MNIST is not installed in 'D' (apt install dataset-fashion-mnist)")
    #expect(
      problem { _ = try FashionMNIST.open(split: "val") }
        == "there is no split 'val' (splits: train, test)")
    guard FileReader.exists(FashionMNIST.folder) else {
      print("skipped: Fashion-MNIST is not installed (apt install dataset-fashion-mnist)")
      return
    }
    let set = try FashionMNIST.open(split: "test")
    #expect(set.count == 10_000)
    #expect(set.classCounts == [Int](repeating: 1000, count: 10))
    #expect(try set.label(at: 0) == 9)
    #expect(try set.batch([0, 1, 2]).images.shape == [3, 3, 28, 28])
    #expect(set.classNames[9] == "Ankle boot")
  }
}
