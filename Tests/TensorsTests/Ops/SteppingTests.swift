import Diagnostics
import Glibc
import TestSupport
import Tensors
import Testing

@Suite("steps in place")
struct SteppingTests {
  @Test(
    "B57: AdamW's step is its formula, the decay decoupled", arguments: [DType.float64, .float32])
  func adamW(_ dtype: DType) throws {
    var stream = RandomSource(seed: 31).stream(.script)
    let count = 40_001  // more than two tasks of the pool
    func random() throws -> Tensor {
      try Tensor.random([count], stream: &stream, dtype: dtype)
    }
    let (w, g, m, v) = (try random(), try random(), try random(), try random())
    let before = try [w, g, m, v].map { try $0.doubles() }
    let version = w.version
    try w.adamWStep(
      gradient: g, scale: 0.3, first: m, second: v, learningRate: 0.1, betas: (0.9, 0.98),
      epsilon: 1e-3, weightDecay: 0.2, corrections: (10, 50))
    #expect(w.version > version)
    var expected: [[Double]] = [[], [], []]
    for index in 0..<count {
      let gradient = 0.3 * before[1][index]
      let first = 0.9 * before[2][index] + 0.1 * gradient
      let second = 0.98 * before[3][index] + 0.02 * gradient * gradient
      let direction = first * 10 / ((second * 50).squareRoot() + 1e-3)
      expected[0].append(before[0][index] - 0.1 * (0.2 * before[0][index] + direction))
      expected[1].append(first)
      expected[2].append(second)
    }
    let tolerance = dtype == .float64 ? 1e-12 : 2e-6
    for (found, values) in zip([w, m, v], expected) {
      let problem = mismatch(try found.doubles(), values, rtol: tolerance, atol: tolerance)
      #expect(problem == nil)
    }
  }

  @Test("AdamW's step refuses what does not fit")
  func adamWErrors() throws {
    let x = try Tensor.ones([2, 3])
    for other in [try Tensor.ones([3, 2]), try Tensor.ones([2, 3], .float64)] {
      #expect {
        try x.adamWStep(
          gradient: other, first: x.cloned(), second: x.cloned(), learningRate: 1, betas: (0, 0),
          epsilon: 1, weightDecay: 0, corrections: (1, 1))
      } throws: {
        "\($0)" == "gradient and moments do not fit the weight"
      }
    }
  }

  @Test("a sign step ends within its bounds, exactly", arguments: [DType.float64, .float32])
  func signStep(_ dtype: DType) throws {
    func tensor(_ values: [Double]) throws -> Tensor {
      try Tensor(values, shape: [values.count]).converted(to: dtype)
    }
    let x = try tensor([0.5, 0.5, 0.5, 0.98, 0.01, 0.5])
    let g = try tensor([3, -1e-30, 0, 1, -1, .nan])
    let (low, high) = (try x - 0.25, try x + 0.25)
    let result = try x.signStepped(
      along: g, by: 0.125, lower: low.maximum(Tensor.scalar(0, dtype)),
      upper: high.minimum(Tensor.scalar(1, dtype)))
    #expect(try result.doubles() == [0.625, 0.375, 0.5, 1, 0, 0.5])
    #expect(try x.doubles()[0] == 0.5, "the start is left alone")
    #expect {
      try x.signStepped(along: g.reshaped([2, 3]), by: 1, lower: low, upper: high)
    } throws: {
      "\($0)" == "a step needs \(dtype.rawValue) [6], got \(dtype.rawValue) [2, 3]"
    }
  }

  static let notFinite: [(values: [Double], index: Int?)] = [
    ([], nil), ([1, -2], nil), ([.nan], 0), ([0, .infinity, .nan], 1), ([1, -.infinity], 1),
    ([Double](repeating: 1e300, count: 5000), nil),
    ([Double](repeating: 0, count: 3000) + [.nan], 3000),
  ]

  @Test("the first value that is not finite", arguments: notFinite.indices)
  func firstNotFinite(_ row: Int) throws {
    let (values, index) = Self.notFinite[row]
    let tensor = try Tensor(values, shape: [values.count])
    #expect(try tensor.firstNotFinite() == index)
    if values.allSatisfy({ abs($0) < 1e30 || !$0.isFinite }) {
      #expect(try tensor.converted(to: .float32).firstNotFinite() == index)
    }
    #expect(try tensor.flipped([0]).flipped([0]).firstNotFinite() == index)
  }
}
