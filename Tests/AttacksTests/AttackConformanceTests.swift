import Attacks
import Diagnostics
import Tensors
import Testing

/// Every attack with a budget against every requirement, over norms, models and element types.
@Suite struct AttackConformanceTests {
  static let table = Combination.table(AttackCase.all)

  @Test("I1, I2: budget and range at every point", arguments: table)
  func budgetAndRange(_ row: Combination) throws {
    #expect(try Conformance(row: row).budgetAndRange() == [])
  }

  @Test("I3: eps = 0 is the identity", arguments: table)
  func zeroBudget(_ row: Combination) throws {
    #expect(try Conformance(row: row).zeroBudget() == [])
  }

  @Test("I6: success is that of the image alone", arguments: table)
  func successAlone(_ row: Combination) throws {
    #expect(try Conformance(row: row).successAlone() == [])
  }

  @Test("I9: the best point comes back", arguments: table)
  func bestPoint(_ row: Combination) throws {
    #expect(try Conformance(row: row).bestPoint() == [])
  }

  @Test("I10: more restarts never help the defender", arguments: table)
  func restarts(_ row: Combination) throws {
    #expect(try Conformance(row: row).restarts() == [])
  }

  @Test("I11, I18, B14, B17: samples are independent", arguments: table)
  func independence(_ row: Combination) throws {
    #expect(try Conformance(row: row).independence() == [])
  }

  @Test("I12: seeds", arguments: table)
  func seeds(_ row: Combination) throws {
    #expect(try Conformance(row: row).seeds() == [])
  }

  @Test("I13, I14: nothing passed in changes", arguments: table)
  func inputsUntouched(_ row: Combination) throws {
    #expect(try Conformance(row: row).inputsUntouched() == [])
  }

  @Test("I16, B12, B13: zero and tiny gradients", arguments: table)
  func zeroAndTinyGradients(_ row: Combination) throws {
    #expect(try Conformance(row: row).zeroAndTinyGradients() == [])
  }

  @Test("I22: shifted logits", arguments: table)
  func shiftedLogits(_ row: Combination) throws {
    #expect(try Conformance(row: row).shiftedLogits() == [])
  }

  @Test("I25: counters", arguments: table)
  func counters(_ row: Combination) throws {
    #expect(try Conformance(row: row).counters() == [])
  }

  @Test("I4: projections", arguments: table)
  func projection(_ row: Combination) throws {
    #expect(try Conformance(row: row).projection() == [])
  }

  @Test("I7: wrong when clean", arguments: table)
  func wrongWhenClean(_ row: Combination) throws {
    #expect(try Conformance(row: row).wrongWhenClean() == [])
  }

  @Test("I17: what is not a number is an error", arguments: table)
  func notANumber(_ row: Combination) throws {
    #expect(try Conformance(row: row).notANumber() == [])
  }

  @Test("the attack attacks", arguments: table)
  func raisesLoss(_ row: Combination) throws {
    #expect(try Conformance(row: row).raisesLoss() == [])
  }
}

/// The checks must catch seeded wrong variants: a gate that cannot fail proves nothing.
@Suite struct NegativeControlTests {
  /// A variant, and the check that must object.
  struct Control: CustomTestStringConvertible, @unchecked Sendable {
    var id: String
    var attack: any FixedBudgetAttack
    var norm = Norm.linf
    var check: (Conformance) throws -> [String]
    var testDescription: String { id }
  }

  static let controls = [
    Control(id: "the identity raises no loss", attack: Broken(.identity)) {
      try $0.raisesLoss()
    },
    Control(id: "plain float32 bounds exceed the budget", attack: Broken(.plainClamp)) {
      try $0.budgetAndRange()
    },
    Control(id: "no clip to the box (B05)", attack: Broken(.noBox)) { try $0.budgetAndRange() },
    Control(id: "a ball around the last iterate (B06)", attack: Broken(.drifting)) {
      try $0.budgetAndRange()
    },
    Control(id: "momentum over the whole batch (B14)", attack: Broken(.batchMomentum)) {
      try $0.independence()
    },
    Control(id: "0/0 in the gradient's norm (B13)", attack: Broken(.unguardedNorm), norm: .l2) {
      try $0.zeroAndTinyGradients()
    },
    Control(id: "a guard that dominates (B12)", attack: Broken(.dominatingGuard), norm: .l2) {
      try $0.zeroAndTinyGradients()
    },
    Control(id: "the last point for the best (B24)", attack: Broken(.overshoots)) {
      try $0.bestPoint(keep: .last)
    },
    Control(id: "one stream for all samples", attack: Broken(.sharedStream)) {
      try $0.independence()
    },
  ]

  @Test("B58: what is known to be wrong is caught by the check made for it", arguments: controls)
  func isCaught(_ control: Control) throws {
    let rows = Combination.table([
      AttackCase(id: control.id, attack: control.attack, norms: [control.norm])
    ]).filter { $0.dtype == .float32 }
    #expect(try rows.contains { try !control.check(Conformance(row: $0)).isEmpty })
  }

  private static func failing(
    _ id: String, _ check: @escaping (Conformance) throws -> [String]
  ) -> Control {
    Control(id: id, attack: Broken(.fails), check: check)
  }

  /// Every check that needs the search to run; `notANumber` wants an error anyway.
  static let failing: [Control] = [
    failing("budgetAndRange") { try $0.budgetAndRange() },
    failing("successAlone") { try $0.successAlone() },
    failing("bestPoint") { try $0.bestPoint() }, failing("restarts") { try $0.restarts() },
    failing("independence") { try $0.independence() }, failing("seeds") { try $0.seeds() },
    failing("inputsUntouched") { try $0.inputsUntouched() },
    failing("zeroAndTinyGradients") { try $0.zeroAndTinyGradients() },
    failing("shiftedLogits") { try $0.shiftedLogits() },
    failing("counters") { try $0.counters() },
    failing("wrongWhenClean") { try $0.wrongWhenClean() },
    failing("raisesLoss") { try $0.raisesLoss() },
  ]

  @Test("B58: no check passes an attack that cannot run", arguments: failing)
  func errorsArePassedOn(_ control: Control) throws {
    let row = AttackCase(id: control.id, attack: control.attack, norms: [control.norm])
    for combination in Combination.table([row]) {
      var isNoticed = false
      do { isNoticed = try !control.check(Conformance(row: combination)).isEmpty } catch {
        isNoticed = "\(error)".contains("it cannot run")
      }
      #expect(isNoticed, "\(combination)")
    }
  }
}

/// Attacks with one known defect each.
struct Broken: FixedBudgetAttack {
  static var parameters: [Parameter<Self>] { [] }
  enum Defect {
    case identity, plainClamp, noBox, drifting, batchMomentum, unguardedNorm, dominatingGuard
    case overshoots, sharedStream
    /// Goes far beyond the budget: whatever an oracle calls robust falls.
    case overstated
    /// Throws at its first step.
    case fails
  }
  var defect: Defect
  init(_ defect: Defect) { self.defect = defect }

  var name: String { "broken" }
  var plannedVisits: Int { 4 }
  func check(_ settings: AttackSettings) throws {}

  func perturb(_ search: PixelSearch) throws {
    let (ball, epsilon) = (search.ball, search.settings.threat.budget.epsilon)
    let clean = ball.clean
    if defect == .fails { throw KilpiError("it cannot run") }
    var point = clean
    if defect == .sharedStream {
      var stream = RandomSource(seed: search.settings.search.seed).stream(.attackStart)
      let noise = try Tensor.random(clean.shape, stream: &stream, dtype: clean.dtype)
      point = try ball.projected(clean + (noise - 0.5) * epsilon)
    }
    for _ in 0..<4 where defect != .identity {
      guard let g = try search.visit(point).gradient else { return }
      switch defect {
      case .identity, .fails: break
      case .plainClamp:
        let bounded = try (point + g.sign() * epsilon)
          .maximum(clean - epsilon).minimum(clean + epsilon)
        point = try bounded.clamped(0, 1)
      case .noBox: point = try clean + g.sign() * epsilon
      case .drifting: point = try (point + g.sign() * epsilon).clamped(0, 1)
      case .batchMomentum:
        let share = try g / g.abs().mean()
        point = try ball.projected(point + share * (epsilon / 4))
      case .unguardedNorm, .dominatingGuard:
        let guardTerm = defect == .unguardedNorm ? 0 : 1e-8
        let norms = try g.square().sum(axes: [1, 2, 3], keepDimensions: true).sqrt() + guardTerm
        point = try ball.projected(point + g / norms * (epsilon / 2))
      case .overstated: point = try (point + g.sign() * 0.5).clamped(0, 1)
      case .overshoots, .sharedStream:
        point = try ball.stepped(point, along: g, by: epsilon)
      }
    }
    if defect == .overshoots { point = clean }
    try search.finish(point)
  }
}
