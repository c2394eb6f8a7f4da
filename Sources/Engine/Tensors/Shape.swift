internal import Diagnostics

/// Arithmetic on shapes and strides; sizes are checked for overflow before anything is allocated.
enum Shape {
  /// Highest rank a tensor may have.
  static let highestRank = 12

  /// Number of elements of `shape`.
  static func count(_ shape: [Int]) throws -> Int {
    guard shape.count <= highestRank else {
      throw KilpiError("\(shape.count) axes are too many (at most \(highestRank))")
    }
    // Without the zeros: strides are products of the other sizes, whatever the count is.
    var total = 1
    for size in shape {
      guard size >= 0 else { throw KilpiError("a size is negative: \(describe(shape))") }
      let (product, overflow) = total.multipliedReportingOverflow(by: max(size, 1))
      guard !overflow, product <= 1 << 46 else {
        throw KilpiError("the shape \(describe(shape)) is too large")
      }
      total = product
    }
    return shape.contains(0) ? 0 : total
  }

  /// Strides of a contiguous tensor.
  static func contiguousStrides(_ shape: [Int]) -> [Int] {
    var strides = [Int](repeating: 1, count: shape.count)
    for axis in stride(from: shape.count - 2, through: 0, by: -1) {
      strides[axis] = strides[axis + 1] * max(shape[axis + 1], 1)
    }
    return strides
  }

  /// `[2, 3]`, as people write it; more than 8 sizes are cut.
  static func describe(_ shape: [Int]) -> String {
    let sizes = shape.prefix(8).map(String.init).joined(separator: ", ")
    return "[" + sizes + (shape.count > 8 ? ", …]" : "]")
  }

  /// The shape both broadcast to: axes align at the end, a size of 1 stretches.
  static func broadcast(_ a: [Int], _ b: [Int]) throws -> [Int] {
    if a == b { return a }
    let rank = max(a.count, b.count)
    var result = [Int](repeating: 1, count: rank)
    for axis in 0..<rank {
      let sizeA = axis < rank - a.count ? 1 : a[axis - (rank - a.count)]
      let sizeB = axis < rank - b.count ? 1 : b[axis - (rank - b.count)]
      guard sizeA == sizeB || sizeA == 1 || sizeB == 1 else {
        throw KilpiError(
          "shapes \(describe(a)) and \(describe(b)) do not broadcast",
          advice: "sizes must agree from the last axis on, or be 1")
      }
      result[axis] = sizeA == 1 ? sizeB : sizeA
    }
    return result
  }

  /// Strides that walk a tensor of `shape` as if it had `target`; stretched axes get stride 0.
  static func broadcastStrides(_ shape: [Int], _ strides: [Int], to target: [Int]) -> [Int] {
    let missing = target.count - shape.count
    return target.indices.map { axis in
      axis < missing || shape[axis - missing] == 1 ? 0 : strides[axis - missing]
    }
  }

  /// A 0-based axis from one that may count from the end.
  static func axis(_ axis: Int, of shape: [Int]) throws -> Int {
    let resolved = axis < 0 ? axis + shape.count : axis
    guard shape.indices.contains(resolved) else {
      throw KilpiError("there is no axis \(axis) in \(describe(shape))")
    }
    return resolved
  }

  /// Merges neighbouring axes that every operand walks as one, dropping axes of size 1.
  static func collapse(_ shape: [Int], _ operands: [[Int]]) -> (shape: [Int], strides: [[Int]]) {
    var sizes: [Int] = []
    var strides = operands.map { _ in [Int]() }
    for axis in shape.indices where shape[axis] != 1 {
      let mergeable =
        !sizes.isEmpty
        && operands.indices.allSatisfy { index in
          let outer = strides[index].last ?? 0
          return outer == operands[index][axis] * shape[axis]
        }
      if mergeable {
        sizes[sizes.count - 1] *= shape[axis]
        for index in operands.indices {
          strides[index][strides[index].count - 1] = operands[index][axis]
        }
      } else {
        sizes.append(shape[axis])
        for index in operands.indices { strides[index].append(operands[index][axis]) }
      }
    }
    return (sizes, strides)
  }
}
