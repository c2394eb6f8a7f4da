import Attacks
import Tensors

/// A case of the property tests that can be written down, repeated and made simpler.
protocol PropertyCase: CustomStringConvertible {
  var attackID: String { get }
  /// What is violated.
  func violations() throws -> [String]
  /// Cases that are a little simpler.
  var simpler: [any PropertyCase] { get }
}

extension PropertyCase {
  /// The simplest case that still fails: one thing after the other is made smaller while it does.
  func shrunk() -> any PropertyCase {
    var best: any PropertyCase = self
    for _ in 0..<8 {
      let next = best.simpler.first { candidate in
        candidate.description != best.description
          && !((try? candidate.violations()) ?? []).isEmpty
      }
      guard let next else { break }
      best = next
    }
    return best
  }
}

/// A random case of a minimum-norm attack.
struct RandomNearestCase: PropertyCase {
  private typealias Check = (id: String, run: @Sendable (NearestConformance) throws -> [String])

  private static let checks: [Check] = [
    ("I2", { try $0.range() }), ("I6-I7", { try $0.verdicts() }), ("I9", { try $0.nearest() }),
    ("I11", { try $0.independence() }), ("I12-I14", { try $0.inputsUntouched() }),
    ("I16", { try $0.zeroGradients() }), ("I25", { try $0.counters() }),
    ("I1-I3", { try $0.budget() }),
  ]

  var check: Int
  var row: NearestCombination

  /// Draws the case of a number.
  init(_ index: Int, seed: UInt64) {
    var stream = RandomSource(seed: seed).stream(.probe, sample: UInt64(index), restart: 1)
    func pick<T>(_ list: [T]) -> T { list[stream.integer(below: list.count)] }
    let attack = NearestCase.all[index % NearestCase.all.count]
    check = index / NearestCase.all.count % Self.checks.count
    let model = ToyModel(
      kind: pick([.linear, .relu, .gelu]),
      shape: pick([[1, 1, 3], [1, 2, 2], [3, 2, 2], [3, 4, 4]]),
      classes: 2 + stream.integer(below: 9), hidden: 2 + stream.integer(below: 10),
      seed: stream.next() >> 32, pixels: pick(ToyModel.Pixels.allCases))
    row = NearestCombination(
      attack: attack, norm: pick(attack.norms), model: model, dtype: pick([.float32, .float64]))
  }

  var attackID: String { row.attack.id }

  func violations() throws -> [String] {
    // Too few broken samples to choose a budget from is no violation.
    try Self.checks[check].run(NearestConformance(row: row)).filter { !$0.hasPrefix("only ") }
  }

  var description: String {
    let model = row.model
    return [
      "nearest", Self.checks[check].id, row.attack.id, row.norm.rawValue, model.kind.rawValue,
      model.shape.map(String.init).joined(separator: "x"), String(model.classes),
      String(model.hidden), String(model.seed), model.pixels.rawValue, row.dtype.rawValue,
    ].joined(separator: "|")
  }

  init?(text: String) {
    let parts = text.split(separator: "|").map(String.init)
    guard parts.count == 11, parts[0] == "nearest",
      let check = Self.checks.firstIndex(where: { $0.id == parts[1] }),
      let attack = NearestCase.all.first(where: { $0.id == parts[2] }),
      let norm = Norm(rawValue: parts[3]), let kind = ToyModel.Kind(rawValue: parts[4]),
      let classes = Int(parts[6]), let hidden = Int(parts[7]), let seed = UInt64(parts[8]),
      let pixels = ToyModel.Pixels(rawValue: parts[9]), let dtype = DType(rawValue: parts[10])
    else { return nil }
    let shape = parts[5].split(separator: "x").compactMap { Int($0) }
    guard shape.count == 3 else { return nil }
    self.check = check
    row = NearestCombination(
      attack: attack, norm: norm,
      model: ToyModel(
        kind: kind, shape: shape, classes: classes, hidden: hidden, seed: seed, pixels: pixels),
      dtype: dtype)
  }

  var simpler: [any PropertyCase] {
    func changed(_ change: (inout NearestCombination) -> Void) -> RandomNearestCase {
      var copy = self
      change(&copy.row)
      return copy
    }
    return [
      changed { $0.model.kind = .linear }, changed { $0.model.shape = [1, 1, 3] },
      changed { $0.model.classes = 3 }, changed { $0.dtype = .float32 },
      changed { $0.model.pixels = .uniform },
    ]
  }
}
