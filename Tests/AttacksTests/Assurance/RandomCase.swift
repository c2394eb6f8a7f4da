import Attacks
import Tensors

/// A random case of the property tests: a check and a combination, written as one line of text so that
/// it can be repeated.
struct RandomCase: PropertyCase {
  var check: Conformance.Check
  var row: Combination

  /// Draws the case of a number: attacks take turns, and so do checks; all else is random.
  init(_ index: Int, seed: UInt64, attacks: [AttackCase]) {
    var stream = RandomSource(seed: seed).stream(.probe, sample: UInt64(index))
    func pick<T>(_ list: [T]) -> T { list[stream.integer(below: list.count)] }
    let attack = attacks[index % attacks.count]
    let turn = index / attacks.count % Conformance.checks.count
    check = Conformance.checks[turn]
    // An attack that is no good on linear models is not asked to move there.
    if check.isLinearOnly, !(attack.kinds?.contains(.linear) ?? true) {
      check = Conformance.checks[0]
    }
    // Copies that lie in the ball by chance look like points that were visited.
    if check.id == "I9", attack.showsCopies { check = Conformance.checks[0] }
    let kind: ToyModel.Kind = check.isLinearOnly ? .linear : pick([.linear, .relu, .gelu])
    let shape = pick([
      [1, 1, 3], [1, 2, 2], [3, 2, 2], [3, 3, 2], [1, 5, 5], [3, 4, 4], [1, 8, 8],
    ])
    var model = ToyModel(
      kind: kind, shape: shape, classes: 2 + stream.integer(below: 9),
      hidden: 2 + stream.integer(below: 10), seed: stream.next() >> 32,
      pixels: pick(ToyModel.Pixels.allCases))
    // With more classes the gradient turns on the way, and a single step can lose.
    if check.isLinearOnly { model.classes = 2 }
    let norm = pick(attack.norms)
    let scale = stream.uniform()
    let epsilon: Double
    switch norm {
    case .linf: epsilon = pick([1.0 / 255, 2.0 / 255, 8.0 / 255, 0.031, 0.1, 0.3 * scale])
    case .l2: epsilon = pick([0.05, 0.3, 1, 2 * scale])
    case .l1: epsilon = pick([0.3, 1, 3, 8 * scale])
    }
    row = Combination(
      attack: attack, norm: norm, model: model, dtype: pick([.float32, .float64]),
      epsilon: max(epsilon, 1e-4), seed: stream.next() >> 32,
      count: pick([1, 2, 7, 16, 33]))
    // What is fixed in the checks that compare two batches of different sizes.
    if check.id == "moves" { row.count = 6 }
  }

  /// What is violated; a model with too few classes for the attack's loss is refused, which is right.
  func violations() throws -> [String] { try check.run(Conformance(row: row)) }

  var attackID: String { row.attack.id }

  // MARK: As text

  /// The case in one line, which `init(text:)` reads.
  var description: String {
    let model = row.model
    return [
      check.id, row.attack.id, row.norm.rawValue, model.kind.rawValue,
      model.shape.map(String.init).joined(separator: "x"), String(model.classes),
      String(model.hidden), String(model.seed), model.pixels.rawValue, row.dtype.rawValue,
      "\(row.epsilon ?? 0)", String(row.seed), String(row.count ?? 0),
    ].joined(separator: "|")
  }

  /// Reads a case; nil when a field is unknown.
  init?(text: String, attacks: [AttackCase] = AttackCase.all) {
    let parts = text.split(separator: "|").map(String.init)
    guard parts.count == 13, let check = Conformance.checks.first(where: { $0.id == parts[0] }),
      let attack = attacks.first(where: { $0.id == parts[1] }), let norm = Norm(rawValue: parts[2]),
      let kind = ToyModel.Kind(rawValue: parts[3]), let classes = Int(parts[5]),
      let hidden = Int(parts[6]), let modelSeed = UInt64(parts[7]),
      let pixels = ToyModel.Pixels(rawValue: parts[8]), let dtype = DType(rawValue: parts[9]),
      let epsilon = Double(parts[10]), let seed = UInt64(parts[11]), let count = Int(parts[12])
    else { return nil }
    let shape = parts[4].split(separator: "x").compactMap { Int($0) }
    guard shape.count == 3 else { return nil }
    self.check = check
    row = Combination(
      attack: attack, norm: norm,
      model: ToyModel(
        kind: kind, shape: shape, classes: classes, hidden: hidden, seed: modelSeed, pixels: pixels),
      dtype: dtype, epsilon: epsilon, seed: seed, count: count)
  }

  // MARK: Shrinking

  var simpler: [any PropertyCase] {
    func changed(_ change: (inout Combination) -> Void) -> RandomCase {
      var copy = self
      change(&copy.row)
      return copy
    }
    let usual = row.norm == .linf ? 8.0 / 255 : 0.5
    return [
      changed {
        $0.dtype = .float32
        $0.model.kind = .linear
        $0.model.pixels = .uniform
        $0.model.shape = [1, 1, 3]
        $0.model.classes = 4
        $0.count = 1
      },
      changed { $0.model.kind = .linear }, changed { $0.count = 1 }, changed { $0.count = 2 },
      changed { $0.model.shape = [1, 1, 3] }, changed { $0.model.shape = [1, 2, 2] },
      changed { $0.model.classes = 4 }, changed { $0.dtype = .float32 },
      changed { $0.model.pixels = .uniform }, changed { $0.epsilon = usual },
    ]
  }
}
