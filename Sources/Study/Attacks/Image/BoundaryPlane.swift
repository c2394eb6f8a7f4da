internal import Diagnostics
internal import Tensors

/// The linearised boundary of each sample: of several candidates the nearest, by `|d| / ‖G‖_*`.
struct BoundaryPlane {
  private let norm: Norm
  /// `d` of each sample.
  private(set) var values: [Double]
  /// `G` of each sample; nil before the first candidate.
  private(set) var gradient: Tensor?
  private var distances: [Double]

  init(_ norm: Norm, samples: Int) {
    self.norm = norm
    values = [Double](repeating: 0, count: samples)
    distances = [Double](repeating: .infinity, count: samples)
  }

  /// Looks at one candidate.
  mutating func consider(_ next: [Double], _ slope: Tensor) throws {
    let sizes: [Double]
    switch norm {
    case .linf: sizes = try RowScale.sizes(.sum, of: slope)
    case .l2: sizes = try RowScale.sizes(.norm, of: slope)
    case .l1: sizes = try slope.largestMagnitudes()
    }
    var isNearer = next.map { _ in false }
    for index in next.indices where gradient == nil || sizes[index] > 0 {
      let distance = sizes[index] > 0 ? abs(next[index]) / sizes[index] : .infinity
      guard gradient == nil || distance < distances[index] else { continue }
      (distances[index], values[index], isNearer[index]) = (distance, next[index], true)
    }
    gradient = try gradient.map { try Tensor.chosen(isNearer, slope, $0) } ?? slope
  }
}

/// One step of FAB, sample by sample in float64.
struct BoundaryStep {
  var norm: Norm
  var alphaMax: Double
  var eta: Double

  /// `clip((1 − A)(x_k + η δ₁) + A (x + η δ₂))`.
  func next(
    _ clean: Tensor, _ point: Tensor, _ gradient: Tensor, _ values: [Double]
  ) throws -> Tensor {
    clean.dtype == .float32
      ? try next(Float.self, clean, point, gradient, values)
      : try next(Double.self, clean, point, gradient, values)
  }

  private func next<T: PixelScalar>(
    _ type: T.Type, _ clean: Tensor, _ point: Tensor, _ gradient: Tensor, _ values: [Double]
  ) throws -> Tensor {
    let n = clean.width
    return try T.read([clean, point, gradient]) { read in
      try T.make(clean.shape) { out in
        for (row, value) in values.enumerated() {
          try Interrupts.poll()
          let part = row * n..<(row + 1) * n
          let center = read[0][part].map { Double($0) }
          let here = read[1][part].map { Double($0) }
          let slope = read[2][part].map { Double($0) }
          var atClean = value
          for i in 0..<n { atClean += slope[i] * (center[i] - here[i]) }
          let first = change(from: here, slope, value)
          let second = change(from: center, slope, atClean)
          let (a, b) = (max(size(first), 1e-8), max(size(second), 1e-8))
          let weight = min(a / (a + b), alphaMax)
          for i in 0..<n {
            let next =
              (1 - weight) * (here[i] + eta * first[i]) + weight * (center[i] + eta * second[i])
            out[row * n + i] = T(min(max(next, 0), 1))
          }
        }
      }
    }
  }

  private func size(_ change: [Double]) -> Double {
    switch norm {
    case .linf: return change.reduce(0) { max($0, abs($1)) }
    case .l2: return change.reduce(0) { $0 + $1 * $1 }.squareRoot()
    case .l1: return change.reduce(0) { $0 + abs($1) }
    }
  }

  /// The shortest change from `point` to the plane, inside the box; the saturated corner where the box
  /// holds no point of the plane, and nothing without a gradient.
  ///
  /// - Parameters:
  ///   - slope: `G`.
  ///   - value: `h(point)`, which the change brings to 0.
  func change(from point: [Double], _ slope: [Double], _ value: Double) -> [Double] {
    var result = [Double](repeating: 0, count: point.count)
    let top = slope.reduce(0) { max($0, abs($1)) }
    guard value != 0, top > 0 else { return result }
    // Against the slope where the value is positive. Gradients are scaled so that squares cannot vanish.
    let isDown = value > 0
    let need = abs(value) / top
    var room = [Double](repeating: 0, count: point.count)
    var weights = room
    for i in point.indices {
      weights[i] = abs(slope[i]) / top
      room[i] = (slope[i] > 0) == isDown ? point[i] : 1 - point[i]
    }
    let sizes = norm == .l1 ? filled(need, weights, room) : spread(need, weights, room)
    for i in point.indices where slope[i] != 0 {
      result[i] = (slope[i] > 0) == isDown ? -sizes[i] : sizes[i]
    }
    return result
  }

  /// L1: the largest weights first, each up to its room, the last partially.
  private func filled(_ need: Double, _ weights: [Double], _ room: [Double]) -> [Double] {
    var (left, sizes) = (need, [Double](repeating: 0, count: room.count))
    let order = weights.indices.filter { weights[$0] > 0 }.sorted {
      weights[$0] == weights[$1] ? $0 < $1 : weights[$0] > weights[$1]
    }
    for i in order where left > 0 {
      sizes[i] = min(room[i], left / weights[i])
      left -= weights[i] * sizes[i]
    }
    return sizes
  }

  /// L∞ and L2: sizes `min(r · a_i, room_i)` with rates of 1 or the weight.
  ///
  /// The gain is concave in `r` and piecewise
  /// linear, so that Newton's steps from the left end on the exact `r` after finitely many.
  private func spread(_ need: Double, _ weights: [Double], _ room: [Double]) -> [Double] {
    func rate(_ i: Int) -> Double { norm == .linf ? 1 : weights[i] }
    var radius = 0.0
    while true {
      var (fixed, growth) = (0.0, 0.0)
      for i in weights.indices where weights[i] > 0 {
        if room[i] <= radius * rate(i) {
          fixed += weights[i] * room[i]
        } else {
          growth += weights[i] * rate(i)
        }
      }
      guard growth > 0 else {
        radius = .infinity
        break
      }
      let next = (need - fixed) / growth
      if !(next > radius) { break }
      radius = next
    }
    return weights.indices.map { weights[$0] > 0 ? min(radius * rate($0), room[$0]) : 0 }
  }
}
