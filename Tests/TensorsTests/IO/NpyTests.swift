import Diagnostics
import Files
import TestSupport
import Tensors
import Testing

@Suite("npy files")
struct NpyTests {
  @Test("numpy's arrays arrive as numpy wrote them", arguments: TensorFileFixture.shared.npy)
  func readsReference(_ file: TensorFileFixture.NpyFile) throws {
    try file.bytes.withUnsafeBytes { try file.contents.expect(Npy.decode($0)) }
  }

  @Test("the fixture is there")
  func present() { #expect(TensorFileFixture.shared.npy.count == 25) }

  @Test("what is saved is loaded again")
  func roundTrip() throws {
    let tensors = [
      try Tensor([1, 2, 3, 4, 5, 6] as [Float], shape: [2, 3]).transposed(),
      try Tensor([1.5, .nan, -.infinity] as [Double], shape: [3]),
      try Tensor([1, -7] as [Int64], shape: [2, 1, 1]),
      try Tensor.scalar(2), try Tensor.zeros([3, 0]),
    ]
    try withTemporaryDirectory { directory in
      let path = directory + "/x.npy"
      for tensor in tensors {
        try Npy.save(tensor, to: path)
        let copy = try Npy.load(path)
        #expect(copy.shape == tensor.shape && copy.dtype == tensor.dtype)
        #expect(try "\(copy.doubles())" == "\(tensor.doubles())")
      }
    }
  }

  /// Python 2 wrote long sizes with a mark.
  @Test(
    "sizes of Python 2 are read",
    arguments: ["(2L, 3L)", "(2L,3)", "(2, 3L,)", "(6L,)", "(0L, 4L)"])
  func longSizes(_ shape: String) throws {
    let plain = shape.replacing("L", with: "")
    let count = shape.contains("6") || shape.contains("2") ? 24 : 0
    func read(_ shape: String) throws -> [Int] {
      try Self.described("<f4", shape, values: count).withUnsafeBytes { try Npy.decode($0).shape }
    }
    #expect(try read(shape) == read(plain))
    for wrong in ["(L,)", "(2LL,)", "(2l,)", "(2 L,)"] {
      #expect(throws: KilpiError.self) { try read(wrong) }
    }
  }

  static let magic: [UInt8] = [0x93, 0x4E, 0x55, 0x4D, 0x50, 0x59, 1, 0]

  static func file(_ header: String, values: Int = 0) -> [UInt8] {
    magic + [UInt8(header.utf8.count & 0xFF), UInt8(header.utf8.count >> 8)] + Array(header.utf8)
      + [UInt8](repeating: 0, count: values)
  }

  static func described(_ type: String, _ shape: String, values: Int = 0) -> [UInt8] {
    file("{'descr': '\(type)', 'fortran_order': False, 'shape': \(shape), }\n", values: values)
  }

  static let hostile: [HostileFile] = [
    HostileFile("empty file", [], "it does not start as an npy file does"),
    HostileFile("another magic", [0x50, 0x4B, 3, 4], "it does not start as an npy file does"),
    HostileFile(
      "version 4", magic.dropLast(2) + [4, 0, 0, 0, 0, 0],
      "it has version 4.0, known are 1.0, 2.0 and 3.0"),
    HostileFile(
      "huge header", magic.dropLast(2) + [2, 0, 0, 0, 0, 0x7F],
      "its header has 2130706432 bytes, the limit is 1048576"),
    HostileFile(
      "header beyond the end", magic + [200, 0, 0x7B, 0x7D],
      "it ends after 12 bytes, its header after 210 (copy or download it again)"),
    HostileFile(
      "objects", described("|O", "(1,)", values: 8),
      "it holds Python objects, which are never loaded (save it as numbers)"),
    HostileFile(
      "records",
      file("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }", values: 4),
      "it holds records, not numbers (save one field of it)"),
    HostileFile(
      "complex numbers", described("<c16", "(1,)", values: 16),
      "it has the unknown element type '<c16' (numbers of 8 to 64 bits and bool are read)"),
    HostileFile(
      "no byte order", described("f4", "(1,)", values: 4),
      "it has the unknown element type 'f4' (numbers of 8 to 64 bits and bool are read)"),
    HostileFile(
      "code in the header",
      file("{'descr': __import__('os').system('true'), 'fortran_order': False, 'shape': (), }"),
      "byte 10 of its header: expected a string"),
    HostileFile(
      "code after the header", described("<f4", "()", values: 4).dropLast(5) + [0x78, 0x0A],
      "byte 55 of its header: text after the dictionary"),
    HostileFile(
      "text after the dictionary",
      file("{'descr': '<f4', 'fortran_order': False, 'shape': ()} or 1", values: 4),
      "byte 54 of its header: text after the dictionary"),
    HostileFile(
      "a key twice", file("{'descr': '<f4', 'descr': '<f4', }"),
      "byte 25 of its header: an unexpected key 'descr'"),
    HostileFile(
      "a key of its own", file("{'magic': 1, }"),
      "byte 9 of its header: an unexpected key 'magic'"),
    HostileFile(
      "a missing key", file("{'descr': '<f4', 'shape': ()}"),
      "its header lacks descr, fortran_order or shape"),
    HostileFile(
      "a number for a tuple", described("<f4", "(3)", values: 12),
      "byte 52 of its header: expected ','"),
    HostileFile(
      "a negative size", described("<f4", "(-1,)"),
      "byte 51 of its header: expected a size"),
    HostileFile(
      "a size out of range", described("<f4", "(99999999999999999999,)"),
      "byte 69 of its header: a size out of range"),
    HostileFile(
      "a huge shape", described("<f4", "(4611686018427387904, 4)"),
      "the shape [4611686018427387904, 4] is too large"),
    HostileFile(
      "33 axes",
      described("<f4", "(" + String(repeating: "1,", count: 33) + ")", values: 4),
      "byte 116 of its header: more than 32 axes"),
    HostileFile(
      "13 axes",
      described("<f4", "(" + String(repeating: "1,", count: 13) + ")", values: 4),
      "13 axes are too many (at most 12)"),
    HostileFile(
      "too few values", described("<f4", "(3,)", values: 11),
      "it has 11 bytes of values, [3] needs 12 (copy or download it again)"),
    HostileFile(
      "too many values", described("<f4", "(3,)", values: 13),
      "it has 13 bytes of values, [3] needs 12 (copy or download it again)"),
    HostileFile(
      "an unsigned number too large",
      described("<u8", "(1,)") + [UInt8](repeating: 255, count: 8),
      "it holds an unsigned number above 9223372036854775807"),
  ]

  @Test("is refused with its reason", arguments: hostile)
  func refused(_ row: HostileFile) throws {
    try withTemporaryDirectory { directory in
      let path = directory + "/x.npy"
      try writeQuickly(row.bytes, to: path)
      #expect {
        _ = try Npy.load(path)
      } throws: {
        "\($0)" == "cannot read '\(path)': " + row.reason
      }
    }
  }

  @Test("cut at any byte it is refused; any bit flipped it loads or is refused")
  func damaged() throws {
    let whole = Self.described("<f4", "(2, 3)", values: 24)
    for length in 0..<whole.count {
      #expect(throws: KilpiError.self, "cut at \(length)") {
        try whole[..<length].withUnsafeBytes { try Npy.decode($0) }
      }
    }
    for bit in 0..<8 * (whole.count - 24) {
      var bytes = whole
      bytes[bit / 8] ^= 1 << (bit % 8)
      _ = try? bytes.withUnsafeBytes { try Npy.decode($0) }
    }
  }
}
