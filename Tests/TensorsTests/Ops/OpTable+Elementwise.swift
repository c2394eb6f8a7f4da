import Glibc
import Tensors

extension OpTable {
  private static func row(
    _ name: String, _ input: Input, _ run: @escaping @Sendable (Tensor) throws -> Tensor,
    _ expected: @escaping @Sendable (Double) -> Double
  ) -> OpCase {
    OpCase(name, "", [input], { try run($0[0]) }, expected: { $0[0].map(expected) }).with {
      // More than two tasks of the pool's grain, one element, none, and no axes.
      $0.otherShapes = [[[]], [[1]], [[0]], [[2, 0, 3]], [[1, 3, 1]], [[17]]]
    }
  }

  private static let shape = [3, 4]

  /// Functions of one operand, element by element.
  static let elementwise: [OpCase] = [
    row("-", .any(shape), { try -$0 }) { -$0 },
    row("abs", .away(from: [0], shape), { try $0.abs() }) { abs($0) },
    row("exp", .any(shape), { try $0.exp() }) { exp($0) },
    row("log", .positive(shape), { try $0.log() }) { log($0) },
    row("sqrt", .positive(shape), { try $0.sqrt() }) { $0.squareRoot() },
    row("rsqrt", .positive(shape), { try $0.rsqrt() }) { 1 / $0.squareRoot() },
    row("square", .any(shape), { try $0.square() }) { $0 * $0 },
    row("sin", .any(shape), { try $0.sin() }) { sin($0) },
    row("cos", .any(shape), { try $0.cos() }) { cos($0) },
    row("tanh", .any(shape), { try $0.tanh() }) { tanh($0) },
    row("sigmoid", .any(shape), { try $0.sigmoid() }, sigmoid),
    row("softplus", .any(shape), { try $0.softplus() }) { max($0, 0) + log1p(exp(-abs($0))) },
    row("relu", .away(from: [0], shape), { try $0.relu() }) { max($0, 0) },
    row("gelu", .any(shape), { try $0.gelu() }, gelu),
    row("tanhGELU", .any(shape), { try $0.tanhGELU() }, tanhGELU),
    row("quickGELU", .any(shape), { try $0.quickGELU() }) { $0 * sigmoid(1.702 * $0) },
    row("sign", .away(from: [0], shape), { try $0.sign() }) { $0 > 0 ? 1 : $0 < 0 ? -1 : 0 },
    row("floor", .away(from: [-1, 0, 1], shape), { try $0.floor() }) { $0.rounded(.down) },
    row("round", .away(from: [-1.5, -0.5, 0.5, 1.5], shape), { try $0.round() }) {
      $0.rounded(.toNearestOrEven)
    },
    row("clamped", .away(from: [-1, 0.5], shape), { try $0.clamped(-1, 0.5) }) {
      min(max($0, -1), 0.5)
    }.detailed("both bounds"),
    row("clamped", .away(from: [0.5], shape), { try $0.clamped(nil, 0.5) }) { min($0, 0.5) }
      .detailed("upper bound"),
    row("clamped", .away(from: [-1], shape), { try $0.clamped(-1, nil) }) { max($0, -1) }
      .detailed("lower bound"),
    row("cloned", .any(shape), { try $0.cloned() }) { $0 },
    row("contiguous", .any(shape), { try $0.contiguous() }) { $0 },
    OpCase("converted", "to float64", [.any(shape)]) {
      try $0[0].converted(to: .float64).converted(to: $0[0].dtype)
    } expected: {
      $0[0]
    },
    OpCase("converted", "to int64", [.any(shape)]) {
      try $0[0].converted(to: .int64)
    } expected: {
      $0[0].map { $0.rounded(.towardZero) }
    }.integers,
    // Long enough for several tasks of the pool, a wide range for the polynomials.
    row("exp", .wide(-80, 80, [100_003]), { try $0.exp() }) { exp($0) }.long,
    row("tanh", .wide(-10, 10, [100_003]), { try $0.tanh() }) { tanh($0) }.long,
    row("sigmoid", .wide(-80, 80, [100_003]), { try $0.sigmoid() }, sigmoid).long,
    row("softplus", .wide(-80, 80, [100_003]), { try $0.softplus() }) {
      max($0, 0) + log1p(exp(-abs($0)))
    }.long,
    row("gelu", .wide(-10, 10, [100_003]), { try $0.gelu() }, gelu).long,
    row("quickGELU", .wide(-40, 40, [100_003]), { try $0.quickGELU() }) {
      $0 * sigmoid(1.702 * $0)
    }.long,
  ]
}

extension Input {
  static func wide(_ low: Double, _ high: Double, _ shape: [Int]) -> Input {
    var input = Input(shape)
    (input.low, input.high) = (low, high)
    return input
  }
}

extension OpCase {
  func detailed(_ text: String) -> OpCase {
    var copy = OpCase(name, text, inputs, run, expected: expected)
    (copy.tolerance, copy.hasGradient) = (tolerance, hasGradient)
    (copy.givesIntegers, copy.otherShapes) = (givesIntegers, otherShapes)
    (copy.takesSameTwice, copy.valueShapes) = (takesSameTwice, valueShapes)
    copy.isFlatWhenRepeated = isFlatWhenRepeated
    return copy
  }

  /// Values only, over many elements and relative to each value.
  var long: OpCase {
    detailed("many elements").with {
      $0.hasGradient = false
      $0.otherShapes = []
    }
  }
}
