internal import Diagnostics
public import Tensors

/// Adam with decoupled weight decay (arXiv:1711.05101).
///
/// `m ← β₁m + (1−β₁)g`, `v ← β₂v + (1−β₂)g²`, `θ ← θ − lr·(λθ + m̂/(√v̂ + ε))`, with bias-corrected
/// moments; the decay leaves out weights with one axis or none (biases, norms, the logit scale).
public final class AdamW {
  /// Names and tensors that are trained.
  public let parameters: [(name: String, tensor: Tensor)]
  /// First moments, by name.
  public private(set) var first: [String: Tensor] = [:]
  /// Second moments, by name.
  public private(set) var second: [String: Tensor] = [:]
  /// Steps taken.
  public private(set) var step: Int
  /// Decay rates of the moments.
  public let betas: (Double, Double)
  /// Added to the root of the second moment.
  public let epsilon: Double
  /// Decoupled decay, per unit of learning rate.
  public let weightDecay: Double

  /// Creates the optimiser with zero moments.
  public init(
    _ parameters: [(name: String, tensor: Tensor)], betas: (Double, Double) = (0.9, 0.98),
    epsilon: Double = 1e-6, weightDecay: Double = 1e-4
  ) throws {
    self.parameters = parameters
    self.betas = betas
    self.epsilon = epsilon
    self.weightDecay = weightDecay
    step = 0
    for (name, tensor) in parameters {
      first[name] = try Tensor.zeros(tensor.shape, tensor.dtype)
      second[name] = try Tensor.zeros(tensor.shape, tensor.dtype)
    }
  }

  /// Moves every weight by `scale` times its gradient (same order as `parameters`).
  public func update(gradients: [Tensor], scale: Double = 1, learningRate: Double) throws {
    guard gradients.count == parameters.count else {
      throw KilpiError("\(gradients.count) gradients for \(parameters.count) weights")
    }
    step += 1
    let corrections = (
      1 / (1 - power(betas.0, step)), 1 / (1 - power(betas.1, step))
    )
    for ((name, tensor), gradient) in zip(parameters, gradients) {
      guard let m = first[name], let v = second[name] else { continue }
      try tensor.adamWStep(
        gradient: gradient, scale: scale, first: m, second: v, learningRate: learningRate,
        betas: betas, epsilon: epsilon, weightDecay: tensor.rank >= 2 ? weightDecay : 0,
        corrections: corrections)
    }
  }

  /// Puts the optimiser where a checkpoint left it.
  public func restore(step: Int, first: [String: Tensor], second: [String: Tensor]) throws {
    for (name, tensor) in parameters {
      guard let m = first[name], let v = second[name], m.shape == tensor.shape,
        v.shape == tensor.shape
      else { throw KilpiError("the checkpoint lacks the optimiser's moments of '\(name)'") }
      self.first[name] = try m.cloned()
      self.second[name] = try v.cloned()
    }
    self.step = step
  }

  private func power(_ base: Double, _ exponent: Int) -> Double {
    var (result, factor, rest) = (1.0, base, exponent)
    while rest > 0 {
      if rest & 1 == 1 { result *= factor }
      factor *= factor
      rest >>= 1
    }
    return result
  }
}

/// Learning rate over the steps of a run.
public enum LearningRateSchedule: String, Sendable, CaseIterable {
  /// The same rate after the warm-up.
  case constant
  /// `½(1 + cos(π·(n − W)/(N − W)))` of the rate after `W` steps of warm-up.
  case cosine

  /// Factor of the rate at step `n` (from 0) of `total`, with `warmup` steps of linear rise
  /// `(n + 1)/W` first.
  public func factor(step n: Int, total: Int, warmup: Int) -> Double {
    if n < warmup { return Double(n + 1) / Double(warmup) }
    guard self == .cosine else { return 1 }
    let progress = Double(n - warmup) / Double(Swift.max(total - warmup, 1))
    return 0.5 * (1 + cosineOf(.pi * Swift.min(progress, 1)))
  }
}
