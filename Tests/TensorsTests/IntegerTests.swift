import Diagnostics
import Tensors
import Testing

/// int64 beyond what float64 (2⁵³) and float32 (2²⁴) hold.
@Suite struct IntegerTests {
  static let big: Int64 = 9_007_199_254_740_993

  private func integers(_ values: Int64...) throws -> Tensor {
    try Tensor(values, shape: [values.count])
  }

  @Test func orderIsExact() throws {
    let t = try integers(Self.big + 1, Self.big - 1, Self.big, .min, .max)
    #expect(
      try t.sorted().values.integers() == [.min, Self.big - 1, Self.big, Self.big + 1, .max])
    #expect(try t.topK(3).indices.integers() == [4, 0, 2])
    #expect(try t.max().integers() == [.max] && t.min().integers() == [.min])
    #expect(try t.argmax().integers() == [4])
  }

  @Test func sumsAndPowersAreExact() throws {
    let t = try integers(Self.big, 2, -3)
    #expect(try t.cumulativeSum(axis: 0).integers() == [Self.big, Self.big + 2, Self.big - 1])
    #expect(try t.sum().integers() == [Self.big - 1])
    let table = try Tensor([1, 2, 3, 4, 5, 6] as [Int64], shape: [2, 3])
    #expect(try table.cumulativeSum(axis: 0).integers() == [1, 2, 3, 5, 7, 9])
    #expect(try table.cumulativeSum(axis: 1).integers() == [1, 3, 6, 4, 9, 15])
    #expect(try Tensor.zeros([0, 2], .int64).cumulativeSum(axis: 0).count == 0)
    #expect(
      try integers(3, -3, 2, 0).pow(integers(33, 33, 62, 0)).integers()
        == [5_559_060_566_555_523, -5_559_060_566_555_523, 1 << 62, 1])
    // 16777217 and its neighbours fall together in float32.
    let near = try integers(16_777_217, 16_777_219)
    #expect(try near.mean().item() == 16_777_218)
    #expect(try near.variance().item() == 2)
  }

  @Test func mixedComparisonsAreThoseOfFloat64() throws {
    let t = try integers(16_777_217)
    #expect(try t.equal(Tensor([16_777_216] as [Float], shape: [1])).integers() == [0])
    #expect(try Tensor([16_777_216] as [Float], shape: [1]).less(t).integers() == [1])
    #expect(try t.less(Tensor.scalar(16_777_216.5, .float64)).integers() == [0])
  }

  static let outside: [(Double, String)] = [
    (.nan, "nan"), (.infinity, "inf"), (-.infinity, "-inf"), (0x1p63, "9.223372036854776e+18"),
    (-0x1p64, "-1.8446744073709552e+19"),
  ]

  @Test(arguments: outside.indices) func whatInt64CannotHoldIsAnError(index: Int) throws {
    let (value, text) = Self.outside[index]
    for dtype in [DType.float32, .float64] {
      let t = try Tensor([1, value], shape: [2]).converted(to: dtype)
      let error = #expect(throws: KilpiError.self) { try t.converted(to: .int64) }
      #expect(error?.problem == "element 2 is \(text), which int64 cannot hold")
      let target = try Tensor.zeros([2], .int64)
      #expect(throws: KilpiError.self) { try target.assign(t) }
      #expect(try target.integers() == [0, 0])
    }
    #expect(
      try Tensor([-0x1p63, 1.9], shape: [2]).converted(to: .int64).integers() == [.min, 1])
  }

  @Test func aConditionIsZeroOrNot() throws {
    let condition = try Tensor([0.5, 0, .nan, -0.0, 1e30], shape: [5])
    let ones = try Tensor.ones([5])
    #expect(
      try Tensor.select(condition, ones, Tensor.zeros([5])).floats() == [1, 0, 1, 0, 1])
  }
}
