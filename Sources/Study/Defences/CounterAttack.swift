package import Attacks
package import ClipModels
internal import Glibc
package import Tensors

/// Test-time counter-attack, `counterattack` (TTC, arXiv:2503.03613): the image is moved away from where it
/// stands before it is classified.
///
/// With noise `δ⁰ ~ U(−e, e)`, cut to the pixel range, `r = ‖f(x + δ⁰) − f(x)‖ / ‖f(x)‖` on the encoder's own
/// features. Where `r` is at least `threshold` the image is seen with `δ⁰`; else sign steps that increase
/// `‖f(x + δ) − f(x)‖²` give `δ¹, δ²…`, and it is seen with `Σ w_i δⁱ`, `w_i ∝ exp(sharpness · i)`.
///
/// Gradients of attacks pass straight through: `∂(x + δ)/∂x = 1`.
package struct CounterAttack: TestTimeDefence {
  /// How far it may move a pixel, in `[0, 1]` units.
  package var epsilon = 4.0 / 255
  /// Length of its steps.
  package var step = 1.0 / 255
  /// Its steps.
  package var steps = 2
  /// Features that noise moves further than this share keep the noise alone.
  package var threshold = 0.2
  /// How strongly later steps count.
  package var sharpness = 2.0
  package var seed: UInt64 = 0

  package init() {}

  package var name: String { "counterattack" }
  package var summary: String {
    "the image is moved away from its own feature first (TTC, arXiv:2503.03613)"
  }

  package static var parameters: [Parameter<CounterAttack>] {
    [
      .length("eps", \.epsilon, .within(0...1), "how far a pixel is moved at most"),
      .length("step", \.step, .above(0), "length of a step"),
      Parameter("steps", \.steps, 0...1000, "steps away from the feature"),
      Parameter(
        "threshold", \.threshold, .atLeast(0),
        "images whose feature noise moves by this share keep the noise alone"),
      Parameter("sharpness", \.sharpness, .atLeast(0), "how strongly later steps count"),
    ]
  }

  package func logits(_ images: Tensor, _ classifier: ZeroShotClassifier) throws -> Tensor {
    guard images.shape[0] > 0, epsilon > 0 else { return try classifier.logits(images) }
    let noise = try drawn(images) { stream, shape in
      try (Tensor.random(shape, stream: &stream) * 2 - 1) * epsilon
    }
    let moved = try images + counter(images.detached(), noise: noise, classifier.model)
    return try classifier.stepLogits(moved)
  }

  /// What is added to each image; a constant.
  func counter(_ images: Tensor, noise: Tensor, _ model: ClipModel) throws -> Tensor {
    let clean = try Tensor.withoutGradients { try model.encodeImage(images, normalize: false) }
    func inRange(_ delta: Tensor) throws -> Tensor {
      try (images + delta.clamped(-epsilon, epsilon)).clamped(0, 1) - images
    }
    var delta = try Tensor.withoutGradients { try inRange(noise) }
    let strays = try Tensor.withoutGradients { () -> Tensor in
      let away = try model.encodeImage(images + delta, normalize: false) - clean
      let ratio = try away.norm(axes: [1]) / clean.norm(axes: [1])
      let limit = try Tensor.scalar(threshold, ratio.dtype)
      return try ratio.less(limit).equal(Tensor.scalar(0, .int64))
    }
    // The largest weight, of the last step, is 1: none can overflow.
    let start = exp(-sharpness * Double(steps))
    var (sum, total) = (try Tensor.withoutGradients { try delta * start }, start)
    let first = delta
    for index in 0..<steps {
      let gradient = try Tensor.withGradients { () -> Tensor in
        let point = try (images + delta).detached().setRequiresGradient(true)
        let distance = try (model.encodeImage(point, normalize: false) - clean).square().sum()
        return try Tensor.gradients(of: distance, with: [point])[0]
      }
      let weight = exp(sharpness * Double(index + 1 - steps))
      try Tensor.withoutGradients {
        delta = try inRange(delta + gradient.sign() * step)
        sum = try sum + delta * weight
      }
      total += weight
    }
    let choice = try strays.reshaped([images.shape[0], 1, 1, 1])
    return try Tensor.withoutGradients { try Tensor.select(choice, first, sum / total).detached() }
  }
}
