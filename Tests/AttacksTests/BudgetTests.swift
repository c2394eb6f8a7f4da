import Diagnostics
import Tensors
import Testing

@testable import Attacks

/// I3, I4, B01, B06, B08 to B10: budgets as they are written, and the ball itself.
@Suite struct BudgetTests {
  static let texts: [(text: String, expected: String)] = [
    ("8/255", "0.03137254901960784"),
    (" 1 / 255 ", "0.00392156862745098"),
    ("0.5", "0.5"),
    ("0", "0.0"),
    ("1", "1.0"),
    ("8", "eps is 8, outside 0 … 1 (for 8 of 255 levels write eps = \"8/255\")"),
    (
      "8/0",
      "eps is \"8/0\", which is no budget (write a number such as 0.03, or a fraction such "
        + "as \"8/255\")"
    ),
    (
      "eight",
      "eps is \"eight\", which is no budget (write a number such as 0.03, or a fraction "
        + "such as \"8/255\")"
    ),
    (
      "",
      "eps is \"\", which is no budget (write a number such as 0.03, or a fraction such as "
        + "\"8/255\")"
    ),
    (
      "1/2/3",
      "eps is \"1/2/3\", which is no budget (write a number such as 0.03, or a fraction "
        + "such as \"8/255\")"
    ),
    ("-0.1", "eps is -0.1, outside 0 … 1 (budgets are in pixel units of 0 … 1)"),
    ("nan", "eps is nan, outside 0 … 1 (budgets are in pixel units of 0 … 1)"),
    ("inf", "eps is inf, outside 0 … 1 (budgets are in pixel units of 0 … 1)"),
    ("300", "eps is 300, outside 0 … 1 (budgets are in pixel units of 0 … 1)"),
    ("1.5", "eps is 1.5, outside 0 … 1 (budgets are in pixel units of 0 … 1)"),
  ]

  @Test("I3: budgets from text", arguments: texts)
  func text(_ row: (text: String, expected: String)) {
    var value = ""
    let error = message { value = "\(try Budget.parse(row.text))" }
    #expect((value.isEmpty ? error : value) == row.expected)
  }

  @Test("I3: L2 may exceed 1, and says what it is")
  func longL2() throws {
    #expect(try Budget.parse("3", norm: .l2) == 3)
    #expect(try Budget(.l2, 3).description == "l2 3")
    #expect(try Budget(.linf, 8.0 / 255).description == "linf 8/255")
    #expect(message { _ = try Budget(.l2, -1) }.contains("outside 0 and above"))
  }

  @Test("B52: an unknown norm is an error")
  func unknownNorm() {
    #expect(
      message { _ = try Norm.named("Linfinity") }
        == "unknown norm 'Linfinity' (norms are \"linf\", \"l2\" and \"l1\")")
    #expect(message { _ = try Norm.named("L2") } == "no error")
  }

  /// Pixels that make float32 arithmetic fail: random, on the 8-bit lattice, at the ends, subnormal.
  static func hardPixels(_ count: Int, seed: UInt64) -> [Float] {
    var stream = RandomSource(seed: seed).stream(.probe)
    return (0..<count).map { index in
      switch index % 8 {
      case 0: return Float(stream.integer(below: 256)) / 255
      case 1: return index % 16 == 1 ? 0 : 1
      case 2: return Float.leastNonzeroMagnitude * Float(1 + stream.integer(below: 1000))
      case 3: return 1 - Float.ulpOfOne * Float(stream.integer(below: 8))
      default: return Float(stream.uniform())
      }
    }
  }

  static let budgets = [1.0 / 255, 8.0 / 255, 0.031, 0.3, 1e-3, 1e-9, 1.0, 0.1]

  @Test("I1: the bounds themselves hold exactly, and are the widest", arguments: budgets)
  func bounds(_ epsilon: Double) throws {
    let pixels = Self.hardPixels(4096, seed: 3)
    let clean = try Tensor(pixels, shape: [1, 1, 64, 64])
    let ball = try Ball(clean, Budget(.linf, epsilon))
    let (lower, upper) = (try ball.lower.floats(), try ball.upper.floats())
    for (index, x) in pixels.enumerated() {
      let (low, high) = (lower[index], upper[index])
      #expect(low >= 0 && low <= x && x <= high && high <= 1)
      #expect(Double(high) - Double(x) <= epsilon && Double(x) - Double(low) <= epsilon)
      #expect(high == 1 || Double(high.nextUp) - Double(x) > epsilon)
      #expect(low == 0 || Double(x) - Double(low.nextDown) > epsilon)
    }
  }

  @Test("I1: plain float32 clamping, the control, does exceed the budget")
  func plainClampFails() {
    let pixels = Self.hardPixels(4096, seed: 3)
    let epsilon = 8.0 / 255
    let outside = pixels.filter { x in
      let moved = min(max(x + 1, x - Float(epsilon)), x + Float(epsilon))
      return abs(Double(moved) - Double(x)) > epsilon
    }
    #expect(outside.count > 100)
  }

  @Test("I4: projection is idempotent and meets ball and box", arguments: Norm.allCases)
  func projection(_ norm: Norm) throws {
    for (round, epsilon) in [1e-7, 1e-4, 1.0 / 255, 0.3, 1].enumerated() {
      for dtype in [DType.float32, .float64] {
        let clean = try Tensor(Self.hardPixels(240, seed: 9), shape: [4, 3, 4, 5])
          .converted(to: dtype)
        let ball = try Ball(clean, Budget(norm, epsilon))
        var stream = RandomSource(seed: UInt64(round)).stream(.probe)
        for size in [0.5 * epsilon, epsilon, 3 * epsilon, 100] {
          let noise = try Tensor.randomNormal(clean.shape, stream: &stream, dtype: dtype)
          let once = try ball.projected(clean + noise * size)
          let twice = try ball.projected(once)
          #expect(try bits(once) == bits(twice), "eps \(epsilon), size \(size)")
          let limit = epsilon
          let distances = try Distances(from: clean, to: once)[norm]
          #expect(distances.allSatisfy { $0 <= limit }, "\(distances) for eps \(epsilon)")
          #expect(try once.doubles().allSatisfy { $0 >= 0 && $0 <= 1 })
        }
      }
    }
  }

  @Test("B08: L2 and L1 starts are uniform in the ball", arguments: [Norm.l2, .l1])
  func uniformInBall(_ norm: Norm) throws {
    let (count, pixels, epsilon) = (10_000, 12, 0.25)
    let clean = try Tensor.full([count, 3, 2, 2], 0.5)
    let source = RandomSource(seed: 11)
    let streams = (0..<count).map { source.stream(.attackStart, sample: UInt64($0)) }
    let start = try Ball(clean, Budget(norm, epsilon)).randomPoints(streams)
    // (r / eps)^d is uniform for a uniform point; the Kolmogorov-Smirnov bound is that of p = 0.001.
    func gap(_ power: Double) throws -> Double {
      let radii = try Distances(from: clean, to: start)[norm]
      var ranks = [Double]()
      for radius in radii {
        var value = 1.0
        for _ in 0..<Int(power) { value *= radius / epsilon }
        ranks.append(value)
      }
      ranks.sort()
      return ranks.enumerated().map { index, value in
        max(
          abs(value - Double(index) / Double(count)), abs(value - Double(index + 1) / Double(count))
        )
      }.max() ?? 1
    }
    #expect(try gap(Double(pixels)) < 1.95 / Double(count).squareRoot())
    #expect(try gap(1) > 0.5)  // the control: a radius uniform in 0 … eps would pass this one
  }

  @Test(
    "B09, B10: starts have mean zero and differ from pixel to pixel", arguments: Norm.allCases)
  func centredStart(_ norm: Norm) throws {
    let clean = try Tensor.full([500, 3, 4, 4], 0.5)
    let source = RandomSource(seed: 2)
    let streams = (0..<500).map { source.stream(.attackStart, sample: UInt64($0)) }
    let start = try Ball(clean, Budget(norm, 0.1)).randomPoints(streams)
    let change = try (start - clean).doubles()
    let mean = change.reduce(0, +) / Double(change.count)
    let spread = (change.reduce(0) { $0 + $1 * $1 } / Double(change.count)).squareRoot()
    #expect(abs(mean) < 5 * spread / Double(change.count).squareRoot())
    #expect(Set(change.prefix(48)).count == 48)
    if norm == .linf { #expect(abs(spread - 0.1 / 3.0.squareRoot()) < 0.002) }
  }

  @Test(
    "I1, I4: a ball so small that rounding to float32 leaves it", arguments: [Norm.l2, .l1],
    [1e-6, 1e-5, 1e-4])
  func tinyBall(_ norm: Norm, _ epsilon: Double) throws {
    let clean = try Tensor(Self.hardPixels(3072, seed: 5), shape: [4, 3, 16, 16])
    let ball = try Ball(clean, Budget(norm, epsilon))
    var stream = RandomSource(seed: 8).stream(.probe)
    for _ in 0..<20 {
      let noise = try Tensor.randomNormal(clean.shape, stream: &stream)
      let once = try ball.projected(clean + noise)
      #expect(try bits(once) == bits(ball.projected(once)))
      #expect(try Distances(from: clean, to: once)[norm].allSatisfy { $0 <= epsilon })
      let stepped = try ball.stepped(clean, along: noise, by: epsilon)
      #expect(
        try Distances(from: clean, to: stepped)[norm].allSatisfy { $0 <= epsilon })
    }
  }

  @Test("8-bit levels stay within the budget", arguments: Norm.allCases)
  func levels(_ norm: Norm) throws {
    var stream = RandomSource(seed: 4).stream(.probe)
    let pixels = (0..<192).map { _ in Float(stream.integer(below: 256)) / 255 }
    let clean = try Tensor(pixels, shape: [4, 3, 4, 4])
    for levels in [0.3, 1, 2, 8.0] {
      let budget = try Budget(norm, levels / 255)
      let ball = try Ball(clean, budget)
      let noise = try Tensor.randomNormal(clean.shape, stream: &stream)
      let point = try ball.projected(clean + noise * 0.05)
      let rounded = try ball.onEightBitLevels(point)
      for value in try rounded.floats() {
        #expect(Float((value * 255).rounded()) / 255 == value)
      }
      if norm == .linf {
        let (wanted, found) = (try point.floats(), try rounded.floats())
        let (lower, upper) = (try ball.lower.floats(), try ball.upper.floats())
        for (index, value) in found.enumerated() {
          for level in [(value * 255).rounded() - 1, (value * 255).rounded() + 1] {
            let isAllowed = level / 255 >= lower[index] && level / 255 <= upper[index]
            let isNearer = abs(level / 255 - wanted[index]) < abs(value - wanted[index]) - 1e-6
            #expect(!(isAllowed && isNearer))
          }
        }
      }
      let worst = try Distances(from: clean, to: rounded)[norm].max() ?? 1
      #expect(worst <= budget.epsilon)
    }
    let between = try Ball(Tensor.full([1, 1, 1, 2], 0.5), Budget(.linf, 1e-4))
    #expect(
      message { _ = try between.onEightBitLevels(between.clean) }
        == "no 8-bit level lies within linf 0.0001 of a pixel of 0.5 (lattice = 8 needs images on "
        + "8-bit levels, or a larger eps)")
    let off = try Ball(Tensor.full([1, 1, 1, 2], 0.5), Budget(.l1, 1))
    #expect(
      message { _ = try off.onEightBitLevels(off.clean) }
        == "a pixel of 0.5 is on no 8-bit level (in l1 lattice = 8 needs images on levels: "
        + "round(images * 255) / 255)")
  }

  @Test("a sparse sign is sign(g) / k at the k largest entries that may move")
  func sparseSign() throws {
    for dtype in [DType.float32, .float64] {
      let clean = try Tensor.full([3, 1, 1, 4], 0.5, dtype)
      let ball = try Ball(clean, Budget(.l1, 1))
      let gradient = try Tensor(
        [3.0, -4, 2, 0.5, -1, 1, 8, -9, 1, 2, 3, 4], shape: [3, 1, 1, 4]
      ).converted(to: dtype)
      let signs = try ball.sparseSign(gradient, at: clean, counts: [2, 1, 4])
      #expect(
        try signs.doubles()
          == [0.5, -0.5, 0, 0, 0, 0, 0, -1, 0.25, 0.25, 0.25, 0.25])
    }
  }

  @Test("the step when none is given: 2.5 eps / steps, in L∞ at least 1/255")
  func defaultStep() throws {
    let rows: [(norm: Norm, epsilon: Double, steps: Int, step: Double)] = [
      (.linf, 1.0 / 255, 20, 1.0 / 255), (.linf, 8.0 / 255, 100, 1.0 / 255),
      (.linf, 8.0 / 255, 10, 2.0 / 255), (.linf, 8.0 / 255, 0, 20.0 / 255), (.l2, 1, 10, 0.25),
      (.l2, 0.01, 10, 0.0025), (.l1, 12, 3, 10),
    ]
    for row in rows {
      let step = try Budget(row.norm, row.epsilon).defaultStep(row.steps)
      #expect(abs(step - row.step) < 1e-15, "\(row)")
    }
  }
}
