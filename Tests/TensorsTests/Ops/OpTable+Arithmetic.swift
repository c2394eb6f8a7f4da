import Glibc
import Tensors

extension OpTable {
  /// Equal shapes first; then broadcasts both ways, scalars, sizes of one, empty shapes.
  static let pairs: [[[Int]]] = [
    [[3, 4], [4]], [[4], [3, 4]], [[3, 4], [3, 1]], [[3, 1], [3, 4]], [[3, 4], []], [[], [3, 4]],
    [[3, 1], [1, 4]], [[1], [1]], [[], []], [[2, 1, 3], [4, 1]], [[4, 1], [2, 1, 3]],
    [[2, 3, 4], [3, 1]], [[2, 3, 4], [2, 1, 4]], [[0], [1]], [[1, 3], [0, 3]], [[2, 0], [2, 0]],
    [[1, 1, 2], [3, 2, 2]],
  ]

  private static func row(
    _ name: String, _ a: Input, _ b: Input,
    _ run: @escaping @Sendable (Tensor, Tensor) throws -> Tensor,
    _ expected: @escaping @Sendable (Double, Double) -> Double
  ) -> OpCase {
    OpCase(name, "two tensors", [a, b], { try run($0[0], $0[1]) }) {
      Reference.combine($0[0], $0[1], expected)
    }.with { $0.otherShapes = pairs }
  }

  private static func number(
    _ name: String, _ input: Input, _ detail: String,
    _ run: @escaping @Sendable (Tensor) throws -> Tensor,
    _ expected: @escaping @Sendable (Double) -> Double
  ) -> OpCase {
    OpCase(name, detail, [input], { try run($0[0]) }, expected: { $0[0].map(expected) }).with {
      $0.otherShapes = [[[]], [[0]]]
    }
  }

  private static let any = Input.any([3, 4])
  private static let positive = Input.positive([3, 4])
  private static let nonzero = Input.away(from: [0], [3, 4])

  /// Functions of two operands, and of one beside a number.
  static let arithmetic: [OpCase] = [
    row("+", any, any, { try $0 + $1 }) { $0 + $1 }.twice,
    row("-", any, any, { try $0 - $1 }) { $0 - $1 }.twice,
    row("*", any, any, { try $0 * $1 }) { $0 * $1 }.twice,
    row("/", any, positive, { try $0 / $1 }) { $0 / $1 },
    row("/", nonzero, nonzero, { try $0 / $1 }) { $0 / $1 }.detailed("signs").twice,
    row("pow", positive, any, { try $0.pow($1) }) { pow($0, $1) },
    row("pow", positive, positive, { try $0.pow($1) }) { pow($0, $1) }.detailed("itself").twice,
    row("remainder", any, positive, { try $0.remainder($1) }) {
      $0 - ($0 / $1).rounded(.down) * $1
    },
    row("floorDivided", any, positive, { try $0.floorDivided(by: $1) }) {
      ($0 / $1).rounded(.down)
    },
    row("minimum", .distinct([3, 4]), .distinct([3, 4]), { try $0.minimum($1) }) { min($0, $1) }
      .repeating,
    row("maximum", .distinct([3, 4]), .distinct([3, 4]), { try $0.maximum($1) }) { max($0, $1) }
      .repeating,
    number("+", any, "number", { try $0 + 1.25 }) { $0 + 1.25 },
    number("+", any, "to number", { try 1.25 + $0 }) { $0 + 1.25 },
    number("-", any, "number", { try $0 - 1.25 }) { $0 - 1.25 },
    number("-", any, "from number", { try 1.25 - $0 }) { 1.25 - $0 },
    number("*", any, "number", { try $0 * 1.25 }) { $0 * 1.25 },
    number("*", any, "of number", { try 1.25 * $0 }) { 1.25 * $0 },
    number("/", any, "number", { try $0 / 1.25 }) { $0 / 1.25 },
    number("/", nonzero, "number by", { try 1.25 / $0 }) { 1.25 / $0 },
    number("pow", any, "square", { try $0.pow(2) }) { $0 * $0 },
    number("pow", nonzero, "cube of negatives", { try $0.pow(3) }) { $0 * $0 * $0 },
    number("pow", nonzero, "inverse", { try $0.pow(-1) }) { 1 / $0 },
    number("pow", any, "zero", { try $0.pow(0) }) { _ in 1 },
    number("pow", positive, "root", { try $0.pow(0.5) }) { $0.squareRoot() },
    OpCase("select", "", [any, any]) {
      try Tensor.select(Tensor([1, 0, 0, 7] as [Int64], shape: [4]), $0[0], $0[1])
    } expected: { inputs in
      Reference.combine(
        Reference([4], [1, 0, 0, 1]), Reference.combine(inputs[0], inputs[1]) { a, _ in a }
      ) { flag, a in
        flag * a
      }.adding(
        Reference.combine(
          Reference([4], [0, 1, 1, 0]), Reference.combine(inputs[0], inputs[1]) { _, b in b }
        ) { flag, b in
          flag * b
        })
    }.with {
      $0.otherShapes = [[[3, 4], []], [[1], [4]], [[3, 1], [1, 4]], [[0, 4], [1, 4]]]
    },
  ]

  private static func compare(
    _ name: String, _ run: @escaping @Sendable (Tensor, Tensor) throws -> Tensor,
    _ expected: @escaping @Sendable (Double, Double) -> Bool
  ) -> OpCase {
    // Rounded to halves, so that equal values are common.
    OpCase(name, "", [any, any]) { inputs in
      try run(try (inputs[0] * 2.0).round() / 2.0, try (inputs[1] * 2.0).round() / 2.0)
    } expected: { inputs in
      func halves(_ x: Double) -> Double { (x * 2).rounded(.toNearestOrEven) / 2 }
      return Reference.combine(inputs[0], inputs[1]) { expected(halves($0), halves($1)) ? 1 : 0 }
    }.integers.with { $0.otherShapes = pairs }
  }

  /// Comparisons: 1 or 0 as int64.
  static let comparisons: [OpCase] = [
    compare("equal", { try $0.equal($1) }) { $0 == $1 },
    compare("less", { try $0.less($1) }) { $0 < $1 },
    compare("lessEqual", { try $0.lessEqual($1) }) { $0 <= $1 },
    compare("greater", { try $0.greater($1) }) { $0 > $1 },
    compare("greaterEqual", { try $0.greaterEqual($1) }) { $0 >= $1 },
  ]
}

extension OpCase {
  var twice: OpCase { with { $0.takesSameTwice = true } }
}

extension Reference {
  func adding(_ other: Reference) -> Reference { Reference.combine(self, other) { $0 + $1 } }
}
