import Diagnostics
import Files
import TestSupport
import Tensors
import Testing

@Suite("sharded checkpoints")
struct ShardedTensorsTests {
  @Test("safetensors and PyTorch shards are read by their index")
  func reads() throws {
    let file = try #require(PyTorchFixture.file("state dictionary"))
    try withTemporaryDirectory { directory in
      try writeQuickly(file.bytes, to: directory + "/1.bin")
      try Safetensors.save(
        ["a": Tensor.ones([2]), "not in the index": Tensor.zeros([1])],
        to: directory + "/2.safetensors")
      let rows = (file.tensors.map { ($0.name, "1.bin") } + [("a", "2.safetensors")])
        .map { "\"\($0.0)\": \"\($0.1)\"" }.joined(separator: ",")
      let path = directory + "/model.safetensors.index.json"
      try AtomicFile.write("{\"metadata\": {}, \"weight_map\": {\(rows)}}", to: path)
      let source: any TensorSource = try ShardedTensors(indexPath: path)
      #expect(source.names == ["a"] + file.tensors.map(\.name).sorted())
      #expect(try source.tensor("a").floats() == [1, 1])
      for contents in file.tensors {
        #expect(try source.shape(of: contents.name) == contents.shape)
        try contents.expect(source.tensor(contents.name))
      }
      #expect {
        try source.tensor("b")
      } throws: {
        "\($0)" == "there is no tensor 'b' in '\(path)'"
      }
    }
  }

  static let plain = "'a' is not in a plain file name beside it"
  static let refusals: [(index: String, reason: String)] = [
    ("[]", "it has no weight_map (is it an index of a checkpoint?)"),
    ("{\"weight_map\": []}", "it has no weight_map (is it an index of a checkpoint?)"),
    ("{\"weight_map\": {\"a\": 1}}", plain), ("{\"weight_map\": {\"a\": \"\"}}", plain),
    ("{\"weight_map\": {\"a\": \"..\"}}", plain),
    ("{\"weight_map\": {\"a\": \"../x.safetensors\"}}", plain),
    ("{\"weight_map\": {\"a\": \"/x.safetensors\"}}", plain),
    ("{\"weight_map\": {\"a\": \"x\\u0000y\"}}", plain),
    (
      "{\"weight_map\": {\"b\": \"x.safetensors\"}}",
      "'b' is not in 'x.safetensors' (copy or download both again)"
    ),
    ("{", "not valid JSON at byte 1: expected a key"),
  ]

  @Test("an index that says what is not so is refused", arguments: refusals)
  func refused(_ row: (index: String, reason: String)) throws {
    try withTemporaryDirectory { directory in
      try Safetensors.save(["a": Tensor.ones([2])], to: directory + "/x.safetensors")
      let path = directory + "/i.json"
      try AtomicFile.write(row.index, to: path)
      let error = #expect(throws: KilpiError.self) { try ShardedTensors(indexPath: path) }
      #expect(error?.description == "cannot read '\(path)': " + row.reason)
    }
  }

  @Test("a missing shard is named")
  func missing() throws {
    try withTemporaryDirectory { directory in
      let path = directory + "/i.json"
      try AtomicFile.write("{\"weight_map\": {\"a\": \"y.safetensors\"}}", to: path)
      #expect {
        try ShardedTensors(indexPath: path)
      } throws: {
        "\($0)" == "cannot read '\(directory)/y.safetensors': there is no such file"
      }
    }
  }
}
