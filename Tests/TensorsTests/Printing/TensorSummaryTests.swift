import Tensors
import Testing

/// A tensor and the text that shows it.
struct SummaryCase: Sendable, CustomTestStringConvertible {
  let id: String
  let width: Int
  let text: String
  let tensor: @Sendable () throws -> Tensor
  var testDescription: String { id }

  init(
    _ id: String, width: Int = 40, _ tensor: @escaping @Sendable () throws -> Tensor,
    _ text: String
  ) {
    (self.id, self.width, self.text, self.tensor) = (id, width, text, tensor)
  }
}

private func counting(_ shape: [Int], scale: Double = 1) throws -> Tensor {
  let count = shape.reduce(1, *)
  return try Tensor((0..<count).map { Float(Double($0) * scale) }, shape: shape)
}

@Suite("texts of tensors")
struct TensorSummaryTests {
  static let blocks: [SummaryCase] = [
    SummaryCase(
      "a matrix of integers", { try counting([2, 3]) },
      """
      0  1  2
      3  4  5
      float32 [2, 3]
      """),
    SummaryCase(
      "fractions", { try Tensor([0.5, -10.25, 1e-6, 3] as [Double], shape: [2, 2]) },
      """
        0.5000  -10.2500
        0.0000    3.0000
      float64 [2, 2]
      """),
    SummaryCase(
      "small numbers", { try counting([2, 2], scale: 1.0 / 1024) },
      """
      1e-3 *
      0.0000  0.9766
      1.9531  2.9297
      float32 [2, 2]
      """),
    SummaryCase(
      "large numbers", { try Tensor([1.5e10, -2] as [Float], shape: [2]) },
      """
      1e10 *
       1.5000  -0.0000
      float32 [2]
      """),
    SummaryCase(
      "not finite",
      {
        try Tensor([.nan, .infinity, -.infinity, 1] as [Float], shape: [2, 2])
      },
      """
       nan   inf
      -inf     1
      float32 [2, 2]
      """),
    SummaryCase(
      "nothing but NaN", { try Tensor([.nan] as [Float], shape: [1]) },
      """
      nan
      float32 [1]
      """),
    SummaryCase("a scalar", { try Tensor.scalar(2.5) }, "2.5000\nfloat32 []"),
    SummaryCase("nothing", { try Tensor.zeros([0, 3]) }, "float32 [0, 3]"),
    SummaryCase(
      "large integers",
      {
        try Tensor([.max, .min, 0] as [Int64], shape: [3, 1])
      },
      """
       9223372036854775807
      -9223372036854775808
                         0
      int64 [3, 1]
      """),
    SummaryCase(
      "a vector wraps", width: 24, { try counting([14]) },
      """
       0   1   2   3   4   5
       6   7   8   9  10  11
      12  13
      float32 [14]
      """),
    SummaryCase(
      "a wide matrix is cut in the middle", width: 24, { try counting([2, 30]) },
      """
       0   1   2  ...  28  29
      30  31  32  ...  58  59
      float32 [2, 30]
      """),
    SummaryCase(
      "slices", { try counting([2, 1, 2]) },
      """
      (1, :, :)
      0  1
      (2, :, :)
      2  3
      float32 [2, 1, 2]
      """),
    SummaryCase(
      "slices of four axes", { try counting([1, 2, 1, 1]) },
      """
      (1, 1, :, :)
      0
      (1, 2, :, :)
      1
      float32 [1, 2, 1, 1]
      """),
    SummaryCase(
      "a view", { try counting([2, 3]).transposed() },
      """
      0  3
      1  4
      2  5
      float32 [3, 2], view
      """),
    SummaryCase(
      "a tensor that records gradients",
      {
        try Tensor.ones([1, 2]).setRequiresGradient(true)
      },
      """
      1  1
      float32 [1, 2], requires_grad
      """),
    SummaryCase(
      "corners of a large matrix", { try counting([100, 100]) },
      """
         0     1     2  ...    97    98    99
       100   101   102  ...   197   198   199
       200   201   202  ...   297   298   299
      ...
      9700  9701  9702  ...  9797  9798  9799
      9800  9801  9802  ...  9897  9898  9899
      9900  9901  9902  ...  9997  9998  9999
      min 0  max 9999  mean 5000  std 2887
      float32 [100, 100]
      """),
    SummaryCase(
      "corners of a large vector", { try counting([1001]) },
      """
         0     1     2  ...   998   999  1000
      min 0  max 1000  mean 500  std 289.1
      float32 [1001]
      """),
    SummaryCase(
      "corners of many slices", { try counting([50, 7, 3]) },
      """
      (1, :, :)
         0     1     2
         3     4     5
         6     7     8
         9    10    11
        12    13    14
        15    16    17
        18    19    20
      ...
      (50, :, :)
      1029  1030  1031
      1032  1033  1034
      1035  1036  1037
      1038  1039  1040
      1041  1042  1043
      1044  1045  1046
      1047  1048  1049
      min 0  max 1049  mean 524.5  std 303.3
      float32 [50, 7, 3]
      """),
    SummaryCase(
      "counts of what is not finite",
      {
        var values = [Float](repeating: 1, count: 2000)
        (values[3], values[4], values[1999]) = (.nan, -.infinity, .nan)
        return try Tensor(values, shape: [2000])
      },
      """
        1    1    1  ...    1    1  nan
      min -inf  max 1  mean 1  std 0  nan 2  inf 1
      float32 [2000]
      """),
    SummaryCase(
      "statistics of a flipped view", { try counting([40, 50]).flipped([0, 1]) },
      """
      1999  1998  1997  ...  1952  1951  1950
      1949  1948  1947  ...  1902  1901  1900
      1899  1898  1897  ...  1852  1851  1850
      ...
       149   148   147  ...   102   101   100
        99    98    97  ...    52    51    50
        49    48    47  ...     2     1     0
      min 0  max 1999  mean 999.5  std 577.5
      float32 [40, 50], view
      """),
    SummaryCase(
      "the spread of large numbers close together",
      {
        try Tensor((0..<2000).map { 1e9 + Double($0 % 2) }, shape: [2, 1000])
      },
      """
      1e9 *
      1.0000  1.0000  ...  1.0000  1.0000
      1.0000  1.0000  ...  1.0000  1.0000
      min 1e+09  max 1e+09  mean 1e+09  std 0.5001
      float64 [2, 1000]
      """),
  ]

  @Test("the block form", arguments: blocks)
  func block(_ row: SummaryCase) throws {
    let text = try TensorSummary.describe(row.tensor(), width: row.width)
    #expect(text == row.text)
  }

  static let lines: [SummaryCase] = [
    SummaryCase("values", { try counting([2, 3]) }, "tensor float32 [2, 3]: 0, 1, 2, 3, 4, 5"),
    SummaryCase(
      "fractions in their own precision",
      {
        try Tensor([0.1, 1e20, -2] as [Float], shape: [3])
      }, "tensor float32 [3]: 0.1, 1e+20, -2"),
    SummaryCase(
      "doubles", { try Tensor([0.1] as [Double], shape: [1]) }, "tensor float64 [1]: 0.1"),
    SummaryCase("nine values", { try counting([9]) }, "tensor float32 [9]"),
    SummaryCase("a scalar", { try Tensor.scalar(3, .int64) }, "tensor int64 []: 3"),
    SummaryCase("nothing", { try Tensor.zeros([2, 0]) }, "tensor float32 [2, 0]"),
    SummaryCase(
      "a recording view",
      {
        try counting([2, 2]).setRequiresGradient(true).transposed()
      }, "tensor float32 [2, 2]: 0, 2, 1, 3, view, requires_grad"),
  ]

  @Test("one line", arguments: lines)
  func line(_ row: SummaryCase) throws {
    let text = try TensorSummary.oneLine(row.tensor())
    #expect(text == row.text)
  }

  @Test("no line is wider than asked", arguments: [24, 33, 80])
  func width(_ width: Int) throws {
    var stream = RandomSource(seed: 9).stream(.script)
    for shape in [[200], [7, 100], [3, 5, 60], [40, 40], [1000], [2000]] {
      let tensor = try Tensor.randomNormal(shape, stream: &stream)
      for line in try TensorSummary.describe(tensor, width: width).split(separator: "\n")
      where !line.hasPrefix("min") && !line.hasPrefix("float") {
        #expect(line.count <= width, "\(shape)")
      }
    }
  }
}
