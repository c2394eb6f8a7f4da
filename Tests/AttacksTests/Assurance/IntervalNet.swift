import Attacks
import Tensors

/// A two-layer ReLU network in float64 that can be evaluated on points and on boxes: the exact oracle of
/// small networks, and a certificate for larger ones.
struct IntervalNet {
  private let inputs: Int
  private let hidden: Int
  private let classes: Int
  private let first: [Double]
  private let second: [Double]

  /// The network of a toy model of kind `relu`.
  init(_ model: ToyModel) {
    inputs = model.shape.reduce(1, *)
    hidden = model.hidden
    classes = model.classes
    first = model.weights(0, hidden, inputs)
    second = model.weights(1, classes, hidden)
  }

  /// The logits of one image.
  func logits(_ pixels: [Double]) -> [Double] {
    let middle = (0..<hidden).map { unit in
      max(0, (0..<inputs).reduce(0.05) { $0 + first[unit * inputs + $1] * (pixels[$1] - 0.5) })
    }
    return (0..<classes).map { row in
      (0..<hidden).reduce(0) { $0 + second[row * hidden + $1] * middle[$1] }
    }
  }

  /// True when another class than `label` is on top; a tie goes to the lower class, as in every verdict.
  ///
  /// Ties are no rarity: where all hidden units are off, every logit is 0.
  func isBroken(_ pixels: [Double], _ label: Int) -> Bool {
    let values = logits(pixels)
    return values.indices.contains {
      values[$0] > values[label] || $0 < label && values[$0] == values[label]
    }
  }

  /// True when interval bounds prove that `label` stays on top in the whole box.
  func isCertified(_ low: [Double], _ high: [Double], _ label: Int) -> Bool {
    var (bottom, top) = (
      [Double](repeating: 0, count: hidden), [Double](repeating: 0, count: hidden)
    )
    for unit in 0..<hidden {
      var (a, b) = (0.05, 0.05)
      for pixel in 0..<inputs {
        let weight = first[unit * inputs + pixel]
        a += weight * ((weight > 0 ? low[pixel] : high[pixel]) - 0.5)
        b += weight * ((weight > 0 ? high[pixel] : low[pixel]) - 0.5)
      }
      (bottom[unit], top[unit]) = (max(0, a), max(0, b))
    }
    return (0..<classes).allSatisfy { other in
      if other == label { return true }
      // The difference of two logits is bounded as one sum, which is tighter than two.
      var worst = 0.0
      for unit in 0..<hidden {
        let weight = second[other * hidden + unit] - second[label * hidden + unit]
        worst += weight * (weight > 0 ? top[unit] : bottom[unit])
      }
      return worst < -1e-9
    }
  }

  /// What is true of a box.
  enum Verdict { case robust, breakable, undecided }

  /// Cuts the box in two along its longest side until every piece is certified or a counterexample is
  /// found, at most `limit` pieces.
  func decided(_ low: [Double], _ high: [Double], _ label: Int, limit: Int = 4000) -> Verdict {
    var pieces = [(low, high)]
    var seen = 0
    while let (low, high) = pieces.popLast() {
      seen += 1
      if seen > limit { return .undecided }
      if isCertified(low, high, label) { continue }
      let middle = zip(low, high).map { ($0 + $1) / 2 }
      if isBroken(middle, label) || isBroken(low, label) || isBroken(high, label) {
        return .breakable
      }
      let side = low.indices.max { high[$0] - low[$0] < high[$1] - low[$1] } ?? 0
      var (upper, lower) = (low, high)
      upper[side] = middle[side]
      lower[side] = middle[side]
      pieces.append((low, lower))
      pieces.append((upper, high))
    }
    return .robust
  }
}

/// Images near the decision boundary of a network, so that a small budget decides about some of them.
struct BoundaryImages {
  var images: Tensor
  var labels: [Int]
  /// Pixels in float64, one list a sample.
  var pixels: [[Double]]
  /// 8-bit levels, one list a sample.
  var levels: [[Int]]

  /// - Parameter stride: how far apart in the order of their gaps; larger ones lie further inside.
  init(_ model: ToyModel, count: Int, dtype: DType, stride: Int = 5) throws {
    let net = IntervalNet(model)
    let width = model.shape.reduce(1, *)
    var stream = RandomSource(seed: model.seed).stream(.subset, step: 1)
    let pool = (0..<60 * count).map { _ in (0..<width).map { _ in stream.integer(below: 256) } }
    let scored = pool.map { levels -> (levels: [Int], label: Int, gap: Double) in
      let values = net.logits(levels.map { Double(Float($0) / 255) })
      let label = values.indices.max { values[$0] < values[$1] } ?? 0
      let other = values.indices.filter { $0 != label }.map { values[$0] }.max() ?? 0
      return (levels, label, values[label] - other)
    }.sorted { $0.gap < $1.gap }
    let chosen = (0..<count).map { scored[$0 * stride] }
    levels = chosen.map(\.levels)
    labels = chosen.map(\.label)
    pixels = levels.map { $0.map { Double(Float($0) / 255) } }
    images = try Tensor(pixels.flatMap { $0 }, shape: [count] + model.shape).converted(to: dtype)
  }
}
