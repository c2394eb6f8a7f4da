import Diagnostics
import Files
import TestSupport
import Tensors
import Testing

/// A file that must be refused, and why.
struct HostileFile: Sendable, CustomTestStringConvertible {
  let name: String
  let bytes: [UInt8]
  let reason: String
  var testDescription: String { name }

  init(_ name: String, _ bytes: [UInt8], _ reason: String) {
    (self.name, self.bytes, self.reason) = (name, bytes, reason)
  }

  init(_ name: String, _ header: String, values: Int = 0, _ reason: String) {
    self.init(name, safetensorsFile(header, values: values), reason)
  }
}

private func entry(_ type: String, _ shape: String, _ from: Int, _ to: Int) -> String {
  "{\"dtype\":\"\(type)\",\"shape\":\(shape),\"data_offsets\":[\(from),\(to)]}"
}

@Suite("hostile safetensors files")
struct HostileSafetensorsTests {
  static let again = " (copy or download it again)"
  static let size = " (its sizes without zeros may have a product of 2^46)"
  static let rows: [HostileFile] = [
    HostileFile("empty file", [], "a safetensors file has at least 8 bytes, this one 0" + again),
    HostileFile(
      "absurd header", safetensorsFile("{}", length: 1 << 62),
      "its header has 4611686018427387904 bytes, the limit is 100000000 (is it a safetensors file?)"
    ),
    HostileFile(
      "header beyond the end", safetensorsFile("{}", length: 100),
      "it ends after 10 bytes, the header after 108" + again),
    HostileFile(
      "no header", safetensorsFile(""),
      "byte 8 does not start a JSON object (is it a safetensors file?)"),
    HostileFile(
      "a space first", " {}",
      "byte 8 does not start a JSON object (is it a safetensors file?)"),
    HostileFile(
      "not JSON", "{\"a\":}",
      "its header is not valid JSON at byte 5: not a value" + again),
    HostileFile(
      "text after the header", "{}x",
      "its header is not valid JSON at byte 2: text after the value" + again),
    HostileFile(
      "invalid UTF-8",
      safetensorsFile("", length: 7) + [0x7B, 0x22, 0xFF, 0x22, 0x3A, 0x31, 0x7D],
      "its header is not valid JSON at byte 4: a string is not valid UTF-8" + again),
    HostileFile(
      "a tensor twice",
      "{\"a\":\(entry("U8", "[1]", 0, 1)),\"a\":\(entry("U8", "[1]", 0, 1))}", values: 1,
      "its header is not valid JSON at byte 56: the key 'a' stands twice" + again),
    HostileFile(
      "deep JSON", "{\"a\":" + String(repeating: "[", count: 100_000),
      "its header is not valid JSON at byte 13: nested deeper than 8" + again),
    HostileFile(
      "values without tensors", "{}", values: 1,
      "its tensors end at byte 10, the file at 11" + again),
    HostileFile(
      "overlap",
      "{\"a\":\(entry("U8", "[4]", 0, 4)),\"b\":\(entry("U8", "[4]", 2, 6))}", values: 6,
      "'b' at byte 115 overlaps another tensor" + again),
    HostileFile(
      "hole",
      "{\"a\":\(entry("U8", "[4]", 0, 4)),\"b\":\(entry("U8", "[4]", 5, 9))}", values: 9,
      "'b' at byte 118 leaves a hole before it" + again),
    HostileFile(
      "hole at the start", "{\"a\":\(entry("U8", "[4]", 1, 5))}", values: 5,
      "'a' at byte 62 leaves a hole before it" + again),
    HostileFile(
      "beyond the end", "{\"a\":\(entry("U8", "[4]", 0, 4))}", values: 3,
      "'a' at byte 13 has data_offsets [0, 4], the file has 3 bytes of values"),
    HostileFile(
      "offsets reversed", "{\"a\":\(entry("U8", "[0]", 4, 0))}", values: 4,
      "'a' at byte 13 has data_offsets [4, 0], the file has 4 bytes of values"),
    HostileFile(
      "offset below zero", "{\"a\":\(entry("U8", "[4]", -4, 0))}",
      "'a' at byte 13 has no two data_offsets from 0 on"),
    HostileFile(
      "three offsets",
      "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1,1]}}", values: 1,
      "'a' at byte 13 has no two data_offsets from 0 on"),
    HostileFile(
      "wrong length", "{\"a\":\(entry("F32", "[2]", 0, 4))}", values: 4,
      "'a' at byte 13 is F32 [2] of 8 bytes, its data_offsets span 4"),
    HostileFile(
      "product wraps to four",
      "{\"a\":\(entry("U8", "[4194305, 4194305, 211106198978564]", 0, 4))}", values: 4,
      "'a' at byte 13 has the shape [4194305, 4194305, 211106198978564], too large"
        + Self.size),
    HostileFile(
      "no elements, but strides beyond 64 bits",
      "{\"a\":\(entry("F32", "[0, 4611686018427387904, 4611686018427387904]", 0, 0))}",
      "'a' at byte 13 has the shape [0, 4611686018427387904, 4611686018427387904], too large"
        + Self.size),
    HostileFile(
      "unknown type", "{\"a\":\(entry("F7_E4M2", "[1]", 0, 1))}", values: 1,
      "'a' at byte 13 has the unknown element type 'F7_E4M2' "
        + "(known: F64 F32 F16 BF16 I64 I32 I16 I8 U8 BOOL)"),
    HostileFile(
      "wrong length of a type that is not read", "{\"a\":\(entry("C64", "[1]", 0, 4))}", values: 4,
      "'a' at byte 13 is C64 [1] of 8 bytes, its data_offsets span 4"),
    HostileFile(
      "half a byte", "{\"a\":\(entry("F4", "[3]", 0, 1))}", values: 1,
      "'a' at byte 13 is F4 [3] of 2 bytes, its data_offsets span 1"),
    HostileFile(
      "no type", "{\"a\":{\"shape\":[],\"data_offsets\":[0,0]}}", "'a' at byte 13 has no dtype"),
    HostileFile(
      "negative size", "{\"a\":\(entry("U8", "[-1]", 0, 1))}", values: 1,
      "'a' at byte 13 has no shape of whole numbers from 0 on"),
    HostileFile(
      "a size with a point", "{\"a\":\(entry("U8", "[1.0]", 0, 1))}", values: 1,
      "'a' at byte 13 has no shape of whole numbers from 0 on"),
    HostileFile(
      "nine axes", "{\"a\":\(entry("U8", "[1,1,1,1,1,1,1,1,1]", 0, 1))}", values: 1,
      "'a' at byte 13 has more than 8 axes, the limit"),
    HostileFile("a list for a tensor", "{\"a\":[]}", "'a' at byte 13 is not an object"),
    HostileFile(
      "metadata with a number", "{\"__metadata__\":{\"n\":1}}",
      "'__metadata__' at byte 24 holds 'n', which is not a string"),
    HostileFile(
      "metadata as text", "{\"__metadata__\":\"x\"}",
      "'__metadata__' at byte 24 is not an object"),
  ]

  @Test("is refused with place and reason", arguments: rows)
  func refused(_ row: HostileFile) throws {
    try withTemporaryDirectory { directory in
      let path = directory + "/x.safetensors"
      try writeQuickly(row.bytes, to: path)
      #expect {
        _ = try SafetensorsFile(path: path)
      } throws: {
        "\($0)" == "cannot read '\(path)': " + row.reason
      }
    }
  }

  /// Headers whose length starts as files of another kind do: `\u{80}\u{2}` a pickle of protocol 2,
  /// `{` JSON, gzip, zip.
  @Test(
    "a length that looks like another format's mark",
    arguments: [0x280, 0x380, 0x480, 0x580, 0x17B, 0x8B1F, 0x10280, 0x1_0B1F, 0x4B50])
  func lookAlikes(_ length: Int) throws {
    var header = "{\"a\":\(entry("U8", "[3]", 0, 3))"
    header += String(repeating: " ", count: length - header.utf8.count - 1) + "}"
    #expect(header.utf8.count == length)
    try withTemporaryDirectory { directory in
      let path = directory + "/x.bin"
      try writeQuickly(safetensorsFile(header, values: 3), to: path)
      #expect(SafetensorsFile.matches(path: path))
      #expect(!PyTorchFile.matches(path: path))
      #expect(try Safetensors.load(path).tensors["a"]?.shape == [3])
      // Cut short it is still told as what it is.
      try writeQuickly(Array(safetensorsFile(header).prefix(100)), to: path)
      #expect {
        _ = try SafetensorsFile(path: path)
      } throws: {
        "\($0)" == "cannot read '\(path)': it ends after 100 bytes, the header after "
          + "\(8 + length)" + Self.again
      }
    }
  }

  /// Rows that would take far more memory as values than as text: each is refused where the limit
  /// is passed, with most of the header unread (which is no JSON there).
  static let endless: [HostileFile] = [
    HostileFile(
      "axes", "{\"a\":{\"dtype\":\"U8\",\"shape\":[1,1,1,1,1,1,1,1,1,?]}}",
      "'a' at byte 13 has more than 8 axes, the limit"),
    HostileFile(
      "axes that are no integers", "{\"a\":{\"shape\":[1.5,1.5,1.5,1.5,1.5,1.5,1.5,1.5,?]}}",
      "'a' at byte 13 has more than 8 axes, the limit"),
    HostileFile(
      "data_offsets", "{\"a\":{\"data_offsets\":[1,1,1,?]}}",
      "'a' at byte 13 has no two data_offsets from 0 on"),
    HostileFile(
      "entries of metadata",
      "{\"__metadata__\":{" + (0...100_000).map { "\"\($0)\":\"\"," }.joined() + "?}}",
      "'__metadata__' at byte 24 has more than 100000 entries, the limit"),
    HostileFile(
      "a long key", "{\"" + String(repeating: "a", count: 16 << 20 + 1) + "?\"}",
      "its header is not valid JSON at byte 16777219: a string of more than 16777216 bytes"
        + again),
    HostileFile(
      "long metadata",
      "{\"__metadata__\":{\"a\":\"" + String(repeating: "a", count: 9 << 20) + "\",\"b\":\""
        + String(repeating: "a", count: 9 << 20) + "\",?}}",
      "its names and metadata have more than 16777216 bytes, the limit"),
    HostileFile(
      "other members", "{\"a\":{\"x\":[" + String(repeating: "0,", count: 100_000) + "?]}}",
      "its header is not valid JSON at byte 200009: more than 100000 values" + again),
  ]

  @Test("is refused at the limit, not at the end", arguments: endless)
  func unread(_ row: HostileFile) throws { try refused(row) }

  @Test("a file cut at any byte is refused")
  func truncated() throws {
    let whole = TensorFileFixture.shared.safetensors
    #expect(whole.count > 1000)
    try withTemporaryDirectory { directory in
      let path = directory + "/x.safetensors"
      for length in 0..<whole.count {
        try writeQuickly(Array(whole[..<length]), to: path)
        #expect(throws: KilpiError.self, "cut at \(length)") { try SafetensorsFile(path: path) }
      }
    }
  }

  @Test("any bit of the header flipped: it loads or is refused, and never ends the process")
  func flipped() throws {
    let whole = TensorFileFixture.shared.safetensors
    let header = 8 + Int(whole[0]) + Int(whole[1]) << 8
    #expect(header < whole.count)
    var refusals = 0
    try withTemporaryDirectory { directory in
      let path = directory + "/x.safetensors"
      for bit in 0..<8 * header {
        var bytes = whole
        bytes[bit / 8] ^= 1 << (bit % 8)
        try writeQuickly(bytes, to: path)
        do { _ = try Safetensors.load(path) } catch { refusals += 1 }
      }
    }
    #expect(refusals > 4 * header)
  }

  @Test("a hundred thousand tensors load, one more is refused")
  func many() throws {
    let row = entry("U8", "[0]", 0, 0)
    func file(_ count: Int) -> [UInt8] {
      safetensorsFile("{" + (0..<count).map { "\"\($0)\":\(row)" }.joined(separator: ",") + "}")
    }
    try withTemporaryDirectory { directory in
      let path = directory + "/x.safetensors"
      try writeQuickly(file(100_001), to: path)
      #expect {
        _ = try SafetensorsFile(path: path)
      } throws: {
        "\($0)" == "cannot read '\(path)': it has more than 100000 tensors, the limit"
      }
    }
  }
}
