import Diagnostics
import Files
import TestSupport
import Tensors
import Testing

@Suite("npz files")
struct NpzTests {
  static func load(_ bytes: [UInt8]) throws -> [String: Tensor] {
    try withTemporaryDirectory { directory in
      try writeQuickly(bytes, to: directory + "/x.npz")
      return try Npz.load(directory + "/x.npz")
    }
  }

  @Test("numpy's archives arrive as numpy wrote them", arguments: PyTorchFixture.shared.npz)
  func readsReference(_ file: PyTorchFixture.File) throws {
    let tensors = try Self.load(file.bytes)
    #expect(tensors.count == 4 && file.tensors.count == 4)
    for contents in file.tensors { try contents.expect(#require(tensors[contents.name])) }
  }

  @Test("what is saved is loaded again; equal tensors give equal bytes")
  func roundTrip() throws {
    let tensors: [String: Tensor] = [
      "weight": try Tensor([1, 2, 3, 4, 5, 6] as [Float], shape: [2, 3]).transposed(),
      "a/b": try Tensor([1.5, -2.5] as [Double], shape: [2]),
      "ü": try Tensor([1, -7] as [Int64], shape: [1, 2]), "empty": try Tensor.zeros([0, 4]),
    ]
    try withTemporaryDirectory { directory in
      try Npz.save(tensors, to: directory + "/1.npz")
      let loaded = try Npz.load(directory + "/1.npz")
      #expect(loaded.keys.sorted() == tensors.keys.sorted())
      for (name, tensor) in tensors {
        let copy = try #require(loaded[name])
        #expect(copy.shape == tensor.shape && copy.dtype == tensor.dtype)
        #expect(try copy.doubles() == tensor.doubles())
      }
      try Npz.save(loaded, to: directory + "/2.npz")
      #expect(
        try FileReader.bytes(at: directory + "/1.npz") == FileReader.bytes(at: directory + "/2.npz")
      )
      try Npz.save([:], to: directory + "/0.npz")
      #expect(try Npz.load(directory + "/0.npz").isEmpty)
    }
  }

  @Test("members that are no numbers are named, the others read")
  func unreadMembers() throws {
    let number = NpyTests.described("<f4", "(3,)", values: 12)
    let members: [(name: String, bytes: [UInt8])] = [
      ("a.npy", number), ("o.npy", NpyTests.described("|O", "(1,)", values: 8)),
      ("s.npy", NpyTests.described("<U2", "(1,)", values: 8)), ("notes.txt", [1, 2]),
      ("z.npy", NpyTests.described("<c8", "(1,)", values: 8)),
    ]
    try withTemporaryDirectory { directory in
      let path = directory + "/x.npz"
      try writeQuickly(zipArchive(members), to: path)
      let (tensors, refused) = try Npz.contents(path)
      #expect(tensors.keys.sorted() == ["a"] && tensors["a"]?.shape == [3])
      #expect(refused.keys.sorted() == ["notes.txt", "o", "s", "z"])
      #expect(refused["s"]?.problem == "'s.npy': it has the unknown element type '<U2'")
      #expect(refused["notes.txt"]?.problem == "its member 'notes.txt' is not an npy file")
    }
  }

  static func expect(_ bytes: [UInt8], refusedFor reason: String) throws {
    try withTemporaryDirectory { directory in
      let path = directory + "/x.npz"
      try writeQuickly(bytes, to: path)
      let error = #expect(throws: KilpiError.self) { try Npz.load(path) }
      #expect(error?.description == "cannot read '\(path)': " + reason)
    }
  }

  @Test("other archives are refused with the member's name")
  func refused() throws {
    let npy = NpyTests.described("<f4", "(3,)", values: 12)
    try Self.expect([], refusedFor: "it does not start as an npz file does")
    try Self.expect(
      PyTorchFixture.shared.npzOfObjects,
      refusedFor: "'a.npy': it holds Python objects, which are never loaded (save it as numbers)")
    try Self.expect(
      zipArchive([("a.txt", [1])]), refusedFor: "its member 'a.txt' is not an npy file")
    try Self.expect(
      zipArchive([("a.npy", npy), ("b.npy", npy.dropLast())]),
      refusedFor:
        "'b.npy': it has 11 bytes of values, [3] needs 12 (copy or download it again)")
    var damaged = try zipArchive([("a.npy", npy)])
    damaged[60] ^= 1
    try Self.expect(
      damaged, refusedFor: "'a.npy': its checksum is wrong (copy or download it again)")
  }

  @Test("cut at any byte it is refused; any bit flipped it gives the same values or is refused")
  func damaged() throws {
    let file = try #require(PyTorchFixture.shared.npz.last)
    try withTemporaryDirectory { directory in
      let path = directory + "/x.npz"
      for length in 0..<file.bytes.count {
        try writeQuickly(Array(file.bytes[..<length]), to: path)
        #expect(throws: KilpiError.self, "cut at \(length)") { try Npz.load(path) }
      }
      for bit in 0..<8 * file.bytes.count {
        var bytes = file.bytes
        bytes[bit / 8] ^= 1 << (bit % 8)
        try writeQuickly(bytes, to: path)
        guard let tensors = try? Npz.load(path) else { continue }
        for contents in file.tensors { try tensors[contents.name].map { try contents.expect($0) } }
      }
    }
  }
}
