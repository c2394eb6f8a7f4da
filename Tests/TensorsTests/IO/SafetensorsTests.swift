import Diagnostics
import Files
import TestSupport
import Tensors
import Testing

@Suite("safetensors files")
struct SafetensorsTests {
  @Test("every element type arrives as the safetensors package wrote it")
  func readsReference() throws {
    let fixture = TensorFileFixture.shared
    #expect(fixture.tensors.count == 13)
    try withTemporaryDirectory { directory in
      let path = directory + "/x.safetensors"
      try AtomicFile.write(fixture.safetensors, to: path)
      let (tensors, metadata) = try Safetensors.load(path)
      #expect(metadata == fixture.metadata)
      #expect(tensors.count == fixture.tensors.count)
      for contents in fixture.tensors { try contents.expect(#require(tensors[contents.name])) }
      let file = try SafetensorsFile(path: path)
      #expect(file.names == fixture.tensors.map(\.name).sorted())
      #expect(try file.shape(of: "a.float32") == [2, 3])
      #expect(try file.storedType(of: "d.bfloat16") == "BF16")
      #expect(try file.dtype(of: "d.bfloat16") == .float32)
      #expect {
        try file.tensor("a.float3")
      } throws: {
        "\($0)"
          == "there is no tensor 'a.float3' in '\(path)' (did you mean 'a.float32'?)"
      }
    }
  }

  static let unread = [
    ("U16", 2), ("U32", 4), ("U64", 8), ("C64", 8), ("C128", 16), ("F8_E4M3", 1), ("F8_E5M2", 1),
    ("F8_E8M0", 1), ("F8_E4M3FNUZ", 1), ("F8_E5M2FNUZ", 1),
  ]

  /// A type that is not read does not hinder the other tensors of its file.
  @Test("a tensor of a type that is not read is refused when it is asked for", arguments: unread)
  func unreadTypes(_ row: (type: String, size: Int)) throws {
    let header =
      "{\"a\":{\"dtype\":\"\(row.type)\",\"shape\":[2],\"data_offsets\":[0,\(2 * row.size)]},"
      + "\"b\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[\(2 * row.size),\(2 * row.size + 1)]}}"
    try withTemporaryDirectory { directory in
      let path = directory + "/x.safetensors"
      try writeQuickly(safetensorsFile(header, values: 2 * row.size + 1), to: path)
      let file = try SafetensorsFile(path: path)
      #expect(file.names == ["a", "b"] && file.unreadNames == ["a"])
      #expect(try file.storedType(of: "a") == row.type && file.shape(of: "a") == [2])
      #expect(try file.tensor("b").integers() == [0])
      let message =
        "cannot read '\(path)': 'a' is \(row.type) [2], an element type that is not read "
        + "(save it as float32, int64 or bool)"
      #expect { try file.tensor("a") } throws: { "\($0)" == message }
      #expect { try file.dtype(of: "a") } throws: { "\($0)" == message }
      #expect { try Safetensors.load(path) } throws: { "\($0)" == message }
    }
  }

  /// 123 is "{", 35,615 begins a gzip file.
  @Test("a header of any length is read", arguments: [120, 123, 379, 891, 8315, 35_615, 559_903])
  func headerLengths(_ length: Int) throws {
    let header = "{\"a\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[0,3]}}"
    let padding = String(repeating: " ", count: length - header.utf8.count)
    try withTemporaryDirectory { directory in
      let path = directory + "/x.safetensors"
      try writeQuickly(safetensorsFile(header + padding, values: 3), to: path)
      #expect(try Safetensors.load(path).tensors["a"]?.shape == [3])
    }
  }

  @Test("what is saved is loaded again, bytes do not depend on the order of a dictionary")
  func roundTrip() throws {
    let tensors: [String: Tensor] = [
      "weight": try Tensor([1, 2, 3, 4, 5, 6] as [Float], shape: [2, 3]).transposed(),
      "a": try Tensor([1.5, -2.5] as [Double], shape: [2]),
      "ids": try Tensor([1, -7] as [Int64], shape: [1, 2]),
      "empty": try Tensor.zeros([0, 4]),
      "scalar \"q\" ü": try Tensor.scalar(0.1, .float64),
    ]
    let metadata = ["format": "kilpi", "b": "x\ny"]
    try withTemporaryDirectory { directory in
      let (first, second) = (directory + "/1.safetensors", directory + "/2.safetensors")
      try Safetensors.save(tensors, metadata: metadata, to: first)
      let loaded = try Safetensors.load(first)
      #expect(loaded.metadata == metadata)
      #expect(loaded.tensors.keys.sorted() == tensors.keys.sorted())
      for (name, tensor) in tensors {
        let copy = try #require(loaded.tensors[name])
        #expect(copy.shape == tensor.shape && copy.dtype == tensor.dtype)
        #expect(try copy.doubles() == tensor.doubles())
      }
      try Safetensors.save(loaded.tensors, metadata: loaded.metadata, to: second)
      let bytes = try FileReader.bytes(at: first)
      #expect(try FileReader.bytes(at: second) == bytes)
      #expect(bytes[0] % 8 == 0 && bytes[8] == UInt8(ascii: "{"))
    }
  }

  @Test("half precision rounds to nearest, ties to even")
  func half() throws {
    let source: [Float] = [1, 1.00048828125, 1.001, 65504, 65520, 1e-8, -0.1, .nan, 3]
    let expected: [Float] = [1, 1, 1.0009765625, 65504, .infinity, 0, -0.099975586, .nan, 3]
    try withTemporaryDirectory { directory in
      let path = directory + "/h.safetensors"
      let ids = try Tensor([3] as [Int64], shape: [1])
      try Safetensors.save(["x": Tensor(source, shape: [9]), "ids": ids], to: path, half: true)
      let file = try SafetensorsFile(path: path)
      #expect(try file.storedType(of: "x") == "F16")
      #expect(try file.storedType(of: "ids") == "I64")
      for (a, b) in zip(try file.tensor("x").floats(), expected) {
        #expect(a == b || a.isNaN && b.isNaN)
      }
    }
  }

  @Test("an empty file of tensors")
  func noTensors() throws {
    try withTemporaryDirectory { directory in
      let path = directory + "/e.safetensors"
      try Safetensors.save([:], to: path)
      let loaded = try Safetensors.load(path)
      #expect(loaded.tensors.isEmpty)
    }
  }

  static let cannotBeWritten: [(name: String, tensor: [Int], text: String)] = [
    ("__metadata__", [1], "a tensor cannot be called '__metadata__': the format reserves it"),
    ("deep", [1, 1, 1, 1, 1, 1, 1, 1, 1], "'deep' has 9 axes, a file holds at most 8"),
  ]

  @Test("what the format cannot hold is refused, and no file is left", arguments: cannotBeWritten)
  func refusesToWrite(_ row: (name: String, tensor: [Int], text: String)) throws {
    try withTemporaryDirectory { directory in
      let path = directory + "/x.safetensors"
      #expect {
        try Safetensors.save([row.name: Tensor.zeros(row.tensor)], to: path)
      } throws: {
        "\($0)" == row.text
      }
      let left = try FileReader.names(in: directory)
      #expect(left.isEmpty)
    }
  }

  @Test("a folder that does not exist")
  func noFolder() throws {
    #expect {
      try Safetensors.save([:], to: "/nowhere/x.safetensors")
    } throws: {
      "\($0)" == "cannot write '/nowhere/x.safetensors': the folder is not there"
    }
  }
}
