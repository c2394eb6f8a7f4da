package import Tensors

/// Sizes of perturbations in the three norms, one value a sample, computed in float64.
package struct Distances: Equatable, Sendable {
  /// Largest absolute change of each sample.
  package var linf: [Double] = []
  /// Euclidean length of each sample's change.
  package var l2: [Double] = []
  /// Sum of absolute changes of each sample.
  package var l1: [Double] = []

  /// Nothing measured yet.
  init() {}

  /// Measures `moved` against `clean`, two image tensors of one shape and type.
  package init(from clean: Tensor, to moved: Tensor) throws {
    if clean.dtype == .float32 {
      try measure(Float.self, clean, moved)
    } else {
      try measure(Double.self, clean, moved)
    }
  }

  private mutating func measure<T: PixelScalar>(
    _ type: T.Type, _ clean: Tensor, _ moved: Tensor
  ) throws {
    let n = clean.width
    try T.read(clean) { from in
      try T.read(moved) { to in
        for row in 0..<(clean.shape.first ?? 0) {
          var (largest, squares, sum) = (0.0, 0.0, 0.0)
          for index in row * n..<(row + 1) * n {
            let change = abs(Double(to[index]) - Double(from[index]))
            largest = max(largest, change)
            squares += change * change
            sum += change
          }
          linf.append(largest)
          l2.append(squares.squareRoot())
          l1.append(sum)
        }
      }
    }
  }

  /// The distances in one norm.
  package subscript(_ norm: Norm) -> [Double] {
    switch norm {
    case .linf: return linf
    case .l2: return l2
    case .l1: return l1
    }
  }
}
