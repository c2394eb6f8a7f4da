import Diagnostics
import Images
import Tensors
import TestSupport
import Testing

/// The budget holds in the file: `|x' - x| <= eps` in double precision, on what is read back (I5).
@Suite struct AdversarialImageTests {
  struct Case: CustomTestStringConvertible, Sendable {
    let epsilon: Double
    let bits: Int
    let onLevels: Bool
    let seed: UInt64
    var testDescription: String {
      "eps \(epsilon), \(bits) bits, \(onLevels ? "levels" : "any values"), seed \(seed)"
    }
  }

  static let cases: [Case] = {
    let budgets: [Double] = [1.0 / 255, 2.0 / 255, 4.0 / 255, 8.0 / 255, 0.031, 0.1, 1, 0]
    var cases: [Case] = []
    for epsilon in budgets {
      for bits in [8, 16] {
        for seed: UInt64 in [1, 2, 3] {
          cases.append(Case(epsilon: epsilon, bits: bits, onLevels: true, seed: seed))
        }
      }
    }
    return cases
  }()

  /// A clean image and one that uses the whole budget, to the last bit of float32 and a little more.
  static func pair(_ row: Case) throws -> (clean: Tensor, adversarial: Tensor) {
    let image = try noise(24, 17, seed: row.seed)
    var clean = try image.tensor().floats()
    var stream = RandomSource(seed: row.seed).stream(.script)
    if !row.onLevels { clean = clean.map { _ in Float(stream.uniform()) } }
    let adversarial = clean.map { value -> Float in
      let sign: Float = stream.uniform() < 0.5 ? -1 : 1
      let step = stream.uniform() < 0.7 ? 1 : Float(stream.uniform())
      return min(max(value + sign * step * Float(row.epsilon), 0), 1)
    }
    return try (
      Tensor(clean, shape: [3, 17, 24]), Tensor(adversarial, shape: [3, 17, 24])
    )
  }

  @Test("B30: the budget holds in the file, whose levels are rounded", arguments: cases)
  func budgetHolds(_ row: Case) throws {
    let (clean, adversarial) = try Self.pair(row)
    try withTemporaryDirectory { folder in
      let path = folder + "/adv.png"
      let report = try AdversarialImageFile.save(
        adversarial: adversarial, clean: clean, epsilon: row.epsilon, bits: row.bits, path: path)
      let saved =
        try row.bits == 8 ? ImageFile.load(path).tensor() : ImageFile.loadDeep(path).tensor()
      #expect(try saved.floats() == report.reloaded.floats())
      let values = try saved.doubles()
      let origin = try clean.doubles()
      let wanted = try adversarial.doubles()
      let level = row.bits == 8 ? 1.0 / 255 : 1.0 / 65_535
      #expect(zip(values, origin).allSatisfy { abs($0 - $1) <= row.epsilon })
      #expect(values.allSatisfy { $0 >= 0 && $0 <= 1 })
      // Not more is given up than the level that the budget forbids (and float32's own rounding).
      #expect(zip(values, wanted).allSatisfy { abs($0 - $1) <= level + 1e-7 })
      // Where the budget forbids nothing it is the nearest level.
      for (value, (wanted, clean)) in zip(values, zip(wanted, origin)) {
        let nearest = (wanted / level).rounded() * level
        let isTie = abs(abs(wanted - nearest) - level / 2) < 1e-6
        guard !isTie, abs(nearest - clean) < row.epsilon - 1e-6 else { continue }
        #expect(abs(value - nearest) < 1e-7)
      }
      #expect(report.saved == ImageDistances(values, origin))
      if row.epsilon == 0 { #expect(values == origin) }
      if row.epsilon >= 1.0 / 255 { #expect(report.changedValues > 0) }
      #expect(try report.eightBitView.floats() == ImageFile.load(path).tensor().floats())
    }
  }

  /// Clean values between the levels: 16 bits hold every budget above half of a level.
  @Test(arguments: [1.0 / 255, 0.031, 0.001])
  func offLevels(_ epsilon: Double) throws {
    let row = Case(epsilon: epsilon, bits: 16, onLevels: false, seed: 7)
    let (clean, adversarial) = try Self.pair(row)
    try withTemporaryDirectory { folder in
      let report = try AdversarialImageFile.save(
        adversarial: adversarial, clean: clean, epsilon: epsilon, bits: 16,
        path: folder + "/a.png")
      #expect(report.saved.linf <= epsilon)
      #expect(report.saved.linf > 0.9 * epsilon)
    }
  }

  @Test func smallBudgetsSaySo() throws {
    let row = Case(epsilon: 0.5 / 255, bits: 8, onLevels: true, seed: 1)
    let (clean, adversarial) = try Self.pair(row)
    try withTemporaryDirectory { folder in
      let report = try AdversarialImageFile.save(
        adversarial: adversarial, clean: clean, epsilon: row.epsilon, path: folder + "/a.png")
      #expect(report.changedValues == 0)
      #expect(report.warnings.count == 1)
      #expect(try report.reloaded.floats() == clean.floats())
    }
  }

  struct Refused: CustomTestStringConvertible, Sendable {
    var adversarial = 0.5
    var epsilon = 0.1
    var bits = 8
    var path = "a.png"
    let problem: String
    var testDescription: String { problem }
  }

  static let refusals: [Refused] = [
    Refused(epsilon: 0.001, problem: "no 8-bit level lies within eps 0.001"),
    Refused(adversarial: 0.9, problem: "the adversarial image lies 0.399999"),
    Refused(epsilon: 8, problem: "eps is 8.0, outside 0 … 1"),
    Refused(epsilon: .nan, problem: "eps is nan, outside 0 … 1"),
    Refused(bits: 12, problem: "bits is 12, not 8 or 16"),
    Refused(path: "a.jpg", problem: "'a.jpg' is no PNG"),
    Refused(adversarial: 1.5, epsilon: 1, problem: "the image's values lie in 1.5 … 1.5"),
  ]

  @Test(arguments: refusals)
  func refused(_ row: Refused) throws {
    do {
      _ = try AdversarialImageFile.save(
        adversarial: Tensor.full([3, 1, 1], row.adversarial), clean: Tensor.full([3, 1, 1], 0.5),
        epsilon: row.epsilon, bits: row.bits, path: row.path)
      Issue.record("accepted")
    } catch let error as KilpiError {
      #expect(error.problem.hasPrefix(row.problem), "\(error)")
    }
  }
}
