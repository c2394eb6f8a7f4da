import Diagnostics
import Foundation
import Tensors
import Testing

@testable import Attacks

/// The parts of the momentum methods against their formulas.
@Suite struct MomentumTests {
  static let shape = [1, 2, 4, 4]

  static func images(_ low: Double = 0.4, _ high: Double = 0.6) throws -> Tensor {
    var stream = RandomSource(seed: 21).stream(.subset)
    let count = shape.reduce(1, *)
    return try Tensor((0..<count).map { _ in low + (high - low) * stream.uniform() }, shape: shape)
  }

  /// Coefficients of a test function, one a pixel.
  static func coefficients(_ seed: UInt64) -> [Double] {
    var stream = RandomSource(seed: seed).stream(.initialization)
    return (0..<shape.reduce(1, *)).map { _ in stream.normal() }
  }

  /// Runs an attack on any loss, last point, L2; also returns what the loss was shown.
  static func moved(
    _ attack: MomentumIterative, _ images: Tensor, epsilon: Double = 0.05,
    _ loss: @escaping (Tensor) throws -> Tensor
  ) throws -> (change: [Double], shown: [[Double]]) {
    var settings = AttackSettings(budget: try Budget(.l2, epsilon), seed: 9)
    settings.search.keep = .last
    settings.reporting.probes = false
    settings.reporting.judging = .none
    var shown: [[Double]] = []
    let result = try attack.maximize(
      { batch, _, _ in
        shown.append(try batch.doubles())
        return try loss(batch)
      }, images: images, settings: settings)
    return (zip(try result.images.doubles(), try images.doubles()).map { $0 - $1 }, shown)
  }

  static func unit(_ values: [Double]) -> [Double] {
    let norm = values.reduce(0) { $0 + $1 * $1 }.squareRoot()
    return values.map { $0 / norm }
  }

  static func expectClose(_ a: [Double], _ b: [Double], _ tolerance: Double = 1e-12) {
    #expect(a.count == b.count && zip(a, b).allSatisfy { abs($0 - $1) <= tolerance })
  }

  static func weighted(_ images: Tensor, _ weights: [Double]) throws -> Tensor {
    try (images * Tensor(weights, shape: shape)).sum(axes: [1, 2, 3])
  }

  @Test("SI: the mean over scaled copies, with the chain rule's factor")
  func scales() throws {
    let images = try Self.images()
    let (a, b) = (Self.coefficients(1), Self.coefficients(2))
    let (change, shown) = try Self.moved(
      MomentumIterative(steps: 1, step: 0.01, scales: 3), images
    ) { batch in
      try Self.weighted(batch.square(), a) + Self.weighted(batch * batch.square(), b)
    }
    // ∇ = 2 a u + 3 b u² at u = x / 2^i, times 2^−i.
    let x = try images.doubles()
    let gradient = x.indices.map { index in
      (0..<3).reduce(0.0) { sum, i in
        let factor = 1 / Double(1 << i)
        let u = x[index] * factor
        return sum + factor * (2 * a[index] * u + 3 * b[index] * u * u) / 3
      }
    }
    Self.expectClose(change, Self.unit(gradient).map { $0 * 0.01 })
    for (i, copy) in shown.prefix(3).enumerated() {
      Self.expectClose(copy, x.map { $0 / Double(1 << i) })
    }
  }

  @Test("VMI and VNI: neighbours correct the next step", arguments: [false, true])
  func variance(_ looksAhead: Bool) throws {
    let images = try Self.images()
    let a = Self.coefficients(3)
    let (step, epsilon, radius, decay) = (0.01, 0.2, 1.5, 0.7)
    let attack = MomentumIterative(
      steps: 2, step: step, decay: decay, looksAhead: looksAhead,
      variance: VarianceTuning(neighbours: 4, radius: radius))
    let (change, _) = try Self.moved(attack, images, epsilon: epsilon) { batch in
      try Self.weighted(batch.square() * 0.5, a)
    }
    // ∇ = a x, so that V₀ = a · mean r, with the draws of the first step.
    var stream = RandomSource(seed: 9).stream(.attackStep, sample: 1)
    var noise = [Double](repeating: 0, count: a.count)
    for _ in 0..<4 {
      for index in noise.indices {
        noise[index] += radius * epsilon * (2 * stream.uniform() - 1) / 4
      }
    }
    let x = try images.doubles()
    func share(_ gradient: [Double]) -> [Double] {
      let mean = gradient.reduce(0) { $0 + abs($1) } / Double(gradient.count)
      return gradient.map { $0 / mean }
    }
    let first = share(x.indices.map { a[$0] * x[$0] })
    let direction = Self.unit(first)
    let second = share(
      x.indices.map { index in
        let ahead = looksAhead ? step * decay * first[index] : 0
        return a[index] * (x[index] + step * direction[index] + ahead + noise[index])
      })
    // Looking ahead by the raw sum may leave the ball; here it must not, for the formula to hold.
    if looksAhead {
      let ahead = x.indices.map { step * direction[$0] + step * decay * first[$0] }
      try #require(ahead.reduce(0) { $0 + $1 * $1 }.squareRoot() < epsilon)
    }
    let sum = zip(first, second).map { decay * $0 + $1 }
    let expected = zip(direction, Self.unit(sum)).map { step * ($0 + $1) }
    Self.expectClose(change, expected)
  }

  @Test("the smoothing kernel follows the longer side of the image", arguments: [(66, 3), (3, 66)])
  func kernelSide(height: Int, width: Int) throws {
    let (y, x) = (height / 2, width / 2)
    var impulse = [Double](repeating: 0, count: height * width)
    impulse[y * width + x] = 1
    let found = try GradientSmoothing().smoothed(Tensor(impulse, shape: [1, 1, height, width]))
      .doubles()
    for row in 0..<height {
      for column in 0..<width {
        // 15 pixels above a side of 64: seven each way.
        let isReached = abs(row - y) <= 7 && abs(column - x) <= 7
        #expect((found[row * width + column] > 0) == isReached, "\(row), \(column)")
      }
    }
  }

  @Test("TI: a single pixel's gradient becomes the kernel")
  func smoothing() throws {
    let images = try Self.images()
    var weights = [Double](repeating: 0, count: 32)
    weights[16 + 4 * 1 + 2] = 1  // channel 1, row 1, column 2
    for (size, reach) in [(nil, 2), (3, 1), (1, 0)] as [(Int?, Int)] {
      let attack = MomentumIterative(
        steps: 1, step: 0.01, decay: 0, smoothing: GradientSmoothing(size: size))
      let (change, _) = try Self.moved(attack, images) { try Self.weighted($0, weights) }
      func tap(_ offset: Int) -> Double {
        guard abs(offset) <= reach, reach > 0 else { return offset == 0 ? 1 : 0 }
        let position = 3 * Double(offset) / Double(reach)
        return exp(-position * position / 2)
      }
      let kernel = (0..<32).map { index in
        index < 16 ? 0 : tap((index - 16) / 4 - 1) * tap(index % 4 - 2)
      }
      Self.expectClose(change, Self.unit(kernel).map { $0 * 0.01 })
    }
  }

  @Test("DI: the gradient is that of the resized image, through the resizing")
  func diversity() throws {
    let weights = Self.coefficients(5)
    let attack = MomentumIterative(
      steps: 1, step: 0.01, decay: 0, diversity: InputDiversity(probability: 1, ratio: 0.5))
    // The same seed and sample draw the same map T, whose columns are what basis images become.
    var columns: [[Double]] = []
    for index in 0..<32 {
      var basis = [Double](repeating: 0, count: 32)
      basis[index] = 1
      let shown = try Self.moved(attack, Tensor(basis, shape: Self.shape)) { batch in
        try Self.weighted(batch, weights)
      }.shown
      columns.append(shown[1])
    }
    let gradient = columns.map { column in zip(column, weights).reduce(0) { $0 + $1.0 * $1.1 } }
    let (change, shown) = try Self.moved(attack, Self.images()) { try Self.weighted($0, weights) }
    Self.expectClose(change, Self.unit(gradient).map { $0 * 0.01 })
    // A constant image stays constant in a window of 2 x 2 or 3 x 3 pixels, and is 0 elsewhere.
    let constant = try Self.moved(attack, Tensor.full(Self.shape, 0.5, .float64)) { batch in
      try Self.weighted(batch, weights)
    }.shown[1]
    let window = constant.filter { abs($0 - 0.5) < 1e-12 }.count
    #expect([8, 18].contains(window))
    #expect(constant.filter { $0 == 0 }.count == 32 - window)
    // The visit itself sees the point as it is.
    Self.expectClose(shown[0], try Self.images().doubles())
  }

  @Test("each part changes what momentum alone would do, and the seed changes the draws")
  func parts() throws {
    let model = ToyModel(kind: .gelu, shape: [3, 6, 6], classes: 4, seed: 2)
    let (images, labels) = try model.samples(4)
    func result(_ attack: MomentumIterative, seed: UInt64 = 3) throws -> AttackResult {
      var settings = AttackSettings(budget: try Budget(.linf, 0.1), seed: seed)
      settings.search.keep = .last
      settings.reporting.probes = false
      return try attack.run(
        model.classifier(scale: 10), images: images, criterion: .misclassified(labels),
        settings: settings)
    }
    let plain = try bits(result(MomentumIterative(steps: 5)).images)
    for attack in [
      MomentumIterative(steps: 5, scales: 4), MomentumIterative(steps: 5, diversity: .init()),
      MomentumIterative(steps: 5, variance: .init()),
      MomentumIterative(steps: 5, smoothing: .init()),
    ] {
      let made = try result(attack)
      #expect(try bits(made.images) != plain)
      let cost = attack.plannedCost(AttackSettings())
      #expect(made.report.backwards == [Int](repeating: cost.backwards, count: 4))
      #expect(made.report.forwards == [Int](repeating: cost.forwards - 2, count: 4))
      let isRandom = attack.variance != nil || attack.diversity != nil
      #expect(try (bits(result(attack, seed: 4).images) != bits(made.images)) == isRandom)
    }
  }

  @Test("refusals")
  func refusals() throws {
    let images = try Self.images()
    func text(_ attack: MomentumIterative) -> String {
      message { _ = try Self.moved(attack, images) { try $0.sum(axes: [1, 2, 3]) } }
    }
    #expect(text(MomentumIterative(decay: -1)) == "momentum is -1, at least 0 is needed")
    #expect(text(MomentumIterative(scales: 0)) == "scales is 0, at least 1 is needed")
    #expect(
      text(MomentumIterative(variance: VarianceTuning(neighbours: 0)))
        == "variance is 0, at least 1 is needed")
    #expect(
      text(MomentumIterative(variance: VarianceTuning(radius: -1)))
        == "beta is -1, at least 0 is needed")
    #expect(
      text(MomentumIterative(diversity: InputDiversity(probability: 2)))
        == "diversity is 2, outside 0 … 1")
    #expect(
      text(MomentumIterative(diversity: InputDiversity(ratio: 0)))
        == "resize is 0, outside 0 … 1 (0 excluded)")
    #expect(
      text(MomentumIterative(smoothing: GradientSmoothing(size: 4)))
        == "smoothing is 4, an odd side of 1 … 255 is needed")
  }
}
