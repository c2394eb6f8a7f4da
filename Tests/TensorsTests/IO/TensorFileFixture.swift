import Files
import Glibc
import TestSupport
import Tensors
import Testing

/// Files and contents written by `scripts/reference/tensor_files.py`.
struct TensorFileFixture: Sendable {
  /// One array as its writer knows it.
  struct Contents: Sendable {
    let name: String
    let shape: [Int]
    let dtype: String
    let values: [Double]

    init(_ json: JSONValue) {
      name = json["name"]?.string ?? ""
      shape = (json["shape"]?.array ?? []).compactMap(\.int)
      dtype = json["dtype"]?.string ?? ""
      values = (json["values"]?.array ?? []).map { $0.double ?? Double($0.string ?? "") ?? .nan }
    }

    /// Compares bit for bit, so that -0 is not 0.
    func expect(_ tensor: Tensor, sourceLocation: SourceLocation = #_sourceLocation) throws {
      #expect(tensor.shape == shape, "\(name)", sourceLocation: sourceLocation)
      #expect(tensor.dtype.rawValue == dtype, "\(name)", sourceLocation: sourceLocation)
      let found = try tensor.doubles()
      #expect(found.count == values.count, "\(name)", sourceLocation: sourceLocation)
      for (a, b) in zip(found, values) {
        #expect(
          a.bitPattern == b.bitPattern || a.isNaN && b.isNaN
            || dtype == "float32" && Float(a) == Float(b) && a.sign == b.sign,
          "\(name)", sourceLocation: sourceLocation)
      }
    }
  }

  /// An npy file.
  struct NpyFile: Sendable, CustomTestStringConvertible {
    let bytes: [UInt8]
    let contents: Contents
    var testDescription: String { contents.name }
  }

  let safetensors: [UInt8]
  let metadata: [String: String]
  let tensors: [Contents]
  let npy: [NpyFile]

  /// Empty when the fixture cannot be read; the tests then fail on their counts.
  static let shared: TensorFileFixture = {
    let json =
      (try? JSONValue.parse(FileReader.bytes(at: TestFiles.fixture("tensor_files.json")))) ?? .null
    return TensorFileFixture(json)
  }()

  private init(_ json: JSONValue) {
    let file = json["safetensors"]
    safetensors = hexadecimal(file?["file"]?.string ?? "")
    metadata = Dictionary(
      uniqueKeysWithValues: (file?["metadata"]?.object ?? []).map {
        ($0.key, $0.value.string ?? "")
      })
    tensors = (file?["tensors"]?.array ?? []).map { Contents($0) }
    npy = (json["npy"]?.array ?? []).map {
      NpyFile(bytes: hexadecimal($0["file"]?.string ?? ""), contents: Contents($0))
    }
  }
}

/// The bytes of a hexadecimal text.
func hexadecimal(_ text: String) -> [UInt8] {
  let digits = text.utf8.map { $0 >= 0x61 ? $0 - 0x57 : $0 - 0x30 }
  return stride(from: 0, to: digits.count - 1, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
}

/// A safetensors file of a header's text and some bytes of values.
func safetensorsFile(_ header: String, values: Int = 0, length: UInt64? = nil) -> [UInt8] {
  let text = Array(header.utf8)
  return withUnsafeBytes(of: (length ?? UInt64(text.count)).littleEndian) { Array($0) } + text
    + [UInt8](repeating: 0, count: values)
}

/// Writes a file without the syncs of `AtomicFile`, which thousands of damaged files need not wait
/// for.
func writeQuickly(_ bytes: [UInt8], to path: String) throws {
  let file = try #require(fopen(path, "wb"))
  defer { fclose(file) }
  #expect(fwrite(bytes, 1, bytes.count, file) == bytes.count)
}
