import Glibc
import Tensors

/// An array of doubles with the plainest possible operations: what the engine is compared with.
struct Reference {
  var shape: [Int]
  var values: [Double]

  init(_ shape: [Int], _ values: [Double]) { (self.shape, self.values) = (shape, values) }

  init(_ tensor: Tensor) throws { self.init(tensor.shape, try tensor.doubles()) }

  /// Every element from its index.
  init(_ shape: [Int], _ value: ([Int]) -> Double) {
    self.shape = shape
    values = Reference.indices(shape).map(value)
  }

  /// All indices in row-major order.
  static func indices(_ shape: [Int]) -> [[Int]] {
    shape.reduce([[]]) { found, size in
      found.flatMap { index in (0..<size).map { index + [$0] } }
    }
  }

  subscript(_ index: [Int]) -> Double {
    var position = 0
    for (axis, size) in shape.enumerated() { position = position * size + index[axis] }
    return values[position]
  }

  /// The element that broadcasting puts at `index` of a larger shape.
  func broadcast(_ index: [Int]) -> Double {
    let own = index.suffix(shape.count)
    return self[zip(own, shape).map { $1 == 1 ? 0 : $0 }]
  }

  func map(_ function: (Double) -> Double) -> Reference { Reference(shape, values.map(function)) }

  static func combine(
    _ a: Reference, _ b: Reference, _ function: (Double, Double) -> Double
  ) -> Reference {
    let rank = max(a.shape.count, b.shape.count)
    let shape = (0..<rank).map { axis -> Int in
      let sizes = [a, b].map { operand -> Int in
        let own = axis - (rank - operand.shape.count)
        return own < 0 ? 1 : operand.shape[own]
      }
      return sizes[0] == 1 ? sizes[1] : sizes[0]
    }
    return Reference(shape) { function(a.broadcast($0), b.broadcast($0)) }
  }

  /// Folds the elements along axes into one.
  func fold(_ axes: [Int], keep: Bool = false, _ function: ([Double]) -> Double) -> Reference {
    let kept = shape.indices.map { axes.contains($0) ? 1 : shape[$0] }
    var lines = [[Double]](repeating: [], count: kept.reduce(1, *))
    for (position, value) in values.enumerated() {
      var (rest, step, place) = (position, 1, 0)
      for axis in shape.indices.reversed() {
        if !axes.contains(axis) {
          place += rest % shape[axis] * step
          step *= shape[axis]
        }
        rest /= shape[axis]
      }
      lines[place].append(value)
    }
    let result = keep ? kept : shape.indices.filter { !axes.contains($0) }.map { shape[$0] }
    return Reference(result, lines.map(function))
  }

  /// Replaces each line along an axis by another, which may have another length.
  func lines(_ axis: Int, length: Int? = nil, _ function: ([Double]) -> [Double]) -> Reference {
    var target = shape
    target[axis] = length ?? shape[axis]
    return Reference(target) { index in
      let line = (0..<shape[axis]).map { along -> Double in
        var place = index
        place[axis] = along
        return self[place]
      }
      return function(line)[index[axis]]
    }
  }

  /// Rows of a matrix.
  var rows: [[Double]] {
    let width = shape.last ?? 1
    return (0..<(width == 0 ? 0 : values.count / width)).map {
      Array(values[$0 * width..<($0 + 1) * width])
    }
  }
}

func softmax(_ line: [Double]) -> [Double] {
  let powers = line.map { exp($0) }
  let total = powers.reduce(0, +)
  return powers.map { $0 / total }
}

func logSumExp(_ line: [Double]) -> Double { log(line.map { exp($0) }.reduce(0, +)) }

func variance(_ line: [Double], correction: Int = 1) -> Double {
  let mean = line.reduce(0, +) / Double(line.count)
  return line.map { ($0 - mean) * ($0 - mean) }.reduce(0, +) / Double(line.count - correction)
}

func sigmoid(_ x: Double) -> Double { 1 / (1 + exp(-x)) }

func tanhGELU(_ x: Double) -> Double {
  0.5 * x * (1 + tanh((2 / Double.pi).squareRoot() * (x + 0.044715 * x * x * x)))
}
func gelu(_ x: Double) -> Double { x * 0.5 * erfc(-x / 2.squareRoot()) }
