import Diagnostics
import Tensors
import Testing

/// A call and the exact text of its error.
struct ErrorCase: Sendable, CustomTestStringConvertible {
  let id: String
  let text: String
  let run: @Sendable () throws -> Void
  var testDescription: String { id }

  init(_ id: String, _ text: String, _ run: @escaping @Sendable () throws -> Any) {
    (self.id, self.text) = (id, text)
    self.run = { _ = try run() }
  }
}

private func ones(_ shape: Int...) throws -> Tensor { try Tensor.ones(shape) }
private func integers(_ values: Int64...) throws -> Tensor {
  try Tensor(values, shape: [values.count])
}
private let convert = " (convert with to(\"float32\"))"

@Suite("error texts of operations")
struct OpErrorTests {
  static let shapes: [ErrorCase] = [
    ErrorCase(
      "broadcast",
      "shapes [2, 3] and [2, 4] do not broadcast "
        + "(sizes must agree from the last axis on, or be 1)"
    ) { try ones(2, 3) + ones(2, 4) },
    ErrorCase(
      "broadcast with none",
      "shapes [2] and [0] do not broadcast (sizes must agree from the last axis on, or be 1)"
    ) { try ones(2) * ones(0) },
    ErrorCase("an axis", "there is no axis 2 in [2, 3]") { try ones(2, 3).sum(axes: [2]) },
    ErrorCase("an axis from the end", "there is no axis -3 in [2, 3]") {
      try ones(2, 3).softmax(axis: -3)
    },
    ErrorCase("an axis of a scalar", "there is no axis 0 in []") { try ones().max(axis: 0) },
    ErrorCase("the smallest axis", "there is no axis -9223372036854775808 in [2]") {
      try ones(2).sum(axes: [.min])
    },
    ErrorCase("an axis twice", "an axis is named twice in [0, -2]") {
      try ones(2, 3).sum(axes: [0, -2])
    },
    ErrorCase("many axes", "13 axes are too many (at most 12)") {
      try Tensor.zeros([Int](repeating: 1, count: 13))
    },
    ErrorCase("a negative size", "a size is negative: [2, -1]") { try ones(2, -1) },
    ErrorCase(
      "a product that overflows",
      "the shape [4194305, 4194305, 211106198978564] is too large"
    ) { try Tensor.zeros([4_194_305, 4_194_305, 211_106_198_978_564]) },
    ErrorCase("a shape beyond memory", "the shape [1152921504606846976] is too large") {
      try Tensor.zeros([1 << 60])
    },
    ErrorCase("values and shape", "3 values do not fill the shape [2, 2]") {
      try Tensor([1, 2, 3] as [Float], shape: [2, 2])
    },
    ErrorCase("reshape", "[2, 3] has 6 elements, [4] has 4") { try ones(2, 3).reshaped([4]) },
    ErrorCase("reshape, unknown size", "6 elements do not fit the shape [4, -1]") {
      try ones(2, 3).reshaped([4, -1])
    },
    ErrorCase(
      "reshape, two unknown sizes",
      "[-1, -1] is no shape (sizes are 0 or more, one may be -1)"
    ) {
      try ones(2, 3).reshaped([-1, -1])
    },
    ErrorCase("reshape, unknown size of none", "0 elements do not fit the shape [0, -1]") {
      try ones(0).reshaped([0, -1])
    },
    ErrorCase("permute", "[0, 0] does not name each of the 2 axes once") {
      try ones(2, 3).permuted([0, 0])
    },
    ErrorCase("unsqueeze", "there is no place 3 for an axis in [2, 3]") {
      try ones(2, 3).unsqueezed(3)
    },
    ErrorCase("expand", "[2, 3] does not stretch to [4, 3]") { try ones(2, 3).expanded([4, 3]) },
    ErrorCase("expand to fewer axes", "[2, 3] does not stretch to [3]") {
      try ones(2, 3).expanded([3])
    },
    ErrorCase("expand beyond memory", "the shape [4611686018427387904, 1] is too large") {
      try ones(1).expanded([1 << 62, 1])
    },
    ErrorCase("flatten", "axis 1 comes after axis 0") { try ones(2, 3).flattened(from: 1, to: 0) },
    ErrorCase("narrow", "entries 2 to 4 lie outside the 3 of axis 1") {
      try ones(2, 3).narrowed(1, start: 2, length: 2)
    },
    ErrorCase("narrow, negative", "entries -1 to 0 lie outside the 3 of axis 1") {
      try ones(2, 3).narrowed(1, start: -1, length: 1)
    },
    ErrorCase("select", "entry 3 lies outside the 3 of axis 1") { try ones(2, 3).selected(1, 3) },
    ErrorCase("select from the end", "entry -4 lies outside the 3 of axis 1") {
      try ones(2, 3).selected(1, -4)
    },
    ErrorCase("pad", "padding of -1 and 0 is out of range") { try ones(2).padded([(0, -1, 0)]) },
    ErrorCase("split", "the size 0 is not positive") { try ones(2).split(0) },
    ErrorCase("no tensors", "the list of tensors is empty") { try Tensor.concatenated([]) },
    ErrorCase("no tensors to stack", "the list of tensors is empty") { try Tensor.stacked([]) },
    ErrorCase(
      "tensors that do not join",
      "tensor 2 is float32 [2, 4], tensor 1 is float32 [2, 3] "
        + "(all sizes but that of the joined axis must agree)"
    ) { try Tensor.concatenated([ones(2, 3), ones(2, 4)]) },
    ErrorCase(
      "types that do not join",
      "tensor 2 is int64 [1], tensor 1 is float32 [1] "
        + "(all sizes but that of the joined axis must agree)"
    ) { try Tensor.concatenated([ones(1), integers(1)]) },
    ErrorCase("tensors that do not stack", "tensor 2 is [3], tensor 1 is [2]") {
      try Tensor.stacked([ones(2), ones(3)])
    },
    ErrorCase(
      "item",
      "the tensor [2] has 2 elements, not one (reduce it first, or index one element)"
    ) { try ones(2).item() },
  ]

  static let products: [ErrorCase] = [
    ErrorCase(
      "inner sizes",
      "matmul: inner sizes differ: [2, 3] x [4, 5] has 3 and 4 (transpose one of them?)"
    ) { try ones(2, 3).matmul(ones(4, 5)) },
    ErrorCase(
      "a vector",
      "matmul: [3] x [3, 2]: two axes are needed (reshape a vector to [1, n] or [n, 1])"
    ) { try ones(3).matmul(ones(3, 2)) },
    ErrorCase(
      "a transposed vector",
      "matmul: [2, 3] x [3]: two axes are needed (reshape a vector to [1, n] or [n, 1])"
    ) { try ones(2, 3).matmul(ones(3), transposeB: true) },
    ErrorCase(
      "two types",
      "matmul: operands are float32 and float64 (both must be float32 or both float64)"
    ) { try ones(1, 1).matmul(Tensor.ones([1, 1], .float64)) },
    ErrorCase(
      "batches",
      "shapes [2] and [3] do not broadcast (sizes must agree from the last axis on, or be 1)"
    ) { try ones(2, 1, 1).matmul(ones(3, 1, 1)) },
    ErrorCase(
      "linear",
      "linear: input [2, 3], weight [4, 5] and bias none do not fit "
        + "(weight is [out, in], input […, in])"
    ) { try Tensor.linear(ones(2, 3), weight: ones(4, 5)) },
    ErrorCase(
      "linear, bias",
      "linear: input [2, 3], weight [4, 3] and bias [3] do not fit "
        + "(weight is [out, in], input […, in])"
    ) { try Tensor.linear(ones(2, 3), weight: ones(4, 3), bias: ones(3)) },
    ErrorCase("linear, type of the bias", "linear: the input is float32, the bias float64") {
      try Tensor.linear(ones(1, 1), weight: ones(1, 1), bias: Tensor.ones([1], .float64))
    },
    ErrorCase(
      "attention",
      "attention: [1, 2, 7] does not hold 2 heads of queries, keys and values "
        + "(the shape is [N, T, 3 * width], heads divide the width)"
    ) { try Tensor.attention(ones(1, 2, 7), heads: 2) },
    ErrorCase(
      "attention without heads",
      "attention: [1, 2, 6] does not hold 0 heads of queries, keys and values "
        + "(the shape is [N, T, 3 * width], heads divide the width)"
    ) { try Tensor.attention(ones(1, 2, 6), heads: 0) },
    ErrorCase("layer norm", "input [2, 3], weight [2] and bias [3] do not fit") {
      try Tensor.layerNorm(ones(2, 3), weight: ones(2), bias: ones(3))
    },
    ErrorCase("layer norm, types", "input, weight and bias must share one floating-point type") {
      try Tensor.layerNorm(ones(2, 3), weight: ones(3), bias: Tensor.ones([3], .float64))
    },
    ErrorCase(
      "patches",
      "images [2, 3, 4] do not give patches of 2 pixels (images are [N, C, H, W])"
    ) { try Tensor.patches(of: ones(2, 3, 4), size: 2, factor: [], offset: []) },
    ErrorCase(
      "patches of an absurd size",
      "images [1, 1, 1, 1] do not give patches of 4611686018427387904 pixels "
        + "(images are [N, C, H, W])"
    ) { try Tensor.patches(of: ones(1, 1, 1, 1), size: 1 << 62, factor: [1], offset: [0]) },
  ]

  static let values: [ErrorCase] = [
    ErrorCase("index type", "indices are float32, int64 is needed") {
      try ones(2).indexSelected(0, ones(1))
    },
    ErrorCase("index range", "index 2 at position 1 lies outside 0 ..< 2") {
      try ones(2).indexSelected(0, integers(0, 2))
    },
    ErrorCase("index below zero", "index -1 at position 0 lies outside 0 ..< 2") {
      try ones(2).indexSelected(0, integers(-1))
    },
    ErrorCase("index shape", "indices have shape [1, 1], one axis is needed") {
      try ones(2).indexSelected(0, integers(0).reshaped([1, 1]))
    },
    ErrorCase("gather", "indices have shape [3, 1], which differs from [2, 3] beyond axis 1") {
      try ones(2, 3).gathered(1, Tensor.zeros([3, 1], .int64))
    },
    ErrorCase("gather, rank", "indices have shape [2], which differs from [2, 3] beyond axis 1") {
      try ones(2, 3).gathered(1, integers(0, 0))
    },
    ErrorCase("embedding", "the table has shape [3], two axes are needed") {
      try Tensor.embedding(ones(3), ids: integers(0))
    },
    ErrorCase(
      "labels' shape",
      "logits [2, 3] and labels [3] do not fit (logits are [N, C], labels [N])"
    ) { try Tensor.crossEntropy(logits: ones(2, 3), labels: integers(0, 0, 0)) },
    ErrorCase("labels' type", "labels are float32, int64 is needed") {
      try Tensor.crossEntropy(logits: ones(2, 3), labels: ones(2))
    },
    ErrorCase("labels' range", "label 3 of row 1 lies outside 0 ..< 3") {
      try Tensor.crossEntropy(logits: ones(2, 3), labels: integers(0, 3))
    },
    ErrorCase("logits' type", "int64 tensors are not supported here" + convert) {
      try Tensor.crossEntropy(logits: integers(1).reshaped([1, 1]), labels: integers(0))
    },
    ErrorCase("top k", "k is 4, the axis has 3 entries") { try ones(3).topK(4) },
    ErrorCase("top k below zero", "k is -1, the axis has 3 entries") { try ones(3).topK(-1) },
    ErrorCase("argmax of nothing", "the tensor is empty") { try ones(0).argmax() },
    ErrorCase("max of nothing", "the tensor is empty") { try ones(0, 2).max() },
    ErrorCase("argmax of an empty axis", "axis 1 of [2, 0] is empty") {
      try ones(2, 0).argmax(axis: 1)
    },
    ErrorCase("log-sum-exp of nothing", "[2, 0] has no entries to compare") {
      try ones(2, 0).logSumExp(axes: [1])
    },
    ErrorCase("a fraction as int64", "1.5 is not an integer, the tensor is int64") {
      try Tensor.full([1], 1.5, .int64)
    },
    ErrorCase("NaN as int64", "nan is not an integer, the tensor is int64") {
      try Tensor.full([1], .nan, .int64)
    },
    ErrorCase("changing a view in place", "a strided view cannot be changed in place here") {
      try ones(2, 3).transposed().withMutableFloats { $0[0] = 1 }
    },
  ]

  private static let floatingPointOnly: [(String, @Sendable (Tensor) throws -> Any)] = [
    ("exp", { try $0.exp() }), ("gelu", { try $0.gelu() }), ("clamp", { try $0.clamped(0, 1) }),
    ("norm", { try $0.norm() }), ("softmax", { try $0.softmax() }),
    ("log-softmax", { try $0.logSoftmax() }), ("normalize", { try $0.normalized() }),
    ("log-sum-exp", { try $0.logSumExp() }),
    ("reading as floats", { try $0.withFloats { $0.count } }),
    ("writing floats", { try $0.withMutableFloats { $0.count } }),
  ]

  static let types: [ErrorCase] = floatingPointOnly.map { id, run in
    ErrorCase("\(id) of int64", "int64 tensors are not supported here" + convert) {
      try run(integers(1, 2))
    }
  }

  @Test(
    "the text says what is wrong, with the values", arguments: shapes + products + values + types)
  func text(_ row: ErrorCase) throws {
    #expect {
      try row.run()
    } throws: {
      "\($0)" == row.text
    }
  }

  @Test("int64 arithmetic wraps, and mixes with fractions as float32")
  func int64() throws {
    let x = try integers(1, 0, .max)
    #expect(try (-x).integers() == [-1, 0, -.max])
    #expect(try (x + integers(1)).integers() == [2, 1, .min])
    #expect(try (x * integers(2)).integers() == [2, 0, -2])
    #expect(try (integers(.min) - integers(1)).integers() == [.max])
    #expect(try (integers(.min)).abs().integers() == [.min])
    #expect(try (integers(7, -7) / integers(2)).floats() == [3.5, -3.5])
    #expect(try (integers(3) + 0.5).floats() == [3.5])
    #expect(try (integers(3) + 1).dtype == .int64)
    #expect(try integers(3, 4).sum().dtype == .int64)
    #expect(try integers(3, 4).mean().item() == 3.5)
    #expect(try integers(2).pow(3).item() == 8)
  }
}
