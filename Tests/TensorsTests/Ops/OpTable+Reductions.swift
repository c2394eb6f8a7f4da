import Glibc
import Tensors

extension OpTable {
  private typealias Fold = @Sendable ([Double]) -> Double
  private typealias Run = @Sendable (Tensor, _ axes: [Int]?, _ keep: Bool) throws -> Tensor

  /// Over all, the last, the first, the middle, neighbours, and axes apart.
  private static let choices: [(axes: [Int]?, keep: Bool)] = [
    (nil, false), ([-1], false), ([0], true), ([1], false), ([0, 1], false), ([1, 2], true),
    ([0, 2], false), ([2, 0], true), ([], false), (nil, true),
  ]

  private static func rows(
    _ name: String, _ input: Input, shapes: [[Int]] = [[2, 1, 3], [1, 1, 1]], run: @escaping Run,
    _ fold: @escaping Fold
  ) -> [OpCase] {
    choices.map { axes, keep in
      OpCase(name, "axes \(axes.map { "\($0)" } ?? "all")\(keep ? ", kept" : "")", [input]) {
        try run($0[0], axes, keep)
      } expected: {
        $0[0].fold((axes ?? [0, 1, 2]).map { $0 < 0 ? $0 + 3 : $0 }, keep: keep, fold)
      }.with { $0.otherShapes = shapes.map { [$0] } }
    }
  }

  private static let shape = [3, 4, 5]

  /// Folds over axes.
  static let reductions: [OpCase] =
    rows("sum", .any(shape), shapes: [[2, 0, 3], [0, 1, 1], [2, 1, 3]]) {
      try $0.sum(axes: $1, keepDimensions: $2)
    } _: {
      $0.reduce(0, +)
    }
    + rows("mean", .any(shape)) {
      try $0.mean(axes: $1, keepDimensions: $2)
    } _: {
      $0.reduce(0, +) / Double($0.count)
    }
    + rows("variance", .any([3, 2, 2]), shapes: [[2, 2, 3]]) {
      try $0.variance(axes: $1, keepDimensions: $2, correction: 0)
    } _: {
      TensorsTests.variance($0, correction: 0)
    }
    + rows("norm", .away(from: [0], [3, 2, 2])) {
      try $0.norm(axes: $1, keepDimensions: $2)
    } _: {
      $0.map { $0 * $0 }.reduce(0, +).squareRoot()
    }
    + rows("logSumExp", .any(shape)) {
      try $0.logSumExp(axes: $1, keepDimensions: $2)
    } _: {
      TensorsTests.logSumExp($0)
    }
    + rows("product", .any([2, 3, 2]), shapes: [[2, 0, 3], [2, 1, 3]]) {
      try $0.product(axes: $1, keepDimensions: $2)
    } _: {
      $0.reduce(1, *)
    }
    + [
      OpCase("variance", "corrected", [.any(shape)]) {
        try $0[0].variance(axes: [1])
      } expected: {
        $0[0].fold([1]) { TensorsTests.variance($0) }
      },
      OpCase("standardDeviation", "corrected", [.any(shape)]) {
        try $0[0].standardDeviation(axes: [0, 2], keepDimensions: true)
      } expected: {
        $0[0].fold([0, 2], keep: true) { TensorsTests.variance($0).squareRoot() }
      },
      OpCase("standardDeviation", "all", [.any(shape)]) {
        try $0[0].standardDeviation(correction: 0)
      } expected: {
        $0[0].fold([0, 1, 2]) { TensorsTests.variance($0, correction: 0).squareRoot() }
      },
      OpCase("sum", "many elements", [.any([70_001])]) {
        try $0[0].sum()
      } expected: {
        $0[0].fold([0]) { $0.reduce(0, +) }
      }.plain.with { $0.tolerance = 1e-6 },
      OpCase("sum", "long columns", [.any([5000, 17])]) {
        try $0[0].sum(axes: [0])
      } expected: {
        $0[0].fold([0]) { $0.reduce(0, +) }
      }.plain,
    ] + extremes

  private static func extreme(
    _ name: String, _ detail: String, _ run: @escaping @Sendable (Tensor) throws -> Tensor,
    _ expected: @escaping @Sendable (Reference) -> Reference
  ) -> OpCase {
    OpCase(name, detail, [.distinct(shape)], { try run($0[0]) }, expected: { expected($0[0]) })
      .repeating.with { $0.otherShapes = [[[1, 1, 1]], [[2, 1, 3]]] }
  }

  @Sendable private static func index(of best: Double?, in line: [Double]) -> Double {
    Double(best.flatMap { line.firstIndex(of: $0) } ?? -1)
  }

  private static let extremes: [OpCase] = [
    extreme("max", "all", { try $0.max() }) { $0.fold([0, 1, 2]) { $0.max() ?? 0 } },
    extreme("min", "all", { try $0.min() }) { $0.fold([0, 1, 2]) { $0.min() ?? 0 } },
    extreme("max", "last axis", { try $0.max(axis: -1).values }) { $0.fold([2]) { $0.max() ?? 0 } },
    extreme("max", "first axis, kept", { try $0.max(axis: 0, keepDimensions: true).values }) {
      $0.fold([0], keep: true) { $0.max() ?? 0 }
    },
    extreme("min", "middle axis", { try $0.min(axis: 1).values }) {
      $0.fold([1]) { $0.min() ?? 0 }
    },
    extreme("max", "indices", { try $0.max(axis: 1).indices }) {
      $0.fold([1]) { index(of: $0.max(), in: $0) }
    }.integers,
    extreme("min", "indices, kept", { try $0.min(axis: 2, keepDimensions: true).indices }) {
      $0.fold([2], keep: true) { index(of: $0.min(), in: $0) }
    }.integers,
    extreme("argmax", "all", { try $0.argmax() }) {
      $0.fold([0, 1, 2]) { index(of: $0.max(), in: $0) }
    }.integers,
    extreme("argmax", "first axis", { try $0.argmax(axis: 0) }) {
      $0.fold([0]) { index(of: $0.max(), in: $0) }
    }.integers,
    extreme("argmax", "smallest, kept") {
      try $0.argmax(axis: -1, keepDimensions: true, smallest: true)
    } _: {
      $0.fold([2], keep: true) { index(of: $0.min(), in: $0) }
    }.integers,
  ]

  /// Orders and running sums.
  static let ordering: [OpCase] = [
    OpCase("sorted", "last axis", [.distinct([3, 5])]) {
      try $0[0].sorted().values
    } expected: {
      $0[0].lines(1) { $0.sorted() }
    }.repeating.with { $0.otherShapes = [[[1, 1]], [[2, 0]], [[0, 2]]] },
    OpCase("sorted", "first axis, descending", [.distinct([5, 3])]) {
      try $0[0].sorted(axis: 0, descending: true).values
    } expected: {
      $0[0].lines(0) { $0.sorted(by: >) }
    }.repeating,
    OpCase("sorted", "indices", [.distinct([3, 5])]) {
      try $0[0].sorted(axis: 1).indices
    } expected: {
      $0[0].lines(1) { line in line.indices.sorted { line[$0] < line[$1] }.map { Double($0) } }
    }.integers,
    OpCase("topK", "largest", [.distinct([3, 5])]) {
      try $0[0].topK(2).values
    } expected: {
      $0[0].lines(1, length: 2) { Array($0.sorted(by: >).prefix(2)) }
    }.repeating,
    OpCase("topK", "smallest of the middle axis", [.distinct([2, 4, 3])]) {
      try $0[0].topK(3, axis: 1, largest: false).values
    } expected: {
      $0[0].lines(1, length: 3) { Array($0.sorted().prefix(3)) }
    }.repeating,
    OpCase("topK", "none", [.distinct([2, 3])]) {
      try $0[0].topK(0).values
    } expected: { _ in
      Reference([2, 0], [])
    },
    OpCase("cumulativeSum", "last axis", [.any([3, 4])]) {
      try $0[0].cumulativeSum(axis: -1)
    } expected: {
      $0[0].lines(1, running)
    }.with { $0.otherShapes = [[[1, 1]], [[0, 2]], [[2, 0]]] },
    OpCase("cumulativeSum", "first axis", [.any([3, 2, 2])]) {
      try $0[0].cumulativeSum(axis: 0)
    } expected: {
      $0[0].lines(0, running)
    },
  ]

  @Sendable private static func running(_ line: [Double]) -> [Double] {
    var total = 0.0
    return line.map {
      total += $0
      return total
    }
  }
}

extension OpCase {
  /// Rows that repeat are ties, where the function has a kink.
  var repeating: OpCase { with { $0.isFlatWhenRepeated = true } }
}
