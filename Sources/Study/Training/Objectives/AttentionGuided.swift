package import Attacks
internal import ClipModels
internal import Diagnostics
internal import Tensors

/// Text-guided attention, `tga-zsr` (arXiv:2410.21802):
/// `CE(Z(x'), y) + α·mean_i ‖A(x'_i) − A₀(x_i)‖₂ + β·mean_i ‖A(x_i) − A₀(x_i)‖₂`.
///
/// `A(x)`: cosines of the patch tokens, behind the last norm and the projection, with the text of the
/// true class; scaled to 0 … 1 in each image (a flat map is 0), brought from `side × side` to the input's
/// size by linear interpolation, as a vector. `A₀` is of the model that the run began with.
///
/// `comp-tga` (arXiv:2603.18598) takes `A·(1 − Ā)` in place of `A`, `Ā` the map of the mean over the other
/// classes' texts.
package struct AttentionGuided: TrainingObjective {
  let isComplementary: Bool
  /// `α`: weight of the maps of adversarial images.
  package var adversarialWeight: Double
  /// `β`: weight of the maps of clean images.
  package var cleanWeight: Double

  package init(isComplementary: Bool = false) {
    self.isComplementary = isComplementary
    (adversarialWeight, cleanWeight) = isComplementary ? (0.10, 0.07) : (0.08, 0.05)
  }

  package var name: String { isComplementary ? "comp-tga" : "tga-zsr" }
  package var summary: String {
    isComplementary
      ? "tga-zsr with maps of the class against all others (arXiv:2603.18598)"
      : "tecoa with attention maps held to those before (TGA-ZSR, arXiv:2410.21802)"
  }
  package var features: [Feature] {
    [
      .images.patches, .images.adversarial, .images.adversarial.patches, .images.patches.original,
      .classes, .classes.original,
    ]
  }

  package static var parameters: [Parameter<AttentionGuided>] {
    [
      Parameter(
        "adversarial_weight", \.adversarialWeight, .within(0...1e6),
        "weight of the maps of adversarial images"),
      Parameter(
        "clean_weight", \.cleanWeight, .within(0...1e6), "weight of the maps of clean images"),
    ]
  }

  package func publish(_ plan: inout TrainingPlan) { plan.publishVisual(rate: 1e-4, batch: 128) }

  package func terms(_ batch: ObjectiveBatch) throws -> [LossTerm] {
    let labels = try batch.requiredLabels()
    func map(_ patches: Feature) throws -> Tensor {
      let classes = try batch.unit(patches.isOriginal ? .classes.original : .classes)
      return try AttentionMap(side: batch.model.configuration.imageSize, isComplementary)(
        batch.raw(patches), classes: classes, labels: labels)
    }
    let original = try map(.images.patches.original)
    func distance(_ patches: Feature) throws -> Tensor {
      try (map(patches) - original).norm(axes: [1]).mean()
    }
    return [
      LossTerm("image", try batch.classEntropy(.images.adversarial)),
      LossTerm("attention", weight: adversarialWeight, try distance(.images.adversarial.patches)),
      LossTerm("attention_clean", weight: cleanWeight, try distance(.images.patches)),
    ]
  }
}

/// Maps of patches by their likeness to a text, `[B, side²]`.
struct AttentionMap {
  private let side: Int
  private let isComplementary: Bool

  init(side: Int, _ isComplementary: Bool = false) {
    (self.side, self.isComplementary) = (side, isComplementary)
  }

  /// - Parameters:
  ///   - patches: `[B, T, D]`, `T` a square number.
  ///   - classes: `[C, D]`, normalised.
  ///   - labels: int64 `[B]`.
  func callAsFunction(_ patches: Tensor, classes: Tensor, labels: Tensor) throws -> Tensor {
    let (samples, tokens) = (patches.shape[0], patches.shape[1])
    let edge = Int(clamped: Double(tokens).squareRoot().rounded())
    guard edge * edge == tokens else {
      throw KilpiError("the image tower has \(tokens) patches, which make no square map")
    }
    let unit = try patches.normalized()
    let own = try classes.indexSelected(0, labels)
    let map = try scaled(likeness(unit, own), samples, tokens)
    guard isComplementary, classes.shape[0] > 1 else { return try enlarged(map, samples, edge) }
    let count = Double(classes.shape[0])
    let others = try (classes.sum(axes: [0], keepDimensions: true) - own) / (count - 1)
    let rest = try scaled(likeness(unit, others.normalized()), samples, tokens)
    return try enlarged(map * (1 - rest), samples, edge)
  }

  private func likeness(_ patches: Tensor, _ texts: Tensor) throws -> Tensor {
    try patches.matmul(texts.unsqueezed(2)).squeezed(2)
  }

  /// Each row to 0 … 1; a flat one to 0.
  private func scaled(_ map: Tensor, _ samples: Int, _ tokens: Int) throws -> Tensor {
    let low = try map.min(axis: 1, keepDimensions: true).values
    let width = try map.max(axis: 1, keepDimensions: true).values - low
    let zero = try Tensor.scalar(0, map.dtype)
    let isFlat = try width.equal(zero)
    let safe = try Tensor.select(isFlat, Tensor.scalar(1, map.dtype), width)
    return try (map - low) / safe
  }

  /// `[B, edge²]` to `[B, side²]`, linearly with half-pixel centres and repeated edges.
  private func enlarged(_ map: Tensor, _ samples: Int, _ edge: Int) throws -> Tensor {
    let weights = try Self.weights(from: edge, to: side, map.dtype)
    let rows = try map.reshaped([samples, edge, edge]).matmul(weights.transposed())
    return try weights.matmul(rows).reshaped([samples, side * side])
  }

  /// The matrix `[to, from]` of linear interpolation.
  static func weights(from n: Int, to m: Int, _ dtype: DType) throws -> Tensor {
    var values = [Double](repeating: 0, count: n * m)
    for row in 0..<m {
      let centre = max((Double(row) + 0.5) * Double(n) / Double(m) - 0.5, 0)
      let first = min(Int(clamped: centre.rounded(.down)), n - 1)
      let second = min(first + 1, n - 1)
      let share = centre - Double(first)
      values[row * n + first] += 1 - share
      values[row * n + second] += share
    }
    return try Tensor(values, shape: [m, n]).converted(to: dtype)
  }
}
