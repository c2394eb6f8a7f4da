import Diagnostics
import Files
import TestSupport
import Tensors
import Testing

@Suite struct SealTests {
  private func problem(_ path: String) -> String? {
    do {
      try SafetensorsFile(path: path).checkSeal()
      return nil
    } catch { return "\(error)" }
  }

  /// Every byte of a small file: what is bent is refused, by the format or by the hash.
  @Test func everyByteCounts() throws {
    try withTemporaryDirectory { folder in
      let path = folder + "/a.safetensors"
      let tensors = ["b": try Tensor([1, 2, 3] as [Float], shape: [3])]
      // A text that looks like the seal, quotes and all, must not be taken for it.
      let text = #"{"sha256":"0000"}"#
      try Safetensors.save(tensors, metadata: ["a": text], to: path, sealed: true)
      #expect(problem(path) == nil)
      let (loaded, metadata) = try Safetensors.load(path)
      #expect(try loaded["b"]?.floats() == [1, 2, 3] && metadata["a"] == text)
      let bytes = try FileReader.bytes(at: path)
      for place in bytes.indices {
        for bit in [0, 3, 7] {
          var bent = bytes
          bent[place] ^= 1 << UInt8(bit)
          try AtomicFile.write(bent, to: path)
          #expect(problem(path) != nil, "byte \(place), bit \(bit)")
        }
      }
      try AtomicFile.write(bytes, to: path)
      #expect(problem(path) == nil)
    }
  }

  @Test func theDigestIsThatOfTheFileWithZerosInItsPlace() throws {
    try withTemporaryDirectory { folder in
      let path = folder + "/a.safetensors"
      try Safetensors.save(
        ["x": try Tensor.zeros([0]), "y": try Tensor.ones([70_000])], to: path, sealed: true)
      var bytes = try FileReader.bytes(at: path)
      let digits = try #require(try Safetensors.load(path).metadata["sha256"])
      let mark = Array(digits.utf8)
      let start = try #require(
        (0..<bytes.count - 64).first { bytes[$0..<$0 + 64].elementsEqual(mark) })
      bytes.replaceSubrange(
        start..<start + 64, with: [UInt8](repeating: UInt8(ascii: "0"), count: 64))
      var digest = SHA256()
      bytes.withUnsafeBytes { digest.update($0) }
      #expect(digest.hexadecimal() == digits)
    }
  }

  @Test func aFileWithoutASealSaysSo() throws {
    try withTemporaryDirectory { folder in
      let path = folder + "/a.safetensors"
      try Safetensors.save(["x": try Tensor.ones([2])], to: path)
      #expect(problem(path) == "it carries no SHA-256")
    }
  }
}
