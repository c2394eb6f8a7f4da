import Diagnostics
import TestSupport
import Tensors
import Testing

/// A piece of a pickle: text, a byte or several.
enum PicklePart: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByArrayLiteral
{
  case bytes([UInt8])

  init(stringLiteral text: String) { self = .bytes(Array(text.utf8)) }
  init(integerLiteral byte: UInt8) { self = .bytes([byte]) }
  init(arrayLiteral parts: PicklePart...) { self = .bytes(Self.joined(parts)) }

  static func joined(_ parts: [PicklePart]) -> [UInt8] {
    parts.flatMap { part in
      guard case .bytes(let bytes) = part else { return [UInt8]() }
      return bytes
    }
  }
}

/// A pickle that must be refused, and why.
struct HostilePickle: Sendable, CustomTestStringConvertible {
  let name: String
  let bytes: [UInt8]
  let reason: String
  var testDescription: String { name }

  /// A pickle of protocol 2; `%` in the reason stands for the advice, `@` for the place.
  init(_ name: String, _ parts: [PicklePart], _ reason: String) {
    self.init(name, bytes: [0x80, 2] + PicklePart.joined(parts), reason)
  }

  init(_ name: String, bytes: [UInt8], _ reason: String) {
    (self.name, self.bytes) = (name, bytes)
    self.reason = reason.replacing("@", with: "byte N of its pickle: ")
      .replacing("%", with: PyTorchFileTests.convert)
      .replacing("^", with: " (copy or download it again)")
  }
}

@Suite("hostile pickles")
struct HostilePickleTests {
  static func names(_ global: String) -> String {
    "@it names '\(global)', which a file of tensors does not need%"
  }

  static let typical: [PicklePart] = [
    "(X", 7, 0, 0, 0, "storagectorch\nFloatStorage\nX", 1, 0, 0, 0, "0X", 3, 0, 0, 0, "cpuK", 6,
    "tQ",
  ]

  /// A tensor of `torch._utils._rebuild_tensor_v2`; shape and strides are those of `[2, 3]`.
  static func tensor(
    storage: [PicklePart] = typical, offset: [PicklePart] = ["K", 0],
    sizes: [PicklePart] = ["K", 2, "K", 3, 0x86], strides: [PicklePart] = ["K", 3, "K", 1, 0x86],
    metadata: [PicklePart] = []
  ) -> [UInt8] {
    let start: [PicklePart] = [0x80, 2, "ctorch._utils\n_rebuild_tensor_v2\n("]
    let end: [PicklePart] = [0x89, "ccollections\nOrderedDict\n)R"] + metadata + ["tR."]
    return PicklePart.joined(start + storage + offset + sizes + strides + end)
  }

  static let code: [HostilePickle] = [
    HostilePickle(
      "os.system by GLOBAL", ["cos\nsystem\nX", 4, 0, 0, 0, "true", 0x85, "R."],
      names("os.system")),
    HostilePickle(
      "posix.system, never called", ["cposix\nsystem\n0N."], names("posix.system")),
    HostilePickle(
      "os.system by STACK_GLOBAL",
      [0x8C, 2, "os", 0x8C, 6, "system", 0x93, "X", 4, 0, 0, 0, "true", 0x85, "R."],
      names("os.system")),
    HostilePickle(
      "names from the memo",
      [0x8C, 2, "os", 0x94, "0", 0x8C, 6, "system", 0x94, "0h", 0, "h", 1, 0x93, "."],
      names("os.system")),
    HostilePickle("eval", ["cbuiltins\neval\n."], names("builtins.eval")),
    HostilePickle("exec of Python 2", ["c__builtin__\nexec\n."], names("__builtin__.exec")),
    HostilePickle("a module", ["cbuiltins\n__import__\n."], names("builtins.__import__")),
    HostilePickle(
      "a program by its class", ["csubprocess\nPopen\n)R."], names("subprocess.Popen")),
    HostilePickle("code from a hub", ["ctorch.hub\nload\n."], names("torch.hub.load")),
    HostilePickle(
      "out of a stranger's class", ["cmypkg\nA.__init__.__globals__\n."],
      names("mypkg.A.__init__.__globals__")),
    HostilePickle(
      "a class's class", ["ccollections\nOrderedDict.__class__\n."],
      names("collections.OrderedDict.__class__")),
    HostilePickle("torch.load", ["ctorch\nload\n."], names("torch.load")),
    HostilePickle("runpy", ["crunpy\n_run_code\n."], names("runpy._run_code")),
    HostilePickle(
      "a module's class outside TorchScript", ["c__torch__\nM\n)", 0x81, "."],
      names("__torch__.M")),
    HostilePickle("an empty name", ["c\n\n."], names(".")),
    HostilePickle("control characters in a name", ["cos\u{1B}[2J\nx\n."], names("os?[2J.x")),
    HostilePickle(
      "a long name", [.bytes(Array("c".utf8) + [UInt8](repeating: 0x61, count: 600))],
      "@a name without an end, or of more than 512 bytes%"),
    HostilePickle("a name that is not UTF-8", ["c", 0xFF, "\nx\n."], "@a name is not UTF-8%"),
    HostilePickle(
      "STACK_GLOBAL of numbers", ["K", 1, "K", 2, 0x93, "."],
      "@STACK_GLOBAL without two names%"),
    HostilePickle(
      "REDUCE of a text", ["X", 2, 0, 0, 0, "os)R."],
      "@REDUCE of something that is no name%"),
    HostilePickle(
      "REDUCE with a list", ["ccollections\nOrderedDict\n]R."],
      "@REDUCE of something that is no name%"),
    HostilePickle(
      "REDUCE of a storage's class", ["ctorch\nFloatStorage\n)R."],
      "@a call of torch.FloatStorage, which is only named in files%"),
    HostilePickle(
      "NEWOBJ of a function", ["ctorch._utils\n_rebuild_tensor_v2\n)", 0x81, "."],
      "@torch._utils._rebuild_tensor_v2 with other arguments than it takes%"),
    HostilePickle(
      "a parameter of text",
      ["ctorch._utils\n_rebuild_parameter\nX", 1, 0, 0, 0, "a", 0x85, "R."],
      "@torch._utils._rebuild_parameter with other arguments than it takes%"),
    HostilePickle(
      "another encoding",
      ["c_codecs\nencode\nX", 1, 0, 0, 0, "aX", 3, 0, 0, 0, "rot", 0x86, "R."],
      "@_codecs.encode with other arguments than it takes%"),
    HostilePickle(
      "BUILD of a tensor's class", ["ccollections\nOrderedDict\n}b."],
      "@BUILD of something that has no state%"),
    HostilePickle("BUILD of a number", ["K", 1, "}b."], "@BUILD of something that has no state%"),
    HostilePickle(
      "BUILD twice", ["cargparse\nNamespace\n)", 0x81, "}b}b."],
      "@BUILD of something that has no state%"),
    HostilePickle("BUILD of nothing", ["(}b."], "@BUILD without an object%"),
  ]

  static let opcodes: [HostilePickle] = [
    ("INST", ["(ios\nsystem\n."]), ("OBJ", ["(ccollections\nOrderedDict\no."]),
    ("EXT1", [0x82, 1, "."]),
    ("EXT2", [0x83, 1, 0, "."]), ("EXT4", [0x84, 1, 0, 0, 0, "."]), ("PERSID", ["P0\n."]),
    ("GET", ["g0\n."]), ("PUT", ["Np0\n."]), ("DUP", ["N2."]), ("INT", ["I1\n."]),
    ("LONG", ["L1L\n."]), ("FLOAT", ["F1\n."]), ("STRING", ["S'a'\n."]), ("UNICODE", ["Va\n."]),
    ("DICT", ["(d."]), ("LIST", ["(l."]), ("PROTO", [0x80, 2, "N."]),
    ("NEXT_BUFFER", [0x97, "."]),
    ("READONLY_BUFFER", ["N", 0x98, "."]),
  ].map { (row: (String, [PicklePart])) in
    HostilePickle(row.0, row.1, "@the opcode \(row.0) is not read%")
  }

  static let damage: [HostilePickle] = [
    HostilePickle("empty", bytes: [], "@it ends inside this opcode^"),
    HostilePickle(
      "protocol 0", bytes: Array("(dp0\n.".utf8),
      "its pickle does not start as one of protocols 2 to 5 does%"),
    HostilePickle(
      "protocol 6", bytes: [0x80, 6, 0x4E, 0x2E],
      "its pickle does not start as one of protocols 2 to 5 does%"),
    HostilePickle("no opcode", [0xFF, "."], "@255 is no opcode^"),
    HostilePickle("no end", ["N"], "@it ends inside this opcode^"),
    HostilePickle("nothing", ["."], "@it ends before its values are whole^"),
    HostilePickle("two values", ["NN."], "@it ends before its values are whole^"),
    HostilePickle("an open mark", ["N(."], "@it ends before its values are whole^"),
    HostilePickle("bytes after the end", ["N.N"], "@it ends before its values are whole^"),
    HostilePickle("an empty stack", ["0."], "@its stack is empty^"),
    HostilePickle("an empty stack above a mark", ["N(", 0x85, "."], "@its stack is empty^"),
    HostilePickle("no mark", ["t."], "@there is no mark^"),
    HostilePickle("nothing remembered", ["h", 9, "."], "@nothing was remembered as 9^"),
    HostilePickle("remembering nothing", ["(q", 0, "."], "@nothing to remember%"),
    HostilePickle("appending to a tuple", [")Na."], "@APPEND to something that is no list%"),
    HostilePickle(
      "appending to a call's list", ["](NNe0(", 0x90, "."],
      "@ADDITEMS to something that is no list%"),
    HostilePickle(
      "a key without a value", ["}(Nu."],
      "@SETITEMS to something that is no dictionary%"),
    HostilePickle("items of a list", ["]NNs."], "@SETITEM to something that is no dictionary%"),
    HostilePickle(
      "a text beyond the end", ["X", 255, 255, 255, 127, "a."],
      "@it ends inside this opcode^"),
    HostilePickle(
      "a text of 2^63 bytes", [0x8D, 0, 0, 0, 0, 0, 0, 0, 128, "."],
      "@it ends inside this opcode^"),
    HostilePickle(
      "a frame beyond the end", [0x95, 200, 0, 0, 0, 0, 0, 0, 0, "N."],
      "@it ends inside this opcode^"),
    HostilePickle(
      "a text that is not UTF-8", ["X", 1, 0, 0, 0, 0xFF, "."],
      "@a string is not UTF-8%"),
    HostilePickle(
      "NEWOBJ_EX without names", ["cmypkg\nA\n)N", 0x92, "."],
      "@NEWOBJ_EX without a dictionary of arguments%"),
    HostilePickle(
      "NEWOBJ_EX of a tensor's class with names",
      ["ccollections\nOrderedDict\n)}NNs", 0x92, "."],
      "@NEWOBJ_EX with named arguments, which the class does not take%"),
    HostilePickle(
      "a stranger's call without arguments", ["cmypkg\nA\nNR."],
      "@REDUCE of something that is no name%"),
    HostilePickle(
      "a whole number of 2 GB", [0x8B, 255, 255, 255, 127, "."],
      "@it ends inside this opcode^"),
    HostilePickle(
      "a key twice", ["}(X", 1, 0, 0, 0, "aNX", 1, 0, 0, 0, "aNu."],
      "its pickle gives the key 'a' twice in a dictionary"),
  ]

  static let bombs: [HostilePickle] = {
    // Lists of ten times the list before, which the memo keeps: 10^8 values in 200 bytes.
    var laughs: [PicklePart] = ["(]q", 0]
    for level in 1...8 {
      let inner = PicklePart.bytes([0x68, UInt8(level - 1)])
      laughs += ["](", [inner, inner, inner, inner, inner], [inner, inner, inner, inner, inner]]
      laughs += ["eq", .bytes([UInt8(level)])]
    }
    laughs += ["t."]
    // Each list is put into the one before through the memo, so that no opcode sees the depth.
    var nest: [PicklePart] = ["]q", 0]
    for _ in 0..<100_000 { nest.append("h\0]q\u{1}ah\u{1}q\u{0}00") }
    nest.append(".")
    let deep = "its pickle nests deeper than 64%"
    let tuple = [UInt8](repeating: 0x4E, count: 2000)
    return [
      HostilePickle("65 tuples", [")", .bytes([UInt8](repeating: 0x85, count: 64)), "."], deep),
      HostilePickle(
        "900,000 tuples", [")", .bytes([UInt8](repeating: 0x85, count: 900_000)), "."], deep),
      HostilePickle("100,000 lists from the outside in", nest, deep),
      HostilePickle(
        "a list in itself", ["]q", 0, "h", 0, "a."],
        "its pickle holds a value that is part of itself"),
      HostilePickle(
        "a dictionary in itself", ["}q", 0, "Nh", 0, "s."],
        "its pickle holds a value that is part of itself"),
      HostilePickle(
        "a tuple in its list", ["]q", 0, "h", 0, 0x85, "a."],
        "its pickle holds a value that is part of itself"),
      HostilePickle(
        "a record in itself", ["cargparse\nNamespace\n)", 0x81, "q", 0, "h", 0, "b."],
        "its pickle holds a value that is part of itself"),
      HostilePickle("a memo bomb", laughs, "its pickle holds more than 1000000 values%"),
      HostilePickle(
        "a million opcodes",
        [
          .bytes(
            [UInt8](repeating: 0, count: 1_000_000).enumerated().map {
              $0.offset % 2 == 0 ? 0x4E : 0x30
            }), "N.",
        ],
        "@more than 1000000 opcodes"),
      HostilePickle(
        "copies of a long list",
        [
          "ctorch\nSize\nq", 0, "0(", .bytes(tuple), "tq", 1, "0(",
          .bytes((0..<600).flatMap { _ in [0x68, 0, 0x68, 1, 0x85, 0x52] as [UInt8] }), "t.",
        ], "@its calls copy more than 1000000 values%"),
    ]
  }()

  @Test("is refused, and nothing is run", arguments: code + opcodes + damage + bombs)
  func refused(_ row: HostilePickle) throws {
    try Self.expect(pytorchArchive(row.bytes), row.reason)
  }

  private static func expect(_ bytes: [UInt8], _ reason: String) throws {
    try withTemporaryDirectory { directory in
      let path = directory + "/x.pt"
      try writeQuickly(bytes, to: path)
      let error = #expect(throws: KilpiError.self) { try PyTorchFile(path: path) }
      let text = "\(error?.description ?? "")".replacing(/byte \d+ of/, with: "byte N of")
      #expect(text == "cannot read '\(path)': " + reason)
    }
  }

  static let noStorage = "@BINPERSID of something that is no storage%"
  static let tensors: [HostilePickle] = {
    func row(_ name: String, _ bytes: [UInt8], _ reason: String) -> HostilePickle {
      HostilePickle(name, bytes: bytes, reason)
    }
    func storage(_ type: PicklePart, _ key: PicklePart, _ count: PicklePart) -> [PicklePart] {
      ["(X", 7, 0, 0, 0, "storage", type, key, "X", 3, 0, 0, 0, "cpu", count, "tQ"]
    }
    let (float, zero): (PicklePart, PicklePart) = (
      "ctorch\nFloatStorage\n", ["X", 1, 0, 0, 0, "0"]
    )
    let long: [PicklePart] = [0x8A, 8, 255, 255, 255, 255, 255, 255, 255, 127]
    let beyond = " reaches beyond its storage of 6^"
    return [
      row("nothing as a storage", tensor(storage: ["NQ"]), noStorage),
      row("a text as a storage", tensor(storage: ["X", 1, 0, 0, 0, "0Q"]), noStorage),
      row(
        "a storage of another class",
        tensor(storage: storage("ccollections\nOrderedDict\n", zero, ["K", 6])), noStorage),
      row(
        "a storage that climbs",
        tensor(storage: storage(float, ["X", 4, 0, 0, 0, "../0"], ["K", 6])),
        "@a storage called '../0'%"),
      row(
        "a storage without a name", tensor(storage: storage(float, ["X", 0, 0, 0, 0], ["K", 6])),
        "@a storage called ''%"),
      row(
        "a storage that is not there",
        tensor(storage: storage(float, ["X", 1, 0, 0, 0, "7"], ["K", 6])),
        "its member 'x/data/7' is missing^"),
      row(
        "a storage below zero", tensor(storage: storage(float, zero, ["J", 255, 255, 255, 255])),
        "@a storage of -1 elements%"),
      row(
        "a storage larger than its member", tensor(storage: storage(float, zero, ["K", 7])),
        "@torch.FloatStorage '0' has 7 elements, its member only 24 bytes^"),
      row(
        "a storage whose size wraps",
        tensor(storage: storage(float, zero, [.bytes(PicklePart.joined(long))])),
        "@torch.FloatStorage '0' has 9223372036854775807 elements, its member only 24 bytes^"),
      row(
        "an untyped storage",
        tensor(storage: storage("ctorch.storage\nUntypedStorage\n", zero, ["K", 24])),
        "@a tensor of an untyped storage%"),
      row("no storage", tensor(storage: ["N"]), "@a tensor with other arguments than it takes%"),
      row(
        "a text as sizes", tensor(sizes: ["X", 1, 0, 0, 0, "2"]),
        "@a tensor with other arguments than it takes%"),
      row(
        "one row too many", tensor(sizes: ["K", 3, "K", 3, 0x86]), "@a tensor of [3, 3]" + beyond),
      row("an offset beyond", tensor(offset: ["K", 1]), "@a tensor of [2, 3]" + beyond),
      row(
        "an offset at the end", tensor(offset: ["K", 7], sizes: ["K", 0, "K", 3, 0x86]),
        "@a tensor of [0, 3]" + beyond),
      row(
        "an offset below zero", tensor(offset: ["J", 255, 255, 255, 255]),
        "@a tensor of [2, 3] with damaged strides"),
      row(
        "a stride below zero", tensor(strides: ["J", 255, 255, 255, 255, "K", 1, 0x86]),
        "@a tensor of [2, 3] with damaged strides"),
      row(
        "a stride that wraps", tensor(strides: long + ["K", 1, 0x86]),
        "@a tensor of [2, 3]" + beyond),
      row(
        "strides of another rank", tensor(strides: ["K", 1, 0x85]),
        "@a tensor of [2, 3] with damaged strides"),
      row(
        "a size below zero", tensor(sizes: ["J", 255, 255, 255, 255, "K", 3, 0x86]),
        "@a size is negative: [-1, 3]"),
      row(
        "sizes that wrap", tensor(sizes: long + ["K", 3, 0x86]),
        "@the shape [9223372036854775807, 3] is too large"),
      row(
        "an element for a terabyte",
        tensor(sizes: ["J", 0, 0, 0, 64, "K", 200, 0x86], strides: ["K", 0, "K", 0, 0x86]),
        "@a tensor of [1073741824, 200] repeats the 6 elements of its storage (save it with .contiguous())"
      ),
      row(
        "13 axes",
        tensor(
          sizes: ["(", .bytes((0..<13).flatMap { _ in [0x4B, 1] as [UInt8] }), "t"],
          strides: ["(", .bytes((0..<13).flatMap { _ in [0x4B, 1] as [UInt8] }), "t"]),
        "@13 axes are too many (at most 12)"),
      row(
        "metadata of another name", tensor(metadata: ["}X", 3, 0, 0, 0, "foo", 0x88, "s"]),
        "@a tensor with the metadata 'foo', which are not followed (save it with .clone(), as a plain tensor)"
      ),
      row(
        "a sign that is no mark", tensor(metadata: ["}X", 3, 0, 0, 0, "negK", 1, "s"]),
        "@a tensor with the metadata 'neg', which are not followed (save it with .clone(), as a plain tensor)"
      ),
      row(
        "metadata that are a number", tensor(metadata: ["K", 1]),
        "@a tensor with other arguments than it takes%"),
    ]
  }()

  @Test("a tensor outside its storage is refused", arguments: tensors)
  func refusedTensor(_ row: HostilePickle) throws {
    let storage = [UInt8](repeating: 0, count: 24)
    try Self.expect(pytorchArchive(row.bytes, storages: ["0": storage]), row.reason)
  }

  @Test("the pickles of these rows are right but for their fault")
  func control() throws {
    let storage = (0..<6).flatMap { index in
      withUnsafeBytes(of: Float(index)) { Array($0) }
    }
    try PyTorchFileTests.open(pytorchArchive(Self.tensor(), storages: ["0": storage])) { file in
      let tensor = try #require(try file.root.tensor?.load())
      #expect(tensor.shape == [2, 3])
      #expect(try tensor.floats() == [0, 1, 2, 3, 4, 5])
    }
  }

  @Test("a long key before many tensors does not fill memory with names")
  func names() throws {
    let key = [UInt8](repeating: 0x61, count: 70_000)
    let length = withUnsafeBytes(of: UInt32(key.count).littleEndian) { Array($0) }
    let entries = (0..<1000).flatMap { index in
      [0x4D, UInt8(index & 255), UInt8(index >> 8), 0x4E] as [UInt8]
    }
    let pickle = PicklePart.joined([
      0x80, 2, "}X", .bytes(length), .bytes(key), "}(", .bytes(entries), "us.",
    ])
    try PyTorchFileTests.expect(
      pytorchArchive(pickle),
      refusedFor: "the names of its tensors have more than 67108864 bytes")
  }
}
