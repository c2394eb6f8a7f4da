internal import Diagnostics
internal import Tensors

/// What is added to the samples' changes before they are brought back into the budget.
enum RowStep {
  /// `length · g / ‖g‖₂`.
  case scaled(Tensor, [RowScale], lengths: [Double])
  /// `length / count` in the direction of the gradient's sign, at its `count` largest entries; those
  /// that the range of pixels blocks are passed over, unless told otherwise.
  case sparse(Tensor, counts: [Int], lengths: [Double], passesOver: Bool)
  /// The whole budget at the gradient's largest entries, each filled up to the box.
  case filling(Tensor)

  var gradient: Tensor {
    switch self {
    case .scaled(let gradient, _, _), .sparse(let gradient, _, _, _), .filling(let gradient):
      return gradient
    }
  }
}

// L2 and L1 work on one sample at a time, in float64.
extension Ball {
  /// The point of ball and box that is best for a linear loss with this gradient, by L1: the largest
  /// entries are filled first, up to the box, the last of them partially.
  func filled(along gradient: Tensor) throws -> Tensor {
    try moved(clean, by: .filling(free(gradient)))
  }

  /// Images after a step, projected onto ball and box.
  func moved(_ images: Tensor, by step: RowStep?) throws -> Tensor {
    let images = try held(images)
    return try held(
      clean.dtype == .float32
        ? moved(Float.self, images, step) : moved(Double.self, images, step))
  }

  private func moved<T: PixelScalar>(
    _ type: T.Type, _ images: Tensor, _ step: RowStep?
  ) throws -> Tensor {
    let n = clean.width
    // What is too long gets this length, what is not stays as it is.
    let (limit, wanted) = (budget.epsilon, budget.epsilon * (1 - Ball.margin))
    return try T.read([clean, images, lower, upper, step?.gradient ?? clean]) { read in
      try T.make(clean.shape) { out in
        var change = [Double](repeating: 0, count: n)
        for row in 0..<(clean.shape.first ?? 0) {
          try Interrupts.poll()
          let start = row * n
          let pixels = RowPixels(
            clean: read[0], lower: read[2], upper: read[3], start: start, count: n,
            norm: budget.norm)
          for i in 0..<n { change[i] = Double(read[1][start + i]) - Double(read[0][start + i]) }
          switch step {
          case nil: break
          case .scaled(_, let factors, let lengths)?:
            for i in 0..<n {
              change[i] += lengths[row] * factors[row].applied(to: Double(read[4][start + i]))
            }
          case .sparse(_, let counts, let lengths, let passesOver)?:
            let chosen = pixels.largest(
              counts[row], of: read[4], at: passesOver ? read[1] : nil)
            let part = lengths[row] / Double(max(chosen.count, 1))
            for i in chosen { change[i] += read[4][start + i] > 0 ? part : -part }
          case .filling?: pixels.fill(&change, budget.epsilon, along: read[4])
          }
          let isInside = pixels.restrict(&change, to: wanted, limit: limit)
          if isInside && step == nil {  // nothing but the box: keep the very bits
            for i in start..<start + n { out[i] = max(read[2][i], min(read[3][i], read[1][i])) }
            continue
          }
          pixels.write(&change, to: out, within: limit, wanted: wanted)
        }
      }
    }
  }

  /// The sparse sign of each sample: `sign(g) / k` at its `k` largest entries, 0 elsewhere.
  func sparseSign(_ gradient: Tensor, at point: Tensor, counts: [Int]) throws -> Tensor {
    clean.dtype == .float32
      ? try sparseSign(Float.self, gradient, point, counts)
      : try sparseSign(Double.self, gradient, point, counts)
  }

  private func sparseSign<T: PixelScalar>(
    _ type: T.Type, _ gradient: Tensor, _ point: Tensor, _ counts: [Int]
  ) throws -> Tensor {
    let n = clean.width
    return try T.read([clean, lower, upper, gradient, point]) { read in
      try T.make(clean.shape) { out in
        for i in out.indices { out[i] = 0 }
        for row in 0..<(clean.shape.first ?? 0) {
          let pixels = RowPixels(
            clean: read[0], lower: read[1], upper: read[2], start: row * n, count: n,
            norm: budget.norm)
          let chosen = pixels.largest(counts[row], of: read[3], at: read[4])
          let part = 1 / T(max(chosen.count, 1))
          for i in chosen { out[row * n + i] = read[3][row * n + i] > 0 ? part : -part }
        }
      }
    }
  }
}

/// One sample's pixels while a change is added to them.
private struct RowPixels<T: PixelScalar> {
  let clean: UnsafeBufferPointer<T>
  let lower: UnsafeBufferPointer<T>
  let upper: UnsafeBufferPointer<T>
  let start: Int
  let count: Int
  let norm: Norm

  // MARK: Sizes

  /// The norm of what was written: rounding to the pixel type can lengthen a small change.
  func size(of pixels: UnsafeMutableBufferPointer<T>) -> Double {
    var sum = 0.0
    for i in start..<start + count {
      let moved = Double(pixels[i]) - Double(clean[i])
      sum += norm == .l2 ? moved * moved : abs(moved)
    }
    return norm == .l2 ? sum.squareRoot() : sum
  }

  /// How far pixel `i` can go in the direction of a change.
  private func room(_ i: Int, up: Bool) -> Double {
    let center = Double(clean[start + i])
    return up ? Double(upper[start + i]) - center : center - Double(lower[start + i])
  }

  // MARK: Steps

  /// Positions of the `wanted` largest entries of the gradient, in order; of equal ones the first.
  ///
  /// - Parameter point: where entries must not be blocked by the range of pixels; nil for anywhere.
  func largest(
    _ wanted: Int, of gradient: UnsafeBufferPointer<T>, at point: UnsafeBufferPointer<T>?
  ) -> [Int] {
    var free: [Int] = []
    for i in 0..<count {
      let g = gradient[start + i]
      guard let point else {
        if g != 0 { free.append(i) }
        continue
      }
      if g > 0 && point[start + i] < 1 || g < 0 && point[start + i] > 0 { free.append(i) }
    }
    guard free.count > wanted else { return free }
    let least = free.map { abs(gradient[start + $0]) }.sorted(by: >)[max(0, wanted - 1)]
    var ties = wanted
    for i in free where abs(gradient[start + i]) > least { ties -= 1 }
    return free.filter { i in
      let magnitude = abs(gradient[start + i])
      guard magnitude == least else { return magnitude > least }
      ties -= 1
      return ties >= 0
    }
  }

  /// Sets the change to the best one for a linear loss.
  func fill(_ change: inout [Double], _ epsilon: Double, along gradient: UnsafeBufferPointer<T>) {
    let order = (0..<count).filter { gradient[start + $0] != 0 }.sorted {
      let (a, b) = (abs(gradient[start + $0]), abs(gradient[start + $1]))
      return a == b ? $0 < $1 : a > b
    }
    var left = epsilon
    for i in 0..<count { change[i] = 0 }
    for i in order where left > 0 {
      let isUp = gradient[start + i] > 0
      let part = min(left, room(i, up: isUp))
      change[i] = isUp ? part : -part
      left -= part
    }
  }

  // MARK: The budget

  /// Brings a change into the ball, and for L1 into the box with it.
  ///
  /// - Returns: true when it was inside the ball already (for L1: once clipped to the box).
  func restrict(_ change: inout [Double], to epsilon: Double, limit: Double) -> Bool {
    if norm == .l1 { return soften(&change, to: epsilon, limit: limit) }
    var squares = 0.0
    for value in change { squares += value * value }
    let size = squares.squareRoot()
    if size <= limit { return true }
    for i in 0..<count { change[i] *= epsilon / size }
    return false
  }

  /// The exact L1 projection: all changes are shortened by one `λ`, and capped by the box.
  ///
  /// The sum of what is left falls piecewise linearly with `λ`. Its slope changes where a change
  /// reaches zero (`|u|`) and where it gets below its cap (`|u| − m`); both kinds are sorted.
  private func soften(_ change: inout [Double], to epsilon: Double, limit: Double) -> Bool {
    var (total, moving) = (0.0, 0)
    var (ends, begins): ([Double], [Double]) = ([], [])
    for i in 0..<count where change[i] != 0 {
      let size = abs(change[i])
      let cap = room(i, up: change[i] > 0)
      total += min(size, cap)
      if cap <= 0 { continue }
      ends.append(size)
      if size > cap { begins.append(size - cap) } else { moving += 1 }
    }
    if total <= limit {
      for i in 0..<count where change[i] != 0 {
        let cap = room(i, up: change[i] > 0)
        if abs(change[i]) > cap { change[i] = change[i] > 0 ? cap : -cap }
      }
      return true
    }
    ends.sort()
    begins.sort()
    var (threshold, end, begin) = (0.0, 0, 0)
    while end < ends.count {
      let isBegin = begin < begins.count && begins[begin] <= ends[end]
      let next = isBegin ? begins[begin] : ends[end]
      let fall = Double(moving) * (next - threshold)
      if total - fall <= epsilon {
        if moving > 0 { threshold += (total - epsilon) / Double(moving) }
        break
      }
      total -= fall
      threshold = next
      if isBegin { begin += 1 } else { end += 1 }
      moving += isBegin ? 1 : -1
    }
    for i in 0..<count where change[i] != 0 {
      let isUp = change[i] > 0
      let size = min(max(abs(change[i]) - threshold, 0), room(i, up: isUp))
      change[i] = isUp ? size : -size
    }
    return false
  }

  // MARK: Pixels

  /// Writes `clean + change` into the box so that its norm is at most `limit`, measured in float64 on the
  /// rounded pixels: where rounding lengthened it, a slightly shorter change is rounded again, at last
  /// towards the clean pixels.
  func write(
    _ change: inout [Double], to out: UnsafeMutableBufferPointer<T>, within limit: Double,
    wanted: Double
  ) {
    write(change, to: out, roundingInward: false)
    var size = size(of: out)
    for _ in 0..<6 where size > limit {
      for i in 0..<count { change[i] *= wanted / size }
      write(change, to: out, roundingInward: false)
      size = self.size(of: out)
    }
    if size > limit { write(change, to: out, roundingInward: true) }
  }

  /// Writes `clean + change` into the box, rounded to nearest, or towards `clean`.
  func write(
    _ change: [Double], to out: UnsafeMutableBufferPointer<T>, roundingInward: Bool
  ) {
    for i in 0..<count {
      let center = Double(clean[start + i])
      var pixel = T(center + change[i])
      while roundingInward, abs(Double(pixel) - center) > abs(change[i]) {
        pixel = change[i] > 0 ? pixel.nextDown : pixel.nextUp
      }
      out[start + i] = max(lower[start + i], min(upper[start + i], pixel))
    }
  }
}
