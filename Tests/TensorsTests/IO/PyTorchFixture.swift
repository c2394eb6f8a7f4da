import Archives
import Files
import TestSupport
import Tensors
import Testing

/// Archives and contents written by `scripts/reference/pytorch_files.py`.
struct PyTorchFixture: Sendable {
  struct File: Sendable, CustomTestStringConvertible {
    let name: String
    let bytes: [UInt8]
    let isTorchScript: Bool
    let tensors: [TensorFileFixture.Contents]
    let others: [JSONValue.Member]
    var testDescription: String { name }
  }

  let files: [File]
  let refused: [String: [UInt8]]
  let npz: [File]
  let npzOfObjects: [UInt8]

  /// Empty when the fixture cannot be read; the tests then fail on their counts.
  static let shared: PyTorchFixture = {
    let path = TestFiles.fixture("pytorch_files.json.gz")
    let json = (try? JSONValue.parse(Gzip.contents(ofFile: path))) ?? .null
    return PyTorchFixture(json)
  }()

  static func file(_ name: String) -> File? { shared.files.first { $0.name == name } }

  private init(_ json: JSONValue) {
    func files(_ key: String) -> [File] {
      (json[key]?.array ?? []).map { file in
        File(
          name: file["name"]?.string ?? "", bytes: hexadecimal(file["file"]?.string ?? ""),
          isTorchScript: file["torchscript"]?.bool ?? false,
          tensors: (file["tensors"]?.array ?? []).map { TensorFileFixture.Contents($0) },
          others: file["others"]?.object ?? [])
      }
    }
    self.files = files("files")
    npz = files("npz")
    npzOfObjects = hexadecimal(json["npz of objects"]?.string ?? "")
    refused = (json["refused"]?.object ?? []).reduce(into: [:]) {
      $0[$1.key] = hexadecimal($1.value.string ?? "")
    }
  }
}

/// A PyTorch archive around a pickle, with storages of the given bytes.
func pytorchArchive(
  _ pickle: [UInt8], storages: [String: [UInt8]] = [:], others: [String: [UInt8]] = [:]
) throws -> [UInt8] {
  var members = [(name: "x/data.pkl", bytes: pickle)]
  members += storages.sorted { $0.key < $1.key }.map { (name: "x/data/" + $0.key, bytes: $0.value) }
  members += others.sorted { $0.key < $1.key }.map { (name: $0.key, bytes: $0.value) }
  return try zipArchive(members)
}

/// A zip archive of stored members.
func zipArchive(_ members: [(name: String, bytes: [UInt8])]) throws -> [UInt8] {
  let joined = members.flatMap(\.bytes)
  return try joined.withUnsafeBytes { joined in
    var start = 0
    let parts = members.map { member in
      defer { start += member.bytes.count }
      return (
        name: member.name,
        parts: [UnsafeRawBufferPointer(rebasing: joined[start..<start + member.bytes.count])]
      )
    }
    return try ZipWriter.archive(parts) { $0.flatMap { Array($0) } }
  }
}

extension PyTorchValue {
  /// Equal to what the reference wrote as JSON; -1 for tensors never is.
  func equals(_ json: JSONValue) -> Bool {
    switch (self, json) {
    case (.none, .null): return true
    case (.bool(let a), .bool(let b)): return a == b
    case (.integer(let a), .integer(let b)): return a == b
    case (.number(let a), .number(let b)): return a == b
    case (.string(let a), .string(let b)): return a == b
    case (.list(let a), .array(let b)), (.tuple(let a), .array(let b)):
      return a.count == b.count && zip(a, b).allSatisfy { $0.equals($1) }
    case (.dictionary, .object(let b)):
      guard let a = members, a.count == b.count else { return false }
      return zip(a, b).allSatisfy { $0.name == $1.key && $0.value.equals($1.value) }
    default: return false
    }
  }
}
