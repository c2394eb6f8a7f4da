import Attacks
import Diagnostics
import Tensors
import Testing

/// A small model whose samples cannot influence each other: products are broadcast and summed row by
/// row, so that a batch of one gives the bits of a batch of many.
struct ToyModel: Sendable, CustomTestStringConvertible {
  enum Kind: String, Sendable { case linear, relu, gelu }
  var kind: Kind
  var shape: [Int]
  var classes: Int
  var hidden = 8
  var seed: UInt64 = 1
  var pixels = Pixels.uniform

  /// Which values images have: any, 8-bit levels, or nothing but 0 and 1.
  enum Pixels: String, Sendable, CaseIterable { case uniform, levels, corners }

  var testDescription: String { "\(kind.rawValue)-\(shape.reduce(1, *))x\(classes)" }

  /// Random weights `[rows, columns]` of the layer `index`.
  func weights(_ index: Int, _ rows: Int, _ columns: Int) -> [Double] {
    var stream = RandomSource(seed: seed).stream(.initialization, step: index)
    return (0..<rows * columns).map { _ in stream.normal() / Double(columns).squareRoot() }
  }

  /// The weights of a linear model.
  var linearWeights: [Double] { weights(0, classes, shape.reduce(1, *)) }

  static func layer(_ x: Tensor, _ weight: [Double], _ rows: Int) throws -> Tensor {
    let columns = weight.count / rows
    let matrix = try Tensor(weight, shape: [1, rows, columns]).converted(to: x.dtype)
    return try (x.reshaped([x.shape[0], 1, columns]) * matrix).sum(axes: [2])
  }

  /// The classifier; `scale` multiplies its logits.
  func classifier(scale: Double = 1) -> Classifier {
    Classifier { images in
      let flat = try images.flattened(from: 1) - 0.5
      let count = shape.reduce(1, *)
      var values: Tensor
      switch kind {
      case .linear: values = try Self.layer(flat, linearWeights, classes)
      case .relu, .gelu:
        let middle = try Self.layer(flat, weights(0, hidden, count), hidden) + 0.05
        let active = kind == .relu ? try middle.relu() : try (middle * 4.0).gelu()
        values = try Self.layer(active, weights(1, classes, hidden), classes)
      }
      if scale != 1 { values = try values * scale }
      return values
    }
  }

  /// `count` images and labels; most are classified right, a few are wrong when clean.
  func samples(_ count: Int, _ dtype: DType = .float32, margin: Double = 0) throws -> (
    images: Tensor, labels: [Int]
  ) {
    var stream = RandomSource(seed: seed).stream(.subset)
    var values = (0..<count * shape.reduce(1, *)).map { _ in
      let value = margin + (1 - 2 * margin) * stream.uniform()
      switch pixels {
      case .uniform: return value
      case .levels: return Double(Float((value * 255).rounded()) / 255)
      case .corners: return margin > 0 ? value : value.rounded()
      }
    }
    if margin == 0, pixels == .uniform, values.count > 4 {
      (values[0], values[1], values[2]) = (0, 1, 1e-40)
    }
    let images = try Tensor(values, shape: [count] + shape).converted(to: dtype)
    var labels = try classifier()(images).argmax(axis: 1).integers().map { Int($0) }
    if count > 3 { labels[3] = (labels[3] + 1) % classes }
    return (images, labels)
  }
}

/// A classifier that records what it is given and counts images.
final class Spy {
  private(set) var batches: [Tensor] = []
  private(set) var images = 0
  private let classifier: Classifier

  init(_ classifier: Classifier) { self.classifier = classifier }

  var see: Classifier {
    Classifier { [self] images in
      batches.append(try images.detached().cloned())
      self.images += images.shape[0]
      return try classifier(images)
    }
  }
}

/// Bit patterns of a tensor's elements, so that comparison is exact, zeros' signs included.
func bits(_ tensor: Tensor) throws -> [UInt64] { try tensor.doubles().map(\.bitPattern) }

/// The message of the error that `body` throws, or what it did instead.
func message(_ body: () throws -> Void) -> String {
  do {
    try body()
    return "no error"
  } catch let error as KilpiError {
    return error.description
  } catch {
    return "another error: \(error)"
  }
}

/// One row of the table of attacks.
struct AttackCase: CustomTestStringConvertible, @unchecked Sendable {
  var id: String
  var attack: any FixedBudgetAttack
  var norms: [Norm] = Norm.allCases
  /// A random start: other seeds give other bytes.
  var isRandom = false
  /// False where another loss than the settings' is followed, so that this one need not grow.
  var followsLoss = true
  /// Gradients are taken at copies too, which lie in the range, but not in the ball.
  var showsCopies = false
  /// The models that it is tried on; nil for all.
  var kinds: [ToyModel.Kind]?

  var testDescription: String { id }

  private static func copies(_ id: String, _ attack: MomentumIterative) -> AttackCase {
    AttackCase(id: id, attack: attack, showsCopies: true, kinds: [.gelu])
  }

  /// Every attack with a budget, with few steps.
  static let all: [AttackCase] = [
    AttackCase(id: "fgsm", attack: FastGradientSign()),
    AttackCase(
      id: "rfgsm", attack: RandomFastGradientSign(), norms: [.linf], isRandom: true),
    AttackCase(id: "bim", attack: BasicIterativeMethod(steps: 4)),
    AttackCase(id: "pgd", attack: ProjectedGradientDescent(steps: 4), isRandom: true),
    AttackCase(
      id: "pgd-clean-start", attack: ProjectedGradientDescent(steps: 4, startsAtRandom: false)),
    AttackCase(
      id: "pgd-momentum", attack: ProjectedGradientDescent(steps: 4, momentum: 0.9), isRandom: true),
    AttackCase(id: "mifgsm", attack: MomentumIterative(steps: 4)),
    AttackCase(id: "nifgsm", attack: MomentumIterative(steps: 4, looksAhead: true)),
    AttackCase(id: "apgd", attack: AutoProjectedGradientDescent(steps: 5), isRandom: true),
    AttackCase(
      id: "apgd-t", attack: AutoProjectedGradientDescent(steps: 5, aimsAtClasses: true),
      isRandom: true, followsLoss: false, kinds: [.gelu]),
    copies("sifgsm", MomentumIterative(steps: 4, scales: 3)),
    copies(
      "vmifgsm", MomentumIterative(steps: 4, variance: VarianceTuning(neighbours: 2))),
    copies(
      "vnifgsm",
      MomentumIterative(steps: 4, looksAhead: true, variance: VarianceTuning(neighbours: 2))),
    copies("difgsm", MomentumIterative(steps: 4, decay: 0, diversity: InputDiversity())),
    AttackCase(
      id: "tifgsm",
      attack: MomentumIterative(steps: 4, decay: 0, smoothing: GradientSmoothing(size: 3)),
      kinds: [.gelu]),
    copies(
      "ni-si-vmi-di-ti",
      MomentumIterative(
        steps: 3, looksAhead: true, scales: 2, variance: VarianceTuning(neighbours: 2),
        diversity: InputDiversity(), smoothing: GradientSmoothing(size: 3))),
    AttackCase(id: "square", attack: SquareAttack(queries: 30), isRandom: true, kinds: [.gelu]),
  ]
}

/// One row of the conformance table: an attack, a norm, a model and an element type.
struct Combination: CustomTestStringConvertible, @unchecked Sendable {
  var attack: AttackCase
  var norm: Norm
  var model: ToyModel
  var dtype: DType
  /// The budget; nil: one that float32 cannot hold exactly.
  var epsilon: Double?
  var seed: UInt64 = 5
  /// Samples; nil: as many as a check needs.
  var count: Int?

  var testDescription: String {
    "\(attack.id) \(norm.rawValue) \(model.testDescription) \(dtype.rawValue)"
  }

  /// A budget that float32 cannot hold exactly.
  var budget: Budget {
    get throws {
      switch norm {
      case .linf: return try Budget(norm, epsilon ?? 0.031)
      case .l2: return try Budget(norm, epsilon ?? 0.3)
      case .l1: return try Budget(norm, epsilon ?? 0.05)
      }
    }
  }

  func settings() throws -> AttackSettings { AttackSettings(budget: try budget, seed: seed) }

  static let models = [
    ToyModel(kind: .linear, shape: [3, 2, 2], classes: 3),
    ToyModel(kind: .relu, shape: [1, 2, 2], classes: 4),
    ToyModel(kind: .gelu, shape: [3, 3, 2], classes: 5),
  ]

  static func table(_ attacks: [AttackCase]) -> [Combination] {
    attacks.flatMap { attack in
      attack.norms.flatMap { norm in
        models.filter { attack.kinds?.contains($0.kind) ?? true }.flatMap { model in
          [DType.float32, .float64].map {
            Combination(attack: attack, norm: norm, model: model, dtype: $0)
          }
        }
      }
    }
  }
}
