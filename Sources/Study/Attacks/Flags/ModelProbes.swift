internal import Diagnostics
internal import Kernels
package import Tensors

/// Looks at a classifier for signs of masked gradients, with a few passes over a few images.
///
/// The flags and their thresholds are those of AutoAttack (arXiv:2003.01690) and of Carlini et al.,
/// arXiv:1902.06705, where they have them.
package struct ModelProbes {
  /// The largest number of samples that any probe looks at.
  package static let limit = 64

  /// Passes must agree bit by bit; otherwise a change of 1e-4 relative is let pass.
  ///
  /// So with `--deterministic`, where nothing but the model can make them differ.
  package var expectsSameBits = BLAS.isDeterministic

  /// Puts back what must stay of the first images, where a probe changes them.
  var hold: (_ images: Tensor) throws -> Tensor = { $0 }
  /// Logits without a gradient.
  let logits: (_ images: Tensor) throws -> Tensor
  /// The loss of each of the first samples, and its gradient where that is wanted.
  let loss: (_ images: Tensor, _ isGradientWanted: Bool) throws -> (values: [Double], Tensor?)

  /// Probes of a classifier by cross-entropy.
  ///
  /// - Parameter labels: 0-based, one an image that is probed.
  package init(_ classifier: Classifier, labels: [Int]) {
    logits = { images in try Tensor.withoutGradients { try classifier(images) } }
    loss = { images, isWanted in
      let count = images.shape[0]
      let classes = try Tensor(labels.prefix(count).map { Int64($0) }, shape: [count])
      return try Self.differentiated(images, isWanted) { images, pass in
        try Tensor.crossEntropy(
          logits: classifier[pass](images), labels: classes, reduction: .none)
      }
    }
  }

  /// Values of images and, where it is wanted and there is one, the gradient of their sum.
  static func differentiated(
    _ images: Tensor, _ isWanted: Bool, _ values: (Tensor, ModelPass) throws -> Tensor,
    counted: () -> Void = {}
  ) throws -> (values: [Double], Tensor?) {
    guard isWanted else {
      return (try Tensor.withoutGradients { try values(images, .judge).doubles() }, nil)
    }
    return try PixelLeaf.at(images) { leaf in
      let value = try values(leaf.images, .step)
      let gradient = try leaf.gradient(of: value)
      if gradient != nil { counted() }
      return (try value.doubles(), gradient)
    }
  }

  /// Passes that the probes of an attack's report take, at most, over all samples together.
  package static func plannedCost(samples: Int) -> AttackCost {
    let (outputs, inputs, single) = (min(8, samples), min(16, samples), min(32, samples))
    return AttackCost(
      forwards: (passes + 2) * outputs + 4 * inputs + 2 * single, backwards: inputs + single)
  }

  init(
    logits: @escaping (Tensor) throws -> Tensor,
    loss: @escaping (Tensor, Bool) throws -> (values: [Double], Tensor?)
  ) {
    self.logits = logits
    self.loss = loss
  }

  // MARK: Outputs

  /// `randomised_output`, `train_mode` and `inference_gradient`, from six passes over eight images.
  ///
  /// - Parameter images: `[N, C, H, W]`, of which the first eight are shown.
  package func outputFlags(_ images: Tensor) throws -> [AttackFlag] {
    let count = min(8, images.shape[0])
    guard count > 0 else { return [] }
    let part = try images.narrowed(0, start: 0, length: count).contiguous()
    var flags: [AttackFlag] = []
    var first: [Double] = []
    var worst = 0.0
    let nodes = GradientMode.recordedCount
    for pass in 0..<Self.passes {
      let values = try logits(part).doubles()
      if pass == 0 { first = values }
      worst = max(worst, Self.change(first, values))
    }
    if worst > (expectsSameBits ? 0 : 1e-4) {
      flags.append(
        AttackFlag(
          .randomisedOutput,
          "\(Self.passes) passes of one batch differ by \(Float(worst)) relative"))
    }
    let made = GradientMode.recordedCount - nodes
    if made > 0 {
      flags.append(
        AttackFlag(
          .inferenceGradient,
          "\(made) operations were recorded in \(Self.passes) passes that need no gradient"))
    }
    guard flags.allSatisfy({ $0.kind != .randomisedOutput }) else { return flags }
    // Beside their negatives, the images must get what they get among themselves.
    let beside = try logits(Tensor.concatenated([part, hold(1.0 - part)])).doubles()
    let moved = Self.change(first, Array(beside.prefix(first.count)))
    if moved > 1e-3 {
      flags.append(
        AttackFlag(
          .trainMode, "the logits of \(count) images change by \(Float(moved)) in other company"))
    }
    return flags
  }

  private static let passes = 5

  /// The largest change relative to the largest magnitude.
  private static func change(_ a: [Double], _ b: [Double]) -> Double {
    guard a.count == b.count else { return .infinity }
    let scale = a.map { abs($0) }.max() ?? 0
    let change = zip(a, b).map { abs($0 - $1) }.max() ?? 0
    return scale > 0 ? change / scale : change
  }

  // MARK: Inputs

  /// `quantised_input`, from one gradient and four passes over sixteen images.
  ///
  /// On the 8-bit lattice, a quarter of a level either way leaves the loss of most samples exactly or
  /// nearly where it is, although the gradient promises a change, or two levels make one.
  package func inputFlags(_ images: Tensor) throws -> [AttackFlag] {
    let count = min(16, images.shape[0])
    guard count > 0 else { return [] }
    let part = try images.narrowed(0, start: 0, length: count)
    let lattice = try hold((part * 255.0).round() / 255.0)
    let (values, gradient) = try loss(lattice, true)
    let slopes = try gradient.map { try RowScale.sizes(.sum, of: $0) } ?? values.map { _ in 0 }
    // Along the gradient's signs; where there is none, along random ones.
    let direction = try Self.direction(gradient, like: lattice, slopes)
    let quarter = 1.0 / 1020
    func shifted(_ length: Double) throws -> [Double] {
      try loss(hold((lattice + direction * length).clamped(0, 1)), false).values
    }
    let (up, down) = (try shifted(quarter), try shifted(-quarter))
    let far = try shifted(8 * quarter)
    var (eligible, still) = (0, 0)
    for index in values.indices {
      let resolution = 1e-5 * max(1, abs(values[index]))
      let moved = max(abs(up[index] - values[index]), abs(down[index] - values[index]))
      let promised = slopes[index] * quarter
      let isPromised = promised > resolution
      guard isPromised || abs(far[index] - values[index]) > resolution else { continue }
      eligible += 1
      still += isPromised ? (moved < 0.01 * promised ? 1 : 0) : (moved == 0 ? 1 : 0)
    }
    guard eligible > 0, 2 * still > eligible else { return [] }
    return [
      AttackFlag(
        .quantisedInput,
        "changes of 1/1020 move nothing for \(still) of \(eligible) images that larger ones move")
    ]
  }

  private static func direction(
    _ gradient: Tensor?, like images: Tensor, _ slopes: [Double]
  ) throws -> Tensor {
    var stream = RandomSource(seed: 0).stream(.probe)
    let random = try Tensor.randomNormal(images.shape, stream: &stream, dtype: images.dtype).sign()
    guard let gradient else { return random }
    let isFlat = try Tensor(
      slopes.map { $0 == 0 ? Int64(1) : 0 }, shape: [slopes.count, 1, 1, 1])
    return try Tensor.select(isFlat, random, gradient.sign())
  }
}
