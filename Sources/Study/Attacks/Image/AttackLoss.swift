internal import Diagnostics
package import Tensors

/// One value a sample, `[n]`, that an attack increases; `rows` says which samples of the call's
/// batch the images are, since samples may have left it, and `pass` whether a step asks.
package typealias SampleLoss = (
  _ images: Tensor, _ rows: [Int], _ pass: ModelPass
) throws -> Tensor

/// One value a sample, `[n]`, from logits `[n, classes]` and int64 classes `[n]`.
package typealias LogitLoss = (_ logits: Tensor, _ classes: Tensor) throws -> Tensor

/// What an attack on a classifier increases, per sample.
package enum AttackLoss {
  /// Cross-entropy of the label; for targets, minus that of the target.
  case crossEntropy
  /// `max_{c≠y} z_c − z_y`, at most `clamp` when given; for targets, `z_t − max_{c≠t} z_c`.
  case margin(clamp: Double?)
  /// Difference of logits ratio, `−(z_y − max_{i≠y} z_i) / (z_π1 − z_π3 + 1e-12)`; for targets,
  /// `−(z_y − z_t) / (z_π1 − (z_π3 + z_π4) / 2 + 1e-12)` (arXiv:2003.01690). Where the label is the
  /// third logit the sample is broken already, and the value is flat.
  case dlr
  /// The targeted difference of logits ratio also in an untargeted attack, where it pulls towards the
  /// strongest other class, unless the attack takes one class after another.
  case targetedDLR
  /// A function of one's own, always increased; in a targeted attack it gets the targets.
  case custom(LogitLoss)

  /// A loss by its name in scripts.
  ///
  /// - Throws: `KilpiError` that offers the nearest name.
  package static func named(_ name: String) throws -> AttackLoss {
    guard let loss = named.first(where: { $0.name == name }) else {
      let names = named.map { "\"\($0.name)\"" }.joined(separator: ", ")
      throw KilpiError(
        "unknown loss '\(name.prefix(40))'", advice: "losses are \(names), or a function")
    }
    return loss
  }

  /// The losses that have names in scripts.
  package static var named: [AttackLoss] {
    [.crossEntropy, .margin(clamp: nil), .dlr, .targetedDLR]
  }

  /// Its name in scripts and records.
  package var name: String {
    switch self {
    case .crossEntropy: return "ce"
    case .margin: return "margin"
    case .dlr: return "dlr"
    case .targetedDLR: return "dlr-targeted"
    case .custom: return "custom"
    }
  }

  /// Classes that the loss needs.
  func fewestClasses(isTargeted: Bool) -> Int {
    switch self {
    case .dlr: return isTargeted ? 4 : 3
    case .targetedDLR: return 4
    default: return 2
    }
  }

  /// The loss of each row, `[n]`.
  func values(logits: Tensor, labels: Tensor, targets: Tensor?) throws -> Tensor {
    let aim = targets ?? labels
    switch self {
    case .crossEntropy:
      let entropy = try Tensor.crossEntropy(logits: logits, labels: aim, reduction: .none)
      return targets == nil ? entropy : try -entropy
    case .margin(let clamp):
      let gap = try Self.gap(logits, aim)
      let value = targets == nil ? gap : try -gap
      return try clamp.map { try value.clamped(nil, $0) } ?? value
    case .dlr where targets == nil:
      let ranked = try logits.topK(3).values
      return try Self.gap(logits, labels) / (ranked.selected(1, 0) - ranked.selected(1, 2) + 1e-12)
    case .dlr, .targetedDLR:
      let ranked = try logits.topK(4).values
      let middle = try (ranked.selected(1, 2) + ranked.selected(1, 3)) * 0.5
      let scale = try ranked.selected(1, 0) - middle + 1e-12
      guard let targets else { return try Self.gap(logits, labels) / scale }
      return try (Self.picked(logits, targets) - Self.picked(logits, labels)) / scale
    case .custom(let function):
      return try function(logits, aim)
    }
  }

  /// `max_{c≠y} z_c − z_y`; the own class is masked with −∞, not with a product.
  private static func gap(_ logits: Tensor, _ classes: Tensor) throws -> Tensor {
    let count = logits.shape[1]
    let numbers = try Tensor((0..<Int64(count)).map { $0 }, shape: [1, count])
    let own = try classes.unsqueezed(1).equal(numbers)
    let others = try Tensor.select(own, Tensor.scalar(-.infinity, logits.dtype), logits)
    return try others.max(axis: 1).values - picked(logits, classes)
  }

  private static func picked(_ logits: Tensor, _ classes: Tensor) throws -> Tensor {
    try logits.gathered(1, classes.unsqueezed(1)).squeezed(1)
  }
}
