internal import Diagnostics

/// What one pass over a tensor's elements tells: extremes, mean, spread, and what is not finite.
struct TensorStatistics {
  private(set) var minimum = Double.infinity
  private(set) var maximum = -Double.infinity
  private(set) var mean = 0.0
  private(set) var nanCount = 0
  private(set) var infinityCount = 0
  private var finiteCount = 0
  private var squares = 0.0

  /// Standard deviation of the finite elements, with `n − 1` below; NaN for fewer than two.
  var standardDeviation: Double {
    finiteCount < 2 ? .nan : (squares / Double(finiteCount - 1)).squareRoot()
  }

  /// True when at least one element is finite.
  var hasFinite: Bool { finiteCount > 0 }

  /// Walks the elements where they lie, without a copy of a view.
  ///
  /// - Throws: `KilpiError` on interrupt, which is polled every 65,536 elements.
  init(of tensor: Tensor) throws {
    let (sizes, steps) = Shape.collapse(tensor.shape, [tensor.strides])
    guard tensor.count > 0 else { return }
    let length = sizes.last ?? 1
    let step = steps[0].last ?? 1
    var index = [Int](repeating: 0, count: Swift.max(sizes.count - 1, 0))
    var unpolled = 0
    for _ in 0..<tensor.count / length {
      let row = zip(index, steps[0]).reduce(0) { $0 + $1.0 * $1.1 }
      for start in stride(from: 0, to: length, by: 4096) {
        let count = Swift.min(4096, length - start)
        let first = row + start * step
        keeping(tensor) {
          switch tensor.dtype {
          case .float32: add(tensor.f32 + first, count, step) { Double($0) }
          case .float64: add(tensor.f64 + first, count, step) { $0 }
          case .int64: add(tensor.i64 + first, count, step) { Double($0) }
          }
        }
        unpolled += count
        if unpolled >= 1 << 16 {
          unpolled = 0
          try Interrupts.poll()
        }
      }
      for axis in index.indices.reversed() {
        index[axis] += 1
        if index[axis] < sizes[axis] { break }
        index[axis] = 0
      }
    }
  }

  /// Adds a block, whose own mean and squares are joined to those so far (Chan et al., 1979): sums
  /// of squares about 0 would cancel.
  @inline(__always)
  private mutating func add<Element>(
    _ block: UnsafeMutablePointer<Element>, _ count: Int, _ step: Int,
    _ value: (Element) -> Double
  ) {
    var (low, high, sum, sumOfSquares, finite) = (minimum, maximum, 0.0, 0.0, 0)
    let shift = value(block[0]).isFinite ? value(block[0]) : 0
    for position in 0..<count {
      let x = value(block[position * step])
      if !x.isFinite {
        if x.isNaN {
          nanCount += 1
          continue
        }
        infinityCount += 1
      } else {
        finite += 1
        sum += x - shift
        sumOfSquares += (x - shift) * (x - shift)
      }
      low = Swift.min(low, x)
      high = Swift.max(high, x)
    }
    (minimum, maximum) = (low, high)
    guard finite > 0 else { return }
    let blockMean = shift + sum / Double(finite)
    let blockSquares = Swift.max(sumOfSquares - sum * sum / Double(finite), 0)
    let total = Double(finiteCount + finite)
    let difference = blockMean - mean
    squares +=
      blockSquares + difference * difference * Double(finiteCount) * Double(finite) / total
    mean += difference * Double(finite) / total
    finiteCount += finite
  }
}
