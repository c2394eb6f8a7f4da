internal import Diagnostics
public import Tensors

/// Moves weights along their gradients.
///
/// What it keeps for each weight is its state, by slot and weight, so that checkpoints hold any of them
/// in one form.
public protocol Optimizer: AnyObject {
  /// Names and tensors that are trained.
  var parameters: [(name: String, tensor: Tensor)] { get }
  /// Steps taken.
  var step: Int { get }
  /// What is kept for each weight: the weight's name in each slot.
  var state: [String: [String: Tensor]] { get }

  /// Moves every weight along `scale` times its gradient, in the order of `parameters`.
  ///
  /// - Throws: `KilpiError` when there are not as many gradients as weights.
  func update(gradients: [Tensor], scale: Double, learningRate: Double) throws

  /// Puts the optimiser where a checkpoint left it.
  ///
  /// - Throws: `KilpiError` when a slot lacks a weight, or holds one of another shape.
  func restore(step: Int, state: [String: [String: Tensor]]) throws
}

extension Optimizer {
  /// The slots of a checkpoint as copies, in the form of `state`.
  func checked(_ saved: [String: [String: Tensor]]) throws -> [String: [String: Tensor]] {
    var result: [String: [String: Tensor]] = [:]
    for slot in state.keys {
      var own: [String: Tensor] = [:]
      for (name, tensor) in parameters {
        guard let value = saved[slot]?[name], value.shape == tensor.shape else {
          throw KilpiError("the checkpoint lacks the optimiser's \(slot) moment of '\(name)'")
        }
        own[name] = try value.cloned()
      }
      result[slot] = own
    }
    return result
  }

  func checkCount(_ gradients: [Tensor]) throws {
    guard gradients.count == parameters.count else {
      throw KilpiError("\(gradients.count) gradients for \(parameters.count) weights")
    }
  }

  /// Zeros in the shape of every weight.
  static func zeros(_ parameters: [(name: String, tensor: Tensor)]) throws -> [String: Tensor] {
    var result: [String: Tensor] = [:]
    for (name, tensor) in parameters {
      result[name] = try Tensor.zeros(tensor.shape, tensor.dtype)
    }
    return result
  }
}

/// Stochastic gradient descent with momentum, as PyTorch has it.
///
/// `v ← μv + (g + λθ)`, `θ ← θ − lr·v`; the decay `λ` leaves out weights with one axis or none.
public final class MomentumSGD: Optimizer {
  /// Names and tensors that are trained.
  public let parameters: [(name: String, tensor: Tensor)]
  /// Steps taken.
  public private(set) var step = 0
  /// Weight of the gradients before.
  public let momentum: Double
  /// Coupled decay.
  public let weightDecay: Double
  private var velocity: [String: Tensor]

  /// Creates the optimiser at rest.
  public init(
    _ parameters: [(name: String, tensor: Tensor)], momentum: Double = 0.9, weightDecay: Double = 0
  ) throws {
    self.parameters = parameters
    self.momentum = momentum
    self.weightDecay = weightDecay
    velocity = try Self.zeros(parameters)
  }

  /// The moments, by slot and weight.
  public var state: [String: [String: Tensor]] { ["first": velocity] }

  /// Moves every weight along `scale` times its gradient, in the order of `parameters`.
  public func update(gradients: [Tensor], scale: Double, learningRate: Double) throws {
    try checkCount(gradients)
    step += 1
    try Tensor.withoutGradients {
      for ((name, tensor), gradient) in zip(parameters, gradients) {
        guard let old = velocity[name] else { continue }
        var move = scale == 1 ? gradient : try gradient * scale
        if weightDecay != 0, tensor.rank >= 2 { move = try move + tensor * weightDecay }
        let new = try old * momentum + move
        velocity[name] = new.detached()
        try tensor.assign(tensor - new * learningRate)
      }
    }
  }

  /// Puts the optimiser where a checkpoint left it.
  public func restore(step: Int, state: [String: [String: Tensor]]) throws {
    velocity = try checked(state)["first"] ?? velocity
    self.step = step
  }
}

/// The running mean of weights, `θ̄ ← d·θ̄ + (1 − d)·θ` after each step.
public final class WeightAverage {
  /// The share that stays.
  public let decay: Double
  /// The means, by name.
  public private(set) var means: [String: Tensor]

  /// Begins with the weights as they are.
  public init(_ parameters: [(name: String, tensor: Tensor)], decay: Double) throws {
    self.decay = decay
    means = Dictionary(
      uniqueKeysWithValues: try parameters.map { ($0.name, try $0.tensor.detached().cloned()) })
  }

  /// Takes in the weights of a step.
  public func update(_ parameters: [(name: String, tensor: Tensor)]) throws {
    try Tensor.withoutGradients {
      for (name, tensor) in parameters {
        guard let mean = means[name] else { continue }
        try mean.assign(mean * decay + tensor * (1 - decay))
      }
    }
  }

  /// Takes the means of a checkpoint.
  public func restore(_ saved: [String: Tensor]) throws {
    for (name, mean) in means {
      guard let value = saved[name], value.shape == mean.shape else {
        throw KilpiError("the checkpoint lacks the mean of '\(name)'")
      }
      try mean.assign(value)
    }
  }
}
