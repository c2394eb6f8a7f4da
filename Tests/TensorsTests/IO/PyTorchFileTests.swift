import Diagnostics
import Files
import TestSupport
import Testing

@testable import Tensors

@Suite("PyTorch files")
struct PyTorchFileTests {
  /// Opens bytes as a file that lives as long as `body` runs.
  static func open<Result>(
    _ bytes: [UInt8], _ body: (PyTorchFile) throws -> Result
  ) throws -> Result {
    try withTemporaryDirectory { directory in
      let path = directory + "/x.pt"
      try writeQuickly(bytes, to: path)
      return try body(PyTorchFile(path: path))
    }
  }

  @Test("the fixture is there")
  func present() {
    #expect(PyTorchFixture.shared.files.count == 11)
    #expect(PyTorchFixture.shared.refused.count == 6)
  }

  @Test("everything arrives as PyTorch wrote it", arguments: PyTorchFixture.shared.files)
  func readsReference(_ file: PyTorchFixture.File) throws {
    try Self.open(file.bytes) { opened in
      #expect(opened.isTorchScript == file.isTorchScript)
      #expect(PyTorchFile.matches(path: opened.path))
      let source = try opened.tensors(at: opened.root)
      let names = file.tensors.map(\.name)
      #expect(source.names == names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) })
      for contents in file.tensors {
        #expect(try source.shape(of: contents.name) == contents.shape)
        let tensor = try source.tensor(contents.name)
        try contents.expect(tensor)
        #expect(try source.dtype(of: contents.name) == tensor.dtype)
      }
      let others = Dictionary(source.others, uniquingKeysWith: { a, _ in a })
      for other in file.others {
        #expect(others[other.key]?.equals(other.value) == true, "\(other.key)")
      }
    }
  }

  @Test("values and records that have no counterpart in JSON")
  func otherValues() throws {
    let checkpoint = try #require(PyTorchFixture.file("training checkpoint"))
    try Self.open(checkpoint.bytes) { file in
      let root = file.root
      #expect(root["epoch"]?.integer == 3)
      #expect(root["best"]?.number == 61.25)
      #expect(root["seen"]?.integer == -7)
      #expect(root["type"]?.string == "torch.float16")
      #expect(root["set"]?.elements?.first?.integer == 1)
      guard case .record("argparse.Namespace", _)? = root["args"],
        case .record("torch.device", let device)? = root["device"]
      else {
        Issue.record("no records")
        return
      }
      #expect(device.first?.value.elements?.first?.string == "cpu")
      #expect(root["args"]?["prompt"]?.string == "a photo")
      // A numpy array, such as a random state, does not hinder the rest: (version, shape, type, order, bytes).
      guard case .record("numpy.ndarray", _)? = root["array"],
        case .bytes(let bytes)? = root["array"]?["state"]?.elements?.last
      else {
        Issue.record("no array")
        return
      }
      #expect(bytes == [1, 0, 0, 0, 2, 0, 0, 0])
      let weights = try file.tensors(at: try #require(root["model"]))
      #expect(weights.names.first == "module.conv.bias")
      let weight = try #require(root["model"]?["module.norm.num_batches_tracked"]?.tensor)
      #expect(weight.storedType == "int64" && weight.dtype == .int64 && weight.shape == [])
      #expect {
        try weights.tensor("module.conv.bia")
      } throws: {
        "\($0)" == "there is no tensor 'module.conv.bia' in '\(file.path)' "
          + "(did you mean 'module.conv.bias'?)"
      }
    }
  }

  @Test("a TorchScript module is a record of its attributes")
  func torchScript() throws {
    let scripted = try #require(PyTorchFixture.file("TorchScript, scripted"))
    try Self.open(scripted.bytes) { file in
      guard case .record(let type, _) = file.root else {
        Issue.record("no record")
        return
      }
      #expect(type.hasPrefix("__torch__."))
      let visual = try #require(file.root["visual"])
      #expect(visual["sizes"]?.elements?.compactMap(\.integer) == [1, 2])
      #expect(visual["scale"]?.number == 2.5)
      #expect(visual["names"]?["a"]?.string == "b")
      let name = "visual.transformer.resblocks.0.attn.in_proj_weight"
      let source = try file.tensors(at: file.root)
      #expect(try source.shape(of: name) == [12, 4])
      #expect(source.others.contains { $0.name == "visual.transformer.training" })
      #expect(file.root["mask"]?.tensor?.storedType == "float16")
    }
  }

  /// A list of tensors in the same six elements, of which `times` are the matrix, and the matrix
  /// once more by the memo.
  static func shared(times: Int, storage: [UInt8]) throws -> [UInt8] {
    func body(_ sizes: [PicklePart], _ strides: [PicklePart]) -> [UInt8] {
      Array(HostilePickleTests.tensor(sizes: sizes, strides: strides).dropFirst(2).dropLast())
    }
    let matrix = body(["K", 2, "K", 3, 0x86], ["K", 3, "K", 1, 0x86])
    var pickle: [UInt8] = [0x80, 2, 0x5D, 0x28]
    pickle += body(["K", 3, "K", 2, 0x86], ["K", 1, "K", 3, 0x86])
    pickle += body(["K", 4, "K", 3, 0x86], ["K", 0, "K", 1, 0x86])
    for _ in 0..<times { pickle += matrix }
    pickle += PicklePart.joined(["q", 0, "h", 0, "e."])
    return try pytorchArchive(pickle, storages: ["0": storage])
  }

  @Test("tensors with elements in common share their memory, weights of a model do not")
  func sharedStorages() throws {
    let values: [Float] = [1, 2, 3, 4, 5, 6]
    let bytes = values.flatMap { value in
      withUnsafeBytes(of: value.bitPattern.littleEndian) { Array($0) }
    }
    try Self.open(Self.shared(times: 3, storage: bytes)) { file in
      let tensors = try (file.root.elements ?? []).map { try #require($0.tensor).load() }
      #expect(tensors.count == 6)
      #expect(Set(tensors.map { ObjectIdentifier($0.storage) }).count == 1)
      #expect(try tensors[0].doubles() == [1, 4, 2, 5, 3, 6])
      #expect(try tensors[1].doubles() == [1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3])
      for tensor in tensors.dropFirst(2) {
        #expect(tensor.shape == [2, 3])
        #expect(try tensor.doubles() == values.map { Double($0) })
      }
      let source = try file.tensors(at: file.root)
      let weights = try source.names.map { try source.tensor($0) }
      #expect(Set(weights.map { ObjectIdentifier($0.storage) }).count == 6)
      for (weight, tensor) in zip(weights, tensors) {
        #expect(weight.isContiguous && weight.shape == tensor.shape)
        #expect(try weight.doubles() == tensor.doubles())
      }
    }
  }

  @Test("a hundred copies of one large storage are refused as weights and views when loaded")
  func manyViews() throws {
    let count = 1 << 20
    let sizes: [PicklePart] = ["J", 0, 0, 16, 0, 0x85]
    let storage: [PicklePart] = [
      "(X", 7, 0, 0, 0, "storagectorch\nFloatStorage\nX", 1, 0, 0, 0, "0X", 3, 0, 0, 0, "cpuJ", 0,
      0, 16, 0, "tQ",
    ]
    let one = Array(
      HostilePickleTests.tensor(
        storage: storage, sizes: sizes, strides: ["K", 1, 0x85]
      ).dropFirst(2).dropLast())
    var pickle: [UInt8] = [0x80, 2, 0x5D, 0x28]
    for _ in 0..<100 { pickle += one }
    pickle += [0x65, 0x2E]
    let archive = try pytorchArchive(
      pickle, storages: ["0": [UInt8](repeating: 0, count: 4 * count)])
    try Self.open(archive) { file in
      let tensors = try (file.root.elements ?? []).map { try #require($0.tensor).load() }
      #expect(tensors.count == 100 && tensors.allSatisfy { $0.shape == [count] })
      #expect(Set(tensors.map { ObjectIdentifier($0.storage) }).count == 1)
      let source = try file.tensors(at: file.root)
      let limit = 8 * archive.count + 256 << 20
      #expect {
        for name in source.names { _ = try source.tensor(name) }
      } throws: {
        "\($0)" == "cannot read '\(file.path)': its tensors share their storages so often that "
          + "they would take more than \(limit) bytes (save the weights that are needed alone, each "
          + "with .clone())"
      }
    }
  }

  static let advice =
    " (load it with PyTorch 1.6 or later and save it again, or convert it to safetensors)"
  static let convert =
    " (nothing of it was run; save its state_dict alone with PyTorch, or convert it to safetensors)"
  static let refusals: [(name: String, reason: String)] = [
    ("before version 1.6", "it is a bare pickle, PyTorch's format before version 1.6" + advice),
    ("of 2016", "it is a tar archive, PyTorch's format of 2016" + advice),
    (
      "a complex tensor",
      "'tensor' is complex64 [2], an element type that is not read (save it as float32, int64 or bool)"
    ),
    (
      "an unread type",
      "'tensor' is float8_e5m2 [2], an element type that is not read "
        + "(save it as float32, int64 or bool)"
    ),
  ]

  @Test("other kinds of files are recognised and refused", arguments: refusals)
  func refused(_ row: (name: String, reason: String)) throws {
    let bytes = try #require(PyTorchFixture.shared.refused[row.name])
    try Self.expect(bytes, refusedFor: row.reason)
  }

  static func expect(
    _ bytes: [UInt8], refusedFor reason: String, sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    try withTemporaryDirectory { directory in
      let path = directory + "/x.pt"
      try writeQuickly(bytes, to: path)
      let error = #expect(throws: KilpiError.self, sourceLocation: sourceLocation) {
        let file = try PyTorchFile(path: path)
        let source = try file.tensors(at: file.root)
        for name in source.names { _ = try source.tensor(name) }
      }
      #expect(
        error?.description == "cannot read '\(path)': " + reason, sourceLocation: sourceLocation)
    }
  }

  /// A subclass may mean other numbers than those that are stored; a parameter means these.
  @Test("a tensor of another class is refused by name when it is asked for")
  func subclasses() throws {
    let storage = (0..<6).flatMap { index in withUnsafeBytes(of: Float(index)) { Array($0) } }
    let plain = HostilePickleTests.tensor()
    let mark = Array("torch._utils\n_rebuild_tensor_v2\n(".utf8)
    for (type, isRead) in [("mypkg\nMasked", false), ("torch.nn.parameter\nParameter", true)] {
      let pickle = PicklePart.joined([
        0x80, 2, "ctorch._tensor\n_rebuild_from_type_v2\n(ctorch._utils\n_rebuild_tensor_v2\nc",
        .bytes(Array(type.utf8)), "\n(", .bytes(Array(plain[(3 + mark.count)...].dropLast(2))),
        "}tR.",
      ])
      try Self.open(pytorchArchive(pickle, storages: ["0": storage])) { file in
        let source = try file.tensors(at: file.root)
        guard !isRead else {
          #expect(try source.tensor("tensor").floats() == [0, 1, 2, 3, 4, 5])
          return
        }
        let error = #expect(throws: KilpiError.self) { try source.tensor("tensor") }
        #expect(
          error?.description.contains(
            "'tensor' is of the class 'mypkg.Masked', whose elements may mean other numbers")
            == true,
          "\(error?.description ?? "")")
      }
    }
  }

  /// Nothing of another class is run, so it does not hinder the tensors beside it.
  @Test("a module that was saved whole gives its weights, a sparse tensor is described")
  func otherClasses() throws {
    try Self.open(#require(PyTorchFixture.shared.refused["a whole module"])) { file in
      let source = try file.tensors(at: file.root)
      #expect(source.names == ["bias", "weight"])
      #expect(try source.tensor("weight").shape == [1, 1])
    }
    try Self.open(#require(PyTorchFixture.shared.refused["a sparse tensor"])) { file in
      guard case .record("torch._utils._rebuild_sparse_tensor", _) = file.root else {
        Issue.record("no record")
        return
      }
    }
  }

  /// What strangers' classes leave in a pickle of protocol 2 or 4, and what is made of it.
  static let strangers: [(name: String, pickle: [PicklePart], text: String)] = [
    (
      "an object with a state", ["cmypkg\nA\n)", 0x81, "}X", 1, 0, 0, 0, "aK", 7, "sb."],
      "mypkg.A{a: 7}"
    ),
    ("a call", ["cdatetime\ntimedelta\nK", 3, 0x85, "R."], "datetime.timedelta{arguments: (3)}"),
    (
      "a kind of dictionary",
      ["ceasydict\nEasyDict\n)", 0x81, "X", 1, 0, 0, 0, "aK", 1, "s."], "easydict.EasyDict{a: 1}"
    ),
    ("a kind of list", ["cmypkg\nL\n)", 0x81, "(K", 1, "K", 2, "e."], "mypkg.L{items: [1 2]}"),
    (
      "a member of an enumeration", ["cmypkg\nMode\nK", 1, 0x85, "R."], "mypkg.Mode{arguments: (1)}"
    ),
    (
      "a class within a class",
      ["cbuiltins\ngetattr\ncmypkg\nA\nX", 1, 0, 0, 0, "B", 0x86, "R)R."], "builtins.getattr(){}"
    ),
    (
      "an object of copyreg", ["ccopy_reg\n_reconstructor\ncmypkg\nA\nNN", 0x87, "R."],
      "mypkg.A{arguments: (none none)}"
    ),
    (
      "named arguments", ["cmypkg\nA\n)}X", 1, 0, 0, 0, "kK", 5, "s", 0x92, "."],
      "mypkg.A{k: 5}"
    ),
    ("a class of a script", ["c__main__\nConfig\n)", 0x81, "."], "__main__.Config{}"),
    ("a function", ["cmypkg\nactivation\n."], "mypkg.activation"),
    (
      "a number of 16 bytes",
      [0x8A, 16, .bytes([UInt8](repeating: 1, count: 16)), "."], "int{arguments: (bytes)}"
    ),
    ("bytes", [0x96, 2, 0, 0, 0, 0, 0, 0, 0, 1, 2, "."], "bytes"),
    (
      "a numpy scalar of objects",
      [
        "cnumpy.core.multiarray\nscalar\ncnumpy\ndtype\nX", 2, 0, 0, 0, "O8", 0x85, "RC", 1, 0,
        0x86, "R.",
      ], "numpy.generic{arguments: (numpy.dtype{arguments: (O8)} bytes)}"
    ),
  ]

  @Test("objects of classes that are not known are described", arguments: strangers.indices)
  func strangersAreDescribed(index: Int) throws {
    let row = Self.strangers[index]
    try Self.open(pytorchArchive([0x80, 2] + PicklePart.joined(row.pickle))) { file in
      #expect(Self.described(file.root) == row.text, "\(row.name)")
    }
  }

  private static func described(_ value: PyTorchValue) -> String {
    switch value {
    case .none: return "none"
    case .integer(let number): return "\(number)"
    case .string(let text): return text
    case .bytes: return "bytes"
    case .list(let items): return "[" + items.map(described).joined(separator: " ") + "]"
    case .tuple(let items): return "(" + items.map(described).joined(separator: " ") + ")"
    case .record(let type, let attributes):
      let parts = attributes.map { "\($0.name): \(described($0.value))" }
      return type + "{" + parts.joined(separator: ", ") + "}"
    default: return "?"
    }
  }

  /// A dictionary without anything in it.
  static let empty: [UInt8] = [0x80, 2, 0x7D, 0x2E]

  @Test("archives that are none of PyTorch's")
  func otherArchives() throws {
    let again = " (copy or download it again)"
    try Self.expect([], refusedFor: "it does not start as a PyTorch file does" + again)
    try Self.expect(
      zipArchive([("a.npy", [1])]),
      refusedFor: "it is a zip archive with no data.pkl (is it a PyTorch file?)")
    try Self.expect(
      pytorchArchive(Self.empty, others: ["y/data.pkl": Self.empty]),
      refusedFor: "it is a zip archive with more than one data.pkl (is it a PyTorch file?)")
    try Self.expect(
      pytorchArchive(Self.empty, others: ["x/byteorder": Array("big".utf8)]),
      refusedFor: "its numbers are in 'big' byte order, not 'little' "
        + "(load and save it with PyTorch on a little-endian machine)")
    try Self.expect(
      pytorchArchive(Self.empty, others: ["x/byteorder": [UInt8](repeating: 0, count: 17)]),
      refusedFor: "its member 'x/byteorder' has 17 bytes, the limit is 16")
  }

  @Test("a changed storage fails its checksum, whole or in part")
  func checksums() throws {
    for name in ["state dictionary", "views of one storage"] {
      let file = try #require(PyTorchFixture.file(name))
      let member = Array("archive/data/0".utf8)
      let place = try #require(
        (0..<file.bytes.count).first { file.bytes[$0...].starts(with: member) })
      // The contents follow a padded header on the next multiple of 64.
      let start = (place + member.count) / 64 * 64 + 64
      var bytes = file.bytes
      bytes[start] ^= 1
      try Self.expect(
        bytes,
        refusedFor: "its member 'archive/data/0' has a wrong checksum (copy or download it again)")
    }
  }

  @Test("cut at any byte it is refused")
  func truncated() throws {
    let whole = try #require(PyTorchFixture.file("state dictionary")).bytes
    try withTemporaryDirectory { directory in
      let path = directory + "/x.pt"
      for length in 0..<whole.count {
        try writeQuickly(Array(whole[..<length]), to: path)
        #expect(throws: KilpiError.self, "cut at \(length)") { try PyTorchFile(path: path) }
      }
    }
  }

  @Test("any bit flipped: it loads with the same values or is refused")
  func flipped() throws {
    let file = try #require(PyTorchFixture.file("a parameter"))
    let expected = try #require(file.tensors.first)
    try withTemporaryDirectory { directory in
      let path = directory + "/x.pt"
      for bit in 0..<8 * file.bytes.count {
        var bytes = file.bytes
        bytes[bit / 8] ^= 1 << (bit % 8)
        try writeQuickly(bytes, to: path)
        guard let opened = try? PyTorchFile(path: path),
          let tensor = try? opened.root.tensor?.load()
        else { continue }
        try expected.expect(tensor)
      }
    }
  }

  /// Checksums set right again after the flip, so that the pickle's own checks are met.
  @Test("any bit of the pickle flipped: it loads or is refused, and never ends the process")
  func flippedPickle() throws {
    let pickle = HostilePickleTests.tensor(
      storage: [
        "(X", 7, 0, 0, 0, "storagectorch\nFloatStorage\nX", 1, 0, 0, 0, "0X", 3, 0, 0, 0, "cpuK", 6,
        "tQ",
      ])
    let storage = [UInt8](repeating: 0, count: 24)
    var loaded = 0
    try withTemporaryDirectory { directory in
      let path = directory + "/x.pt"
      for bit in 0..<8 * pickle.count {
        var bytes = pickle
        bytes[bit / 8] ^= 1 << (bit % 8)
        try writeQuickly(pytorchArchive(bytes, storages: ["0": storage]), to: path)
        guard let file = try? PyTorchFile(path: path) else { continue }
        let source = try file.tensors(at: file.root)
        for name in source.names where (try? source.tensor(name)) != nil { loaded += 1 }
      }
    }
    #expect(loaded > 0)
  }
}
